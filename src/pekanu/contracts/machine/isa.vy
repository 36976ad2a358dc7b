# pragma version 0.4.3
"""
@title Instruction set
@license MIT
@notice RV32IM: which words are instructions. All values are words of 32 bits in 256, negative numbers
        in two's complement of all 256 bits.
@dev Twin: pekanu.machine.isa, where the same numbers are in hexadecimal, which here are no numbers.
"""

WORD_MASK: constant(uint256) = 4294967295
SIGN_BIT: constant(uint256) = 2147483648
#: Clears the last bit of a word.
EVEN_MASK: constant(uint256) = 4294967294

MEMORY_SIZE: constant(uint256) = 268435456
#: Text has a tree of its own; a program counter from here on is a fault.
TEXT_SIZE: constant(uint256) = 16777216

TEXT_DEPTH: constant(uint256) = 19
MEMORY_DEPTH: constant(uint256) = 23

#: `a0`, the exit code, and `a7`, the number of the system call.
A0: constant(uint256) = 10
A7: constant(uint256) = 17
#: The system call that ends a program, as on Linux.
EXIT_CALL: constant(uint256) = 93

#: The families of instructions: what their numbers begin with.
BRANCHES: constant(uint256) = 16
LOADS: constant(uint256) = 32
STORES: constant(uint256) = 48
IMMEDIATES: constant(uint256) = 64
REGISTERS: constant(uint256) = 80
MULTIPLICATIONS: constant(uint256) = 96
#: Marks the second instruction of a family with the same funct3: `sub`, `sra`, `srai`.
ALTERNATIVE: constant(uint256) = 8
#: Not an instruction.
ILLEGAL: constant(uint256) = 0

#: The lower seven bits of an instruction, and those that are fixed words.
OPCODE_IMMEDIATES: constant(uint256) = 19
OPCODE_REGISTERS: constant(uint256) = 51
OPCODE_LOADS: constant(uint256) = 3
OPCODE_STORES: constant(uint256) = 35
OPCODE_BRANCHES: constant(uint256) = 99
OPCODE_LUI: constant(uint256) = 55
OPCODE_AUIPC: constant(uint256) = 23
OPCODE_JAL: constant(uint256) = 111
OPCODE_JALR: constant(uint256) = 103
OPCODE_FENCE: constant(uint256) = 15
WORD_ECALL: constant(uint256) = 115
WORD_EBREAK: constant(uint256) = 1048691

#: An instruction: its family and its funct3.
BEQ: constant(uint256) = 16
BNE: constant(uint256) = 17
BLT: constant(uint256) = 20
BGE: constant(uint256) = 21
BLTU: constant(uint256) = 22
BGEU: constant(uint256) = 23
LB: constant(uint256) = 32
LH: constant(uint256) = 33
LW: constant(uint256) = 34
LBU: constant(uint256) = 36
LHU: constant(uint256) = 37
SB: constant(uint256) = 48
SH: constant(uint256) = 49
SW: constant(uint256) = 50
ADDI: constant(uint256) = 64
SLLI: constant(uint256) = 65
SLTI: constant(uint256) = 66
SLTIU: constant(uint256) = 67
XORI: constant(uint256) = 68
SRLI: constant(uint256) = 69
ORI: constant(uint256) = 70
ANDI: constant(uint256) = 71
SRAI: constant(uint256) = 77
ADD: constant(uint256) = 80
SLL: constant(uint256) = 81
SLT: constant(uint256) = 82
SLTU: constant(uint256) = 83
XOR: constant(uint256) = 84
SRL: constant(uint256) = 85
OR_: constant(uint256) = 86
AND_: constant(uint256) = 87
SUB: constant(uint256) = 88
SRA: constant(uint256) = 93
MUL: constant(uint256) = 96
MULH: constant(uint256) = 97
MULHSU: constant(uint256) = 98
MULHU: constant(uint256) = 99
DIV: constant(uint256) = 100
DIVU: constant(uint256) = 101
REM: constant(uint256) = 102
REMU: constant(uint256) = 103
LUI: constant(uint256) = 112
AUIPC: constant(uint256) = 113
JAL: constant(uint256) = 114
JALR: constant(uint256) = 115
FENCE: constant(uint256) = 116
ECALL: constant(uint256) = 117
EBREAK: constant(uint256) = 118


#: A decoded word. Fields that an instruction does not have are what the word holds there.
struct Instruction:
    op: uint256
    rd: uint256
    rs1: uint256
    rs2: uint256
    #: Signed; of `lui` and `auipc` a multiple of 4096 in [0, 2^32); of shifts in [0, 32).
    imm: uint256


