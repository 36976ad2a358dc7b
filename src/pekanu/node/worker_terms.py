"""On what terms a worker works: its prices, its windows, and what it signs.

Pure: the facts of a request come as arguments. What is not here: finding them out (`worker`).
Source: design/market.md, "The two-transaction path".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Final, Protocol

from pekanu.crypto.keccak import keccak256
from pekanu.market.pricing import get_price
from pekanu.market.task import Task
from pekanu.node.agreement import Agreement
from pekanu.node.dispute_terms import MARGIN, find_unfit, get_audit_window, get_max_steps
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_messages import (
    FunctionOffer,
    ProgramOffer,
    Quote,
    QuoteRequest,
)
from pekanu.ringers import Domain
from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Seconds, Wei, parse_wei

#: Tasks at once of a worker that was not told otherwise.
USUAL_CAPACITY: Final = 4
#: Longest time for which collateral and machine time are reserved.
MAX_ACCEPTANCE_SECONDS: Final = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTerms:
    """What a worker asks, and what it takes upon itself."""

    #: Wei for any task, however small.
    base_price: Wei = Wei(10**14)
    #: Wei for a thousand million steps.
    gigastep_price: Wei = Wei(10**15)
    #: Collateral for a task: this, or its price or a challenge's bond if that is more.
    stake: Wei = Wei(5 * 10**15)
    #: Wei of a challenge's bond, beside a run of its item: covers the gas of a whole dispute.
    bond: Wei = Wei(2 * 10**15)
    compute_window: Seconds = Seconds(600)
    audit_window: Seconds = Seconds(600)
    response_window: Seconds = Seconds(600)
    #: Covers the gas of publishing a chunk.
    chunk_fee: Wei = Wei(2 * 10**14)
    #: Tasks that wait or run at once, reserved ones included.
    capacity: int = 64
    #: Of one client at once.
    client_capacity: int = 32
    max_input_bytes: int = 1 << 28
    max_count: int = 1 << 20
    #: What this machine surely does, with all its processors.
    steps_per_second: int = 10**9
    quote_seconds: Seconds = Seconds(120)
    acceptance_seconds: Seconds = Seconds(120)
    #: Functions sold, by name; empty sells the whole catalog.
    functions: tuple[str, ...] = ()
    #: Run programs of clients' own.
    programs: bool = True
    #: Bytes of such a program's file.
    max_program_bytes: int = 1 << 22
    #: Referees whose code is known, beside none at all.
    referees: tuple[Address, ...] = ()
    #: The same for searches, which need one.
    search_referees: tuple[Address, ...] = ()

    @property
    def max_steps(self) -> int:
        """Return the steps of all tasks that wait or run: half of what the window has room for."""
        return self.steps_per_second * self.compute_window // 2

    def knows_referee(self, referee: Address, *, is_search: bool) -> bool:
        """Return whether a referee may rule on a task."""
        if is_search:
            return referee in self.search_referees
        return referee == ZERO_ADDRESS or referee in self.referees

    def get_bond(self, max_steps: int) -> Wei:
        """Return the bond that covers a dispute about an item: its gas, and its run once more."""
        return Wei(self.bond + get_price(max_steps // MARGIN, self.gigastep_price, 0))

    def get_stake(self, price: Wei, max_steps: int) -> Wei:
        """Return the stake of a task: at least the bond, so that proving a lie is worth it."""
        return Wei(max(price, self.stake, self.get_bond(max_steps)))

    def under(self, referee: Address, search_referee: Address) -> WorkerTerms:
        """Return these terms with the referees that may rule on tasks."""
        return replace(self, referees=(referee,), search_referees=(search_referee,))

    def hash(self) -> Hash32:
        """Return what an announcement carries of the terms."""
        return keccak256(repr(astuple(self)).encode())


def parse_terms(options: Mapping[str, str]) -> WorkerTerms:
    """Return terms as the options of `pekanu worker start` give them.

    Args:
        options: By name, without dashes; those that are missing keep their defaults.

    Raises:
        UsageError: An amount or a function's name cannot be read.
    """
    usual = WorkerTerms(capacity=USUAL_CAPACITY)
    capacity = int(options.get("capacity", usual.capacity))
    functions = options.get("functions", "")
    return WorkerTerms(
        base_price=parse_wei(options.get("base-price", usual.base_price)),
        gigastep_price=parse_wei(options.get("gigastep-price", usual.gigastep_price)),
        stake=parse_wei(options.get("stake", usual.stake)),
        compute_window=Seconds(int(options.get("compute-window", usual.compute_window))),
        audit_window=Seconds(int(options.get("audit-window", usual.audit_window))),
        response_window=Seconds(int(options.get("response-window", usual.response_window))),
        capacity=capacity,
        client_capacity=capacity,
        functions=tuple(name.strip() for name in functions.split(",")) if functions else (),
        programs=options.get("programs", "true") == "true",
    )


#: What a step of an unknown program weighs when machine time is reserved: it may be written to run
#: as slowly as can be.
PROGRAM_WEIGHT: Final = 8
#: What an item of it weighs beside its steps: it may put out as much as there is room for, which
#: is to be hashed and sealed.
ITEM_WEIGHT: Final = 10**9


def get_weight(steps: int, count: int, *, is_program: bool) -> int:
    """Return the machine time to reserve for a task, in steps of common speed."""
    return steps * PROGRAM_WEIGHT + count * ITEM_WEIGHT if is_program else steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a worker has promised so far."""

    #: Tasks that hold a slot.
    tasks: int
    #: Those of the client that asks.
    client_tasks: int
    #: Machine time of all tasks that wait or run, in steps.
    weight: int
    #: Stakes of acceptances that are not used yet.
    reserved_stake: Wei
    #: Prices of the asking client's acceptances that are not used yet.
    client_reserved_price: Wei
    #: The worker's free money in the market.
    ledger: Wei
    #: The client's free money in the market.
    client_ledger: Wei


