"""Reorganizations of a real chain under an agreement, at both seats: nobody loses by them.

Blocks are lost with their transactions; whoever sent one sends it again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.chain.storage_events import Answered, Paid, decode_storage_event
from pekanu.errors import ProtocolError
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.provider import keeper
from pekanu.node.storage.keeping import await_answer, challenge, fetch_state, give_back, renew
from pekanu.node.storage.reading import get_object
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Ears, Storer
from pekanu.storage.state import Status
from support.nodes import keep_mining, open_town
from support.storage import DAY, TERMS, Depot, open_depot, put, wait_for, wait_status

DATA = random.Random(5).randbytes(1_500_000)
#: The step before the payment.
_FUNDS = 8
T = TypeVar("T")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    return path


@pytest.fixture
async def storer(depot: Depot, accounts: tuple[Account, ...]) -> Storer:
    return await depot.open_storer(accounts[0])


async def check_stored(
    depot: Depot, storer: Storer, stored: StoredObject, *, fees: int = 0
) -> None:
    """Check that one agreement stands, was paid once and can be read, and where all money is."""
    await wait_status(storer, stored, Status.STORED)
    chain, terms = storer.desk.chain, stored.quote.terms
    logs = await chain.fetch_logs(stored.server, 0, await chain.fetch_block_number())
    paid = [one for one in map(decode_storage_event, logs) if isinstance(one, Paid)]
    assert [one.agreement_id for one in paid] == [stored.agreement_id]
    free = await depot.provider.shop.server.fetch_free()
    assert free == depot.deposit - terms.penalty + fees
    assert await chain.get_balance(stored.server) == depot.deposit + terms.price + fees
    back = Path(stored.paths[0]).with_suffix(".back")
    await get_object(storer, stored.shared_link, back, is_forced=True)
    assert back.read_bytes() == DATA


async def check_collected(
    depot: Depot, storer: Storer, stored: StoredObject, *, fees: int = 0
) -> None:
    """Check that the provider is paid for the whole term at its end, and lets the bytes go."""
    depot.town.devnet.advance_time(stored.quote.terms.term + TERMS.response_window + 60)
    await depot.provider.shop.desk.watch.refresh()
    await wait_status(storer, stored, Status.ENDED)
    earned = depot.deposit + stored.quote.terms.price + fees
    assert await depot.provider.shop.server.fetch_free() == earned
    assert await storer.desk.chain.get_balance(stored.server) == earned
    index = depot.provider.shop.vault.index
    await wait_for(lambda: not index.list_agreements(live_only=True))
    assert index.measure().pack_bytes == 0


@pytest.mark.parametrize("number", [9, 11])
async def test_put__when_its_payment_is_lost__then_paid_again_and_stored(
    depot: Depot, storer: Storer, file: Path, number: int
) -> None:
    """The block is lost before the provider saw it, or when it has begun to take the upload."""
    lost: list[int] = []

    def lose(step: Step) -> None:
        if step.number == number and not lost:
            depot.town.devnet.reorganize(1)
            lost.append(number)

    stored = await put(storer, file, ears=Ears(step=lose))
    assert lost
    assert [step.number for step in stored.steps] == list(range(1, 15))
    await check_stored(depot, storer, stored)
    await check_collected(depot, storer, stored)


def lose_at(depot: Depot, number: int) -> Ears:
    """Lose the blocks with the registration and the client's contract behind a step, once."""
    lost: list[int] = []

    def lose(step: Step) -> None:
        if step.number == number and not lost:
            depot.town.devnet.reorganize(2)
            lost.append(number)

    return Ears(step=lose)


async def test_put__when_its_registration_is_lost_before_the_quote__then_the_next_is_stored(
    depot: Depot, storer: Storer, file: Path
) -> None:
    with pytest.raises(PeerRefused, match="no client contract of yours"):
        await put(storer, file, ears=lose_at(depot, 4))
    stored = await put(storer, file)
    await check_stored(depot, storer, stored)
    await check_collected(depot, storer, stored)


async def test_put__when_its_registration_is_lost_before_the_payment__then_registered_again(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file, ears=lose_at(depot, 8))
    assert [step.number for step in stored.steps] == list(range(1, 15))
    assert await storer.desk.chain.get_balance(stored.client) == 0
    await check_stored(depot, storer, stored)
    await check_collected(depot, storer, stored)


