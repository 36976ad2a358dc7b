"""The entry point: runs a command and turns what it raises into a sentence and an exit code.

Not here: the commands (one module a group) and the table of exit codes (`failures`).
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import typer

from pekanu.cli.failures import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, get_exit_code, report
from pekanu.cli.starting import collect_seldom, spare
from pekanu.errors import PekanuError
from pekanu.version import __version__

#: What the parser raises for a wrong option or argument; Typer shows only its leaves.
_ParserError: Final[type[Exception]] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)

#: The modules of commands, in the order of help, and what each adds.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "demo": ("demo",),
    "up": ("up",),
    "run": ("run",),
    "functions": ("functions",),
    "build": ("build",),
    "machine": ("machine",),
    "worker": ("worker",),
    "store": ("store",),
    "provider": ("provider",),
    "tasks": ("tasks", "events"),
    "dispute": ("dispute",),
    "challenger": ("challenger",),
    "account": ("account",),
    "chain": ("devnet", "deploy"),
    "bench": ("bench",),
}


def build_app(first: str = "") -> typer.Typer:
    """Return the commands; loading and building all takes longer than a short command.

    Args:
        first: The first argument: of a command's name, only its module is loaded.
    """
    app = typer.Typer(
        name="pekanu",
        help="Buy and sell deterministic computation without trusting each other.",
        epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 the other party is at fault.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_describe)
    named = [module for module, names in GROUPS.items() if first in names]
    for module in named or GROUPS:
        importlib.import_module(f"pekanu.cli.{module}").register(app)
    return app


def _show_version(asked: bool) -> None:  # noqa: FBT001 - an option's callback
    if asked:
        typer.echo(__version__)
        raise typer.Exit


def _describe(
    *,
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Buy and sell deterministic computation without trusting each other."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    sys.exit(_run(None if arguments is None else list(arguments)))


def _run(arguments: list[str] | None) -> int:
    collect_seldom()
    given = sys.argv[1:] if arguments is None else arguments
    first = given[0] if given else ""
    spare(first)
    try:
        code = build_app(first)(given, standalone_mode=False)
        sys.stdout.flush()
    except PekanuError as error:
        report(error.message, error.hint)
        return get_exit_code(error)
    except _ParserError as error:
        sentence = getattr(error, "format_message", error.__str__)()
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "pekanu"
        report(sentence.strip().rstrip(".").replace("\n", " "), f"`{path} --help` explains")
        return EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        report("interrupted", None)
        return EXIT_FAILED
    except BrokenPipeError:
        # The reader of a pipe went away; closing stdout at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return code if isinstance(code, int) else EXIT_DONE
