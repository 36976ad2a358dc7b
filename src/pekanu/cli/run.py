"""`pekanu run`: a computation from start to end, bought or, for comparison, computed here.

Not here: what is computed (`orders`), buying (`purchase`), what is printed (`deliveries`).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.deliveries import Ended, check_out, deliver
from pekanu.cli.links import fetch_links
from pekanu.cli.orders import Order, read_order
from pekanu.cli.output import note, show_progress
from pekanu.cli.session import Session
from pekanu.errors import ExecutionFailed, UsageError

if TYPE_CHECKING:
    from pekanu.catalog import Program


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = (
        "Examples: pekanu run matmul --input a=A.npy --input b=B.npy --out C.npy\n\n"
        "pekanu run --program primes.elf --input n.txt --max-steps 5000000000"
    )
    command(app, "run", epilog=example)(_run)


def _run(  # noqa: PLR0913 - the options of a command
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="FUNCTION", help="One of `pekanu functions`.")
    ] = None,
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="[NAME=]FILE",
            help="An input; repeat for each. Of a program, each is an item of one batch.",
        ),
    ] = None,
    program: Annotated[
        Path | None,
        typer.Option("--program", "-p", help="An executable for the machine, instead of FUNCTION."),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(help="Many items of FUNCTION: a JSON object of inputs in each line."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the output here, those of a program's batch to this folder; "
            "else it is shown.",
        ),
    ] = None,
    max_price: Annotated[
        str | None, typer.Option(help='Most that may be spent, such as "0.01 ether".')
    ] = None,
    worker: Annotated[str | None, typer.Option(help="Address of the only worker to ask.")] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            help="check, recompute, none, or of a batch sample:SHARE.",
            show_default="the function's own, see `functions`; of a program recompute",
        ),
    ] = None,
    max_steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Stop an item's program here.",
            show_default="4 times the estimate; of a program 1000 million, which are paid for",
        ),
    ] = None,
    agent: Annotated[
        str | None,
        typer.Option(help="Address that may demand, complain and challenge in your place."),
    ] = None,
    ringers: Annotated[
        int | None,
        typer.Option(
            help="Of a search: how many secret solutions are hidden in it at least.",
            show_default="what catches who skips half in 19 of 20 cases",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the best offer unasked.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was broken off; no FUNCTION.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Compute it here, without a market.")
    ] = False,
) -> Awaitable[None] | None:
    """Compute a function or a program: quote, post, wait, verify, approve; or --local, here."""
    if resume:
        if name is not None or program is not None or inputs or batch is not None or local:
            raise UsageError("--resume goes without FUNCTION, --program, --input and --local")
        from pekanu.cli.purchase import resume_purchases

        return resume_purchases(session, out=out)
    with tempfile.TemporaryDirectory(prefix="pekanu-links-") as folder:
        given, own = fetch_links(session, inputs or [], program, Path(folder))
        order = read_order(name, own, given, batch)
    check_out(order, out)
    if local:
        _run_here(session, order, max_steps, out=out)
        return None
    from pekanu.cli.purchase import Wish, purchase

    wish = Wish(
        max_price=max_price,
        worker=worker,
        verify=verify,
        max_steps=max_steps,
        agent=agent,
        ringers=ringers,
        is_agreed=yes,
    )
    return purchase(session, order, wish, out=out)


def _run_here(session: Session, order: Order, max_steps: int | None, *, out: Path | None) -> None:
    """Compute all items here: a function as native code, a program on the machine."""
    from pekanu.catalog import Program

    started, count = time.perf_counter(), len(order.items)
    ended: list[Ended] = []
    steps: list[int] = []
    with show_progress(order.ware.title) as progress:
        for item in order.items:

            def report(part: float, done: int = len(ended)) -> None:
                progress((done + min(1.0, part)) / count)

            if isinstance(order.ware, Program):
                found, taken = _run_program(session, order.ware, item, max_steps, report)
                steps.append(taken)
            else:
                found = Ended(output=order.ware.execute(item, report))
            ended.append(found)
    seconds = time.perf_counter() - started
    facts: dict[str, object] = {"where": "local", "seconds": seconds}
    if steps:
        facts["steps"] = steps if order.is_batch else steps[0]
    deliver(session, order, ended, out=out, facts=facts)
    size = sum(len(one.output) for one in ended)
    took = f", {max(steps):,} steps for the longest item" if steps else ""
    note(f"{order.ware.name}: {size} bytes in {seconds:.2f} s{took}, computed here")
    for number, one in enumerate(ended):
        if not one.is_success:
            where = f"item {number} of {order.ware.name}" if order.is_batch else order.ware.name
            raise ExecutionFailed(f"{where} ended as {one.status} with exit code {one.exit_code}")


def _run_program(
    session: Session,
    program: Program,
    item: bytes,
    max_steps: int | None,
    report: Callable[[float], None],
) -> tuple[Ended, int]:
    """Return what a program comes to, and its steps."""
    from pekanu.catalog import USUAL_STEPS
    from pekanu.dispute.ending import get_output
    from pekanu.machine.executor import run
    from pekanu.settings import get_program_cache

    most = max_steps or USUAL_STEPS
    found = run(
        program.program,
        item,
        max_steps=most,
        cache=get_program_cache(session.home),
        progress=lambda taken: report(taken / most),
    )
    ended = Ended(
        output=get_output(found.state.memory),
        status=found.status.text,
        exit_code=found.exit_code,
    )
    return ended, found.steps
