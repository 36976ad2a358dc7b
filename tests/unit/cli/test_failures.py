from __future__ import annotations

import pytest

from pekanu import errors
from pekanu.cli.failures import get_exit_code, report


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), 2),
        (errors.InvalidAmount("x"), 2),
        (errors.KeystoreError("x"), 2),
        (errors.WrongChain("x"), 1),
        (errors.InsufficientFunds("x"), 1),
        (errors.NoWorker("x"), 1),
        (errors.Timeout("x"), 1),
        (errors.TransactionReverted("x"), 1),
        (errors.WorkerFault("x"), 3),
    ],
)
def test_exit_code__of_a_failure__is_that_of_its_nearest_class(
    error: errors.PekanuError, code: int
) -> None:
    assert get_exit_code(error) == code


def test_report__of_a_sentence_with_terminal_codes__shows_them_harmlessly(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report("a peer said \x1b[2J[bold]boo[/]", "look away\r")
    told = capsys.readouterr().err
    assert "\x1b[2J" not in told
    assert "[bold]boo[/]" in told
    assert "\r" not in told
    assert told.splitlines()[1].startswith("hint: look away")
