from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.market.task import Task, Terms
from pekanu.node.agreement import Agreement
from pekanu.node.dispute_terms import MARGIN, SURE_STEPS, build_terms, get_max_steps
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_messages import QuoteRequest
from pekanu.node.worker_terms import (
    ITEM_WEIGHT,
    PROGRAM_WEIGHT,
    InputFacts,
    Load,
    SearchFacts,
    WorkerTerms,
    build_quote,
    check_load,
    check_task,
    get_expiry,
)
from pekanu.ringers import Domain, SearchTerms
from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Seconds, Wei

WORD, ELSE = Hash32(b"w" * 32), Hash32(b"e" * 32)
ALICE, BOB, CAROL = (Address("0x" + digit * 40) for digit in "123")
TERMS = WorkerTerms(
    base_price=Wei(100),
    gigastep_price=Wei(1000),
    stake=Wei(500),
    bond=Wei(200),
    chunk_fee=Wei(3),
    capacity=2,
    client_capacity=1,
    acceptance_seconds=Seconds(3600),
    referees=(CAROL,),
)
MAX_STEPS = get_max_steps(10**9)
COMPUTATION = build_terms(
    WORD,
    WORD,
    max_steps=MAX_STEPS,
    bond=TERMS.get_bond(MAX_STEPS),
    response_window=TERMS.response_window,
)
FACTS = InputFacts(program_id=WORD, inputs_root=WORD, steps=10**9, largest=10**9)
TASK = Task(
    client=ALICE,
    referee=CAROL,
    terms=COMPUTATION.hash(),
    price=Wei(1000),
    stake=Wei(1000),
    offered_until=Seconds(2000),
    compute_window=TERMS.compute_window,
    audit_window=TERMS.audit_window,
    response_window=TERMS.response_window,
    chunk_fee=Wei(3),
    salt=WORD,
)
FREE = Load(
    tasks=0,
    client_tasks=0,
    weight=0,
    reserved_stake=Wei(0),
    client_reserved_price=Wei(0),
    ledger=Wei(1000),
    client_ledger=Wei(1000),
)
REQUEST = QuoteRequest(
    function="matmul",
    program_id=WORD,
    count=2,
    input_bytes=10,
    steps=5 * 10**9,
    max_steps=10**10,
    output_bytes=10,
)


def wrap(computation: Terms) -> Agreement:
    return Agreement(terms=computation)


def test_build_quote__when_task_fits__then_price_follows_steps() -> None:
    quote = build_quote(TERMS, REQUEST, 0, Seconds(50))
    assert (quote.price, quote.stake, quote.capacity) == (5000, 5000, 2)
    assert quote.expiry == 50 + TERMS.quote_seconds
    # A dispute's gas, and the longest item once more.
    assert quote.bond == 200 + 10_000 // MARGIN
    # A slow client can run everything again in the audit window.
    assert quote.audit_window == TERMS.audit_window + 5 * 10**9 // SURE_STEPS


@pytest.mark.parametrize(
    "changes", [{"count": 0}, {"input_bytes": 1 << 40}, {"steps": TERMS.max_steps + 1}]
)
def test_build_quote__when_task_is_too_large__then_refused(changes: dict[str, int]) -> None:
    with pytest.raises(PeerRefused):
        build_quote(TERMS, replace(REQUEST, **changes), 0, Seconds(50))


def test_get_expiry__when_terms_ask_for_more__then_five_minutes() -> None:
    assert get_expiry(TERMS, Seconds(100)) == 400


def test_check_task__when_it_is_as_quoted__then_taken() -> None:
    check_task(TERMS, TASK, wrap(COMPUTATION), FACTS, Seconds(1000))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"referee": BOB}, "referee"),
        ({"terms": ELSE}, "not for these terms"),
        ({"price": Wei(999)}, "price is 1000"),
        ({"chunk_fee": Wei(2)}, "fee for a chunk"),
        ({"stake": TERMS.get_bond(MAX_STEPS) + 1}, "stake is too high"),
        ({"compute_window": Seconds(599)}, "compute window is too short"),
        ({"audit_window": Seconds(606)}, "audit window is too long"),
        ({"response_window": Seconds(60)}, "response window is too short"),
        ({"offered_until": Seconds(1000)}, "offer is over"),
    ],
)
def test_check_task__when_terms_are_hostile__then_refused(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(PeerRefused, match=reason):
        check_task(TERMS, replace(TASK, **changes), wrap(COMPUTATION), FACTS, Seconds(1000))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, program_id=ELSE), "program is another"),
        (replace(FACTS, inputs_root=ELSE), "input is another"),
        (replace(FACTS, steps=2 * 10**9), "price is 2000"),
    ],
)
def test_check_task__when_input_is_not_what_is_said__then_refused(
    facts: InputFacts, reason: str
) -> None:
    with pytest.raises(PeerRefused, match=reason):
        check_task(TERMS, TASK, wrap(COMPUTATION), facts, Seconds(1000))


