"""What `pekanu run` tells when the other party is at fault, and after a kill."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from pekanu.chain import Keystore
from support import cheat_program
from support.moody import MOODY_ELF
from support.shell import PASSWORD, PROGRAM, RunningChain, Shell


@contextmanager
def _start(command: list[str], shell: Shell, ready: str, log: Path) -> Iterator[subprocess.Popen]:
    """Run a program until it says that it is ready, and terminate it afterwards."""
    with (
        log.open("w") as file,
        subprocess.Popen(
            command, env=shell.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        ) as process,
    ):
        try:
            until = time.monotonic() + 60
            while ready not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture(scope="module")
def client(market: Shell, devnet: RunningChain) -> Shell:
    """The market's home, acting for erin."""
    keystore = Keystore(market.home / "keystore", work_factor=1 << 12)
    keystore.import_key("erin", devnet.keys[3], PASSWORD)
    return Shell(home=market.home, variables={**market.variables, "PEKANU_ACCOUNT": "erin"})


def test_run__with_a_worker_that_lies__exits_3_and_tells_what_was_recovered(
    client: Shell, devnet: RunningChain, tmp_path: Path
) -> None:
    cheat = [sys.executable, cheat_program.__file__, str(client.home), devnet.rpc, devnet.keys[8]]
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be")
    out, log = tmp_path / "counts.json", tmp_path / "run.log"
    run = [PROGRAM, "run", "wordcount", "--input", f"text={text}", "--out", str(out)]
    run += ["--worker", devnet.addresses[8]]
    with (
        _start(cheat, client, "cheating", tmp_path / "cheat.log"),
        _start(run, client, "is not approved", log) as process,
    ):
        # The worker waits for an approval until it must deliver.
        advance_time(devnet, 500)
        assert process.wait(120) == 3, log.read_text()
    said = log.read_text()
    assert f"{devnet.addresses[8]} delivered a wrong result" in said
    assert "refuted by the referee; the price of" in said
    # Each is told when it is seen; the first may be over in a moment.
    stages = ("it is challenged before the referee", "the referee narrows it to one instruction")
    assert any(stage in said for stage in stages)
    assert not out.exists()
    (dispute,) = client("dispute", "--json").json
    assert (dispute["outcome"], dispute["worker"]) == ("refuted", devnet.addresses[8])


def test_worker__accused_by_a_client_that_lies__gets_its_bond_and_is_paid(
    client: Shell, devnet: RunningChain, tmp_path: Path
) -> None:
    worker, accuser = devnet.addresses[1], devnet.addresses[2]
    command = [PROGRAM, "worker", "start", "--account", "bob", "--deposit", "1 ether"]
    cheat = [sys.executable, cheat_program.__file__, str(client.home), devnet.rpc, devnet.keys[2]]
    log = tmp_path / "cheat.log"
    with _start(command, client, " works at ", tmp_path / "worker.log"):
        before = fetch_ledger(client, worker)
        with _start([*cheat, worker], client, "accusing", log) as process:
            # It delivers before its deadline, defends itself unasked, and is paid after the audit.
            advance_time(devnet, 500)
            until = time.monotonic() + 60
            while not any(is_lost(one, accuser) for one in client("dispute", "--json").json):
                assert time.monotonic() < until, log.read_text()
            advance_time(devnet, 4000)
            assert process.wait(60) == 0
    said = log.read_text().split()
    assert said[1] == "settled"
    price, bond = int(said[3]), int(said[-1])
    assert fetch_ledger(client, worker) == before + price + bond


def is_lost(dispute: dict[str, Any], challenger: str) -> bool:
    return (dispute["outcome"], dispute["challenger"]) == ("upheld", challenger)


def fetch_ledger(shell: Shell, account: str) -> int:
    """Return an account's free money in the market."""
    return int(shell("account", "balance", account, "--json").json["market_wei"])


def test_api__with_a_worker_that_lies__raises_and_tells_what_was_recovered(
    client: Shell, devnet: RunningChain, tmp_path: Path
) -> None:
    cheat = [sys.executable, cheat_program.__file__, str(client.home), devnet.rpc, devnet.keys[8]]
    honest = [PROGRAM, "worker", "start", "--account", "bob", "--deposit", "1 ether"]
    elf, script, log = (tmp_path / name for name in ("P.elf", "buy.py", "buy.log"))
    elf.write_bytes(MOODY_ELF)
    script.write_text(
        f"import time\nimport pekanu\nprogram = pekanu.Program({str(elf)!r})\n"
        "with pekanu.Client(account='erin') as client:\n"
        f"    good = dict(worker={devnet.addresses[1]!r}, max_steps=10**6)\n"
        "    assert client.submit(program, b's one', **good).result(timeout=60) == b's one'\n"
        "    assert client.map(program, [b's two', b's three'], **good) == [b's two', b's three']\n"
        f"    bad = client.submit(program, b's four', worker={devnet.addresses[8]!r})\n"
        "    while not any(one.is_wrong for one in bad.receipt.tasks):\n"
        "        time.sleep(0.1)\n"
        "    print('wrong', flush=True)\n"
        "    try:\n"
        "        bad.result(timeout=100)\n"
        "    except pekanu.WorkerFault as fault:\n"
        "        (task,) = bad.receipt.tasks\n"
        "        assert fault.recovered_wei == task.task.price + task.task.stake, fault\n"
        "        assert (fault.lost_wei, task.ending) == (0, 'refuted')\n"
        "        print(fault.message)\n"
    )
    run = [sys.executable, str(script)]
    with (
        _start(honest, client, " works at ", tmp_path / "worker.log"),
        _start(cheat, client, "cheating", tmp_path / "cheat.log"),
        _start(run, client, "wrong", log) as process,
    ):
        advance_time(devnet, 500)
        assert process.wait(100) == 0, log.read_text()
    assert "delivered a wrong result" in log.read_text()


def advance_time(devnet: RunningChain, seconds: int) -> None:
    for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        httpx.post(devnet.rpc, json=request).raise_for_status()


def test_run__killed_and_resumed__delivers_what_was_bought_once(
    client: Shell, tmp_path: Path
) -> None:
    command = [PROGRAM, "worker", "start", "--account", "bob", "--deposit", "1 ether"]
    tile = ("width=400", "height=400", "max_iterations=20000", "center_x=-0.5", "center_y=0")
    inputs = [part for text in (*tile, "span=2.5") for part in ("--input", text)]
    out = tmp_path / "tile.npy"
    before = len(client("tasks", "--json").json)
    with _start(command, client, " works at ", tmp_path / "worker.log"):
        with subprocess.Popen(
            [PROGRAM, "run", "mandelbrot", *inputs, "--verify", "none"],
            env=client.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as buyer:
            until = time.monotonic() + 60
            while len(client("tasks", "--json").json) == before:
                assert time.monotonic() < until
            buyer.kill()
        told = client("run", "--resume", "--out", out, "--json")
    assert told.code == 0, told.err
    assert len(client("tasks", "--json").json) == before + 1
    if told.out:  # else the kill came after the end
        assert told.json["state"] == "settled"
        assert out.exists()
