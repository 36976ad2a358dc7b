"""How an expected failure ends a command: one sentence, a hint, an exit code.

Not here: the failures (`pekanu.errors`). An unexpected exception is a fault of ours and keeps its
traceback.
"""

from __future__ import annotations

import sys
from typing import Final

from pekanu.errors import KeystoreError, PekanuError, UsageError, WorkerFault

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
#: What was asked for cannot be: an option, a file, an amount, an account, a password.
EXIT_USAGE: Final = 2
#: The other party is at fault; the sentence says what was recovered.
EXIT_OTHER_PARTY: Final = 3

#: The nearest class counts; whatever is not below one of these has failed.
EXIT_CODES: Final[dict[type[PekanuError], int]] = {
    PekanuError: EXIT_FAILED,
    UsageError: EXIT_USAGE,
    KeystoreError: EXIT_USAGE,
    WorkerFault: EXIT_OTHER_PARTY,
}


def get_exit_code(error: PekanuError) -> int:
    """Return the exit code of a failure, by the nearest class in the table."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def report(sentence: str, hint: str | None) -> None:
    """Write a failure to stderr."""
    from pekanu.cli.output import make_notes_console

    console = make_notes_console()
    console.print(f"[error]error:[/] {_escape(sentence)}", highlight=False, soft_wrap=True)
    if hint:
        console.print(f"[hint]hint:[/] {_escape(hint)}", highlight=False, soft_wrap=True)
    sys.stderr.flush()


def _escape(text: str) -> str:
    from rich.markup import escape

    # Control characters in what a peer or a file says must not reach the terminal.
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
