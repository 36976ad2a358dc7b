"""The contract's step against the reference: the same next state, whatever the state.

`PEKANU_FUZZ_SECONDS` sets how long the single steps are fuzzed, 20 seconds by default;
`PEKANU_FUZZ_SEED` where the random numbers begin.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from pekanu.bench.step_proof import build_worst_proof, build_worst_state
from pekanu.crypto.keccak import keccak256
from pekanu.errors import TransactionReverted
from pekanu.machine import engine
from pekanu.machine.executor import run
from pekanu.machine.isa import TEXT_SIZE, Op, decode
from pekanu.machine.program import get_initial_state
from pekanu.machine.replay import Replay
from pekanu.machine.state import MachineState, Status, get_root
from pekanu.machine.step import step
from pekanu.machine.witness import StepProof, Witness, build_proof
from support.evm import load_artifact
from support.machine import EDGES, MNEMONICS, Fuzzer, assemble, make_program
from support.machine_contract import StepContract, pack
from support.machine_programs import ProgramWriter
from support.machine_vectors import STEPS, read_program, read_state

SECONDS = float(os.environ.get("PEKANU_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("PEKANU_FUZZ_SEED", "1"))
#: Steps after which every instruction and every trap has surely been met.
ENOUGH = 20_000


@pytest.fixture(scope="module")
def contract() -> StepContract:
    return StepContract()


def test_contract__then_within_the_size_limit() -> None:
    runtime = bytes.fromhex(load_artifact("MachineStep")["runtime_bytecode"].removeprefix("0x"))
    assert len(runtime) < 24_576


@pytest.mark.parametrize("vector", STEPS.values(), ids=list(STEPS))
def test_step__of_a_vector__then_the_next_root(
    contract: StepContract, vector: dict[str, Any]
) -> None:
    proof = build_proof(read_program(vector), read_state(vector["before"]))
    found = vector["witness"]
    witness = Witness(
        text_leaf=bytes.fromhex(found["text_leaf"]),
        memory_leaf=bytes.fromhex(found["memory_leaf"]),
        mask=found["mask"],
        siblings=tuple(bytes.fromhex(node) for node in found["siblings"]),
    )
    shown = replace(proof, before_root=bytes.fromhex(vector["before"]["root"]), witness=witness)
    assert contract.step(shown).hex() == vector["after"]["root"]
    # The bytes are those of the library that knows all types.
    assert contract.contract.call("step", *shown.to_abi()).hex() == vector["after"]["root"]


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_step__of_any_state__then_the_references_next_root(contract: StepContract) -> None:
    fuzzer, count = Fuzzer(SEED), 0
    met, ended = Counter[Op | None](), Counter[Status]()
    begin = time.monotonic()
    while time.monotonic() - begin < SECONDS:
        program = fuzzer.make_program()
        state = MachineState(pc=program.entry, memory=fuzzer.make_memory())
        for _ in range(300):
            fuzzer.scramble(program, state)
            proof = build_proof(program, state)
            if proof.witness.siblings:
                instruction = decode(program.get_word(state.pc))
                met[instruction and instruction.op] += 1
            step(program, state)
            ended[state.status] += 1
            count += 1
            assert contract.step(proof) == state.root, f"seed {SEED}, step {count}"
    print(f"{count} steps", dict(ended))  # noqa: T201 - shown by pytest -s
    if count > ENOUGH:
        assert set(met) == {None, *Op}
        assert set(ended) == set(Status)


@pytest.mark.parametrize("name", MNEMONICS)
def test_step__of_each_instruction_on_edges__then_the_references_next_root(
    contract: StepContract, name: str
) -> None:
    word = assemble(name, rd=3, rs1=1, rs2=2, imm=-4)
    program = make_program([word, word])
    state = get_initial_state(program, b"x")
    for a in EDGES:
        for b in EDGES:
            state.pc, state.status = program.entry, Status.RUNNING
            state.registers[1:4] = [a, b, 0x55AA55AA]
            proof = build_proof(program, state)
            step(program, state)
            assert contract.step(proof) == state.root


def test_step__along_a_run__then_each_root_leads_to_the_next(contract: StepContract) -> None:
    program = make_program(
        [
            assemble("lui", rd=1, imm=0x04000000),
            assemble("lw", rd=2, rs1=1),
            assemble("lui", rd=4, imm=0x0C000000),
            assemble("add", rd=3, rs1=3, rs2=2),
            assemble("sw", rs1=4, rs2=3, imm=32),
            assemble("addi", rd=2, rs1=2, imm=-1),
            assemble("bne", rs1=2, rs2=0, imm=-12),
            assemble("addi", rd=17, imm=93),
            assemble("ecall"),
        ]
    )
    state = get_initial_state(program, bytes(9))
    root = state.root
    for _ in range(50):
        proof = build_proof(program, state)
        assert proof.before_root == root
        root = contract.step(proof)
        step(program, state)
        assert root == state.root
    assert state.status == Status.HALTED
    assert state.memory.read(0x0C000020, 4) == (45).to_bytes(4, "little")


def make_states() -> list[tuple[str, StepProof, bytes]]:
    """Return proofs of many kinds, each with the answer to it."""
    found = []
    for name, vector in STEPS.items():
        program, state = read_program(vector), read_state(vector["before"])
        found.append((name, build_proof(program, state), bytes.fromhex(vector["after"]["root"])))
    program, state = build_worst_state()
    proof = build_proof(program, state)
    step(program, state)
    return [*found, ("worst", proof, state.root)]


PROOFS = make_states()
kinds = pytest.mark.parametrize(("proof", "after"), [one[1:] for one in PROOFS], ids=lambda _: "")


@kinds
def test_step__with_any_bit_flipped__then_refused_or_the_same(
    contract: StepContract, proof: StepProof, after: bytes
) -> None:
    arguments = pack(proof)
    assert contract.call(arguments) == after
    refused = 0
    for place in range(0, 8 * len(arguments), 7):
        flipped = bytearray(arguments)
        flipped[place >> 3] ^= 1 << (place & 7)
        answer = contract.ask(bytes(flipped))
        assert answer in (None, after)
        refused += answer is None
    # Of more than one flip a byte, nearly all count.
    assert refused > len(arguments) * 3 // 4


@kinds
def test_step__cut_short__then_refused(
    contract: StepContract, proof: StepProof, after: bytes
) -> None:
    arguments = pack(proof)
    for length in range(0, len(arguments), 13):
        # Missing bytes are read as zeros.
        assert contract.ask(arguments[:length]) in (None, after)
    assert contract.ask(arguments[: len(arguments) // 2]) is None
    assert contract.ask(arguments + bytes(64)) in (None, after)


@kinds
def test_step__with_another_witness__then_refused(
    contract: StepContract, proof: StepProof, after: bytes
) -> None:
    witness, some = proof.witness, keccak256(b"some")
    masks = (witness.mask | 1 << height for height in (0, 18, 19, 41, 42, 43, 255))
    others = [
        replace(witness, siblings=(*witness.siblings, some)),
        replace(witness, siblings=(some, *witness.siblings)),
        replace(witness, siblings=witness.siblings[:-1]),
        replace(witness, siblings=witness.siblings[::-1]),
        replace(witness, siblings=()),
        replace(witness, mask=0),
        replace(witness, text_leaf=some),
        replace(witness, memory_leaf=some),
        *(replace(witness, mask=mask) for mask in masks),
        *(replace(witness, mask=mask, siblings=(*witness.siblings, some)) for mask in (1, 2**42)),
        *(replace(other[1].witness) for other in PROOFS),
    ]
    for other in others:
        answer = contract.ask(pack(replace(proof, witness=other)))
        assert answer == (after if other == witness else None)


@kinds
def test_step__with_another_root_or_state__then_refused(
    contract: StepContract, proof: StepProof, after: bytes
) -> None:
    memory_root, registers, status = proof.state
    some = keccak256(b"some")
    states = [
        (some, registers, status),
        (memory_root, (registers[0] ^ 1, *registers[1:]), status),
        (memory_root, registers, status ^ 1),
        (memory_root, registers, status ^ 1 << 32),
    ]
    for other in (replace(proof, before_root=some), *(replace(proof, state=s) for s in states)):
        with pytest.raises(TransactionReverted, match="step: not the state"):
            contract.step(other)
    answer = contract.ask(pack(replace(proof, text_root=some)))
    # The text does not matter where no instruction is fetched.
    assert answer == (
        None if proof.witness.siblings or proof.witness.text_leaf.strip(b"\0") else after
    )


def test_step__with_an_inner_node_for_a_leaf__then_refused(contract: StepContract) -> None:
    """A proof's length went unchecked elsewhere, so that a node of the tree passed for a leaf."""
    proof = build_worst_proof()
    witness = proof.witness
    node = keccak256(witness.text_leaf + witness.siblings[0])
    assert keccak256(witness.siblings[0] + witness.text_leaf) != node
    for leaf in (node, keccak256(witness.siblings[0] + witness.text_leaf)):
        short = replace(
            witness, text_leaf=leaf, siblings=witness.siblings[1:], mask=witness.mask & ~1
        )
        assert contract.ask(pack(replace(proof, witness=short))) is None


