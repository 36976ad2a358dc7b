"""What a client does next with a task: a pure state machine, events in, instructions out.

A task here is one try with one worker. Every instruction may be given again, after each look at
the chain and after a restart; whoever performs them does each once at a time and knows what is
done already. The clock comes with the events. What is not here: performing anything (`client`),
the choice of a worker (`quotes`), the next worker after a failure (`client`).
Source: design/market.md, "The two-transaction path" and "States".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final, TypeAlias, assert_never

from pekanu.market.claim import Claim
from pekanu.market.state import Status, TaskState
from pekanu.node.court import Trial
from pekanu.node.peer_messages import BlobRef, Message
from pekanu.node.peer_wire import (
    U32,
    U64,
    U256,
    AddressText,
    ClaimHex,
    Name,
    SearchHex,
    TaskHex,
    TermsHex,
    WalletSignature,
    Word,
)
from pekanu.types import ZERO_HASH, Address, Seconds, Wei


class ClientStep(StrEnum):
    """What the journal says of a client's task; each is written before it is taken."""

    #: The terms are fixed: what the ledger lacks of the price is deposited.
    FUNDING = "funding"
    #: The price is in the ledger: the input goes to the worker and its acceptance is asked for.
    ASKING = "asking"
    #: The acceptance is held: the escrow is posted.
    POSTING = "posting"
    #: The escrow stands: the claim is waited for.
    WAITING = "waiting"
    #: The claim is held: the ciphertext is fetched.
    FETCHING = "fetching"
    #: The ciphertext is held: the key is asked for.
    OPENING = "opening"
    #: The key is held: the outputs are opened and verified.
    VERIFYING = "verifying"
    #: The outputs are verified: the approval is signed and given.
    APPROVING = "approving"
    #: The outputs are wrong but well sealed: never approved; what can be challenged is looked for.
    REFUSED = "refused"
    #: The machine gives another result: the claim is to be challenged.
    CHALLENGING = "challenging"
    #: The challenge is under way (`dispute_machine`).
    DISPUTING = "disputing"
    #: The worker did not deliver: the money is called back.
    EXPIRING = "expiring"
    #: The ciphertext did not come: it is demanded on chain, group by group.
    DEMANDING_CHUNKS = "demanding_chunks"
    #: The key did not come: it is demanded on chain.
    DEMANDING_KEY = "demanding_key"
    #: A demand went unanswered: price and stake are called for.
    FORFEITING = "forfeiting"
    #: The seal is wrong: the place is shown on chain.
    COMPLAINING = "complaining"
    #: Nothing was posted, and nothing can be any more.
    ABANDONED = "abandoned"
    #: The status on chain is final and never left.
    FINISHED = "finished"

    @property
    def is_live(self) -> bool:
        """Return whether anything is left to do."""
        return self not in {ClientStep.ABANDONED, ClientStep.FINISHED}


