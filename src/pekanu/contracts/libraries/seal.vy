# pragma version 0.4.3
"""
@title The seal
@license MIT
@notice How sealed outputs lie under a claim's ciphertext root, and the proof that one place of them
        is wrong. No storage.
@dev Twin: pekanu.market.delivery.

     An item's output tree has 21 levels: leaf 0 is the length, leaves 1.. are the bytes. A chunk is
     32 leaves of it. Sealed are the leaves that hold bytes (level 0) and the nodes from level 5 up
     to the top, the lowest level with a single node that is not empty. A cell is what begins at one
     chunk: its blocks and its nodes. In the ciphertext tree of an item a cell has 64 leaves, the
     blocks in the left 32, the nodes by level in the right 32; everything else is zero.
"""

from . import merkle

#: Levels of an item's output tree.
OUTPUT_LEVELS: constant(uint256) = 21
#: Level whose nodes cover one chunk.
CHUNK_LEVEL: constant(uint256) = 5
#: Levels between a cell's root and its item's ciphertext root.
CELL_LEVELS: constant(uint256) = 16
#: Largest output: the region less its length leaf.
MAX_OUTPUT: constant(uint256) = 67108832
#: Nodes that one cell can hold: levels 5 to 21.
MAX_NODES: constant(uint256) = 17
#: Blocks that one cell can hold.
MAX_BLOCKS: constant(uint256) = 32

#: Keccak-256 of "Pekanu seal v1".
SEAL_TAG: constant(bytes32) = keccak256("Pekanu seal v1")
RESULT_TYPEHASH: constant(bytes32) = keccak256(
    "Result(uint8 status,uint32 exitCode,bytes32 outputRoot,uint32 outputSize,bytes32 evidence)"
)

#: Root of an empty subtree of 32 and of 64 leaves; a test computes them again.
EMPTY_5: constant(bytes32) = 0x0eb01ebfc9ed27500cd4dfc979272d1f0913cc9f66540d7e8005811109e1cf2d
EMPTY_6: constant(bytes32) = 0x887c22bd8750d34016ac3c66b5ff102dacdd73f6b014e710b51e8022af9a1968

struct Result:
    status: uint8
    exit_code: uint32
    output_root: bytes32
    output_size: uint32
    evidence: bytes32

#: A cell with its blocks, as a worker supplies it.
struct FullCell:
    data: DynArray[bytes32, MAX_BLOCKS]
    nodes: DynArray[bytes32, MAX_NODES]
    mask: uint256
    siblings: DynArray[bytes32, merkle.MAX_PATH]

#: A cell whose blocks are given by their root, as a complaint about nodes shows it.
struct Cell:
    data_root: bytes32
    nodes: DynArray[bytes32, MAX_NODES]
    mask: uint256
    siblings: DynArray[bytes32, merkle.MAX_PATH]

#: What a seal's pads depend on beside the place.
struct Seal:
    task_id: bytes32
    key: uint256
    item: uint256

#: Where an item's cells hang: the claim's root, the item, and how many items there are.
struct Anchor:
    root: bytes32
    item: uint256
    count: uint256


@internal
@pure
def result_leaf(result: Result) -> bytes32:
    """
    @notice The leaf of a result under the results root.
    """
    return keccak256(abi_encode(RESULT_TYPEHASH, result))


@internal
@pure
def is_result(
    root: bytes32,
    item: uint256,
    count: uint256,
    result: Result,
    path: DynArray[bytes32, merkle.MAX_DEPTH],
) -> bool:
    """
    @notice Whether `result` is the one of `item` under the results root, and of a size that exists.
    """
    if item >= count or len(path) != merkle.depth_of(count):
        return False
    if convert(result.output_size, uint256) > MAX_OUTPUT:
        return False
    return merkle.root_of_path(self.result_leaf(result), item, path) == root


@internal
@pure
def count_blocks(size: uint256) -> uint256:
    """
    @notice Blocks of 32 bytes that an output of `size` bytes fills.
    """
    return (size + 31) // 32


