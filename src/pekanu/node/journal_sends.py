"""The sender's pending transactions, kept in the journal.

Implements `pekanu.chain.PendingStore`; what is not here: sending (`pekanu.chain`).
"""

from __future__ import annotations

from sqlalchemy import Engine, delete, insert, select, update

from pekanu.chain import PendingState, PendingTransaction
from pekanu.node.journal_tables import sends
from pekanu.types import Address


class JournalSends:
    """A durable `PendingStore`.

    Args:
        engine: A database with the journal's tables.
        account: Whose transactions these are.
        chain_id: On which chain.
    """

    def __init__(self, engine: Engine, account: Address, chain_id: int) -> None:
        self._engine = engine
        self._mine = (sends.c.account == account, sends.c.chain_id == chain_id)
        self._account, self._chain_id = account, chain_id

    def load(self, key: str) -> PendingTransaction | None:
        """Return the transaction of a key, or None."""
        query = select(sends.c.state).where(*self._mine, sends.c.key == key)
        with self._engine.connect() as connection:
            text = connection.execute(query).scalar_one_or_none()
        return None if text is None else PendingTransaction.from_json(text)

    def save(self, transaction: PendingTransaction) -> None:
        """Keep a transaction in the place of what its key held."""
        key = transaction.key
        values = {
            "state": transaction.to_json(),
            "is_open": int(transaction.state is PendingState.OPEN),
        }
        with self._engine.begin() as connection:
            found = connection.execute(
                update(sends).where(*self._mine, sends.c.key == key).values(**values)
            ).rowcount
            if not found:
                connection.execute(
                    insert(sends).values(
                        account=self._account, chain_id=self._chain_id, key=key, **values
                    )
                )

    def remove(self, key: str) -> None:
        """Forget a transaction that the chain's node refused."""
        with self._engine.begin() as connection:
            connection.execute(delete(sends).where(*self._mine, sends.c.key == key))

    def list_open(self, chain_id: int, account: Address) -> list[PendingTransaction]:
        """Return an account's open transactions on a chain, by nonce."""
        query = select(sends.c.state).where(
            sends.c.account == account, sends.c.chain_id == chain_id, sends.c.is_open == 1
        )
        with self._engine.connect() as connection:
            found = [
                PendingTransaction.from_json(text) for text in connection.execute(query).scalars()
            ]
        return sorted(found, key=lambda one: one.nonce)