def agree(**changes: object) -> tuple[Task, Terms]:
    computation = replace(COMPUTATION, **changes)  # type: ignore[arg-type]
    return replace(TASK, terms=computation.hash()), computation


@pytest.mark.parametrize(
    "changes",
    [
        {"bond": COMPUTATION.bond + 1},
        {"clock": 4 * COMPUTATION.clock},
        {"first_extension": COMPUTATION.first_extension + 1},
    ],
)
def test_check_task__when_a_dispute_gives_more_time_or_bond__then_taken(
    changes: dict[str, int],
) -> None:
    task, computation = agree(**changes)
    check_task(TERMS, task, wrap(computation), FACTS, Seconds(1000))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bond": COMPUTATION.bond - 1}, "bond of a challenge is"),
        ({"bond": 1 << 90}, "no dispute"),
        ({"max_steps": 0}, "no dispute"),
        ({"max_steps": 1 << 63}, "no dispute"),
        ({"clock": 59}, "no dispute"),
        ({"clock": COMPUTATION.clock - 1}, "clock of a dispute is 600 seconds"),
        ({"clock": 4 * COMPUTATION.clock + 1}, "clock of a dispute"),
        ({"extension": COMPUTATION.extension - 1}, "extension of a dispute is"),
        ({"first_extension": COMPUTATION.first_extension - 1}, "first extension"),
        ({"last_extension": COMPUTATION.last_extension - 1}, "last extension"),
    ],
)
def test_check_task__when_a_dispute_could_not_be_played__then_refused(
    changes: dict[str, int], reason: str
) -> None:
    task, computation = agree(**changes)
    task = replace(task, price=Wei(1 << 90))
    with pytest.raises(PeerRefused, match=reason):
        check_task(TERMS, task, wrap(computation), FACTS, Seconds(1000))


def test_check_task__when_more_steps_are_allowed_than_usual__then_they_are_paid_for() -> None:
    task, computation = agree(max_steps=2 * MAX_STEPS, bond=TERMS.get_bond(2 * MAX_STEPS))
    lasting = replace(
        build_terms(
            WORD,
            WORD,
            max_steps=2 * MAX_STEPS,
            bond=computation.bond,
            response_window=TERMS.response_window,
        )
    )
    task = replace(task, terms=lasting.hash())
    with pytest.raises(PeerRefused, match="price is 2000"):
        check_task(TERMS, task, wrap(lasting), FACTS, Seconds(1000))
    check_task(TERMS, replace(task, price=Wei(2000)), wrap(lasting), FACTS, Seconds(1000))


def test_count_steps__when_fewer_are_allowed_than_estimated__then_no_more_are_paid_for() -> None:
    facts = replace(FACTS, steps=30 * 10**9, largest=10 * 10**9)
    assert facts.count_steps(3, 10**9) == 3 * 10**9
    assert facts.count_steps(3, get_max_steps(10 * 10**9)) == 30 * 10**9


def test_check_load__when_there_is_room__then_taken() -> None:
    check_load(TERMS, TASK, FACTS.steps, FREE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tasks": 2}, "busy"),
        ({"client_tasks": 1}, "busy"),
        ({"weight": TERMS.max_steps}, "busy"),
        ({"reserved_stake": Wei(1)}, "busy"),
        ({"client_ledger": Wei(999)}, "funds"),
        ({"client_reserved_price": Wei(1)}, "funds"),
    ],
)
def test_check_load__when_something_is_promised_already__then_refused(
    changes: dict[str, int], code: str
) -> None:
    with pytest.raises(PeerRefused) as caught:
        check_load(TERMS, TASK, FACTS.steps, replace(FREE, **changes))
    assert caught.value.code == code


# --- searches -------------------------------------------------------------------------------------

DOMAIN = Domain(low=5, high=1000)
SEARCH_FACTS = SearchFacts(
    program_id=WORD, max_steps=MAX_STEPS, domain=DOMAIN, targets_root=ELSE, targets=9, steps=10**9
)
FUNCTION = replace(COMPUTATION, inputs_root=ZERO_HASH)
SEARCH = SearchTerms(
    run=FUNCTION.hash(),
    low=5,
    high=1000,
    targets_root=ELSE,
    targets=9,
    ringers_hash=WORD,
    bond=FUNCTION.bond,
)
SEARCHING = replace(TERMS, search_referees=(BOB,))


