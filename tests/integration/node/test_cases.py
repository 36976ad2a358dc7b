"""Cases before the ringers' referee between desks on a real chain: every fault at both seats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from pekanu.catalog.inversion import Inversion
from pekanu.chain import Account, AddressBook, Devnet
from pekanu.dispute.place import Side
from pekanu.machine.trace import Trace
from pekanu.market.state import Status
from pekanu.node.case_file import CaseFile
from pekanu.node.case_machine import CaseStep
from pekanu.ringers.cases import Kind
from support.crash import wait_until
from support.duel import PRICE, STAKE, open_arena
from support.searches import BOND, RINGERS, SOLUTIONS, WANTED, Hunt

SKIPPED = (7, 42, 900)
REFUTED = (PRICE + STAKE + BOND, 0)
PAID = (0, PRICE + STAKE)
PAID_WITH_BOND = (0, PRICE + STAKE + BOND)


@pytest.fixture
async def hunt(
    devnet: Devnet, market_book: AddressBook, tmp_path: Path, accounts: tuple[Account, ...]
) -> AsyncIterator[Hunt]:
    async with open_arena(devnet, market_book, tmp_path, accounts) as arena:
        yield Hunt(arena=arena)


@dataclass(frozen=True)
class Misreading:
    """A function that somebody says gives the image of another point."""

    inner: Inversion
    #: Point to the point whose image it is said to have.
    swapped: dict[int, int]

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def get_token(self, point: int) -> bytes | None:
        return self.inner.get_token(self.swapped.get(point, point))


class FalseRuns(CaseFile):
    """A party that shows the run on another point in place of the one in question."""

    def build_trace(self, point: int) -> Trace:
        assert isinstance(self.inversion, Misreading)
        return super().build_trace(self.inversion.swapped.get(point, point))


def swap(hunt: Hunt, side: Side, swapped: dict[int, int], **changes: object) -> CaseFile:
    file = hunt.build_file(side, **changes)
    wrong = Misreading(file.inversion, swapped)
    fields = {name: getattr(file, name) for name in CaseFile.__dataclass_fields__}
    return FalseRuns(**{**fields, "inversion": wrong})


# --- missing --------------------------------------------------------------------------------------


async def test_missing__when_a_ringer_is_not_listed__then_refuted_by_itself(hunt: Hunt) -> None:
    await hunt.strike(SKIPPED)
    worker = await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.MISSING, place=2, ringer=500, points=[500])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    assert (await hunt.wait_ended(worker, case)).step is CaseStep.LOST
    assert (await hunt.fetch_state()).status is Status.REFUTED
    assert await hunt.fetch_gains() == REFUTED


async def test_missing__when_the_ringer_is_false__then_contested_and_the_bond_is_lost(
    hunt: Hunt,
) -> None:
    """The client says that 300 has the image of 42; nobody's run does."""
    await hunt.strike(ringers=(300, 500))
    worker = await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER, swap(hunt, Side.CHALLENGER, {300: WANTED}))
    case = hunt.ask(client, Kind.MISSING, place=2, ringer=300, points=[300])
    assert (await hunt.wait_ended(worker, case)).step is CaseStep.WON
    assert (await hunt.wait_ended(client, case)).step is CaseStep.LOST
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID_WITH_BOND


async def test_missing__when_a_true_ringer_is_contested__then_defended_and_refuted(
    hunt: Hunt,
) -> None:
    await hunt.strike(SKIPPED)
    await hunt.open_cases(Side.WORKER, swap(hunt, Side.WORKER, {500: 501}))
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.MISSING, place=2, ringer=500, points=[500])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    assert await hunt.fetch_gains() == REFUTED


# --- opened ringers -------------------------------------------------------------------------------


async def test_ringers__when_accumulated__then_proved_by_itself(hunt: Hunt) -> None:
    await hunt.strike()
    worker = await hunt.open_cases(Side.WORKER)
    unseen = hunt.build_file(Side.CHALLENGER, result=None, output=None)
    client = await hunt.open_cases(Side.CHALLENGER, unseen)
    case = hunt.ask(client, Kind.RINGERS, points=RINGERS)
    assert (await hunt.wait_ended(client, case)).step is CaseStep.LOST
    assert (await hunt.wait_ended(worker, case)).step is CaseStep.WON
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID_WITH_BOND


async def test_ringers__when_one_was_skipped__then_refuted(hunt: Hunt) -> None:
    await hunt.strike(SKIPPED)
    await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.RINGERS, points=RINGERS)
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    assert await hunt.fetch_gains() == REFUTED


