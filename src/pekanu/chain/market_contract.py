"""A typed door to the deployed market: what to send it, and what it holds.

Functions build calls and send nothing (`transactions` does); views ask the chain.
Who may call what, when: design/market.md, "States".
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.market.claim import Claim
from pekanu.market.state import GROUP, MAX_CHUNKS, ChunkDemand, Status, TaskState
from pekanu.market.task import MarketDomain, Task
from pekanu.types import Address, Hash32, Wei

_CURSOR_MASK: Final = (1 << 64) - 1


class MarketContract:
    """The market at an address.

    Args:
        chain: Where it is; asked by the views alone.
        address: Its address, from an address book that was verified.
    """

    def __init__(self, chain: Connection, address: Address) -> None:
        self.chain = chain
        self.address = address
        self._functions = contracts.load("Market").functions

    @property
    def domain(self) -> MarketDomain:
        """The domain of every digest of this market."""
        return MarketDomain(chain_id=self.chain.chain_id, market=self.address)

    # Money and announcements.

    def deposit(self, amount: Wei) -> Call:
        """Build: put money into the sender's ledger balance."""
        return self._build("deposit", value=amount)

    def withdraw(self, amount: Wei) -> Call:
        """Build: take free money out, to the sender."""
        return self._build("withdraw", amount)

    def announce(self, role: int, endpoint: str, channel_key: bytes, terms_hash: bytes) -> Call:
        """Build: say where the sender can be reached; an empty endpoint retracts."""
        return self._build("announce", role, endpoint, channel_key, terms_hash)

    # Offer, acceptance and end.

    def post(self, task: Task, *, value: Wei | None = None) -> Call:
        """Build: offer a task to everybody.

        Args:
            task: What is offered.
            value: What is sent with it; None sends the price, less takes the rest from the ledger.
        """
        return self._build("post", task.to_abi(), value=task.price if value is None else value)

    def post_accepted(
        self,
        task: Task,
        worker: Address,
        expiry: int,
        signature: bytes,
        *,
        value: Wei | None = None,
    ) -> Call:
        """Build: bind a worker that has signed its acceptance; `value` as in `post`."""
        sent = task.price if value is None else value
        return self._build("post_accepted", task.to_abi(), worker, expiry, signature, value=sent)

    def accept(self, task: Task, *, value: Wei | None = None) -> Call:
        """Build: become the worker; `value` None sends the stake, less takes from the ledger."""
        return self._build("accept", task.to_abi(), value=task.stake if value is None else value)

    def cancel(self, task: Task) -> Call:
        """Build: take an offer back."""
        return self._build("cancel", task.to_abi())

    def expire(self, task: Task) -> Call:
        """Build: end a task that was not delivered in time."""
        return self._build("expire", task.to_abi())

    def deliver(self, task: Task, claim: Claim) -> Call:
        """Build: claim the price."""
        return self._build("deliver", task.to_abi(), claim.to_abi())

    def settle(self, task: Task, claim: Claim, signature: bytes) -> Call:
        """Build: pay the worker by the client's signed approval."""
        return self._build("settle", task.to_abi(), claim.to_abi(), signature)

    def approve(self, task: Task, claim: Claim) -> Call:
        """Build: pay the worker, as the client."""
        return self._build("approve", task.to_abi(), claim.to_abi())

    def finalize(self, task: Task, claim: Claim) -> Call:
        """Build: pay the worker after an audit without objection."""
        return self._build("finalize", task.to_abi(), claim.to_abi())

    def resolve(
        self, task: Task, to_client: Wei, client_signature: bytes, worker_signature: bytes
    ) -> Call:
        """Build: split the price as both parties signed."""
        return self._build("resolve", task.to_abi(), to_client, client_signature, worker_signature)

    # Demands and complaints.

    def demand_key(self, task: Task, claim: Claim) -> Call:
        """Build: make the worker open its key."""
        return self._build("demand_key", task.to_abi(), claim.to_abi())

    def reveal_key(self, task: Task, claim: Claim, key: int, blinding: int) -> Call:
        """Build: answer a demand for the key, which everybody then reads."""
        return self._build("reveal_key", task.to_abi(), claim.to_abi(), key, blinding)

    def demand_chunks(
        self, task: Task, claim: Claim, *, item: int, first: int, count: int, evidence: bytes
    ) -> Call:
        """Build: make the worker publish chunks of ciphertext; the fees are sent with it.

        Args:
            task: The task.
            claim: What was delivered.
            item: Which output.
            first: First chunk.
            count: Chunks, all in one group of 32.
            evidence: The item's result with its path; empty in the first group.
        """
        return self._build(
            "demand_chunks",
            task.to_abi(),
            claim.to_abi(),
            item,
            first,
            count,
            evidence,
            value=Wei(task.chunk_fee * count),
        )

    def supply_chunks(self, task: Task, claim: Claim, evidence: bytes) -> Call:
        """Build: answer a demand for chunks, wholly or in part."""
        return self._build("supply_chunks", task.to_abi(), claim.to_abi(), evidence)

    def complain(self, task: Task, claim: Claim, evidence: bytes) -> Call:
        """Build: show one place where the opened seal is wrong."""
        return self._build("complain", task.to_abi(), claim.to_abi(), evidence)

    def forfeit(self, task: Task, claim: Claim) -> Call:
        """Build: end a task whose worker did not answer a demand in time."""
        return self._build("forfeit", task.to_abi(), claim.to_abi())

    # Challenges; the referee's own three calls are not for accounts.

    def close_challenge(self, task: Task, challenge: bytes) -> Call:
        """Build: free the bond of a challenge that the task's end has overtaken."""
        return self._build("close_challenge", task.to_abi(), challenge)

    # Views.

    async def fetch_task(self, task_id: bytes, block: str = "latest") -> TaskState:
        """Return what the market keeps of a task, without its challenges.

        Args:
            task_id: The task's identity.
            block: A tag or a number in 0x-hex, at which everything is read.
        """
        word, claim_hash, demand = await asyncio.gather(
            self._view("states", task_id, block=block),
            self._view("claims", task_id, block=block),
            self._view("demands", task_id, block=block),
        )
        packed = int(demand[0])
        return replace(
            TaskState.from_word(int(word[0])),
            claim_hash=Hash32(claim_hash[0]),
            cursor=packed & _CURSOR_MASK,
            demand=_unpack_demand(packed),
        )

    async def holds_bond(self, task_id: bytes, challenge: bytes) -> bool:
        """Return whether the market still holds a challenge's bond."""
        (word,) = await self._view("challenges", task_id, challenge)
        # What stands there afterwards names nobody. Source: contracts/Market.vy, CLOSED.
        return int(word) & (1 << 160) - 1 != 0

    async def is_known(self, task_id: bytes, block: str) -> bool:
        """Return whether a task stood, or had ended, at a block."""
        word = await self._view("states", task_id, block=block)
        return TaskState.from_word(int(word[0])).status is not Status.NONE

    async def fetch_ledger(self, account: Address, block: str = "latest") -> Wei:
        """Return an account's free money in the market, at a block."""
        return Wei((await self._view("ledger", account, block=block))[0])

    async def fetch_task_id(self, task: Task) -> Hash32:
        """Return the identity that the contract computes for a task."""
        return Hash32((await self._view("task_id", task.to_abi()))[0])

    def _build(self, name: str, *arguments: object, value: Wei = Wei(0)) -> Call:  # noqa: B008
        data = self._functions[name].encode(*arguments)
        return Call(to=self.address, data=data, value=value, name=f"market.{name}")

    async def _view(self, name: str, *arguments: object, block: str = "latest") -> tuple[Any, ...]:
        function = self._functions[name]
        fields = {"to": self.address, "data": "0x" + function.encode(*arguments).hex()}
        return function.decode_output(await self.chain.call(fields, block))


def _unpack_demand(packed: int) -> ChunkDemand | None:
    """Return the open demand for chunks. Source: contracts/Market.vy, slot 3."""
    cursor, count = packed & _CURSOR_MASK, packed >> 80 & 0xFF
    if count == 0:
        return None
    return ChunkDemand(
        item=(cursor - 1) // (MAX_CHUNKS // GROUP),
        first=packed >> 64 & 0xFFFF,
        count=count,
        supplied=packed >> 96 & 0xFFFFFFFF,
    )


def build_retraction(market: MarketContract, role: int) -> Call:
    """Return the call that takes the sender's announcement in a role back."""
    return market.announce(role, "", bytes(32), bytes(32))
