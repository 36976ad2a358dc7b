"""A client and a provider on a real chain: what goes in comes out."""

from __future__ import annotations

from pathlib import Path

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.node.storage.keeping import await_answer, challenge, fetch_state
from pekanu.node.storage.reading import get_object, read_range, verify_object
from pekanu.node.storage.steps import Step
from pekanu.node.storage.storer import Ears
from pekanu.storage.state import Status
from support.nodes import open_town
from support.storage import open_depot, put, read_tree, write_tree


async def test_put__when_a_folder_is_stored__then_the_same_comes_back(
    devnet: Devnet, market_book: AddressBook, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    tree = write_tree(tmp_path / "tree")
    steps: list[Step] = []
    async with (
        open_town(devnet, market_book, tmp_path / "home") as town,
        open_depot(town, accounts[1]) as depot,
    ):
        storer = await depot.open_storer(accounts[0])
        stored = await put(storer, tree, ears=Ears(step=steps.append))
        assert sorted(step.number for step in steps) == list(range(1, 15))
        assert (await fetch_state(storer, stored)).status is Status.STORED
        got = await get_object(storer, stored.shared_link, tmp_path / "back")
        assert read_tree(tmp_path / "back") == read_tree(tree)
        assert got.fetched_bytes == stored.file_bytes
        large = (tree / "large.bin").read_bytes()
        part = await read_range(
            storer, stored.shared_link, path="large.bin", offset=1_234_567, size=70_000
        )
        assert part == large[1_234_567 : 1_234_567 + 70_000]
        assert (await verify_object(storer, stored.shared_link)).is_good
        assert (await verify_object(storer, stored.shared_link, share=0.5)).is_good
        seen = await challenge(storer, stored, chunk=1, leaf=3)
        answered = await await_answer(storer, stored, seen, timeout_seconds=30)
        assert answered.is_answered
        assert len(answered.data) == 256
