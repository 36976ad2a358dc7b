"""`pekanu dispute`: a disagreement as it narrows, and the instruction that decided it.

Not here: its story (`pekanu.node.dispute_story`), playing (the nodes do).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.commands import command
from pekanu.cli.market import MarketDoor, open_market
from pekanu.cli.output import format_span, print_fields, print_json, print_table
from pekanu.cli.session import Session
from pekanu.errors import UsageError
from pekanu.types import format_wei

if TYPE_CHECKING:
    from pekanu.dispute.shown_step import Hart, ShownStep
    from pekanu.node.dispute_index import DisputeIndex, DisputeRecord
    from pekanu.node.dispute_story import DisputeStory, MadeMove


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "dispute", epilog="Example: pekanu dispute 0x5c1d")(_dispute)


async def _dispute(
    session: Session,
    dispute: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="The id of one, or of its task, or how it begins."),
    ] = None,
) -> None:
    """Show the disputes on chain: interval, whose move, clocks, bonds, and the deciding step."""
    from pekanu.node.dispute_story import fetch_story, tell_story

    async with open_market(session) as door:
        index = await _fetch_disputes(door)
        now = await door.chain.get_time()
        if dispute is None:
            _print_list(session, [tell_story(one) for one in index.iterate()], now)
            return
        story = await fetch_story(door.chain, _find(index, dispute))
    if session.as_json:
        print_json(_to_json(story, now))
    else:
        print_story(story, now)


async def _fetch_disputes(door: MarketDoor) -> DisputeIndex:
    from pekanu.chain import Cursor, EventBatch, EventStream
    from pekanu.chain.referee_events import DisputeLogged, decode_dispute_log
    from pekanu.node.dispute_index import DisputeIndex

    referee = door.book["BisectionReferee"]
    begin = Cursor(next_block=referee.block_number)
    index = DisputeIndex()
    stream = EventStream(door.chain, referee.address, begin, decode=decode_dispute_log)
    while (found := await stream.poll()) is not None:
        if isinstance(found, EventBatch):
            index.add(event for event in found.events if isinstance(event, DisputeLogged))
        else:
            index.clear()
            stream.cursor = begin
    return index


def _find(index: DisputeIndex, text: str) -> DisputeRecord:
    """Return the dispute whose id, or whose task's, begins with some hex digits."""
    wanted = text.lower().removeprefix("0x")
    found = [
        one
        for one in index.iterate()
        if wanted
        and (
            one.dispute.hex().startswith(wanted)
            or (one.task_id is not None and one.task_id.hex().startswith(wanted))
        )
    ]
    if len(found) == 1:
        return found[0]
    problem = f"{len(found)} disputes are named by" if found else "no dispute is named by"
    raise UsageError(f"{problem} {text!r}", hint="`pekanu dispute` lists them")


# --- for people -----------------------------------------------------------------------------------


def _print_list(session: Session, stories: list[DisputeStory], now: int) -> None:
    if session.as_json:
        print_json([_to_json(story, now) for story in stories])
        return
    rows = [
        (
            "0x" + story.dispute.hex()[:8],
            "0x" + story.task_id.hex()[:8] if story.task_id else "of another referee",
            str(story.item),
            _describe_state(story),
            _describe_interval(story),
            _describe_time(story, now),
            format_wei(story.bond),
        )
        for story in stories
    ]
    heads = ("dispute", "task", "item", "state", "steps", "time left", "bond")
    print_table(heads, rows, empty="there are no disputes on this chain")


def print_story(story: DisputeStory, now: int) -> None:
    """Print a dispute, with the instruction that decided it."""
    print_fields(
        [
            ("dispute", "0x" + story.dispute.hex()),
            ("task", "0x" + story.task_id.hex() if story.task_id else f"of {story.opener}"),
            ("item", str(story.item)),
            ("state", _describe_state(story)),
            ("steps", _describe_interval(story)),
            ("time left", _describe_time(story, now)),
            ("worker", f"{story.worker}, {format_span(story.worker_left)} on its clock"),
            (
                "challenger",
                f"{story.challenger}, {format_span(story.challenger_left)} on its clock",
            ),
            ("bond", format_wei(story.bond)),
        ]
    )
    rows = [_describe_move(number, move) for number, move in enumerate(story.moves, start=1)]
    print_table(("move", "by", "what", "steps", "length", "block", "transaction"), rows, empty="")
    if story.proved is not None:
        _print_proof(story)


def _describe_state(story: DisputeStory) -> str:
    if story.outcome is not None:
        ruling = "against the worker" if story.outcome.name == "REFUTED" else "for the worker"
        return f"ruled {ruling}, {_describe_ending(story)}"
    if not story.is_opened:
        return "the worker must open its claim"
    return f"the {story.turn.name.lower()} must move" if story.turn else ""


def _describe_ending(story: DisputeStory) -> str:
    if story.timed_out is not None:
        return "by its clock"
    if story.exposed is not None:
        return f"for the {story.exposed.name.lower()} disputed nothing"
    return "by one instruction"


def _describe_interval(story: DisputeStory) -> str:
    if story.proved is not None:
        return f"{story.proved.step} of {story.max_steps}"
    return f"{story.first} to {story.last} of {story.max_steps}"


