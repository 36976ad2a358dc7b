"""`pekanu tasks` and `pekanu events`: what is on chain, decoded, and whose move it is.

Not here: reading it (`market`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.commands import command
from pekanu.cli.market import (
    MarketDoor,
    TaskRecord,
    fetch_events,
    find_task,
    fold_tasks,
    make_sender,
    open_market,
)
from pekanu.cli.output import format_span, format_time, note, print_fields, print_json, print_table
from pekanu.cli.plain import to_plain
from pekanu.cli.session import Session
from pekanu.errors import UsageError
from pekanu.types import Seconds, format_wei

if TYPE_CHECKING:
    from pekanu.chain import Call, MarketEvent
    from pekanu.market.moves import Outlook
    from pekanu.market.state import TaskState


class Move(StrEnum):
    """What `--do` can do."""

    CANCEL = "cancel"
    EXPIRE = "expire"
    FINALIZE = "finalize"
    FORFEIT = "forfeit"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """A task with what the market says of it now."""

    record: TaskRecord
    view: TaskState
    outlook: Outlook
    now: Seconds


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "tasks", epilog="Example: pekanu tasks 0x3fa9 --do expire")(_tasks)
    command(app, "events", epilog="Example: pekanu events --from-block 100")(_events)


async def _tasks(
    session: Session,
    task_id: Annotated[
        str | None, typer.Argument(metavar="ID", help="The id of one, or how it begins.")
    ] = None,
    *,
    do: Annotated[Move | None, typer.Option("--do", help="What anyone may do next.")] = None,
) -> None:
    """Show the tasks on chain: state, deadline, whose move it is."""
    if do is not None and task_id is None:
        raise UsageError("--do needs the ID of a task")
    async with open_market(session) as door:
        records = fold_tasks(await fetch_events(door))
        if task_id is None:
            found = [await _look_up(door, record) for record in records]
            _print_list(session, found)
            return
        one = await _look_up(door, find_task(records, task_id))
        if do is not None:
            await _do(session, door, one, do)
            one = await _look_up(door, find_task(fold_tasks(await fetch_events(door)), task_id))
        _print_one(session, one)


async def _look_up(door: MarketDoor, record: TaskRecord) -> _Found:
    from pekanu.market.moves import get_outlook
    from pekanu.market.state import Status

    view = await door.contract.fetch_task(record.task_id)
    now = await door.chain.get_time()
    deadline = record.task.offered_until if view.status is Status.OPEN else view.deadline
    challenged = view.client_challenges + view.other_challenges > 0
    outlook = get_outlook(view.status, deadline, now, is_challenged=challenged)
    return _Found(record=record, view=view, outlook=outlook, now=now)


async def _do(session: Session, door: MarketDoor, found: _Found, move: Move) -> None:
    if move.value not in {name for name, _ in found.outlook.moves}:
        raise UsageError(
            f"the task cannot be ended by {move.value} now: {found.outlook.explanation}",
            hint=_describe_moves(found.outlook),
        )
    sender = make_sender(session, door.chain)
    receipt = await sender.send(_build_call(door, found.record, move), key=move.value)
    note(f"{move.value}: {receipt.gas_used} gas, transaction 0x{receipt.transaction.hex()}")


def _build_call(door: MarketDoor, record: TaskRecord, move: Move) -> Call:
    contract, task, claim = door.contract, record.task, record.claim
    if move is Move.CANCEL:
        return contract.cancel(task)
    if move is Move.EXPIRE:
        return contract.expire(task)
    if claim is None:
        raise UsageError("no claim of this task is on chain")
    build = contract.finalize if move is Move.FINALIZE else contract.forfeit
    return build(task, claim)


def _describe_moves(outlook: Outlook) -> str:
    moves = [f"{name} ({party.value})" for name, party in outlook.moves]
    return f"possible now: {', '.join(moves)}" if moves else "nothing can be done to it now"


def _print_list(session: Session, found: list[_Found]) -> None:
    if session.as_json:
        print_json([_to_json(one) for one in found])
        return
    rows = [
        (
            "0x" + one.record.task_id.hex()[:8],
            one.view.status.name.lower(),
            format_wei(one.record.task.price),
            one.outlook.turn.value if one.outlook.turn else "",
            _describe_deadline(one),
            one.outlook.explanation,
        )
        for one in found
    ]
    heads = ("task", "state", "price", "move of", "time left", "explained")
    print_table(heads, rows, empty="there are no tasks on this chain")


def _print_one(session: Session, found: _Found) -> None:
    if session.as_json:
        print_json(_to_json(found))
        return
    task = found.record.task
    print_fields(
        [
            ("task", "0x" + found.record.task_id.hex()),
            ("state", found.view.status.name.lower()),
            ("explained", found.outlook.explanation),
            ("time left", _describe_deadline(found)),
            ("possible now", _describe_moves(found.outlook)),
            ("client", task.client),
            ("worker", found.record.worker or "none yet"),
            ("price", format_wei(task.price)),
            ("stake", format_wei(task.stake)),
            ("items", str(task.count)),
            ("to compute", format_span(task.compute_window)),
            ("to audit", format_span(task.audit_window)),
            ("to respond", format_span(task.response_window)),
        ]
    )
    rows = [(str(event.log.block_number), _get_name(event)) for event in found.record.events]
    print_table(("block", "event"), rows, empty="")


def _describe_deadline(found: _Found) -> str:
    deadline = found.outlook.deadline
    return "" if deadline is None else format_span(deadline - found.now + 1)


def _to_json(found: _Found) -> dict[str, object]:
    record, outlook = found.record, found.outlook
    return {
        "task_id": "0x" + record.task_id.hex(),
        "status": found.view.status.name,
        "task": to_plain(record.task),
        "worker": record.worker,
        "claim": to_plain(record.claim),
        "deadline": outlook.deadline,
        "now": found.now,
        "turn": outlook.turn.value if outlook.turn else None,
        "explanation": outlook.explanation,
        "moves": [{"do": name, "who": party.value} for name, party in outlook.moves],
        "events": [_event_to_json(event) for event in record.events],
    }


async def _events(
    session: Session,
    *,
    from_block: Annotated[
        int | None, typer.Option(min=0, help="First block; else where the market began.")
    ] = None,
) -> None:
    """Show what the market logged, decoded."""
    async with open_market(session) as door:
        events = await fetch_events(door, from_block)
        times = {} if session.as_json else await _fetch_times(door, events)
    if session.as_json:
        print_json([_event_to_json(event) for event in events])
        return
    rows = [
        (
            str(event.log.block_number),
            times.get(event.log.block_number, ""),
            _get_name(event),
            _summarize(event),
        )
        for event in events
    ]
    print_table(("block", "time", "event", "what"), rows, empty="the market has logged nothing")


async def _fetch_times(door: MarketDoor, events: list[MarketEvent]) -> dict[int, str]:
    times: dict[int, str] = {}
    for number in {event.log.block_number for event in events}:
        block = await door.chain.fetch_block(number)
        if block is not None:
            times[number] = format_time(block.timestamp)
    return times


def _get_name(event: MarketEvent) -> str:
    return type(event).__name__


def _get_values(event: MarketEvent) -> dict[str, Any]:
    return {
        part.name: to_plain(getattr(event, part.name), part.name)
        for part in fields(event)
        if part.name != "log"
    }


def _summarize(event: MarketEvent) -> str:
    """Return the short fields of an event in one line."""
    parts = []
    for name, value in _get_values(event).items():
        if name == "task_id":
            parts.append(f"task {value[:10]}")
        elif name in {"amount", "bond", "to_client"}:
            parts.append(f"{name} {format_wei(int(value))}")
        elif isinstance(value, int | str) and len(str(value)) <= 66:
            parts.append(f"{name} {value}")
    return ", ".join(parts)


def _event_to_json(event: MarketEvent) -> dict[str, Any]:
    return {
        "event": _get_name(event),
        "block_number": event.log.block_number,
        "transaction": "0x" + event.log.transaction.hex(),
        **_get_values(event),
    }
