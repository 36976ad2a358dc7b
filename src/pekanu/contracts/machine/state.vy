# pragma version 0.4.3
"""
@title State of the machine
@license MIT
@notice Registers, program counter, status, and the root of memory; and the commitment to them.
        Register 0 is always 0. A state whose status is not RUNNING is its own successor.
@dev Twin: pekanu.machine.state, whose functions change in place the state that these return.
"""

from . import isa

#: It goes on.
RUNNING: constant(uint256) = 0
#: The program ended by itself, with an exit code.
HALTED: constant(uint256) = 1
#: The word at pc is no instruction.
ILLEGAL: constant(uint256) = 2
#: `ebreak`.
BREAKPOINT: constant(uint256) = 3
#: An `ecall` other than exit.
ECALL: constant(uint256) = 4
#: A jump, or a branch taken, to an address that is no multiple of 4.
MISALIGNED_JUMP: constant(uint256) = 5
#: A load from an address that is no multiple of its size.
MISALIGNED_LOAD: constant(uint256) = 6
#: A store to an address that is no multiple of its size.
MISALIGNED_STORE: constant(uint256) = 7
#: A load outside memory.
LOAD_FAULT: constant(uint256) = 8
#: A store outside memory.
STORE_FAULT: constant(uint256) = 9
#: pc is outside text.
FETCH_FAULT: constant(uint256) = 10

#: The place of pc behind the registers.
PC: constant(uint256) = 32


struct State:
    memory_root: bytes32
    #: x1 to x31 and pc, eight a word, big-endian: the first is highest.
    registers: uint256[4]
    #: The status, times 2^32, and the exit code.
    status: uint256


@internal
@pure
def read(state: State, index: uint256) -> uint256:
    """
    @notice A register; register 0 is 0.
    """
    if index == 0:
        return 0
    place: uint256 = unsafe_sub(index, 1)
    return (state.registers[place >> 3] >> ((7 - (place & 7)) << 5)) & isa.WORD_MASK


@internal
@pure
def write(state: State, index: uint256, number: uint256) -> State:
    """
    @notice Set a register to the lower 32 bits of a value; register 0 stays 0.
    """
    if index != 0:
        place: uint256 = unsafe_sub(index, 1)
        start: uint256 = (7 - (place & 7)) << 5
        packed: uint256 = state.registers[place >> 3]
        state.registers[place >> 3] = (
            packed ^ ((((packed >> start) ^ number) & isa.WORD_MASK) << start)
        )
    return state


@internal
@pure
def get_pc(state: State) -> uint256:
    """
    @notice The program counter.
    """
    return self.read(state, PC)


@internal
@pure
def set_pc(state: State, number: uint256) -> State:
    """
    @notice Set the program counter to the lower 32 bits of a number.
    """
    return self.write(state, PC, number)


@internal
@pure
def advance(state: State) -> State:
    """
    @notice Go to the next instruction.
    """
    return self.write(state, PC, unsafe_add(self.read(state, PC), 4))


@internal
@pure
def halt(state: State, exit_code: uint256) -> State:
    """
    @notice End the program; pc stays.
    """
    state.status = (HALTED << 32) | exit_code
    return state


@internal
@pure
def trap(state: State, cause: uint256) -> State:
    """
    @notice End the program for a cause; pc and registers stay.
    """
    state.status = cause << 32
    return state


@internal
@pure
def get_status(state: State) -> uint256:
    """
    @notice Whether it runs, has halted, or has trapped and why.
    """
    return state.status >> 32


@internal
@pure
def get_root(state: State) -> bytes32:
    """
    @notice The commitment to a state: the hash of its six words.
    """
    return keccak256(abi_encode(state))
