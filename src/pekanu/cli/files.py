"""Files that commands are given: read within bounds, and places to write checked before work.

Not here: what the files hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pekanu.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """Return what a file holds.

    Args:
        path: A file.
        most: Bytes that it may have.

    Raises:
        InvalidInput: There is none, it cannot be read, or it is larger.
    """
    if not path.exists():
        raise InvalidInput(f"there is no file {path}")
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder")
    try:
        with path.open("rb") as opened:
            content = opened.read(most + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > most:
        raise InvalidInput(f"{path} has more than {most} bytes")
    return content


def check_writable(out: Path) -> None:
    """Refuse a place that cannot be written before any work is done or paid.

    Raises:
        InvalidInput: Its folder is missing, or it is a folder itself.
    """
    if not out.parent.is_dir():
        raise InvalidInput(f"there is no folder {out.parent}", hint="make it, or name another file")
    if out.is_dir():
        raise InvalidInput(f"{out} is a folder", hint="give a file's name")
