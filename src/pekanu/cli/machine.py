"""`pekanu machine run | state | prove`: a program on the machine, and proofs of its steps.

Not here: how programs are executed (`pekanu.machine`).
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pekanu.cli.commands import command
from pekanu.cli.files import check_writable, read_bounded
from pekanu.cli.output import note, print_fields, print_json, print_table, show_steps
from pekanu.cli.session import Session
from pekanu.errors import ChainError, ExecutionFailed

if TYPE_CHECKING:
    from pekanu.chain.step_check import StepAnswer
    from pekanu.machine.program import Program
    from pekanu.machine.state import MachineState
    from pekanu.machine.witness import StepProof

#: An ELF file may hold symbols and what a debugger reads beside 64 MiB of segments.
_MOST_ELF_BYTES: Final = 1 << 28

_ProgramPath = Annotated[Path, typer.Argument(metavar="PROGRAM", help="An ELF file.")]
_InputPath = Annotated[
    Path | None, typer.Option("--input", "-i", metavar="FILE", help="Its input; else none.")
]
_Step = Annotated[int, typer.Option("--step", min=0, help="Steps from the beginning.")]


class _Engine(StrEnum):
    """What executes; both give the same."""

    FAST = "fast"
    REFERENCE = "reference"


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """A program with its input, and where what speeds it up is kept."""

    program: Program
    content: bytes
    cache: Path
    checkpoints: Path


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        name="machine",
        help="Run programs on the machine and prove their steps.",
        no_args_is_help=True,
    )
    command(group, "run", epilog="Example: pekanu machine run P.elf --input F --output G")(_run)
    command(group, "state", epilog="Example: pekanu machine state P.elf --step 1000")(_state)
    command(group, "prove", epilog="Example: pekanu machine prove P.elf --step 1000")(_prove)
    app.add_typer(group)


def _run(
    session: Session,
    program: _ProgramPath,
    *,
    content: _InputPath = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write its output here.")
    ] = None,
    engine: Annotated[
        _Engine, typer.Option(help="What executes; the reference is slow and clear.")
    ] = _Engine.FAST,
    max_steps: Annotated[
        int | None, typer.Option(min=0, help="Stop a program that has not ended by then.")
    ] = None,
) -> None:
    """Execute a program to its end; Ctrl-C breaks off what the same command goes on with."""
    from pekanu.catalog.files import write_bytes
    from pekanu.machine.executor import Engine, run

    if output is not None:
        check_writable(output)
    loaded = _load(session, program, content)
    with _interrupted() as interrupt, show_steps(program.name, max_steps) as progress:
        done = run(
            loaded.program,
            loaded.content,
            max_steps=max_steps,
            engine=Engine(engine.value),
            cache=loaded.cache,
            checkpoints=loaded.checkpoints,
            progress=progress,
            interrupt=interrupt,
        )
    if output is not None:
        write_bytes(output, done.output)
    document: dict[str, Any] = {
        "status": done.status.text,
        "exit_code": done.exit_code,
        "steps": done.steps,
        "state_root": _hex(done.state_root),
        "output_root": _hex(done.output_root),
        "output_size": len(done.output),
        "program_id": _hex(done.program_id),
        "mips": round(done.mips, 3),
    }
    _print(session, document)
    if done.steps_taken < done.steps:
        note(
            f"began at step {done.steps - done.steps_taken}, where an earlier run left a checkpoint"
        )
    if interrupt():
        note(f"interrupted after {done.steps} steps; the same command goes on from there")
        raise typer.Exit(1)


def _state(
    session: Session, program: _ProgramPath, *, step: _Step, content: _InputPath = None
) -> None:
    """Show the exact state after a number of steps."""
    loaded = _load(session, program, content)
    found = _find_state(loaded, step)
    if session.as_json:
        print_json({"step": step, **_describe(loaded.program, found)})
    else:
        _print_state(loaded.program, found, step)


async def _prove(
    session: Session, program: _ProgramPath, *, step: _Step, content: _InputPath = None
) -> None:
    """Prove one step, and have the contract MachineStep execute it."""
    from pekanu.machine.step import step as take_step
    from pekanu.machine.witness import build_proof

    loaded = _load(session, program, content)
    found = _find_state(loaded, step)
    proof = build_proof(loaded.program, found)
    before = _describe(loaded.program, found)
    take_step(loaded.program, found)
    answer = await _ask(session, proof)
    agrees = answer.after_root == found.root
    document: dict[str, Any] = {
        "program_id": _hex(loaded.program.id),
        "step": step,
        "instruction": before["instruction"],
        "before": before["state_root"],
        "after": _hex(found.root),
        "contract": _hex(answer.after_root),
        "agrees": agrees,
        "gas": answer.gas,
        "calldata_size": answer.calldata_size,
        "witness": {
            "text_root": _hex(proof.text_root),
            "text_leaf": _hex(proof.witness.text_leaf),
            "memory_leaf": _hex(proof.witness.memory_leaf),
            "mask": hex(proof.witness.mask),
            "siblings": [_hex(node) for node in proof.witness.siblings],
        },
        "state_before": before,
        "state_after": _describe(loaded.program, found),
    }
    if session.as_json:
        print_json(document)
    else:
        _print_proof(document)
    if not agrees:
        raise ExecutionFailed(f"the contract and this machine disagree on step {step}")


def _load(session: Session, program: Path, content: Path | None) -> _Loaded:
    from pekanu.machine.checkpoints import evict
    from pekanu.machine.elf import load_elf
    from pekanu.machine.isa import MAX_CONTENT_SIZE
    from pekanu.settings import get_program_cache

    data = b"" if content is None else read_bounded(content, MAX_CONTENT_SIZE)
    loaded = _Loaded(
        program=load_elf(read_bounded(program, _MOST_ELF_BYTES)),
        content=data,
        cache=get_program_cache(session.home),
        checkpoints=session.home / "cache" / "states",
    )
    evict(loaded.checkpoints)
    return loaded


def _find_state(loaded: _Loaded, step: int) -> MachineState:
    from pekanu.machine.executor import state_at

    with _interrupted() as interrupt, show_steps("going there", step) as progress:
        state = state_at(
            loaded.program,
            loaded.content,
            step,
            cache=loaded.cache,
            checkpoints=loaded.checkpoints,
            progress=progress,
            interrupt=interrupt,
        )
        if interrupt():
            raise KeyboardInterrupt
    return state


async def _ask(session: Session, proof: StepProof) -> StepAnswer:
    """Return what the contract says: on the chain that was chosen, else on one of its own."""
    from pekanu.chain import AddressBook, Devnet
    from pekanu.chain.step_check import check_on_chain, check_on_devnet

    if not session.is_rpc_given:
        with Devnet() as devnet:
            return check_on_devnet(devnet, proof)
    async with session.connect() as chain:
        book = AddressBook.load(session.home, chain.chain_id)
        await book.verify(chain)
        try:
            return await check_on_chain(chain, book["MachineStep"].address, proof)
        except ChainError as error:
            raise ChainError(f"the contract does not take the proof: {error.message}") from error


@contextlib.contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether Ctrl-C was pressed; a second time it ends everything."""
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    previous = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, previous)


