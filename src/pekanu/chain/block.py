"""Blocks, logs and receipts as typed values, read from JSON-RPC answers.

Not here: what a log means (`events`) and fetching any of them (`connection`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pekanu.types import Address, Hash32, Seconds, Wei, parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A block's head."""

    number: int
    #: Empty for the pending block.
    hash: Hash32
    parent_hash: Hash32
    timestamp: Seconds
    base_fee: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """What a contract logged, not yet decoded."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes
    block_number: int
    block_hash: Hash32
    transaction: Hash32
    #: Position in the block.
    index: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a mined transaction did."""

    transaction: Hash32
    sender: Address
    block_number: int
    block_hash: Hash32
    succeeded: bool
    gas_used: int
    gas_price: Wei
    #: The contract that it created, if it did.
    contract: Address | None
    logs: tuple[Log, ...]

    @property
    def fee(self) -> Wei:
        """What it cost its sender, beside the value that it carried."""
        return Wei(self.gas_used * self.gas_price)


def parse_block(found: Mapping[str, Any]) -> Block:
    """Return a block from `eth_getBlockByNumber`'s answer."""
    return Block(
        number=_int(found.get("number")),
        hash=_hash(found.get("hash")),
        parent_hash=_hash(found["parentHash"]),
        timestamp=Seconds(_int(found["timestamp"])),
        base_fee=Wei(_int(found.get("baseFeePerGas"))),
    )


def parse_log(found: Mapping[str, Any]) -> Log:
    """Return a log from an entry of `eth_getLogs`'s answer or of a receipt."""
    return Log(
        address=parse_address(found["address"]),
        topics=tuple(_hash(topic) for topic in found["topics"]),
        data=bytes.fromhex(found["data"][2:]),
        block_number=_int(found["blockNumber"]),
        block_hash=_hash(found["blockHash"]),
        transaction=_hash(found["transactionHash"]),
        index=_int(found["logIndex"]),
    )


def parse_receipt(found: Mapping[str, Any]) -> Receipt:
    """Return a receipt from `eth_getTransactionReceipt`'s answer."""
    created = found.get("contractAddress")
    return Receipt(
        transaction=_hash(found["transactionHash"]),
        sender=parse_address(found["from"]),
        block_number=_int(found["blockNumber"]),
        block_hash=_hash(found["blockHash"]),
        succeeded=_int(found["status"]) == 1,
        gas_used=_int(found["gasUsed"]),
        gas_price=Wei(_int(found.get("effectiveGasPrice"))),
        contract=None if created is None else parse_address(created),
        logs=tuple(parse_log(entry) for entry in found["logs"]),
    )


def _int(text: str | None) -> int:
    return 0 if text is None else int(text, 16)


def _hash(text: str | None) -> Hash32:
    return Hash32(b"" if text is None else bytes.fromhex(text[2:]))
