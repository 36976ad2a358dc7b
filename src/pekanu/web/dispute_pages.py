"""The pages of disputes: the interval as it narrows, clocks, and the step that decided.

What is not here: the proof in words (`dispute_proof`), following the chain (`dispute_feed`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from pekanu.dispute.dissection import get_ends
from pekanu.dispute.game import Outcome
from pekanu.dispute.place import Side
from pekanu.node.dispute_story import DisputeStory, MadeMove
from pekanu.types import Address, Hash32
from pekanu.web.dispute_proof import build_proof
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer
from pekanu.web.views.dispute import (
    Clock,
    DisputeBadge,
    DisputeList,
    DisputePage,
    DisputeRow,
    Rung,
    Span,
)
from pekanu.web.views.shell import Figure, Link, Tone
from pekanu.web.wording import (
    build_amount,
    build_moment,
    build_money,
    format_span,
    link_address,
    link_block,
    link_task,
    link_transaction,
)

#: The width of a bar.
WIDTH: Final = 1000
_ROWS: Final = 100


async def build_dispute(viewer: Viewer, text: str) -> DisputePage:
    """Return the page of a dispute's id; raises UsageError when there is none."""
    site = viewer.site
    story = await site.disputes.fetch(text)
    left = story.last - story.first
    return DisputePage(
        id=link_dispute(story.dispute),
        task=None if story.task_id is None else link_task(story.task_id),
        state=_build_badge(story),
        sentence=_describe(story, site.feed.now),
        deadline=build_moment(story.deadline) if story.turn is not None else None,
        clocks=tuple(_build_clock(site, story, side) for side in Side),
        figures=(
            Figure(
                title="Steps in dispute",
                value="1" if story.proved else f"{left:,}" if story.is_opened else "all",
                note=f"of {story.max_steps:,}",
            ),
            build_amount("Bond", story.bond, note="of the challenger"),
            Figure(title="Item", value=str(story.item), note="of the task"),
        ),
        rungs=_build_rungs(story),
        proof=None if story.proved is None else build_proof(story.proved),
    )


def build_dispute_list(viewer: Viewer, task_id: Hash32 | None = None) -> DisputeList:
    """Return the disputes, or those about a task, newest first."""
    site = viewer.site
    stories = site.disputes.list_disputes(task_id)[:_ROWS]
    return DisputeList(rows=tuple(_build_row(site, story) for story in stories))


def link_dispute(dispute: Hash32) -> Link:
    """Return a dispute with its page."""
    text = "0x" + dispute.hex()
    return Link(full=text, short=text[:10], href=f"/disputes/{text}")


def _build_row(site: Site, story: DisputeStory) -> DisputeRow:
    return DisputeRow(
        id=link_dispute(story.dispute),
        task=None if story.task_id is None else link_task(story.task_id),
        item=story.item,
        state=_build_badge(story),
        left="1 of " + f"{story.max_steps:,}"
        if story.proved
        else f"{story.last - story.first:,} of {story.max_steps:,}",
        worker=_link(site, story.worker),
        challenger=_link(site, story.challenger),
        bond=build_money(story.bond),
        deadline=build_moment(story.deadline) if story.turn is not None else None,
    )


def _link(site: Site, account: Address) -> Link:
    return link_address(account, site.get_name(account))


def _build_badge(story: DisputeStory) -> DisputeBadge:
    if story.outcome is Outcome.REFUTED:
        return DisputeBadge(title="Refuted", tone=Tone.BAD)
    if story.outcome is Outcome.UPHELD:
        return DisputeBadge(title="Upheld", tone=Tone.GOOD)
    return DisputeBadge(title="In dispute", tone=Tone.ACTIVE)


def _describe(story: DisputeStory, now: int) -> str:
    """Return where it stands, in one sentence."""
    if story.outcome is not None:
        ruling = "against the worker" if story.outcome is Outcome.REFUTED else "for the worker"
        return f"Ruled {ruling}{_describe_ending(story)}."
    party = "worker" if story.turn is None else story.turn.name.lower()
    if now > story.deadline:
        return f"The {party}'s time is over: anyone can end it."
    if not story.is_opened:
        return "The worker must open its claim."
    if story.last - story.first == 1:
        return f"The {party} must prove the one step that is left."
    return f"The {party} must say in which part they disagree."


def _describe_ending(story: DisputeStory) -> str:
    if story.timed_out is not None:
        return f": the {story.timed_out.name.lower()} let its time pass"
    if story.exposed is not None:
        return f": the {story.exposed.name.lower()} disputed nothing"
    return ", by one instruction"


def _build_clock(site: Site, story: DisputeStory, side: Side) -> Clock:
    is_worker = side is Side.WORKER
    outcome = ""
    if story.outcome is not None:
        is_won = (story.outcome is Outcome.UPHELD) == is_worker
        outcome = "was right" if is_won else "was wrong"
    seconds = story.worker_left if is_worker else story.challenger_left
    return Clock(
        party=side.name.lower(),
        account=_link(site, story.worker if is_worker else story.challenger),
        left=format_span(seconds),
        is_turn=story.turn is side,
        outcome=outcome,
    )


def _build_rungs(story: DisputeStory) -> tuple[Rung, ...]:
    """Return the claims, each with the part on which the next move says they disagree."""
    claims = [move for move in story.moves if move.points]
    proofs = [move for move in story.moves if move.what == "prove"]
    intervals = [(move.first, move.last) for move in (*claims, *proofs)]
    rungs = []
    for number, (move, following) in enumerate(zip(claims, [*intervals[1:], None], strict=False)):
        chosen = None if following is None else _place(move, *following)
        rungs.append(
            Rung(
                title=_name_move(move, is_first=number == 0),
                interval=_describe_interval(move),
                parts=_split(move),
                chosen=chosen,
                block=link_block(move.block_number),
                transaction=link_transaction(move.transaction),
            )
        )
    return tuple(rungs)


def _name_move(move: MadeMove, *, is_first: bool) -> str:
    party = "worker" if move.by is None else move.by.name.lower()
    if is_first:
        return f"The {party} opens its claim"
    return f"The {party} names the part and divides it"


def _describe_interval(move: MadeMove) -> str:
    length = move.last - move.first
    return f"{length:,} step{'' if length == 1 else 's'}, {move.first:,} to {move.last:,}"


def _split(move: MadeMove) -> tuple[Span, ...]:
    ends = [move.first, *get_ends(move.first, move.last)]
    return tuple(_place(move, begin, end) for begin, end in pairwise(ends))


def _place(move: MadeMove, begin: int, end: int) -> Span:
    length = max(1, move.last - move.first)
    x = (begin - move.first) * WIDTH // length
    return Span(x=x, width=max(1, (end - move.first) * WIDTH // length - x))
