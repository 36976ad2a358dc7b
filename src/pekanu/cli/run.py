"""`pekanu run`: one computation from start to end.

Not here: the catalog's functions, and how a node buys one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.output import make_console, note, print_json, show_progress
from pekanu.cli.session import Session
from pekanu.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from pekanu.catalog import Function


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "Example: pekanu run matmul --local --input a=A.npy --input b=B.npy --out C.npy"
    command(app, "run", epilog=example)(_run)


def _run(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="FUNCTION", help="One of `pekanu functions`.")],
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=FILE", help="An input; repeat for each."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the output here; else it is shown.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Compute it here, without a market.")
    ] = False,
) -> None:
    """Compute a function: quote, post, wait, verify, approve; or here, with --local."""
    from pekanu import catalog

    function = catalog.get(name)
    named = function.parse_literals(inputs or [])
    if out is not None:
        _check_writable(out)
    data = function.parse_inputs(named)
    if not local:
        raise UsageError("nothing can be bought yet", hint="compute it here with --local")
    started = time.perf_counter()
    with show_progress(function.title) as progress:
        output = function.execute(data, progress)
    seconds = time.perf_counter() - started
    _deliver(session, function, output, out=out, seconds=seconds)


def _deliver(
    session: Session, function: Function, output: bytes, *, out: Path | None, seconds: float
) -> None:
    """Write or show an output."""
    if out is not None:
        function.write_output(output, out)
    if session.as_json:
        document: dict[str, object] = {
            "function": function.name,
            "where": "local",
            "seconds": round(seconds, 6),
            "output_size": len(output),
        }
        if out is None:
            from pekanu.catalog.files import to_json

            document["output"] = to_json(function.decode_output(output))
        else:
            document["out"] = str(out)
        print_json(document)
        return
    if out is None:
        from pekanu.catalog.terminal import render

        console = make_console()
        console.print(render(function.show(output), colour=bool(console.color_system)))
    note(f"{function.name}: {len(output)} bytes in {seconds:.2f} s, computed here")
    if out is not None:
        note(f"written to {out}")


def _check_writable(out: Path) -> None:
    """Refuse a place that cannot be written before any work is done or paid."""
    if not out.parent.is_dir():
        raise InvalidInput(f"there is no folder {out.parent}", hint="make it, or change --out")
    if out.is_dir():
        raise InvalidInput(f"{out} is a folder", hint="give --out a file's name")
