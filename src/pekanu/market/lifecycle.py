"""The life of a task as a pure state machine: an action in, the next state and payments out.

Not here: signatures, openings and evidence, which the actions bring as facts (`actions`); the
ledger's balances (`ledger`).
Twin: contracts/Market.vy, call by call, with the same reasons in the same order.
Source: design/market.md, "States".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeVar

from pekanu.errors import Rejected
from pekanu.market import actions as act
from pekanu.market.state import (
    GROUP,
    MAX_CHALLENGES,
    MAX_CHUNKS,
    Challenge,
    ChunkDemand,
    Status,
    TaskState,
)
from pekanu.market.task import Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

MIN_WINDOW: Final = Seconds(60)
MAX_WINDOW: Final = Seconds(30 * 86400)
#: No sum of money in a task is larger.
MAX_MONEY: Final = Wei((1 << 96) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """Collect money from an account: from the value it sent first, then from its balance."""

    account: Address
    amount: Wei
    #: From the ledger balance alone, whatever was sent.
    is_debit: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """Put money into an account's ledger balance."""

    account: Address
    amount: Wei


Instruction = Take | Credit
Outcome = tuple[TaskState, list[Instruction]]


class InvalidTransition(Rejected):
    """The rules refuse an action; state and action are kept.

    Args:
        reason: The contract's own reason string.
        state: The state in which the action was tried.
        action: The action.
    """

    def __init__(self, reason: str, state: TaskState, action: act.Action) -> None:
        """Keep what was tried where."""
        super().__init__(reason)
        self.state = state
        self.action = action


