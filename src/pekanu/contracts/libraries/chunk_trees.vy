# pragma version 0.4.3
"""
@title Trees over stored chunks
@license MIT
@notice The root to which leaves of a chunk lead, by SHA-256. No storage.
@dev Twin: pekanu.storage.trees. The shape follows from leaf count and chunk count, to which every
     proof is held: a lone last node goes up as it is. Too few siblings revert; too many give a zero
     root, which no commitment opens to. Arithmetic is unchecked where a bound stands beside it.
"""

#: Bytes of a leaf; only a chunk's last one may be shorter.
LEAF_SIZE: constant(uint256) = 256
#: Leaves of the largest chunk.
MAX_LEAVES: constant(uint256) = 1048576
#: Levels of its tree, and of the tree over the largest agreement's chunks.
MAX_LEAF_DEPTH: constant(uint256) = 20
MAX_DEPTH: constant(uint256) = 32
#: Leaves in one answer.
MAX_ANSWER: constant(uint256) = 32
#: Siblings of the longest proof: two a level within a chunk, one a level above.
MAX_SIBLINGS: constant(uint256) = 72

# What each kind of node is hashed with.
LEAF: constant(bytes1) = 0x00
NODE: constant(bytes1) = 0x01
ENTRY: constant(bytes1) = 0x02
ABOVE: constant(bytes1) = 0x03


@internal
@pure
def commit_root(root: bytes32, blind: bytes32) -> bytes32:
    """
    @notice What a quote carries in place of a root.
    """
    return sha256(concat(root, blind))


@internal
@pure
def _climb(
    kind: bytes1,
    start: bytes32,
    position: uint256,
    width: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
    used: uint256,
) -> (bytes32, uint256):
    """
    @notice Climb from one node of a level to the root above it.
    @param width Nodes of the level, at least 1 and at most 2^32; `position` is below it.
    @return The root, and the siblings consumed so far.
    """
    node: bytes32 = start
    place: uint256 = position
    last: uint256 = unsafe_sub(width, 1)  # of each level in turn
    taken: uint256 = used
    for level: uint256 in range(MAX_DEPTH):
        if last == 0:
            break
        if place & 1 == 1:
            node = sha256(concat(kind, siblings[taken], node))
            taken = unsafe_add(taken, 1)
        elif place < last:
            node = sha256(concat(kind, node, siblings[taken]))
            taken = unsafe_add(taken, 1)
        place = place >> 1
        last = last >> 1
    return node, taken


@internal
@pure
def root_of_entry(
    chunk_root: bytes32,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
    used: uint256,
) -> bytes32:
    """
    @notice The root above a chunk; zero if there are more siblings than fit.
    @param chunk Its place, below `chunk_count`.
    @param used Siblings consumed before.
    """
    node: bytes32 = sha256(concat(ENTRY, chunk_root, convert(leaf_count, bytes32)))
    taken: uint256 = 0
    node, taken = self._climb(ABOVE, node, chunk, chunk_count, siblings, used)
    if taken != len(siblings):
        return empty(bytes32)
    return node


@internal
@pure
def root_of_leaf(
    leaf: Bytes[LEAF_SIZE],
    place: uint256,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
) -> bytes32:
    """
    @notice The root above one leaf of a chunk; zero if there are more siblings than fit.
    @dev What `root_of_leaves` gives, for less: this is the answer that is asked for most.
    """
    chunk_root: bytes32 = sha256(concat(LEAF, leaf))
    taken: uint256 = 0
    chunk_root, taken = self._climb(NODE, chunk_root, place, leaf_count, siblings, 0)
    return self.root_of_entry(chunk_root, leaf_count, chunk, chunk_count, siblings, taken)


@internal
@pure
def root_of_leaves(
    leaves: DynArray[Bytes[LEAF_SIZE], MAX_ANSWER],
    first: uint256,
    leaf_count: uint256,
    chunk: uint256,
    chunk_count: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
) -> bytes32:
    """
    @notice The root above neighbouring leaves of a chunk; zero if there are more siblings than fit.
    @dev The caller has checked that there are some, from `first` on, within `leaf_count`.
    """
    nodes: bytes32[MAX_ANSWER] = empty(bytes32[MAX_ANSWER])
    count: uint256 = 0
    for leaf: Bytes[LEAF_SIZE] in leaves:
        nodes[count] = sha256(concat(LEAF, leaf))
        count = unsafe_add(count, 1)

    # Level by level, until one node covers all leaves that are shown.
    low: uint256 = first
    width: uint256 = leaf_count
    taken: uint256 = 0
    for level: uint256 in range(MAX_LEAF_DEPTH):
        if count == 1:
            break
        read: uint256 = 0  # nodes of this level consumed
        made: uint256 = 0  # nodes of the next one made, never ahead of `read`
        if low & 1 == 1:
            nodes[0] = sha256(concat(NODE, siblings[taken], nodes[0]))
            taken = unsafe_add(taken, 1)
            read = 1
            made = 1
        for pair: uint256 in range(unsafe_sub(count, read) >> 1, bound=MAX_ANSWER):
            nodes[made] = sha256(concat(NODE, nodes[read], nodes[unsafe_add(read, 1)]))
            read = unsafe_add(read, 2)
            made = unsafe_add(made, 1)
        if read < count:
            if unsafe_add(low, count) < width:
                nodes[made] = sha256(concat(NODE, nodes[read], siblings[taken]))
                taken = unsafe_add(taken, 1)
            else:
                nodes[made] = nodes[read]
            made = unsafe_add(made, 1)
        low = low >> 1
        count = made
        width = unsafe_add(width, 1) >> 1
    chunk_root: bytes32 = empty(bytes32)
    chunk_root, taken = self._climb(NODE, nodes[0], low, width, siblings, taken)
    return self.root_of_entry(chunk_root, leaf_count, chunk, chunk_count, siblings, taken)
