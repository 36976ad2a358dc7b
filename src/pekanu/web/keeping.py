"""What providers of this node did on chain, followed for as long as somebody looks at it.

What is not here: the page (`keeping_pages`), being a provider (`pekanu.node.provider`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from pekanu.chain import Connection
from pekanu.chain.storage_contract import StorageServerContract
from pekanu.errors import InvalidAddress, NotDeployed
from pekanu.node.provider.provider import load_server_address
from pekanu.node.storage.server_watch import ServerWatch
from pekanu.storage.state import AgreementState
from pekanu.types import Address, Hash32, parse_address
from pekanu.web.agreement_states import AgreementStates

#: Between looks when nothing is heard.
_LOOK_SECONDS: Final = 15.0


class Keeping:
    """The providers of a home.

    Args:
        home: The node's folder.
        chain: Where they stand.
        beat: Called when anything changes.
    """

    def __init__(self, home: Path, chain: Connection, beat: Callable[[], None]) -> None:
        self._home, self._chain, self._beat = home, chain, beat
        self._tellers: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._watches: dict[Address, ServerWatch] = {}
        self._opening = asyncio.Lock()
        self._states = AgreementStates()

    def list_providers(self) -> list[Address]:
        """Return those that have a contract on this chain."""
        found = []
        for path in sorted((self._home / "store" / "provider").glob("0x*")):
            try:
                provider = parse_address(path.name)
                load_server_address(self._home, provider, self._chain.chain_id)
            except (InvalidAddress, NotDeployed):
                continue
            found.append(provider)
        return found

    async def open(self, provider: Address) -> tuple[StorageServerContract, ServerWatch]:
        """Return a provider's contract, and its events so far.

        Raises:
            NotDeployed: It has none here.
        """
        server, first = load_server_address(self._home, provider, self._chain.chain_id)
        async with self._opening:
            watch = self._watches.get(server)
            if watch is None:
                watch = ServerWatch(self._chain, server, first_block=first)
                await self._stack.enter_async_context(watch.running())
                self._watches[server] = watch
                self._tellers.add(asyncio.create_task(self._tell(watch)))
        return StorageServerContract(self._chain, server), watch

    async def fetch_state(
        self, server: StorageServerContract, agreement_id: Hash32, block: int
    ) -> AgreementState:
        """Return where an agreement stands, asked for once a block while it lives."""
        return await self._states.fetch(
            agreement_id, block, lambda: server.fetch_agreement(agreement_id)
        )

    async def close(self) -> None:
        """Follow nothing any more."""
        for teller in self._tellers:
            teller.cancel()
        await asyncio.gather(*self._tellers, return_exceptions=True)
        await self._stack.aclose()

    async def _tell(self, watch: ServerWatch) -> None:
        """Say that something changed when the contract logged something."""
        seen = 0
        while True:
            known = sum(map(len, watch.events.values()))
            if known != seen:
                seen = known
                self._beat()
            await watch.wait(_LOOK_SECONDS)