def _describe_time(story: DisputeStory, now: int) -> str:
    if story.turn is None:
        return ""
    left = story.deadline - now + 1
    return format_span(left) if left > 0 else "over: anyone may end it"


def _describe_move(number: int, move: MadeMove) -> tuple[str, ...]:
    return (
        str(number),
        move.by.name.lower() if move.by else "anyone",
        move.what,
        f"{move.first} to {move.last}",
        f"{move.last - move.first:,}",
        str(move.block_number),
        "0x" + move.transaction.hex()[:8],
    )


def _print_proof(story: DisputeStory) -> None:
    proved = story.proved
    if proved is None:
        return
    shown = proved.shown
    claimer, other = proved.claimed_by.name.lower(), proved.claimed_by.other.name.lower()
    is_right = proved.claimed == proved.after
    rest = "another state" if proved.other_claimed is None else _hex(proved.other_claimed) or ""
    print_fields(
        [
            ("step", str(proved.step)),
            ("instruction", _describe_instruction(shown)),
            ("state before", "0x" + proved.before.hex()),
            (f"{claimer} claims", "0x" + proved.claimed.hex()),
            (f"{other} claims", rest),
            ("contract computes", "0x" + proved.after.hex()),
            ("so", f"the {claimer} {'told the truth' if is_right else 'lied'}"),
        ]
    )
    if shown is not None:
        print_table(("register", "before", "after"), list(_list_registers(shown)), empty="")


def _describe_instruction(shown: ShownStep | None) -> str:
    if shown is None:
        return "called through another contract, not read"
    return f"{shown.before.pc:#010x}  {shown.instruction or 'none: the state stays or traps'}"


def _list_registers(shown: ShownStep) -> Iterable[tuple[str, str, str]]:
    """Yield the registers, those that the instruction changes marked."""
    from pekanu.machine.disassembly import REGISTER_NAMES

    before, after = shown.before, shown.after
    yield "pc", f"{before.pc:#010x}", _mark(before.pc, after.pc)
    pairs = zip(REGISTER_NAMES, before.registers, after.registers, strict=True)
    for name, old, new in pairs:
        if old or new:
            yield name, f"{old:#010x}", _mark(old, new)
    if before.status != after.status:
        yield "status", before.status, f"{after.status} ({after.exit_code})"
    if shown.address is not None and shown.leaf_before != shown.leaf_after:
        yield (
            f"memory at {shown.address:#010x}",
            _hex(shown.leaf_before) or "",
            _hex(shown.leaf_after) or "",
        )


def _mark(old: int, new: int) -> str:
    return f"{new:#010x}" + (" *" if old != new else "")


# --- for programs ---------------------------------------------------------------------------------


def _to_json(story: DisputeStory, now: int) -> dict[str, Any]:
    return {
        "dispute": _hex(story.dispute),
        "task_id": _hex(story.task_id),
        "opener": story.opener,
        "item": story.item,
        "worker": story.worker,
        "challenger": story.challenger,
        "bond": str(story.bond),
        "max_steps": story.max_steps,
        "interval": {"first": story.first, "last": story.last},
        "is_opened": story.is_opened,
        "turn": story.turn.name.lower() if story.turn else None,
        "deadline": story.deadline,
        "now": now,
        "clocks": {"worker": story.worker_left, "challenger": story.challenger_left},
        "outcome": story.outcome.name.lower() if story.outcome else None,
        "timed_out": story.timed_out.name.lower() if story.timed_out else None,
        "exposed": story.exposed.name.lower() if story.exposed else None,
        "moves": [_move_to_json(move) for move in story.moves],
        "proved": _proof_to_json(story),
    }


def _move_to_json(move: MadeMove) -> dict[str, Any]:
    return {
        "move": move.what,
        "by": move.by.name.lower() if move.by else None,
        "first": move.first,
        "last": move.last,
        "points": [_hex(point) for point in move.points],
        "block_number": move.block_number,
        "transaction": _hex(move.transaction),
    }


def _proof_to_json(story: DisputeStory) -> dict[str, Any] | None:
    proved = story.proved
    if proved is None:
        return None
    shown = proved.shown
    return {
        "step": proved.step,
        "before_root": _hex(proved.before),
        "claimed_root": _hex(proved.claimed),
        "claimed_by": proved.claimed_by.name.lower(),
        "other_claimed_root": _hex(proved.other_claimed),
        "after_root": _hex(proved.after),
        "instruction": shown.instruction if shown else None,
        "before": _hart_to_json(shown.before) if shown else None,
        "after": _hart_to_json(shown.after) if shown else None,
        "memory": _memory_to_json(shown),
    }


def _hart_to_json(hart: Hart) -> dict[str, Any]:
    return {
        "pc": hart.pc,
        "registers": list(hart.registers),
        "status": hart.status,
        "exit_code": hart.exit_code,
    }


def _memory_to_json(shown: ShownStep | None) -> dict[str, Any] | None:
    if shown is None or shown.address is None:
        return None
    return {
        "address": shown.address,
        "before": _hex(shown.leaf_before),
        "after": _hex(shown.leaf_after),
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