async def test_payment__when_it_reached_no_contract__then_said_and_the_next_uses_it(
    depot: Depot, storer: Storer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contract is lost between the look for it and the payment."""

    async def look_away(*_: object) -> None:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(Storer, "_stand_again", look_away)
        with pytest.raises(ProtocolError, match="is its budget"):
            await put(storer, file, ears=lose_at(depot, 8))
    waiting = storer.find("file")
    chain, price = storer.desk.chain, waiting.quote.terms.price
    assert await chain.get_balance(waiting.client) == price
    stored = await put(storer, file)
    assert await chain.get_balance(waiting.client) == 0
    await check_stored(depot, storer, stored)


async def test_payment__when_lost_and_its_nonce_is_anothers__then_made_anew(
    depot: Depot, storer: Storer, file: Path
) -> None:
    desk = storer.desk

    class Killed(Exception):
        pass

    def die(step: Step) -> None:
        if step.number == 11:
            raise Killed

    with pytest.raises(Killed):
        await put(storer, file, ears=Ears(step=die))
    depot.town.devnet.reorganize(1)
    await desk.sender.send(desk.market.deposit(1), key="takes the nonce")  # type: ignore[arg-type]
    waiting = storer.find("file")
    assert (await fetch_state(storer, waiting)).status is Status.NONE
    stored = await storer.resume(waiting)
    assert stored.step is StoreStep.STORED
    assert stored.steps[8].evidence["transaction"] != waiting.steps[8].evidence["transaction"]
    await check_stored(depot, storer, stored)


async def test_availability__when_its_point_is_lost__then_the_receipt_is_shown_again(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    depot.town.devnet.reorganize(1)
    await check_stored(depot, storer, stored)
    await check_collected(depot, storer, stored)


async def test_agreement__when_payment_and_receipt_are_lost__then_resumed_without_an_upload(
    depot: Depot, storer: Storer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "_ACKNOWLEDGE_SECONDS", 0.5)
    stored = await put(storer, file)
    depot.town.devnet.reorganize(2)
    assert (await fetch_state(storer, stored)).status is Status.NONE
    assert await storer.is_unfinished(stored)
    index = depot.provider.shop.vault.index
    await wait_for(lambda: [one.stage for one in index.list_agreements()] == ["quoted"])
    # Until the quote can no longer be paid, the bytes stay where they are.
    held = index.measure().pack_bytes
    await storer.resume(stored)
    await check_stored(depot, storer, stored)
    assert index.measure().pack_bytes == held
    assert not await storer.is_unfinished(stored)
    await check_collected(depot, storer, stored)


async def test_agreement__when_lost_for_good__then_the_bytes_go_when_it_cannot_be_paid_any_more(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    renewed = await renew(storer, stored, term=2 * DAY)
    depot.town.devnet.reorganize(3)
    states = [(await fetch_state(storer, one)).status for one in (stored, renewed)]
    assert states == [Status.NONE, Status.NONE]
    index = depot.provider.shop.vault.index
    await wait_for(lambda: {one.stage for one in index.list_agreements()} == {"quoted"})
    depot.town.devnet.advance_time(TERMS.quote_seconds + TERMS.response_window + 60)
    await depot.provider.shop.desk.watch.refresh()
    await wait_for(lambda: not index.list_agreements())
    assert index.measure().pack_bytes == 0
    assert await depot.provider.shop.server.fetch_free() == depot.deposit
    assert await storer.desk.chain.get_balance(stored.server) == depot.deposit


async def test_answer__when_lost__then_given_again_and_the_fee_is_the_providers_once(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    seen = await challenge(storer, stored, chunk=0, leaf=1)
    assert (await await_answer(storer, stored, seen, timeout_seconds=30)).is_answered
    depot.town.devnet.reorganize(1)
    answered = await await_answer(storer, stored, seen, timeout_seconds=30)
    assert answered.is_answered
    assert answered.data == (await await_answer(storer, stored, seen, timeout_seconds=5)).data
    chain = storer.desk.chain
    logs = await chain.fetch_logs(stored.server, 0, await chain.fetch_block_number())
    assert len([one for one in map(decode_storage_event, logs) if isinstance(one, Answered)]) == 1
    await check_stored(depot, storer, stored, fees=seen.fee)
    await check_collected(depot, storer, stored, fees=seen.fee)


async def test_challenge__when_lost_itself__then_nobody_says_that_the_provider_failed(
    depot: Depot, storer: Storer, file: Path
) -> None:
    stored = await put(storer, file)
    seen = await challenge(storer, stored, chunk=0, leaf=1)
    assert (await await_answer(storer, stored, seen, timeout_seconds=30)).is_answered
    depot.town.devnet.reorganize(2)
    with pytest.raises(ProtocolError, match="undid the challenge"):
        await await_answer(storer, stored, seen, timeout_seconds=5)
    await check_stored(depot, storer, stored)


@dataclass
class Mining:
    """Blocks that come by themselves, until they are held up."""

    devnet: Devnet
    stack: ExitStack = field(default_factory=ExitStack)

    def go_on(self) -> None:
        self.stack.enter_context(keep_mining(self.devnet))

    def hold_up(self) -> None:
        """Mine nothing but the block of each transaction."""
        self.stack.close()

    async def lose(
        self, act: Awaitable[T], storer: Storer, stored: StoredObject, *statuses: Status
    ) -> T:
        """Let an act be mined, lose its block, and return what came of it in the end.

        Args:
            act: What somebody does.
            storer: Whose agreement it concerns.
            stored: The agreement.
            statuses: Before the act, and behind it.
        """
        acting = asyncio.ensure_future(act)
        before, behind = statuses
        await wait_status(storer, stored, behind)
        self.devnet.reorganize(1)
        assert (await fetch_state(storer, stored)).status is before
        self.go_on()
        return await acting


@asynccontextmanager
async def open_patient(
    devnet: Devnet,
    market_book: AddressBook,
    accounts: tuple[Account, ...],
    folder: Path,
    *,
    confirmations: int,
) -> AsyncIterator[Depot]:
    """Give a provider and its town, in which all wait for confirmations."""
    async with (
        open_town(devnet, market_book, folder / "home", confirmations=confirmations) as town,
        open_depot(town, accounts[1]) as depot,
    ):
        yield depot


async def test_nodes__when_they_wait_for_depth__then_rely_on_nothing_that_is_lost(
    devnet: Devnet,
    market_book: AddressBook,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    file: Path,
) -> None:
    """Lost are the blocks of the payment, of the agreement's end, and of the last collection."""
    mining = Mining(devnet)
    mining.go_on()
    async with open_patient(devnet, market_book, accounts, tmp_path, confirmations=3) as depot:
        storer = await depot.open_storer(accounts[0])
        keeper, index = depot.provider.keeper, depot.provider.shop.vault.index
        stop = Ears(step=lambda step: mining.hold_up() if step.number == _FUNDS else None)

        async def store() -> StoredObject:
            putting = asyncio.ensure_future(put(storer, file, ears=stop))
            await wait_for(lambda: bool(storer.list(live_only=True)))
            (waiting,) = storer.list(live_only=True)
            await mining.lose(putting, storer, waiting, Status.NONE, Status.PAID)
            return await putting

        async def look(stored: StoredObject) -> None:
            """Let the provider see an end that is not deep; its bytes stay."""
            await keeper._attend(stored.agreement_id)
            assert [one.is_held for one in index.list_agreements(live_only=True)] == [True]

        given = await store()
        await wait_status(storer, given, Status.STORED)
        mining.hold_up()
        giving = asyncio.ensure_future(give_back(storer, given))
        await wait_status(storer, given, Status.GIVEN_BACK)
        await look(given)
        await mining.lose(giving, storer, given, Status.STORED, Status.GIVEN_BACK)
        await wait_for(lambda: not index.list_agreements(live_only=True))

        served = await store()
        await wait_status(storer, served, Status.STORED)
        free = await depot.provider.shop.server.fetch_free()
        mining.hold_up()
        devnet.advance_time(DAY + TERMS.response_window + 60)
        await wait_status(storer, served, Status.ENDED)
        await look(served)
        ending = wait_for(lambda: not index.list_agreements(live_only=True))
        await mining.lose(ending, storer, served, Status.STORED, Status.ENDED)
        terms = served.quote.terms
        earned = free + terms.price + terms.penalty
        assert await depot.provider.shop.server.fetch_free() == earned
        assert index.measure().pack_bytes == 0
        mining.hold_up()


async def test_challenge__when_the_provider_waits_for_depth_elsewhere__then_answered_meanwhile(
    devnet: Devnet,
    market_book: AddressBook,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    file: Path,
) -> None:
    """A receipt that is shown waits for blocks that do not come; the challenge's window runs."""
    mining = Mining(devnet)
    mining.go_on()
    async with open_patient(devnet, market_book, accounts, tmp_path, confirmations=5) as depot:
        storer = await depot.open_storer(accounts[0])
        keeper = depot.provider.keeper
        first = await put(storer, file)
        await wait_status(storer, first, Status.STORED)
        await wait_for(lambda: not keeper._busy)

        other = tmp_path / "other"
        other.write_bytes(DATA[:200_000])
        held = Ears(step=lambda step: mining.hold_up() if step.number == _FUNDS + 4 else None)
        putting = asyncio.ensure_future(put(storer, other, ears=held))
        await wait_for(lambda: "confirm" in keeper._busy)
        challenging = asyncio.ensure_future(challenge(storer, first))
        watch = depot.provider.shop.watch
        await wait_for(lambda: watch.find(first.agreement_id, Answered) is not None)
        assert (await fetch_state(storer, first)).status is Status.STORED
        assert "confirm" in keeper._busy
        assert not challenging.done()

        mining.go_on()
        await challenging
        assert (await putting).step is StoreStep.STORED
        await wait_for(lambda: keeper.tally.answers == 1)
        mining.hold_up()
