"""A market's referees: where they stand, and what their events say.

Not here: following the chain (`watch`), playing before a referee (`dispute_role`, `case_role`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pekanu.chain import AddressBook, Connection
from pekanu.chain.events import MarketEvent
from pekanu.chain.referee_contract import RefereeContract
from pekanu.chain.referee_events import DisputeLogged, decode_dispute_log
from pekanu.chain.ringer_contract import RingerContract
from pekanu.chain.ringer_events import CaseEvent, decode_case_log
from pekanu.node.case_index import CaseIndex
from pekanu.node.dispute_index import DisputeIndex
from pekanu.node.watch import EventSource
from pekanu.types import Hash32

#: What to subscribe to, to be woken by whatever happens in any dispute.
ANY_DISPUTE: Final = Hash32(bytes(32))
#: The same of any case before the ringers' referee.
ANY_CASE: Final = Hash32(bytes(31) + b"\x01")


class Referees:
    """The referees of an address book.

    Args:
        chain: Where they are.
        book: Knows their addresses; it was verified.
    """

    def __init__(self, chain: Connection, book: AddressBook) -> None:
        #: The one that tasks name, and the one that searches name.
        self.bisection = RefereeContract(chain, book["BisectionReferee"].address)
        self.ringers = RingerContract(chain, book["RingerReferee"].address)
        #: What happened before them, as far as a watch has read it.
        self.disputes, self.cases = DisputeIndex(), CaseIndex()
        self._book = book

    def list_sources(self) -> list[EventSource]:
        """Return what a watch has to follow."""
        return [
            EventSource(
                contract=self._book["BisectionReferee"],
                decode=decode_dispute_log,
                add=self._add_disputes,
                clear=self.disputes.clear,
            ),
            EventSource(
                contract=self._book["RingerReferee"],
                decode=decode_case_log,
                add=self._add_cases,
                clear=self.cases.clear,
            ),
        ]

    def _add_disputes(self, events: Iterable[MarketEvent]) -> set[Hash32]:
        logged = [event for event in events if isinstance(event, DisputeLogged)]
        return self.disputes.add(logged) | ({ANY_DISPUTE} if logged else set())

    def _add_cases(self, events: Iterable[MarketEvent]) -> set[Hash32]:
        logged = [event for event in events if isinstance(event, CaseEvent)]
        return self.cases.add(logged) | ({ANY_CASE} if logged else set())