def _describe(program: Program, state: MachineState) -> dict[str, Any]:
    return {
        "status": state.status.text,
        "exit_code": state.exit_code,
        "pc": state.pc,
        "instruction": _disassemble(program, state),
        "registers": list(state.registers),
        "state_root": _hex(state.root),
        "memory_root": _hex(state.memory.root),
    }


def _disassemble(program: Program, state: MachineState) -> str:
    """Return the instruction that comes next, empty where none does."""
    from pekanu.machine.disassembly import disassemble
    from pekanu.machine.instructions.access import check_fetch
    from pekanu.machine.state import Status

    if state.status != Status.RUNNING or check_fetch(state) != Status.RUNNING:
        return ""
    return disassemble(program.get_word(state.pc), state.pc)


def _print(session: Session, document: dict[str, Any]) -> None:
    if session.as_json:
        print_json(document)
        return
    print_fields([(name.replace("_", " "), str(value)) for name, value in document.items()])


def _print_state(program: Program, state: MachineState, step: int) -> None:
    from pekanu.machine.disassembly import REGISTER_NAMES

    print_fields(
        [
            ("step", str(step)),
            ("status", state.status.text),
            ("pc", f"{state.pc:#010x}"),
            ("next", _disassemble(program, state)),
            ("state root", _hex(state.root)),
        ]
    )
    named = list(zip(REGISTER_NAMES, state.registers, strict=True))
    rows = [tuple(f"{name} {value:#010x}" for name, value in named[row::8]) for row in range(8)]
    print_table(("registers", "", "", ""), rows, empty="")


def _print_proof(document: dict[str, Any]) -> None:
    before, after = document["state_before"], document["state_after"]
    changed = _list_changes(before, after)
    print_fields(
        [
            ("step", str(document["step"])),
            ("instruction", f"{before['pc']:#010x}  {document['instruction'] or 'none'}"),
            ("state before", document["before"]),
            ("state after", document["after"]),
            ("contract says", document["contract"]),
            ("changes", ", ".join(changed) or "memory alone or nothing"),
            ("siblings", str(len(document["witness"]["siblings"]))),
            ("gas", f"{document['gas']} with {document['calldata_size']} bytes of calldata"),
        ]
    )
    if document["agrees"]:
        note("the contract agrees")


def _list_changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    from pekanu.machine.disassembly import REGISTER_NAMES

    changes = [
        f"{name} {old:#x} → {new:#x}"
        for name, old, new in zip(
            ("pc", *REGISTER_NAMES),
            (before["pc"], *before["registers"]),
            (after["pc"], *after["registers"]),
            strict=True,
        )
        if old != new
    ]
    if before["status"] != after["status"]:
        changes.append(f"status {after['status']}")
    return changes


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
