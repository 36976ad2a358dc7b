"""Searches before the ringers' referee: every fault of client and worker, with all balances."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from pekanu.crypto import accumulator as acc
from pekanu.crypto.keccak import keccak256
from pekanu.errors import TransactionReverted
from pekanu.ringers.cases import Kind, Turn, get_case_id, split_proof, split_residue
from pekanu.types import Address
from support.ringer_world import (
    BOND,
    HIGH,
    LOW,
    RINGERS,
    SOLUTIONS,
    RingerWorld,
    get_image,
    get_output,
    make_function,
    make_list,
    run_function,
)
from support.world import AGENT, CLIENT, PRICE, WORKER

SKIPPED = tuple(point for point in SOLUTIONS if point != 777)
#: A list that is honest but for one ringer, and where that would stand.
MISSING = (777, 1, (0, 1))


@pytest.fixture
def honest() -> RingerWorld:
    return RingerWorld()


@pytest.fixture
def skipping() -> RingerWorld:
    return RingerWorld(make_list(SKIPPED))


def test_function__when_run_on_the_machine__then_is_the_native_one() -> None:
    for point in (0, 777, 1 << 40, HIGH):
        run = run_function(point)
        assert run.result.status == 1
        assert run.result.exit_code == 0
        assert run.result.output_size == 4
        assert run.states[-1].memory.read(3 * (1 << 26) + 32, 4) == get_output(point)


# --- step 3: a ringer is missing, or the list is disordered ---------------------------------------


def test_missing__when_a_ringer_is_not_listed__then_the_worker_is_refuted(
    skipping: RingerWorld,
) -> None:
    case = skipping.ask_missing(*MISSING)
    assert (case.kind, case.turn, case.client) == (Kind.MISSING, Turn.ANSWER, CLIENT)
    assert case.id == get_case_id(skipping.task_id, Kind.MISSING, CLIENT, [777])
    assert skipping.get_reason("rule", case) == "ringers: too early"
    skipping.let_pass(case)
    skipping.rule(case)
    skipping.end_refuted()


@pytest.mark.parametrize(
    ("points", "ringer", "index", "places"),
    [
        ((), 777, 0, ()),
        ((2000, 5000), 777, 0, (0,)),
        ((130, 777), 5000, 2, (1,)),
        ((130, 777, 2000, 9999), 5000, 3, (2, 3)),
    ],
)
def test_missing__when_at_an_end_or_in_an_empty_list__then_shown_by_what_is_there(
    points: tuple[int, ...], ringer: int, index: int, places: tuple[int, ...]
) -> None:
    world = RingerWorld(make_list(points, SOLUTIONS))
    world.let_pass(case := world.ask_missing(ringer, index, places))
    world.rule(case)
    world.end_refuted()


def test_missing__when_the_accumulator_holds_it__then_the_list_decides() -> None:
    world = RingerWorld(make_list(SKIPPED, SOLUTIONS))
    case = world.ask_missing(*MISSING)
    assert world.get_reason("prove", case, [777]) == "ringers: asked for something else"
    world.let_pass(case)
    world.rule(case)
    world.end_refuted()


@pytest.mark.parametrize(
    ("index", "places"),
    [(1, (0, 1)), (0, (0,)), (2, (1, 2)), (5, (4,)), (2, (1, 3)), (1, (0,)), (1, ())],
)
def test_missing__when_the_ringer_is_listed__then_nothing_shows_it_missing(
    honest: RingerWorld, index: int, places: tuple[int, ...]
) -> None:
    reason = honest.get_reason("ask_missing", 777, index, places)
    assert reason in {
        "ringers: not between them",
        "ringers: not in the list",
        "ringers: not its neighbours",
    }
    honest.end_paid()


def test_missing__when_more_neighbours_are_shown_than_there_are__then_refused() -> None:
    world = RingerWorld(make_list((2000, 5000), SOLUTIONS))
    assert world.get_reason("ask_missing", 777, 0, (0, 1)) == "ringers: not its neighbours"
    assert world.get_reason("ask_missing", 777, 3, (1,)) == "ringers: no such place"


def test_contest__when_the_ringer_is_true_and_the_client_shows_it__then_the_worker_loses(
    skipping: RingerWorld,
) -> None:
    contested = skipping.contest(skipping.ask_missing(*MISSING), [777])
    assert contested.turn is Turn.DEFENCE
    played = skipping.defend(contested, run_function(777), CLIENT)
    assert skipping.get_reason("rule", played) == "ringers: still played"
    skipping.time_out_bisection()
    skipping.rule(played)
    skipping.end_refuted()


def test_contest__when_the_client_does_not_defend__then_its_bond_is_lost(
    skipping: RingerWorld,
) -> None:
    contested = skipping.contest(skipping.ask_missing(*MISSING), [777])
    assert skipping.get_reason("rule", contested) == "ringers: too early"
    skipping.let_pass(contested)
    late = skipping.get_reason("defend", contested, run_function(777), CLIENT)
    assert late == "ringers: time over"
    skipping.rule(contested)
    skipping.end_paid(BOND)


def test_contest__when_the_ringer_is_false__then_the_worker_keeps_its_price() -> None:
    """The client plants a point that is no solution, with the image of another."""
    image = get_image(130)
    world = RingerWorld(ringers=(200, 777))
    case = world.ask_missing(200, 1, (0, 1), image=image)
    contested = world.contest(case, [200], images=[image])
    true = world.get_reason("defend", contested, run_function(200), CLIENT)
    assert true == "ringers: other points"
    # It claims that the run on 200 ends as one whose output is another point's.
    false = run_function(200, 3)
    assert world.get_reason("defend", contested, false, CLIENT) == "ringers: other points"
    world.let_pass(contested)
    world.rule(contested)
    world.end_paid(BOND)


def test_contest__when_the_client_defends_with_a_false_run__then_the_worker_proves_the_step() -> (
    None
):
    false = run_function(200, 3)
    output = false.states[-1].memory.read(3 * (1 << 26) + 32, 4)
    image = keccak256(output)
    world = RingerWorld(ringers=(200, 777), extra_targets=[image])
    contested = world.contest(world.ask_missing(200, 1, (0, 1), image=image), [200], images=[image])
    played = world.defend(contested, false, CLIENT)
    world.prove_step(played, run_function(200))
    world.rule(played)
    world.end_paid(BOND)


@pytest.mark.parametrize(
    ("points", "places"),
    [
        ((777, 130, 2000, 5000, 9999), (0, 1)),
        ((130, 777, 777, 2000, 5000, 9999), (1, 2)),
        ((130, 777, 2000, 9999, 5000), (3, 4)),
    ],
)
@pytest.mark.parametrize("who", [CLIENT, AGENT])
def test_refute__when_neighbours_do_not_rise__then_at_once(
    points: tuple[int, ...], places: tuple[int, int], who: Address
) -> None:
    world = RingerWorld(make_list(points))
    world.refute(places[0], places, sender=who)
    world.end_refuted()


@pytest.mark.parametrize("outside", [LOW - 1, HIGH, (1 << 256) - 1, 0])
def test_refute__when_a_point_is_outside_the_domain__then_at_once(outside: int) -> None:
    points = sorted((*SOLUTIONS, outside))
    world = RingerWorld(make_list(points))
    world.refute(points.index(outside), (points.index(outside),))
    world.end_refuted()


@pytest.mark.parametrize(
    "changes",
    [{"output": bytes(33)}, {"status": 0}, {"status": 2}, {"exit_code": 1}, {"output_size": 159}],
)
def test_refute__when_the_result_is_no_list__then_at_once(changes: dict[str, object]) -> None:
    world = RingerWorld(make_list(SOLUTIONS, **changes))
    assert world.get_reason("ask_point", 0) == "ringers: no list"
    world.refute()
    world.end_refuted()


@pytest.mark.parametrize("index", [0, 3])
def test_refute__when_the_list_is_in_order__then_refused(honest: RingerWorld, index: int) -> None:
    assert honest.get_reason("refute") == "ringers: it is a list"
    assert honest.get_reason("refute", index, (index,)) == "ringers: in the domain"
    assert honest.get_reason("refute", index, (index, index + 1)) == "ringers: they rise"
    assert honest.get_reason("refute", index, (index + 1, index)) == "ringers: not in the list"
    assert honest.get_reason("refute", index, (index, index)) == "ringers: not in the list"
    assert honest.get_reason("refute", 5, (4,)) == "ringers: no such place"
    assert honest.get_reason("refute", 4, (4, 4)) == "ringers: no such place"
    honest.end_paid()


@pytest.mark.parametrize("who", [WORKER, "0x" + "11" * 20])
def test_refute__when_not_the_client__then_refused(who: Address) -> None:
    """Else a worker could challenge itself, and save half its stake."""
    world = RingerWorld(make_list((777, 130)))
    assert world.get_reason("refute", 0, (0, 1), sender=who) == "ringers: not the client"
    assert world.get_reason("ask_ringers", sender=who, bond=0) in {
        "ringers: not the client",
        "ringers: bond too low",
    }


# --- step 4: the ringers are opened ---------------------------------------------------------------


def test_open_ringers__when_the_worker_answers__then_it_has_the_bond(honest: RingerWorld) -> None:
    case = honest.ask_ringers()
    assert case.kind is Kind.RINGERS
    honest.prove(case, RINGERS)
    honest.end_paid(BOND)


def test_open_ringers__when_nobody_answers__then_the_worker_is_refuted(
    honest: RingerWorld,
) -> None:
    case = honest.ask_ringers()
    honest.let_pass(case)
    assert honest.get_reason("prove", case, RINGERS) == "ringers: time over"
    honest.rule(case)
    honest.end_refuted()


def test_open_ringers__when_one_was_not_accumulated__then_no_proof_helps() -> None:
    world = RingerWorld(make_list(SOLUTIONS, SKIPPED))
    case = world.ask_ringers()
    forged = world.build_proof([5000])
    reason = "ringers: not in the accumulator"
    assert world.get_reason("prove", case, RINGERS, forged) == reason
    assert world.get_reason("prove", case, [5000], forged) == "ringers: other points"
    assert world.get_reason("prove", case, (777, 777), forged) == "ringers: other points"
    world.let_pass(case)
    world.rule(case)
    world.end_refuted()


def test_open_ringers__when_another_accumulator_is_shown__then_refused() -> None:
    world = RingerWorld(make_list(SOLUTIONS, SKIPPED))
    case = world.ask_ringers()
    whole = acc.accumulate(SOLUTIONS)
    world.listed = replace(world.listed, accumulated=SOLUTIONS)
    proof = world.build_proof(RINGERS)
    other = "ringers: other accumulator"
    assert world.get_reason("prove", case, RINGERS, proof, residue=whole) == other
    changed = replace(world.listed.result, evidence=acc.hash_accumulator(whole))
    again = {"residue": whole, "result": changed}
    assert world.get_reason("prove", case, RINGERS, proof, **again) == other


def test_open_ringers__when_contested_and_false__then_the_worker_keeps_its_price() -> None:
    image = get_image(130)
    world = RingerWorld(ringers=(200, 777))
    images = [image, get_image(777)]
    case = world.ask_ringers(images)
    contested = world.contest(case, [200, 777], images=images)
    world.let_pass(contested)
    world.rule(contested)
    world.end_paid(BOND)


def test_open_ringers__when_contested_and_true__then_the_worker_loses(honest: RingerWorld) -> None:
    contested = honest.contest(honest.ask_ringers(), RINGERS, 1)
    assert honest.get_reason("prove", contested, RINGERS) == "ringers: not this move"
    played = honest.defend(contested, run_function(5000), CLIENT)
    honest.time_out_bisection()
    honest.rule(played)
    honest.end_refuted()


@pytest.mark.parametrize("count", [1, 2, 8, 32])
def test_open_ringers__when_there_are_many__then_one_proof_shows_all(count: int) -> None:
    points = tuple(range(LOW, LOW + 40))
    ringers = points[3 : 3 + count]
    world = RingerWorld(
        make_list(points), ringers=ringers, extra_targets=list(map(get_image, points))
    )
    world.prove(world.ask_ringers(), ringers)
    world.end_paid(BOND)


# --- step 5: a listed point is not accumulated, or no solution ------------------------------------


def test_point__when_accumulated__then_the_worker_has_the_bond(honest: RingerWorld) -> None:
    case = honest.ask_point(2)
    assert case.kind is Kind.POINT
    assert honest.get_reason("contest", case, [2000]) == "ringers: asked for something else"
    honest.prove(case, [2000])
    honest.end_paid(BOND)


def test_point__when_not_accumulated__then_the_worker_is_refuted() -> None:
    world = RingerWorld(make_list(SOLUTIONS, SKIPPED))
    case = world.ask_point(1)
    world.let_pass(case)
    world.rule(case)
    world.end_refuted()


def test_solution__when_it_is_one__then_the_worker_shows_the_run(honest: RingerWorld) -> None:
    case = honest.ask_point(3, is_solution=True)
    assert case.kind is Kind.SOLUTION
    assert honest.get_reason("prove", case, [5000]) == "ringers: asked for something else"
    played = honest.defend(case, run_function(5000), WORKER)
    assert honest.get_reason("rule", played) == "ringers: still played"
    honest.time_out_bisection()
    honest.rule(played)
    honest.end_paid(BOND)


def test_solution__when_it_is_none__then_the_worker_cannot_answer() -> None:
    world = RingerWorld(make_list((130, 500, 777, 2000, 5000, 9999)))
    case = world.ask_point(1, is_solution=True)
    none = world.get_reason("defend", case, run_function(500), WORKER)
    assert none == "ringers: not a target"
    other = world.get_reason("defend", case, run_function(777), WORKER)
    assert other == "ringers: other points"
    world.let_pass(case)
    world.rule(case)
    world.end_refuted()


def test_solution__when_defended_with_a_false_run__then_the_client_proves_the_step() -> None:
    false = run_function(500, 3)
    image = keccak256(false.states[-1].memory.read(3 * (1 << 26) + 32, 4))
    listed = make_list((130, 500, 777, 2000, 5000, 9999))
    world = RingerWorld(listed, extra_targets=[image])
    case = world.ask_point(1, is_solution=True)
    played = world.defend(case, false, WORKER)
    world.prove_step(played, run_function(500))
    world.rule(played)
    world.end_refuted()


# --- step 7 and what is refused -------------------------------------------------------------------


def test_nothing__when_the_client_never_acts__then_the_worker_is_paid(honest: RingerWorld) -> None:
    honest.end_paid()


def test_approve__when_challenged_before__then_the_bond_goes_to_the_worker(
    honest: RingerWorld,
) -> None:
    case = honest.ask_ringers()
    honest.market.call("approve", *honest.claimed, sender=CLIENT)
    assert honest.get_reason("prove", case, RINGERS) == "market: challenge closed"
    honest.market.call("close_challenge", honest.task.to_abi(), case.id, sender=WORKER)
    honest.check_end(-PRICE - BOND, PRICE + BOND)


@pytest.mark.parametrize(
    ("ringers", "reason"),
    [
        ((LOW - 1, 777), "ringers: not rising in the domain"),
        ((777, HIGH), "ringers: not rising in the domain"),
        ((777, 777), "ringers: not rising in the domain"),
        ((5000, 777), "ringers: not rising in the domain"),
        ((), "ringers: not an image each"),
    ],
)
def test_open_ringers__when_malformed__then_refused(ringers: tuple[int, ...], reason: str) -> None:
    images = [get_image(130)] * len(ringers)
    world = RingerWorld(ringers=ringers)
    assert world.get_reason("ask_ringers", images) == reason
    world.end_paid()


def test_open_ringers__when_not_those_committed_to__then_refused(honest: RingerWorld) -> None:
    honest.ringers = [130, 777]
    assert honest.get_reason("ask_ringers") == "ringers: other ringers"
    assert honest.get_reason("ask_missing", 777, 1, (0, 1)) == "ringers: other ringers"


def test_open_ringers__when_an_image_is_no_target__then_refused(honest: RingerWorld) -> None:
    honest.targets = [*honest.targets, get_image(4)]
    images = [get_image(4), get_image(5000)]
    assert honest.get_reason("ask_ringers", images) == "ringers: not a target"


@pytest.mark.parametrize("name", ["ask_ringers", "ask_point"])
def test_ask__when_bond_terms_or_repetition_are_wrong__then_refused(
    honest: RingerWorld, name: str
) -> None:
    arguments = [0] if name == "ask_point" else []
    assert honest.get_reason(name, *arguments, bond=BOND - 1) == "ringers: bond too low"
    terms = honest.terms
    honest.terms = replace(terms, bond=0)
    assert honest.get_reason(name, *arguments, bond=0) == "ringers: other terms"
    honest.terms = terms
    case = getattr(honest, name)(*arguments)
    assert honest.get_reason(name, *arguments) == "ringers: asked before"
    again = getattr(honest, name)(*arguments, sender=AGENT)
    assert again.id != case.id


def test_ask__when_the_audit_is_over__then_refused(honest: RingerWorld) -> None:
    honest.pass_to(honest.market.call("state_of", honest.task_id)[2] + 1)
    assert honest.get_reason("ask_ringers") == "market: deadline over"


def test_ask__when_the_task_has_two_items__then_refused() -> None:
    world = RingerWorld(count=2)
    assert world.get_reason("ask_ringers") == "ringers: not one item"


def test_moves__when_the_case_is_changed__then_refused(honest: RingerWorld) -> None:
    case = honest.ask_ringers()
    for changed in (
        replace(case, deadline=case.deadline + 1),
        replace(case, worker=CLIENT),
        replace(case, kind=Kind.POINT),
        replace(case, id=honest.task_id),
    ):
        assert honest.get_reason("prove", changed, RINGERS) == "ringers: other case"
        assert honest.get_reason("rule", changed) == "ringers: other case"
    honest.prove(case, RINGERS)
    assert honest.get_reason("prove", case, RINGERS) == "ringers: other case"
    honest.let_pass(case)
    assert honest.get_reason("rule", case) == "ringers: other case"


def test_moves__when_made_by_others__then_refused(honest: RingerWorld) -> None:
    case = honest.ask_ringers()
    assert honest.get_reason("contest", case, RINGERS, sender=CLIENT) == "ringers: not the worker"
    contested = honest.contest(case, RINGERS)
    run = run_function(777)
    assert honest.get_reason("defend", contested, run, WORKER) == "ringers: not its defender"
    assert honest.get_reason("contest", contested, RINGERS) == "ringers: not this move"


def test_prove__when_for_another_task__then_refused(honest: RingerWorld) -> None:
    case = honest.ask_ringers()
    other = replace(honest.task, salt=honest.task_id)
    assert honest.get_reason("prove", case, RINGERS, task=other) in {
        "market: no such challenge",
        "market: not the referee",
    }


def test_contest__when_other_images_or_run__then_refused(honest: RingerWorld) -> None:
    case = honest.ask_ringers()
    images = [get_image(130), get_image(5000)]
    assert honest.get_reason("contest", case, RINGERS, images=images) == "ringers: other points"
    assert honest.get_reason("contest", case, RINGERS, 2) == "ringers: other points"
    run = replace(honest.run, clock=1)
    assert honest.get_reason("contest", case, RINGERS, run=run) == "ringers: other terms"


def test_defend__when_program_output_or_states_are_others__then_refused(
    honest: RingerWorld,
) -> None:
    contested = honest.contest(honest.ask_ringers(), RINGERS)
    run = run_function(777)
    other = honest.get_reason("defend", contested, run, CLIENT, program=make_function(1))
    assert other == "ringers: other program"
    output = get_output(777) + b"\0"
    assert honest.get_reason("defend", contested, run, CLIENT, output=output) == (
        "ringers: other points"
    )
    states = (*run.roots[1:-1], *[bytes(32)] * 5)
    reason = honest.get_reason("defend", contested, run, CLIENT, states=states)
    assert reason.startswith("referee: other")
    assert honest.get_reason("defend", contested, run, CLIENT, point=778) == (
        "ringers: other points"
    )


def test_point__when_its_run_could_not_be_disputed__then_only_the_accumulator_is_asked() -> None:
    world = RingerWorld(clock=0)
    assert world.get_reason("ask_point", 0, is_solution=True) == "ringers: unsound terms"


def test_prove__when_bytes_are_changed_at_random__then_refused_or_the_same(
    honest: RingerWorld,
) -> None:
    """Every bit counts: of case, task, result, accumulator, points and proof."""
    case = honest.ask_ringers()
    data = honest.referee.encode(
        "prove_ringers",
        case.to_abi(),
        honest.task.to_abi(),
        honest.listed.result.to_abi(),
        split_residue(acc.accumulate(SOLUTIONS)),
        list(RINGERS),
        split_proof(honest.build_proof(RINGERS)),
    )
    rng = Random(3)
    with honest.chain.branch():
        honest.chain.send(honest.referee.address, data, WORKER)
    for _ in range(150):
        changed = bytearray(data)
        changed[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
        before = honest._snapshot()
        with pytest.raises(TransactionReverted):
            honest.chain.send(honest.referee.address, bytes(changed), WORKER)
        assert honest._snapshot() == before
