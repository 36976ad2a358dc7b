"""What somebody wants to do, ready to be shown in a dialog and to be done exactly so.

What is not here: showing it (`reviews`), doing it (`actions`, `storage_desk`, `node_process`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pekanu.chain import Call
from pekanu.errors import UsageError
from pekanu.types import Address
from pekanu.web.views.review import Argument
from pekanu.web.views.task import Fact

#: Seconds for which a dialog can be confirmed.
_KEEP_SECONDS: Final = 15 * 60.0
_MAX_KEPT: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """An EIP-712 message that is to be signed."""

    document: Mapping[str, Any]
    #: What of it is only known when it is signed; empty when nothing is.
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What an account would sign, and what comes of it."""

    title: str
    sentences: tuple[str, ...]
    at_most: str
    #: Where it is confirmed.
    path: str
    #: Transactions, in the order in which they are sent.
    calls: tuple[Call, ...] = ()
    #: What is sent after them, and what of it is not known before.
    later: tuple[tuple[Call, str], ...] = ()
    #: What others send before them, and who.
    before: tuple[tuple[Address, Call], ...] = ()
    #: Contracts beside those of the address book, by address: their code was checked.
    contracts: Mapping[Address, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    #: Who signs; None: who looks.
    account: Address | None = None
    confirm_title: str = ""
    facts: tuple[Fact, ...] = ()
    terms: tuple[Argument, ...] = ()
    longest: str = ""
    #: Why it cannot be, where that is known already.
    refusal: str = ""
    refusal_hint: str = ""
    #: It can be done even where its transactions would fail.
    is_always_possible: bool = False
    #: For the journal: unique for what is done once, such as ``<task>:expire``.
    key: str = ""
    #: The page that it belongs to.
    subject: str = ""
    #: What is done when it is more than sending the calls.
    order: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    plan: Plan
    session: str
    until: float


class ReviewedPlans:
    """Plans that a dialog has shown: whatever is sent or signed comes from here, and once.

    Args:
        clock: Seconds of any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    def keep(self, session: str, plan: Plan) -> str:
        """Return the token with which a browser confirms a plan that it is shown."""
        while len(self._kept) >= _MAX_KEPT:
            self._kept.pop(next(iter(self._kept)))
        token = secrets.token_hex(16)
        until = self._clock() + _KEEP_SECONDS
        self._kept[token] = _Kept(plan=plan, session=session, until=until)
        return token

    def take(self, session: str, token: str, path: str) -> Plan:
        """Return what a dialog has shown; it is confirmed by that, and cannot be again.

        Raises:
            UsageError: No dialog of this browser has shown it for this address, or too long ago.
        """
        kept = self._kept.get(token)
        if kept is None or (kept.session, kept.plan.path) != (session, path):
            raise UsageError(
                "nothing is signed that no dialog has shown", hint="press the button again"
            )
        del self._kept[token]
        if self._clock() > kept.until:
            raise UsageError(
                "what the dialog has shown is too old to be signed", hint="press the button again"
            )
        return kept.plan
