"""JSON-RPC over one HTTP session that stays open between requests.

Not here: what is asked, repeating, and what errors mean (`connection`).
Source: the JSON-RPC 2.0 specification; EIP-1474.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from pekanu.json_text import parse_json

_MAX_CONNECTIONS = 16
#: The largest answer that is read: a bounded range of full logs is far below.
MAX_ANSWER_BYTES = 64 << 20


class RpcSession:
    """A session with a node.

    Args:
        rpc: The node's URL.
        timeout_seconds: Longest wait for one answer.
    """

    def __init__(self, rpc: str, timeout_seconds: float) -> None:
        self._rpc = rpc
        self._numbers = count(1)
        self._session = ClientSession(
            timeout=ClientTimeout(total=timeout_seconds),
            connector=TCPConnector(limit=_MAX_CONNECTIONS),
            headers={"Content-Type": "application/json"},
            raise_for_status=True,
        )

    async def request(self, method: str, params: list[object]) -> Any:
        """Return the JSON document that the node answers with, whatever it is.

        Raises:
            aiohttp.ClientError: The exchange fails.
            TimeoutError: It takes too long.
            ValueError: The answer is no JSON, or too large.
        """
        number = next(self._numbers)
        question = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        async with self._session.post(self._rpc, data=json.dumps(question).encode()) as response:
            parts, size = [], 0
            async for part in response.content.iter_chunked(1 << 16):
                parts.append(part)
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise ValueError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
        return parse_json(b"".join(parts))

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()