async def test_ringers__when_several_are_false__then_one_is_contested(hunt: Hunt) -> None:
    await hunt.strike(ringers=(300, 400))
    await hunt.open_cases(Side.WORKER)
    false = swap(hunt, Side.CHALLENGER, {300: 42, 400: 7})
    client = await hunt.open_cases(Side.CHALLENGER, false)
    case = hunt.ask(client, Kind.RINGERS, points=(300, 400))
    assert (await hunt.wait_ended(client, case)).step is CaseStep.LOST
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID_WITH_BOND


# --- listed points --------------------------------------------------------------------------------


async def test_point__when_accumulated__then_proved_by_itself(hunt: Hunt) -> None:
    await hunt.strike()
    await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.POINT, place=1, points=[42])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.LOST
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID_WITH_BOND


async def test_solution__when_it_is_one__then_its_run_is_shown_and_stands(hunt: Hunt) -> None:
    await hunt.strike()
    await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.SOLUTION, place=3, points=[900])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.LOST
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID_WITH_BOND


async def test_solution__when_it_is_none__then_refuted(hunt: Hunt) -> None:
    await hunt.strike((7, 42, 77, 500, 900))
    await hunt.open_cases(Side.WORKER)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.SOLUTION, place=2, points=[77])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    assert await hunt.fetch_gains() == REFUTED


async def test_solution__when_defended_with_another_points_run__then_bisected_and_refuted(
    hunt: Hunt,
) -> None:
    await hunt.strike((7, 42, 77, 500, 900))
    await hunt.open_cases(Side.WORKER, swap(hunt, Side.WORKER, {77: 500}))
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.SOLUTION, place=2, points=[77])
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    (played,) = hunt.arena.client.referees.disputes.iterate()
    assert any(type(one.event).__name__ == "Proved" for one in played.logged)
    assert await hunt.fetch_gains() == REFUTED


# --- lists that show their fault ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "output", "place"),
    [
        ((42, 7, 500, 900), None, 1),
        ((7, 42, 42, 500, 900), None, 2),
        ((7, 42, 500, 900, 1000), None, 4),
        (SOLUTIONS, bytes(33), None),
    ],
)
async def test_list__when_it_shows_its_fault__then_refuted_at_once(
    hunt: Hunt, points: Sequence[int], output: bytes | None, place: int | None
) -> None:
    await hunt.strike(points, output=output)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.FAULTY, place=place)
    assert (await hunt.wait_ended(client, case)).step is CaseStep.WON
    assert (await hunt.fetch_state()).status is Status.REFUTED
    assert await hunt.fetch_gains() == (PRICE + STAKE, 0)


async def test_list__when_it_is_in_order__then_the_question_is_not_admitted(hunt: Hunt) -> None:
    await hunt.strike()
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.FAULTY, place=1)
    ended = await hunt.wait_ended(client, case)
    assert (ended.step, "they rise" in ended.message) == (CaseStep.UNADMITTED, True)
    await hunt.finalize()
    assert await hunt.fetch_gains() == PAID


# --- the task ends otherwise, restarts ------------------------------------------------------------


async def test_case__when_the_client_approves_meanwhile__then_the_worker_calls_for_the_bond(
    hunt: Hunt,
) -> None:
    search = await hunt.strike(SKIPPED)
    client = await hunt.open_cases(Side.CHALLENGER)
    case = hunt.ask(client, Kind.MISSING, place=2, ringer=500, points=[500])
    desk = hunt.arena.client
    await wait_until(lambda: desk.referees.cases.find(case) is not None)
    call = desk.market.approve(search.searched.task, search.searched.claim)
    await desk.send(call, task_id=search.task_id, name="approve")
    worker = await hunt.open_cases(Side.WORKER)
    assert (await hunt.wait_ended(worker, case)).step is CaseStep.CLOSED
    assert (await hunt.wait_ended(client, case)).step is CaseStep.CLOSED
    assert await hunt.fetch_gains() == PAID_WITH_BOND


async def test_case__when_a_node_starts_again__then_goes_on_from_its_journal(hunt: Hunt) -> None:
    await hunt.strike(SKIPPED)
    first = hunt.build_cases(Side.CHALLENGER)
    cases = hunt.arena.client.referees.cases
    async with first.running():
        case = hunt.ask(first, Kind.MISSING, place=2, ringer=500, points=[500])
        await wait_until(lambda: cases.find(case) is not None)
    # The worker contests while the client is away; it comes back in time to defend itself.
    contesting = swap(hunt, Side.WORKER, {500: 501})
    async with hunt.build_cases(Side.WORKER, contesting).running():
        await wait_until(lambda: cases.find(case).contested == 500)  # type: ignore[union-attr]
    second = await hunt.open_cases(Side.CHALLENGER)
    assert second.find(case) is not None
    assert (await hunt.wait_ended(second, case)).step is CaseStep.WON
    assert await hunt.fetch_gains() == REFUTED
