"""An upload whose process is killed goes on from the bytes that it had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.node.blobs import BlobStore

DATA = bytes(range(256)) * 40_000
BLOB = keccak256(DATA)
PROGRAM = """
import sys, time
from pathlib import Path
from pekanu.node.blobs import BlobStore

data = bytes(range(256)) * 40_000
store = BlobStore(Path(sys.argv[1]), clock=time.time)
blob, part = bytes.fromhex(sys.argv[2]), int(sys.argv[3])
offset = store.begin(blob, len(data), "0xA")
while offset < len(data):
    offset = store.append(blob, len(data), "0xA", offset, data[offset : offset + part])
    print(offset, flush=True)
print("end", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("lines", [1, 7, 50])
def test_append__when_the_process_is_killed__then_the_next_goes_on(
    tmp_path: Path, lines: int
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), BLOB.hex(), "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)][-1]
        os.kill(process.pid, signal.SIGKILL)
    store = BlobStore(tmp_path, clock=time.time)
    offset = store.begin(BLOB, len(DATA), "0xA")
    assert int(said) <= offset <= len(DATA)
    if offset < len(DATA):
        store.append(BLOB, len(DATA), "0xA", offset, DATA[offset:])
    assert store.get_path(BLOB).read_bytes() == DATA
