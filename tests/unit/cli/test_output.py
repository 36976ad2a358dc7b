from __future__ import annotations

import pytest

from pekanu.cli.output import format_span, note, show_bytes
from pekanu.cli.plain import to_plain
from pekanu.market.claim import Claim
from pekanu.types import Hash32


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (3661, "1 h 1 min"), (90000, "1 d 1 h"), (86401, "1 d 1 s")],
)
def test_span__of_seconds__has_its_two_largest_units(seconds: int, text: str) -> None:
    assert format_span(seconds) == text


def test_plain__of_a_claim__keeps_every_digit() -> None:
    claim = Claim(
        results_root=Hash32(b"\x01" * 32),
        ciphertext_root=Hash32(b"\x02" * 32),
        key_x=2**255 + 1,
        key_y=0,
    )
    assert to_plain(claim) == {
        "results_root": "0x" + "01" * 32,
        "ciphertext_root": "0x" + "02" * 32,
        "key_x": str(2**255 + 1),
        "key_y": "0",
    }


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_note__whether_rich_is_asked_for_or_not__then_it_says_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "written to [a] " + "long/" * 60 + " ünï"
    monkeypatch.delenv(name, raising=False)
    note(sentence)
    plain = capsys.readouterr().err
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    note(sentence)
    assert plain == capsys.readouterr().err == sentence + "\n"


def test_bytes__where_a_terminal_is_forced__then_they_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def show() -> str:
        with show_bytes("fetching") as tell:
            tell(512, 1024)
        return capsys.readouterr().err

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert not show()
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "fetching" in show()
