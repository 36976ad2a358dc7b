"""Trying a call before it is sent: its gas, what it would cost, or why it would fail.

Not here: sending it (`transactions`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from pekanu.chain.connection import Connection, RpcError
from pekanu.chain.pending import Call
from pekanu.errors import ChainError, InsufficientFunds, TransactionReverted
from pekanu.types import Address, Wei, format_wei

#: Highest gas limit of a transaction. Source: EIP-7825.
MAX_GAS: Final = 1 << 24
_ERROR: Final = bytes.fromhex("08c379a0")
_PANIC: Final = bytes.fromhex("4e487b71")
_INVALID_PARAMS: Final = -32602
#: Codes of a node that does not know a method. Source: EIP-1474.
_UNKNOWN_METHOD: Final = frozenset({-32601, -32004})


@dataclass(frozen=True, kw_only=True, slots=True)
class Fees:
    """What a transaction offers for each unit of gas. Source: EIP-1559."""

    max_fee: Wei
    tip: Wei

    def bump(self, market: Fees) -> Fees:
        """Return what replaces these: an eighth more at least, and what the market wants now."""
        return Fees(
            max_fee=Wei(max(market.max_fee, self.max_fee * 9 // 8 + 1)),
            tip=Wei(max(market.tip, self.tip * 9 // 8 + 1)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What one of several calls would do, after those before it."""

    #: Limit, with a fifth to spare; 0 when it would fail, or was not tried.
    gas: int = 0
    #: Why it would fail.
    failure: ChainError | None = None

    @property
    def is_untried(self) -> bool:
        """Whether nothing is known: the chain's node tries one call alone, or one before failed."""
        return not self.gas and self.failure is None


async def fetch_fees(chain: Connection) -> Fees:
    """Return fees that hold while the base fee doubles."""
    base, tip = await asyncio.gather(_fetch_base_fee(chain), _fetch_tip(chain))
    return Fees(max_fee=Wei(2 * base + tip), tip=tip)


async def estimate_gas(chain: Connection, sender: Address, call: Call) -> int:
    """Return a gas limit with a fifth to spare, after trying the call on the pending block.

    The pending block, since the latest one's clock stands still on an idle development chain.

    Raises:
        TransactionReverted: It would fail; the contract's reason is kept.
        InsufficientFunds: The sender's balance is below the value.
    """
    fields = build_fields(sender, call)
    try:
        try:
            answer = await chain.request("eth_estimateGas", fields, "pending")
        except RpcError as error:
            if error.code != _INVALID_PARAMS:
                raise
            answer = await chain.request("eth_estimateGas", fields)
    except RpcError as error:
        raise await explain(chain, sender, call, error) from error
    return _add_spare(int(answer, 16))


async def try_in_turn(
    chain: Connection, turns: Sequence[tuple[Address, Call]]
) -> tuple[Trial, ...]:
    """Return what calls would do one after the other, each on what those before it have changed.

    Nothing is sent. Where the chain's node tries one call alone, the first is tried, and where one
    fails, none after it. Source: execution-apis, ``eth_simulateV1``; Anvil makes no contracts in
    it, so that each call beside one that does is tried alone.

    Args:
        chain: The chain.
        turns: Who sends, and what.
    """
    if len(turns) == 1:
        return (await _try_alone(chain, *turns[0]),)
    if any(call.to is None for _, call in turns):
        return tuple([await _try_alone(chain, *turn) for turn in turns])
    calls = [build_fields(sender, call) for sender, call in turns]
    try:
        answer = await chain.request(
            "eth_simulateV1", {"blockStateCalls": [{"calls": calls}]}, "latest"
        )
    except RpcError as error:
        if error.code not in _UNKNOWN_METHOD:
            sender, call = turns[0]
            return _fill_up([Trial(failure=await explain(chain, sender, call, error))], turns)
        return _fill_up([await _try_alone(chain, *turns[0])], turns)
    trials: list[Trial] = []
    for found in answer[0]["calls"]:
        trials.append(_read_trial(found))
        if trials[-1].failure is not None:
            break
    return _fill_up(trials, turns)


def _read_trial(found: dict[str, Any]) -> Trial:
    if int(found["status"], 16):
        return Trial(gas=_add_spare(int(found["gasUsed"], 16)))
    told = found.get("error") or {}
    data = bytes.fromhex(str(told.get("data") or found.get("returnData") or "0x")[2:])
    error = RpcError("eth_simulateV1", str(told.get("message", "")), data=data)
    return Trial(failure=TransactionReverted(get_reason(error)))


async def _try_alone(chain: Connection, sender: Address, call: Call) -> Trial:
    try:
        return Trial(gas=await estimate_gas(chain, sender, call))
    except ChainError as error:
        return Trial(failure=error)


def _fill_up(trials: list[Trial], turns: Sequence[tuple[Address, Call]]) -> tuple[Trial, ...]:
    return (*trials, *(Trial() for _ in turns[len(trials) :]))


def _add_spare(gas: int) -> int:
    return max(gas, min(gas * 6 // 5, MAX_GAS))


async def fetch_reason(chain: Connection, sender: Address, call: Call, block_number: int) -> str:
    """Return why a transaction failed in a block, by trying it again before and after it."""
    for number in (block_number - 1, block_number):
        try:
            await chain.call(build_fields(sender, call), hex(number))
        except RpcError as error:
            return get_reason(error)
    return ""


async def explain(
    chain: Connection, sender: Address, call: Call, error: RpcError
) -> TransactionReverted | InsufficientFunds | RpcError:
    """Return the failure that a node's refusal stands for."""
    text = error.text.lower()
    if "insufficient funds" in text or "gas required exceeds" in text:
        balance = await chain.get_balance(sender)
        return build_insufficient_funds(sender, call, balance, call.value)
    if error.data or "revert" in text:
        return TransactionReverted(get_reason(error))
    return error


def build_insufficient_funds(
    sender: Address, call: Call, balance: int, needed: int
) -> InsufficientFunds:
    """Return the failure that says what an account has and what a call needs."""
    return InsufficientFunds(
        f"{sender} has {format_wei(balance)} and {call.name} needs {format_wei(needed)} and gas",
        hint="send money to this account first",
    )


def build_fields(sender: Address, call: Call) -> dict[str, object]:
    """Return a call as JSON-RPC takes it."""
    fields: dict[str, object] = {
        "from": sender,
        "data": "0x" + call.data.hex(),
        "value": hex(call.value),
    }
    if call.to is not None:
        fields["to"] = call.to
    return fields


def get_reason(error: RpcError) -> str:
    """Return the contract's own words from a revert; empty when it gave none."""
    selector, body = error.data[:4], error.data[4:]
    try:
        if selector == _ERROR:
            return str(decode(["string"], body)[0])
        if selector == _PANIC:
            return f"panic {decode(['uint256'], body)[0]:#x}"
    except (DecodingError, UnicodeDecodeError):
        return f"0x{error.data[:32].hex()}"
    if error.data:
        return f"0x{error.data[:32].hex()}"
    _, found, reason = error.text.partition("reverted: ")
    return reason if found else ""


async def _fetch_base_fee(chain: Connection) -> Wei:
    """Return the next block's base fee."""
    history = await chain.request("eth_feeHistory", "0x1", "latest", [])
    return Wei(int(history["baseFeePerGas"][-1], 16))


async def _fetch_tip(chain: Connection) -> Wei:
    try:
        return Wei(int(await chain.request("eth_maxPriorityFeePerGas"), 16))
    except RpcError:  # not every node has it
        return Wei(10**9)
