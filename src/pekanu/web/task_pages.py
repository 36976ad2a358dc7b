"""A task's page: what the chain says of it, and what this node knows if it is its client.

What is not here: doing anything (`actions`), drawing the output (`results`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pekanu import catalog
from pekanu.catalog import Function
from pekanu.errors import PekanuError, UsageError
from pekanu.market.moves import Outlook, get_outlook
from pekanu.market.state import Status
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import ClientJob
from pekanu.node.client_role import ROLE
from pekanu.node.client_task import ClientStep, ClientTask
from pekanu.node.peer_wire import decode_message
from pekanu.types import ZERO_ADDRESS, Hash32, Wei, format_wei
from pekanu.web.accounts import OpenClient, load_jobs
from pekanu.web.activities import ACTIVITIES, describe_event
from pekanu.web.challenge_pages import build_challenge
from pekanu.web.dispute_pages import build_dispute_list
from pekanu.web.fold import FoldedTask
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer
from pekanu.web.views.dispute import DisputeList
from pekanu.web.views.result import ReceiptLine, ReceiptView, ResultView, Verification
from pekanu.web.views.task import Action, Fact, StateBadge, TaskPage, TimelineStep
from pekanu.web.wording import (
    build_badge,
    build_moment,
    build_money,
    build_preparation,
    format_span,
    link_address,
    link_task,
    link_transaction,
)

_POLICIES: Final = {
    "recompute": "The whole computation was done again here, and the outputs compared.",
    "none": "Nothing is verified: the worker is believed.",
}
#: Title and explanation of each move.
MOVES: Final = {
    "cancel": ("Take the offer back", "The price returns to the client."),
    "expire": ("End it: not delivered", "Price and stake go to the client."),
    "finalize": ("End it: the audit is over", "The worker is paid and has its stake back."),
    "forfeit": ("End it: no answer came", "Price and stake go to the client."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What is known of what an address names."""

    #: As in the address.
    id: str
    chain: FoldedTask | None = None
    client: OpenClient | None = None
    job: ClientJob | None = None
    #: The last try.
    task: ClientTask | None = None
    handle: JobHandle | None = None


def find_subject(site: Site, text: str) -> Found:
    """Return what is known of a task's or a job's id.

    Raises:
        UsageError: Nothing is.
    """
    digits = text.lower().removeprefix("0x")
    if len(digits) == 64 and not set(digits) - set("0123456789abcdef"):
        return _find_task(site, Hash32(bytes.fromhex(digits)))
    for client in site.accounts.list_clients():
        for job in load_jobs(client):
            if job.job_id == digits:
                return _find_job(site, client, job)
    raise UsageError(f"there is no task {text[:80]!r} here")


def _find_task(site: Site, task_id: Hash32) -> Found:
    text = "0x" + task_id.hex()
    folded = site.index.find_task(task_id)
    for client in site.accounts.list_clients():
        state = client.node.desk.journal.load_state(ROLE, task_id)
        if state is not None:
            task = decode_message(ClientTask, state.encode())
            for job in load_jobs(client):
                if job.job_id == task.job_id:
                    return Found(
                        id=text,
                        chain=folded,
                        client=client,
                        job=job,
                        task=task,
                        handle=client.jobs.get(job.job_id),
                    )
    if folded is None:
        raise UsageError(f"there is no task {text} on this market")
    return Found(id=text, chain=folded)


def _find_job(site: Site, client: OpenClient, job: ClientJob) -> Found:
    tasks = client.node.load_tasks(job.job_id)
    task = tasks[-1] if tasks else None
    return Found(
        id=job.job_id,
        chain=None if task is None else site.index.find_task(task.task_id),
        client=client,
        job=job,
        task=task,
        handle=client.jobs.get(job.job_id),
    )


