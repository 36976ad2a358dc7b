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
#: Roots of zeros by height, which to hash would cost more than to hold; a test computes them again.
ZERO_ROOTS: constant(bytes32[isa.MEMORY_DEPTH]) = [
    0x0000000000000000000000000000000000000000000000000000000000000000,
    0xad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5,
    0xb4c11951957c6f8f642c4af61cd6b24640fec6dc7fc607ee8206a99e92410d30,
    0x21ddb9a356815c3fac1026b6dec5df3124afbadb485c9ba5a3e3398a04b7ba85,
    0xe58769b32a1beaf1ea27375a44095a0d1fb664ce2dd358e7fcbfb78c26a19344,
    0x0eb01ebfc9ed27500cd4dfc979272d1f0913cc9f66540d7e8005811109e1cf2d,
    0x887c22bd8750d34016ac3c66b5ff102dacdd73f6b014e710b51e8022af9a1968,
    0xffd70157e48063fc33c97a050f7f640233bf646cc98d9524c6b92bcf3ab56f83,
    0x9867cc5f7f196b93bae1e27e6320742445d290f2263827498b54fec539f756af,
    0xcefad4e508c098b9a7e1d8feb19955fb02ba9675585078710969d3440f5054e0,
    0xf9dc3e7fe016e050eff260334f18a5d4fe391d82092319f5964f2e2eb7c1c3a5,
    0xf8b13a49e282f609c317a833fb8d976d11517c571d1221a265d25af778ecf892,
    0x3490c6ceeb450aecdc82e28293031d10c7d73bf85e57bf041a97360aa2c5d99c,
    0xc1df82d9c4b87413eae2ef048f94b4d3554cea73d92b0f7af96e0271c691e2bb,
    0x5c67add7c6caf302256adedf7ab114da0acfe870d449a3a489f781d659e8becc,
    0xda7bce9f4e8618b6bd2f4132ce798cdc7a60e7e1460a7299e3c6342a579626d2,
    0x2733e50f526ec2fa19a22b31e8ed50f23cd1fdf94c9154ed3a7609a2f1ff981f,
    0xe1d3b5c807b281e4683cc6d6315cf95b9ade8641defcb32372f1c126e398ef7a,
    0x5a2dce0a8a7f68bb74560f8f71837c2c2ebbcbf7fffb42ae1896f13f7c7479a0,
    0xb46a28b6f55540f89444f63de0378e3d121be09e06cc9ded1c20e65876d36aa0,
    0xc65e9645644786b620e2dd2ad648ddfcbf4a7e5b1a3a4ecfe7f64667a3f0b7e2,
    0xf4418588ed35a2458cffeb39b93d26f18d2ab13bdce6aee58e7b99359ec2dfd9,
    0x5a9c16dc00d6ef18b7933a6f8dc65ccb55667138776f7dea101070dc8796e377,
]


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
    zeros: bytes32[isa.MEMORY_DEPTH] = ZERO_ROOTS
    place: uint256 = first
    for height: uint256 in range(depth, bound=isa.MEMORY_DEPTH):
        sibling: bytes32 = empty(bytes32)
        if (mask >> height) & 1 != 0:
            sibling = siblings[place]
            place = unsafe_add(place, 1)
        else:
            sibling = zeros[height]
        if (index >> height) & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
    return node, place


@internal
@pure
def get_roots_of_store(
    leaf: uint256,
    changed: uint256,
    index: uint256,
    mask: uint256,
    siblings: DynArray[bytes32, MAX_SIBLINGS],
    first: uint256,
) -> (bytes32, bytes32, uint256):
    """
    @notice Memory's root with a leaf, with another in its place, and the place behind the path: one
            climb, since a store needs both.
    @param leaf What is there before a store.
    @param changed What is there after it.
    """
    node: bytes32 = convert(self.reverse(leaf), bytes32)
    other: bytes32 = convert(self.reverse(changed), bytes32)
    zeros: bytes32[isa.MEMORY_DEPTH] = ZERO_ROOTS
    place: uint256 = first
    for height: uint256 in range(isa.MEMORY_DEPTH):
        sibling: bytes32 = empty(bytes32)
        if (mask >> height) & 1 != 0:
            sibling = siblings[place]
            place = unsafe_add(place, 1)
        else:
            sibling = zeros[height]
        if (index >> height) & 1 == 0:
            node = keccak256(abi_encode(node, sibling))
            other = keccak256(abi_encode(other, sibling))
        else:
            node = keccak256(abi_encode(sibling, node))
            other = keccak256(abi_encode(sibling, other))
    return node, other, place


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