@pytest.mark.parametrize(
    "status", [1 << 32, 10 << 32, 11 << 32, 77 << 32 | 5, 1 << 255, 2**256 - 1]
)
def test_step__of_a_state_that_has_ended__then_itself(contract: StepContract, status: int) -> None:
    state = MachineState(pc=0x10000)
    memory_root, registers, _ = build_proof(make_program([0]), state).state
    root = keccak256(memory_root + b"".join(n.to_bytes(32, "big") for n in (*registers, status)))
    proof = StepProof(
        before_root=root,
        text_root=keccak256(b"any"),
        state=(memory_root, registers, status),
        witness=Witness(),
    )
    assert contract.step(proof) == root


def test_step__of_a_running_state_with_an_exit_code__then_as_without(
    contract: StepContract,
) -> None:
    program = make_program([assemble("addi", rd=1, imm=1), 0])
    state = MachineState(pc=program.entry, exit_code=5)
    for _ in range(3):
        proof = build_proof(program, state)
        step(program, state)
        assert contract.step(proof) == get_root(state)
    assert (state.status, state.exit_code) == (Status.ILLEGAL, 0)


def test_step__of_the_worst_proof__then_all_siblings_are_there(contract: StepContract) -> None:
    proof = build_worst_proof()
    assert len(proof.witness.siblings) == 42
    program, state = build_worst_state()
    step(program, state)
    assert contract.step(proof) == state.root


