"""Every way in which an agreement can be played, for one honest party against all others.

The others may do anything at any time in any order. The honest party follows its policy, and time
passes only when it has nothing to do: to the last second of what is waited for, then to the first
behind it. Each position is visited once, on the contracts and in the pure model at the same time
(`StorageWorld`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pekanu.errors import Rejected
from pekanu.storage import actions as act
from pekanu.storage.money import get_end, get_release
from pekanu.storage.state import Status
from pekanu.types import Seconds
from support.storage_world import DEPOSIT, StorageWorld

#: What happens beside the chain.
UPLOAD, DROP, CONTRADICT = "upload", "drop", "contradict"
Move = act.Action | str


@dataclass
class StoragePlay:
    """A world with the facts that the contract cannot see."""

    world: StorageWorld = field(default_factory=StorageWorld)
    #: The provider has all bytes.
    is_kept: bool = False
    #: The client has sent them; it does so once.
    is_uploaded: bool = False
    #: The provider signed a receipt that contradicts its quote.
    is_contradicted: bool = False
    #: Challenges so far; the others stop at `most_challenges`.
    challenges: int = 0
    most_challenges: int = 2
    seen: set[object] = field(default_factory=set)
    counts: dict[tuple[str, bool], int] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        return self.world.state.status

    def get_gains(self) -> tuple[int, int]:
        """Return what client and provider have gained, gas and challenges' fees apart."""
        return self.world.get_gains()

    def get_position(self) -> object:
        world = self.world
        facts = (self.is_kept, self.is_uploaded, self.is_contradicted, self.challenges)
        # A world undoes what it did: the client contract's own balance is part of where it stands.
        budget = world.chain.balance(world.client.address)
        accounts = tuple(sorted(world.ledger.accounts.items()))
        money = (world.ledger.free, accounts, world.ledger.locked, budget)
        return (world.state, world.now, facts, money)

    # --- doing ------------------------------------------------------------------------------------

    def do(self, move: Move) -> bool:
        """Return whether a move succeeds."""
        if isinstance(move, str):
            self._count(move, good=True)
            self.is_kept = move != DROP and (self.is_kept or move == UPLOAD)
            self.is_uploaded |= move == UPLOAD
            self.is_contradicted |= move == CONTRADICT
            return True
        name = type(move).__name__
        try:
            self.world.do(move)
        except Rejected:
            self._count(name, good=False)
            return False
        self._count(name, good=True)
        self.challenges += isinstance(move, act.Challenge)
        return True

    def must(self, move: Move) -> None:
        assert self.do(move), f"the honest party cannot {move} in {self.world.state}"

    def _count(self, name: str, *, good: bool) -> None:
        self.counts[name, good] = self.counts.get((name, good), 0) + 1

    @contextmanager
    def branch(self) -> Iterator[None]:
        kept = self.is_kept, self.is_uploaded, self.is_contradicted, self.challenges
        with self.world.branch():
            yield
        self.is_kept, self.is_uploaded, self.is_contradicted, self.challenges = kept

    # --- the tree ---------------------------------------------------------------------------------

    def explore(
        self,
        others: Callable[[StoragePlay], list[Move]],
        honest: Callable[[StoragePlay], Move | None],
        judge: Callable[[StoragePlay], None],
    ) -> None:
        """Visit every position once.

        Args:
            others: What everybody else can try here.
            honest: What the honest party does here, or None.
            judge: Asserts fairness where nothing is locked any more.
        """
        position = self.get_position()
        if position in self.seen:
            return
        self.seen.add(position)
        if self.status is not Status.NONE and self.world.ledger.locked == 0:
            judge(self)
            return
        for move in others(self):
            with self.branch():
                before = self.get_position()
                if self.do(move) and self.get_position() != before:
                    self.explore(others, honest, judge)
        move = honest(self)
        if move is not None:
            with self.branch():
                self.must(move)
                self.explore(others, honest, judge)
            return
        for stop in self._get_stops()[:1]:
            with self.branch():
                self.world.pass_to(stop)
                self.explore(others, honest, judge)

    def _get_stops(self) -> list[Seconds]:
        """Return the seconds ahead at which something changes by itself."""
        world = self.world
        state, terms = world.state, world.quote.terms
        match state.status:
            case Status.NONE:
                marks = [terms.valid_until]
            case Status.PAID | Status.CHALLENGED:
                marks = [state.deadline]
            case Status.STORED:
                marks = [get_end(terms, state), get_release(terms, state)]
            case _:
                marks = []
        stops = [Seconds(mark + late) for mark in marks for late in (0, 1)]
        if state.status is Status.STORED:
            stops = [Seconds(state.started + terms.term // 2), *stops]
        return [stop for stop in stops if stop > world.now]


__all__ = ["CONTRADICT", "DEPOSIT", "DROP", "UPLOAD", "Move", "StoragePlay"]
