"""JSON-RPC over HTTP connections that stay open between requests.

Not here: what is asked, repeating, and what errors mean (`connection`).
Source: the JSON-RPC 2.0 specification; EIP-1474.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from http.client import HTTPException
from itertools import count
from typing import Any, Final

from pekanu.json_text import parse_json
from pekanu.lines.http_line import HttpExchange, HttpLine
from pekanu.version import __version__

_MAX_CONNECTIONS: Final = 16
#: The largest answer that is read: a bounded range of full logs is far below.
MAX_ANSWER_BYTES: Final = 64 << 20
_READ_BYTES: Final = 1 << 16


class RpcSession:
    """A session with a node.

    Args:
        rpc: The node's URL.
        timeout_seconds: Longest wait for one answer.

    Raises:
        ValueError: It is no URL of http or https.
    """

    def __init__(self, rpc: str, timeout_seconds: float) -> None:
        self._line = HttpLine(
            rpc,
            connect_seconds=timeout_seconds,
            read_seconds=timeout_seconds,
            most=_MAX_CONNECTIONS,
        )
        # Some public nodes turn down who does not say what it is.
        self._line.headers |= {
            "Content-Type": "application/json",
            "User-Agent": f"pekanu/{__version__}",
        }
        url = self._line.url
        self._path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._timeout, self._numbers = timeout_seconds, count(1)

    async def request(self, method: str, params: list[object]) -> Any:
        """Return the JSON document that the node answers with, whatever it is.

        Raises:
            OSError, HTTPException: There is none, or HTTP refuses (`lines.http_line.BROKEN`).
            ValueError: The answer is no JSON, or too large.
        """
        number = next(self._numbers)
        question = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        data = json.dumps(question).encode()
        async with asyncio.timeout(self._timeout), self._line.open() as line:
            return parse_json(await self._line.run(_ask, line, self._path, data))

    def close(self) -> None:
        """Close the connections."""
        self._line.close()


def _ask(line: HttpExchange, path: str, question: bytes) -> bytes:
    status = line.ask("POST", path, len(question), [question])
    if status != HTTPStatus.OK:
        raise HTTPException(f"HTTP status {status}")
    answer, room = bytearray(), memoryview(bytearray(_READ_BYTES))
    while filled := line.receive(room):
        answer += room[:filled]
        if len(answer) > MAX_ANSWER_BYTES:
            raise ValueError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return bytes(answer)
