# pragma version 0.4.3
"""
@title Paths in the trees of text and memory
@license MIT
@notice Roots from a leaf and its path, from which siblings that are roots of zero subtrees are left
        out.
@dev Twin: pekanu.machine.paths.
"""

from . import isa

#: Siblings of a witness at most: a path in the text's tree and one in memory's.
MAX_SIBLINGS: constant(uint256) = isa.TEXT_DEPTH + isa.MEMORY_DEPTH
#: The lower half of every 2, 4, 8 and 16 bytes.
BYTES: constant(uint256) = 450552876409790643671482431940419874915447411150352389258589821042463539455
PAIRS: constant(uint256) = 1766820105243087041267848467410591083712559083657179364930612997358944255
QUADS: constant(uint256) = 26959946660873538060741835960174461801791452538186943042387869433855
OCTETS: constant(uint256) = 6277101735386680763495507056286727952657427581105975853055


@internal
@pure
def get_root_of_path(
    leaf: uint256,
    index: uint256,
    depth: uint256,
    mask: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
    first: uint256,
) -> (bytes32, uint256):
    """
    @notice The root that a leaf and its path give, and the place behind the path's siblings.
    @param leaf 32 bytes as a little-endian number.
    @param index The leaf's, below 2^depth.
    @param depth Levels of the tree.
    @param mask Bit i: whether the sibling at height i is given; it is the root of zeros otherwise.
    @param siblings Those of the whole witness, lowest first.
    @param first Where the path's begin.
    """
    node: bytes32 = convert(self.reverse(leaf), bytes32)
    zero: bytes32 = empty(bytes32)
    place: uint256 = first
    for height: uint256 in range(depth, bound=isa.MEMORY_DEPTH):
        sibling: bytes32 = zero
        if (mask >> height) & 1 != 0:
            sibling = siblings[place]
            place = unsafe_add(place, 1)
        if (index >> height) & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
        zero = keccak256(abi_encode(zero, zero))
    return node, place


@internal
@pure
def reverse(leaf: uint256) -> uint256:
    """
    @notice A leaf's 32 bytes in the other order: a number in the one from one in the other.
    @dev Swaps neighbours: bytes, pairs of bytes, and so on.
    """
    swapped: uint256 = leaf
    swapped = ((swapped & BYTES) << 8) | ((swapped >> 8) & BYTES)
    swapped = ((swapped & PAIRS) << 16) | ((swapped >> 16) & PAIRS)
    swapped = ((swapped & QUADS) << 32) | ((swapped >> 32) & QUADS)
    swapped = ((swapped & OCTETS) << 64) | ((swapped >> 64) & OCTETS)
    return (swapped << 128) | (swapped >> 128)
