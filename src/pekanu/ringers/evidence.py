"""What is shown to the referee: places of the list under the output's root, images among targets.

Not here: proofs about the accumulator (`pekanu.crypto.exponentiation`).
Source: design/referees.md, "RingerReferee", steps 3 and 6; design/market.md, "Trees".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from pekanu.crypto.merkle import (
    REGION_DEPTH,
    Nodes,
    get_depth,
    get_levels,
    get_proof,
    get_region_leaves,
    to_nodes,
    zero_root,
)
from pekanu.errors import InvalidProof
from pekanu.types import Hash32

#: A place, as the contract takes it: leaf, mask of given siblings, siblings.
PLACE_ABI: Final = "(bytes32,uint256,bytes32[])"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A leaf of the output's tree; siblings that are empty subtrees are left out."""

    leaf: Hash32
    #: Bit k: the sibling at height k is given.
    mask: int
    siblings: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `PLACE_ABI`."""
        return astuple(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedRinger:
    """A ringer with its image's place among the targets."""

    point: int
    image: Hash32
    index: int
    path: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in their order."""
        return astuple(self)


def prove_place(output: bytes, place: int) -> Place:
    """Return the proof of a point's place in an output of whole points.

    Args:
        output: The list, in any order.
        place: Which of its points, from 0 on.

    Raises:
        InvalidProof: There is no such place.
    """
    count = len(output) // 32
    if not 0 <= place < count:
        raise InvalidProof(f"place {place} is not among {count} points")
    # Leaf 0 is the length.
    levels = get_levels(get_region_leaves(output, 0, 1 + count))
    return _strip(levels, place + 1)


def to_target(opened: OpenedRinger) -> tuple[Hash32, int, tuple[Hash32, ...]]:
    """Return an image's place among the targets, as the contract takes it."""
    return opened.image, opened.index, opened.path


def find_target(targets: Sequence[Hash32], point: int, image: Hash32) -> OpenedRinger:
    """Return a ringer opened: its image's place among all targets.

    Raises:
        InvalidProof: It is not among them.
    """
    try:
        index = targets.index(image)
    except ValueError as error:
        raise InvalidProof(f"the image of {point} is not among the targets") from error
    path = get_proof(get_levels(to_nodes(targets)), index)
    return OpenedRinger(point=point, image=image, index=index, path=tuple(path))


def _strip(levels: list[Nodes], index: int) -> Place:
    """Return a leaf and those of its siblings, up to the region's root, that are not empty."""
    proof = get_proof(levels, index)
    proof += [zero_root(height) for height in range(get_depth(len(levels[0])), REGION_DEPTH)]
    given = [(k, node) for k, node in enumerate(proof) if node != zero_root(k)]
    return Place(
        leaf=Hash32(levels[0][index].tobytes()),
        mask=sum(1 << k for k, _ in given),
        siblings=tuple(node for _, node in given),
    )
