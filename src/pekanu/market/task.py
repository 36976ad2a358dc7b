"""The task: what a client pays for, and the terms that say what is to be computed.

Not here: what a worker claims (`claim`), who may do what when (`lifecycle`), signatures
(`typed_data`).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import Final

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

TASK_TYPE: Final = (
    "Task(address client,address agent,address referee,bytes32 terms,uint32 count,"
    "uint256 price,uint256 stake,uint64 offeredUntil,uint32 computeWindow,"
    "uint32 auditWindow,uint32 responseWindow,uint256 chunkFee,bytes32 salt)"
)
TASK_TYPEHASH: Final = keccak256(TASK_TYPE.encode())
#: The ABI type of a task, as every call of the market takes it.
TASK_ABI: Final = (
    "(address,address,address,bytes32,uint32,uint256,uint256,uint64,uint32,uint32,uint32,"
    "uint256,bytes32)"
)

DOMAIN_NAME: Final = "Pekanu Market"
DOMAIN_VERSION: Final = "1"
DOMAIN_TYPEHASH: Final = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketDomain:
    """Which market on which chain: what every digest binds."""

    chain_id: int
    market: Address

    def separator(self) -> Hash32:
        """Return the EIP-712 domain separator. Source: EIP-712, "Definition of domainSeparator"."""
        return _hash_domain(self)

    def digest(self, struct_hash: bytes) -> Hash32:
        """Return the EIP-712 digest of a struct hash under this domain."""
        return keccak256(b"\x19\x01" + self.separator() + struct_hash)


@lru_cache(maxsize=16)
def _hash_domain(domain: MarketDomain) -> Hash32:
    """Return what every request between peers is bound to: a millisecond of hashing in Python."""
    return keccak256(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                DOMAIN_TYPEHASH,
                keccak256(DOMAIN_NAME.encode()),
                keccak256(DOMAIN_VERSION.encode()),
                domain.chain_id,
                domain.market,
            ],
        )
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """The agreement of one client with one worker. Source: design/market.md, "The task"."""

    client: Address
    agent: Address = ZERO_ADDRESS
    referee: Address = ZERO_ADDRESS
    terms: Hash32
    #: Items in the batch, 1 to 2^32 - 1.
    count: int = 1
    price: Wei
    stake: Wei
    #: Last second at which the task can be accepted.
    offered_until: Seconds
    compute_window: Seconds
    audit_window: Seconds
    response_window: Seconds
    chunk_fee: Wei
    salt: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `TASK_ABI`."""
        return astuple(self)

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the struct."""
        return keccak256(encode(["bytes32", TASK_ABI], [TASK_TYPEHASH, self.to_abi()]))

    def id(self, domain: MarketDomain) -> Hash32:
        """Return the task's identity: its EIP-712 digest in the market's domain."""
        return domain.digest(self.struct_hash())


TERMS_TYPE: Final = (
    "Terms(bytes32 programId,bytes32 inputsRoot,uint64 maxSteps,uint256 bond,uint32 clock,"
    "uint32 extension,uint32 firstExtension,uint32 lastExtension)"
)
TERMS_TYPEHASH: Final = keccak256(TERMS_TYPE.encode())
TERMS_ABI: Final = "(bytes32,bytes32,uint64,uint256,uint32,uint32,uint32,uint32)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What is to be computed, as the bisection referee reads it.

    The bond and the clocks are zero where a task names no referee.
    Source: design/referees.md, "BisectionReferee".
    """

    program_id: Hash32
    #: Merkle root over the items' input-region roots.
    inputs_root: Hash32
    #: At least 1.
    max_steps: int
    bond: Wei = Wei(0)
    clock: Seconds = Seconds(0)
    extension: Seconds = Seconds(0)
    first_extension: Seconds = Seconds(0)
    last_extension: Seconds = Seconds(0)

    def hash(self) -> Hash32:
        """Return what a task carries in its `terms`."""
        return keccak256(encode(["bytes32", TERMS_ABI], [TERMS_TYPEHASH, astuple(self)]))
