"""Buying a computation on the command line: the offer in words, progress, the bill.

Not here: how it is bought (`pekanu.node`), the options (`run`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from pekanu.cli.deliveries import Ended, deliver
from pekanu.cli.orders import Order
from pekanu.cli.output import format_span, note, show_progress
from pekanu.cli.session import Session
from pekanu.errors import ProgramFailed, Timeout, UsageError
from pekanu.machine.state import Status
from pekanu.types import format_wei

if TYPE_CHECKING:
    from pekanu import aio
    from pekanu.node.client_job import JobReceipt
    from pekanu.node.offers import Offer
    from pekanu.ringers import RingerCount

#: Seconds for which the end on chain is waited for once the output is verified and approved.
_SETTLE_SECONDS: Final = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """How somebody wants to buy."""

    max_price: str | None = None
    worker: str | None = None
    verify: str | None = None
    #: Where the program is stopped; None takes the step model's estimate with a margin.
    max_steps: int | None = None
    #: Who may act in the buyer's place.
    agent: str | None = None
    #: Of a search: the least number of ringers; None takes what is recommended.
    ringers: int | None = None
    #: The best offer within the price is taken unasked.
    is_agreed: bool = False


async def purchase(session: Session, order: Order, wish: Wish, *, out: Path | None) -> None:
    """Buy a computation, write or show its outputs, and tell what it cost."""
    from pekanu.aio import Future, build_request

    request = build_request(
        order.ware,
        order.items,
        price=wish.max_price,
        verify=wish.verify,
        worker=wish.worker,
        max_steps=wish.max_steps,
        ringers=wish.ringers,
    )
    async with _open_client(session, is_agreed=wish.is_agreed, agent=wish.agent) as client:
        pending = sum(not future.job.is_done for future in client.resumed)
        if pending:
            note(f"{pending} unfinished before go on too; `pekanu run --resume` waits for them")
        handle = await client.node.submit(request, confirm=_make_confirm(wish.is_agreed))
        if handle.job.is_search:
            for line in describe_ringers(handle.job.ringers):
                note(line)
        future = Future(handle, order.ware, is_batch=order.is_batch)
        await _finish(session, future, order, out=out)


async def resume_purchases(session: Session, *, out: Path | None) -> None:
    """Go on with what a former process left unfinished."""
    async with _open_client(session, is_agreed=False) as client:
        # Those that are done are watched to their end on chain, which is told by `tasks`.
        pending = [future for future in client.resumed if not future.job.is_done]
        if not pending:
            note("nothing was left unfinished")
        if len(pending) > 1 and (out is not None or session.as_json):
            raise UsageError(
                f"{len(pending)} jobs were left unfinished",
                hint="go on without --out and --json",
            )
        for future in pending:
            ware, count = client.node.find_ware(future.job), future.job.count
            order = Order(ware=ware, items=(), is_batch=count > 1)
            await _finish(session, future, order, out=out)


def _open_client(session: Session, *, is_agreed: bool, agent: str | None = None) -> aio.Client:
    from pekanu import aio

    return aio.Client(
        rpc=session.rpc,
        account=session.unlock(),
        home=session.home,
        confirm=_make_confirm(is_agreed),
        agent=agent,
    )


async def _finish(session: Session, future: aio.Future, order: Order, *, out: Path | None) -> None:
    failure: ProgramFailed | None = None
    with show_progress(order.ware.title) as progress:
        follower = asyncio.create_task(_follow(future, progress))
        try:
            outputs = await future.outputs()
        except ProgramFailed as error:
            failure, outputs = error, list(error.outputs)
        finally:
            follower.cancel()
    note(f"verified: {future.receipt.tasks[-1].verdict or 'nothing was'}")
    if future.job.count > 1:
        note(future.receipt.describe_odds())
    with contextlib.suppress(Timeout):
        await future.settled(_SETTLE_SECONDS)
    receipt = future.receipt
    ended = [
        Ended(output=output, status=Status(result.status).text, exit_code=result.exit_code)
        for output, result in zip(outputs, future.results(), strict=True)
    ]
    deliver(session, order, ended, out=out, facts=_describe_receipt(receipt))
    if not session.as_json:
        _print_bill(receipt)
    if failure is not None:
        raise failure


async def _follow(future: aio.Future, progress: Any) -> None:
    """Show how far the worker is, and say when it goes to the referee."""
    said: set[str] = set()
    while True:
        progress(future.progress())
        for task in future.receipt.tasks:
            sentence = _DISPUTED.get(task.step.value, "")
            if sentence and sentence not in said:
                said.add(sentence)
                note(f"{sentence}: {task.verdict}" if task.step.value == "refused" else sentence)
        await asyncio.sleep(0.1)


#: What a buyer is told while its money is disputed, by the step of the try.
_DISPUTED: Final = {
    "refused": "the delivery is wrong and is not approved",
    "challenging": "it is challenged before the referee",
    "disputing": "the referee narrows it to one instruction; `pekanu dispute` shows how",
}


def _make_confirm(is_agreed: bool) -> Any:  # noqa: FBT001 - the one thing it depends on
    async def confirm(offer: Offer) -> bool:
        for line in describe_offer(offer):
            note(line)
        if is_agreed or not sys.stdin.isatty():
            return True
        return await asyncio.to_thread(typer.confirm, "Buy it?", default=True, err=True)

    return confirm


def describe_ringers(count: RingerCount) -> list[str]:
    """Return what a search's ringers do, line by line."""
    from pekanu.ringers import tabulate

    odds = [
        f"{float(one.skipped):.0%} in at most {float(one.adaptive_evasion):.1%} of cases"
        for one in tabulate(count)
    ]
    return [
        f"{count.least} to {count.most} ringers are hidden among the targets, how many is secret",
        f"a worker gets away with leaving out {', '.join(odds)}",
    ]


