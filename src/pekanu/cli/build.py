"""`pekanu build`: a program of the machine from C.

Not here: the compiler (`pekanu.toolchain`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.files import check_writable
from pekanu.cli.output import note, print_fields, print_json
from pekanu.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "build", epilog="Example: pekanu build hello.c -o hello.elf")(_build)


def _build(
    session: Session,
    sources: Annotated[
        list[Path], typer.Argument(metavar="SOURCE…", help="C files, or folders of them.")
    ],
    *,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Write the program here.")
    ],
) -> None:
    """Compile C to a program of the machine: the same source gives the same program id."""
    from pekanu.catalog.files import write_bytes
    from pekanu.machine.elf import load_elf
    from pekanu.toolchain import COMPILER_VERSION, RefusedSource, compile_program, list_sources

    check_writable(out)
    try:
        elf = compile_program(list_sources(sources))
    except RefusedSource as error:
        for line in error.details:
            note(line)
        raise
    program = load_elf(elf)
    write_bytes(out, elf)
    document = {
        "program_id": "0x" + program.id.hex(),
        "text_size": sum(len(part) for _, part in program.text),
        "size": len(elf),
        "compiler": f"ziglang {COMPILER_VERSION}",
        "out": str(out),
    }
    if session.as_json:
        print_json(document)
        return
    print_fields([(name.replace("_", " "), str(value)) for name, value in document.items()])
    note(f"`pekanu machine run {out}` runs it here")
