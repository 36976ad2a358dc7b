"""A dispute as its events tell it: where it stands, and every interval on the way there.

Not here: how events are read from a chain (`pekanu.chain`).
Twin: the events of contracts/BisectionReferee.vy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from pekanu.dispute.dissection import Dissection, count_parts
from pekanu.dispute.game import Dispute, Outcome
from pekanu.dispute.place import Place, PlaceWords, Side, Turn
from pekanu.types import ZERO_HASH, Address, Hash32, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenged:
    """The worker must open an item of its claim."""

    dispute: Hash32
    task_id: Hash32
    challenger: Address
    worker: Address
    item: int
    bond: Wei
    place: PlaceWords


@dataclass(frozen=True, kw_only=True, slots=True)
class BisectionOpened:
    """Another contract has a bisection played."""

    dispute: Hash32
    opener: Address
    challenger: Address
    worker: Address
    start: Hash32
    points: tuple[Hash32, ...]
    place: PlaceWords


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """The worker has opened the item, with its first dissection."""

    dispute: Hash32
    start: Hash32
    points: tuple[Hash32, ...]
    place: PlaceWords


@dataclass(frozen=True, kw_only=True, slots=True)
class Dissected:
    """A part was disputed by a dissection of its own."""

    dispute: Hash32
    index: int
    #: The last word of the place that follows.
    clocks: int
    start: Hash32
    points: tuple[Hash32, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposed:
    """The last dissection was not of the part that it was to be of."""

    dispute: Hash32
    #: Whose it was; it has lost.
    author: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Proved:
    """A step was executed."""

    dispute: Hash32
    step: int
    before: Hash32
    claimed: Hash32
    after: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedOut:
    """A party has lost by its clock."""

    dispute: Hash32
    mover: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruled:
    """It is over."""

    dispute: Hash32
    is_refuted: bool


DisputeEvent: TypeAlias = (
    Challenged | BisectionOpened | Opened | Dissected | Exposed | Proved | TimedOut | Ruled
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """What a party has claimed of an interval."""

    by: Side
    dissection: Dissection


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """Everything that has happened in a dispute."""

    dispute: Dispute
    task_id: Hash32 | None = None
    item: int = 0
    bond: Wei = Wei(0)
    #: The first is the worker's opening.
    claims: tuple[Claimed, ...] = ()
    proved: Proved | None = None
    timed_out: Address | None = None
    exposed: Address | None = None

    @property
    def interval(self) -> tuple[int, int]:
        """The steps between which the parties disagree, as far as they have said."""
        return self.dispute.place.first, self.dispute.place.last


def tell(events: Iterable[DisputeEvent], asked: Hash32 = ZERO_HASH) -> History | None:
    """Return the history that one dispute's events tell, or None before its first.

    Args:
        events: Those of one dispute, in the chain's order.
        asked: What stands for the challenged item until it is opened (`AskedItem.hash`).
    """
    history: History | None = None
    for event in events:
        match event:
            case Challenged() | BisectionOpened():
                history = _begin(event, asked)
            case _ if history is None:
                continue
            case Opened():
                place = _read(history, event.place)
                history = _claim(history, _cut(place, event.start, event.points), place)
            case Dissected():
                history = _narrow(history, event)
            case Proved():
                history = replace(history, proved=event)
            case TimedOut():
                history = replace(history, timed_out=event.mover)
            case Exposed():
                history = replace(history, exposed=event.author)
            case Ruled():
                outcome = Outcome.REFUTED if event.is_refuted else Outcome.UPHELD
                history = replace(history, dispute=replace(history.dispute, outcome=outcome))
    return history


def _begin(event: Challenged | BisectionOpened, asked: Hash32) -> History:
    if isinstance(event, Challenged):
        place = Place.from_words(event.place, event.worker)
        return History(
            dispute=Dispute(place=place, root=asked),
            task_id=event.task_id,
            item=event.item,
            bond=event.bond,
        )
    place = Place.from_words(event.place, event.challenger)
    history = History(dispute=Dispute(place=place, root=asked))
    return _claim(history, _cut(place, event.start, event.points), place)


def _read(history: History, words: PlaceWords) -> Place:
    """Return the place after a move: the party that waited moves now."""
    return Place.from_words(words, history.dispute.place.waiting)


def _narrow(history: History, event: Dissected) -> History:
    before, place = history.dispute.dissection, history.dispute.place
    if before is None:
        return history
    first, last = before.get_part(event.index)
    turn = Turn.WORKER if place.turn is Turn.CHALLENGER else Turn.CHALLENGER
    passed = replace(place, turn=turn, first=first, last=last).with_clocks(event.clocks)
    shown = replace(_cut(passed, event.start, event.points), before=before.root, part=event.index)
    return _claim(history, shown, passed)


def _cut(place: Place, start: Hash32, points: tuple[Hash32, ...]) -> Dissection:
    """Return the dissection of a place's interval that an event shows."""
    return Dissection(
        first=place.first,
        last=place.last,
        start=start,
        points=points[: count_parts(place.first, place.last)],
    )


def _claim(history: History, shown: Dissection, place: Place) -> History:
    by = Side.WORKER if place.turn is Turn.CHALLENGER else Side.CHALLENGER
    return replace(
        history,
        dispute=history.dispute.claim(place, shown),
        claims=(*history.claims, Claimed(by=by, dissection=shown)),
    )
