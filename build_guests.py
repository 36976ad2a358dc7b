"""Compile the catalog's programs for the machine when the package is built or installed.

Writes `program.elf` beside each function's code, from guests/<function>.c. Run by `build_hook`,
and by hand: ``python build_guests.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent
GUESTS: Final = ROOT / "guests"
CATALOG: Final = ROOT / "src" / "pekanu" / "catalog"


def build() -> None:
    """Write the program of each function that is older than what it is made of."""
    sys.path.insert(0, str(ROOT / "src"))
    try:
        from pekanu.toolchain import compile_program  # noqa: PLC0415 - found only now
    finally:
        sys.path.remove(str(ROOT / "src"))
    toolchain = ROOT / "src" / "pekanu" / "toolchain"
    shared = (*GUESTS.glob("runtime/*"), *GUESTS.glob("*.h"), *toolchain.glob("*.py"))
    newest = max(path.stat().st_mtime for path in shared)
    for source in sorted(GUESTS.glob("*.c")):
        target = CATALOG / source.stem.replace("-", "_") / "program.elf"
        if target.exists() and target.stat().st_mtime >= max(newest, source.stat().st_mtime):
            continue
        partial = target.with_suffix(".part")
        partial.write_bytes(compile_program([source]))
        partial.replace(target)


if __name__ == "__main__":
    build()