@internal
@pure
def count_chunks(size: uint256) -> uint256:
    """
    @notice Chunks that the length leaf and the blocks touch; at least one.
    """
    return self.count_blocks(size) // 32 + 1


@internal
@pure
def top_level(chunks: uint256) -> uint256:
    """
    @notice The lowest level at which one node covers all chunks.
    """
    return CHUNK_LEVEL + merkle.depth_of(chunks)


@internal
@pure
def count_cell_blocks(chunk: uint256, size: uint256) -> uint256:
    """
    @notice Sealed blocks of a cell; the length leaf, first of chunk 0, is not one.
    """
    first: uint256 = max(32 * chunk, 1)
    last: uint256 = min(32 * chunk + 31, self.count_blocks(size))
    return last + 1 - first


@internal
@pure
def count_cell_nodes(chunk: uint256, chunks: uint256) -> uint256:
    """
    @notice Nodes that begin at a chunk.
    """
    if chunk == 0:
        return self.top_level(chunks) - CHUNK_LEVEL + 1
    nodes: uint256 = 1
    position: uint256 = chunk
    for level: uint256 in range(CELL_LEVELS):
        if position % 2 == 1:
            break
        nodes += 1
        position //= 2
    return nodes


@internal
@pure
def pad(key_of: Seal, level: uint256, index: uint256) -> uint256:
    """
    @notice The pad of one place.
    """
    return convert(
        keccak256(abi_encode(SEAL_TAG, key_of.task_id, key_of.key, key_of.item, level, index)),
        uint256,
    )


@internal
@pure
def opened(key_of: Seal, sealed: bytes32, level: uint256, index: uint256) -> bytes32:
    """
    @notice A sealed block or node in the clear.
    """
    return convert(convert(sealed, uint256) ^ self.pad(key_of, level, index), bytes32)


@internal
@pure
def data_root(chunk: uint256, data: DynArray[bytes32, MAX_BLOCKS]) -> bytes32:
    """
    @notice The root of a cell's left half.
    """
    row: bytes32[32] = empty(bytes32[32])
    place: uint256 = 0
    if chunk == 0:
        place = 1
    for sealed: bytes32 in data:
        row[place] = sealed
        place += 1
    return merkle.fold(row, place)


@internal
@pure
def is_cell(anchor: Anchor, chunk: uint256, chunks: uint256, cell: Cell) -> bool:
    """
    @notice Whether a cell is the one of `chunk` under the anchor.
    @dev Holds its nodes' number and its path's length to what the result says.
    """
    if chunk >= chunks or len(cell.nodes) != self.count_cell_nodes(chunk, chunks):
        return False
    row: bytes32[32] = empty(bytes32[32])
    place: uint256 = 0
    for sealed: bytes32 in cell.nodes:
        row[place] = sealed
        place += 1
    node: bytes32 = merkle.hash_pair(cell.data_root, merkle.fold(row, place))
    depth: uint256 = merkle.depth_of(anchor.count)
    if (cell.mask >> (CELL_LEVELS + depth)) != 0:
        return False
    used: uint256 = 0
    node, used = merkle.climb(node, chunk, EMPTY_6, CELL_LEVELS, cell.mask, cell.siblings, 0)
    node, used = merkle.climb(
        node, anchor.item, empty(bytes32), depth, cell.mask >> CELL_LEVELS, cell.siblings, used
    )
    return used == len(cell.siblings) and node == anchor.root


