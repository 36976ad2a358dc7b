"""What the referee refuses, by name and without a change; clocks at their edges; bonds."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pekanu.dispute.clock import count_moves, get_longest_seconds
from pekanu.dispute.dissection import Dissection, get_ends, pad
from pekanu.dispute.ending import EMPTY_REGION, ProgramParts
from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import Dissect, Expose, Move, Open, Prove, TimeOut, encode_proof
from pekanu.dispute.place import Side
from pekanu.errors import Rejected
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei
from support.referee import BOND, RefereeWorld, to_abi
from support.runs import KnownRun, get_counter_steps, make_counter, scramble
from support.world import AGENT, CHALLENGER, CLIENT, STRANGER, WORKER

PROGRAM = make_counter(20)
STEPS = get_counter_steps(20)
TRUE = KnownRun(PROGRAM, b"", STEPS)
FALSE = KnownRun(PROGRAM, b"", STEPS, departs=20, change=scramble)


@pytest.fixture
def disputed() -> tuple[RefereeWorld, bytes]:
    """Return a lie that was challenged, not opened yet."""
    world = RefereeWorld([TRUE], [FALSE.result])
    world.deliver()
    return world, world.challenge()


def open_it(world: RefereeWorld, key: bytes) -> None:
    move = world.plan(key, Side.WORKER, FALSE, WORKER)
    assert move is not None
    world.move(key, move)


def answer(world: RefereeWorld, key: bytes, side: Side = Side.CHALLENGER) -> Move:
    run, sender = (TRUE, CHALLENGER) if side is Side.CHALLENGER else (FALSE, WORKER)
    move = world.plan(key, side, run, sender)
    assert move is not None
    return move


# --- challenges ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"bond": BOND - 1}, "referee: bond too low"),
        ({"item": 1}, "referee: no such item"),
        ({"for_client": True}, "referee: named as the client's"),
        ({"who": AGENT}, "referee: named as the client's"),
        ({"who": CLIENT}, "referee: named as the client's"),
    ],
)
def test_challenge__when_it_breaks_a_rule__then_refused(
    options: dict[str, Any], reason: str
) -> None:
    world = RefereeWorld([TRUE])
    world.deliver()
    assert world.try_call(lambda: world.call_challenge(**options)) == reason
    world.check()
    world.challenge()


def test_challenge__when_terms_or_claim_are_others__then_refused() -> None:
    world = RefereeWorld([TRUE])
    world.deliver()
    other = replace(world.terms, bond=Wei(0))
    assert world.try_call(lambda: world.call_challenge(terms=other)) == "referee: other terms"
    right = world.batch
    world.claim([FALSE.result])
    assert world.try_call(world.call_challenge) == "market: other claim"
    world.batch = right
    world.challenge()
    assert world.try_call(lambda: world.call_challenge(bond=2 * BOND)) == "referee: number used"


@pytest.mark.parametrize(
    "terms",
    [
        {"max_steps": 0},
        {"clock": Seconds(59)},
        {"clock": Seconds(30 * 86400 + 1)},
        {"extension": Seconds(30 * 86400 + 1)},
        {"first_extension": Seconds(30 * 86400 + 1)},
        {"last_extension": Seconds(30 * 86400 + 1)},
        {"bond": Wei(1 << 80)},
    ],
)
def test_challenge__when_the_terms_cannot_be_played__then_refused(terms: dict[str, Any]) -> None:
    world = RefereeWorld([TRUE], **terms)
    world.deliver()
    assert world.try_call(lambda: world.call_challenge(bond=10**18)) == "referee: unsound terms"


def test_challenge__when_the_agent_speaks_for_the_client__then_admitted() -> None:
    world = RefereeWorld([TRUE], [FALSE.result])
    world.deliver()
    key = world.challenge(AGENT, for_client=True)
    assert world.play(key, FALSE, TRUE, AGENT) is Outcome.REFUTED
    assert world.ledger.get(AGENT) == BOND


def test_challenge__when_others_are_open__then_bond_and_the_workers_clock_grow() -> None:
    world = RefereeWorld([TRUE], clock=Seconds(1000))
    world.deliver()
    found = [world.cases[world.challenge(number=number)] for number in range(20)]
    assert [case.bond for case in found] == [BOND * (i + 1) for i in range(20)]
    shares = [case.dispute.place.worker_left // 1000 for case in found]
    assert shares == [min(i + 1, 16) for i in range(20)]
    clients = world.cases[world.challenge(CLIENT, for_client=True)]
    assert clients.bond == BOND
    second = world.cases[world.challenge(CLIENT, for_client=True, number=1)]
    assert second.bond == 22 * BOND


def test_bond__when_asked_on_chain__then_the_twins() -> None:
    world = RefereeWorld([TRUE])
    world.deliver()
    world.challenge()
    asked = world.task.to_abi(), to_abi(world.terms)
    assert world.referee.call("bond_of", *asked, False) == 2 * BOND
    assert world.referee.call("bond_of", *asked, True) == BOND
    assert world.referee.call("task_id", world.task.to_abi()) == world.task_id
    assert world.referee.call("market").lower() == world.market.address.lower()


# --- openings -----------------------------------------------------------------------------------

OTHER = b"\x11" * 32
OPENINGS: dict[str, tuple[Callable[[Open], Open], str]] = {
    "by another": (lambda m: replace(m, sender=STRANGER), "no such dispute"),
    "other count": (lambda m: replace(m, item=replace(m.item, count=2)), "other position"),
    "other index": (lambda m: replace(m, item=replace(m.item, index=1)), "index out of range"),
    "other extension": (lambda m: replace(m, first_extension=Seconds(1)), "other position"),
    "other program": (lambda m: replace(m, program=replace(m.program, entry=0)), "other position"),
    "far entry": (
        lambda m: replace(m, program=replace(m.program, entry=m.program.entry | 1 << 40)),
        "other position",
    ),
    "long path": (lambda m: replace(m, item=replace(m.item, result_path=(OTHER,))), "position"),
    "long input": (lambda m: replace(m, item=replace(m.item, input_path=(OTHER,))), "position"),
    "other input": (lambda m: replace(m, item=replace(m.item, input_root=OTHER)), "other position"),
    "other result": (
        lambda m: replace(m, item=replace(m.item, result=replace(m.item.result, exit_code=9))),
        "other position",
    ),
    "other registers": (
        lambda m: replace(m, ending=replace(m.ending, registers=(1, 2, 3, 4))),
        "other state",
    ),
    "other scratch": (
        lambda m: replace(m, ending=replace(m.ending, scratch_root=OTHER)),
        "other state",
    ),
    "other length": (
        lambda m: replace(m, ending=replace(m.ending, length_leaf=b"\x05" + bytes(31))),
        "other output",
    ),
    "sibling missing": (
        lambda m: replace(m, ending=replace(m.ending, siblings=m.ending.siblings[1:])),
        "other siblings",
    ),
    "sibling beyond": (
        lambda m: replace(m, ending=replace(m.ending, siblings=(*m.ending.siblings, OTHER))),
        "other siblings",
    ),
    "mask beyond": (
        lambda m: replace(m, ending=replace(m.ending, mask=m.ending.mask | 1 << 255)),
        "other siblings",
    ),
    "mask of the other leaf": (
        lambda m: replace(
            m,
            ending=replace(
                m.ending, mask=m.ending.mask | 1 << 21, siblings=(*m.ending.siblings, OTHER)
            ),
        ),
        "unused siblings",
    ),
    "stray leaf unused": (
        lambda m: replace(m, ending=replace(m.ending, stray_leaf=OTHER)),
        "unused leaf",
    ),
    "stray leaf not there": (
        lambda m: replace(m, ending=replace(m.ending, stray_leaf=OTHER, stray_index=5)),
        "not in the output",
    ),
    "stray index beyond": (
        lambda m: replace(m, ending=replace(m.ending, stray_leaf=OTHER, stray_index=1 << 21)),
        "index out of range",
    ),
    "a last point": (lambda m: replace(m, points=(*m.points, OTHER)), "too many points"),
}


@pytest.mark.parametrize("name", OPENINGS)
def test_open__when_it_shows_something_else__then_refused(
    disputed: tuple[RefereeWorld, bytes], name: str
) -> None:
    world, key = disputed
    good = answer(world, key, Side.WORKER)
    assert isinstance(good, Open)
    change, reason = OPENINGS[name]
    with pytest.raises(Rejected, match=reason):
        world.move(key, change(good))
    world.move(key, good)
    with pytest.raises(Rejected, match="no such dispute"):
        world.move(key, good)


# --- dissections and proofs ---------------------------------------------------------------------

DISSECTIONS: dict[str, tuple[Callable[[Dissect], Move], str]] = {
    "by the other": (lambda m: replace(m, sender=WORKER), "no such dispute"),
    "by a stranger": (lambda m: replace(m, sender=STRANGER), "no such dispute"),
    "of another dissection": (lambda m: replace(m, before=OTHER), "other position"),
    "part beyond": (lambda m: replace(m, part=16), "no such part"),
    "part far beyond": (lambda m: replace(m, part=1 << 200), "no such part"),
    "too many points": (lambda m: replace(m, points=(*m.points, OTHER)), "too many points"),
}


@pytest.mark.parametrize("name", DISSECTIONS)
def test_dissect__when_it_breaks_a_rule__then_refused(
    disputed: tuple[RefereeWorld, bytes], name: str
) -> None:
    world, key = disputed
    open_it(world, key)
    good = answer(world, key)
    assert isinstance(good, Dissect)
    change, reason = DISSECTIONS[name]
    with pytest.raises(Rejected, match=reason):
        world.move(key, change(good))
    world.move(key, good)


def test_dissect__when_not_opened__then_refused(disputed: tuple[RefereeWorld, bytes]) -> None:
    world, key = disputed
    with world.branch():
        open_it(world, key)
        early = answer(world, key)
    assert isinstance(early, Dissect)
    with pytest.raises(Rejected, match="other position"):
        world.move(key, replace(early, sender=WORKER))


def foul(world: RefereeWorld, key: bytes, *, lies: str) -> Expose:
    """Have the challenger dissect what disputes nothing; return what the worker answers."""
    open_it(world, key)
    good = answer(world, key)
    assert isinstance(good, Dissect)
    claimed = world.cases[key].dispute.dissection
    assert claimed is not None
    points = (*good.points[:-1], claimed.points[good.part])
    bad = replace(good, start=OTHER) if lies == "start" else replace(good, points=points)
    world.move(key, bad)
    found = world.plan(key, Side.WORKER, FALSE, WORKER)
    assert isinstance(found, Expose)
    return found


@pytest.mark.parametrize("lies", ["start", "end"])
def test_expose__when_a_dissection_disputes_nothing__then_its_author_loses(
    disputed: tuple[RefereeWorld, bytes], lies: str
) -> None:
    world, key = disputed
    # It is the worker that lied about its result; the challenger is refuted by its own move.
    found = foul(world, key, lies=lies)
    spoiled = {
        "not answered": replace(found, answered=replace(found.answered, start=OTHER)),
        "other position": replace(found, shown=replace(found.shown, part=found.shown.part ^ 1)),
    }
    for reason, move in spoiled.items():
        with pytest.raises(Rejected, match=reason):
            world.move(key, move)
    with world.branch():
        world.pass_to(world.cases[key].dispute.place.deadline + 1)
        with pytest.raises(Rejected, match="clock over"):
            world.move(key, found)
    world.move(key, replace(found, sender=STRANGER))
    assert world.cases[key].dispute.outcome is Outcome.UPHELD
    assert world.ledger.get(CHALLENGER) == 0
    with pytest.raises(Rejected, match="over"):
        world.move(key, found)


def test_expose__when_a_dissection_disputes_something__then_refused(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    open_it(world, key)
    first = world.cases[key].dispute.dissection
    assert first is not None
    early = Expose(sender=WORKER, answered=first, shown=first)
    with pytest.raises(Rejected, match="not answered"):
        world.move(key, early)
    world.move(key, answer(world, key))
    shown = world.cases[key].dispute.dissection
    assert shown is not None
    with pytest.raises(Rejected, match="it disputes something"):
        world.move(key, Expose(sender=WORKER, answered=first, shown=shown))


def reach_proof(world: RefereeWorld, key: bytes) -> Prove:
    """Play until a step is to be proved."""
    open_it(world, key)
    while True:
        side = world.cases[key].dispute.place.turn.side
        move = answer(world, key, side)
        if isinstance(move, Prove):
            return move
        world.move(key, move)


def test_prove__when_the_proof_is_not_the_steps__then_refused_by_name(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    good = reach_proof(world, key)
    case, rng = world.cases[key], random.Random(5)
    shown = encode_proof(good.proof)
    spoiled = [b"", shown[:-32], shown + bytes(32), bytes(len(shown)), bytes(1728)]
    spoiled += [rng.randbytes(rng.randrange(1728)) for _ in range(30)]
    for _ in range(200):
        place = rng.randrange(len(shown))
        spoiled.append(
            shown[:place] + bytes([shown[place] ^ 1 << rng.randrange(8)]) + shown[place + 1 :]
        )
    reasons = set()
    for proof in spoiled:
        with world.branch():
            refused = world.try_call(lambda proof=proof: call_prove(world, case, good, proof))
            if refused is not None:
                reasons.add(refused)
                world.check()
    assert all(reason.startswith(("step: ", "referee: ")) for reason in reasons), reasons
    assert {"step: not the state", "step: not the text", "referee: no step"} <= reasons
    call_prove(world, case, good, shown)


def call_prove(world: RefereeWorld, case: Any, move: Prove, proof: bytes) -> None:
    place = case.dispute.place
    arguments = [place.to_words(), place.mover, move.shown.to_abi(), move.index, proof]
    arguments += [world.task.to_abi(), to_abi(world.terms), move.program.to_abi()]
    world.call_referee("prove", arguments, move.sender)


def test_prove__when_the_part_is_longer_than_a_step__then_refused(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    open_it(world, key)
    claimed = world.cases[key].dispute.dissection
    assert claimed is not None
    long = next(i for i in range(16) if claimed.get_part(i)[1] - claimed.get_part(i)[0] > 1)
    run = FALSE if FALSE.roots[claimed.get_part(long)[0]] == claimed.get_start(long) else TRUE
    proof = run.build_proof(claimed.get_part(long)[0])
    with pytest.raises(Rejected, match="more than one step"):
        world.move(key, world.build_prove(key, CHALLENGER, long, proof))


def test_prove__when_the_step_is_right__then_only_its_disputer_loses(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    good = reach_proof(world, key)
    mover = world.cases[key].dispute.place.mover
    claimed = world.cases[key].dispute.dissection
    assert claimed is not None
    run = TRUE if mover == WORKER else FALSE
    right = next(
        i for i in range(len(claimed.points)) if claimed.points[i] == run.roots[claimed.ends[i]]
    )
    proof = run.build_proof(claimed.get_part(right)[0])
    with pytest.raises(Rejected, match="the step is right"):
        world.move(key, world.build_prove(key, STRANGER, right, proof))
    with world.branch():
        world.move(key, world.build_prove(key, mover, right, proof))
        assert (world.cases[key].dispute.outcome is Outcome.REFUTED) == (mover == WORKER)
    world.move(key, good)
    with pytest.raises(Rejected, match="over"):
        world.move(key, good)


def test_prove__when_for_another_task_or_program__then_refused(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    good = reach_proof(world, key)
    case, right = world.cases[key], world.task
    world.task = replace(right, salt=OTHER)
    refused = world.try_call(lambda: world.call_move(case, good))
    assert refused == "market: no such challenge"
    world.task = replace(right, terms=OTHER)
    assert world.try_call(lambda: world.call_move(case, good)) == "referee: other terms"
    world.task = right
    other = replace(good, program=ProgramParts(text_root=OTHER, image_root=OTHER, entry=0))
    assert world.try_call(lambda: world.call_move(case, other)) == "referee: other program"
    world.check()
    world.move(key, good)


# --- clocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_clock__when_at_its_edge__then_a_move_counts_until_the_last_second(
    disputed: tuple[RefereeWorld, bytes], seconds: int
) -> None:
    world, key = disputed
    for side in (Side.WORKER, Side.CHALLENGER, Side.WORKER):
        move = answer(world, key, side)
        deadline = world.cases[key].dispute.place.deadline
        with world.branch():
            world.pass_to(deadline + seconds)
            if seconds > 0:
                with pytest.raises(Rejected, match="clock over"):
                    world.move(key, move)
                world.move(key, TimeOut(sender=STRANGER))
                outcome = world.cases[key].dispute.outcome
                assert (outcome is Outcome.REFUTED) == (side is Side.WORKER)
            else:
                with pytest.raises(Rejected, match="too early"):
                    world.move(key, TimeOut(sender=STRANGER))
                world.move(key, move)
        world.move(key, move)
        if world.cases[key].dispute.outcome is not None:
            break


def test_clock__when_a_move_takes_less_than_its_extension__then_nothing_is_lost_or_saved(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    place = world.cases[key].dispute.place
    assert place.deadline == world.now + 1000 + 300
    world.pass_to(world.now + 300)
    open_it(world, key)
    assert world.cases[key].dispute.place.worker_left == 1000
    world.pass_to(world.now + 301)
    world.move(key, answer(world, key))
    assert world.cases[key].dispute.place.challenger_left == 999


def test_longest__when_both_use_all_their_time__then_the_bound_holds(
    disputed: tuple[RefereeWorld, bytes],
) -> None:
    world, key = disputed
    started = world.now
    while world.cases[key].dispute.outcome is None:
        place = world.cases[key].dispute.place
        world.pass_to(place.deadline)
        world.move(key, answer(world, key, place.turn.side))
    moves = len(world.cases[key].moves)
    assert moves <= count_moves(STEPS)
    assert world.now - started <= get_longest_seconds(world.terms, share=1)


# --- outputs ------------------------------------------------------------------------------------


def write(address: int, content: bytes) -> Callable[[Any], None]:
    def change(state: Any) -> None:
        state.memory.write(0x0C00_0000 + address, content)

    return change


#: What makes an output region no output: address in it, and bytes.
MALFORMED = {
    "length too long": (0, (2**26 - 31).to_bytes(4, "little")),
    "byte after the length": (4, b"\x01"),
    "last byte of the first leaf": (31, b"\x80"),
    "byte beyond": (32 + 4, b"\x01"),
    "next leaf": (64, b"\x01"),
    "last byte": (2**26 - 1, b"\x01"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_open__when_the_region_is_no_output__then_it_counts_as_empty(name: str) -> None:
    run = KnownRun(PROGRAM, b"", STEPS + 1, departs=STEPS + 1, change=write(*MALFORMED[name]))
    assert (run.result.output_root, run.result.output_size) == (EMPTY_REGION, 0)
    world = RefereeWorld([run])
    world.deliver()
    key = world.challenge()
    move = world.plan(key, Side.WORKER, run, WORKER)
    assert move is not None
    world.move(key, move)
    refuse_as_it_stands(run)


def refuse_as_it_stands(run: KnownRun) -> None:
    """Claim the region's own root: that is no output either."""
    root = run.states[-1].memory.get_region_root(3)
    claimed = replace(run.result, output_root=root, output_size=4)
    world = RefereeWorld([run], [claimed])
    world.deliver()
    key = world.challenge()
    move = world.plan(key, Side.WORKER, run, WORKER)
    assert move is not None
    with pytest.raises(Rejected, match="other output"):
        world.move(key, move)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 1000])
