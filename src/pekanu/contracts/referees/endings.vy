# pragma version 0.4.3
"""
@title First and last state of an item
@license MIT
@notice The state that an item begins with, from its program and input; and whether a result is that
        of a final state. No storage.
@dev Twin: pekanu.dispute.ending.
"""

from ..libraries import merkle
from ..libraries import seal
from ..machine import state as state_lib
from . import terms as terms_lib

#: Levels of the tree over a region.
REGION_LEVELS: constant(uint256) = 21
#: Root of an empty region; a test computes it again.
EMPTY_REGION: constant(bytes32) = 0xf4418588ed35a2458cffeb39b93d26f18d2ab13bdce6aee58e7b99359ec2dfd9
#: Bytes of the largest output.
MAX_OUTPUT: constant(uint256) = 2**26 - 32

#: What is shown of a final state beside the result.
struct Ending:
    registers: uint256[4]  # as the machine packs them
    left_root: bytes32  # of image and input
    scratch_root: bytes32
    length_leaf: bytes32  # the first of the output region
    stray_index: uint256  # a leaf that makes the region no output, or zero
    stray_leaf: bytes32
    mask: uint256  # which siblings are given, of the first leaf's path (bits 0-20), of the other's
    # (21-41); the others are roots of zeros
    siblings: DynArray[bytes32, merkle.MAX_PATH]


@internal
@pure
def get_first_root(program: terms_lib.Program, input_root: bytes32) -> bytes32:
    """
    @notice The state at step 0.
    """
    state: state_lib.State = empty(state_lib.State)
    state.memory_root = merkle.hash_pair(
        merkle.hash_pair(program.image_root, input_root),
        merkle.hash_pair(EMPTY_REGION, EMPTY_REGION),
    )
    state = state_lib.set_pc(state, program.entry)
    return state_lib.get_root(state)


@internal
@pure
def check(result: seal.Result, ending: Ending):
    """
    @notice Refuse a result that is not that of the final state which it names.
    @dev The output is what the region holds if that is canonical: the length as a little-endian u32
         of at most 2^26 - 32, 28 zero bytes, the bytes, zeros. If not, it is the empty output, and
         one leaf is shown that makes it so.
    """
    merkle.check_mask(ending.mask, 2 * REGION_LEVELS, len(ending.siblings))
    output_root: bytes32 = empty(bytes32)
    used: uint256 = 0
    output_root, used = self._climb_first(ending.length_leaf, ending.mask, ending.siblings)
    length: uint256 = self._get_length(ending.length_leaf)
    is_output: bool = length <= MAX_OUTPUT
    if ending.stray_index != 0:
        other_root: bytes32 = empty(bytes32)
        other_root, used = merkle.climb(
            ending.stray_leaf,
            ending.stray_index,
            empty(bytes32),
            REGION_LEVELS,
            ending.mask >> REGION_LEVELS,
            ending.siblings,
            used,
        )
        assert other_root == output_root, "referee: not in the output"
        assert is_output and self._is_stray(
            length, ending.stray_index, ending.stray_leaf
        ), "referee: nothing stray"
        is_output = False
    else:
        assert ending.stray_leaf == empty(bytes32), "referee: unused leaf"
        assert ending.mask >> REGION_LEVELS == 0, "referee: unused siblings"
    if is_output:
        assert result.output_root == output_root, "referee: other output"
        assert convert(result.output_size, uint256) == length, "referee: other size"
    else:
        assert result.output_root == EMPTY_REGION, "referee: other output"
        assert result.output_size == 0, "referee: other size"
    state: state_lib.State = empty(state_lib.State)
    state.memory_root = merkle.hash_pair(
        ending.left_root, merkle.hash_pair(ending.scratch_root, output_root)
    )
    state.registers = ending.registers
    state.status = (convert(result.status, uint256) << 32) | convert(result.exit_code, uint256)
    assert state_lib.get_root(state) == result.evidence, "referee: other state"


@internal
@pure
def _climb_first(
    leaf: bytes32, mask: uint256, siblings: DynArray[bytes32, merkle.MAX_PATH]
) -> (bytes32, uint256):
    """
    @notice The root of a region from its first leaf, and the siblings that this takes: merkle.climb
            where every node is a left one.
    """
    node: bytes32 = leaf
    hole: bytes32 = empty(bytes32)
    rest: uint256 = mask
    used: uint256 = 0
    for level: uint256 in range(REGION_LEVELS):
        if rest & 1 == 0:
            node = keccak256(abi_encode(node, hole))
        else:
            node = keccak256(abi_encode(node, siblings[used]))
            used = unsafe_add(used, 1)
        hole = keccak256(abi_encode(hole, hole))
        rest = rest >> 1
    return node, used


@internal
@pure
def _get_length(leaf: bytes32) -> uint256:
    """
    @notice The length that a region's first leaf states; more than any if it is none.
    """
    word: uint256 = convert(leaf, uint256)
    if word & (2**224 - 1) != 0:
        return max_value(uint256)
    return (
        (word >> 248)
        | (((word >> 240) & 255) << 8)
        | (((word >> 232) & 255) << 16)
        | (((word >> 224) & 255) << 24)
    )


@internal
@pure
def _is_stray(length: uint256, index: uint256, leaf: bytes32) -> bool:
    """
    @notice Whether a leaf of a region, not the first, has a byte beyond the length that is not zero.
    """
    inside: uint256 = 0
    begin: uint256 = (index - 1) << 5
    if length > begin:
        inside = min(32, length - begin)
    if inside == 32:
        return False
    return convert(leaf, uint256) << (8 * inside) != 0