async def build_task_page(viewer: Viewer, text: str) -> TaskPage:
    """Return the page of a task's or a job's id; raises UsageError when there is none."""
    site = viewer.site
    found = find_subject(site, text)
    chain, task, job = found.chain, found.task, found.job
    if task is not None:
        site.functions[task.task_id] = task.function
    now = site.feed.now
    outlook = (
        Outlook(turn=None, deadline=None, explanation="It is not on chain yet.")
        if chain is None
        else get_outlook(chain.status, chain.deadline, now, is_challenged=chain.challenges > 0)
    )
    function = _find_function(job.function if job and not job.program else "")
    failure, hint = _describe_failure(site, found)
    task_id = chain.task_id if chain else task.task_id if task else None
    return TaskPage(
        id=found.id,
        task_id=None if task_id is None else link_task(task_id),
        title=function.title if function else f"Task {link_task(task_id).short}" if task_id else "",
        function=function.name if function else "",
        state=_build_state(found, is_failed=bool(failure)),
        standing=outlook.explanation,
        turn=outlook.turn.value if outlook.turn else "",
        deadline=None if outlook.deadline is None else build_moment(outlook.deadline),
        progress_percent=_get_progress(found),
        activity=_get_activity(task),
        timeline=_build_timeline(site, found, outlook),
        facts=_build_facts(site, found),
        actions=_build_actions(viewer, found, outlook),
        challenge=await build_challenge(viewer, chain),
        bundle=_link_bundle(viewer, found),
        disputes=build_dispute_list(viewer, task_id) if task_id else DisputeList(rows=()),
        result=await load_result(site, found),
        verification=_build_verification(function, found),
        receipt=_build_receipt(found),
        failure=failure,
        failure_hint=hint,
        again=f"/compute/{job.function}" if failure and job and not job.program else "",
        is_mine=_is_mine(viewer, found),
    )


async def load_result(site: Site, found: Found) -> ResultView | None:
    """Return the output, drawn, once it is verified."""
    outputs = load_outputs(found)
    if outputs is None or found.job is None or found.job.program is not None:
        return None  # nobody knows how the output of a program of one's own is drawn
    return (await site.results.show(found.id, found.job.function, outputs)).view


def load_outputs(found: Found) -> list[bytes] | None:
    """Return the verified outputs, or None while there are none."""
    if found.client is None or found.task is None or not found.task.is_verified:
        return None
    try:
        return found.client.node.office.get_folder(found.task).load_outputs()
    except OSError:
        return None


def _get_activity(task: ClientTask | None) -> str:
    is_over = task is None or task.step is ClientStep.FINISHED
    return "" if is_over or task is None else ACTIVITIES[task.step]


def _link_bundle(viewer: Viewer, found: Found) -> str:
    """Return where a client gets what a challenger needs, while its task can be challenged."""
    if found.chain is None or found.task is None or not found.chain.status.is_bound:
        return ""
    is_refereed = found.chain.task.referee == viewer.site.referee
    is_client = viewer.is_mine(found.chain.task.client)
    return f"{link_task(found.chain.task_id).href}/bundle" if is_refereed and is_client else ""


def _is_mine(viewer: Viewer, found: Found) -> bool:
    if found.client is not None:
        return viewer.is_mine(found.client.node.desk.address)
    return found.chain is not None and viewer.is_mine(found.chain.task.client, found.chain.worker)


def _find_function(name: str) -> Function | None:
    return catalog.get(name) if name else None


def _build_state(found: Found, *, is_failed: bool) -> StateBadge:
    if found.chain is not None:
        return build_badge(found.chain.status)
    if is_failed:
        return build_preparation("failed")
    return build_preparation("preparing" if found.task is None else "ordered")


def _describe_failure(site: Site, found: Found) -> tuple[str, str]:
    if found.id in site.refusals:
        return site.refusals[found.id]
    task, job = found.task, found.job
    error: PekanuError | None = None
    if found.client is not None and job is not None:
        error = found.client.failures.get(job.job_id)
    if error is not None:
        return error.message, error.hint or ""
    if task is not None and task.step in (ClientStep.REFUSED, ClientStep.ABANDONED):
        return task.verdict or ACTIVITIES[task.step], ""
    return "", ""


def _get_progress(found: Found) -> int | None:
    if found.handle is None or found.task is None or found.task.step is not ClientStep.WAITING:
        return None
    return round(100 * found.handle.get_progress())


def _build_timeline(site: Site, found: Found, outlook: Outlook) -> tuple[TimelineStep, ...]:
    chain = found.chain
    steps = []
    events = () if chain is None else site.index.list_task_events(chain.task_id)
    for event in events:
        title, explanation = describe_event(event)
        confirmations = max(0, site.feed.block - event.log.block_number + 1)
        steps.append(
            TimelineStep(
                title=title,
                explanation=explanation,
                phase="done",
                when=build_moment(site.index.get_time(event.log.block_number)),
                transaction=link_transaction(event.log.transaction),
                confirmations=confirmations,
                is_final=confirmations >= site.options.confirmations,
            )
        )
    if chain is None and found.task is not None:
        steps.append(_build_step(ACTIVITIES[found.task.step], "", "current"))
    for title, explanation, phase in _foresee(chain, outlook):
        steps.append(_build_step(title, explanation, phase))
    return tuple(steps)