#: Random programs on which the three are compared, and steps of each.
PROGRAMS = int(os.environ.get("PEKANU_TEST_PROGRAMS", "200"))
STEPS_OF_EACH = 10


@pytest.mark.timeout(PROGRAMS * 3 + 60)
def test_step__at_random_steps_of_random_programs__then_contract_reference_and_executor_agree(
    contract: StepContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executor gives two roots; contract and reference lead from one to the other."""
    monkeypatch.setattr(engine, "_FIRST", 1_000)
    monkeypatch.setattr(engine, "_FEW", 100)
    met, ended, longest = Counter[str](), Counter[str](), 0
    for seed in range(PROGRAMS):
        rng = random.Random(seed)
        program = ProgramWriter(seed).write(10**5 if seed % 10 == 0 else rng.randrange(1, 40))
        last = run(program, b"", max_steps=130_000 if seed % 10 == 0 else 20_000)
        replay = Replay(program, b"")
        places = sorted(rng.randrange(last.steps) for _ in range(STEPS_OF_EACH - 2))
        for place in (*places, last.steps - 1, last.steps):
            state = replay.get_state(place)
            before, (after,) = state.root, replay.get_roots([place + 1])
            proof = build_proof(program, state)
            assert proof.before_root == before
            if state.status is Status.RUNNING and state.pc < TEXT_SIZE and not state.pc & 3:
                instruction = decode(program.get_word(state.pc))
                met[instruction.op.mnemonic if instruction else "none"] += 1
            step(program, state)
            assert contract.step(proof) == state.root == after, f"seed {seed}, step {place}"
        ended[last.status.text] += 1
        longest = max(longest, last.steps)
    print(f"{PROGRAMS} programs, up to {longest} steps", dict(ended))  # noqa: T201 - shown by pytest -s
    print(f"{len(met)} instructions", dict(met))  # noqa: T201 - as above
    assert longest >= 10**5
    if PROGRAMS >= 200:
        assert set(met) >= set(MNEMONICS)
