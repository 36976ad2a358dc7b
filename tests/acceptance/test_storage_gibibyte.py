"""A folder with a file of 1 GiB, kept by a provider whose books are in PostgreSQL, through kills.

The bytes are real: drawn once, never compressed or sparse, compared by their hashes. Provider and
client are processes, and each is killed in the midst of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.postgres import open_postgres
from support.shell import RunningChain, Shell
from support.storage import find_port, read_tree, write_tree
from support.storage_shell import (
    Homes,
    finish,
    get_upload,
    hash_file,
    kill_once,
    serving,
    start,
)

pytestmark = pytest.mark.timeout(900)
GIB = 1 << 30
#: Bytes that are drawn at once.
PIECE = 1 << 24
#: What the second version has in its middle, which moves all that follows.
NEWS = b"a few words that were not there before"


@pytest.fixture
def roomy_path(tmp_path: Path) -> Iterator[Path]:
    """A folder that is gone behind the test: it holds gigabytes."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def write_large(path: Path, news: bytes = b"") -> None:
    """Write 1 GiB of noise, always the same, with something in its middle."""
    draw = np.random.default_rng(6)
    with path.open("wb") as file:
        for place in range(0, GIB, PIECE):
            if place == GIB // 2:
                file.write(news)
            file.write(draw.bytes(PIECE))


def test_store__when_it_is_a_gibibyte_and_both_sides_are_killed__then_nothing_is_lost(
    devnet: RunningChain, market: Shell, roomy_path: Path
) -> None:
    homes = Homes(chain=devnet, market=market, folder=roomy_path)
    keeper, owner = homes.make("gina", 6, deposit="2 ether"), homes.make("hugo", 7)
    tree, back, packs = (roomy_path / name for name in ("tree", "back", "packs"))
    write_tree(tree).joinpath("large.bin").unlink()
    write_large(tree / "large.bin")
    before, kept = hash_file(tree / "large.bin"), read_small(tree)

    def count_packs() -> int:
        return len([path for path in packs.glob("*/*") if path.suffix != ".new"])

    with open_postgres() as url:
        options = ("--metadata", url, "--store", str(packs), "--port", str(find_port()))
        with serving(keeper, *options) as provider:
            put = start(owner, "store", "put", tree, "--name", "first", "--json")
            kill_once(put, lambda: count_packs() >= 8)
            held = count_packs()
            put = start(owner, "store", "put", "--resume", "--json")
            kill_once(provider, lambda: count_packs() >= held + 8)
        # The client asks again until the provider is back.
        with serving(keeper, *options):
            stored = finish(put)
            assert [step["number"] for step in stored["steps"]] == list(range(1, 15))
            assert stored["file_bytes"] > GIB
            uploaded = get_upload(stored)["uploaded_bytes"]
            assert 0 < uploaded < stored["stored_bytes"] - 8 * 2**20

            fetch_through_a_kill(owner, back)
            assert (hash_file(back / "large.bin"), read_small(back)) == (before, kept)
            checked = owner("store", "verify", "first", "--sample", "0.25", "--json").json
            assert (checked["is_good"], checked["proved"]) == (True, checked["asked"])
            assert checked["asked"] >= stored["chunks"] // 4

            write_large(tree / "large.bin", NEWS)
            changed = owner("store", "put", tree, "--name", "second", "--json").json
            assert changed["file_bytes"] == stored["file_bytes"] + len(NEWS)
            assert get_upload(changed)["uploaded_bytes"] < GIB // 50
            place = ("--offset", str(GIB // 2), "--length", str(len(NEWS)), "--out", "-")
            assert owner("store", "get", "second", "large.bin", *place).out == NEWS.decode()

            kept_bytes = sum(path.stat().st_size for path in packs.glob("*/*"))
            assert GIB < kept_bytes < GIB + GIB // 50
            asked = ("--chunk", "1", "--leaf", "3", "--json")
            seen = owner("store", "challenge", "first", *asked).json
            assert seen["is_answered"]
            assert len(seen["data"]) == 2 + 2 * 256


def fetch_through_a_kill(owner: Shell, back: Path) -> None:
    """Fetch the folder by two processes, of which the first is killed."""
    get = start(owner, "store", "get", "first", "--out", back)
    part = back / "large.bin.pekanu-part"
    kill_once(get, lambda: part.exists() and part.stat().st_blocks * 512 > GIB // 16)
    assert not (back / "large.bin").exists()
    got = owner("store", "get", "first", "--out", back, "--json").json
    assert 0 < got["fetched_bytes"] < GIB * 31 // 32


def read_small(tree: Path) -> dict[str, object]:
    """Return all of a tree but the large file's bytes, which memory is too good for."""
    large = tree / "large.bin"
    aside = large.rename(tree.parent / f"{tree.name}.large")
    try:
        return read_tree(tree)
    finally:
        aside.rename(large)
