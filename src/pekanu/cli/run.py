"""`pekanu run`: one computation from start to end, bought or, for comparison, computed here.

Not here: buying (`purchase`), the catalog's functions.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.files import check_writable
from pekanu.cli.output import make_console, note, print_json, show_progress
from pekanu.cli.session import Session
from pekanu.errors import UsageError

if TYPE_CHECKING:
    from pekanu.catalog import Function


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "Example: pekanu run matmul --input a=A.npy --input b=B.npy --out C.npy"
    command(app, "run", epilog=example)(_run)


def _run(  # noqa: PLR0913 - the options of a command
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="FUNCTION", help="One of `pekanu functions`.")
    ] = None,
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=FILE", help="An input; repeat for each."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the output here; else it is shown.")
    ] = None,
    max_price: Annotated[
        str | None, typer.Option(help='Most that may be spent, such as "0.01 ether".')
    ] = None,
    worker: Annotated[str | None, typer.Option(help="Address of the only worker to ask.")] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            help="check, recompute or none.", show_default="the function's own, see `functions`"
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(min=1, help="Stop the program here.", show_default="4 times the estimate"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the best offer unasked.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was broken off; no FUNCTION.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Compute it here, without a market.")
    ] = False,
) -> Awaitable[None] | None:
    """Compute a function: quote, post, wait, verify, approve; or here, with --local."""
    from pekanu import catalog

    if out is not None:
        check_writable(out)
    if resume:
        if name is not None or inputs or local:
            raise UsageError("--resume goes without FUNCTION, --input and --local")
        from pekanu.cli.purchase import resume_purchases

        return resume_purchases(session, out=out)
    if name is None:
        raise UsageError("which function?", hint="`pekanu functions` lists them")
    function = catalog.get(name)
    named = function.parse_literals(inputs or [])
    data = function.parse_inputs(named)
    if not local:
        from pekanu.cli.purchase import Wish, purchase

        wish = Wish(
            max_price=max_price,
            worker=worker,
            verify=verify,
            max_steps=max_steps,
            is_agreed=yes,
        )
        return purchase(session, function, data, wish, out=out)
    started = time.perf_counter()
    with show_progress(function.title) as progress:
        output = function.execute(data, progress)
    seconds = time.perf_counter() - started
    deliver(session, function, output, out=out, facts={"where": "local", "seconds": seconds})
    note(f"{function.name}: {len(output)} bytes in {seconds:.2f} s, computed here")
    return None


def deliver(
    session: Session,
    function: Function,
    output: bytes,
    *,
    out: Path | None,
    facts: dict[str, object],
) -> None:
    """Write an output, or show it.

    Args:
        session: Says whether JSON is wanted.
        function: Whose output it is.
        output: The bytes.
        out: The file; None shows it.
        facts: What else the JSON document tells.
    """
    if out is not None:
        function.write_output(output, out)
    if session.as_json:
        document = {"function": function.name, "output_size": len(output), **facts}
        if out is None:
            from pekanu.catalog.files import to_json

            document["output"] = to_json(function.decode_output(output))
        else:
            document["out"] = str(out)
        print_json(document)
    elif out is None:
        from pekanu.catalog.terminal import render

        console = make_console()
        console.print(render(function.show(output), colour=bool(console.color_system)))
    if out is not None:
        note(f"written to {out}")
