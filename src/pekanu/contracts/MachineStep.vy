# pragma version 0.4.3
"""
@title MachineStep
@license MIT
@notice One step of the machine. Every state has exactly one successor. No state, no money, no owner:
        anyone may call it.
@dev Twin: pekanu.machine.step, which has program and memory instead of leaves and their paths.
"""

from .machine import access
from .machine import arithmetic
from .machine import control
from .machine import immediates
from .machine import isa
from .machine import loads
from .machine import multiplication
from .machine import paths
from .machine import state as state_lib
from .machine import stores
from .machine import system


#: What a step reads beside the state. Nothing may be given that the step does not read.
struct Witness:
    #: The leaf of text that holds the instruction; zero if the state has ended or pc is no address.
    text_leaf: bytes32
    #: The leaf of memory that a load or store accesses; zero if none is.
    memory_leaf: bytes32
    #: Which siblings are given: bit i that at height i of text, bit 19 + i that of memory.
    mask: uint256
    #: Of the text's path, then of memory's, each lowest first.
    siblings: DynArray[bytes32, paths.MAX_SIBLINGS]


@external
@pure
def step(
    before_root: bytes32,
    text_root: bytes32,
    state: state_lib.State,
    witness: Witness,
) -> bytes32:
    """
    @notice The root of the state that follows on one.
    @dev Reverts only where the state or the witness is not what the roots commit to.
    @param before_root The state's root.
    @param text_root The root of the program's text, which its id commits to.
    """
    assert state_lib.get_root(state) == before_root, "step: not the state"
    # A state that has ended is its own successor.
    if state_lib.get_status(state) != state_lib.RUNNING:
        self.check_unused(witness, 0, 0)
        return before_root
    # Fetch
    cause: uint256 = access.check_fetch(state)
    if cause != state_lib.RUNNING:
        self.check_unused(witness, 0, 0)
        return state_lib.get_root(state_lib.trap(state, cause))
    pc: uint256 = state_lib.get_pc(state)
    leaf: uint256 = paths.reverse(convert(witness.text_leaf, uint256))
    root: bytes32 = empty(bytes32)
    used: uint256 = 0
    root, used = paths.get_root_of_path(
        leaf, pc >> 5, isa.TEXT_DEPTH, witness.mask, witness.siblings, 0
    )
    assert root == text_root, "step: not the text"
    instruction: isa.Instruction = isa.decode((leaf >> ((pc & 31) << 3)) & isa.WORD_MASK)
    if instruction.op == isa.ILLEGAL:
        self.check_unused(witness, isa.TEXT_DEPTH, used)
        return state_lib.get_root(state_lib.trap(state, state_lib.ILLEGAL))
    # Registers alone
    if not (access.is_access(instruction, isa.LOADS) or access.is_access(instruction, isa.STORES)):
        self.check_unused(witness, isa.TEXT_DEPTH, used)
        return state_lib.get_root(self.execute(state, instruction))
    # Memory
    cause = access.check_access(state, instruction)
    if cause != state_lib.RUNNING:
        self.check_unused(witness, isa.TEXT_DEPTH, used)
        return state_lib.get_root(state_lib.trap(state, cause))
    index: uint256 = access.get_address(state, instruction) >> 5
    mask: uint256 = witness.mask >> isa.TEXT_DEPTH
    leaf = paths.reverse(convert(witness.memory_leaf, uint256))
    after: state_lib.State = state
    if access.is_access(instruction, isa.LOADS):
        after = loads.execute(state, instruction, leaf)
        root, used = paths.get_root_of_path(
            leaf, index, isa.MEMORY_DEPTH, mask, witness.siblings, used
        )
    else:
        changed: uint256 = 0
        after, changed = stores.execute(state, instruction, leaf)
        root, after.memory_root, used = paths.get_roots_of_store(
            leaf, changed, index, mask, witness.siblings, used
        )
    assert root == state.memory_root, "step: not the memory"
    assert mask >> isa.MEMORY_DEPTH == 0, "step: unused siblings"
    assert used == len(witness.siblings), "step: unused siblings"
    return state_lib.get_root(after)


@internal
@pure
def execute(state: state_lib.State, instruction: isa.Instruction) -> state_lib.State:
    """
    @notice Do an instruction that leaves memory alone.
    """
    family: uint256 = instruction.op & 240
    if family == isa.IMMEDIATES or instruction.op == isa.LUI or instruction.op == isa.AUIPC:
        return immediates.execute(state, instruction)
    if family == isa.REGISTERS:
        return arithmetic.execute(state, instruction)
    if family == isa.MULTIPLICATIONS:
        return multiplication.execute(state, instruction)
    if family == isa.BRANCHES or instruction.op == isa.JAL or instruction.op == isa.JALR:
        return control.execute(state, instruction)
    return system.execute(state, instruction)


@internal
@pure
def check_unused(witness: Witness, levels: uint256, used: uint256):
    """
    @notice Refuse a witness that holds more than the step reads, where it reads no memory.
    @param levels Bits of the mask that have been read, none if the text's leaf has not.
    @param used Siblings that have been read.
    """
    assert witness.mask >> levels == 0, "step: unused siblings"
    assert used == len(witness.siblings), "step: unused siblings"
    assert witness.memory_leaf == empty(bytes32), "step: unused leaf"
    assert levels != 0 or witness.text_leaf == empty(bytes32), "step: unused leaf"
