"""Write the table of normal deviates that `montecarlo` interpolates, for the program and its twin.

Run by hand: ``python guests/make_normal_table.py``; what it writes is kept, since the program's id
depends on it. Level 0 cuts [1/16, 1/2) of the lower tail into 224 equal parts, and each level
further the next eighth of what is left, so that a part is always small beside its distance from 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HEADER: Final = ROOT / "guests" / "normal-table.h"
TWIN: Final = ROOT / "src" / "pekanu" / "catalog" / "montecarlo" / "normal.json"
LEVELS: Final = 11
#: The parts that 1/2 is cut into; those below the first are the next level's.
PARTS: Final = 256
FIRST: Final = PARTS // 8
FRACTION_BITS: Final = 28
_COLUMNS: Final = 8


def make_table() -> list[int]:
    """Return the distance from 0 at which a tail begins, for tails rising from 2^-34 to 1/2."""
    tails = [
        part / (2 * PARTS * 8**level)
        for level in reversed(range(LEVELS))
        for part in range(FIRST, PARTS)
    ]
    normal = NormalDist()
    return [round(-normal.inv_cdf(tail) * (1 << FRACTION_BITS)) for tail in (*tails, 0.5)]


def write() -> None:
    """Write both files."""
    table = make_table()
    rows = [
        "    " + " ".join(f"{number}," for number in table[start : start + _COLUMNS])
        for start in range(0, len(table), _COLUMNS)
    ]
    HEADER.write_text(
        "/* Written by make_normal_table.py: distances from 0 in units of 2^-28, by tail. */\n"
        "#include <stdint.h>\n\n"
        f"static const int32_t normal_table[{len(table)}] = {{\n" + "\n".join(rows) + "\n};\n"
    )
    TWIN.write_text(json.dumps(table) + "\n")


if __name__ == "__main__":
    write()
