"""The claim: what a worker asserts and is paid, or slashed, for.

Not here: how the outputs are sealed and checked (`delivery`).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.types import ZERO_HASH, Address, Hash32

CLAIM_TYPEHASH: Final = keccak256(
    b"Claim(bytes32 taskId,address worker,bytes32 resultsRoot,bytes32 ciphertextRoot,"
    b"uint256 keyX,uint256 keyY)"
)
RESULT_TYPEHASH: Final = keccak256(
    b"Result(uint8 status,uint32 exitCode,bytes32 outputRoot,uint32 outputSize,bytes32 evidence)"
)
#: The ABI type of a claim without what the task binds: results, ciphertext, commitment point.
CLAIM_ABI: Final = "(bytes32,bytes32,uint256,uint256)"
RESULT_ABI: Final = "(uint8,uint32,bytes32,uint32,bytes32)"

#: Statuses of a result; traps follow from 2 on, with their causes (`pekanu.machine`).
STATUS_RUNNING: Final = 0
STATUS_HALTED: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result of one item."""

    status: int = STATUS_HALTED
    exit_code: int = 0
    #: Root of the machine's output region: leaf 0 the length, then the bytes.
    output_root: Hash32
    #: Bytes, at most 2^26 - 32.
    output_size: int
    #: The referee's; zero where the task names none.
    evidence: Hash32 = ZERO_HASH

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `RESULT_ABI`."""
        return astuple(self)

    def leaf(self) -> Hash32:
        """Return the leaf that stands for this result under a claim's results root."""
        return keccak256(encode(["bytes32", RESULT_ABI], [RESULT_TYPEHASH, self.to_abi()]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What a worker delivers for a task. Source: design/market.md, "The claim"."""

    results_root: Hash32
    ciphertext_root: Hash32
    #: The Pedersen commitment to the seal's key, an affine point on alt_bn128.
    key_x: int
    key_y: int

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `CLAIM_ABI`."""
        return astuple(self)

    def hash(self, task_id: bytes, worker: Address) -> Hash32:
        """Return the claim's hash, which binds the task and the worker."""
        return keccak256(
            encode(
                ["bytes32", "bytes32", "address", CLAIM_ABI],
                [CLAIM_TYPEHASH, task_id, worker, self.to_abi()],
            )
        )
