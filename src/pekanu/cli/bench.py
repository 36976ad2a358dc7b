"""`pekanu bench`: the project's benchmarks.

Not here: what is measured, and how (`pekanu.bench`).
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from pekanu.cli.commands import command
from pekanu.cli.output import note, print_json, print_table
from pekanu.cli.session import Session


class Subject(StrEnum):
    """What can be measured."""

    GAS = "gas"
    MARKET = "market"
    SEALING = "sealing"


_METHODS: Final = {
    Subject.GAS: "gas used, from receipts of a development chain under Osaka rules",
    Subject.MARKET: (
        "seconds for a tiny product, bought on a development chain by a warm client from a warm "
        "worker on this machine"
    ),
    Subject.SEALING: "megabytes a second on one core, in turn on the same bytes",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "bench", epilog="Example: pekanu bench gas --json")(_bench)


async def _bench(
    session: Session,
    subject: Annotated[Subject | None, typer.Argument(help="What; else everything.")] = None,
) -> None:
    """Measure what the project promises."""
    subjects = list(Subject) if subject is None else [subject]
    figures: dict[str, dict[str, Any]] = {}
    for one in subjects:
        note(f"{one.value}: {_METHODS[one]} …")
        figures[one.value] = await _measure(one)
        if not session.as_json:
            rows = [(name, f"{figure:,}") for name, figure in figures[one.value].items()]
            print_table((one.value, ""), rows, empty="")
    if session.as_json:
        print_json(figures if subject is None else figures[subject.value])


async def _measure(subject: Subject) -> dict[str, Any]:
    match subject:
        case Subject.GAS:
            from pekanu.bench import gas

            return dict(await gas.measure())
        case Subject.MARKET:
            from pekanu.bench import market

            return dict(await market.measure())
        case Subject.SEALING:
            from pekanu.bench import sealing

            return dict(await asyncio.to_thread(sealing.measure))