def build_search_task(search: SearchTerms, **changes: object) -> Task:
    known = {"terms": search.hash(), "referee": BOB, "count": 1, "price": Wei(1000), **changes}
    return replace(TASK, **known)  # type: ignore[arg-type]


def test_check_task__when_a_search_is_what_its_input_says__then_taken() -> None:
    agreed = Agreement(terms=FUNCTION, search=SEARCH)
    check_task(SEARCHING, build_search_task(SEARCH), agreed, SEARCH_FACTS, Seconds(1000))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"low": 4}, "domain is another"),
        ({"high": 1001}, "domain is another"),
        ({"targets": 8}, "targets are other ones"),
        ({"targets_root": WORD}, "targets are other ones"),
        ({"run": WORD}, "not those of a search"),
        ({"bond": Wei(SEARCH.bond - 1)}, "challenge's bond is"),
    ],
)
def test_check_task__when_a_search_is_another__then_refused(
    changes: dict[str, object], reason: str
) -> None:
    search = replace(SEARCH, **changes)  # type: ignore[arg-type]
    agreed = Agreement(terms=FUNCTION, search=search)
    with pytest.raises(PeerRefused, match=reason):
        check_task(SEARCHING, build_search_task(search), agreed, SEARCH_FACTS, Seconds(1000))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"referee": CAROL}, "referee is not known"),
        ({"referee": ZERO_ADDRESS}, "referee is not known"),
        ({"count": 2}, "a search is one item"),
        ({"terms": FUNCTION.hash()}, "not for these terms"),
        ({"price": Wei(999)}, "price is 1000"),
    ],
)
def test_check_task__when_a_search_s_task_is_hostile__then_refused(
    changes: dict[str, object], reason: str
) -> None:
    agreed = Agreement(terms=FUNCTION, search=SEARCH)
    with pytest.raises(PeerRefused, match=reason):
        check_task(
            SEARCHING, build_search_task(SEARCH, **changes), agreed, SEARCH_FACTS, Seconds(1000)
        )


def test_check_task__when_the_function_of_a_search_is_another__then_refused() -> None:
    for function, reason in (
        (replace(FUNCTION, program_id=ELSE), "function is another"),
        (replace(FUNCTION, inputs_root=WORD), "function is another"),
        (replace(FUNCTION, max_steps=MAX_STEPS + 1), "takes up to"),
    ):
        search = replace(SEARCH, run=function.hash())
        agreed = Agreement(terms=function, search=search)
        with pytest.raises(PeerRefused, match=reason):
            check_task(SEARCHING, build_search_task(search), agreed, SEARCH_FACTS, Seconds(1000))


def test_check_task__when_a_program_is_passed_for_a_search__then_refused() -> None:
    """Each kind has a referee of its own: that of the other could not rule on it."""
    agreed = Agreement(terms=COMPUTATION, search=replace(SEARCH, run=COMPUTATION.hash()))
    with pytest.raises(PeerRefused, match="no search"):
        check_task(
            SEARCHING,
            build_search_task(agreed.search or SEARCH, price=Wei(5000)),
            agreed,
            FACTS,
            Seconds(1000),
        )
    with pytest.raises(PeerRefused, match="not those of a search"):
        check_task(SEARCHING, TASK, wrap(COMPUTATION), SEARCH_FACTS, Seconds(1000))


PROGRAM = replace(REQUEST, program_bytes=1000, steps=10**9, max_steps=5 * 10**8)


def test_build_quote__when_it_is_a_program__then_its_limit_is_what_is_priced() -> None:
    assert build_quote(TERMS, PROGRAM, 0, Seconds(50)).price == 1000


@pytest.mark.parametrize(
    ("terms", "changes", "reason"),
    [
        (replace(TERMS, programs=False), {}, "no programs are run"),
        (TERMS, {"program_bytes": TERMS.max_program_bytes + 1}, "a program has at most"),
        # It may run as slowly as can be, and put out as much.
        (TERMS, {"steps": TERMS.max_steps // PROGRAM_WEIGHT}, "items of a program take at most"),
        (TERMS, {"count": TERMS.max_steps // ITEM_WEIGHT}, "items of a program take at most"),
    ],
)
def test_build_quote__when_a_program_is_too_much__then_refused(
    terms: WorkerTerms, changes: dict[str, int], reason: str
) -> None:
    with pytest.raises(PeerRefused, match=reason):
        build_quote(terms, replace(PROGRAM, **changes), 0, Seconds(50))
