"""The life of an agreement as a pure state machine: an action in, the next state and payments out.

Not here: signatures and proofs, which the actions bring as facts (`actions`); who owns what
(`ledger`); what a second is worth (`money`).
Twin: contracts/StorageServer.vy, call by call, with the same reasons in the same order.
Source: design/storage.md, "Contracts".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn, TypeVar

from pekanu.errors import Rejected
from pekanu.storage import actions as act
from pekanu.storage.agreement import Quote, Terms
from pekanu.storage.money import (
    get_challenge_fee,
    get_end,
    get_release,
    get_vested,
    get_vested_seconds,
)
from pekanu.storage.state import FEE_UNIT, AgreementState, Status
from pekanu.storage.trees import MAX_LEAVES
from pekanu.types import ZERO_ADDRESS, Address, Seconds, Wei

MIN_WINDOW: Final = Seconds(60)
MAX_WINDOW: Final = Seconds(30 * 86400)
#: Longest term, and how far ahead a renewal can begin.
MAX_TERM: Final = Seconds(3650 * 86400)
#: No sum of money in an agreement is larger.
MAX_MONEY: Final = Wei((1 << 96) - 1)
#: The price is at least so many times the reservation fee.
FEE_DIVISOR: Final = 100
#: Leaves that one challenge can name: 256 KiB.
MAX_RANGE: Final = 1024
#: Largest fee of a challenge, in gwei.
MAX_FEE: Final = (1 << 40) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """Put the money that was sent where no one can take it."""

    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserve:
    """Lock a part of the provider's free money."""

    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """Make locked money the provider's free money."""

    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """Make locked money the client contract's."""

    account: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Burn:
    """Send locked money to the zero address."""

    amount: Wei


Instruction = Lock | Reserve | Release | Credit | Burn
Outcome = tuple[AgreementState, list[Instruction]]


class InvalidTransition(Rejected):
    """The rules refuse an action; state and action are kept.

    Args:
        reason: The contract's own reason string.
        state: The state in which the action was tried.
        action: The action.
    """

    def __init__(self, reason: str, state: AgreementState, action: act.Action) -> None:
        """Keep what was tried where."""
        super().__init__(reason)
        self.state = state
        self.action = action


