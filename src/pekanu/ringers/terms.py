"""The terms of a search: the function, the domain, the targets, and a commitment to the ringers.

Not here: how targets and ringers are drawn (`planting`).
Source: design/referees.md, "RingerReferee", terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root
from pekanu.errors import InvalidInput
from pekanu.types import Hash32, Wei

TERMS_TYPEHASH: Final = keccak256(
    b"SearchTerms(bytes32 run,uint256 low,uint256 high,bytes32 targetsRoot,uint32 targets,"
    b"bytes32 ringersHash,uint256 bond)"
)
TERMS_ABI: Final = "(bytes32,uint256,uint256,bytes32,uint32,bytes32,uint256)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """The points to be searched: all integers from `low` on, below `high`.

    Raises:
        InvalidInput: There is none, or one has more than 256 bits.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        """Refuse an empty or too large domain."""
        if not 0 <= self.low < self.high < 1 << 256:
            raise InvalidInput(f"there is nothing to search from {self.low} to {self.high}")

    @property
    def size(self) -> int:
        """How many points there are; too many for `len`."""
        return self.high - self.low

    def __contains__(self, point: int) -> bool:
        return self.low <= point < self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchTerms:
    """What a task of the ringers' referee carries, as its hash."""

    #: Hash of `pekanu.market.task.Terms` without inputs: the program, its steps, and the clocks
    #: by which a point's image is disputed.
    run: Hash32
    low: int
    high: int
    #: Merkle root over the targets, strictly ascending.
    targets_root: Hash32
    targets: int
    ringers_hash: Hash32
    bond: Wei

    @property
    def domain(self) -> Domain:
        """The points to be searched."""
        return Domain(low=self.low, high=self.high)

    @classmethod
    def build(
        cls, run: Hash32, domain: Domain, images: Sequence[Hash32], ringers_hash: Hash32, bond: Wei
    ) -> SearchTerms:
        """Return the terms of a search.

        Args:
            run: Hash of the function's terms.
            domain: What is searched.
            images: The targets' images, strictly ascending.
            ringers_hash: The commitment to the ringers.
            bond: What the client risks with each challenge.
        """
        return cls(
            run=run,
            low=domain.low,
            high=domain.high,
            targets_root=get_root(images),
            targets=len(images),
            ringers_hash=ringers_hash,
            bond=bond,
        )

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `TERMS_ABI`."""
        return astuple(self)

    def hash(self) -> Hash32:
        """Return what a task carries in its `terms`."""
        return keccak256(encode(["bytes32", TERMS_ABI], [TERMS_TYPEHASH, self.to_abi()]))


def hash_ringers(ringers: Sequence[int], salt: bytes) -> Hash32:
    """Return the commitment to some ringers, strictly ascending, under a salt of 32 bytes."""
    return keccak256(encode(["uint256[]", "bytes32"], [list(ringers), salt]))