#: Steps in which the outputs are known to be wrong.
_WRONG: Final = (ClientStep.REFUSED, ClientStep.CHALLENGING, ClientStep.DISPUTING)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRef(Message):
    """Where a worker is reached."""

    address: AddressText
    endpoint: str
    channel_key: Word


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFault(Message):
    """What is wrong with a search, as it is put to the referee."""

    #: `pekanu.ringers.cases.Kind`, by its name.
    kind: Name
    #: In the list: of the wrong point, or where a missing ringer would stand.
    place: U32 | None = None
    #: The missing ringer, or the listed point.
    point: U256 | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientTask(Message):
    """All that a client must know to carry on with a task."""

    step: ClientStep
    task_id: Word
    job_id: Name
    task: TaskHex
    terms: TermsHex
    #: Of a search; with the client's secret: the ringers, and the salt of their commitment.
    search: SearchHex | None = None
    ringers: tuple[U256, ...] = ()
    salt: Word = ZERO_HASH
    worker: WorkerRef
    function: Name
    input: BlobRef
    #: A program of the client's own; None for the function.
    program: BlobRef | None = None
    #: What was to be deposited for it.
    deposit: U256 = 0
    #: Seconds after a delivery for which a silent worker is waited for.
    patience: U32
    #: The worker's acceptance.
    expiry: U64 = 0
    acceptance: WalletSignature | None = None
    #: The claim that this client works on; its results lie beside the ciphertext.
    claim: ClaimHex | None = None
    #: The claim that stands on chain is this one.
    is_claim_on_chain: bool = False
    #: The whole ciphertext, of the claim's root, is held.
    has_ciphertext: bool = False
    key: U256 | None = None
    blinding: U256 | None = None
    #: The worker's node gave something that does not hold; it is asked no more.
    is_distrusted: bool = False
    #: The outputs were verified, or refused, under the policy.
    is_verified: bool = False
    #: What was verified and how, or what is wrong.
    verdict: str = ""
    #: The item that is wrong.
    wrong_item: U32 | None = None
    #: The number of the challenge that was decided upon.
    challenge: U64 | None = None
    #: Nothing more can be done about wrong outputs.
    is_resigned: bool = False
    #: Of a search: what is wrong.
    fault: SearchFault | None = None
    #: Status at the end, by its name.
    ending: str = ""
    #: Whose challenge the referee upheld, if one was.
    refuted_by: AddressText | None = None

    @property
    def is_wrong(self) -> bool:
        """Return whether the outputs are known to be wrong and the end is still open."""
        return self.step in _WRONG

    @property
    def won_wei(self) -> Wei:
        """Return what came of the worker's stake: half of it if others proved the fault."""
        stake = self.task.stake
        if self.ending in ("expired", "forfeited"):
            return stake
        if self.ending != "refuted":
            return Wei(0)
        is_own = self.refuted_by in (self.task.client, self.task.agent)
        return stake if is_own else Wei(stake - stake // 2)


class ClientCall(Enum):
    """A transaction of the client's."""

    #: Put the missing money into the ledger.
    DEPOSIT = "deposit"
    #: Lock price and stake.
    POST_ACCEPTED = "post_accepted"
    #: Take back price and stake.
    EXPIRE = "expire"
    #: Demand the key.
    DEMAND_KEY = "demand_key"
    #: Demand the next group of chunks.
    DEMAND_CHUNKS = "demand_chunks"
    #: Take price and stake for an unanswered demand.
    FORFEIT = "forfeit"
    #: Show the wrong place.
    COMPLAIN = "complain"


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSeen:
    """What the chain says of the task."""

    state: TaskState
    #: The status is final by the node's confirmation rule.
    is_final: bool
    now: Seconds
    #: The claim that stands on chain, once one does.
    claim: Claim | None = None
    #: How the client's own challenge of it stands, once it was begun.
    trial: Trial | None = None
    #: Whose challenge the referee upheld, if one was.
    refuted_by: Address | None = None

    @property
    def is_auditing(self) -> bool:
        """Return whether challenges are still admitted."""
        return self.state.status.is_claimed and self.now <= self.state.deadline


@dataclass(frozen=True, kw_only=True, slots=True)
class Funded:
    """The ledger covers the price."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceHeld:
    """The worker signed exactly this task."""

    expiry: int
    signature: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceRefused:
    """The worker does not sign, or the client does not want it any more."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PostRefused:
    """The chain refuses the escrow, and nothing of it can be mined any more."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimHeld:
    """A claim came, and its results under its root; they are stored."""

    claim: Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class CiphertextHeld:
    """The whole ciphertext is stored and has the claim's root; so are the results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHeld:
    """A key and blinding came that open the claim's commitment."""

    key: int
    blinding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerLied:
    """The worker's node gave what does not hold under its claim."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputVerified:
    """The outputs are those of the claim, and right as far as the policy looks."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputRefused:
    """The outputs are those of the claim, and wrong."""

    what: str
    #: The first that is; None when it is not known to be one item's.
    item: int | None = None
    #: Of a search.
    fault: SearchFault | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListWithheld:
    """A search's list did not come, and publishing it would cost more than the search."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CulpritFound:
    """The machine computes another result of an item; a fresh number for the challenge comes."""

    item: int
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NoCulprit:
    """The machine computes what was claimed, though the policy refuses it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealBroken:
    """The opened seal does not lead to the claim's results; the place is known."""


ClientEvent: TypeAlias = (
    ChainSeen
    | Funded
    | AcceptanceHeld
    | AcceptanceRefused
    | PostRefused
    | ClaimHeld
    | CiphertextHeld
    | KeyHeld
    | PeerLied
    | OutputVerified
    | OutputRefused
    | ListWithheld
    | SealBroken
    | CulpritFound
    | NoCulprit
)


# --- instructions ---------------------------------------------------------------------------------


class Ask(Enum):
    """Something to get, check and come back with."""

    #: Upload the input; get the worker's acceptance.
    ACCEPTANCE = "acceptance"
    #: Get claim and results.
    CLAIM = "claim"
    #: Get the ciphertext.
    CIPHERTEXT = "ciphertext"
    #: Get the key.
    KEY = "key"
    #: Read the key that was opened on chain.
    KEY_ON_CHAIN = "key on chain"
    #: Open and verify the outputs.
    VERDICT = "verdict"
    #: Sign the approval and give it to the worker.
    APPROVAL = "approval"
    #: Run what is wrong on the machine, and find the item to challenge.
    CULPRIT = "culprit"


@dataclass(frozen=True, slots=True)
class BeginDispute:
    """Challenge the wrong item, and play."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a transaction."""

    call: ClientCall


@dataclass(frozen=True, slots=True)
class Close:
    """Give back what the task held here."""


ClientInstruction: TypeAlias = Ask | Send | Close | BeginDispute
ClientMove: TypeAlias = tuple[ClientTask, list[ClientInstruction]]

#: What the worker's node is asked in each step.
_QUESTIONS: Final = {
    ClientStep.ASKING: Ask.ACCEPTANCE,
    ClientStep.WAITING: Ask.CLAIM,
    ClientStep.FETCHING: Ask.CIPHERTEXT,
    ClientStep.OPENING: Ask.KEY,
    ClientStep.VERIFYING: Ask.VERDICT,
    ClientStep.APPROVING: Ask.APPROVAL,
}

#: What a worker that lied is not asked any more.
_PEER_QUESTIONS: Final = frozenset({Ask.CLAIM, Ask.CIPHERTEXT, Ask.KEY})


#: Blocks' times are not exact: only so long after the end can nothing be posted any more.
LAPSE_SECONDS: Final = 60


def get_patience(audit_window: int) -> Seconds:
    """Return how long after a delivery the worker's node may be silent before a demand."""
    return Seconds(min(audit_window // 4, 60))


def get_wake_times(task: ClientTask, state: TaskState) -> list[Seconds]:
    """Return when to look at the chain again, should nothing happen before."""
    if not state.status.is_bound:
        return [Seconds(min(task.expiry, task.task.offered_until) + LAPSE_SECONDS + 1)]
    times = [state.deadline + 1]
    if state.status is Status.DELIVERED:
        times.append(state.deadline - task.task.audit_window + task.patience)
    return [Seconds(time) for time in times]


def handle(task: ClientTask, event: ClientEvent) -> ClientMove:  # noqa: PLR0911 - one return a case
    """Return the task after an event, and what to do; the task is journaled before it is done."""
    if not task.step.is_live:
        return task, []
    match event:
        case ChainSeen():
            return _see_chain(task, event)
        case Funded() | AcceptanceHeld() | AcceptanceRefused() | PostRefused():
            return _hear_before_escrow(task, event)
        case PeerLied():
            return replace(task, is_distrusted=True, verdict=event.message[:500]), []
        case ClaimHeld() | CiphertextHeld() | KeyHeld():
            return _take_delivery(task, event)
        case OutputVerified() | OutputRefused() | SealBroken():
            return _hear_verdict(task, event)
        case ListWithheld():
            return _open_ringers(task, event)
        case CulpritFound() | NoCulprit():
            return _hear_culprit(task, event)
        case _:
            assert_never(event)


def _go(task: ClientTask, step: ClientStep) -> ClientMove:
    question = _QUESTIONS.get(step)
    return replace(task, step=step), [question] if question else []


def _hear_before_escrow(
    task: ClientTask, event: Funded | AcceptanceHeld | AcceptanceRefused | PostRefused
) -> ClientMove:
    is_asking = task.step in (ClientStep.FUNDING, ClientStep.ASKING)
    if is_asking is isinstance(event, PostRefused) or (
        isinstance(event, PostRefused) and task.step is not ClientStep.POSTING
    ):
        return task, []
    match event:
        case Funded():
            return _go(task, ClientStep.ASKING)
        case AcceptanceHeld():
            held = replace(
                task, step=ClientStep.POSTING, expiry=event.expiry, acceptance=event.signature
            )
            return held, [Send(ClientCall.POST_ACCEPTED)]
        case AcceptanceRefused() | PostRefused():
            ended = replace(task, step=ClientStep.ABANDONED, verdict=event.message[:500])
            return ended, [Close()]
        case _:
            assert_never(event)


def _take_delivery(task: ClientTask, event: ClaimHeld | CiphertextHeld | KeyHeld) -> ClientMove:
    match event:
        case ClaimHeld() if task.step is ClientStep.WAITING and task.claim in (None, event.claim):
            return _go(replace(task, claim=event.claim), ClientStep.FETCHING)
        case CiphertextHeld() if task.step in (ClientStep.FETCHING, ClientStep.DEMANDING_CHUNKS):
            return _go(replace(task, has_ciphertext=True), ClientStep.OPENING)
        case KeyHeld() if task.step in (ClientStep.OPENING, ClientStep.DEMANDING_KEY):
            held = replace(task, key=event.key, blinding=event.blinding)
            return _go(held, ClientStep.VERIFYING)
        case _:
            return task, []


def _hear_verdict(
    task: ClientTask, event: OutputVerified | OutputRefused | SealBroken
) -> ClientMove:
    if task.step is not ClientStep.VERIFYING:
        return task, []
    match event:
        case OutputVerified():
            verified = replace(task, is_verified=True, verdict=event.what[:500])
            return _go(verified, ClientStep.APPROVING)
        case OutputRefused():
            refused = replace(
                task,
                step=ClientStep.REFUSED,
                verdict=event.what[:500],
                wrong_item=event.item,
                fault=event.fault,
            )
            return refused, [Ask.CULPRIT] if refused.is_claim_on_chain else []
        case SealBroken():
            # Said on chain once the claim stands there; a worker that delivers none expires.
            calls: list[ClientInstruction] = []
            if task.is_claim_on_chain:
                calls = [Send(ClientCall.COMPLAIN)]
            broken = "the sealed output is not the claimed one"
            return replace(task, step=ClientStep.COMPLAINING, verdict=broken), calls
        case _:
            assert_never(event)


def _open_ringers(task: ClientTask, event: ListWithheld) -> ClientMove:
    """Ask for the ringers where the list itself is not worth its publication."""
    if task.step is not ClientStep.DEMANDING_CHUNKS or task.search is None:
        return task, []
    refused = replace(
        task,
        step=ClientStep.REFUSED,
        verdict=event.what[:500],
        wrong_item=0,
        fault=SearchFault(kind="ringers"),
    )
    return refused, [Ask.CULPRIT]


def _hear_culprit(task: ClientTask, event: CulpritFound | NoCulprit) -> ClientMove:
    if task.step is not ClientStep.REFUSED or task.is_resigned:
        return task, []
    match event:
        case CulpritFound():
            challenging = replace(
                task,
                step=ClientStep.CHALLENGING,
                wrong_item=event.item,
                challenge=event.number,
            )
            return challenging, [BeginDispute()]
        case NoCulprit():
            said = f"{task.verdict}; but the program does compute it, so no referee refuses it"
            return replace(task, is_resigned=True, verdict=said[:500]), []
        case _:
            assert_never(event)


def _see_refused(task: ClientTask, event: ChainSeen) -> ClientMove:
    """Look for what to challenge, challenge it, and see how that ends."""
    if task.is_resigned:
        return task, []
    if task.step is ClientStep.REFUSED:
        if not event.is_auditing:
            return replace(task, is_resigned=True), []
        return task, [Ask.CULPRIT]
    trial = event.trial
    if trial is None:
        return task, [BeginDispute()]
    if trial.is_live or trial.is_won:
        return replace(task, step=ClientStep.DISPUTING), []
    said = f"{task.verdict}; not refereed: {trial.why}"
    return replace(task, step=ClientStep.REFUSED, is_resigned=True, verdict=said[:500]), []


def _see_chain(task: ClientTask, event: ChainSeen) -> ClientMove:
    status = event.state.status
    if status.is_terminal:
        if not event.is_final:
            return task, []
        ended = replace(
            task,
            step=ClientStep.FINISHED,
            ending=status.name.lower(),
            refuted_by=event.refuted_by,
        )
        return ended, [Close()]
    if not status.is_bound:
        return _see_unposted(task, event)
    if task.step in (ClientStep.FUNDING, ClientStep.ASKING, ClientStep.POSTING):
        task = replace(task, step=ClientStep.WAITING)
    if status is Status.ACCEPTED:
        if event.now > event.state.deadline:
            return replace(task, step=ClientStep.EXPIRING), [Send(ClientCall.EXPIRE)]
        return task, _ask_peer(task)
    return _see_claimed(_adopt_claim(task, event), event)


def _see_claimed(task: ClientTask, event: ChainSeen) -> ClientMove:
    status = event.state.status
    if status is Status.DEMANDED and event.now > event.state.deadline:
        return replace(task, step=ClientStep.FORFEITING), [Send(ClientCall.FORFEIT)]
    if task.step is ClientStep.COMPLAINING:
        return task, [Send(ClientCall.COMPLAIN)]
    if task.step in _WRONG:
        return _see_refused(task, event)
    if status is Status.DEMANDED:
        # What the worker's own node gives meanwhile is as good.
        return task, [] if task.step is ClientStep.DEMANDING_CHUNKS else _ask_peer(task)
    return _see_delivered(task, event)


def _see_unposted(task: ClientTask, event: ChainSeen) -> ClientMove:
    if task.step is ClientStep.FUNDING:
        return task, [Send(ClientCall.DEPOSIT)]
    if task.step is ClientStep.ASKING:
        return task, [Ask.ACCEPTANCE]
    end = min(task.expiry, task.task.offered_until)
    if event.now <= end:
        # In later steps a reorganization has taken the escrow back: it is posted again.
        return task, [Send(ClientCall.POST_ACCEPTED)]
    if not event.is_final or event.now <= end + LAPSE_SECONDS:
        return task, []
    ended = replace(
        task, step=ClientStep.ABANDONED, verdict=task.verdict or "the acceptance ran out"
    )
    return ended, [Close()]


def _adopt_claim(task: ClientTask, event: ChainSeen) -> ClientTask:
    """Return the task working on the claim that stands on chain; another one is dropped."""
    if event.claim is None or (task.is_claim_on_chain and task.claim == event.claim):
        return task
    if task.claim == event.claim:
        return replace(task, is_claim_on_chain=True)
    return replace(
        task,
        step=ClientStep.WAITING,
        claim=event.claim,
        is_claim_on_chain=True,
        has_ciphertext=False,
        key=None,
        blinding=None,
        is_verified=False,
        verdict="",
        wrong_item=None,
        fault=None,
        challenge=None,
        is_resigned=False,
    )


def _see_delivered(task: ClientTask, event: ChainSeen) -> ClientMove:
    state = event.state
    silence = event.now - (state.deadline - task.task.audit_window)
    is_out_of_patience = task.is_distrusted or silence >= task.patience
    match task.step:
        case ClientStep.WAITING | ClientStep.FETCHING if is_out_of_patience:
            return replace(task, step=ClientStep.DEMANDING_CHUNKS), [Send(ClientCall.DEMAND_CHUNKS)]
        case ClientStep.DEMANDING_CHUNKS:
            return task, [Send(ClientCall.DEMAND_CHUNKS)]
        case ClientStep.OPENING | ClientStep.DEMANDING_KEY if state.key_demanded:
            return task, [Ask.KEY_ON_CHAIN]
        case ClientStep.OPENING if is_out_of_patience:
            return replace(task, step=ClientStep.DEMANDING_KEY), [Send(ClientCall.DEMAND_KEY)]
        case ClientStep.DEMANDING_KEY:
            return task, [Send(ClientCall.DEMAND_KEY)]
        case _:
            return task, _ask_peer(task)


def _ask_peer(task: ClientTask) -> list[ClientInstruction]:
    question = _QUESTIONS.get(task.step)
    if question is None or (task.is_distrusted and question in _PEER_QUESTIONS):
        return []
    return [question]
