"""Disputes between desks on a real chain: every lie at both seats, silence, what ends otherwise."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.demo.lies import (
    Change,
    FalseStates,
    deny_end,
    falsify_exit_code,
    falsify_output,
    hide_trap,
    scramble,
)
from pekanu.dispute.ending import build_result
from pekanu.dispute.game import Dispute, Outcome
from pekanu.dispute.moves import Dissect, Move
from pekanu.dispute.place import Side
from pekanu.dispute.strategy import Plan
from pekanu.machine.program import Program
from pekanu.machine.trace import States, Trace
from pekanu.market.state import Status
from pekanu.node.dispute_machine import DisputeStep
from pekanu.node.dispute_story import fetch_story
from pekanu.node.dispute_subject import Subject
from pekanu.node.market_desk import MarketDesk
from pekanu.types import Address, Hash32
from support.duel import BOND, PRICE, STAKE, Arena, Bargain, open_arena
from support.machine import assemble, make_program
from support.nodes import keep_mining
from support.runs import get_counter_steps, make_counter
from support.shell import Shell

TURNS = 1500
END = get_counter_steps(TURNS)
MAX_STEPS = 10 * END
PROGRAM = make_counter(TURNS)
#: Counts as the other does, and traps where that one halts.
TRAPPING = make_program(
    [
        assemble("addi", rd=8, imm=1000),
        assemble("addi", rd=8, rs1=8, imm=-1 & 0xFFFFFFFF),
        assemble("bne", rs1=8, rs2=0, imm=-4 & 0xFFFFFFFF),
        assemble("ebreak"),
    ]
)
TRAP_END = 2002


@dataclass(frozen=True)
class Lie:
    """What is claimed, beside the truth."""

    departs: int
    change: Change
    program: Program = PROGRAM
    max_steps: int = MAX_STEPS


LIES = {
    "wrong output": Lie(END, falsify_output),
    "wrong exit code": Lie(END, falsify_exit_code),
    "departs at step 1": Lie(1, scramble),
    "departs in the middle": Lie(END // 2, scramble),
    "departs at the last step": Lie(END, scramble),
    "departs after the halt": Lie(END + 7, scramble),
    "hides a trap": Lie(TRAP_END, hide_trap, TRAPPING),
    "runs on after the halt": Lie(END, deny_end),
}


@pytest.fixture
async def arena(
    devnet: Devnet, market_book: AddressBook, tmp_path: Path, accounts: tuple[Account, ...]
) -> AsyncIterator[Arena]:
    async with open_arena(devnet, market_book, tmp_path, accounts) as opened:
        yield opened


def know(lie: Lie | None = None) -> Callable[[Bargain, int], States]:
    def build(bargain: Bargain, item: int) -> States:
        true = Trace(bargain.program, bargain.contents[item])
        return true if lie is None else FalseStates(true, lie.departs, lie.change)

    return build


async def fetch_gains(arena: Arena, *desks: MarketDesk) -> list[int]:
    return [await desk.fetch_ledger() for desk in (arena.client, arena.worker, *desks)]


@pytest.mark.parametrize("name", LIES)
async def test_dispute__when_the_worker_lies__then_refuted(
    arena: Arena, accounts: tuple[Account, ...], name: str
) -> None:
    lie = LIES[name]
    true = Trace(lie.program, b"")
    claimed = build_result(FalseStates(true, lie.departs, lie.change).get_state(lie.max_steps))
    bargain = await arena.strike(lie.program, lie.max_steps, [claimed])
    await arena.open_disputes(arena.worker, know(lie), defends=True)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know())
    dispute = arena.challenge(disputes, desk, bargain)
    ended = await arena.wait_ended(disputes, dispute)
    assert ended.step is DisputeStep.WON
    assert (await arena.fetch_state(bargain)).status is Status.REFUTED
    half = STAKE // 2
    assert await fetch_gains(arena, desk) == [PRICE + STAKE - half, 0, half + BOND]


@pytest.mark.parametrize("name", LIES)
async def test_dispute__when_the_challenger_lies__then_the_worker_gets_the_bond_and_is_paid(
    arena: Arena, accounts: tuple[Account, ...], name: str
) -> None:
    lie = LIES[name]
    bargain = await arena.strike(lie.program, lie.max_steps)
    defending = await arena.open_disputes(arena.worker, know(), defends=True)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know(lie))
    dispute = arena.challenge(disputes, desk, bargain)
    ended = await arena.wait_ended(defending, dispute)
    assert ended.step is DisputeStep.WON
    assert (await arena.fetch_state(bargain)).status is Status.DELIVERED
    assert await fetch_gains(arena, desk) == [0, BOND, 0]
    arena.devnet.advance_time(bargain.task.audit_window + 1)
    finalize = arena.worker.market.finalize(bargain.task, bargain.claim)
    await arena.worker.send(finalize, task_id=bargain.task_id, name="finalize")
    assert await fetch_gains(arena, desk) == [0, BOND + PRICE + STAKE, 0]


async def test_dispute__when_the_output_is_not_the_final_states__then_it_cannot_be_opened(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    true = build_result(Trace(PROGRAM, b"").get_state(MAX_STEPS))
    claimed = replace(true, output_root=Hash32(b"x" * 32))
    bargain = await arena.strike(PROGRAM, MAX_STEPS, [claimed])
    await arena.open_disputes(arena.worker, know(), defends=True)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know())
    dispute = arena.challenge(disputes, desk, bargain)
    ended = await arena.wait_ended(disputes, dispute, lets_time_pass=True)
    assert ended.step is DisputeStep.WON
    assert (await arena.fetch_state(bargain)).status is Status.REFUTED
    assert (await fetch_gains(arena, desk))[2] == STAKE // 2 + BOND


async def test_dispute__when_the_client_challenges_a_right_result__then_its_bond_is_the_workers(
    arena: Arena,
) -> None:
    bargain = await arena.strike(PROGRAM, MAX_STEPS)
    defending = await arena.open_disputes(arena.worker, know(), defends=True)
    disputes = await arena.open_disputes(arena.client, know())
    dispute = arena.challenge(disputes, arena.client, bargain)
    ended = await arena.wait_ended(defending, dispute, lets_time_pass=True)
    assert ended.step is DisputeStep.WON
    lost = disputes.find(dispute)
    assert lost is not None
    assert await fetch_gains(arena) == [0, BOND]
    lost = await arena.wait_ended(disputes, dispute)
    assert lost.step is DisputeStep.LOST


async def test_disputes__when_an_accomplice_loses_one_of_ten__then_the_liar_is_still_refuted(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    lie = LIES["departs in the middle"]
    true = Trace(lie.program, b"")
    claimed = build_result(FalseStates(true, lie.departs, lie.change).get_state(lie.max_steps))
    bargain = await arena.strike(lie.program, lie.max_steps, [claimed])
    defending = await arena.open_disputes(arena.worker, know(lie), defends=True)
    accomplice = await arena.open_desk(accounts[2])
    # It says what the liar says, and so has nothing to dispute.
    lost = await arena.open_disputes(accomplice, know(lie))
    first = arena.challenge(lost, accomplice, bargain)
    await arena.wait_events(first, 2)
    await arena.wait_ended(defending, first, lets_time_pass=True)
    assert (await arena.fetch_state(bargain)).status is Status.DELIVERED
    desks = [await arena.open_desk(account) for account in accounts[3:6]]
    plays = [await arena.open_disputes(desk, know()) for desk in desks]
    others = [
        (play, arena.challenge(play, desk, bargain))
        for desk, play in zip(desks, plays, strict=True)
        for _ in range(3)
    ]
    ended = [await arena.wait_ended(play, dispute) for play, dispute in others]
    steps = [one.step for one in ended]
    assert steps.count(DisputeStep.WON) == 1
    assert set(steps) <= {DisputeStep.WON, DisputeStep.CLOSED, DisputeStep.UNADMITTED}
    assert (await arena.fetch_state(bargain)).status is Status.REFUTED
    gains = await fetch_gains(arena, *desks)
    # The accomplice's bond went to the worker; all others came back, one with half the stake.
    assert gains[1] == BOND
    assert sum(gains[2:]) == STAKE // 2 + sum(
        _get_bond(arena, one.dispute) for one in ended if one.step is not DisputeStep.UNADMITTED
    )


def _get_bond(arena: Arena, dispute: Hash32) -> int:
    record = arena.client.referees.disputes.find(dispute)
    assert record is not None
    return record.tell().bond


async def test_dispute__when_client_and_worker_collude__then_the_stake_waits_for_the_challenger(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    lie = LIES["wrong output"]
    true = Trace(lie.program, b"")
    claimed = build_result(FalseStates(true, lie.departs, lie.change).get_state(lie.max_steps))
    bargain = await arena.strike(lie.program, lie.max_steps, [claimed])
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know())
    dispute = arena.challenge(disputes, desk, bargain)
    await arena.wait_events(dispute, 1)
    approve = arena.client.market.approve(bargain.task, bargain.claim)
    await arena.client.send(approve, task_id=bargain.task_id, name="approve")
    await arena.open_disputes(arena.worker, know(lie), defends=True)
    ended = await arena.wait_ended(disputes, dispute)
    assert ended.step is DisputeStep.WON
    half = STAKE // 2
    assert await fetch_gains(arena, desk) == [STAKE - half, PRICE, half + BOND]


async def test_dispute__when_a_reorganization_takes_moves_back__then_it_is_played_again(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    lie = LIES["departs in the middle"]
    bargain = await arena.strike(PROGRAM, MAX_STEPS)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know(lie))
    dispute = arena.challenge(disputes, desk, bargain)
    defending = await arena.open_disputes(arena.worker, know(), defends=True)
    await arena.wait_events(dispute, 3)
    arena.devnet.reorganize(2)
    ended = await arena.wait_ended(defending, dispute)
    assert ended.step is DisputeStep.WON
    assert await fetch_gains(arena, desk) == [0, BOND, 0]


async def test_dispute__when_its_ruling_is_reorganized_away__then_the_party_was_not_sure_of_it(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    lie = LIES["departs in the middle"]
    claimed = build_result(
        FalseStates(Trace(PROGRAM, b""), lie.departs, lie.change).get_state(MAX_STEPS)
    )
    bargain = await arena.strike(PROGRAM, MAX_STEPS, [claimed])
    arena.confirmations = 3
    await arena.open_disputes(arena.worker, know(lie), defends=True)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know())
    dispute = arena.challenge(disputes, desk, bargain)
    for _ in range(2):
        # Not in another task: however slow this one is, a ruling gets at most one block upon it.
        async with asyncio.timeout(60):
            while (await arena.fetch_state(bargain)).status is not Status.REFUTED:
                arena.devnet.mine()
                await asyncio.sleep(0.1)
        task = disputes.find(dispute)
        assert task is not None
        assert task.step.is_live
        arena.devnet.reorganize(2)
        assert (await arena.fetch_state(bargain)).status is Status.DELIVERED
    with keep_mining(arena.devnet):
        ended = await arena.wait_ended(disputes, dispute)
    assert ended.step is DisputeStep.WON
    half = STAKE // 2
    assert await fetch_gains(arena, desk) == [PRICE + STAKE - half, 0, half + BOND]


class DisputingNothing(Subject):
    """Dissects with the end that the other side has claimed."""

    def build_move(self, plan: Plan, dispute: Dispute, sender: Address) -> Move:
        move = super().build_move(plan, dispute, sender)
        if isinstance(move, Dissect) and dispute.dissection is not None:
            end = dispute.dissection.points[move.part]
            return replace(move, points=(*move.points[:-1], end))
        return move


async def test_dissection__when_it_disputes_nothing__then_it_is_exposed_and_its_author_loses(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    bargain = await arena.strike(PROGRAM, MAX_STEPS)
    desk = await arena.open_desk(accounts[2])
    false = know(LIES["departs in the middle"])
    disputes = await arena.open_disputes(desk, false, kind=DisputingNothing)
    dispute = arena.challenge(disputes, desk, bargain)
    defending = await arena.open_disputes(arena.worker, know(), defends=True)
    ended = await arena.wait_ended(defending, dispute)
    assert ended.step is DisputeStep.WON
    record = arena.worker.referees.disputes.find(dispute)
    assert record is not None
    story = await fetch_story(arena.worker.chain, record)
    assert (story.exposed, story.proved, story.outcome) == (Side.CHALLENGER, None, Outcome.UPHELD)
    assert [move.what for move in story.moves][-1] == "expose"
    assert await fetch_gains(arena, desk) == [0, BOND, 0]


async def test_story__when_a_lie_was_proved__then_the_instruction_and_what_each_said(
    arena: Arena, accounts: tuple[Account, ...]
) -> None:
    lie = LIES["wrong exit code"]
    true = Trace(PROGRAM, b"")
    claimed = build_result(FalseStates(true, lie.departs, lie.change).get_state(MAX_STEPS))
    bargain = await arena.strike(PROGRAM, MAX_STEPS, [claimed])
    await arena.open_disputes(arena.worker, know(lie), defends=True)
    desk = await arena.open_desk(accounts[2])
    disputes = await arena.open_disputes(desk, know())
    dispute = arena.challenge(disputes, desk, bargain)
    await arena.wait_ended(disputes, dispute)
    await arena.wait_events(dispute, len(desk.referees.disputes.find(dispute).logged))  # type: ignore[union-attr]
    record = arena.client.referees.disputes.find(dispute)
    assert record is not None
    story = await fetch_story(arena.client.chain, record)
    proved = story.proved
    assert proved is not None
    assert proved.shown is not None
    assert (proved.step, proved.shown.instruction) == (END - 1, "ecall")
    assert (proved.shown.after.status, proved.shown.after.exit_code) == ("halted", 7)
    assert proved.after == true.get_roots([END])[0]
    assert (proved.claimed == proved.after) is (proved.claimed_by is Side.CHALLENGER)
    assert (story.turn, story.outcome, story.max_steps) == (None, Outcome.REFUTED, MAX_STEPS)
    names = [move.what for move in story.moves]
    assert names[:2] == ["challenge", "open"]
    assert names[-1] == "prove"
    lengths = [move.last - move.first for move in story.moves]
    assert lengths == sorted(lengths, reverse=True)
    await check_shell(arena, bargain, dispute)


async def check_shell(arena: Arena, bargain: Bargain, dispute: Hash32) -> None:
    arena.book.save(arena.home)
    shell = Shell(home=arena.home, variables={"PEKANU_RPC": arena.devnet.rpc})
    listed = await asyncio.to_thread(shell, "dispute", "--json")
    assert [one["dispute"] for one in json.loads(listed.out)] == ["0x" + dispute.hex()]
    found = await asyncio.to_thread(shell, "dispute", dispute.hex()[:12], "--json")
    document = json.loads(found.out)
    assert document["proved"]["instruction"] == "ecall"
    assert document["outcome"] == "refuted"
    assert document["proved"]["after"]["exit_code"] == 7
    shown = await asyncio.to_thread(shell, "dispute", bargain.task_id.hex()[:12])
    assert "ruled against the worker, by one instruction" in shown.out
    assert "ecall" in shown.out
    missing = await asyncio.to_thread(shell, "dispute", "0xabcdef")
    assert missing.code == 2
