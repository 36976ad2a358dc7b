"""A connection to one chain over JSON-RPC.

Reads are repeated when the network fails; what changes the chain is sent once by `request_once`
and repeated by `transactions`, which knows when that is safe. Not here: keys, contracts, events.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pekanu.chain.block import Block, Log, parse_block, parse_log
from pekanu.chain.rpc_session import RpcSession
from pekanu.crypto.keccak import keccak256
from pekanu.errors import ChainError, UsageError, WrongChain
from pekanu.lines.http_line import BROKEN
from pekanu.types import Address, Hash32, Seconds, Wei

_LOOPBACK: Final = re.compile(r"localhost|127\.\d+\.\d+\.\d+|::1")


class Unreachable(ChainError):
    """The chain's node does not answer, or answers no JSON-RPC."""


class RpcError(ChainError):
    """The chain's node answers with an error.

    Args:
        method: The method that was asked.
        text: The node's message.
        code: The node's error code.
        data: Revert data, empty when there is none.
    """

    def __init__(self, method: str, text: str, *, code: int = 0, data: bytes = b"") -> None:
        """Keep what the node says."""
        super().__init__(f"the chain's node refuses {method}: {text}")
        self.text = text
        self.code = code
        self.data = data


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionOptions:
    """How patient a connection is."""

    timeout_seconds: float = 15.0
    #: Tries of each read.
    attempts: int = 4
    #: Wait before the second try; doubled before each further one.
    backoff_seconds: float = 0.1


class Connection:
    """A chain at a URL; made by `Connection.open`."""

    def __init__(
        self, rpc: str, session: RpcSession, options: ConnectionOptions, chain_id: int
    ) -> None:
        self.rpc = rpc
        self.chain_id = chain_id
        self._session = session
        self._options = options

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        rpc: str,
        *,
        expected_chain_id: int | None = None,
        options: ConnectionOptions | None = None,
    ) -> AsyncIterator[Connection]:
        """Yield a connection whose chain was asked for its id; closed at the end of the block.

        Args:
            rpc: Any http or https URL.
            expected_chain_id: The chain that it must be; None takes what is there.
            options: How patient it is.

        Raises:
            UsageError: The URL is none of http or https.
            Unreachable: Nothing answers there.
            WrongChain: Another chain answers.
        """
        chosen = options or ConnectionOptions()
        try:
            session = RpcSession(rpc, chosen.timeout_seconds)
        except ValueError as error:
            raise UsageError(f"{rpc!r} is not a URL of http or https") from error
        chain = cls(rpc, session, chosen, chain_id=0)
        try:
            chain.chain_id = int(await chain.request("eth_chainId"), 16)
            if expected_chain_id not in {None, chain.chain_id}:
                raise WrongChain(
                    f"{chain.name} is chain {chain.chain_id}, not {expected_chain_id}",
                    hint="check --rpc, or deploy to this chain first",
                )
            yield chain
        finally:
            session.close()

    @property
    def name(self) -> str:
        """The node's scheme and host, without what may hold a secret (user, path, query)."""
        parts = urlsplit(self.rpc)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}"

    @property
    def poll_seconds(self) -> float:
        """How often it is fair to ask for news: often on this machine, seldom elsewhere."""
        return 0.1 if _LOOPBACK.fullmatch(urlsplit(self.rpc).hostname or "") else 2.0

    async def request(self, method: str, *params: object) -> Any:
        """Return the answer to a read, asked again when the network fails.

        Raises:
            Unreachable: Nothing answers after the last try.
            RpcError: The node answers with an error.
        """
        wait = self._options.backoff_seconds
        for _ in range(self._options.attempts - 1):
            try:
                return await self.request_once(method, *params)
            except Unreachable:
                await asyncio.sleep(wait)
                wait *= 2
        return await self.request_once(method, *params)

    async def request_once(self, method: str, *params: object) -> Any:
        """Return the answer to a request that is sent once.

        Raises:
            Unreachable: Nothing answers; whether the request arrived is not known.
            RpcError: The node answers with an error.
        """
        try:
            response = await self._session.request(method, list(params))
        except BROKEN as error:
            raise Unreachable(
                f"the chain at {self.name} does not answer",
                hint="check --rpc and that its node runs",
            ) from error
        except (ValueError, TypeError) as error:
            raise Unreachable(f"what answers at {self.name} is no Ethereum node") from error
        if not isinstance(response, Mapping) or not {"error", "result"} & response.keys():
            raise Unreachable(f"what answers at {self.name} is no Ethereum node")
        if response.get("error"):
            raise _parse_error(method, response["error"])
        return response["result"]

    async def fetch_block(self, number: int | str = "latest") -> Block | None:
        """Return a block's head by number or by tag (latest, pending, safe, finalized)."""
        tag = hex(number) if isinstance(number, int) else number
        found = await self.request("eth_getBlockByNumber", tag, False)
        return None if found is None else parse_block(found)

    async def fetch_block_number(self) -> int:
        """Return the number of the latest block."""
        return int(await self.request("eth_blockNumber"), 16)

    async def fetch_head(self) -> Block:
        """Return the latest block's head."""
        block = await self.fetch_block("latest")
        if block is None:
            raise Unreachable(f"the chain at {self.name} has no latest block")
        return block

    async def get_time(self) -> Seconds:
        """Return the chain's time: the latest block's timestamp."""
        return (await self.fetch_head()).timestamp

    async def get_balance(self, address: Address) -> Wei:
        """Return an account's balance in the latest block."""
        return Wei(int(await self.request("eth_getBalance", address, "latest"), 16))

    async def fetch_code_hash(self, address: Address) -> Hash32:
        """Return the Keccak-256 of the code at an address; that of nothing where there is none."""
        return keccak256(await self.fetch_code(address))

    async def fetch_code(self, address: Address) -> bytes:
        """Return the code at an address; empty where there is none."""
        code = await self.request("eth_getCode", address, "latest")
        return bytes.fromhex(code[2:])

    async def call(self, fields: Mapping[str, object], block: str = "latest") -> bytes:
        """Return what a call to a contract would return, without a transaction.

        Raises:
            RpcError: It reverts; the revert data is kept.
        """
        answer = await self.request("eth_call", dict(fields), block)
        return bytes.fromhex(answer[2:])

    async def fetch_logs(
        self,
        address: Address,
        first: int,
        last: int,
        topics: Sequence[object] = (),
    ) -> list[Log]:
        """Return a contract's logs in blocks first to last, in order.

        Raises:
            RpcError: The node finds the range too large.
        """
        query: dict[str, object] = {
            "address": address,
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        if topics:
            query["topics"] = list(topics)
        return [parse_log(entry) for entry in await self.request("eth_getLogs", query)]


def _parse_error(method: str, error: object) -> RpcError:
    if not isinstance(error, Mapping):
        return RpcError(method, str(error))
    data = error.get("data")
    if isinstance(data, Mapping):  # some nodes wrap it
        data = data.get("data")
    raw = b""
    if isinstance(data, str) and re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", data):
        raw = bytes.fromhex(data[2:])
    code = error.get("code")
    return RpcError(
        method,
        str(error.get("message", "no message")),
        code=code if isinstance(code, int) else 0,
        data=raw,
    )
