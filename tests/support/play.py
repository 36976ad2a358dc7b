"""Every way in which a task can be played, for one honest party against all others.

The others may do anything at any time in any order, together. The honest party follows its policy,
and time passes only when it has nothing to do: to the last second of a
deadline, then to the first behind it. The referee is ideal: it never rules against the truth, but
a challenger that is not honest may lose on purpose. Each position is visited once, on the contract
and in the pure model at the same time (`World`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected
from pekanu.market import actions as act
from pekanu.market.state import Challenge, Status
from pekanu.types import Address, Seconds, Wei
from support.reference_seal import SealedBatch
from support.world import CHALLENGER, CLIENT, FEE, PRICE, STAKE, STRANGER, WORKER, World

BOND = Wei(3 * 10**15)
RIGHT, WRONG_SEAL, WRONG_RESULT = "right", "wrong seal", "wrong result"
#: Two groups of chunks, so that demands can be repeated.
OUTPUT = bytes(32 * 32 * 32)
BY_CLIENT, BY_CHALLENGER = keccak256(b"client's"), keccak256(b"challenger's")


@dataclass
class Play:
    """A world with the facts that the contract cannot see."""

    world: World = field(default_factory=World)
    batches: dict[str, SealedBatch] = field(default_factory=dict)
    #: Which claim was delivered.
    claim: str = RIGHT
    #: What the client has beside the chain: "ciphertext", "key".
    known: frozenset[str] = frozenset()
    seen: set[object] = field(default_factory=set)
    #: How often each action succeeded and was refused, by name.
    counts: dict[tuple[str, bool], int] = field(default_factory=dict)
    _evidence: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world = self.world
        self.batches[RIGHT] = world.use([OUTPUT])
        self.batches[WRONG_SEAL] = world.seal([OUTPUT], lies={(0, 5, 3): b"\x11" * 32})
        self.batches[WRONG_RESULT] = world.seal([b"\x01" + OUTPUT[1:]])
        for account in (CLIENT, WORKER, CHALLENGER, STRANGER):
            world.deposit(account, 10 * (PRICE + STAKE))
        self.start = dict(world.ledger.free)
        self._approvals = {}
        for name, batch in self.batches.items():
            world.batch = batch
            self._approvals[name] = world.sign_approval()
        acceptance = world.sign_acceptance(WORKER, world.now + 300)
        world.sign_acceptance = lambda *_: acceptance  # type: ignore[method-assign]
        world.sign_approval = lambda: self._approvals[self._name]  # type: ignore[method-assign]
        self.expiry = Seconds(world.now + 300)
        self._name = RIGHT

    # --- facts ------------------------------------------------------------------------------------

    def gain(self, account: Address) -> int:
        return self.world.ledger.get(account) - self.start[account]

    def claim_hash(self, name: str) -> bytes:
        return self.batches[name].claim.hash(self.world.task_id, WORKER)

    def challenge_of(self, number: bytes) -> Challenge | None:
        found = [c for c in self.world.state.challenges if c.number == number]
        return found[0] if found else None

    def position(self) -> object:
        world = self.world
        free = tuple(world.ledger.get(account) for account in world.accounts)
        return (world.state, free, world.now, self.claim, self.known)

    # --- doing ------------------------------------------------------------------------------------

    def do(self, action: act.Action, claim: str | None = None) -> bool:
        """Return whether an action succeeds; `claim` is the one it names."""
        self._name = claim or self.claim
        self.world.batch = self.batches[self._name]
        try:
            self.world.do(action, self._build_evidence(action))
        except Rejected:
            self._count(action, good=False)
            return False
        self._count(action, good=True)
        match action:
            case act.Deliver():
                self.claim = self._name
            case act.RevealKey():
                self.known |= {"key"}
            case act.SupplyChunks():
                self.known |= {"ciphertext"}
            case _:
                pass
        return True

    def must(self, action: act.Action, claim: str | None = None) -> None:
        assert self.do(action, claim), f"the honest party cannot {action} in {self.world.state}"

    def _count(self, action: act.Action, *, good: bool) -> None:
        key = (type(action).__name__, good)
        self.counts[key] = self.counts.get(key, 0) + 1

    def _build_evidence(self, action: act.Action) -> bytes:
        kind = type(action).__name__
        key = (self._name, kind)
        demand = self.world.state.demand
        if isinstance(action, act.SupplyChunks) and demand:
            key = (self._name, f"{kind} {demand.first}")
        if key not in self._evidence:
            batch = self.batches[self._name]
            evidence = b""
            if isinstance(action, act.Complain):
                evidence = batch.complaint(0, 5, 3)
            elif isinstance(action, act.SupplyChunks) and demand:
                evidence = batch.supply_evidence(0, demand.first, demand.count)
            self._evidence[key] = evidence
        return self._evidence[key]

    # --- actions ----------------------------------------------------------------------------------

    def settle(self, name: str) -> act.Settle:
        return act.Settle(sender=STRANGER, claim_hash=self.claim_hash(name), is_signed=True)

    def named(self, kind: type[act.ClaimAction], sender: Address, **facts: object) -> act.Action:
        return kind(sender=sender, claim_hash=self.claim_hash(self.claim), **facts)

    def demand_chunks(self, first: int) -> act.Action:
        chunks = self.batches[self.claim].items[0].chunks if first else None
        return self.named(act.DemandChunks, CLIENT, item=0, first=first, count=1, chunks=chunks)

    def supply(self) -> act.Action:
        return self.named(act.SupplyChunks, WORKER, supplied=1)

    def challenge(self, number: bytes, who: Address) -> act.Action:
        referee = self.world.referee.address
        fields = {"value": BOND, "number": number, "challenger": who}
        return self.named(act.OpenChallenge, referee, **fields)

    def ruling(self, challenge: Challenge, *, is_wrong: bool) -> act.Action:
        kind = act.RuleAgainstWorker if is_wrong else act.Dismiss
        return kind(sender=self.world.referee.address, number=challenge.number)

    def anyone(self) -> list[act.Action]:
        """Return what a stranger can try at any time."""
        return [
            act.Expire(sender=STRANGER),
            self.named(act.Finalize, STRANGER),
            self.named(act.Forfeit, STRANGER),
            *(
                act.CloseChallenge(sender=STRANGER, number=challenge.number)
                for challenge in self.world.state.challenges
            ),
        ]

    # --- the tree ---------------------------------------------------------------------------------

    def explore(
        self,
        others: Callable[[Play], list[tuple[act.Action, str | None]]],
        honest: Callable[[Play], act.Action | None],
        rulings: Callable[[Play, Challenge], list[bool]],
        judge: Callable[[Play], None],
    ) -> None:
        """Visit every position once.

        Args:
            others: What everybody else can try here.
            honest: What the honest party does here, or None.
            rulings: What the referee can rule on a challenge: True is against the worker.
            judge: Asserts fairness at the end of a task.
        """
        position = self.position()
        if position in self.seen:
            return
        self.seen.add(position)
        if self.world.state.status.is_terminal and not self.world.state.challenges:
            judge(self)
            return
        for action, name in others(self):
            with self._branch():
                if self.do(action, name):
                    self.explore(others, honest, rulings, judge)
        for _ in self._go_on(honest, rulings):
            self.explore(others, honest, rulings, judge)

    def _go_on(
        self,
        honest: Callable[[Play], act.Action | None],
        rulings: Callable[[Play, Challenge], list[bool]],
    ) -> Iterator[None]:
        """Let the honest party act; with nothing to do, the referee rule; else, time pass."""
        action = honest(self)
        if action is not None:
            with self._branch():
                self.must(action)
                yield
            return
        ruled_on = [c for c in self.world.state.challenges if self._is_ruled_on(c)]
        for challenge in ruled_on[:1]:
            for is_wrong in rulings(self, challenge):
                with self._branch():
                    self.must(self.ruling(challenge, is_wrong=is_wrong))
                    yield
        status, deadline = self.world.state.status, self.world.state.deadline
        if status is Status.OPEN:
            deadline = self.world.task.offered_until
        if not ruled_on and deadline >= self.world.now:
            with self._branch():
                now = self.world.now
                self.world.pass_to(deadline if now < deadline else deadline + 1)
                yield

    def _is_ruled_on(self, challenge: Challenge) -> bool:
        state = self.world.state
        if state.stake_waits:
            return self.world.task.client != challenge.challenger
        return state.status.is_claimed

    def _branch(self) -> _Branch:
        return _Branch(self)


class _Branch:
    """Undo on leaving."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._world = play.world.branch()

    def __enter__(self) -> None:
        self._kept = self._play.claim, self._play.known
        self._world.__enter__()

    def __exit__(self, *details: object) -> None:
        self._world.__exit__(*details)  # type: ignore[arg-type]
        self._play.claim, self._play.known = self._kept


__all__ = [
    "BOND",
    "BY_CHALLENGER",
    "BY_CLIENT",
    "CHALLENGER",
    "CLIENT",
    "FEE",
    "PRICE",
    "RIGHT",
    "STAKE",
    "STRANGER",
    "WORKER",
    "WRONG_RESULT",
    "WRONG_SEAL",
    "Play",
]
