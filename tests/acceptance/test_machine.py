"""`pekanu machine`: programs from files, states and proofs, in processes of their own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pekanu.machine.elf import load_elf
from pekanu.machine.executor import run as execute
from pekanu.machine.executor import state_at
from pekanu.machine.program import Program, get_initial_state
from pekanu.machine.step import run
from pekanu.machine.witness import build_proof
from support.elf import pack_program
from support.machine import assemble, make_program
from support.machine_contract import StepContract
from support.machine_programs import HEAP, ProgramWriter
from support.shell import PROGRAM, Shell

COPY = [
    # Copies the first word of the input to the output and exits with its length.
    assemble("lui", rd=8, imm=0x04000000),
    assemble("lui", rd=9, imm=0x0C000000),
    assemble("lw", rd=10, rs1=8),
    assemble("lw", rd=5, rs1=8, imm=32),
    assemble("sw", rs1=9, rs2=10),
    assemble("sw", rs1=9, rs2=5, imm=32),
    assemble("addi", rd=17, imm=93),
    assemble("ecall"),
]


def write(folder: Path, program: Program) -> Path:
    path = folder / "program.elf"
    path.write_bytes(pack_program(program))
    return path


def test_run__of_a_program__tells_how_it_ended_and_writes_its_output(
    shell: Shell, tmp_path: Path
) -> None:
    path = write(tmp_path, make_program(COPY))
    (tmp_path / "in").write_bytes(b"abc")
    files = ("--input", tmp_path / "in", "--output", tmp_path / "out")
    told = shell("machine", "run", path, *files, "--json").json
    program = load_elf(path.read_bytes())
    state, steps = run(program, b"abc", 100)
    assert (told["status"], told["exit_code"], told["steps"]) == ("halted", 3, steps)
    assert told["state_root"] == "0x" + state.root.hex()
    assert told["program_id"] == "0x" + program.id.hex()
    assert told["output_size"] == 3
    assert (tmp_path / "out").read_bytes() == b"abc"
    same = shell("machine", "run", path, "--input", tmp_path / "in", "--engine", "reference")
    assert told["output_root"] in same.out
    assert told["state_root"] in same.out


def test_run__with_max_steps__stops_there(shell: Shell, tmp_path: Path) -> None:
    path = write(tmp_path, make_program([assemble("jal", imm=0)]))
    told = shell("machine", "run", path, "--max-steps", "123456789", "--json").json
    assert (told["status"], told["steps"]) == ("running", 123456789)


def test_run__interrupted__goes_on_from_there(shell: Shell, tmp_path: Path) -> None:
    loop = [assemble("addi", rd=5, rs1=5, imm=1), assemble("jal", imm=-4)]
    path = write(tmp_path, make_program(loop))
    command = [PROGRAM, "machine", "run", str(path), "--json"]
    with subprocess.Popen(
        command, env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        states, until = (
            Path(shell.environment["PEKANU_HOME"]) / "cache/states",
            time.monotonic() + 90,
        )
        while not [*states.rglob("*.state")] and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "goes on from there" in err
    first = json.loads(out)
    assert first["status"] == "running"
    assert first["steps"] > 10**6
    steps = first["steps"] + 1
    again = shell("machine", "state", path, "--step", str(steps), "--json").json
    assert again["registers"][5] == (steps + 1) // 2 % 2**32


#: Divides and stores for a few seconds, then ends.
LONG = [
    assemble("lui", rd=8, imm=HEAP),
    assemble("lui", rd=9, imm=0x40000),
    assemble("lui", rd=7, imm=0x18000000),
    assemble("addi", rd=5, rs1=5, imm=1),
    assemble("add", rd=6, rs1=6, rs2=7),
    assemble("remu", rd=6, rs1=6, rs2=5),
    assemble("remu", rd=10, rs1=6, rs2=9),
    assemble("andi", rd=10, rs1=10, imm=-4),
    assemble("add", rd=10, rs1=10, rs2=8),
    assemble("sw", rs1=10, rs2=5),
    assemble("bne", rs1=5, rs2=7, imm=-28),
    assemble("addi", rd=17, imm=93),
    assemble("ecall"),
]


def test_run__killed__goes_on_from_its_checkpoints_to_the_same_end(tmp_path: Path) -> None:
    shell = Shell(home=tmp_path / "home", variables={})
    path = write(tmp_path, make_program(LONG))
    states = shell.home / "cache/states"
    command = [PROGRAM, "machine", "run", str(path), "--json"]
    with subprocess.Popen(command, env=shell.environment, stdout=subprocess.PIPE) as process:
        until = time.monotonic() + 90
        while not [*states.rglob("*.state")] and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGKILL, b"")
    left = min(int(file.stem) for file in states.rglob("*.state"))
    again = shell("machine", "run", path, "--json")
    begun = int(re.search(r"began at step (\d+)", again.err).group(1))
    assert begun >= left > 10**6
    # What nobody interrupted.
    whole = execute(load_elf(path.read_bytes()), b"")
    assert whole.steps == 3 + 8 * (0x18000000) + 2
    assert (again.json["status"], again.json["steps"]) == ("halted", whole.steps)
    assert again.json["exit_code"] == whole.exit_code
    assert again.json["state_root"] == "0x" + whole.state_root.hex()
    # What the killed run left serves for proofs as well.
    roots = []
    for step in (left + 12_345, whole.steps - 1):
        told = shell("machine", "prove", path, "--step", str(step), "--json").json
        assert (told["agrees"], told["step"]) == (True, step)
        roots.append((told["before"], told["after"]))
    assert roots[1][1] == again.json["state_root"]
    other = state_at(load_elf(path.read_bytes()), b"", left + 12_345)
    assert roots[0][0] == "0x" + other.root.hex()


def test_state__of_a_step__is_the_references(shell: Shell, tmp_path: Path) -> None:
    path = write(tmp_path, ProgramWriter(5).write(3))
    state, _ = run(load_elf(path.read_bytes()), b"", 777)
    told = shell("machine", "state", path, "--step", "777", "--json").json
    assert (told["pc"], told["registers"]) == (state.pc, state.registers)
    assert told["state_root"] == "0x" + state.root.hex()
    assert "state root" in shell("machine", "state", path, "--step", "777").out


def test_prove__without_a_chain__asks_the_contract_on_one_of_its_own(tmp_path: Path) -> None:
    shell = Shell(home=tmp_path / "home", variables={})
    path = write(tmp_path, make_program(COPY))
    told = shell("machine", "prove", path, "--step", "4", "--json").json
    program = load_elf(path.read_bytes())
    state, _ = run(program, b"", 4)
    after = StepContract().step(build_proof(program, state))
    assert told["instruction"] == "sw a0, 0(s1)"
    assert told["agrees"] is True
    assert told["contract"] == "0x" + after.hex() == told["after"]
    assert told["before"] == "0x" + state.root.hex() == told["state_before"]["state_root"]
    assert 21_000 < told["gas"] < 90_000
    told = shell("machine", "prove", path, "--step", "4")
    assert "sw a0, 0(s1)" in told.out
    assert "the contract agrees" in told.err


def test_prove__on_a_chain_with_the_contract__asks_that_one(market: Shell, tmp_path: Path) -> None:
    path = write(tmp_path, make_program(COPY))
    told = market("machine", "prove", path, "--step", "0", "--json").json
    assert told["agrees"] is True
    first = get_initial_state(load_elf(path.read_bytes()), b"")
    assert told["before"] == "0x" + first.root.hex()
    assert told["state_after"]["registers"][8] == 0x04000000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("missing.elf",), "there is no file missing.elf"),
        (("words.txt",), "the file is no ELF file"),
        (("program.elf", "--input", "missing"), "there is no file missing"),
        (("program.elf", "--output", "nowhere/out"), "there is no folder nowhere"),
        (("program.elf", "--output", "."), "is a folder"),
        (("program.elf", "--max-steps", "-1"), "max-steps"),
    ],
)
def test_run__of_what_cannot_be__is_refused(
    shell: Shell, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    write(tmp_path, make_program(COPY))
    (tmp_path / "words.txt").write_text("one two")
    shell("machine", "run", *arguments).assert_refused(2, sentence)
