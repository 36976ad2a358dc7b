"""Kernels that are kept on disk: used again, and only what this user alone could have written."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from pekanu.crypto import native
from pekanu.crypto.native import Kernels, keep_kernels
from support.own_files import DAMAGES, damage

MODULE = """
define i64 @twice(i64 %value) {
  %found = mul i64 %value, 2
  ret i64 %found
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    keep_kernels(tmp_path / "kernels")
    yield tmp_path / "kernels"
    keep_kernels(None)


def compute() -> int:
    kernels = Kernels(MODULE)
    twice = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint64)(kernels.get_address("twice"))
    return int(twice(21))


def count_writes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    written: list[Path] = []

    def save(path: Path, content: bytes) -> None:
        _ = content
        written.append(path)

    monkeypatch.setattr(native, "save_own", save)
    return written


def test_kernels__again__then_they_are_compiled_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert compute() == 42
    assert len(list(folder.iterdir())) == 1
    written = count_writes(monkeypatch)
    assert compute() == 42
    assert written == []


@pytest.mark.parametrize("how", DAMAGES)
def test_kernels__of_a_file_not_to_be_trusted__then_compiled_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    compute()
    (path,) = folder.iterdir()
    damage(path, how)
    written = count_writes(monkeypatch)
    assert compute() == 42
    assert written == [path]


def test_kernels__where_nothing_can_be_written__then_they_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    keep_kernels(tmp_path / "file")
    try:
        assert compute() == 42
    finally:
        keep_kernels(None)


def test_kernels__without_a_folder__then_nothing_is_written(tmp_path: Path) -> None:
    assert compute() == 42
    assert not list(tmp_path.iterdir())