@internal
@pure
def decode(word: uint256) -> Instruction:
    """
    @notice The instruction that a word encodes; its op is ILLEGAL if it encodes none.
    """
    op: uint256 = self.get_op(word)
    if op == ILLEGAL:
        return empty(Instruction)
    return Instruction(
        op=op,
        rd=(word >> 7) & 31,
        rs1=(word >> 15) & 31,
        rs2=(word >> 20) & 31,
        imm=self.get_immediate(word),
    )


@internal
@pure
def get_op(word: uint256) -> uint256:
    """
    @notice The number of the instruction that a word encodes, or ILLEGAL.
    """
    opcode: uint256 = word & 127
    funct3: uint256 = (word >> 12) & 7
    funct7: uint256 = word >> 25
    op: uint256 = ILLEGAL
    if opcode == OPCODE_IMMEDIATES:
        # The shifts have a funct7; the others have an immediate in its place.
        if (funct3 != 1 and funct3 != 5) or funct7 == 0:
            op = IMMEDIATES + funct3
        elif funct3 == 5 and funct7 == 32:
            op = IMMEDIATES + ALTERNATIVE + funct3
    elif opcode == OPCODE_REGISTERS:
        if funct7 == 0:
            op = REGISTERS + funct3
        elif funct7 == 1:
            op = MULTIPLICATIONS + funct3
        elif funct7 == 32 and (funct3 == 0 or funct3 == 5):
            op = REGISTERS + ALTERNATIVE + funct3
    elif opcode == OPCODE_LOADS:
        if funct3 != 3 and funct3 != 6 and funct3 != 7:
            op = LOADS + funct3
    elif opcode == OPCODE_STORES:
        if funct3 < 3:
            op = STORES + funct3
    elif opcode == OPCODE_BRANCHES:
        if funct3 != 2 and funct3 != 3:
            op = BRANCHES + funct3
    elif opcode == OPCODE_LUI:
        op = LUI
    elif opcode == OPCODE_AUIPC:
        op = AUIPC
    elif opcode == OPCODE_JAL:
        op = JAL
    elif opcode == OPCODE_JALR:
        if funct3 == 0:
            op = JALR
    elif opcode == OPCODE_FENCE:
        # The manual has a base implementation ignore the other fields of `fence`.
        if funct3 == 0:
            op = FENCE
    elif word == WORD_ECALL:
        op = ECALL
    elif word == WORD_EBREAK:
        op = EBREAK
    return op


@internal
@pure
def get_immediate(word: uint256) -> uint256:
    """
    @notice The immediate of a word that encodes an instruction; 0 where it has none.
    """
    opcode: uint256 = word & 127
    imm: uint256 = 0
    if opcode == OPCODE_IMMEDIATES or opcode == OPCODE_LOADS or opcode == OPCODE_JALR:
        # I: bits 31 to 20; of a shift the lower five alone
        imm = self.extend_sign(word >> 20, 2048)
        if opcode == OPCODE_IMMEDIATES and (word >> 12) & 3 == 1:
            imm = (word >> 20) & 31
    elif opcode == OPCODE_STORES:
        # S: bits 31 to 25, 11 to 7
        imm = self.extend_sign(((word >> 25) << 5) | ((word >> 7) & 31), 2048)
    elif opcode == OPCODE_BRANCHES:
        # B: bits 31, 7, 30 to 25, 11 to 8, and a zero
        imm = ((word >> 31) << 12) | (((word >> 7) & 1) << 11)
        imm = self.extend_sign(imm | (((word >> 25) & 63) << 5) | (((word >> 8) & 15) << 1), 4096)
    elif opcode == OPCODE_LUI or opcode == OPCODE_AUIPC:
        # U: bits 31 to 12, and twelve zeros
        imm = (word >> 12) << 12
    elif opcode == OPCODE_JAL:
        # J: bits 31, 19 to 12, 20, 30 to 21, and a zero
        imm = ((word >> 31) << 20) | (((word >> 12) & 255) << 12) | (((word >> 20) & 1) << 11)
        imm = self.extend_sign(imm | (((word >> 21) & 1023) << 1), 1048576)
    return imm


@internal
@pure
def extend_sign(number: uint256, top: uint256) -> uint256:
    """
    @notice The signed number whose highest bit is `top`.
    @param number Below 2 * top.
    @param top A power of two.
    """
    return unsafe_sub(number ^ top, top)
