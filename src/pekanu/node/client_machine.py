"""What a client does next with a task: a pure state machine, events in, instructions out.

A task here is one try with one worker. Every instruction may be given again, after each look at
the chain and after a restart; whoever performs them does each once at a time and knows what is
done already. The clock comes with the events. What is not here: performing anything (`client`),
the choice of a worker (`quotes`), the next worker after a failure (`client`).
Source: design/market.md, "The two-transaction path" and "States".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias, assert_never

from pekanu.market.state import Status, TaskState
from pekanu.node.client_events import (
    AcceptanceHeld,
    AcceptanceRefused,
    Ask,
    BeginDispute,
    ChainSeen,
    CiphertextHeld,
    ClaimHeld,
    ClientCall,
    ClientEvent,
    ClientInstruction,
    Close,
    CulpritFound,
    Funded,
    KeyHeld,
    ListWithheld,
    NoCulprit,
    OutputRefused,
    OutputVerified,
    PeerLied,
    PostRefused,
    SealBroken,
    Send,
)
from pekanu.node.client_task import ClientStep, ClientTask, SearchFault
from pekanu.types import Seconds

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
    if task.is_wrong:
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
