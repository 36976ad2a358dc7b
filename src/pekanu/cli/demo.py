"""`pekanu demo`: the whole story on a development chain, told scene by scene.

Not here: what happens (`pekanu.demo`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pekanu.cli.chain import find_or_fetch
from pekanu.cli.commands import command
from pekanu.cli.dispute import print_story
from pekanu.cli.output import make_console, note, print_json, print_table
from pekanu.cli.plain import to_plain
from pekanu.cli.session import Session
from pekanu.types import format_wei

if TYPE_CHECKING:
    from pekanu.demo import Scene, SceneReport, StorageScene


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "demo", epilog="Example: pekanu demo")(_demo)


async def _demo(session: Session) -> None:
    """Play the whole story on a development chain of its own, with real work."""
    from pekanu.demo import SCENES, STORAGE_SCENES, Scene, open_town, play, play_storage

    find_or_fetch(None, is_agreed=False)
    reports: list[SceneReport] = []
    scenes: list[Scene | StorageScene] = [*SCENES, *STORAGE_SCENES]
    with tempfile.TemporaryDirectory(prefix="pekanu-demo-") as folder:
        note("a development chain comes up, with the market and people with money …")
        async with open_town(Path(folder)) as town:
            for number, scene in enumerate(scenes, start=1):
                note(f"scene {number} of {len(scenes)}: {scene.title} …")
                if isinstance(scene, Scene):
                    report = await play(town, scene)
                else:
                    report = await play_storage(town, scene)
                reports.append(report)
                if not session.as_json:
                    _print_scene(number, scene, report)
    if session.as_json:
        print_json(
            [
                {**to_plain(report), "lesson": scene.lesson}
                for scene, report in zip(scenes, reports, strict=True)
            ]
        )
        return
    _print_summary(reports)


def _print_scene(number: int, scene: Scene | StorageScene, report: SceneReport) -> None:
    from rich.text import Text

    console = make_console()
    console.print()
    console.rule(Text(f"{number}. {report.title}"), align="left")
    console.print(Text(scene.lesson), style="quiet")
    for sentence in report.story:
        console.print(Text(f"- {sentence}"))
    if report.dispute is not None:
        console.print()
        print_story(report.dispute, 0)
        console.print()
    print_table(
        ("party", "before", "after", "change beside gas", "gas"),
        [
            (
                one.party,
                format_wei(one.before_wei),
                format_wei(one.after_wei),
                _format_change(one.gain_wei),
                format_wei(one.gas_wei),
            )
            for one in report.balances
        ],
        empty="",
    )
    console.print()
    rows = [(one.party, one.call, f"{one.gas:,}") for one in report.expenses]
    print_table(("party", "transaction", "gas"), rows, empty="no transaction")


def _print_summary(reports: list[SceneReport]) -> None:
    console = make_console()
    console.print()
    console.rule("In short", align="left")
    rows = []
    for report in reports:
        gains = {one.party: _format_change(one.gain_wei) for one in report.balances}
        rows.append(
            (
                report.title,
                report.ending,
                *gains.values(),
                f"{sum(one.gas for one in report.expenses):,}",
                f"{report.seconds:.1f} s",
            )
        )
    columns = zip(*([one.party for one in report.balances] for report in reports), strict=True)
    parties = [" or ".join(dict.fromkeys(column)) for column in columns]
    heads = ("scene", "ended", *(f"{party} beside gas" for party in parties), "gas", "took")
    print_table(heads, rows, empty="")


def _format_change(wei: int) -> str:
    return f"+{format_wei(wei)}" if wei > 0 else format_wei(wei)
