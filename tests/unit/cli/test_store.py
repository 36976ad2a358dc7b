"""What the storage commands refuse before they ask anybody: one sentence each, nothing signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pekanu.chain import Keystore
from pekanu.cli.main import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    keystore = Keystore(home / "keystore", work_factor=1 << 12)
    keystore.create("erin", "correct horse")
    monkeypatch.setenv("PEKANU_HOME", str(home))
    monkeypatch.setenv("PEKANU_PASSWORD", "correct horse")
    return home


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("put",), "nothing to store was named"),
        (("put", "film", "--task", "0xdead"), "--task goes without PATH"),
        (("put", "film", "--resume"), "--resume goes without PATH"),
        (("put", "--task", "0xdead"), "0 sealed outputs are kept here"),
        (("get", "film", "--offset", "1"), "a range needs --offset and --length"),
        (("verify", "--receipt", "garbage"), "no storage receipt"),
    ],
)
def test_store__when_it_makes_no_sense__then_refused_in_one_sentence(
    command: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garbage").write_bytes(b"\xff no receipt")
    with pytest.raises(SystemExit) as ended:
        main(["store", *command])
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert [line for line in told.err.splitlines() if line.startswith("error: ")]
    assert sentence in " ".join(told.err.split())


def test_put__when_the_chain_does_not_answer__then_the_reading_of_a_large_file_ends_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # read to its end it would take an hour
    with pytest.raises(SystemExit) as ended:
        main(["store", "put", str(large), "--rpc", "http://127.0.0.1:1"])
    assert ended.value.code == 1
    assert "does not answer" in capsys.readouterr().err
