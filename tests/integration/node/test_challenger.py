"""Challengers on a real chain: lies found and refereed for the reward, and what is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet, Keystore
from pekanu.chain.account import get_development_keys
from pekanu.demo.lies import FalseStates, falsify_output, scramble
from pekanu.dispute.ending import build_result
from pekanu.errors import InvalidMessage
from pekanu.machine.elf import load_elf
from pekanu.machine.program import Program
from pekanu.machine.trace import States, Trace
from pekanu.market.claim import Result
from pekanu.market.state import Status
from pekanu.node.audit_bundle import AuditBundle
from pekanu.node.batch_file import join_items
from pekanu.node.challenger import ChallengerNode, ChallengerOptions, Finding
from pekanu.node.challenger_library import Library
from pekanu.node.client_shelf import ClientShelf
from pekanu.node.dispute_machine import DisputeStep
from pekanu.node.market_desk import MarketDesk
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei
from support.crash import wait_until
from support.duel import BOND, PRICE, STAKE, Arena, Bargain, open_arena
from support.elf import pack_program
from support.moody import MOODY, MOODY_ELF
from support.nodes import TERMS, build_request, open_town
from support.runs import get_counter_steps, make_counter
from support.shell import PASSWORD, Shell

TURNS = 1500
END = get_counter_steps(TURNS)
MAX_STEPS = 4 * END
ELF = pack_program(make_counter(TURNS))
PROGRAM = load_elf(ELF)
HALF = STAKE // 2
Knows = Callable[[Bargain, int], States]


@pytest.fixture
async def arena(
    devnet: Devnet, market_book: AddressBook, tmp_path: Path, accounts: tuple[Account, ...]
) -> AsyncIterator[Arena]:
    async with open_arena(devnet, market_book, tmp_path, accounts) as opened:
        yield opened


def lie(departs: int, change: Callable[..., None] = scramble, item: int = 0) -> Knows:
    def build(bargain: Bargain, which: int) -> States:
        true = Trace(bargain.program, bargain.contents[which])
        return FalseStates(true, departs, change) if which == item else true

    return build


def claim_of(knows: Knows, program: Program, contents: tuple[bytes, ...] = (b"",)) -> list[Result]:
    shell = Bargain(
        task=None,  # type: ignore[arg-type]
        terms=None,  # type: ignore[arg-type]
        claim=None,  # type: ignore[arg-type]
        results=(),
        program=program,
        contents=contents,
        task_id=None,  # type: ignore[arg-type]
    )
    steps = range(len(contents))
    return [build_result(knows(shell, item).get_state(MAX_STEPS)) for item in steps]


def write_bundle(bargain: Bargain, folder: Path, elf: bytes, *, has_results: bool = False) -> Path:
    bundle = AuditBundle(
        task_id=bargain.task_id,
        terms=bargain.terms,
        program=elf,
        input=b"".join(join_items(bargain.contents)),
        count=len(bargain.contents),
        results=bargain.results if has_results else None,
    )
    path = folder / f"{bargain.task_id.hex()}.bundle"
    path.parent.mkdir(exist_ok=True)
    bundle.write(path)
    return path


async def open_challenger(
    arena: Arena, desk: MarketDesk, folder: Path, **options: object
) -> ChallengerNode:
    node = ChallengerNode(
        desk,
        arena.home,
        Library(bundles=[folder]),
        ChallengerOptions(**options),  # type: ignore[arg-type]
    )
    await arena.stack.enter_async_context(node.running())
    return node


async def wait_found(node: ChallengerNode, finding: Finding) -> None:
    await wait_until(lambda: finding in node.findings.values())


async def fetch_ledgers(*desks: MarketDesk) -> list[int]:
    return [await desk.fetch_ledger() for desk in desks]


async def test_challenger__when_a_claim_is_a_lie__then_it_gets_half_the_stake(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    knows = lie(END // 2)
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claim_of(knows, PROGRAM))
    await arena.open_disputes(arena.worker, knows, defends=True)
    desk = await arena.open_desk(accounts[2])
    write_bundle(bargain, tmp_path / "watched", ELF)
    node = await open_challenger(arena, desk, tmp_path / "watched")
    await wait_found(node, Finding.CHALLENGED)
    await wait_until(lambda: not node.disputes.list_tasks())
    (ended,) = node.disputes.list_tasks(live_only=False)
    assert ended.step is DisputeStep.WON
    assert (await arena.fetch_state(bargain)).status is Status.REFUTED
    ledgers = await fetch_ledgers(arena.client, arena.worker, desk)
    assert ledgers == [PRICE + STAKE - HALF, 0, HALF + BOND]


async def test_challenger__when_a_claim_is_right__then_nothing_is_bound(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    bargain = await arena.strike(PROGRAM, MAX_STEPS)
    desk = await arena.open_desk(accounts[2])
    write_bundle(bargain, tmp_path / "watched", ELF)
    node = await open_challenger(arena, desk, tmp_path / "watched")
    await wait_found(node, Finding.RIGHT)
    assert node.disputes.list_tasks(live_only=False) == []


@pytest.mark.parametrize(
    ("options", "finding"),
    [
        ({"max_bound": Wei(BOND - 1)}, Finding.TOO_DEAR),
        ({"min_profit": Wei(HALF)}, Finding.NOT_WORTH),
    ],
)
async def test_challenger__when_it_does_not_pay_or_binds_too_much__then_a_lie_is_left_alone(
    arena: Arena,
    accounts: tuple[Account, ...],
    tmp_path: Path,
    options: dict[str, Wei],
    finding: Finding,
) -> None:
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claim_of(lie(END // 2), PROGRAM))
    desk = await arena.open_desk(accounts[2])
    write_bundle(bargain, tmp_path / "watched", ELF)
    node = await open_challenger(arena, desk, tmp_path / "watched", **options)
    await wait_found(node, finding)
    assert (await arena.fetch_state(bargain)).other_challenges == 0


async def test_challenger__when_named_as_agent_unasked__then_it_does_not_risk_its_bond(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    desk = await arena.open_desk(accounts[2])
    knows = lie(END // 2)
    claimed = claim_of(knows, PROGRAM)
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claimed, agent=desk.address)
    write_bundle(bargain, tmp_path / "watched", ELF)
    node = await open_challenger(arena, desk, tmp_path / "watched")
    await wait_found(node, Finding.UNASKED)
    assert (await arena.fetch_state(bargain)).client_challenges == 0


async def test_challenger__when_asked_to_be_the_agent__then_price_and_stake_are_the_clients(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    desk = await arena.open_desk(accounts[2])
    knows = lie(END // 2)
    claimed = claim_of(knows, PROGRAM)
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claimed, agent=desk.address)
    await arena.open_disputes(arena.worker, knows, defends=True)
    write_bundle(bargain, tmp_path / "watched", ELF)
    asked = frozenset({arena.client.address})
    node = await open_challenger(arena, desk, tmp_path / "watched", agent_for=asked)
    await wait_found(node, Finding.CHALLENGED)
    await wait_until(lambda: not node.disputes.list_tasks())
    ledgers = await fetch_ledgers(arena.client, arena.worker, desk)
    assert ledgers == [PRICE + STAKE, 0, BOND]


async def test_challenger__when_one_item_of_a_batch_is_wrong__then_that_one_is_challenged(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    contents = tuple(b"s item %d" % number for number in range(5))
    knows = lie(40, falsify_output, item=3)
    claimed = claim_of(knows, MOODY, contents)
    bargain = await arena.strike(MOODY, MAX_STEPS, claimed, contents=contents)
    await arena.open_disputes(arena.worker, knows, defends=True)
    desk = await arena.open_desk(accounts[2])
    write_bundle(bargain, tmp_path / "watched", MOODY_ELF)
    node = await open_challenger(arena, desk, tmp_path / "watched")
    await wait_found(node, Finding.NO_RESULTS)
    write_bundle(bargain, tmp_path / "watched", MOODY_ELF, has_results=True)
    await wait_found(node, Finding.CHALLENGED)
    await wait_until(lambda: not node.disputes.list_tasks())
    (ended,) = node.disputes.list_tasks(live_only=False)
    assert (ended.step, ended.item) == (DisputeStep.WON, 3)


async def test_bundle__when_it_is_of_another_task_or_damaged__then_it_says_nothing(
    arena: Arena, tmp_path: Path
) -> None:
    bargain = await arena.strike(PROGRAM, MAX_STEPS)
    path = write_bundle(bargain, tmp_path / "watched", ELF)
    bundle = AuditBundle.read(path)
    assert bundle.is_of(bargain.task)
    assert not bundle.is_of(replace(bargain.task, count=2))
    assert not replace(bundle, program=MOODY_ELF).is_of(bargain.task)
    assert not replace(bundle, input=b"other").is_of(bargain.task)
    assert not replace(bundle, terms=replace(bundle.terms, max_steps=7)).is_of(bargain.task)
    whole = path.read_bytes()
    for cut in (0, 10, 100, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InvalidMessage):
            AuditBundle.read(path)
    assert Library(bundles=[path]).find(bargain.task_id, bargain.task) is None


async def test_command__when_it_looks_once__then_it_plays_to_the_ruling_and_says_what_it_found(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    knows = lie(END // 2)
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claim_of(knows, PROGRAM))
    await arena.open_disputes(arena.worker, knows, defends=True)
    write_bundle(bargain, tmp_path / "watched", ELF)
    arena.book.save(arena.home)
    keystore = Keystore(arena.home / "keystore", work_factor=1 << 12)
    keystore.import_key("carol", get_development_keys(3)[2], PASSWORD)
    shell = Shell(
        home=arena.home,
        variables={"PEKANU_RPC": arena.devnet.rpc, "PEKANU_PASSWORD": PASSWORD},
    )
    bundles = str(tmp_path / "watched")
    start = ("challenger", "start", "--account", "carol", "--once", "--json", "--bundle", bundles)
    run = await asyncio.to_thread(shell, *start)
    (dispute,) = run.json["disputes"]
    assert dispute["step"] == "won"
    assert await arena.worker.fetch_ledger(accounts[2].address) == HALF + BOND
    nothing = await asyncio.to_thread(shell, "challenger", "start", "--account", "carol")
    nothing.assert_refused(2, "nothing is known of any task")
    missing = await asyncio.to_thread(
        shell, "challenger", "bundle", bargain.task_id.hex(), "--out", str(tmp_path / "out")
    )
    missing.assert_refused(2, "does not hold the task")


async def test_shelf__when_the_client_buys_here__then_its_tasks_can_be_watched(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path
) -> None:
    async with open_town(arena.devnet, arena.book, tmp_path / "town") as town:
        await town.open_worker(accounts[5])
        client = await town.open_client(accounts[6])
        handle = await client.submit(build_request(agent=accounts[7].address))
        await handle.result()
        (task,) = handle.get_receipt().tasks
        found = ClientShelf(town.home, accounts[6].address).find(task.task_id)
        assert found is not None
        assert found.is_of(task.task)
        assert task.task.agent == accounts[7].address
        assert task.claim is not None
        assert found.fits(task.claim)
        # The same is guessed of a known input and what a client proposes by default.
        (tmp_path / "inputs").mkdir()
        (tmp_path / "inputs" / "product").write_bytes(found.input)
        guessed = Library(inputs=[tmp_path / "inputs"]).find(task.task_id, task.task)
        assert (guessed is not None) == (TERMS.bond == WorkerTerms().bond)
        assert ClientShelf(town.home, accounts[0].address).find(task.task_id) is None


@pytest.mark.parametrize("events", [1, 2, 3, 5])
async def test_challenger__when_it_is_started_again_within_a_dispute__then_it_goes_on_and_wins(
    arena: Arena, accounts: tuple[Account, ...], tmp_path: Path, events: int
) -> None:
    knows = lie(END // 2)
    bargain = await arena.strike(PROGRAM, MAX_STEPS, claim_of(knows, PROGRAM))
    desk = await arena.open_desk(accounts[2])
    write_bundle(bargain, tmp_path / "watched", ELF)
    library = Library(bundles=[tmp_path / "watched"])
    first = ChallengerNode(desk, arena.home, library)
    defending = await arena.open_disputes(arena.worker, knows, defends=True)
    async with first.running():
        await wait_found(first, Finding.CHALLENGED)
        (begun,) = first.disputes.list_tasks()
        await arena.wait_events(begun.dispute, events)
    # It needs nothing but its journal and what it kept.
    second = ChallengerNode(desk, arena.home, Library())
    await arena.stack.enter_async_context(second.running())
    ended = await arena.wait_ended(second.disputes, begun.dispute)
    assert ended.step is DisputeStep.WON
    assert await desk.fetch_ledger() == HALF + BOND
    assert len(second.disputes.list_tasks(live_only=False)) == 1
    lost = await arena.wait_ended(defending, begun.dispute)
    assert lost.step is DisputeStep.LOST
