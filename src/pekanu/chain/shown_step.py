"""Reading the step that ended a dispute out of the transaction that proved it.

Not here: what it did (`pekanu.dispute.shown_step`).
"""

from __future__ import annotations

from typing import Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.dispute.shown_step import ShownStep, read_step
from pekanu.machine.witness import STATE_ABI, WITNESS_ABI
from pekanu.types import Hash32

#: The calls that prove, with the place of the proof among their arguments.
_CALLS: Final = {"prove": 4, "prove_bisection": 4}


async def fetch_shown_step(chain: Connection, transaction: Hash32) -> ShownStep | None:
    """Return the step that a transaction proved; None when it called through another contract.

    Raises:
        Unreachable: The chain does not answer.
    """
    found = await chain.request("eth_getTransactionByHash", "0x" + transaction.hex())
    if not isinstance(found, dict):
        return None
    return read_shown_step(bytes.fromhex(str(found["input"]).removeprefix("0x")))


def read_shown_step(data: bytes) -> ShownStep | None:
    """Return the step that calldata of the referee proves, or None if it is no such call."""
    functions = contracts.load("BisectionReferee").functions
    for name, place in _CALLS.items():
        function = functions[name]
        if function.selector != data[:4]:
            continue
        try:
            proof = function.decode_arguments(data)[place]
            # The arguments' offsets count from two roots that the referee puts before.
            kinds = ["bytes32", "bytes32", STATE_ABI, WITNESS_ABI]
            _, _, state, witness = decode(kinds, bytes(64) + proof)
        except DecodingError:
            return None
        return read_step(state, Hash32(witness[0]), Hash32(witness[1]))
    return None
