"""The pure machines: whatever comes, in any order, nobody does what could hurt it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from pekanu.market.claim import Claim
from pekanu.market.state import ChunkDemand, Status, TaskState
from pekanu.market.task import Task, Terms
from pekanu.node import client_events
from pekanu.node import client_machine as client
from pekanu.node import worker_machine as worker
from pekanu.node.client_events import Ask, ClientCall
from pekanu.node.client_task import ClientStep, ClientTask, SearchFault, WorkerRef
from pekanu.node.court import Trial
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.node.worker_machine import WorkerCall, WorkerStep, WorkerTask
from pekanu.ringers import Domain, SearchTerms
from pekanu.types import Address, Hash32, Seconds, Wei

ALICE = Address("0x" + "1" * 40)
BOB = Address("0x" + "2" * 40)
WORD = Hash32(b"w" * 32)
TERMS = Terms(program_id=WORD, inputs_root=WORD, max_steps=10)
TASK = Task(
    client=ALICE,
    terms=TERMS.hash(),
    price=Wei(100),
    stake=Wei(50),
    offered_until=Seconds(1100),
    compute_window=Seconds(400),
    audit_window=Seconds(200),
    response_window=Seconds(100),
    chunk_fee=Wei(1),
    salt=WORD,
)
CLAIM = Claim(results_root=WORD, ciphertext_root=WORD, key_x=1, key_y=2)
OTHER = replace(CLAIM, key_x=3)
BLOB = BlobRef(blob_id=WORD, size=1)
WORKER_TASK = WorkerTask(
    step=WorkerStep.ACCEPTING,
    task_id=WORD,
    task=TASK,
    terms=TERMS,
    worker=BOB,
    function="matmul",
    input=BLOB,
    steps=10,
    expiry=1120,
)
SHOWN = replace(WORKER_TASK, step=WorkerStep.SHOWING, key=(1 << 253) + 1, blinding=2, claim=CLAIM)
CLIENT_TASK = ClientTask(
    step=ClientStep.ASKING,
    task_id=WORD,
    job_id="job",
    task=TASK,
    terms=TERMS,
    worker=WorkerRef(address=BOB, endpoint="http://127.0.0.1:1", channel_key=WORD),
    function="matmul",
    input=BLOB,
    patience=50,
)


def see(status: Status, *, deadline: int = 1500, **state: object) -> TaskState:
    return TaskState(status=status, worker=BOB, deadline=Seconds(deadline), **state)  # type: ignore[arg-type]


def worker_sees(
    task: WorkerTask, state: TaskState, *, now: int = 1000, is_final: bool = True
) -> worker.WorkerMove:
    return worker.handle(task, worker.ChainSeen(state=state, is_final=is_final, now=Seconds(now)))


def client_sees(
    task: ClientTask,
    state: TaskState,
    *,
    now: int = 1000,
    is_final: bool = True,
    claim: Claim | None = None,
) -> client.ClientMove:
    event = client_events.ChainSeen(state=state, is_final=is_final, now=Seconds(now), claim=claim)
    return client.handle(task, event)


def at(step: ClientStep, **changes: object) -> ClientTask:
    return replace(CLIENT_TASK, step=step, expiry=1120, **changes)  # type: ignore[arg-type]


# --- the worker -----------------------------------------------------------------------------------


def test_worker__when_escrow_stands__then_executes() -> None:
    task, told = worker_sees(WORKER_TASK, see(Status.ACCEPTED))
    assert (task.step, told) == (WorkerStep.EXECUTING, [worker.Execute()])


def test_worker__when_no_escrow_stands__then_does_nothing() -> None:
    assert worker_sees(WORKER_TASK, TaskState()) == (WORKER_TASK, [])


@pytest.mark.parametrize(
    ("now", "is_final", "lapses"), [(1180, True, False), (1181, True, True), (1181, False, False)]
)
def test_worker__when_acceptance_runs_out__then_lapses_only_when_that_is_sure(
    now: int,
    is_final: bool,  # noqa: FBT001
    lapses: bool,  # noqa: FBT001
) -> None:
    task, _ = worker_sees(WORKER_TASK, TaskState(), now=now, is_final=is_final)
    assert (task.step is WorkerStep.LAPSED) is lapses


def test_worker__when_executed__then_key_is_kept_before_sealing() -> None:
    task, told = worker.handle(
        replace(WORKER_TASK, step=WorkerStep.EXECUTING), worker.Executed(key=5, blinding=6)
    )
    assert (task.key, task.blinding, told) == (5, 6, [worker.Seal()])
    assert worker.handle(task, worker.Executed(key=7, blinding=8)) == (task, [])


@pytest.mark.parametrize(("now", "call"), [(1399, None), (1400, WorkerCall.DELIVER)])
def test_worker__when_deadline_is_near__then_delivers(now: int, call: WorkerCall | None) -> None:
    _, told = worker_sees(SHOWN, see(Status.ACCEPTED), now=now)
    assert told == ([worker.Send(call)] if call else [])


def test_worker__when_approved__then_settles_and_near_the_deadline_delivers() -> None:
    task, told = worker.handle(SHOWN, worker.ApprovalTaken(signature=bytes(65)))
    assert told == [worker.Send(WorkerCall.SETTLE)]
    _, told = worker_sees(task, see(Status.ACCEPTED), now=1450)
    assert told == [worker.Send(WorkerCall.DELIVER)]
    _, told = worker_sees(task, see(Status.DELIVERED))
    assert told == [worker.Send(WorkerCall.SETTLE)]


@pytest.mark.parametrize(
    ("state", "call"),
    [
        (see(Status.DEMANDED, key_open=True), WorkerCall.REVEAL_KEY),
        (
            see(Status.DEMANDED, demand=ChunkDemand(item=0, first=0, count=1)),
            WorkerCall.SUPPLY_CHUNKS,
        ),
        (see(Status.DELIVERED, deadline=999), WorkerCall.FINALIZE),
    ],
)
def test_worker__when_it_must_answer_or_may_call__then_it_does(
    state: TaskState, call: WorkerCall
) -> None:
    assert worker_sees(SHOWN, state)[1] == [worker.Send(call)]


def test_worker__when_challenged__then_does_not_finalize() -> None:
    task, told = worker_sees(SHOWN, see(Status.DELIVERED, deadline=999, other_challenges=1))
    assert (task.step, told) == (WorkerStep.DEFENDING, [])


def test_worker__when_the_stake_waits_for_disputes__then_it_is_not_finished() -> None:
    waiting = see(Status.SETTLED, stake_waits=True, other_challenges=1)
    task, told = worker_sees(SHOWN, waiting)
    assert (task.step, told) == (WorkerStep.DEFENDING, [])
    task, told = worker_sees(task, see(Status.SETTLED))
    assert (task.step, told) == (WorkerStep.FINISHED, [worker.Release()])


def test_worker__when_a_dispute_is_still_played__then_its_files_are_kept() -> None:
    event = worker.ChainSeen(
        state=see(Status.SETTLED), is_final=True, now=Seconds(1000), is_disputing=True
    )
    assert worker.handle(SHOWN, event) == (SHOWN, [])


@pytest.mark.parametrize("is_final", [False, True])
def test_worker__when_settled__then_ends_only_when_final(is_final: bool) -> None:  # noqa: FBT001
    task, told = worker_sees(SHOWN, see(Status.SETTLED), is_final=is_final)
    assert (task.step is WorkerStep.FINISHED) is is_final
    assert told == ([worker.Release()] if is_final else [])


def test_worker_task__when_encoded__then_reads_back_with_its_secrets() -> None:
    assert decode_message(WorkerTask, encode_message(SHOWN)) == SHOWN


# --- the client -----------------------------------------------------------------------------------


def test_client__when_acceptance_comes__then_posts() -> None:
    event = client_events.AcceptanceHeld(expiry=1120, signature=bytes(65))
    task, told = client.handle(CLIENT_TASK, event)
    assert (task.step, told) == (ClientStep.POSTING, [client_events.Send(ClientCall.POST_ACCEPTED)])


def test_client__when_acceptance_is_refused__then_abandons() -> None:
    task, told = client.handle(CLIENT_TASK, client_events.AcceptanceRefused(message="busy"))
    assert (task.step, told) == (ClientStep.ABANDONED, [client_events.Close()])


@pytest.mark.parametrize(
    ("now", "told"), [(1100, [client_events.Send(ClientCall.POST_ACCEPTED)]), (1101, [])]
)
def test_client__when_reorganized__then_posts_again_while_it_can(
    now: int, told: list[object]
) -> None:
    task = at(ClientStep.OPENING, claim=CLAIM, has_ciphertext=True)
    assert client_sees(task, TaskState(), now=now) == (task, told)


@pytest.mark.parametrize(("now", "call"), [(1500, None), (1501, ClientCall.EXPIRE)])
def test_client__when_compute_window_is_over__then_expires(
    now: int, call: ClientCall | None
) -> None:
    _, told = client_sees(at(ClientStep.WAITING), see(Status.ACCEPTED), now=now)
    assert told == ([client_events.Send(call)] if call else [Ask.CLAIM])


@pytest.mark.parametrize(
    ("step", "now", "told"),
    [
        (ClientStep.FETCHING, 1349, [Ask.CIPHERTEXT]),
        (ClientStep.FETCHING, 1350, [client_events.Send(ClientCall.DEMAND_CHUNKS)]),
        (ClientStep.OPENING, 1349, [Ask.KEY]),
        (ClientStep.OPENING, 1350, [client_events.Send(ClientCall.DEMAND_KEY)]),
    ],
)
def test_client__when_worker_is_silent_after_delivery__then_demands(
    step: ClientStep, now: int, told: list[object]
) -> None:
    task = at(step, claim=CLAIM, is_claim_on_chain=True)
    assert client_sees(task, see(Status.DELIVERED), now=now, claim=CLAIM)[1] == told


def test_client__when_another_claim_is_delivered__then_begins_again_with_it() -> None:
    task = at(ClientStep.APPROVING, claim=CLAIM, has_ciphertext=True, is_verified=True, key=1)
    task, told = client_sees(task, see(Status.DELIVERED), now=1310, claim=OTHER)
    assert (task.step, task.claim, task.is_verified, task.key) == (
        ClientStep.WAITING,
        OTHER,
        False,
        None,
    )
    assert told == [Ask.CLAIM]


def test_client__when_seal_is_broken_before_delivery__then_complains_after_it() -> None:
    task = at(ClientStep.VERIFYING, claim=CLAIM, has_ciphertext=True, key=1, blinding=2)
    task, told = client.handle(task, client_events.SealBroken())
    assert (task.step, told) == (ClientStep.COMPLAINING, [])
    _, told = client_sees(task, see(Status.DELIVERED), now=1310, claim=CLAIM)
    assert told == [client_events.Send(ClientCall.COMPLAIN)]


@pytest.mark.parametrize(
    ("now", "told"), [(1500, []), (1501, [client_events.Send(ClientCall.FORFEIT)])]
)
def test_client__when_demand_is_overdue__then_forfeits(now: int, told: list[object]) -> None:
    task = at(ClientStep.DEMANDING_CHUNKS, claim=CLAIM, is_claim_on_chain=True)
    assert client_sees(task, see(Status.DEMANDED), now=now, claim=CLAIM)[1] == told


def test_client_task__when_encoded__then_reads_back() -> None:
    task = at(ClientStep.VERIFYING, claim=CLAIM, key=1 << 250, blinding=0)
    assert decode_message(ClientTask, encode_message(task)) == task


def test_client__when_anything_comes_in_any_order__then_approves_only_what_was_verified() -> None:
    rng = random.Random(5)
    events: list[client_events.ClientEvent] = [
        client_events.Funded(),
        client_events.AcceptanceHeld(expiry=1120, signature=bytes(65)),
        client_events.AcceptanceRefused(message="no"),
        client_events.PostRefused(message="no"),
        client_events.ClaimHeld(claim=CLAIM),
        client_events.ClaimHeld(claim=OTHER),
        client_events.CiphertextHeld(),
        client_events.KeyHeld(key=1, blinding=2),
        client_events.PeerLied(message="lied"),
        client_events.OutputVerified(what="checked"),
        client_events.OutputRefused(what="wrong"),
        client_events.SealBroken(),
    ]
    for _ in range(3000):
        task, verified = CLIENT_TASK, None
        for _ in range(30):
            event: client_events.ClientEvent
            if rng.random() < 0.5:
                event = rng.choice(events)
            else:
                event = client_events.ChainSeen(
                    state=see(
                        rng.choice(list(Status)),
                        key_demanded=rng.random() < 0.3,
                        key_open=rng.random() < 0.3,
                    ),
                    is_final=rng.random() < 0.5,
                    now=Seconds(rng.randrange(900, 1700)),
                    claim=rng.choice([None, CLAIM, OTHER]),
                )
            before = task
            task, told = client.handle(task, event)
            if isinstance(event, client_events.OutputVerified) and task.is_verified:
                verified = before.claim if not before.is_verified else verified
            if Ask.APPROVAL in told:
                assert task.is_verified
                assert task.claim == verified
            if not before.step.is_live:
                assert (task, told) == (before, [])


REFUSED = at(ClientStep.REFUSED, claim=CLAIM, is_claim_on_chain=True, verdict="wrong", wrong_item=0)
TRIAL = Trial(is_live=True, is_won=False)


def client_disputes(task: ClientTask, trial: Trial | None) -> client.ClientMove:
    event = client_events.ChainSeen(
        state=see(Status.DELIVERED),
        is_final=True,
        now=Seconds(1310),
        claim=CLAIM,
        trial=trial,
    )
    return client.handle(task, event)


def test_client__when_outputs_are_wrong__then_it_looks_for_the_item_and_challenges_it() -> None:
    verifying = at(ClientStep.VERIFYING, claim=CLAIM, is_claim_on_chain=True)
    task, told = client.handle(verifying, client_events.OutputRefused(what="wrong", item=3))
    assert (task.step, task.wrong_item, told) == (ClientStep.REFUSED, 3, [Ask.CULPRIT])
    task, told = client.handle(task, client_events.CulpritFound(item=3, number=7))
    assert (task.step, task.challenge, told) == (
        ClientStep.CHALLENGING,
        7,
        [client_events.BeginDispute()],
    )
    task, told = client_disputes(task, None)
    assert (task.step, told) == (ClientStep.CHALLENGING, [client_events.BeginDispute()])
    task, told = client_disputes(task, TRIAL)
    assert (task.step, told) == (ClientStep.DISPUTING, [])


def test_client__when_the_claim_is_not_on_chain__then_it_waits_with_the_challenge() -> None:
    task, told = client.handle(
        at(ClientStep.VERIFYING, claim=CLAIM), client_events.OutputRefused(what="wrong", item=0)
    )
    assert (task.step, told) == (ClientStep.REFUSED, [])
    task, told = client_disputes(task, None)
    assert told == [Ask.CULPRIT]


def test_client__when_the_machine_agrees_with_the_claim__then_nothing_is_challenged() -> None:
    task, told = client.handle(REFUSED, client_events.NoCulprit())
    assert (task.step, task.is_resigned, told) == (ClientStep.REFUSED, True, [])
    assert client_disputes(task, None) == (task, [])


def test_client__when_the_audit_is_over__then_nothing_is_challenged() -> None:
    task, told = client_sees(REFUSED, see(Status.DELIVERED, deadline=1500), now=1501, claim=CLAIM)
    assert (task.is_resigned, told) == (True, [])


def test_client__when_its_dispute_is_lost__then_it_resigns_and_says_why() -> None:
    disputing = replace(REFUSED, step=ClientStep.DISPUTING, challenge=7)
    ended = Trial(is_live=False, is_won=False, why="no money for the bond")
    task, told = client_disputes(disputing, ended)
    assert (task.step, task.is_resigned, told) == (ClientStep.REFUSED, True, [])
    assert "no money for the bond" in task.verdict


def test_client__when_its_challenge_is_won__then_it_waits_for_the_task_s_end() -> None:
    disputing = replace(REFUSED, step=ClientStep.DISPUTING, challenge=7)
    assert client_disputes(disputing, Trial(is_live=False, is_won=True)) == (disputing, [])


def test_client__when_a_search_s_list_is_dear_to_publish__then_it_asks_for_the_ringers() -> None:
    search = SearchTerms.build(WORD, Domain(low=0, high=9), [WORD], WORD, Wei(1))
    demanding = at(ClientStep.DEMANDING_CHUNKS, claim=CLAIM, is_claim_on_chain=True, search=search)
    task, told = client.handle(demanding, client_events.ListWithheld(what="withheld"))
    assert (task.step, task.fault, told) == (
        ClientStep.REFUSED,
        SearchFault(kind="ringers"),
        [Ask.CULPRIT],
    )
    # Nobody asks a program's worker for ringers.
    program = replace(demanding, search=None)
    assert client.handle(program, client_events.ListWithheld(what="withheld")) == (program, [])


def test_client__when_a_search_is_at_fault__then_the_fault_is_kept_until_another_claim_comes() -> (
    None
):
    fault = SearchFault(kind="missing", place=1, point=7)
    verifying = at(ClientStep.VERIFYING, claim=CLAIM, is_claim_on_chain=True)
    task, _ = client.handle(
        verifying, client_events.OutputRefused(what="wrong", item=0, fault=fault)
    )
    assert task.fault == fault
    other = replace(CLAIM, key_x=CLAIM.key_x + 1)
    task, _ = client_sees(task, see(Status.DELIVERED), claim=other)
    assert (task.fault, task.wrong_item, task.step) == (None, None, ClientStep.WAITING)


@pytest.mark.parametrize(("challenger", "won"), [(ALICE, 50), (BOB, 25)])
def test_client__when_the_worker_is_refuted__then_its_share_depends_on_who_proved_it(
    challenger: Address, won: int
) -> None:
    event = client_events.ChainSeen(
        state=see(Status.REFUTED), is_final=True, now=Seconds(1310), refuted_by=challenger
    )
    task, _ = client.handle(REFUSED, event)
    assert (task.step, task.ending, task.won_wei) == (ClientStep.FINISHED, "refuted", won)
