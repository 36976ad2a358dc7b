"""Batched SHA-256 is SHA-256, on every backend that this machine can run."""

from __future__ import annotations

import mmap
from hashlib import sha256

import llvmlite.binding as llvm
import numpy as np
import pytest

from pekanu.crypto.sha256 import CompiledBackend, ScalarBackend, hash_rows
from pekanu.crypto.sha256.batch import BackendChoice
from pekanu.crypto.sha256.compiled import get_width

WIDTHS = [4, 8, 16] + ([0] if get_width(llvm.get_host_cpu_features()) == 0 else [])


def make_rows(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (count, size), dtype=np.uint8)


def expect(rows: np.ndarray, prefix: int) -> bytes:
    return b"".join(sha256(bytes([prefix]) + row.tobytes()).digest() for row in rows)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [64, 128, 256, 1024])
def test_hash_rows__when_compiled__then_equals_hashlib(width: int, size: int) -> None:
    backend = CompiledBackend(width)
    for count in (1, 2, 15, 16, 17, 33):
        rows = make_rows(count, size)
        target = np.zeros((count, 32), dtype=np.uint8)
        backend.hash_rows(rows, target, 0xA5)
        assert target.tobytes() == expect(rows, 0xA5)


def test_hash_rows__when_scalar__then_equals_hashlib() -> None:
    rows = make_rows(5, 192)
    target = np.zeros((5, 32), dtype=np.uint8)
    ScalarBackend().hash_rows(rows, target, 1)
    assert target.tobytes() == expect(rows, 1)


def test_hash_rows__when_little_and_when_much__then_the_backend_changes_and_not_the_hash() -> None:
    choice = BackendChoice(budget=10)
    assert choice.get(10).name == "scalar"
    assert choice.get(1).name != "scalar"
    rows = make_rows(30_000, 64)
    assert hash_rows(rows, 0)[:100].tobytes() == expect(rows[:100], 0)
    assert hash_rows(rows[:3], 2).tobytes() == expect(rows[:3], 2)
    assert hash_rows(rows[:0], 2).shape == (0, 32)


def test_hash_rows__when_the_bytes_end_at_a_page__then_nothing_beyond_is_read() -> None:
    size = 4 * mmap.PAGESIZE
    with mmap.mmap(-1, size) as region:
        region.write(bytes(range(256)) * (size // 256))
        rows = np.frombuffer(region, dtype=np.uint8).reshape(-1, 256)
        digests = hash_rows(rows, 0)
        assert digests[-1].tobytes() == sha256(b"\0" + bytes(range(256))).digest()
        del rows


@pytest.mark.parametrize("shape", [(2, 63), (2, 0), (128,), (1, 2, 64)])
def test_hash_rows__when_rows_are_not_whole_blocks__then_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="whole blocks"):
        hash_rows(np.zeros(shape, dtype=np.uint8), 0)