@dataclass(frozen=True, kw_only=True, slots=True)
class _Move:
    """One action under way."""

    task: Task
    state: TaskState
    action: act.Action
    now: Seconds

    def refuse(self, reason: str) -> NoReturn:
        raise InvalidTransition(f"market: {reason}", self.state, self.action)

    def require(self, holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not holds:
            self.refuse(reason)

    def is_client(self, who: Address) -> bool:
        return who == self.task.client or (who == self.task.agent and who != ZERO_ADDRESS)

    def require_claim(self, claim_hash: Hash32) -> None:
        self.require(self.state.status.is_claimed, "not delivered")
        self.require(self.state.claim_hash == claim_hash, "other claim")

    def is_auditing(self) -> bool:
        return self.state.status is Status.DEMANDED or (
            self.state.status is Status.DELIVERED and self.now <= self.state.deadline
        )

    def find_challenge(self, number: Hash32) -> Challenge:
        for challenge in self.state.challenges:
            if challenge.number == number:
                return challenge
        return self.refuse("no such challenge")

    def without(self, challenge: Challenge) -> tuple[Challenge, ...]:
        return tuple(other for other in self.state.challenges if other is not challenge)


def apply(task: Task, state: TaskState, action: act.Action, now: Seconds) -> Outcome:
    """Return the next state of a task and the money that moves.

    Args:
        task: The task's terms.
        state: Where it stands.
        action: What somebody does, with the facts that decide it.
        now: Chain time.

    Raises:
        InvalidTransition: The rules refuse; nothing changes.
    """
    return _RULES[type(action)](_Move(task=task, state=state, action=action, now=now), action)


A = TypeVar("A", bound=act.Action)
_RULES: Final[dict[type[act.Action], Callable[[_Move, Any], Outcome]]] = {}


def _rule(
    kind: type[A],
) -> Callable[[Callable[[_Move, A], Outcome]], Callable[[_Move, A], Outcome]]:
    def register(rule: Callable[[_Move, A], Outcome]) -> Callable[[_Move, A], Outcome]:
        _RULES[kind] = rule
        return rule

    return register


# --- offer and acceptance -------------------------------------------------------------------------


def _check_new(move: _Move) -> None:
    task = move.task
    move.require(move.action.sender == task.client, "not the client")
    move.require(move.state.status is Status.NONE, "task used")
    move.require(task.count > 0, "no items")
    move.require(max(task.price, task.stake, task.chunk_fee) <= MAX_MONEY, "too much money")
    for window in (task.compute_window, task.audit_window, task.response_window):
        move.require(MIN_WINDOW <= window <= MAX_WINDOW, "window out of bounds")
    move.require(move.now <= task.offered_until, "offer over")


def _bind(move: _Move, worker: Address) -> TaskState:
    deadline = Seconds(move.now + move.task.compute_window)
    return TaskState(status=Status.ACCEPTED, worker=worker, deadline=deadline)


@_rule(act.Post)
def _post(move: _Move, action: act.Post) -> Outcome:
    _check_new(move)
    return TaskState(status=Status.OPEN), [Take(account=action.sender, amount=move.task.price)]


@_rule(act.PostAccepted)
def _post_accepted(move: _Move, action: act.PostAccepted) -> Outcome:
    _check_new(move)
    move.require(move.now <= action.expiry, "acceptance over")
    move.require(action.worker != ZERO_ADDRESS, "no worker")
    move.require(action.is_signed, "worker did not sign")
    return _bind(move, action.worker), [
        Take(account=action.sender, amount=move.task.price),
        Take(account=action.worker, amount=move.task.stake, is_debit=True),
    ]


@_rule(act.Accept)
def _accept(move: _Move, action: act.Accept) -> Outcome:
    move.require(move.state.status is Status.OPEN, "not open")
    move.require(move.now <= move.task.offered_until, "offer over")
    take = Take(account=action.sender, amount=move.task.stake)
    return _bind(move, action.sender), [take]


@_rule(act.Cancel)
def _cancel(move: _Move, action: act.Cancel) -> Outcome:
    move.require(action.sender == move.task.client, "not the client")
    move.require(move.state.status is Status.OPEN, "not open")
    return TaskState(status=Status.CANCELLED), [
        Credit(account=move.task.client, amount=move.task.price)
    ]


@_rule(act.Expire)
def _expire(move: _Move, _action: act.Expire) -> Outcome:
    move.require(move.state.status is Status.ACCEPTED, "not accepted")
    move.require(move.now > move.state.deadline, "too early")
    amount = Wei(move.task.price + move.task.stake)
    return replace(move.state, status=Status.EXPIRED), [
        Credit(account=move.task.client, amount=amount)
    ]


# --- delivery and payment -------------------------------------------------------------------------


@_rule(act.Deliver)
def _deliver(move: _Move, action: act.Deliver) -> Outcome:
    move.require(move.state.status is Status.ACCEPTED, "not accepted")
    move.require(action.sender == move.state.worker, "not the worker")
    move.require(move.now <= move.state.deadline, "deadline over")
    return replace(
        move.state,
        status=Status.DELIVERED,
        deadline=Seconds(move.now + move.task.audit_window),
        claim_hash=action.claim_hash,
    ), []


@_rule(act.Settle)
def _settle(move: _Move, action: act.Settle) -> Outcome:
    move.require(move.state.status.is_bound, "not live")
    move.require(action.is_signed, "client did not sign")
    return _pay_worker(move)


@_rule(act.Approve)
def _approve(move: _Move, action: act.Approve) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(action.sender == move.task.client, "not the client")
    return _pay_worker(move)


@_rule(act.Finalize)
def _finalize(move: _Move, action: act.Finalize) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(move.state.status is Status.DELIVERED, "demand open")
    move.require(move.now > move.state.deadline, "too early")
    challenged = move.state.client_challenges + move.state.other_challenges
    move.require(challenged == 0, "challenged")
    return _pay_worker(move)


@_rule(act.Resolve)
def _resolve(move: _Move, action: act.Resolve) -> Outcome:
    move.require(move.state.status.is_bound, "not live")
    move.require(action.to_client <= move.task.price, "more than the price")
    move.require(action.is_client_signed, "client did not sign")
    move.require(action.is_worker_signed, "worker did not sign")
    rest = Wei(move.task.price - action.to_client)
    return _end_agreed(move, Status.RESOLVED, to_client=action.to_client, to_worker=rest)


def _pay_worker(move: _Move) -> Outcome:
    return _end_agreed(move, Status.SETTLED, to_client=Wei(0), to_worker=move.task.price)


def _end_agreed(move: _Move, status: Status, *, to_client: Wei, to_worker: Wei) -> Outcome:
    """End a task that its client agreed to or let pass; the stake waits for others' challenges."""
    demand = move.state.demand
    supplied = demand.supplied.bit_count() if demand else 0
    missing = demand.count - supplied if demand else 0
    waits = move.state.other_challenges > 0
    ended = replace(move.state, status=status, client_challenges=0, stake_waits=waits)
    stake = 0 if waits else move.task.stake
    fee = move.task.chunk_fee
    return ended, [
        Credit(account=move.state.worker, amount=Wei(to_worker + stake + supplied * fee)),
        Credit(account=move.task.client, amount=Wei(to_client + missing * fee)),
    ]


# --- demands and complaints -----------------------------------------------------------------------


def _check_may_demand(move: _Move, claim_hash: Hash32) -> None:
    move.require_claim(claim_hash)
    move.require(move.is_client(move.action.sender), "not the client")
    move.require(move.state.status is Status.DELIVERED, "demand open")
    move.require(move.now <= move.state.deadline, "deadline over")


def _open_demand(move: _Move) -> TaskState:
    deadline = Seconds(move.now + move.task.response_window)
    return replace(move.state, status=Status.DEMANDED, deadline=deadline)


def _close_demand(move: _Move) -> TaskState:
    deadline = Seconds(move.now + move.task.audit_window)
    return replace(
        move.state, status=Status.DELIVERED, deadline=deadline, key_open=False, demand=None
    )


@_rule(act.DemandKey)
def _demand_key(move: _Move, action: act.DemandKey) -> Outcome:
    _check_may_demand(move, action.claim_hash)
    move.require(not move.state.key_demanded, "demanded before")
    return replace(_open_demand(move), key_demanded=True, key_open=True), []


@_rule(act.RevealKey)
def _reveal_key(move: _Move, action: act.RevealKey) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(move.state.status is Status.DEMANDED and move.state.key_open, "key not demanded")
    move.require(move.now <= move.state.deadline, "deadline over")
    move.require(action.is_opening, "wrong key")
    return _close_demand(move), []


@_rule(act.DemandChunks)
def _demand_chunks(move: _Move, action: act.DemandChunks) -> Outcome:
    _check_may_demand(move, action.claim_hash)
    move.require(action.item < move.task.count, "no such item")
    exists = 0 < action.count <= GROUP and action.first < MAX_CHUNKS
    move.require(exists, "no such chunks")
    group = action.first // GROUP
    last = action.first + action.count - 1
    move.require(last // GROUP == group, "more than one group")
    if group > 0:
        move.require(action.chunks is not None and last < action.chunks, "no such chunks")
    demand = ChunkDemand(item=action.item, first=action.first, count=action.count)
    move.require(demand.cursor > move.state.cursor, "demanded before")
    state = replace(_open_demand(move), cursor=demand.cursor, demand=demand)
    fees = Wei(move.task.chunk_fee * action.count)
    return state, [Take(account=action.sender, amount=fees)]


@_rule(act.SupplyChunks)
def _supply_chunks(move: _Move, action: act.SupplyChunks) -> Outcome:
    move.require_claim(action.claim_hash)
    demand = move.state.demand
    if demand is None:
        move.refuse("chunks not demanded")
    move.require(move.now <= move.state.deadline, "deadline over")
    demand = replace(demand, supplied=demand.supplied | action.supplied)
    if not demand.is_met:
        return replace(move.state, demand=demand), []
    fees = Wei(move.task.chunk_fee * demand.count)
    return _close_demand(move), [Credit(account=move.state.worker, amount=fees)]


@_rule(act.Complain)
def _complain(move: _Move, action: act.Complain) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(move.is_client(action.sender), "not the client")
    move.require(move.is_auditing(), "deadline over")
    move.require(action.is_wrong, "nothing wrong there")
    return _end_forfeited(move)


@_rule(act.Forfeit)
def _forfeit(move: _Move, action: act.Forfeit) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(move.state.status is Status.DEMANDED, "nothing demanded")
    move.require(move.now > move.state.deadline, "too early")
    return _end_forfeited(move)


def _end_forfeited(move: _Move) -> Outcome:
    return _end_against_worker(move, Status.FORFEITED, move.task.price + move.task.stake)


def _end_against_worker(move: _Move, status: Status, to_client: int) -> Outcome:
    fees = move.state.demand.count * move.task.chunk_fee if move.state.demand else 0
    ended = replace(move.state, status=status, client_challenges=0, other_challenges=0)
    return ended, [Credit(account=move.task.client, amount=Wei(to_client + fees))]


# --- challenges -----------------------------------------------------------------------------------


@_rule(act.OpenChallenge)
def _open_challenge(move: _Move, action: act.OpenChallenge) -> Outcome:
    move.require_claim(action.claim_hash)
    move.require(action.sender == move.task.referee, "not the referee")
    move.require(move.is_auditing(), "deadline over")
    move.require(action.challenger != ZERO_ADDRESS, "no challenger")
    move.require(action.number not in move.state.used, "challenge used")
    move.require(action.value <= MAX_MONEY, "too much money")
    mine = move.is_client(action.challenger)
    count = move.state.client_challenges if mine else move.state.other_challenges
    move.require(count < MAX_CHALLENGES, "too many challenges")
    challenge = Challenge(number=action.number, challenger=action.challenger, bond=action.value)
    state = replace(
        move.state,
        client_challenges=move.state.client_challenges + mine,
        other_challenges=move.state.other_challenges + (not mine),
        challenges=(*move.state.challenges, challenge),
        used=move.state.used | {action.number},
    )
    return state, [Take(account=action.sender, amount=action.value)]


def _find_ruled(move: _Move, number: Hash32) -> Challenge:
    move.require(move.action.sender == move.task.referee, "not the referee")
    challenge = move.find_challenge(number)
    if move.state.stake_waits:
        move.require(not move.is_client(challenge.challenger), "challenge closed")
    else:
        move.require(move.state.status.is_claimed, "challenge closed")
    return challenge


@_rule(act.Dismiss)
def _dismiss(move: _Move, action: act.Dismiss) -> Outcome:
    challenge = _find_ruled(move, action.number)
    mine = move.is_client(challenge.challenger)
    others = move.state.other_challenges - (not mine)
    released = move.state.stake_waits and others == 0
    state = replace(
        move.state,
        client_challenges=move.state.client_challenges - mine,
        other_challenges=others,
        stake_waits=move.state.stake_waits and not released,
        challenges=move.without(challenge),
    )
    amount = Wei(challenge.bond + (move.task.stake if released else 0))
    return state, [Credit(account=move.state.worker, amount=amount)]


@_rule(act.RuleAgainstWorker)
def _rule_against_worker(move: _Move, action: act.RuleAgainstWorker) -> Outcome:
    challenge = _find_ruled(move, action.number)
    half = move.task.stake // 2
    rest = Wei(move.task.stake - half)
    if move.state.stake_waits:
        state = replace(move.state, other_challenges=0, stake_waits=False, stake_lost=True)
        payments: list[Instruction] = [Credit(account=move.task.client, amount=rest)]
    else:
        state, payments = _end_against_worker(move, Status.REFUTED, move.task.price + rest)
    winner = move.task.client if move.is_client(challenge.challenger) else challenge.challenger
    payments += [
        Credit(account=winner, amount=Wei(half)),
        Credit(account=challenge.challenger, amount=challenge.bond),
    ]
    return replace(state, challenges=move.without(challenge)), payments


@_rule(act.CloseChallenge)
def _close_challenge(move: _Move, action: act.CloseChallenge) -> Outcome:
    challenge = move.find_challenge(action.number)
    mine = move.is_client(challenge.challenger)
    to = challenge.challenger
    if move.state.status is Status.SETTLED and mine:
        to = move.state.worker
    else:
        overtaken = (
            move.state.status in {Status.FORFEITED, Status.REFUTED}
            or move.state.stake_lost
            or (move.state.status is Status.RESOLVED and mine)
        )
        move.require(overtaken, "challenge open")
    state = replace(move.state, challenges=move.without(challenge))
    return state, [Credit(account=to, amount=challenge.bond)]