def test_open__when_the_output_has_some_size__then_it_opens(size: int) -> None:
    def change(state: Any) -> None:
        write(0, size.to_bytes(4, "little") + bytes(28) + b"\x77" * size)(state)
        write(32 + size, bytes(32))(state)

    run = KnownRun(PROGRAM, b"", STEPS + 1, departs=STEPS + 1, change=change)
    assert run.result.output_size == size
    world = RefereeWorld([run])
    world.deliver()
    key = world.challenge()
    move = world.plan(key, Side.WORKER, run, WORKER)
    assert move is not None
    world.move(key, move)


# --- bisections of other referees ---------------------------------------------------------------


def test_bisection__when_another_contract_opens_one__then_it_reads_the_outcome() -> None:
    world = RefereeWorld([TRUE])
    world.deliver()
    arguments = build_bisection(world, WORKER, CHALLENGER)
    key = world.referee.call("open_bisection", *arguments, sender=STRANGER)
    logged = dict(world.referee.logs())["BisectionOpened"]
    deadline = logged["place"][2] & (1 << 40) - 1
    root = world.referee.call("commitment_of", key)
    assert int.from_bytes(root, "big") > 2
    place = tuple(logged["place"])
    dissected = FALSE_DISSECTION.root
    call = lambda: world.referee.call(  # noqa: E731
        "time_out_bisection", place, CHALLENGER, dissected, sender=AGENT
    )
    world.pass_to(deadline)
    assert world.try_call(call) == "referee: too early"
    world.pass_to(deadline + 1)
    call()
    assert int.from_bytes(world.referee.call("commitment_of", key), "big") == 1
    again = lambda: world.referee.call("open_bisection", *arguments, sender=STRANGER)  # noqa: E731
    assert world.try_call(again) == "referee: number used"
    none = build_bisection(world, ZERO_ADDRESS, CHALLENGER)
    refused = world.try_call(lambda: world.referee.call("open_bisection", *none, sender=STRANGER))
    assert refused == "referee: no party"