def _foresee(chain: FoldedTask | None, outlook: Outlook) -> list[tuple[str, str, str]]:
    """Return what is still to come when everybody keeps their word."""
    delivery = ("Result", "The worker delivers, sealed; the client opens and verifies it.")
    payment = ("Settled", "Price and stake go to the worker.")
    if chain is None:
        return [
            ("Accepted", "Price and stake are locked.", "coming"),
            (*delivery, "coming"),
            (*payment, "coming"),
        ]
    match chain.status:
        case Status.OPEN | Status.DELIVERED | Status.DEMANDED:
            return [(outlook.explanation.capitalize(), "", "current"), (*payment, "coming")]
        case Status.ACCEPTED:
            return [(*delivery, "current"), (*payment, "coming")]
        case _:
            return []


def _build_step(title: str, explanation: str, phase: str) -> TimelineStep:
    return TimelineStep(
        title=title,
        explanation=explanation,
        phase=phase,
        when=None,
        transaction=None,
        confirmations=0,
        is_final=False,
    )


def _build_facts(site: Site, found: Found) -> tuple[Fact, ...]:
    task = found.chain.task if found.chain else found.task.task if found.task else None
    if task is None:
        return ()
    worker = found.chain.worker if found.chain else None
    if worker is None and found.task is not None:
        worker = found.task.worker.address
    rows = [
        Fact(
            name="Client",
            value=task.client,
            link=link_address(task.client, site.get_name(task.client)),
        ),
        Fact(
            name="Worker",
            value=worker or "none yet",
            link=None if worker is None else link_address(worker, site.get_name(worker)),
        ),
        Fact(name="Price", value=format_wei(task.price)),
        Fact(name="Stake", value=format_wei(task.stake)),
        Fact(name="Items", value=f"{task.count:,}"),
        Fact(name="To compute", value=format_span(task.compute_window)),
        Fact(name="To audit", value=format_span(task.audit_window)),
        Fact(name="To respond", value=format_span(task.response_window)),
    ]
    if task.referee != ZERO_ADDRESS:
        rows.append(Fact(name="Referee", value=task.referee, link=link_address(task.referee)))
    return tuple(rows)


def _build_actions(viewer: Viewer, found: Found, outlook: Outlook) -> tuple[Action, ...]:
    if viewer.account is None or found.chain is None:
        return ()
    actions = []
    for name, party in outlook.moves:
        if party.value == "client" and not viewer.is_mine(found.chain.task.client):
            continue
        title, explanation = MOVES[name]
        actions.append(
            Action(
                name=name,
                title=title,
                party=party.value,
                explanation=explanation,
                review=f"/tasks/{link_task(found.chain.task_id).full}/{name}/review",
            )
        )
    return tuple(actions)


def _build_verification(function: Function | None, found: Found) -> Verification | None:
    task, job = found.task, found.job
    if task is None or job is None or function is None or not task.verdict:
        return None
    check = function.manifest.check if job.policy == "check" else None
    return Verification(
        verdict=task.verdict,
        policy=job.policy,
        description=check.description if check else _POLICIES.get(job.policy, ""),
        error_probability=check.error_probability if check else "",
        is_accepted=task.is_verified,
    )


def _build_receipt(found: Found) -> ReceiptView | None:
    if found.client is None or found.task is None:
        return None
    if found.handle is not None:
        receipt = found.handle.get_receipt()
        costs, paid, won = receipt.costs, receipt.paid_wei, receipt.won_wei
    else:
        # A job of an earlier run: what its last try cost.
        task = found.task
        costs = tuple(found.client.node.desk.journal.load_costs(task.task_id))
        paid = Wei(task.task.price if task.ending == "settled" else 0)
        won = Wei(task.task.stake if task.ending in {"expired", "forfeited", "refuted"} else 0)
    if not costs:
        return None
    return ReceiptView(
        paid=build_money(paid),
        won=build_money(won) if won else None,
        gas=build_money(sum(cost.fee for cost in costs)),
        lines=tuple(
            ReceiptLine(
                call=cost.call,
                transaction="0x" + cost.transaction.hex(),
                href=f"/explorer/0x{cost.transaction.hex()}",
                gas_used=cost.gas_used,
                fee=build_money(cost.fee),
            )
            for cost in costs
        ),
    )


def get_function(found: Found) -> Function:
    """Return the function of a job; raises UsageError where it is not known."""
    if found.job is None:
        raise UsageError("this node has no output of this task")
    if found.job.program is not None:
        raise UsageError(
            f"{found.job.function} is a program, not a function of the catalog",
            hint="its output is where it was bought from: the command line or Python",
        )
    return catalog.get(found.job.function)
