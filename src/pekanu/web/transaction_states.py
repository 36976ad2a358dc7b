"""Where a transaction stands: from waiting to final, or how it went missing.

A node forgets what was replaced, dropped or reorganized away; what was seen of it before tells
these apart. What is not here: the page of a transaction (`explorer_pages`), who sent it (`sent`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pekanu.chain import Call, Connection, Receipt
from pekanu.chain.block import parse_receipt
from pekanu.chain.simulation import fetch_reason
from pekanu.types import Address, Hash32, Wei, parse_address
from pekanu.web.views.explorer import TransactionState

_KEPT: Final = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What was seen of a transaction."""

    sender: Address
    nonce: int
    #: That held it when it was last seen; 0 while it was in none.
    block: int = 0
    #: A block that held it before and is gone; 0 when none is.
    gone: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What a look at a transaction gave."""

    #: As the chain's node has it, and its receipt; None where missing.
    found: dict[str, Any] | None
    receipt: Receipt | None
    #: What was seen of it, now or before; None when nothing was.
    sighting: Sighting | None
    state: TransactionState


class Transactions:
    """The transactions that were looked for, and the last that was seen of each.

    Args:
        chain: Where they are.
        confirmations: Blocks that make one final, its own included.
    """

    def __init__(self, chain: Connection, confirmations: int) -> None:
        self._chain, self._wanted = chain, confirmations
        self._seen: OrderedDict[Hash32, Sighting] = OrderedDict()

    async def look(self, digest: Hash32) -> Looked:
        """Return all that there is of a transaction now."""
        found, receipt = await self._fetch(digest)
        sighting = self._note(digest, found, receipt)
        state = await self._describe(sighting, found, receipt)
        return Looked(found=found, receipt=receipt, sighting=sighting, state=state)

    async def fetch_state(self, digest: Hash32) -> TransactionState:
        """Return where a transaction stands now."""
        return (await self.look(digest)).state

    async def _fetch(self, digest: Hash32) -> tuple[dict[str, Any] | None, Receipt | None]:
        text = "0x" + digest.hex()
        found, receipt = await asyncio.gather(
            self._chain.request("eth_getTransactionByHash", text),
            self._chain.request("eth_getTransactionReceipt", text),
        )
        return found, None if receipt is None else parse_receipt(receipt)

    async def _describe(
        self, sighting: Sighting | None, found: Mapping[str, Any] | None, receipt: Receipt | None
    ) -> TransactionState:
        if sighting is None:
            return self._build("unknown", "the chain's node does not know it")
        if receipt is None:
            return await self._describe_unmined(sighting, is_known=found is not None)
        head = await self._chain.fetch_block_number()
        confirmations = max(1, head - receipt.block_number + 1)
        moved = f"; it moved here from block {sighting.gone:,}" if sighting.gone else ""
        if not receipt.succeeded and found is not None:
            reason = await fetch_reason(
                self._chain, sighting.sender, read_call(found), receipt.block_number
            )
            return self._build(
                "reverted",
                f"it was included and failed{moved}",
                confirmations=confirmations,
                reason=reason or "no reason given",
            )
        if confirmations >= self._wanted:
            text = f"in block {receipt.block_number:,}{moved}"
            return self._build("final", text, confirmations=confirmations)
        text = f"{confirmations} of {self._wanted} confirmations{moved}"
        return self._build("included", text, confirmations=confirmations)

    async def _describe_unmined(self, sighting: Sighting, *, is_known: bool) -> TransactionState:
        count = await self._chain.request("eth_getTransactionCount", sighting.sender, "latest")
        is_replaced = int(count, 16) > sighting.nonce
        if sighting.gone:
            what = "it is lost unless it is sent again"
            if is_replaced:
                what = "another transaction took its place"
            elif is_known:
                what = "it waits again"
            return self._build("reorganized", f"block {sighting.gone:,} is gone; {what}")
        if is_replaced:
            return self._build("replaced", "another transaction of the account took its place")
        if not is_known:
            return self._build(
                "dropped", "the chain's node threw it away; nothing happens unless it is sent again"
            )
        return self._build("pending", "it waits to be included in a block")

    def _note(
        self, digest: Hash32, found: Mapping[str, Any] | None, receipt: Receipt | None
    ) -> Sighting | None:
        """Return what is known of a transaction after this look."""
        block = 0 if receipt is None else receipt.block_number
        before = self._seen.pop(digest, None)
        if found is not None and before is None:
            before = Sighting(
                sender=parse_address(str(found["from"])), nonce=int(found["nonce"], 16), block=block
            )
        if before is None:
            return None
        gone = before.block if before.block not in (0, block) else before.gone
        now = replace(before, block=block, gone=0 if gone == block else gone)
        self._seen[digest] = now
        while len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return now

    def _build(
        self, name: str, text: str, *, confirmations: int = 0, reason: str = ""
    ) -> TransactionState:
        return TransactionState(
            name=name, text=text, confirmations=confirmations, wanted=self._wanted, reason=reason
        )


def read_call(found: Mapping[str, Any]) -> Call:
    """Return what a transaction does, as a node describes it."""
    to = found.get("to")
    return Call(
        to=None if to is None else parse_address(str(to)),
        data=bytes.fromhex(str(found["input"])[2:]),
        value=Wei(int(found["value"], 16)),
    )
