"""Storage as people meet it: one provider and its clients as processes of their own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.moody import MOODY_ELF
from support.shell import RunningChain, Shell
from support.storage import write_tree
from support.storage_shell import Homes, get_upload, hash_file, running, serving

#: Commands take their time where others work.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def homes(devnet: RunningChain, market: Shell, tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return Homes(chain=devnet, market=market, folder=tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="module")
def keeper(homes: Homes) -> Iterator[Shell]:
    """The home of a provider at work; in the end it is terminated, and ends in order."""
    shell = homes.make("dora", 4, deposit="2 ether")
    with serving(shell, "--metrics-port", "0"):
        yield shell


@pytest.fixture(scope="module")
def owner(homes: Homes) -> Shell:
    """The home of a client."""
    return homes.make("erin", 5)


def test_store__when_used_as_documented__then_every_command_does_its_part(
    keeper: Shell, owner: Shell, tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "tree", large=2_000_000)
    dry = owner("store", "put", tree, "--dry-run", "--json").json
    assert dry["file_bytes"] > 2_000_000
    assert int(dry["total_wei"]) == int(dry["price_wei"]) + int(dry["gas_wei"])
    stored = owner("store", "put", tree, "--name", "mine", "--json").json
    assert int(stored["price_wei"]) == int(dry["price_wei"])
    (listed,) = owner("store", "ls", "--json").json
    assert (listed["name"], listed["on_chain"]) == ("mine", "stored")
    files = owner("store", "ls", "mine", "--json").json["files"]
    assert {"path": "empty", "size": 0}.items() <= next(
        one for one in files if one["path"] == "empty"
    ).items()

    assert owner("store", "receipt", "mine", "-o", tmp_path / "receipt").code == 0
    facts = Shell(home=tmp_path / "nowhere", variables={})(
        "store", "verify", "--receipt", tmp_path / "receipt", "--json"
    ).json
    assert facts["agreement_id"] == stored["agreement_id"]

    piped = owner("store", "put", "-", "--name", "piped", text="from a pipe\n")
    assert piped.code == 0, piped.err
    assert owner("store", "get", "piped", "--out", "-").out == "from a pipe\n"

    status = keeper("provider", "status", "--json").json
    assert status["chunk_count"] >= 3
    assert int(status["reserved_wei"]) >= int(stored["penalty_wei"])
    back = owner("store", "rm", "mine", "--json").json
    assert 0 < int(back["returned_wei"]) <= int(stored["price_wei"])


@pytest.mark.usefixtures("keeper")
def test_put__when_another_client_has_the_file__then_only_a_shared_domain_spares_the_upload(
    homes: Homes, owner: Shell, tmp_path: Path
) -> None:
    other, file = homes.make("frank", 6), tmp_path / "film"
    file.write_bytes(random.Random(2).randbytes(3_000_000))
    phrase = ("--shared-domain", "our team's phrase")

    def put(shell: Shell, *options: str) -> dict[str, object]:
        return dict(shell("store", "put", file, *options, "--json").json)

    first, second = put(owner), put(other)
    assert first["client_contract"] != second["client_contract"]
    for own in (first, second):
        assert own["domain"] == "own"
        assert get_upload(own)["uploaded_bytes"] == own["stored_bytes"]
        assert get_upload(own)["shown_chunks"] == 0

    ours, theirs = put(owner, *phrase), put(other, *phrase)
    assert get_upload(ours)["uploaded_bytes"] == ours["stored_bytes"]
    # Of the file nothing; the manifest with its keys is each client's own.
    uploaded = get_upload(theirs)
    assert uploaded["uploaded_chunks"] == 1
    assert uploaded["uploaded_bytes"] == theirs["stored_bytes"] - file.stat().st_size
    assert uploaded["shown_chunks"] == uploaded["chunk_count"] - 1
    assert ours["price_wei"] == theirs["price_wei"] == second["price_wei"]


@pytest.mark.usefixtures("keeper")
def test_run__when_input_and_program_are_links__then_bought_and_the_output_is_stored(
    owner: Shell, market: Shell, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("one two two\n", encoding="utf-8")
    (tmp_path / "moody.elf").write_bytes(MOODY_ELF)
    with running(market, "worker", "start", "--account", "bob", "--deposit", "1 ether", "--json"):
        words, program = (
            owner("store", "put", tmp_path / name, "--json").json["link"]
            for name in ("words.txt", "moody.elf")
        )
        count = owner("run", "wordcount", "--input", f"text={words}", "--json").json
        assert (count["output"], count["state"]) == ({"one": 1, "two": 2}, "settled")
        run = owner(
            *("run", "--program", program, "--input", words),
            *("--out", tmp_path / "out", "--json"),
        ).json
        assert run["state"] == "settled"
        assert (tmp_path / "out").read_text(encoding="utf-8") == "one two two\n"

        stored = owner("store", "put", "--task", count["task_id"], "--json").json
        assert [step["number"] for step in stored["steps"]] == list(range(1, 15))
        back = tmp_path / "back"
        assert owner("store", "get", stored["name"], "--out", back).code == 0
        digits = count["task_id"].removeprefix("0x")
        (sealed,) = owner.home.glob(f"work/*/client/{digits}*/ciphertext")
        assert hash_file(back) == hash_file(sealed)
