"""Sending transactions so that each happens once: nonces, fees, confirmations, restarts.

A signed transaction is stored under the caller's key before it is broadcast. A caller that comes
back with the same key, after a crash or a time-out, broadcasts the same bytes again or finds them
mined. Not here: what the calls mean (`market_contract`), where they are stored (`pending`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from pekanu.chain.account import Account
from pekanu.chain.block import Receipt, parse_receipt
from pekanu.chain.connection import Connection, RpcError, Unreachable
from pekanu.chain.pending import (
    Attempt,
    Call,
    PendingState,
    PendingStore,
    PendingTransaction,
)
from pekanu.chain.simulation import (
    MAX_GAS,
    Fees,
    build_insufficient_funds,
    estimate_gas,
    explain,
    fetch_fees,
    fetch_reason,
)
from pekanu.errors import ChainError, TransactionDropped, TransactionReverted, UsageError
from pekanu.types import Hash32, Wei

_FIRST_POLL_SECONDS: Final = 0.02
#: Tries to find a nonce that no other program of the same account takes first, and its fees.
_NONCE_ATTEMPTS: Final = 8
_GAS_JITTER: Final = 1024
#: Times in a row that a foreign transaction must be seen in the place of ours: nodes behind one
#: URL can lag behind each other.
_DROPPED_SIGHTINGS: Final = 3

#: Told of a transaction and what it did, each time that it is seen; before it counts as done.
Note: TypeAlias = Callable[[PendingTransaction, Receipt], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderOptions:
    """How a sender waits and what it pays."""

    #: Blocks that must hold the transaction, its own included.
    confirmations: int = 1
    #: Seconds without being mined after which a higher fee is offered.
    bump_seconds: float = 30.0
    #: Seconds between broadcasts of what is not mined.
    rebroadcast_seconds: float = 2.0
    #: Most that is ever offered for a unit of gas, in wei; None has no limit.
    max_fee: int | None = None


class _Answer(Enum):
    """What a node says of a broadcast."""

    TAKEN = auto()
    NONCE_USED = auto()
    UNDERPRICED = auto()


class Sender:
    """Sends the transactions of one account on one chain.

    One sender an account and store: it hands out the nonces.

    Args:
        chain: Where to.
        account: Who signs.
        store: Where signed transactions are kept.
        options: How it waits and what it pays.
        note: Told of each transaction that is mined as deep as asked, be it that it failed there.
        clock: Seconds that only rise.
    """

    def __init__(
        self,
        chain: Connection,
        account: Account,
        store: PendingStore,
        options: SenderOptions | None = None,
        *,
        note: Note | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.chain = chain
        self.account = account
        self.options = options or SenderOptions()
        self._store, self._note = store, note
        self._clock = clock
        self._lock = asyncio.Lock()

    async def send(self, call: Call, *, key: str, confirmations: int | None = None) -> Receipt:
        """Return the receipt of a call that is mined once for this key, however often sent.

        Args:
            call: What to do.
            key: The caller's name for this act, such as ``<task id>:deliver``; unique for ever.
            confirmations: In the place of the sender's own.

        Raises:
            TransactionReverted: It would fail (nothing was sent, the key stays free), or was mined
                and failed (`transaction` is its hash).
            InsufficientFunds: The account cannot pay; nothing was sent.
            TransactionDropped: Another program's transaction took its nonce.
            Unreachable: The chain does not answer; call again with the same key.
            UsageError: The key stands for another call.
        """
        pending = await self._find_or_submit(call, key)
        return await self._watch(pending, confirmations or self.options.confirmations)

    async def send_anew(self, call: Call, *, key: str) -> Receipt:
        """Send a call that may be mined twice; raises as `send` does.

        One that a reorganization undid, and whose nonce went to another transaction, can never be
        mined again under its key: it is made again under a fresh one.
        """
        try:
            return await self.send(call, key=key)
        except TransactionDropped:
            return await self.send(call, key=f"{key}:{secrets.token_hex(8)}")

    async def simulate(self, call: Call) -> int:
        """Return the gas limit that a call would get.

        Raises:
            TransactionReverted: It would fail.
            InsufficientFunds: The account has less than the call's value.
        """
        return await estimate_gas(self.chain, self.account.address, call)

    async def recover(self) -> list[PendingTransaction]:
        """Return the open transactions of an earlier run after broadcasting them again.

        A gap in the nonces would hold up all that follows; call it once after a restart.
        """
        found = self._store.list_open(self.chain.chain_id, self.account.address)
        for pending in found:
            await self._repeat(pending)
        return found

    async def _find_or_submit(self, call: Call, key: str) -> PendingTransaction:
        async with self._lock:
            pending = self._store.load(key)
            if pending is None:
                return await self._submit(call, key)
        if pending.call != call or pending.account != self.account.address:
            raise UsageError(f"the key {key!r} stands for another transaction")
        if pending.state is PendingState.DROPPED:
            raise _build_dropped(pending)
        if pending.state is PendingState.OPEN:
            await self._repeat(pending)
        return pending

    async def _submit(self, call: Call, key: str) -> PendingTransaction:
        """Sign, store and broadcast a new transaction, under the lock."""
        address = self.account.address
        gas, fees, balance = await asyncio.gather(
            self.simulate(call), fetch_fees(self.chain), self.chain.get_balance(address)
        )
        fees = self._limit(fees)
        # Two programs of one account that do the same at once would sign the same bytes, and each
        # would take the other's transaction for its own.
        gas = min(gas + secrets.randbelow(_GAS_JITTER), MAX_GAS)
        if balance < call.value + gas * fees.max_fee:
            raise build_insufficient_funds(address, call, balance, call.value)
        for _ in range(_NONCE_ATTEMPTS):
            pending = PendingTransaction(
                key=key,
                chain_id=self.chain.chain_id,
                account=address,
                nonce=await self._fetch_nonce(),
                gas=gas,
                call=call,
                attempts=(),
            )
            pending = pending.with_attempt(self._sign(pending, fees))
            self._store.save(pending)
            try:
                answer = await self._broadcast(pending.attempts[-1].raw)
            except Unreachable:
                return pending  # it may have arrived: watch
            except RpcError as error:
                self._store.remove(key)
                raise await explain(self.chain, address, call, error) from error
            if answer is _Answer.TAKEN:
                return pending
            # Another program of this account was faster, or the fees have risen; the node keeps
            # nothing of these bytes.
            self._store.remove(key)
            fees = self._limit(await fetch_fees(self.chain))
        raise ChainError(
            f"the chain's node takes no transaction of {address}: nonce or fees are never right",
            hint="run one node an account, or allow higher fees",
        )

    async def _fetch_nonce(self) -> int:
        address = self.account.address
        next_nonce = int(
            await self.chain.request("eth_getTransactionCount", address, "pending"), 16
        )
        stored = self._store.list_open(self.chain.chain_id, address)
        return max([next_nonce, *(pending.nonce + 1 for pending in stored)])

    def _sign(self, pending: PendingTransaction, fees: Fees) -> Attempt:
        fields: dict[str, object] = {
            "type": 2,
            "chainId": pending.chain_id,
            "nonce": pending.nonce,
            "gas": pending.gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": min(fees.tip, fees.max_fee),
            "value": pending.call.value,
            "data": pending.call.data,
        }
        if pending.call.to is not None:
            fields["to"] = pending.call.to
        signed = self.account.sign_transaction(fields)
        return Attempt(hash=signed.hash, raw=signed.raw, max_fee=fees.max_fee, tip=fees.tip)

    def _limit(self, fees: Fees) -> Fees:
        limit = self.options.max_fee
        if limit is None or fees.max_fee <= limit:
            return fees
        return Fees(max_fee=Wei(limit), tip=Wei(min(fees.tip, limit)))

    async def _broadcast(self, raw: bytes) -> _Answer:
        """Hand a signed transaction to the chain's node.

        Raises:
            Unreachable: It may or may not have arrived.
            RpcError: The node refuses it for another reason than its nonce or fee.
        """
        try:
            await self.chain.request_once("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcError as error:
            text = error.text.lower()
            if "already" in text or "known transaction" in text:
                return _Answer.TAKEN
            if "nonce too low" in text or "nonce is too low" in text:
                return _Answer.NONCE_USED
            if "underpriced" in text or "less than block base fee" in text:
                return _Answer.UNDERPRICED
            raise
        return _Answer.TAKEN

    async def _repeat(self, pending: PendingTransaction) -> None:
        """Broadcast again; a refusal changes nothing, since the first broadcast may stand."""
        with contextlib.suppress(RpcError):
            await self._broadcast(pending.attempts[-1].raw)

    async def _watch(self, pending: PendingTransaction, confirmations: int) -> Receipt:
        wait, sightings = _FIRST_POLL_SECONDS, 0
        attempted = broadcast = self._clock()
        while True:
            # The head first: a receipt that is still there afterwards is as deep as it says.
            head = await self.chain.fetch_block_number()
            receipt = await self._fetch_receipt(pending)
            if receipt is not None:
                if head - receipt.block_number + 1 >= confirmations:
                    return await self._conclude(pending, receipt)
                sightings = 0
            elif await self._is_nonce_used(pending, head - confirmations + 1):
                sightings += 1
                if sightings >= _DROPPED_SIGHTINGS:
                    self._store.save(pending.with_state(PendingState.DROPPED))
                    raise _build_dropped(pending)
            else:
                sightings = 0
                now = self._clock()
                if now - attempted >= self.options.bump_seconds:
                    pending = await self._bump(pending)
                    attempted = broadcast = now
                elif now - broadcast >= self.options.rebroadcast_seconds:
                    await self._repeat(pending)
                    broadcast = now
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, self.chain.poll_seconds)

    async def _fetch_receipt(self, pending: PendingTransaction) -> Receipt | None:
        for attempt in reversed(pending.attempts):
            found = await self.chain.request("eth_getTransactionReceipt", "0x" + attempt.hash.hex())
            if found is not None:
                return parse_receipt(found)
        return None

    async def _is_nonce_used(self, pending: PendingTransaction, block_number: int) -> bool:
        count = await self.chain.request(
            "eth_getTransactionCount", pending.account, hex(max(block_number, 0))
        )
        # Asked for once more: it may have been mined between the two questions.
        return int(count, 16) > pending.nonce and await self._fetch_receipt(pending) is None

    async def _bump(self, pending: PendingTransaction) -> PendingTransaction:
        """Offer a higher fee under the same nonce; the earlier attempts stay valid."""
        async with self._lock:
            current = self._store.load(pending.key) or pending
            last = current.attempts[-1]
            fees = Fees(max_fee=last.max_fee, tip=last.tip).bump(await fetch_fees(self.chain))
            if self.options.max_fee is not None and fees.max_fee > self.options.max_fee:
                await self._repeat(current)
                return current
            bumped = current.with_attempt(self._sign(current, fees))
            self._store.save(bumped)
            try:
                await self._broadcast(bumped.attempts[-1].raw)
            except RpcError:
                # It cannot pay more: what was offered before still stands.
                await self._repeat(current)
            return bumped

    async def _conclude(self, pending: PendingTransaction, receipt: Receipt) -> Receipt:
        if self._note is not None:
            self._note(pending, receipt)
        if pending.state is PendingState.OPEN:
            current = self._store.load(pending.key) or pending
            self._store.save(current.with_state(PendingState.DONE))
        if receipt.succeeded:
            return receipt
        reason = await fetch_reason(self.chain, pending.account, pending.call, receipt.block_number)
        raise TransactionReverted(reason, transaction="0x" + receipt.transaction.hex())


def _build_dropped(pending: PendingTransaction) -> TransactionDropped:
    last = Hash32(pending.attempts[-1].hash)
    return TransactionDropped(
        f"another transaction of {pending.account} took the place of 0x{last.hex()} "
        f"({pending.call.name})",
        hint="run one node an account; send it again under a new key",
    )
