"""The contract MachineStep on an EVM within the test process, called by step proofs."""

from __future__ import annotations

from pekanu.errors import TransactionReverted
from pekanu.machine.witness import StepProof
from support.evm import DEPLOYER, Contract, Evm


def pack(proof: StepProof) -> bytes:
    """Return the arguments in the ABI's encoding; quicker than a library that knows all types."""
    memory_root, registers, status = proof.state
    witness = proof.witness
    numbers = (*registers, status)
    return b"".join(
        (
            proof.before_root,
            proof.text_root,
            memory_root,
            *(number.to_bytes(32, "big") for number in numbers),
            (9 * 32).to_bytes(32, "big"),
            witness.text_leaf,
            witness.memory_leaf,
            witness.mask.to_bytes(32, "big"),
            (4 * 32).to_bytes(32, "big"),
            len(witness.siblings).to_bytes(32, "big"),
            *witness.siblings,
        )
    )


class StepContract:
    """The deployed contract."""

    def __init__(self) -> None:
        self.contract: Contract = Evm().deploy("MachineStep")
        self.selector: bytes = self.contract.functions["step"][0]

    def step(self, proof: StepProof) -> bytes:
        return self.call(pack(proof))

    def call(self, arguments: bytes) -> bytes:
        """Return what the contract answers to any bytes behind its function's selector."""
        chain = self.contract.chain
        return chain.send(self.contract.address, self.selector + arguments, DEPLOYER, 0)

    def ask(self, arguments: bytes) -> bytes | None:
        """Return the answer, or None if it reverts."""
        try:
            return self.call(arguments)
        except TransactionReverted:
            return None
