"""The bisection referee: each lie loses at both seats, with the money of the market."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import TimeOut
from pekanu.errors import Rejected
from pekanu.machine.isa import OUTPUT_BASE
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState, Status
from pekanu.market import actions as act
from pekanu.market.state import Status as TaskStatus
from pekanu.types import Address
from support.machine import assemble, make_program
from support.referee import BOND, RefereeWorld
from support.runs import VALUE, Change, KnownRun, get_counter_steps, make_counter, scramble
from support.world import CHALLENGER, CLIENT, PRICE, STAKE, STRANGER, WORKER, make_account

TURNS = 20
#: The step that halts, and steps beyond.
HALT = get_counter_steps(TURNS)
STEPS = HALT + 6
PROGRAM = make_counter(TURNS)
#: Traps at its third step.
TRAPPING = make_program(
    [assemble("addi", rd=VALUE, imm=3), assemble("addi", rd=VALUE, imm=4), assemble("ebreak")]
)


def end_otherwise(state: MachineState) -> None:
    state.exit_code = 99


def write_otherwise(state: MachineState) -> None:
    state.memory.write(OUTPUT_BASE + 32, b"\x63")


def go_on(state: MachineState) -> None:
    """Hide that the program has ended."""
    state.status, state.exit_code = Status.RUNNING, 0
    state.pc += 4


def halt_early(state: MachineState) -> None:
    state.status, state.exit_code = Status.HALTED, 1


#: Program, where the lie departs, and what is false from there on.
LIES: dict[str, tuple[Program, int, Change]] = {
    "wrong output": (PROGRAM, HALT - 2, write_otherwise),
    "wrong exit code": (PROGRAM, HALT, end_otherwise),
    "first step": (PROGRAM, 1, scramble),
    "middle": (PROGRAM, HALT // 2, scramble),
    "last step": (PROGRAM, STEPS, scramble),
    "after the halt": (PROGRAM, HALT + 3, scramble),
    "trap hidden": (TRAPPING, 3, go_on),
    "running for halted": (PROGRAM, HALT, go_on),
    "halted for running": (PROGRAM, 7, halt_early),
}


def make_pair(name: str) -> tuple[KnownRun, KnownRun]:
    """Return a true run, and one with a lie."""
    program, departs, change = LIES[name]
    true = KnownRun(program, b"", STEPS)
    return true, KnownRun(program, b"", STEPS, departs=departs, change=change)


def hold_to_refutation(world: RefereeWorld, who: Address = CHALLENGER, bond: int = BOND) -> None:
    """Assert what market.md says of a wrong result."""
    assert world.state.status is TaskStatus.REFUTED
    half = STAKE // 2
    if who == CLIENT:
        assert world.get_gains() == {CLIENT: STAKE + bond, WORKER: -STAKE}
    else:
        assert world.get_gains() == {CLIENT: STAKE - half, WORKER: -STAKE}
        assert world.ledger.get(who) == bond + half
    assert world.ledger.locked == 0


def pay_worker(world: RefereeWorld) -> None:
    world.pass_to(max(world.now, world.state.deadline + 1))
    world.do(act.Finalize(sender=STRANGER, claim_hash=world.claim_hash))


@pytest.mark.parametrize("name", LIES)
def test_dispute__when_the_worker_lies__then_it_is_refuted(name: str) -> None:
    true, false = make_pair(name)
    world = RefereeWorld([true], [false.result])
    world.deliver()
    key = world.challenge()

    assert world.play(key, false, true) is Outcome.REFUTED

    hold_to_refutation(world)


@pytest.mark.parametrize("name", LIES)
def test_dispute__when_the_challenger_lies__then_the_worker_gets_bond_and_price(name: str) -> None:
    true, false = make_pair(name)
    world = RefereeWorld([true])
    world.deliver()
    key = world.challenge()

    assert world.play(key, true, false) is Outcome.UPHELD

    pay_worker(world)
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE + BOND}
    assert world.ledger.locked == 0


def test_dispute__when_the_client_challenges_a_lie__then_all_is_the_clients() -> None:
    true, false = make_pair("middle")
    world = RefereeWorld([true], [false.result])
    world.deliver()
    key = world.challenge(CLIENT, for_client=True)

    assert world.play(key, false, true, CLIENT) is Outcome.REFUTED

    hold_to_refutation(world, CLIENT)


#: Results that are not those of the final state that they name, or of none that anybody knows.
UNOPENABLE: dict[str, tuple[Callable[[KnownRun], dict[str, object]], str]] = {
    "other exit code": (lambda run: {"exit_code": run.result.exit_code + 1}, "other state"),
    "other status": (lambda _: {"status": int(Status.RUNNING)}, "other state"),
    "other output": (lambda _: {"output_root": b"\x07" * 32}, "other output"),
    "empty output": (
        lambda _: {"output_root": KnownRun(TRAPPING, b"", 1).result.output_root, "output_size": 0},
        "other output",
    ),
    "other size": (lambda run: {"output_size": run.result.output_size + 1}, "other size"),
    "unknown state": (lambda _: {"evidence": b"\x08" * 32}, "other state"),
}


@pytest.mark.parametrize("name", UNOPENABLE)
def test_open__when_the_parts_do_not_fit__then_refused_and_the_clock_rules(name: str) -> None:
    true = KnownRun(PROGRAM, b"", STEPS)
    change, reason = UNOPENABLE[name]
    world = RefereeWorld([true], [replace(true.result, **change(true))])
    world.deliver()
    key = world.challenge()
    ends = [STEPS * (i + 1) // 16 for i in range(16)]
    points = [*true.get_roots(ends[:-1]), world.batch.results[0].evidence]

    with pytest.raises(Rejected, match=reason):
        world.move(key, world.build_open(key, points, true.ending))

    world.pass_to(world.cases[key].dispute.place.deadline + 1)
    world.move(key, TimeOut(sender=STRANGER))
    hold_to_refutation(world)


def test_disputes__when_an_accomplice_loses_one_of_ten__then_the_honest_one_still_wins() -> None:
    true, false = make_pair("middle")
    world = RefereeWorld([true], [false.result])
    world.deliver()
    others = [Address(make_account(f"accomplice {i}").address) for i in range(8)]
    for account in others:
        world.chain.evm.set_balance(account, 10**18)
        world.accounts.append(account)
    shills = [world.challenge(account) for account in others]
    honest = world.challenge(CHALLENGER)
    clients = world.challenge(CLIENT, for_client=True)

    # The accomplices lose, by silence and by a lie of their own.
    for account, key in zip(others[:2], shills[:2], strict=True):
        other = KnownRun(PROGRAM, b"", STEPS, departs=3, change=end_otherwise)
        assert world.play(key, false, other, account) is Outcome.UPHELD
    bond = world.cases[honest].bond
    assert bond == 9 * BOND
    assert world.cases[clients].bond == BOND
    assert world.play(honest, false, true) is Outcome.REFUTED

    assert world.state.status is TaskStatus.REFUTED
    assert world.ledger.get(CHALLENGER) == bond + STAKE // 2
    closed = [*shills[2:], clients]
    for key in closed:
        world.do(act.CloseChallenge(sender=STRANGER, number=key))
    for account, key in zip(others[2:], shills[2:], strict=True):
        assert world.ledger.get(account) == world.cases[key].bond
    assert world.ledger.locked == 0


def test_dispute__when_client_and_worker_collude__then_the_challenger_gets_its_half() -> None:
    true, false = make_pair("middle")
    world = RefereeWorld([true], [false.result])
    world.deliver()
    key = world.challenge()
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE - STAKE}

    assert world.play(key, false, true) is Outcome.REFUTED

    assert world.ledger.get(CHALLENGER) == BOND + STAKE // 2
    assert world.ledger.locked == 0


def test_dispute__when_the_task_has_ended__then_no_ruling_moves_money() -> None:
    true, false = make_pair("middle")
    world = RefereeWorld([true], [false.result])
    world.deliver()
    key = world.challenge(CLIENT, for_client=True)
    world.do(act.Settle(sender=STRANGER, claim_hash=world.claim_hash, is_signed=True))
    world.pass_to(world.cases[key].dispute.place.deadline + 1)

    with pytest.raises(Rejected, match="challenge closed"):
        world.move(key, TimeOut(sender=STRANGER))

    world.do(act.CloseChallenge(sender=STRANGER, number=key))
    assert world.get_gains() == {CLIENT: -PRICE, WORKER: PRICE + BOND}
    assert world.ledger.locked == 0


def test_batch__when_one_item_is_wrong__then_it_alone_is_refereed() -> None:
    inputs = [bytes([place]) * place for place in range(5)]
    runs = [KnownRun(PROGRAM, content, STEPS) for content in inputs]
    false = KnownRun(PROGRAM, inputs[3], STEPS, departs=20, change=scramble)
    claimed = [run.result for run in runs]
    claimed[3] = false.result
    world = RefereeWorld(runs, claimed)
    world.deliver()

    right = world.challenge(STRANGER, item=2)
    lying = KnownRun(PROGRAM, inputs[2], STEPS, departs=9, change=scramble)
    assert world.play(right, runs[2], lying, STRANGER) is Outcome.UPHELD
    wrong = world.challenge(CHALLENGER, item=3)
    assert world.play(wrong, false, runs[3]) is Outcome.REFUTED

    assert world.get_gains() == {CLIENT: STAKE - STAKE // 2, WORKER: BOND - STAKE}
    assert world.ledger.locked == 0


def test_challenge__when_the_challenger_refuses_money__then_nobody_is_blocked() -> None:
    true, false = make_pair("middle")
    world = RefereeWorld([true], [false.result])
    refusing = world.deploy_wallet()
    world.deliver()
    key = world.challenge(refusing.address)

    assert world.play(key, false, true, refusing.address) is Outcome.REFUTED

    hold_to_refutation(world, refusing.address)
