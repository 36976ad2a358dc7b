# pragma version 0.4.3
"""
@title Merkle trees
@license MIT
@notice Roots from paths. Keccak-256 of two children, leaves are 32-byte values, missing leaves are
        zero. No storage.
@dev Twin: pekanu.crypto.merkle.
"""

#: Levels of the largest tree of items (2^32 - 1 of them).
MAX_DEPTH: constant(uint256) = 32
#: Levels that a path may have: a cell in its item (16) and an item in its batch (32).
MAX_PATH: constant(uint256) = 48


@internal
@pure
def hash_pair(left: bytes32, right: bytes32) -> bytes32:
    """
    @notice The parent of two nodes.
    """
    return keccak256(abi_encode(left, right))


@internal
@pure
def depth_of(count: uint256) -> uint256:
    """
    @notice Levels of the tree over `count` leaves: ceil(log2(count)).
    @param count From 1 to 2^32.
    """
    depth: uint256 = 0
    width: uint256 = 1
    for i: uint256 in range(33):
        if width >= count:
            break
        width *= 2
        depth += 1
    return depth


@internal
@pure
def root_of_path(leaf: bytes32, index: uint256, path: DynArray[bytes32, MAX_DEPTH]) -> bytes32:
    """
    @notice The root that a leaf and all its siblings give.
    @dev The caller compares the path's length with the tree's depth, so that no inner node passes
         for a leaf.
    """
    node: bytes32 = leaf
    position: uint256 = index
    for sibling: bytes32 in path:
        if position % 2 == 0:
            node = self.hash_pair(node, sibling)
        else:
            node = self.hash_pair(sibling, node)
        position //= 2
    assert position == 0, "merkle: index out of range"
    return node


@internal
@pure
def climb(
    start: bytes32,
    index: uint256,
    empty_root: bytes32,
    levels: uint256,
    mask: uint256,
    siblings: DynArray[bytes32, MAX_PATH],
    used: uint256,
) -> (bytes32, uint256):
    """
    @notice Climb `levels` levels from a node.
    @dev Siblings that are roots of empty subtrees are left out: bit k of `mask` says that level k
         carries one. Below the calldata floor, execution is cheaper than a word of calldata.
    @param empty_root Root of an empty subtree as high as `start`.
    @param used Siblings consumed before.
    @return The node reached, and the siblings consumed so far.
    """
    node: bytes32 = start
    position: uint256 = index
    hole: bytes32 = empty_root
    taken: uint256 = used
    for k: uint256 in range(levels, bound=MAX_DEPTH):
        sibling: bytes32 = hole
        if (mask >> k) % 2 == 1:
            sibling = siblings[taken]
            taken += 1
        if position % 2 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
        position = position >> 1
        hole = keccak256(abi_encode(hole, hole))
    assert position == 0, "merkle: index out of range"
    return node, taken


@internal
@pure
def check_mask(mask: uint256, levels: uint256, given: uint256):
    """
    @notice Refuse a mask that says of more levels than there are, or of other than the given number
            of siblings.
    @param levels At most 64.
    """
    assert mask >> levels == 0, "merkle: other siblings"
    rest: uint256 = mask
    count: uint256 = 0
    for k: uint256 in range(64):
        if rest == 0:
            break
        rest &= unsafe_sub(rest, 1)
        count = unsafe_add(count, 1)
    assert count == given, "merkle: other siblings"


@internal
@pure
def fold(row: bytes32[32], used: uint256) -> bytes32:
    """
    @notice The root of 32 leaves of which only the first `used` are not empty.
    @dev Hashes the occupied part of each level alone.
    @param used At most 32.
    """
    nodes: bytes32[32] = row
    width: uint256 = used
    hole: bytes32 = empty(bytes32)
    for level: uint256 in range(5):
        if width % 2 == 1:
            nodes[width] = hole
            width = unsafe_add(width, 1)
        width = width // 2
        for i: uint256 in range(width, bound=16):
            left: uint256 = unsafe_mul(2, i)
            nodes[i] = keccak256(abi_encode(nodes[left], nodes[unsafe_add(left, 1)]))
        hole = keccak256(abi_encode(hole, hole))
    if width == 0:
        return hole
    return nodes[0]
