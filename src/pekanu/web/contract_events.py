"""What the system's other contracts logged lately, asked for once a block while somebody looks.

What is not here: the market's events, which are all in the index (`index`).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from pekanu.chain import AddressBook, Connection, Log
from pekanu.types import Seconds
from pekanu.web.decoding import detail_log, summarize_arguments
from pekanu.web.views.explorer import EventRow
from pekanu.web.wording import build_moment, link_block, link_task, link_transaction

#: Blocks that are searched, and events that are shown.
SEARCHED: Final = 5_000
_SHOWN: Final = 50
_KEPT_TIMES: Final = 1_000


class ContractEvents:
    """The last events of each contract of an address book.

    Args:
        chain: Where they are.
        book: The contracts.
    """

    def __init__(self, chain: Connection, book: AddressBook) -> None:
        self._chain, self._book = chain, book
        self._kept: dict[str, tuple[int, tuple[EventRow, ...]]] = {}
        self._times: OrderedDict[bytes, Seconds] = OrderedDict()

    async def fetch(self, name: str, head: int) -> tuple[EventRow, ...]:
        """Return a contract's events of the last blocks, the newest first.

        Args:
            name: As in the book.
            head: The latest block.
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] != head:
            place = self._book[name]
            first = max(place.block_number, head - SEARCHED + 1)
            logs = await self._chain.fetch_logs(place.address, first, head)
            rows = [await self._describe(name, log) for log in logs[: -_SHOWN - 1 : -1]]
            kept = head, tuple(row for row in rows if row is not None)
            self._kept[name] = kept
        return kept[1]

    async def _describe(self, name: str, log: Log) -> EventRow | None:
        found = detail_log(name, log)
        if found is None:
            return None
        task = next((one.value for one in found.arguments if one.name == "task_id"), "")
        return EventRow(
            block=link_block(log.block_number),
            when=build_moment(await self._fetch_time(log)),
            name=found.name,
            summary=summarize_arguments(found.arguments),
            transaction=link_transaction(log.transaction),
            task=link_task(bytes.fromhex(task[2:])) if task else None,
        )

    async def _fetch_time(self, log: Log) -> Seconds:
        if log.block_hash not in self._times:
            block = await self._chain.fetch_block(log.block_number)
            self._times[log.block_hash] = Seconds(0) if block is None else block.timestamp
            while len(self._times) > _KEPT_TIMES:
                self._times.popitem(last=False)
        return self._times[log.block_hash]
