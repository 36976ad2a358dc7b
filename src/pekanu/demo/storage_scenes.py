"""What happens to stored files in the demonstration: one is kept, of another one leaf is lost.

Each scene is one agreement between two people who have never traded. In the end the provider takes
its deposit out, so that wallets tell everything. Not here: tasks (`scenes`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from pekanu.chain import Account
from pekanu.demo.report import Bookkeeper, SceneReport
from pekanu.demo.town import ETHER, Town
from pekanu.node.provider.provider import (
    ProviderNode,
    ProviderOptions,
    deploy_provider,
    open_provider,
)
from pekanu.node.storage.keeping import await_answer, challenge, fetch_state, fine
from pekanu.node.storage.planning import PutRequest
from pekanu.node.storage.reading import get_object, verify_object
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Storer, open_storer
from pekanu.storage.money import get_release
from pekanu.storage.state import AgreementState, Status
from pekanu.storage.trees import LEAF_SIZE
from pekanu.types import Wei, format_wei

_SIZE: Final = 8 << 20
_DAY: Final = 86_400
_TERM: Final = 30 * _DAY
#: The leaf that is lost.
_LOST_LEAF: Final = 3
#: Seconds for a node to do what it does by itself.
_PATIENCE: Final = 60.0


@dataclass(kw_only=True)
class _Shelf:
    """A scene while it is played."""

    town: Town
    provider: ProviderNode
    storer: Storer
    folder: Path
    story: list[str] = field(default_factory=list)

    def tell(self, sentence: str) -> None:
        self.story.append(sentence)

    async def put(self) -> StoredObject:
        """Store a file, and tell of it."""
        path = self.folder / "original"
        await asyncio.to_thread(path.write_bytes, np.random.default_rng(1).bytes(_SIZE))
        request = PutRequest(paths=(path,), term=_TERM)
        stored = await self.storer.put(await self.storer.prepare(request))
        terms = stored.quote.terms
        self.tell(
            f"{_SIZE:,} bytes were cut, encrypted and stored for {_TERM // _DAY} days at "
            f"{format_wei(terms.price)}, in {len({step.number for step in stored.steps})} steps; "
            f"{format_wei(terms.penalty)} of the deposit are reserved"
        )
        return stored

    async def wait_for(
        self, stored: StoredObject, holds: Callable[[AgreementState], bool]
    ) -> AgreementState:
        """Return where an agreement stands once something holds."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                state = await fetch_state(self.storer, stored)
                if holds(state):
                    return state
                await asyncio.sleep(0.1)

    def lose_leaf(self, stored: StoredObject) -> None:
        """Change one bit of the first chunk on the provider's disk."""
        index = self.provider.shop.vault.index
        row = index.get_agreement(stored.agreement_id)
        if row is None:
            message = "the provider knows no such agreement"
            raise RuntimeError(message)
        name = row.names[0]
        place = index.find_places([name])[name.key]
        (pack,) = (self.folder / "packs").rglob(f"*{place.pack}*")
        data = bytearray(pack.read_bytes())
        data[place.offset + _LOST_LEAF * LEAF_SIZE] ^= 1
        pack.write_bytes(data)

    async def pass_time(self, until: int) -> None:
        """Turn the development chain's clock on."""
        seconds = until - await self.town.chain.get_time()
        self.town.devnet.advance_time(seconds)
        self.tell(f"the development chain's clock was turned on by {seconds} seconds")


async def _keep(shelf: _Shelf) -> str:
    stored = await shelf.put()
    verified = await verify_object(shelf.storer, stored.shared_link, share=0.5)
    shelf.tell(f"{verified.proved} of {verified.asked} random leaves were proved to the root")
    back = shelf.folder / "back"
    await get_object(shelf.storer, stored.shared_link, back)
    is_same = back.read_bytes() == (shelf.folder / "original").read_bytes()
    shelf.tell(f"what came back {'equals' if is_same else 'DIFFERS FROM'} what was stored")
    state = await fetch_state(shelf.storer, stored)
    await shelf.pass_time(get_release(stored.quote.terms, state) + 1)
    state = await shelf.wait_for(stored, lambda one: one.status is Status.ENDED)
    shelf.tell("the provider collected the price, and its deposit is free again")
    return state.status.name.lower()