@internal
@pure
def is_wrong_chunk(
    key_of: Seal,
    anchor: Anchor,
    chunk: uint256,
    size: uint256,
    data: DynArray[bytes32, MAX_BLOCKS],
    cell: Cell,
) -> bool:
    """
    @notice Whether a chunk's blocks, opened, do not hash to its node, opened.
    """
    chunks: uint256 = self.count_chunks(size)
    assert chunk < chunks, "seal: no such place"
    assert len(data) == self.count_cell_blocks(chunk, size), "seal: wrong number of blocks"
    shown: Cell = cell
    shown.data_root = self.data_root(chunk, data)
    assert self.is_cell(anchor, chunk, chunks, shown), "seal: not in the ciphertext"
    row: bytes32[32] = empty(bytes32[32])
    place: uint256 = 0
    if chunk == 0:
        row[0] = self.length_leaf(size)
        place = 1
    task_id: bytes32 = key_of.task_id
    key: uint256 = key_of.key
    item: uint256 = key_of.item
    first: uint256 = 32 * chunk
    zero: uint256 = 0  # the blocks' level
    for sealed: bytes32 in data:
        # As `opened`, without a call for each of 32 blocks.
        row[place] = convert(
            convert(sealed, uint256)
            ^ convert(
                keccak256(
                    abi_encode(SEAL_TAG, task_id, key, item, zero, unsafe_add(first, place))
                ),
                uint256,
            ),
            bytes32,
        )
        place = unsafe_add(place, 1)
    return merkle.fold(row, place) != self.opened(key_of, cell.nodes[0], CHUNK_LEVEL, chunk)


@internal
@pure
def is_wrong_node(
    key_of: Seal,
    anchor: Anchor,
    level: uint256,
    index: uint256,
    chunks: uint256,
    cells: DynArray[Cell, 2],
) -> bool:
    """
    @notice Whether a node's two children, opened, do not hash to it, opened.
    @param level Above the chunks' level, at most the top.
    @param cells The left child's cell, which holds the node too, and the right child's, where it has
           one.
    """
    assert level <= self.top_level(chunks), "seal: no such place"
    # Bounds the index before it is shifted: no level has more nodes than chunks.
    assert index < chunks, "seal: no such place"
    below: uint256 = level - CHUNK_LEVEL - 1
    left_chunk: uint256 = (2 * index) << below
    right_chunk: uint256 = (2 * index + 1) << below
    assert left_chunk < chunks, "seal: no such place"
    assert self.is_cell(anchor, left_chunk, chunks, cells[0]), "seal: not in the ciphertext"
    left: bytes32 = self.opened(key_of, cells[0].nodes[below], level - 1, 2 * index)
    parent: bytes32 = self.opened(key_of, cells[0].nodes[below + 1], level, index)
    right: bytes32 = empty(bytes32)
    if right_chunk < chunks:
        assert self.is_cell(anchor, right_chunk, chunks, cells[1]), "seal: not in the ciphertext"
        right = self.opened(key_of, cells[1].nodes[below], level - 1, 2 * index + 1)
    else:
        right = self.empty_root(level - 1)
    return merkle.hash_pair(left, right) != parent


@internal
@pure
def is_wrong_top(
    key_of: Seal, anchor: Anchor, chunks: uint256, output_root: bytes32, cell: Cell
) -> bool:
    """
    @notice Whether the top node, opened, does not lead to the claimed output root.
    """
    assert self.is_cell(anchor, 0, chunks, cell), "seal: not in the ciphertext"
    top: uint256 = self.top_level(chunks)
    node: bytes32 = self.opened(key_of, cell.nodes[top - CHUNK_LEVEL], top, 0)
    hole: bytes32 = self.empty_root(top)
    for level: uint256 in range(top, OUTPUT_LEVELS, bound=CELL_LEVELS):
        node = merkle.hash_pair(node, hole)
        hole = merkle.hash_pair(hole, hole)
    return node != output_root


@internal
@pure
def empty_root(level: uint256) -> bytes32:
    """
    @notice The root of an empty subtree.
    @param level From 5 on.
    """
    hole: bytes32 = EMPTY_5
    for height: uint256 in range(CHUNK_LEVEL, level, bound=CELL_LEVELS):
        hole = merkle.hash_pair(hole, hole)
    return hole


@internal
@pure
def length_leaf(size: uint256) -> bytes32:
    """
    @notice Leaf 0 of an output tree: the length as four little-endian bytes, then zeros.
    """
    swapped: uint256 = (
        ((size & 255) << 24)
        | (((size >> 8) & 255) << 16)
        | (((size >> 16) & 255) << 8)
        | ((size >> 24) & 255)
    )
    return convert(swapped << 224, bytes32)
