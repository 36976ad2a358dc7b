"""What an account has stored, and the way to where it lies: all that reading needs.

Not here: putting (`storer`), reading (`reading`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Self

from pekanu.chain import AddressBook
from pekanu.errors import InvalidInput
from pekanu.node.journal import Entry
from pekanu.node.market_desk import MarketDesk
from pekanu.node.storage.providers import OpenProvider, find_announced, open_provider_line
from pekanu.node.storage.sealing import StorageSecret
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.storage.link import Link
from pekanu.types import Address

ROLE: Final = "store"


class StorageDesk:
    """One account's dealings in storage; made by `open`.

    Args:
        desk: The account's desk.
        book: Where the chain's contracts are.
        folder: Keeps manifests of what is under way.
        secret: The account's.
    """

    def __init__(
        self, desk: MarketDesk, book: AddressBook, folder: Path, secret: StorageSecret
    ) -> None:
        self.desk, self.book, self.secret = desk, book, secret
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @classmethod
    async def open(cls, desk: MarketDesk, home: Path) -> Self:
        """Return that of a desk's account."""
        book = AddressBook.load(home, desk.chain.chain_id)
        secret = await asyncio.to_thread(StorageSecret.from_wallet, desk.account)
        return cls(desk, book, home / "store" / "client" / desk.address.lower(), secret)

    def list(self, *, live_only: bool = False) -> list[StoredObject]:
        """Return this account's objects on this chain, oldest first."""
        chain_id = self.desk.chain.chain_id
        found = self.desk.journal.load_states(ROLE, chain_id=chain_id, live_only=live_only)
        return [StoredObject.from_json(text) for text in found]

    def find(self, name: str) -> StoredObject:
        """Return the object of a name or of the beginning of an agreement's id; the last of a name.

        Raises:
            InvalidInput: There is none, or the beginning is that of several.
        """
        objects = self.list()
        digits = name.removeprefix("0x").lower()
        named = [one for one in objects if one.name == name]
        if named:
            return named[-1]
        found = [one for one in objects if one.agreement_id.hex().startswith(digits)]
        if len(found) == 1 and digits:
            return found[0]
        if found and digits:
            raise InvalidInput(f"{len(found)} agreements begin with {name}")
        raise InvalidInput(
            f"nothing is stored under {name!r}", hint="`pekanu store ls` lists what is"
        )

    def record(self, stored: StoredObject) -> StoredObject:
        """Write an object to the journal and return it."""
        entry = Entry(
            role=ROLE,
            task_id=stored.agreement_id,
            chain_id=stored.chain_id,
            market=stored.server,
            step=stored.step.value,
            is_live=stored.step is not StoreStep.ENDED,
            state=stored.to_json(),
        )
        self.desk.journal.record(entry, self.desk.watch.now)
        return stored

    @contextlib.asynccontextmanager
    async def open_line(self, provider: Address, server: Address) -> AsyncIterator[OpenProvider]:
        """Yield the line to a provider with a contract; raises as `open_provider_line`."""
        announced = await find_announced(self.desk, provider)
        async with open_provider_line(self.desk, self.book, announced, server) as found:
            yield found

    def open_provider(
        self, stored: StoredObject | Link
    ) -> contextlib.AbstractAsyncContextManager[OpenProvider]:
        """Return the line to the provider of an object."""
        server = stored.domain.server if isinstance(stored, Link) else stored.server
        return self.open_line(stored.provider, server)
