"""The development chain: brought up, turned forward, killed and brought up again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pekanu.chain import (
    DEVNET_CHAIN_ID,
    AnvilMissing,
    Call,
    Connection,
    Devnet,
    DevnetOptions,
    MemoryPendingStore,
    Sender,
    Unreachable,
    fetch_anvil,
    find_anvil,
)
from pekanu.chain.account import get_development_keys
from pekanu.chain.anvil import ANVIL_VERSION, INTEGRITY
from pekanu.errors import ChainError
from pekanu.types import Wei

ETHER = Wei(10**18)
ROOT = Path(__file__).resolve().parents[3]


def get_head(devnet: Devnet) -> tuple[int, int]:
    head = devnet.request("eth_getBlockByNumber", "latest", False)
    return int(head["number"], 16), int(head["timestamp"], 16)


def wait_until_saved(folder: Path) -> None:
    """The state is written once a second; wait for one that began after now."""
    path, now = folder / "anvil.json", time.time()
    deadline = time.monotonic() + 20
    while not path.exists() or path.stat().st_mtime <= now + 0.05:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)


async def test_start__when_nothing_is_asked__has_its_own_chain_and_money(devnet: Devnet) -> None:
    async with Connection.open(devnet.rpc, expected_chain_id=DEVNET_CHAIN_ID) as chain:
        assert await chain.get_balance(devnet.accounts[0].address) == 10_000 * ETHER
    assert len({account.address for account in devnet.accounts}) == 10
    assert devnet.keys == get_development_keys(10)


def test_advance_time__when_asked__turns_the_clock_and_mines(devnet: Devnet) -> None:
    number, before = get_head(devnet)

    after = devnet.advance_time(86_400)

    assert get_head(devnet) == (number + 1, after)
    assert after >= before + 86_400


def test_revert__when_the_clock_was_turned__turns_it_back(devnet: Devnet) -> None:
    head, snapshot = get_head(devnet), devnet.snapshot()
    devnet.advance_time(86_400)

    devnet.revert(snapshot)

    assert get_head(devnet) == head
    with pytest.raises(ChainError, match="no snapshot"):
        devnet.revert(snapshot)


async def test_start__when_it_was_killed__goes_on_from_its_state(tmp_path: Path) -> None:
    options = DevnetOptions(state_folder=tmp_path)
    call = Call(to=Devnet().accounts[1].address, value=ETHER)
    store = MemoryPendingStore()
    with Devnet(options) as devnet:
        async with Connection.open(devnet.rpc) as chain:
            sent = await Sender(chain, devnet.accounts[0], store).send(call, key="a")
        devnet.advance_time(5_000)
        wait_until_saved(tmp_path)
        number, timestamp = get_head(devnet)
        devnet.kill()

    with Devnet(options) as devnet:
        assert get_head(devnet) == (number, timestamp)
        async with Connection.open(devnet.rpc) as chain:
            again = await Sender(chain, devnet.accounts[0], store).send(call, key="a")
            assert again == sent
            assert await chain.get_balance(call.to or "") == 10_001 * ETHER  # type: ignore[arg-type]
        assert devnet.advance_time(1) > timestamp


def test_start__when_the_state_was_torn__goes_on_from_the_copy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options, path = DevnetOptions(state_folder=tmp_path), tmp_path / "anvil.json"
    with Devnet(options) as devnet:
        devnet.mine(7)
        wait_until_saved(tmp_path)
        wait_until_saved(tmp_path)
        devnet.kill()
    path.write_bytes(path.read_bytes()[:-1000])

    with Devnet(options) as devnet:
        assert get_head(devnet)[0] == 7

    assert "was damaged" in caplog.text
    path.write_bytes(path.read_bytes()[:-1000])
    (tmp_path / "anvil.previous.json").unlink(missing_ok=True)
    with pytest.raises(ChainError, match="ended at once: error"):
        Devnet(options).start()


async def test_send__when_the_chain_dies_meanwhile__goes_on_with_the_next(tmp_path: Path) -> None:
    options = DevnetOptions(state_folder=tmp_path)
    call = Call(to=Devnet().accounts[1].address, value=ETHER)
    store = MemoryPendingStore()
    with Devnet(options) as devnet:
        async with Connection.open(devnet.rpc) as chain:
            sender = Sender(chain, devnet.accounts[0], store)
            await sender.send(call, key="a")
            wait_until_saved(tmp_path)
            devnet.kill()
            with pytest.raises(Unreachable):
                await sender.send(call, key="b")

    with Devnet(options) as devnet:
        async with Connection.open(devnet.rpc) as chain:
            sender = Sender(chain, devnet.accounts[0], store)
            for key in ("a", "b", "b"):
                await sender.send(call, key=key)
            assert await chain.get_balance(devnet.accounts[1].address) == 10_002 * ETHER


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's pact is Linux's")
def test_start__when_the_parent_is_killed__the_chain_ends_too() -> None:
    code = (
        "import time\nfrom pekanu.chain import Devnet\n"
        "print(Devnet().start().pid, flush=True)\ntime.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}/exe").exists() and os.path.lexists(f"/proc/{child}/exe"):
        try:
            Path(f"/proc/{child}/exe").readlink()
        except OSError:
            break  # a zombie that nobody has collected yet
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_start__when_blocks_are_asked_by_time__time_passes(devnet: Devnet) -> None:
    with Devnet(DevnetOptions(block_seconds=1)) as ticking:
        number, _ = get_head(ticking)
        await asyncio.sleep(2.5)
        assert get_head(ticking)[0] > number
        async with Connection.open(ticking.rpc) as chain:
            sender = Sender(chain, devnet.accounts[0], MemoryPendingStore())
            await sender.send(Call(to=devnet.accounts[1].address, value=ETHER), key="a")


def test_start__when_the_port_is_taken__says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ChainError, match="ended at once"):
            Devnet(DevnetOptions(port=port)).start()


def test_request__when_it_was_stopped__says_so() -> None:
    devnet = Devnet()
    with pytest.raises(ChainError, match="not running"):
        devnet.request("eth_chainId")
    with pytest.raises(ChainError, match="not running"):
        _ = devnet.pid
    devnet.stop()


def test_find_anvil__when_it_is_named__takes_it_or_says_no(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = find_anvil()
    monkeypatch.setenv("PEKANU_ANVIL", str(tmp_path / "none"))

    assert find_anvil(found) == found
    with pytest.raises(AnvilMissing, match="is not a program"):
        find_anvil()


def test_find_anvil__when_the_path_has_npms_shim__passes_it_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "anvil"
    shim.write_text("#!/usr/bin/env node\n")
    shim.chmod(0o755)
    monkeypatch.delenv("PEKANU_ANVIL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_anvil() != shim


def test_fetch_anvil__when_consent_is_refused__fetches_nothing(tmp_path: Path) -> None:
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    with pytest.raises(AnvilMissing, match="was not fetched"):
        fetch_anvil(refuse, tmp_path / "cache")

    assert len(asked) == 1
    assert not (tmp_path / "cache").exists()


def test_fetch_anvil__when_pinned__pins_what_the_lock_does() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for platform, digest in INTEGRITY.items():
        locked = packages[f"node_modules/@foundry-rs/anvil-{platform}"]
        assert (locked["version"], locked["integrity"]) == (ANVIL_VERSION, digest)
