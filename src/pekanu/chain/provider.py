"""web3's HTTP provider over a session that this package owns.

web3's own session opens a connection for each request, and guards itself with a thread's lock that
a cancelled task never gives back: every later request then waits for ever. Imported when the first
connection is opened, since web3 takes a second.
"""

from __future__ import annotations

from aiohttp import ClientSession, ClientTimeout, TCPConnector
from web3 import AsyncHTTPProvider
from web3.types import RPCEndpoint

_MAX_CONNECTIONS = 16


class SessionProvider(AsyncHTTPProvider):
    """A provider whose session stays open between requests; an async context manager.

    Args:
        rpc: The node's URL.
        timeout_seconds: Longest wait for one answer.
    """

    def __init__(self, rpc: str, timeout_seconds: float) -> None:
        super().__init__(rpc, exception_retry_configuration=None)
        self._rpc = rpc
        self._session = ClientSession(
            timeout=ClientTimeout(total=timeout_seconds),
            connector=TCPConnector(limit=_MAX_CONNECTIONS),
            headers={"Content-Type": "application/json"},
            raise_for_status=True,
        )

    async def disconnect(self) -> None:
        """Close the session."""
        await self._session.close()

    async def _make_request(self, method: RPCEndpoint, request_data: bytes) -> bytes:  # noqa: ARG002
        async with self._session.post(self._rpc, data=request_data) as response:
            return await response.read()
