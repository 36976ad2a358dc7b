"""What a sender writes down before it broadcasts, so that a restart never pays twice.

A port with an in-memory fake for tests and short programs; a node keeps it in its journal.
Not here: broadcasting (`transactions`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from pekanu.types import Address, Hash32, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What a transaction does: to whom, with which data and value."""

    #: None creates a contract.
    to: Address | None
    data: bytes = b""
    value: Wei = Wei(0)
    #: For messages, such as ``market.deliver``; no part of what is signed.
    name: str = field(default="transfer", compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One signed form of a transaction; later ones pay higher fees under the same nonce."""

    hash: Hash32
    raw: bytes = field(repr=False)
    max_fee: Wei
    tip: Wei


class PendingState(StrEnum):
    """How far a transaction got."""

    #: Signed, perhaps broadcast, not known to be mined.
    OPEN = "open"
    #: Mined, and confirmed as deep as its sender asked.
    DONE = "done"
    #: Another transaction used its nonce.
    DROPPED = "dropped"


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingTransaction:
    """A transaction under the caller's own idempotency key."""

    key: str
    chain_id: int
    account: Address
    nonce: int
    gas: int
    call: Call
    attempts: tuple[Attempt, ...]
    state: PendingState = PendingState.OPEN

    def with_attempt(self, attempt: Attempt) -> PendingTransaction:
        """Return it with one attempt more."""
        return replace(self, attempts=(*self.attempts, attempt))

    def with_state(self, state: PendingState) -> PendingTransaction:
        """Return it in another state."""
        return replace(self, state=state)

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(
            {
                "key": self.key,
                "chain_id": self.chain_id,
                "account": self.account,
                "nonce": self.nonce,
                "gas": self.gas,
                "call": {
                    "to": self.call.to,
                    "data": self.call.data.hex(),
                    "value": self.call.value,
                    "name": self.call.name,
                },
                "attempts": [
                    {
                        "hash": attempt.hash.hex(),
                        "raw": attempt.raw.hex(),
                        "max_fee": attempt.max_fee,
                        "tip": attempt.tip,
                    }
                    for attempt in self.attempts
                ],
                "state": self.state.value,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> PendingTransaction:
        """Return what `to_json` wrote."""
        found: dict[str, Any] = json.loads(text)
        call = found["call"]
        return cls(
            key=found["key"],
            chain_id=found["chain_id"],
            account=found["account"],
            nonce=found["nonce"],
            gas=found["gas"],
            call=Call(
                to=call["to"],
                data=bytes.fromhex(call["data"]),
                value=call["value"],
                name=call["name"],
            ),
            attempts=tuple(
                Attempt(
                    hash=Hash32(bytes.fromhex(attempt["hash"])),
                    raw=bytes.fromhex(attempt["raw"]),
                    max_fee=attempt["max_fee"],
                    tip=attempt["tip"],
                )
                for attempt in found["attempts"]
            ),
            state=PendingState(found["state"]),
        )


class PendingStore(Protocol):
    """Where pending transactions are kept; a write is durable when it returns."""

    def load(self, key: str) -> PendingTransaction | None:
        """Return the transaction of a key, or None."""

    def save(self, transaction: PendingTransaction) -> None:
        """Keep a transaction in the place of what its key held."""

    def remove(self, key: str) -> None:
        """Forget a transaction that the chain's node refused."""

    def list_open(self, chain_id: int, account: Address) -> list[PendingTransaction]:
        """Return an account's open transactions on a chain, by nonce."""


class MemoryPendingStore:
    """A `PendingStore` that ends with its process."""

    def __init__(self) -> None:
        self._found: dict[str, PendingTransaction] = {}

    def load(self, key: str) -> PendingTransaction | None:
        """Return the transaction of a key, or None."""
        return self._found.get(key)

    def save(self, transaction: PendingTransaction) -> None:
        """Keep a transaction in the place of what its key held."""
        self._found[transaction.key] = transaction

    def remove(self, key: str) -> None:
        """Forget a transaction that the chain's node refused."""
        self._found.pop(key, None)

    def list_open(self, chain_id: int, account: Address) -> list[PendingTransaction]:
        """Return an account's open transactions on a chain, by nonce."""
        return sorted(
            (
                one
                for one in self._found.values()
                if (one.chain_id, one.account) == (chain_id, account)
                and one.state is PendingState.OPEN
            ),
            key=lambda one: one.nonce,
        )
