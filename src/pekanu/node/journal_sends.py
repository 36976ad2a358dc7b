"""The sender's pending transactions, kept in the journal.

Implements `pekanu.chain.PendingStore`; what is not here: sending (`pekanu.chain`).
"""

from __future__ import annotations

from pekanu.chain import PendingState, PendingTransaction
from pekanu.node.journal_tables import Tables
from pekanu.types import Address


class JournalSends:
    """A durable `PendingStore`.

    Args:
        tables: The journal's.
        account: Whose transactions these are.
        chain_id: On which chain.
    """

    def __init__(self, tables: Tables, account: Address, chain_id: int) -> None:
        self._tables, self._mine = tables, {"account": account, "chain_id": chain_id}

    def load(self, key: str) -> PendingTransaction | None:
        """Return the transaction of a key, or None."""
        found = self._tables.select("sends", ("state",), {**self._mine, "key": key})
        return PendingTransaction.from_json(found[0][0]) if found else None

    def save(self, transaction: PendingTransaction) -> None:
        """Keep a transaction in the place of what its key held."""
        key = {**self._mine, "key": transaction.key}
        values = {
            "state": transaction.to_json(),
            "is_open": int(transaction.state is PendingState.OPEN),
        }
        with self._tables.change():
            self._tables.put("sends", key, values)

    def remove(self, key: str) -> None:
        """Forget a transaction that the chain's node refused."""
        with self._tables.change():
            self._tables.delete("sends", {**self._mine, "key": key})

    def list_open(self, chain_id: int, account: Address) -> list[PendingTransaction]:
        """Return an account's open transactions on a chain, by nonce."""
        key = {"account": account, "chain_id": chain_id, "is_open": 1}
        rows = self._tables.select("sends", ("state",), key)
        found = [PendingTransaction.from_json(text) for (text,) in rows]
        return sorted(found, key=lambda one: one.nonce)
