"""What accounts sent from here, shown at the head of each page until it is final.

What is not here: where a transaction stands (`transaction_states`), sending (`actions`, the
browser's wallet).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from pekanu.errors import ChainError
from pekanu.types import Address, Hash32
from pekanu.web.transaction_states import Transactions
from pekanu.web.views.explorer import TransactionState
from pekanu.web.views.shell import SentView
from pekanu.web.wording import link_transaction

#: The hashes of a transaction: one for each fee that was offered, the latest last.
Hashes: TypeAlias = Callable[[], list[Hash32]]

_SHOWN: Final = 4
_ACCOUNTS: Final = 1000
#: Seconds for which one is shown that is final, and one that failed or is missing.
_GOOD_SECONDS, _BAD_SECONDS = 20.0, 300.0
_MISSING: Final = frozenset({"unknown", "dropped", "replaced"})
_UNDER_WAY: Final = frozenset({"pending", "included"})


@dataclass(kw_only=True)
class _Sent:
    title: str
    find_hashes: Hashes
    #: As it was seen last.
    name: str = "pending"
    #: Since when.
    since: float


class SentTransactions:
    """The last transactions of each account.

    Args:
        transactions: Tells where they stand.
        clock: Seconds that only rise.
    """

    def __init__(
        self, transactions: Transactions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transactions, self._clock = transactions, clock
        self._sent: dict[Address, deque[_Sent]] = {}

    def add(self, account: Address, title: str, find_hashes: Hashes) -> None:
        """Show what an account sends from now on.

        Args:
            account: Who sends.
            title: What it is for, in words.
            find_hashes: Returns the hashes so far; none as long as nothing was sent.
        """
        kept = self._sent.setdefault(account, deque(maxlen=_SHOWN))
        if len(self._sent) > _ACCOUNTS:
            self._sent.pop(next(iter(self._sent)))
        kept.append(_Sent(title=title, find_hashes=find_hashes, since=self._clock()))

    async def fetch_views(self, account: Address) -> tuple[SentView, ...]:
        """Return what is to be shown to an account, the latest first."""
        shown = []
        for one in reversed(self._sent.get(account, ())):
            hashes = one.find_hashes()
            if not hashes or self._is_over(one):
                continue
            try:
                digest, state = await self._look(hashes)
            except ChainError:
                continue
            if state.name != one.name:
                one.name, one.since = state.name, self._clock()
            shown.append(
                SentView(
                    title=one.title,
                    transaction=link_transaction(digest),
                    state=state.name,
                    text=f"{state.text}: {state.reason}" if state.reason else state.text,
                )
            )
        return tuple(shown)

    def _is_over(self, one: _Sent) -> bool:
        if one.name in _UNDER_WAY:
            return False
        stays = _GOOD_SECONDS if one.name == "final" else _BAD_SECONDS
        return self._clock() - one.since > stays

    async def _look(self, hashes: list[Hash32]) -> tuple[Hash32, TransactionState]:
        """Return the form of a transaction that counts: rather one that is there."""
        looked = [(digest, await self._transactions.fetch_state(digest)) for digest in hashes]
        there = [one for one in looked if one[1].name not in _MISSING]
        return (there or looked)[-1]
