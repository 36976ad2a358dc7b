"""Files that wait to be stored: bounded, named safely, never lost once storing began."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.errors import InvalidInput
from pekanu.web import storage_uploads
from pekanu.web.storage_uploads import StorageUploads

BATCH, OTHER = "ab" * 16, "cd" * 16
LONG_AGO = 1_000_000_000


def list_names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def give(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_take__below_folders__then_they_are_one_thing_of_its_batch(tmp_path: Path) -> None:
    uploads = StorageUploads(tmp_path)
    path = await uploads.take(BATCH, "photos/deep\\one.jpg", give(b"one ", b"two"), modified=1000)
    assert path == tmp_path / BATCH / "files" / "photos" / "deep" / "one.jpg"
    assert path.read_bytes() == b"one two"
    assert path.stat().st_mtime == 1000
    await uploads.take(BATCH, "photos/two.jpg", give(b"2"))
    (folder,) = uploads.list(BATCH)
    assert uploads.measure(folder) == (2, 8)
    assert uploads.find_batch(folder) == BATCH
    assert uploads.find_batch(Path("/somewhere/files/photos")) == ""
    uploads.drop(BATCH, "photos")
    assert uploads.list(BATCH) == []


@pytest.mark.parametrize(
    "name", ["", "/", "..", "../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "x\0", "a/" * 40]
)
async def test_take__under_a_name_that_leads_elsewhere__then_refused(
    tmp_path: Path, name: str
) -> None:
    uploads = StorageUploads(tmp_path)
    with pytest.raises(InvalidInput):
        await uploads.take(BATCH, name, give(b"1"))
    assert list_names(tmp_path) == []


async def test_take__where_a_file_has_a_folders_name__then_refused(tmp_path: Path) -> None:
    uploads = StorageUploads(tmp_path)
    await uploads.take(BATCH, "a", give(b"1"))
    with pytest.raises(InvalidInput, match="name of a folder"):
        await uploads.take(BATCH, "a/b", give(b"1"))
    await uploads.take(BATCH, "c/d", give(b"1"))
    with pytest.raises(InvalidInput, match="a folder has the name"):
        await uploads.take(BATCH, "c", give(b"1"))


@pytest.mark.parametrize("batch", ["", "..", "AB" * 16, BATCH + "/x"])
async def test_take__into_no_batch__then_refused(tmp_path: Path, batch: str) -> None:
    folder = tmp_path / "held"
    with pytest.raises(InvalidInput):
        await StorageUploads(folder).take(batch, "a", give(b"1"))
    assert not folder.exists()


async def test_take__of_too_many_bytes__then_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_uploads, "MAX_BYTES", 10)
    uploads = StorageUploads(tmp_path)
    kept = await uploads.take(BATCH, "a", give(b"123456"))
    with pytest.raises(InvalidInput, match="too large"):
        await uploads.take(BATCH, "b", give(b"123", b"45"))
    assert uploads.list(BATCH) == [kept]
    assert [one.name for one in (tmp_path / BATCH).iterdir()] == ["files"]
    # In its own place there is room for ten.
    await uploads.take(BATCH, "a", give(b"1234567890"))


async def test_sweep__of_old_batches__then_those_being_stored_stay(tmp_path: Path) -> None:
    uploads = StorageUploads(tmp_path)
    for batch in (BATCH, OTHER):
        await uploads.take(batch, "a", give(b"1"))
    uploads.begin(BATCH)
    for batch in (BATCH, OTHER):
        os.utime(tmp_path / batch, (LONG_AGO, LONG_AGO))
    await uploads.take("ef" * 16, "a", give(b"1"))
    assert uploads.list(BATCH)
    assert uploads.list(OTHER) == []
    uploads.release(BATCH)
    os.utime(tmp_path / BATCH, (LONG_AGO, LONG_AGO))
    await uploads.take("ef" * 16, "b", give(b"1"))
    assert uploads.list(BATCH) == []
