"""What a worker does next with a task: a pure state machine, events in, instructions out.

Every instruction may be given again, after each look at the chain and after a restart; whoever
performs them does each once at a time and knows what is done already. Clock and randomness come
with the events. What is not here: performing anything (`worker`), whether to accept a task
(`worker_policy`).
Source: design/market.md, "The two-transaction path".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, TypeAlias, assert_never

from pekanu.market.state import Status, TaskState
from pekanu.node.market_wire import ClaimHex, SearchHex, TaskHex, TermsHex
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U64, U256, AddressText, Name, WalletSignature, Word
from pekanu.types import Seconds


class WorkerStep(StrEnum):
    """What the journal says of a worker's task; each is written before it is taken."""

    #: Collateral and machine time are reserved; the acceptance is signed and given.
    ACCEPTING = "accepting"
    #: The escrow stands; the program runs.
    EXECUTING = "executing"
    #: Key and blinding are drawn; the outputs are sealed under them.
    SEALING = "sealing"
    #: Claim and ciphertext are shown to the client, and the key once the escrow is final.
    SHOWING = "showing"
    #: The deadline is near and nothing is settled: the claim goes on chain.
    DELIVERING = "delivering"
    #: The claim stands on chain and the client may object.
    AUDITED = "audited"
    #: The client's approval is held: it goes on chain.
    SETTLING = "settling"
    #: The key was demanded: it is opened on chain.
    REVEALING = "revealing"
    #: Chunks were demanded: they are published on chain.
    SUPPLYING = "supplying"
    #: Challenges are open: it defends itself in each (`dispute_machine`).
    DEFENDING = "defending"
    #: The audit is over: payment is called for.
    FINALIZING = "finalizing"
    #: It could not be computed here; nothing but the end is left.
    FAILED = "failed"
    #: The acceptance ran out unused.
    LAPSED = "lapsed"
    #: The status on chain is final and never left.
    FINISHED = "finished"

    @property
    def is_live(self) -> bool:
        """Return whether anything is left to do."""
        return self not in {WorkerStep.LAPSED, WorkerStep.FINISHED}


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerTask(Message):
    """All that a worker must know to carry on with a task, secrets included."""

    step: WorkerStep
    task_id: Word
    task: TaskHex
    terms: TermsHex
    #: Of a search.
    search: SearchHex | None = None
    worker: AddressText
    function: Name
    input: BlobRef
    #: The client's own program; None for the function.
    program: BlobRef | None = None
    #: Machine time reserved for it, in steps.
    steps: U64
    #: Last second at which the acceptance can be used.
    expiry: U64
    #: The seal's key and blinding; None before they are drawn.
    key: U256 | None = None
    blinding: U256 | None = None
    claim: ClaimHex | None = None
    #: Bytes of the whole ciphertext file.
    ciphertext_size: U64 = 0
    #: The client's, over this claim.
    approval: WalletSignature | None = None
    #: Why it failed, or how it ended.
    message: str = ""


class WorkerCall(Enum):
    """A transaction of the worker's."""

    #: Put the claim on chain.
    DELIVER = "deliver"
    #: Be paid on the client's approval.
    SETTLE = "settle"
    #: Open the key.
    REVEAL_KEY = "reveal_key"
    #: Publish the demanded chunks.
    SUPPLY_CHUNKS = "supply_chunks"
    #: Be paid after the audit.
    FINALIZE = "finalize"


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSeen:
    """What the chain says of the task."""

    state: TaskState
    #: The status is final by the node's confirmation rule.
    is_final: bool
    now: Seconds
    #: A dispute about it is still played here.
    is_disputing: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Executed:
    """The outputs are there; a fresh key and blinding come along."""

    key: int
    blinding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionBroken:
    """The program could not be run."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Sealed:
    """The outputs are sealed under the journaled key."""

    claim: ClaimHex
    ciphertext_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalTaken:
    """The client's approval of exactly this claim came, and its signature holds."""

    signature: bytes


WorkerEvent: TypeAlias = ChainSeen | Executed | ExecutionBroken | Sealed | ApprovalTaken


# --- instructions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Execute:
    """Run the program over the input."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal the outputs under the journaled key."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a transaction."""

    call: WorkerCall


@dataclass(frozen=True, slots=True)
class Release:
    """Give back collateral, machine time and the input."""


WorkerInstruction: TypeAlias = Execute | Seal | Send | Release
WorkerMove: TypeAlias = tuple[WorkerTask, list[WorkerInstruction]]


#: Blocks' times are not exact: only so long after its expiry is an acceptance surely of no use.
LAPSE_SECONDS: Final = 60


