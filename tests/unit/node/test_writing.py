"""Files that several threads write at once, with few of them open."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pekanu.node.storage import writing
from pekanu.node.storage.writing import Writer, choose_target
from pekanu.storage.manifest import ChunkRef, FileEntry, FileKind, Manifest
from pekanu.types import Hash32

CHUNK = 1000


def build_manifest(sizes: list[int]) -> Manifest:
    """Return the manifest of files that share chunks with their neighbours."""
    total = sum(sizes)
    parts = [CHUNK] * (total // CHUNK) + ([total % CHUNK] if total % CHUNK else [])
    return Manifest(
        name="many",
        files=tuple(
            FileEntry(
                kind=FileKind.FILE,
                path=f"{number:03}",
                size=size,
                mode=0o644,
                modified=number,
                target="",
            )
            for number, size in enumerate(sizes)
        ),
        chunks=tuple(ChunkRef(root=Hash32(bytes(32)), key=bytes(32), size=size) for size in parts),
    )


def test_write_run__when_many_threads_write_many_files__then_each_byte_is_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_MOST_OPEN", 3)
    rng = random.Random(7)
    sizes = [rng.choice((0, 1, 300, 1000, 2500, 9000)) for _ in range(200)]
    data = rng.randbytes(sum(sizes))
    manifest = build_manifest(sizes)
    writer = Writer(manifest, choose_target(manifest, tmp_path / "out", "x"), is_forced=False)

    def write(first: int) -> None:
        some = range(first, min(first + 7, len(manifest.chunks)))
        return writer.write_run(
            first, len(some), memoryview(data)[first * CHUNK : some.stop * CHUNK]
        )

    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(0, len(manifest.chunks), 7)))
        assert len(writer._open) <= 3 + 8
        writer.finish()
    finally:
        writer.close()
    assert writer.held_bytes == len(data)
    place = 0
    for number, size in enumerate(sizes):
        found = tmp_path / "out" / f"{number:03}"
        assert found.read_bytes() == data[place : place + size]
        place += size


def test_close__while_a_thread_writes__then_waits_for_it_and_no_more_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = build_manifest([CHUNK] * 3)
    writer = Writer(manifest, choose_target(manifest, tmp_path / "out", "x"), is_forced=False)
    begun, goes_on, pwrite = threading.Event(), threading.Event(), writing.os.pwrite
    written: list[int] = []

    def write_late(file: int, part: memoryview, place: int) -> int:
        if len(part) == CHUNK:
            begun.set()
            assert goes_on.wait(10)
            written.append(place)
        return pwrite(file, part, place)

    monkeypatch.setattr(writing.os, "pwrite", write_late)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(writer.write_run, 0, 3, memoryview(bytes(3 * CHUNK)))
        assert begun.wait(10)
        closing = pool.submit(writer.close)
        assert not closing.done()
        goes_on.set()
        closing.result(10)
        running.result(10)
    assert writer.held_bytes == 0
    assert written == [0]
    with_note = Writer(manifest, choose_target(manifest, tmp_path / "out", "x"), is_forced=False)
    try:
        # A chunk whose note was not written any more is fetched again.
        assert with_note.list_missing() == [0, 1, 2]
    finally:
        with_note.close()


def test_write_run__when_the_disk_takes_a_part_of_it__then_goes_on_behind_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, data = build_manifest([3 * CHUNK]), random.Random(9).randbytes(3 * CHUNK)
    writer = Writer(manifest, choose_target(manifest, tmp_path / "out", "x"), is_forced=False)
    pwrite = writing.os.pwrite

    def write_little(file: int, part: memoryview, place: int) -> int:
        return pwrite(file, part[:700], place)

    monkeypatch.setattr(writing.os, "pwrite", write_little)
    try:
        writer.write_run(0, 3, memoryview(data))
        assert writer.held_bytes == len(data)
        writer.finish()
    finally:
        writer.close()
    assert (tmp_path / "out").read_bytes() == data
