"""Storage as people meet it: provider and client as processes of their own, killed at will."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pekanu.chain import Keystore
from support.moody import MOODY_ELF
from support.postgres import open_postgres
from support.shell import PASSWORD, PROGRAM, RunningChain, Shell
from support.storage import read_tree, write_tree

#: Commands take their time where others work.
pytestmark = pytest.mark.timeout(900)
MODEST = ("--capacity", "1GiB", "--response-window", "10min", "--confirm-window", "10min")


@contextmanager
def serving(shell: Shell, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `pekanu provider start` until it is killed, if it still lives then."""
    with running(shell, "provider", "start", "--json", *MODEST, *options, until="}") as process:
        yield process


@contextmanager
def running(shell: Shell, *command: str, until: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command that serves, from the line that says so until it is killed."""
    with subprocess.Popen(
        [PROGRAM, *command],
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()).rstrip() != until:
                assert line, "it ended before it served"
            yield process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def keeper(devnet: RunningChain, market: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The home of a provider with a deployed contract."""
    return make_home(devnet, market, tmp_path_factory.mktemp("keeper"), "dora", 4)


def make_home(devnet: RunningChain, market: Shell, folder: Path, name: str, number: int) -> Shell:
    home = folder / "home"
    Keystore(home / "keystore", work_factor=1 << 12).import_key(name, devnet.keys[number], PASSWORD)
    (home / "chains").mkdir()
    for book in (market.home / "chains").iterdir():
        (home / "chains" / book.name).write_bytes(book.read_bytes())
    shell = Shell(home=home, variables=market.variables)
    if name == "dora":
        assert shell("provider", "deploy", "--deposit", "2 ether").code == 0
    return shell


@pytest.fixture(scope="module")
def owner(devnet: RunningChain, market: Shell, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """The home of a client."""
    return make_home(devnet, market, tmp_path_factory.mktemp("owner"), "erin", 5)


def test_store__when_used_as_documented__then_every_command_does_its_part(
    keeper: Shell, owner: Shell, tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "tree", large=2_000_000)
    with serving(keeper, "--metrics-port", "0") as process:
        dry = owner("store", "put", tree, "--dry-run", "--json").json
        assert dry["file_bytes"] > 2_000_000
        assert int(dry["total_wei"]) == int(dry["price_wei"]) + int(dry["gas_wei"])
        stored = owner("store", "put", tree, "--name", "mine", "--json").json
        assert [step["number"] for step in stored["steps"]] == list(range(1, 15))
        assert int(stored["price_wei"]) == int(dry["price_wei"])
        (listed,) = owner("store", "ls", "--json").json
        assert (listed["name"], listed["on_chain"]) == ("mine", "stored")
        files = owner("store", "ls", "mine", "--json").json["files"]
        assert {"path": "empty", "size": 0}.items() <= next(
            one for one in files if one["path"] == "empty"
        ).items()

        got = owner("store", "get", "mine", "--out", tmp_path / "back", "--json").json
        assert got["fetched_bytes"] == dry["file_bytes"]
        assert read_tree(tmp_path / "back") == read_tree(tree)
        part = owner(
            "store", "get", "mine", "run.sh", "--offset", "2", "--length", "7", "--out", "-"
        )
        assert part.out == "/bin/sh"

        assert owner("store", "verify", "mine", "--sample", "0.3", "--json").json["is_good"]
        seen = owner("store", "challenge", "mine", "--chunk", "0", "--leaf", "0", "--json").json
        assert seen["is_answered"]
        assert len(seen["data"]) == 2 + 2 * 256

        assert owner("store", "receipt", "mine", "-o", tmp_path / "receipt").code == 0
        facts = Shell(home=tmp_path / "nowhere", variables={})(
            "store", "verify", "--receipt", tmp_path / "receipt", "--json"
        ).json
        assert facts["agreement_id"] == stored["agreement_id"]
        (tmp_path / "other").write_bytes(b"\xff no receipt")
        owner("store", "verify", "--receipt", tmp_path / "other").assert_refused(2, "no storage")

        piped = owner("store", "put", "-", "--name", "piped", text="from a pipe\n")
        assert piped.code == 0, piped.err
        assert owner("store", "get", "piped", "--out", "-").out == "from a pipe\n"

        status = keeper("provider", "status", "--json").json
        assert status["chunk_count"] >= 3
        assert int(status["reserved_wei"]) >= int(stored["penalty_wei"])
        assert process.poll() is None
        back = owner("store", "rm", "mine", "--json").json
        assert 0 < int(back["returned_wei"]) <= int(stored["price_wei"])
        owner("store", "fine", "piped").assert_refused(1, "not challenged")


def test_run__when_input_and_program_are_links__then_bought_and_the_output_is_stored(
    keeper: Shell, owner: Shell, market: Shell, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("one two two\n", encoding="utf-8")
    (tmp_path / "moody.elf").write_bytes(MOODY_ELF)
    (tmp_path / "in").write_bytes(b"\0hello")
    work = ("worker", "start", "--account", "bob", "--deposit", "1 ether", "--json")
    with serving(keeper), running(market, *work, until="}"):
        words, program, data = (
            owner("store", "put", tmp_path / name, "--json").json["link"]
            for name in ("words.txt", "moody.elf", "in")
        )
        word_count = ("run", "wordcount", "--input", f"text={words}", "--json")
        assert owner(*word_count, "--local").json["output"] == {"one": 1, "two": 2}
        count = owner(*word_count).json
        assert (count["output"], count["state"]) == ({"one": 1, "two": 2}, "settled")
        run = owner(
            *("run", "--program", program, "--input", data),
            *("--out", tmp_path / "out", "--json"),
        ).json
        assert (run["state"], (tmp_path / "out").read_bytes()) == ("settled", b"\0hello")

        stored = owner("store", "put", "--task", count["task_id"], "--json").json
        assert [step["number"] for step in stored["steps"]] == list(range(1, 15))
        back = tmp_path / "back"
        assert owner("store", "get", stored["name"], "--out", back).code == 0
        digits = count["task_id"].removeprefix("0x")
        (sealed,) = owner.home.glob(f"work/*/client/{digits}*/ciphertext")
        assert hash_file(back) == hash_file(sealed)
        both = owner("store", "put", back, "--task", count["task_id"])
        both.assert_refused(2, "--task goes without PATH")
        owner("store", "put", "--task", "0xdead").assert_refused(2, "0 sealed outputs")


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def kill_once(process: subprocess.Popen[str], is_so: object, seconds: float = 90) -> None:
    """Kill -9 a process as soon as something is so; it must not have ended before."""
    until = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.005)
    process.kill()
    process.wait()


def start(shell: Shell, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        env=shell.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def test_kill__when_either_side_dies_in_the_middle__then_upload_and_download_go_on(
    keeper: Shell, owner: Shell, tmp_path: Path
) -> None:
    data = random.Random(9).randbytes(120_000_000)
    file = tmp_path / "large"
    file.write_bytes(data)
    packs = keeper.home / "store" / "provider"

    def count_packs() -> int:
        return len([path for path in packs.glob("*/packs/*/*") if path.suffix != ".new"])

    before = count_packs()
    with serving(keeper) as provider:
        put = start(owner, "store", "put", file)
        kill_once(put, lambda: count_packs() >= before + 2)
        held = count_packs()
        again = start(owner, "store", "put", "--resume")
        kill_once(provider, lambda: count_packs() >= held + 2)
        again.wait(120)
    with serving(keeper):
        done = owner("store", "put", "--resume")
        if "no upload was broken off" not in done.err:
            assert done.code == 0, done.err
        (listed,) = [one for one in owner("store", "ls", "--json").json if one["name"] == "large"]
        assert listed["on_chain"] == "stored"

        get = start(owner, "store", "get", "large", "--out", tmp_path / "back")
        part = tmp_path / "back.pekanu-part"
        kill_once(get, lambda: part.exists() and part.stat().st_blocks * 512 > 20_000_000)
        assert not (tmp_path / "back").exists()
        got = owner("store", "get", "large", "--out", tmp_path / "back", "--json").json
        assert got["fetched_bytes"] < len(data)
        assert hash_file(tmp_path / "back") == hash_file(file)


def test_provider__when_its_books_are_in_postgresql__then_kept_there_through_a_kill(
    keeper: Shell, owner: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "booked"
    file.write_bytes(random.Random(4).randbytes(3_000_000))
    with open_postgres() as url:
        options = ("--metadata", url, "--store", str(tmp_path / "packs"))
        with serving(keeper, *options):
            assert owner("store", "put", file).code == 0
        with serving(keeper, *options):
            status = keeper("provider", "status", "--metadata", url, "--json").json
            assert status["pack_bytes"] >= file.stat().st_size
            assert owner("store", "get", "booked", "--out", tmp_path / "back").code == 0
            assert hash_file(tmp_path / "back") == hash_file(file)
            seen = owner("store", "challenge", "booked", "--chunk", "1", "--leaf", "3", "--json")
            assert seen.json["is_answered"]
            assert int(owner("store", "rm", "booked", "--json").json["returned_wei"]) > 0


def test_provider__when_terminated__then_ends_in_order(keeper: Shell) -> None:
    with serving(keeper) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
