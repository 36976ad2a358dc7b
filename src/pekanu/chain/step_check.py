"""Asking the contract `MachineStep` what a step leads to, on a chain or on one of its own.

Not here: building the proof (`pekanu.machine.witness`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.devnet import Devnet
from pekanu.errors import ChainError
from pekanu.machine.witness import StepProof
from pekanu.types import Address, Hash32

#: Where the code is put on a chain that is there for this alone.
_PLACE: Final = "0x00000000000000000000000000000000000057e9"
#: More than the worst step takes, and less than a transaction may have.
_GAS: Final = 10**6
_PATIENCE_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StepAnswer:
    """What the contract says of a proof."""

    after_root: Hash32
    #: Of a whole transaction that shows the proof.
    gas: int
    #: Bytes of that transaction's data.
    calldata_size: int


def check_on_devnet(devnet: Devnet, proof: StepProof) -> StepAnswer:
    """Return the answer of the shipped bytecode, in a transaction on a development chain.

    Raises:
        ChainError: The contract refuses the proof, or the chain does not answer.
    """
    artifact = contracts.load("MachineStep")
    step = artifact.functions["step"]
    data = step.encode(*proof.to_abi())
    devnet.request("anvil_setCode", _PLACE, "0x" + artifact.runtime_bytecode.hex())
    fields = {
        # Any that is unlocked will do; to derive the keys here would take a second.
        "from": devnet.request("eth_accounts")[0],
        "to": _PLACE,
        "data": "0x" + data.hex(),
        "gas": hex(_GAS),
    }
    answer = bytes.fromhex(devnet.request("eth_call", fields, "latest")[2:])
    sent = devnet.request("eth_sendTransaction", fields)
    receipt = _wait_for_receipt(devnet, sent)
    if receipt is None or int(receipt["status"], 16) != 1:
        raise ChainError("the development chain did not carry out the step")
    (after_root,) = step.decode_output(answer)
    return StepAnswer(
        after_root=Hash32(after_root), gas=int(receipt["gasUsed"], 16), calldata_size=len(data)
    )


def _wait_for_receipt(devnet: Devnet, sent: str) -> dict[str, str] | None:
    """Return the receipt of a transaction, which may be mined a moment after it was taken."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        receipt: dict[str, str] | None = devnet.request("eth_getTransactionReceipt", sent)
        if receipt is not None:
            return receipt
        time.sleep(0.01)
    return None


async def check_on_chain(chain: Connection, address: Address, proof: StepProof) -> StepAnswer:
    """Return the answer of a deployed contract, without a transaction; the gas is an estimate.

    Raises:
        RpcError: The contract refuses the proof.
        Unreachable: Nothing answers.
    """
    step = contracts.load("MachineStep").functions["step"]
    data = step.encode(*proof.to_abi())
    fields = {"to": address, "data": "0x" + data.hex()}
    (after_root,) = step.decode_output(await chain.call(fields))
    gas = int(await chain.request("eth_estimateGas", fields), 16)
    return StepAnswer(after_root=Hash32(after_root), gas=gas, calldata_size=len(data))
