"""Ways in which a file that was written to be believed may not be believed any more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DAMAGES: Final = ("changed", "cut", "empty", "others write", "folder", "link")


def damage(path: Path, how: str) -> None:
    """Do one of `DAMAGES` to a file, or to its folder."""
    content = path.read_bytes()
    match how:
        case "changed":
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "cut":
            path.write_bytes(content[:-100])
        case "empty":
            path.write_bytes(b"")
        case "others write":
            path.chmod(0o666)
        case "folder":
            path.parent.chmod(0o777)
        case _:
            elsewhere = path.parent.parent / "elsewhere"
            path.rename(elsewhere)
            path.symlink_to(elsewhere)
