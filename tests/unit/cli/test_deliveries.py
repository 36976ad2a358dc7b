"""What a terminal is shown of a program's outputs, where a pipe is given all."""

from __future__ import annotations

import sys

import pytest

from pekanu.cli.deliveries import _write_batch


@pytest.mark.parametrize("last", [b"\x1b[2J", b"\xff", b"\x00"])
def test_batch__when_one_is_no_text_and_a_terminal_reads__then_a_sentence_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], last: bytes
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _write_batch([b"good", last])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"the output of item 1 is {len(last)} bytes that are no text" in shown.err
    assert "--out FOLDER writes each to a file" in shown.err


def test_batch__when_all_are_text_and_a_terminal_reads__then_each_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _write_batch([b"one\n", b"", "zwölf".encode()])
    assert capsys.readouterr().out == "one\n\nzwölf\n"