def describe_offer(offer: Offer) -> list[str]:
    """Return what there is to know of an offer before it is signed, line by line."""
    record, risk = offer.record, offer.risk
    known = f"{record.settled} settled, {record.expired} expired, {record.lost} lost"
    return [
        f"{offer.worker.address} asks {format_wei(offer.price)} (its record: {known})",
        (
            f"you can lose at most {format_wei(risk.client_wei)} and gas; the worker stakes "
            f"{format_wei(risk.faulty_worker_wei)}"
        ),
        (
            f"it runs at most {offer.terms.max_steps:,} steps and takes at most "
            f"{format_span(offer.longest_seconds)}, a dispute included; a challenge takes a bond "
            f"of {format_wei(offer.terms.bond)}"
        ),
    ]


def _describe_receipt(receipt: JobReceipt) -> dict[str, object]:
    return {
        "where": "market",
        "worker": receipt.tasks[-1].worker.address,
        "task_id": "0x" + receipt.tasks[-1].task_id.hex(),
        "state": receipt.tasks[-1].ending or receipt.tasks[-1].step.value,
        "verified": receipt.tasks[-1].verdict,
        "price_wei": str(receipt.paid_wei),
        "gas_wei": str(receipt.gas_wei),
        "transactions": [
            {
                "call": cost.call,
                "transaction": "0x" + cost.transaction.hex(),
                "gas_used": cost.gas_used,
                "fee_wei": str(cost.fee),
            }
            for cost in receipt.costs
        ],
    }


def _print_bill(receipt: JobReceipt) -> None:
    note(f"paid {format_wei(receipt.paid_wei)} to {receipt.tasks[-1].worker.address}")
    for cost in receipt.costs:
        note(f"{cost.call}: {cost.gas_used} gas, {format_wei(cost.fee)}")
    if not receipt.tasks[-1].ending:
        note("approved; the worker has yet to collect, nothing is left to do here")
