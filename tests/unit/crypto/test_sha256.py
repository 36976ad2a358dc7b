"""Batched SHA-256 is SHA-256, on every backend that this machine can run."""

from __future__ import annotations

import mmap
import platform
from hashlib import sha256

import llvmlite.binding as llvm
import numpy as np
import pytest

from pekanu.crypto.sha256 import CompiledBackend, ScalarBackend, hash_rows, hash_tree
from pekanu.crypto.sha256.batch import BackendChoice
from pekanu.crypto.sha256.compiled import get_width

HAS_SHA = {**llvm.get_host_cpu_features(), "avx512f": False}
WIDTHS = [4, 8, 16] + ([0] if get_width(HAS_SHA, "") == 0 else [])


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


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names of another make")
@pytest.mark.parametrize(
    ("names", "processor", "width"),
    [
        ("sha ssse3 avx2 avx512f", "emeraldrapids", 16),
        ("sha ssse3 avx2 avx512f", "znver4", 0),
        ("sha ssse3 avx2", "alderlake", 0),
        ("avx2 avx512f", "skylake-avx512", 16),
        ("avx2", "haswell", 8),
        ("", "penryn", 4),
    ],
)
def test_get_width__by_the_processor__then_what_suits(
    names: str, processor: str, width: int
) -> None:
    assert get_width(dict.fromkeys(names.split(), True), processor) == width


def fold(nodes: list[bytes], prefix: int) -> bytes:
    while len(nodes) > 1:
        pairs = [left + right for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
        parents = [sha256(bytes([prefix]) + pair).digest() for pair in pairs]
        nodes = parents + (nodes[-1:] if len(nodes) % 2 else [])
    return nodes[0]


@pytest.mark.parametrize("width", [None, *WIDTHS])
@pytest.mark.parametrize("size", [64, 256])
def test_hash_tree__when_any_number_of_rows__then_equals_hashlib(
    width: int | None, size: int
) -> None:
    backend = ScalarBackend() if width is None else CompiledBackend(width)
    data = memoryview(make_rows(1290, size).tobytes())
    for count in (*range(1, 70), 127, 128, 129, 1290):
        for more in (0, 1, size - 1):
            some = data[: (count - 1) * size + (more or size)]
            rows = [some[place : place + size] for place in range(0, len(some), size)]
            leaves = [sha256(b"\7" + row).digest() for row in rows]
            assert len(leaves) == count
            assert backend.hash_tree(some, size, 7, 1) == fold(leaves, 1), (count, more)


@pytest.mark.parametrize(("length", "size"), [(0, 64), (100, 63), (100, 0)])
def test_hash_tree__when_there_is_none__then_refused(length: int, size: int) -> None:
    with pytest.raises(ValueError, match="no tree"):
        hash_tree(memoryview(bytes(length)), size, 0, 1)


def test_hash_tree__when_the_bytes_end_at_a_page__then_nothing_beyond_is_read() -> None:
    size = 4 * mmap.PAGESIZE
    with mmap.mmap(-1, size) as region:
        region.write(bytes(range(256)) * (size // 256))
        data = bytes(region)
        view = memoryview(region)
        assert hash_tree(view, 256, 0, 1) == ScalarBackend().hash_tree(memoryview(data), 256, 0, 1)
        view.release()


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