class Facts(Protocol):
    """What the worker found out of an input that it holds."""

    def count_steps(self, count: int, max_steps: int) -> int:
        """Return the steps that are paid for."""

    def weigh(self, steps: int, count: int) -> int:
        """Return the machine time to reserve for so many steps, in steps of common speed."""

    def find_wrong(self, agreement: Agreement) -> str | None:
        """Return why some terms are not those of the input, or None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InputFacts:
    """The facts of a program's inputs."""

    program_id: Hash32
    inputs_root: Hash32
    #: Its own estimate over all items.
    steps: int
    #: That of the largest.
    largest: int
    #: A client's own program: how fast it runs and what it puts out, nobody knows.
    is_program: bool = False

    def count_steps(self, count: int, max_steps: int) -> int:
        """Return the steps that are paid for: the estimate, more if more are allowed than usual."""
        usual = get_max_steps(self.largest)
        if max_steps > usual:
            return -(-self.steps * max_steps // usual)
        return min(self.steps, count * max_steps)

    def weigh(self, steps: int, count: int) -> int:
        """Return the machine time to reserve, in steps of common speed."""
        return get_weight(steps, count, is_program=self.is_program)

    def find_wrong(self, agreement: Agreement) -> str | None:
        """Return why some terms are not those of the input, or None."""
        if agreement.search is not None:
            return "this function is no search"
        if agreement.terms.program_id != self.program_id:
            return "the program is another one"
        if agreement.terms.inputs_root != self.inputs_root:
            return "the input is another one"
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFacts:
    """The facts of a search: what its terms must say but for the ringers, and what it takes."""

    #: Of the function on one point.
    program_id: Hash32
    max_steps: int
    domain: Domain
    targets_root: Hash32
    targets: int
    steps: int

    def count_steps(self, count: int, max_steps: int) -> int:  # noqa: ARG002 - of one item
        """Return the steps of the whole search."""
        return self.steps

    def weigh(self, steps: int, count: int) -> int:  # noqa: ARG002 - of one item
        """Return the machine time to reserve, in steps of common speed."""
        return steps

    def find_wrong(self, agreement: Agreement) -> str | None:
        """Return why some terms are not those of the search, or None."""
        search, run = agreement.search, agreement.terms
        if search is None or search.run != run.hash():
            return "the terms are not those of a search"
        if (run.program_id, run.inputs_root) != (self.program_id, ZERO_HASH):
            return "the function is another one"
        if run.max_steps != self.max_steps:
            return f"the function takes up to {self.max_steps} steps"
        if search.domain != self.domain:
            return "the domain is another one"
        if (search.targets_root, search.targets) != (self.targets_root, self.targets):
            return "the targets are other ones"
        return None


def build_offers(terms: WorkerTerms, programs: Mapping[str, Hash32]) -> tuple[FunctionOffer, ...]:
    """Return what is sold, and for how much."""
    return tuple(
        FunctionOffer(
            name=name,
            program_id=program_id,
            base_price=terms.base_price,
            gigastep_price=terms.gigastep_price,
        )
        for name, program_id in programs.items()
    )


def build_quote(terms: WorkerTerms, request: QuoteRequest, busy: int, now: Seconds) -> Quote:
    """Return a price beside so many busy slots; raises PeerRefused if the task is too large."""
    is_program = request.program_bytes > 0
    _check_size(terms, request.count, request.input_bytes, request.steps, is_program=is_program)
    if is_program:
        check_program(terms, request.program_bytes)
    price = get_price(request.steps, terms.gigastep_price, terms.base_price * request.count)
    return Quote(
        price=price,
        stake=terms.get_stake(price, request.max_steps),
        bond=terms.get_bond(request.max_steps),
        compute_window=terms.compute_window,
        audit_window=get_audit_window(terms.audit_window, request.steps),
        response_window=terms.response_window,
        chunk_fee=terms.chunk_fee,
        expiry=now + terms.quote_seconds,
        capacity=max(0, terms.capacity - busy),
    )


def get_expiry(terms: WorkerTerms, now: Seconds) -> Seconds:
    """Return until when an acceptance that is signed now holds."""
    return Seconds(now + min(terms.acceptance_seconds, MAX_ACCEPTANCE_SECONDS))


def check_task(
    terms: WorkerTerms, task: Task, agreement: Agreement, facts: Facts, now: Seconds
) -> None:
    """Refuse a task whose terms are not this worker's, or not those of its input.

    Raises:
        PeerRefused: With code ``terms``.
    """
    computation, is_search = agreement.terms, agreement.search is not None
    steps = facts.count_steps(task.count, computation.max_steps)
    price = get_price(steps, terms.gigastep_price, terms.base_price * task.count)
    bond = terms.get_bond(computation.max_steps)
    unfit, wrong = None, facts.find_wrong(agreement)
    if task.referee != ZERO_ADDRESS:
        unfit = find_unfit(computation, bond=bond, response_window=task.response_window)
    rules = {
        "the referee is not known here": terms.knows_referee(task.referee, is_search=is_search),
        "the task is not for these terms": task.terms == agreement.hash(),
        "a search is one item": task.count == 1 or not is_search,
        wrong or "": wrong is None,
        "bond and clocks are of no use without a referee": task.referee != ZERO_ADDRESS
        or not any(astuple(computation)[3:]),
        f"the price is {price} wei": task.price >= price,
        f"the fee for a chunk is {terms.chunk_fee} wei": task.chunk_fee >= terms.chunk_fee,
        "the stake is too high": task.stake <= terms.get_stake(task.price, computation.max_steps),
        "the compute window is too short": task.compute_window >= terms.compute_window,
        "the audit window is too long": task.audit_window
        <= get_audit_window(terms.audit_window, steps),
        "the response window is too short": task.response_window >= terms.response_window,
        f"a challenge's bond is {bond} wei": agreement.bond >= bond or not is_search,
        "the offer is over": task.offered_until > now,
        unfit or "": unfit is None,
    }
    for reason, holds in rules.items():
        if not holds:
            raise PeerRefused("terms", reason)


def check_load(terms: WorkerTerms, task: Task, weight: int, load: Load) -> None:
    """Refuse a task for which there is no room, no collateral, or no money of the client's.

    Raises:
        PeerRefused: With code ``busy`` or ``funds``.
    """
    if load.tasks >= terms.capacity or load.client_tasks >= terms.client_capacity:
        raise PeerRefused("busy", "the worker has no free slot", hint="try again later")
    if load.weight + weight > terms.max_steps:
        raise PeerRefused("busy", "the worker has no time left", hint="try again later")
    if load.ledger - load.reserved_stake < task.stake:
        raise PeerRefused("busy", "the worker has no collateral left", hint="try again later")
    if load.client_ledger - load.client_reserved_price < task.price:
        raise PeerRefused(
            "funds",
            "the client's ledger balance does not cover the price",
            hint="deposit into the market first",
        )


def build_program_offer(terms: WorkerTerms) -> ProgramOffer | None:
    """Return on what terms clients' own programs are run; None if they are not."""
    if not terms.programs:
        return None
    return ProgramOffer(
        base_price=terms.base_price,
        gigastep_price=terms.gigastep_price,
        max_steps=(terms.max_steps - ITEM_WEIGHT) // PROGRAM_WEIGHT,
        max_bytes=terms.max_program_bytes,
        max_count=min(terms.max_count, terms.max_steps // ITEM_WEIGHT),
    )


def _check_size(
    terms: WorkerTerms, count: int, input_bytes: int, steps: int, *, is_program: bool
) -> None:
    if not 0 < count <= terms.max_count:
        raise PeerRefused("terms", f"a batch has 1 to {terms.max_count} items here")
    if input_bytes > terms.max_input_bytes:
        raise PeerRefused("terms", f"an input has at most {terms.max_input_bytes} bytes here")
    if get_weight(steps, count, is_program=is_program) <= terms.max_steps:
        return
    if is_program:
        left = max(0, terms.max_steps - count * ITEM_WEIGHT) // PROGRAM_WEIGHT
        raise PeerRefused("terms", f"{count} items of a program take at most {left} steps here")
    raise PeerRefused("terms", f"a task takes at most {terms.max_steps} steps here")


def check_program(terms: WorkerTerms, size: int) -> None:
    """Refuse a client's own program by its size, or any.

    Raises:
        PeerRefused: With code ``terms``.
    """
    if not terms.programs:
        raise PeerRefused("terms", "only functions are sold here, no programs are run")
    if size > terms.max_program_bytes:
        raise PeerRefused("terms", f"a program has at most {terms.max_program_bytes} bytes here")
