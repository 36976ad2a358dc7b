# pragma version 0.4.3
"""
@title Terms of a computation
@license MIT
@notice What a task says is to be computed, and how long and for what bond it can be disputed. No
        storage.
@dev Twins: pekanu.market.task (Terms) and pekanu.dispute.rules.
"""

struct Terms:
    program_id: bytes32  # what is run
    inputs_root: bytes32  # over the items' input regions
    max_steps: uint64  # after which a state counts, at least 1
    bond: uint256  # wei that a challenger risks
    clock: uint32  # seconds that a side has for a whole dispute
    extension: uint32  # seconds that each move has beside the clock
    first_extension: uint32  # the same, for a side's first move: a whole execution
    last_extension: uint32  # the same, where a step may have to be proved

#: What a program id commits to.
struct Program:
    text_root: bytes32
    image_root: bytes32
    entry: uint256

TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "Terms(bytes32 programId,bytes32 inputsRoot,uint64 maxSteps,uint256 bond,uint32 clock,"
    "uint32 extension,uint32 firstExtension,uint32 lastExtension)"
)
#: The rules that a program is run by; part of its id.
VERSION: constant(bytes32) = keccak256("Pekanu machine v1")
#: Shortest clock, and longest clock and extension, in seconds: a minute; thirty days.
MIN_CLOCK: constant(uint32) = 60
MAX_CLOCK: constant(uint32) = 2592000
#: No bond is larger, so that no sum of the market overflows.
MAX_BOND: constant(uint256) = 2**80 - 1


@internal
@pure
def get_hash(terms: Terms) -> bytes32:
    """
    @notice What a task carries in its `terms`.
    """
    return keccak256(abi_encode(TERMS_TYPEHASH, terms))


@internal
@pure
def are_sound(terms: Terms) -> bool:
    """
    @notice Whether a dispute under these terms can be played.
    """
    return (
        terms.max_steps > 0
        and terms.bond <= MAX_BOND
        and terms.clock >= MIN_CLOCK
        and max(max(terms.clock, terms.extension), max(terms.first_extension, terms.last_extension))
        <= MAX_CLOCK
    )


@internal
@pure
def get_program_id(program: Program) -> bytes32:
    """
    @notice The id that commits to a program's parts.
    """
    return keccak256(
        abi_encode(VERSION, program.text_root, program.image_root, program.entry)
    )