def get_margin(compute_window: int) -> Seconds:
    """Return how long before the compute deadline the claim goes on chain at the latest."""
    return Seconds(min(compute_window // 4, 120))


def get_wake_times(task: WorkerTask, state: TaskState) -> list[Seconds]:
    """Return when to look at the chain again, should nothing happen before."""
    if not state.status.is_bound:
        return [Seconds(task.expiry + LAPSE_SECONDS + 1)]
    times = [state.deadline + 1]
    if state.status is Status.ACCEPTED:
        times.append(state.deadline - get_margin(task.task.compute_window))
    return [Seconds(time) for time in times]


def handle(task: WorkerTask, event: WorkerEvent) -> WorkerMove:  # noqa: PLR0911 - one return a case
    """Return the task after an event, and what to do; the task is journaled before it is done."""
    match event:
        case ChainSeen():
            return _see_chain(task, event)
        case Executed():
            if task.step is not WorkerStep.EXECUTING:
                return task, []
            sealing = replace(task, step=WorkerStep.SEALING, key=event.key, blinding=event.blinding)
            return sealing, [Seal()]
        case ExecutionBroken():
            if task.step is not WorkerStep.EXECUTING:
                return task, []
            return replace(task, step=WorkerStep.FAILED, message=event.message[:500]), []
        case Sealed():
            if task.step is not WorkerStep.SEALING:
                return task, []
            return replace(
                task,
                step=WorkerStep.SHOWING,
                claim=event.claim,
                ciphertext_size=event.ciphertext_size,
            ), []
        case ApprovalTaken():
            if task.claim is None or not task.step.is_live or task.approval is not None:
                return task, []
            settling = replace(task, step=WorkerStep.SETTLING, approval=event.signature)
            return settling, [Send(WorkerCall.SETTLE)]
        case _:
            assert_never(event)


def _see_chain(task: WorkerTask, event: ChainSeen) -> WorkerMove:  # noqa: PLR0911 - one return a case
    if not task.step.is_live:
        return task, []
    status = event.state.status
    if event.state.stake_waits:
        # The price has moved; the stake waits for disputes that are still to be won.
        return replace(task, step=WorkerStep.DEFENDING), []
    if status.is_terminal:
        if not event.is_final or event.is_disputing:
            return task, []
        ended = replace(task, step=WorkerStep.FINISHED, message=status.name.lower())
        return ended, [Release()]
    if not status.is_bound:
        # A reorganization may have taken the escrow back; it can come again while this holds.
        if event.is_final and event.now > task.expiry + LAPSE_SECONDS:
            return replace(task, step=WorkerStep.LAPSED), [Release()]
        return task, []
    if task.claim is None:
        return _prepare_claim(task)
    return _see_claimed(task, event)


def _prepare_claim(task: WorkerTask) -> WorkerMove:
    match task.step:
        case WorkerStep.ACCEPTING | WorkerStep.EXECUTING:
            return replace(task, step=WorkerStep.EXECUTING), [Execute()]
        case WorkerStep.SEALING:
            return task, [Seal()]
        case _:
            return task, []


def _see_claimed(task: WorkerTask, event: ChainSeen) -> WorkerMove:  # noqa: PLR0911 - one return a case
    state, now = event.state, event.now
    if state.status is Status.ACCEPTED:
        margin = get_margin(task.task.compute_window)
        # An approval in hand is no reason to wait: an expired task pays nothing.
        if now >= state.deadline - margin:
            return _send(task, WorkerStep.DELIVERING, WorkerCall.DELIVER)
        if task.approval is not None:
            return _send(task, WorkerStep.SETTLING, WorkerCall.SETTLE)
        return replace(task, step=WorkerStep.SHOWING), []
    if task.approval is not None:
        return _send(task, WorkerStep.SETTLING, WorkerCall.SETTLE)
    if state.status is Status.DEMANDED:
        if state.key_open:
            return _send(task, WorkerStep.REVEALING, WorkerCall.REVEAL_KEY)
        return _send(task, WorkerStep.SUPPLYING, WorkerCall.SUPPLY_CHUNKS)
    if state.client_challenges + state.other_challenges:
        return replace(task, step=WorkerStep.DEFENDING), []
    if now > state.deadline:
        return _send(task, WorkerStep.FINALIZING, WorkerCall.FINALIZE)
    return replace(task, step=WorkerStep.AUDITED), []


def _send(task: WorkerTask, step: WorkerStep, call: WorkerCall) -> WorkerMove:
    return replace(task, step=step), [Send(call)]
