"""Files that are believed because this user alone could have written them.

What is in them is native code, or states of runs: whoever could change them could do anything. Not
here: what they hold (`crypto.native`, `machine.module_cache`, `machine.checkpoint_file`).
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_DIGEST_SIZE: Final = 32


def is_own(status: os.stat_result) -> bool:
    """Return whether a file or folder is this user's and nobody else may write to it."""
    return status.st_uid == os.getuid() and not status.st_mode & _OTHERS_WRITE


def load_own(path: Path) -> bytes | None:
    """Return what `save_own` wrote; None where it is not there, not ours, or not whole."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            if not (is_own(os.fstat(descriptor)) and is_own(path.parent.stat())):
                return None
            found = opened.read()
    except OSError:
        return None
    content = found[_DIGEST_SIZE:]
    return content if hashlib.sha256(content).digest() == found[:_DIGEST_SIZE] else None


def save_own(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all; on a full disk it is not there the next time."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