def test_bisection__when_a_step_is_wrong__then_its_author_loses() -> None:
    world = RefereeWorld([TRUE], max_steps=16)
    short, false = (
        KnownRun(PROGRAM, b"", 16),
        KnownRun(PROGRAM, b"", 16, departs=9, change=scramble),
    )
    shown = Dissection(first=0, last=16, start=short.roots[0], points=tuple(false.roots[1:]))
    arguments = list(build_bisection(world, WORKER, CHALLENGER))
    arguments[4] = (*arguments[4][:2], 16, *arguments[4][3:])
    arguments[6] = pad(shown.points)
    key = world.referee.call("open_bisection", *arguments, sender=STRANGER)
    place = tuple(dict(world.referee.logs())["BisectionOpened"]["place"])
    proof = encode_proof(short.build_proof(8))
    named = [STRANGER, OTHER, PROGRAM.text_root]
    prove = ["prove_bisection", place, CHALLENGER, shown.to_abi(), 8, proof]
    wrong = world.try_call(lambda: world.referee.call(*prove, AGENT, *named[1:], sender=AGENT))
    assert wrong == "referee: other bisection"
    market = [world.task.to_abi(), (b"\0" * 32,) * 2 + (0,) * 6, (OTHER, OTHER, 0)]
    wrong = world.try_call(lambda: world.referee.call("prove", *prove[1:], *market, sender=AGENT))
    assert wrong == "referee: not of the market"
    world.referee.call(*prove, *named, sender=AGENT)
    assert int.from_bytes(world.referee.call("commitment_of", key), "big") == 2


FALSE_DISSECTION = Dissection(
    first=0, last=STEPS, start=TRUE.roots[0], points=tuple(FALSE.get_roots(get_ends(0, STEPS)))
)


def build_bisection(world: RefereeWorld, worker: Address, challenger: Address) -> list[Any]:
    return [
        OTHER,
        worker,
        challenger,
        PROGRAM.text_root,
        to_abi(world.terms),
        TRUE.roots[0],
        pad(FALSE_DISSECTION.points),
    ]