@dataclass(frozen=True, kw_only=True, slots=True)
class _Move:
    """One action under way."""

    quote: Quote
    state: AgreementState
    action: act.Action
    now: Seconds

    @property
    def terms(self) -> Terms:
        return self.quote.terms

    def refuse(self, reason: str) -> NoReturn:
        raise InvalidTransition(f"storage: {reason}", self.state, self.action)

    def require(self, holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not holds:
            self.refuse(reason)


def apply(quote: Quote, state: AgreementState, action: act.Action, now: Seconds) -> Outcome:
    """Return the next state of an agreement and the money that moves.

    Args:
        quote: What was agreed.
        state: Where it stands.
        action: What somebody does, with the facts that decide it.
        now: Chain time.

    Raises:
        InvalidTransition: The rules refuse; nothing changes.
    """
    return _RULES[type(action)](_Move(quote=quote, state=state, action=action, now=now), action)


A = TypeVar("A", bound=act.Action)
_RULES: Final[dict[type[act.Action], Callable[[_Move, Any], Outcome]]] = {}


def _rule(
    kind: type[A],
) -> Callable[[Callable[[_Move, A], Outcome]], Callable[[_Move, A], Outcome]]:
    def register(rule: Callable[[_Move, A], Outcome]) -> Callable[[_Move, A], Outcome]:
        _RULES[kind] = rule
        return rule

    return register


# --- payment and receipt --------------------------------------------------------------------------


@_rule(act.Pay)
def _pay(move: _Move, action: act.Pay) -> Outcome:
    terms = move.terms
    move.require(action.sender == terms.client, "not the client")
    move.require(action.is_registered, "not registered")
    move.require(move.state.status is Status.NONE, "quote used")
    move.require(move.quote.content.chunk_count > 0, "nothing to keep")
    _check_terms(move)
    move.require(move.now <= terms.valid_until, "quote over")
    move.require(action.is_signed, "provider did not sign")
    move.require(action.value == terms.price, "not the price")
    money: list[Instruction] = [Reserve(amount=terms.penalty), Lock(amount=terms.price)]
    if terms.starts_at:
        return AgreementState(status=Status.STORED, started=terms.starts_at), money
    deadline = Seconds(move.now + terms.confirm_window)
    return AgreementState(status=Status.PAID, deadline=deadline), money


def _check_terms(move: _Move) -> None:
    """Refuse terms that no honest party can live with."""
    terms = move.terms
    move.require(max(terms.price, terms.penalty) <= MAX_MONEY, "too much money")
    is_fair = terms.reservation_fee <= terms.price // FEE_DIVISOR
    move.require(is_fair, "reservation fee too high")
    for window in (terms.confirm_window, terms.response_window):
        move.require(MIN_WINDOW <= window <= MAX_WINDOW, "window out of bounds")
    move.require(MIN_WINDOW <= terms.term <= MAX_TERM, "term out of bounds")
    is_ahead = not terms.starts_at or move.now <= terms.starts_at <= move.now + MAX_TERM
    move.require(is_ahead, "start out of bounds")


def _begin(move: _Move) -> Outcome:
    return AgreementState(status=Status.STORED, started=move.now), []


@_rule(act.Confirm)
def _confirm(move: _Move, action: act.Confirm) -> Outcome:
    move.require(move.state.status is Status.PAID, "no receipt awaited")
    move.require(move.now <= move.state.deadline, "deadline over")
    move.require(action.is_signed, "provider did not sign")
    return _begin(move)


@_rule(act.ConfirmByProvider)
def _confirm_by_provider(move: _Move, action: act.ConfirmByProvider) -> Outcome:
    move.require(action.is_provider, "not the provider")
    if move.state.status is not Status.PAID or move.now > move.state.deadline:
        return move.state, []
    return _begin(move)


# --- challenge and answer -------------------------------------------------------------------------


@_rule(act.Challenge)
def _challenge(move: _Move, action: act.Challenge) -> Outcome:
    terms, state = move.terms, move.state
    is_agent = action.sender == terms.agent != ZERO_ADDRESS
    move.require(action.sender == terms.client or is_agent, "not the client")
    move.require(state.status is not Status.CHALLENGED, "challenge open")
    move.require(state.status is Status.STORED, "not stored")
    move.require(move.now <= get_end(terms, state), "term over")
    move.require(action.chunk < move.quote.content.chunk_count, "no such chunk")
    exist = action.leaf < MAX_LEAVES and 0 < action.count <= MAX_RANGE
    move.require(exist, "no such leaves")
    fee = get_challenge_fee(action.count, action.base_fee)
    move.require(action.value >= fee, "fee too low")
    units, rest = divmod(action.value, FEE_UNIT)
    move.require(rest == 0 and units <= MAX_FEE, "fee out of bounds")
    return replace(
        state,
        status=Status.CHALLENGED,
        deadline=Seconds(move.now + terms.response_window),
        fee=action.value,
        chunk=action.chunk,
        leaf=action.leaf,
        count=action.count,
    ), [Lock(amount=action.value)]


def _check_answerable(move: _Move) -> None:
    move.require(move.state.status is Status.CHALLENGED, "not challenged")
    move.require(move.now <= move.state.deadline, "deadline over")


def _close(move: _Move) -> Outcome:
    """End a challenge that was answered; vesting goes on as if there had been none."""
    state = move.state
    resumed = AgreementState(status=Status.STORED, started=state.started, collected=state.collected)
    return resumed, [Release(amount=state.fee)]


@_rule(act.Answer)
def _answer(move: _Move, action: act.Answer) -> Outcome:
    state = move.state
    _check_answerable(move)
    stop = state.leaf + action.count
    move.require(0 < action.count <= state.count, "not the leaves asked for")
    move.require(stop <= action.leaf_count <= MAX_LEAVES, "beyond the end")
    move.require(action.is_proven, "wrong proof")
    if action.count == state.count or stop == action.leaf_count:
        return _close(move)
    return replace(state, leaf=stop, count=state.count - action.count), []


@_rule(act.AnswerCount)
def _answer_count(move: _Move, action: act.AnswerCount) -> Outcome:
    _check_answerable(move)
    move.require(action.leaf_count <= move.state.leaf, "the leaf exists")
    move.require(action.is_proven, "wrong proof")
    return _close(move)


# --- fine and reclaim -----------------------------------------------------------------------------


@_rule(act.Fine)
def _fine_unanswered(move: _Move, _action: act.Fine) -> Outcome:
    move.require(move.state.status is Status.CHALLENGED, "not challenged")
    move.require(move.now > move.state.deadline, "too early")
    return _fine(move, move.state)


@_rule(act.FineEquivocation)
def _fine_equivocation(move: _Move, action: act.FineEquivocation) -> Outcome:
    state = move.state
    move.require(state.status.is_live, "not live")
    move.require(action.is_about_it, "other agreement")
    move.require(action.contradicts, "no contradiction")
    move.require(action.is_signed, "provider did not sign")
    if state.status is Status.PAID:
        state = replace(state, started=move.now)
    if state.status is not Status.CHALLENGED:
        state = replace(state, deadline=Seconds(move.now + move.terms.response_window))
    return _fine(move, state)


def _fine(move: _Move, state: AgreementState) -> Outcome:
    """Give the client what is not vested, the fee and the penalty."""
    terms = move.terms
    fined = AgreementState(
        status=Status.FINED,
        started=state.started,
        collected=state.collected,
        deadline=state.deadline,
    )
    vested = get_vested(terms, get_vested_seconds(terms, fined, move.now))
    amount = Wei(terms.price - vested + state.fee + terms.penalty)
    return fined, [Credit(account=terms.client, amount=amount)]


@_rule(act.Reclaim)
def _reclaim(move: _Move, _action: act.Reclaim) -> Outcome:
    terms = move.terms
    move.require(move.state.status is Status.PAID, "no receipt awaited")
    move.require(move.now > move.state.deadline, "too early")
    return AgreementState(status=Status.RECLAIMED), [
        Release(amount=terms.penalty),
        Credit(account=terms.client, amount=Wei(terms.price - terms.reservation_fee)),
        Burn(amount=terms.reservation_fee),
    ]


# --- vesting and the end --------------------------------------------------------------------------


@_rule(act.Collect)
def _collect(move: _Move, _action: act.Collect) -> Outcome:
    terms, state = move.terms, move.state
    if state.status not in {Status.STORED, Status.CHALLENGED, Status.FINED}:
        return state, []
    seconds = get_vested_seconds(terms, state, move.now)
    amount = get_vested(terms, seconds) - get_vested(terms, state.collected)
    if state.status is Status.STORED and move.now > get_release(terms, state):
        return AgreementState(status=Status.ENDED), [Release(amount=Wei(amount + terms.penalty))]
    return replace(state, collected=seconds), [Release(amount=Wei(amount))]


@_rule(act.GiveBack)
def _give_back(move: _Move, action: act.GiveBack) -> Outcome:
    terms, state = move.terms, move.state
    move.require(action.sender == terms.client, "not the client")
    move.require(state.status is Status.STORED, "not stored")
    seconds = get_vested_seconds(terms, state, move.now)
    earned = max(get_vested(terms, seconds), terms.reservation_fee)
    to_provider = earned - get_vested(terms, state.collected) + terms.penalty
    return AgreementState(status=Status.GIVEN_BACK), [
        Release(amount=Wei(to_provider)),
        Credit(account=terms.client, amount=Wei(terms.price - earned)),
    ]
