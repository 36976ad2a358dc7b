"""Chunks: cut by content under a key, bounded, stable around changes."""

from __future__ import annotations

import io
import random

import pytest

from pekanu.storage.chunking import CHUNK_SIZES, Chunker, ChunkSizes
from pekanu.storage.gear import CompiledFinder, PlainFinder, build_table

KEY = b"k" * 32
SMALL = ChunkSizes(least=256, normal=1024, most=4096)


def make_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def split(data: bytes, key: bytes = KEY, sizes: ChunkSizes = SMALL) -> list[bytes]:
    return list(Chunker(key, sizes).split(io.BytesIO(data)))


def test_split__when_empty__then_no_chunk() -> None:
    assert split(b"") == []


@pytest.mark.parametrize("size", [1, 255, 256, 257, 4096, 4097, 8192, 100_000])
def test_split__when_joined__then_the_same_bytes_in_bounded_chunks(size: int) -> None:
    data = make_bytes(size)
    chunks = split(data)
    assert b"".join(chunks) == data
    assert all(SMALL.least <= len(chunk) <= SMALL.most for chunk in chunks[:-1])
    assert 1 <= len(chunks[-1]) <= SMALL.most


def test_split__when_random__then_chunks_are_about_the_normal_size() -> None:
    chunks = split(make_bytes(2_000_000))
    assert 0.7 * SMALL.normal < 2_000_000 / len(chunks) < 1.6 * SMALL.normal


@pytest.mark.parametrize("change", ["insert", "delete", "replace"])
def test_split__when_changed_in_the_middle__then_few_chunks_differ(change: str) -> None:
    data, place = make_bytes(500_000), 250_000
    changed = {
        "insert": data[:place] + b"xyz" + data[place:],
        "delete": data[:place] + data[place + 5 :],
        "replace": data[:place] + b"xyz" + data[place + 3 :],
    }[change]
    assert len(set(split(changed)) - set(split(data))) <= 3


def test_split__when_under_another_key__then_cut_elsewhere() -> None:
    data = make_bytes(200_000)
    assert not set(split(data)) & set(split(data, b"l" * 32)[:-1])


def test_split__when_the_stream_gives_little_at_a_time__then_the_same_chunks() -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            return super().readinto(buffer[:700])

    data = make_bytes(60_000)
    assert list(Chunker(KEY, SMALL).split(Slow(data))) == split(data)


def test_find__when_compiled__then_equals_the_plain_twin() -> None:
    table, data = build_table(KEY), bytearray(make_bytes(20_000))
    plain, compiled = PlainFinder(table), CompiledFinder(table)
    for mask in (SMALL.masks[0], SMALL.masks[1], 0, (1 << 64) - 1):
        for start, end in ((0, 20_000), (17, 5_000), (5, 5), (19_000, 20_000)):
            plain.reset()
            compiled.reset()
            assert plain.find(data, start, end, mask) == compiled.find(data, start, end, mask)
    plain.reset()
    compiled.reset()
    none = (1 << 64) - 1
    assert plain.find(data, 0, 100, none) == compiled.find(data, 0, 100, none) == 0
    assert plain.find(data, 100, 20_000, SMALL.masks[1]) == compiled.find(
        data, 100, 20_000, SMALL.masks[1]
    )


@pytest.mark.parametrize("start", [0, 3])
def test_find__when_ranges_end_anywhere__then_equals_the_plain_twin(start: int) -> None:
    # Eight bytes are taken at once, and the rest one by one: each place of a cut, and none.
    table, data = build_table(KEY), bytearray(make_bytes(4000, seed=5))
    plain, compiled = PlainFinder(table), CompiledFinder(table)
    masks = (0, 1 << 63, 7 << 61, 63 << 58, (1 << 64) - 1)
    found = set()
    for size in range(40):
        for begin in range(start, 2000, 97):
            for mask in masks:
                plain.reset()
                compiled.reset()
                for first, end in ((begin, begin + size), (begin + size, begin + 2 * size + 1)):
                    place = plain.find(data, first, end, mask)
                    assert compiled.find(data, first, end, mask) == place
                    found.add((place - first) % 8 if place else None)
                    if place:
                        break
    assert found == {None, *range(8)}


def test_split__when_constant__then_the_longest_chunks() -> None:
    chunks = split(bytes(20_000))
    assert {len(chunk) for chunk in chunks[:-1]} <= {SMALL.most, SMALL.least + 64, SMALL.least + 1}


def test_sizes__when_shipped__then_as_documented() -> None:
    assert (CHUNK_SIZES.least, CHUNK_SIZES.normal, CHUNK_SIZES.most) == (131072, 524288, 2097152)
