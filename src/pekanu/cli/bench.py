"""`pekanu bench`: the project's benchmarks.

Not here: what is measured, and how (`pekanu.bench`).
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from pekanu.cli.commands import command
from pekanu.cli.output import note, print_fields, print_json, print_table
from pekanu.cli.session import Session


class Subject(StrEnum):
    """What can be measured."""

    GAS = "gas"
    MACHINE = "machine"
    MARKET = "market"
    SEALING = "sealing"
    SITE = "site"
    STORAGE = "storage"


_METHODS: Final = {
    Subject.GAS: "gas used, from receipts of a development chain under Osaka rules",
    Subject.MACHINE: (
        "processor seconds of the same C compiled to native code, -O2 for its plain set, by the "
        "better of gcc and zig cc, and of the machine, counting each step; the best of five in turn"
    ),
    Subject.MARKET: (
        "seconds for a tiny product, bought on a development chain by a warm client from a warm "
        "worker on this machine"
    ),
    Subject.SITE: (
        "milliseconds for a page, asked 50 times a second of a site process with 10,000 tasks in "
        "its index and 20 live listeners, a worker's process beside it, all on this machine; the "
        "first paint as Chromium tells it, from an empty cache, the median of seven"
    ),
    Subject.STORAGE: (
        "seconds of whole commands for a file of 1 GiB of random bytes, client and provider as "
        "processes of this machine, beside restic and borg into its file system; memory at peak"
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
        if session.as_json:
            continue
        if one is Subject.MACHINE:
            _print_machine(figures[one.value])
        elif one is Subject.STORAGE:
            _print_storage(figures[one.value])
        else:
            rows = [
                (name, figure if isinstance(figure, str) else f"{figure:,}")
                for name, figure in figures[one.value].items()
            ]
            print_table((one.value, ""), rows, empty="")
    if session.as_json:
        print_json(figures if subject is None else figures[subject.value])


async def _measure(subject: Subject) -> dict[str, Any]:
    match subject:
        case Subject.GAS:
            from pekanu.bench import gas

            return dict(await gas.measure())
        case Subject.MACHINE:
            from pekanu.bench import machine

            return (await asyncio.to_thread(machine.measure, note)).to_json()
        case Subject.MARKET:
            from pekanu.bench import market

            return dict(await market.measure())
        case Subject.SEALING:
            from pekanu.bench import sealing

            return dict(await asyncio.to_thread(sealing.measure))
        case Subject.STORAGE:
            from pekanu.bench import storage

            return await asyncio.to_thread(storage.measure, tell=note)
        case Subject.SITE:
            from pekanu.bench import site

            return dict(await site.measure())


def _print_storage(report: dict[str, Any]) -> None:
    programs = report["programs"]
    names = sorted({name for one in programs.values() for name in one})
    rows = [
        (name, *(f"{one[name]:,}" if name in one else "-" for one in programs.values()))
        for name in names
    ]
    print_table(("storage", *programs), rows, empty="")
    ratios = [(name, f"{value:,}") for name, value in report.items() if "_over_" in name]
    print_fields(ratios)


def _print_machine(report: dict[str, Any]) -> None:
    rows = [
        (
            one["name"],
            f"{one['native']:.3f}",
            one["compiler"],
            f"{one['fast']:.3f}",
            f"{one['ratio']:.2f}",
            f"{one['mips']:,.0f}",
            f"{one['unicorn_mips']:,.0f}" if one["unicorn_mips"] else "-",
            f"{one['text_bytes']:,}",
        )
        for one in report["programs"]
    ]
    heads = ("program", "native", "by", "machine", "ratio", "MIPS", "unicorn's MIPS", "text")
    print_table(heads, rows, empty="")
    translation = report["translation"]
    fields = [
        ("geometric mean, soft-float apart", f"{report['geometric_mean']:.2f}"),
        ("with soft-float", f"{report['geometric_mean_with_soft_float']:.2f}"),
    ]
    if report["over_unicorn"]:
        fields.append(("times as fast as unicorn", f"{report['over_unicorn']:.1f}"))
    size = f"{translation['text_bytes']:,} bytes of text"
    fields.append((f"{size} made ready in", f"{translation['translated_seconds']:.2f} s"))
    fields.append((f"{size} from the cache in", f"{translation['cached_seconds'] * 1000:.0f} ms"))
    print_fields(fields)