async def _lose(shelf: _Shelf) -> str:
    stored = await shelf.put()
    await asyncio.to_thread(shelf.lose_leaf, stored)
    shelf.tell(f"a bit of leaf {_LOST_LEAF} flips on the provider's disk")
    verified = await verify_object(shelf.storer, stored.shared_link)
    shelf.tell(f"the client's node finds: {verified.failure or 'nothing'}")
    seen = await challenge(shelf.storer, stored, chunk=0, leaf=_LOST_LEAF)
    shelf.tell(f"it challenges the leaf on chain, at a fee of {format_wei(seen.fee)}")
    await shelf.pass_time(seen.deadline + 1)
    answered = await await_answer(shelf.storer, stored, seen, timeout_seconds=_PATIENCE)
    shelf.tell("the provider answered" if answered.is_answered else "there was no answer")
    step = await fine(shelf.storer, stored)
    shelf.tell(f"{format_wei(int(step.evidence['to_client_wei']))} went to the client")
    terms, state = stored.quote.terms, await fetch_state(shelf.storer, stored)
    served = state.deadline - terms.response_window - state.started
    state = await shelf.wait_for(stored, lambda one: one.collected == served)
    return state.status.name.lower()


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageScene:
    """One scene."""

    title: str
    #: What it shows, in a sentence.
    lesson: str
    #: Plays it and returns how the agreement ended.
    play: Callable[[_Shelf], Awaitable[str]]


STORAGE_SCENES: Final = (
    StorageScene(
        title="A file is kept",
        lesson="Stored in 14 steps, proved leaf by leaf, fetched, and paid by the second.",
        play=_keep,
    ),
    StorageScene(
        title="The provider loses one leaf",
        lesson="One challenge that it cannot answer: the penalty goes to the client.",
        play=_lose,
    ),
)


async def play_storage(town: Town, scene: StorageScene) -> SceneReport:
    """Return what came of a scene.

    Args:
        town: Where it is played.
        scene: Which.
    """
    buyer, seller = town.take_account(), town.take_account()
    parties = {"client": buyer.address, "provider": seller.address}
    books = Bookkeeper(town.chain, town.market, parties)
    await books.open()
    started = time.perf_counter()
    folder = town.home / f"shelf-{STORAGE_SCENES.index(scene)}"
    folder.mkdir()
    async with _open_shelf(town, buyer, seller, folder) as shelf:
        ending = await scene.play(shelf)
        shop = shelf.provider.shop
        withdrawal = shop.server.withdraw(await shop.server.fetch_free())
        await shop.desk.sender.send(withdrawal, key="leave")
    seconds = time.perf_counter() - started
    balances, expenses = await books.close()
    return SceneReport(
        title=scene.title,
        story=tuple(shelf.story),
        ending=ending,
        balances=balances,
        expenses=expenses,
        seconds=seconds,
    )


@asynccontextmanager
async def _open_shelf(
    town: Town, buyer: Account, seller: Account, folder: Path
) -> AsyncIterator[_Shelf]:
    town.book.save(town.home)
    options = ProviderOptions(store=str(folder / "packs"))
    async with town.open_desk_of(seller) as desk:
        await deploy_provider(desk, town.home, Wei(ETHER // 10))
        async with (
            open_provider(desk, town.home, options) as node,
            node.running(),
            # Opened last: a node knows the announcements that it has read.
            town.open_desk_of(buyer) as own,
        ):
            storer = await open_storer(own, town.home)
            yield _Shelf(town=town, provider=node, storer=storer, folder=folder)
