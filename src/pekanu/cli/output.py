"""What commands print: one JSON document, or tables and lines for people.

Styles are named by meaning, here alone; colours appear only on a terminal and never under
NO_COLOR. Not here: failures (`failures`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

#: Whoever reads a pipe is no terminal of 80 columns; a hash and its neighbours stay on one line.
PIPE_COLUMNS: Final = 200
#: Variables by which people make Rich take a pipe for a terminal.
_FORCING: Final = ("FORCE_COLOR", "TTY_COMPATIBLE")
STYLES: Final = {
    "error": "bold red",
    "hint": "cyan",
    "good": "green",
    "bad": "red",
    "quiet": "dim",
}


def make_console() -> Console:
    """Return the console for data."""
    return _make_console(to_stderr=False)


def make_notes_console() -> Console:
    """Return the console for everything that is not data."""
    return _make_console(to_stderr=True)


def _make_console(*, to_stderr: bool) -> Console:
    from rich.console import Console
    from rich.theme import Theme

    console = Console(stderr=to_stderr, theme=Theme(STYLES), highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_COLUMNS
    return console


def print_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """Print a table, or one sentence on stderr when it has no rows.

    Args:
        columns: The heads.
        rows: As many cells a row; taken as plain text.
        empty: What is said instead of an empty table.
    """
    from rich.table import Table
    from rich.text import Text

    if not rows:
        note(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    make_console().print(table)


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one pair a line."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="quiet", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields:
        table.add_row(Text(name), Text(value))
    make_console().print(table)


def _find_terminal() -> Console | None:
    """Return the console for notes if it is a terminal; where none can be, Rich is not loaded."""
    if not sys.stderr.isatty() and not any(os.environ.get(name) for name in _FORCING):
        return None
    console = make_notes_console()
    return console if console.is_terminal else None


def note(sentence: str) -> None:
    """Tell people something on stderr."""
    if (console := _find_terminal()) is None:
        sys.stderr.write(f"{sentence}\n")
        return
    from rich.text import Text

    console.print(Text(sentence), soft_wrap=True)


@contextmanager
def show_progress(what: str) -> Generator[Callable[[float], None]]:
    """Yield what takes the share done, 0 to 1, and shows it on a terminal once it takes long."""
    if (console := _find_terminal()) is None:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda share: progress.update(task, completed=share)


@contextmanager
def show_bytes(what: str) -> Generator[Callable[[int, int], None]]:
    """Yield what takes bytes done and bytes in all, and shows them, rate and rest on a terminal."""
    if (console := _find_terminal()) is None:
        yield lambda _, __: None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def show_steps(what: str, most: int | None) -> Generator[Callable[[int], None]]:
    """Yield what takes the machine's steps so far, and shows them and their rate on a terminal.

    Args:
        what: Is under way.
        most: Steps after which it surely ends, if that is known.
    """
    if (console := _find_terminal()) is None:
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=most, told="")
        started = time.monotonic()
        first: int | None = None

        def tell(steps: int) -> None:
            nonlocal first, started
            if first is None:
                # A run may go on from where an earlier one was.
                first, started = steps, time.monotonic()
            rate = (steps - first) / max(time.monotonic() - started, 1e-3) / 1e6
            progress.update(task, completed=steps, told=f"{steps:.3g} steps, {rate:.0f} MIPS")

        yield tell


def format_time(seconds: int) -> str:
    """Return a point of chain time for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_span(seconds: int) -> str:
    """Return a span of time for people in its two largest units, such as ``1 h 5 min``."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"
