"""DIMACS files, read strictly: what is refused here, the guest refuses.

What is not here: solving, which only the guest does (`native`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.errors import InvalidInput

Numbers: TypeAlias = npt.NDArray[np.int32]

#: What the guest's memory holds.
MOST_VARIABLES: Final = 1_000_000
MOST_CLAUSES: Final = 1_000_000
MOST_LITERALS: Final = 2_000_000

_BLANKS: Final = b" \t\r"
_NUMBER: Final = rb"(?:0|[1-9][0-9]{0,6})"
_HEADER: Final = re.compile(rb"p[ \t\r]+cnf[ \t\r]+(%b)[ \t\r]+(%b)" % (_NUMBER, _NUMBER))
_LITERALS: Final = re.compile(rb"(?:(?:0|-?[1-9][0-9]{0,6})(?:[ \t\r]+|$))+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Formula:
    """Clauses over variables that count from 1."""

    variables: int
    #: Literals as in the file, each clause ending in 0.
    literals: Numbers


@lru_cache(maxsize=1)
def parse_formula(text: bytes) -> Formula:
    """Return the formula that a text holds.

    Raises:
        InvalidInput: It is no DIMACS file, or too large.
    """
    variables, clauses = -1, 0
    literals: list[int] = []
    for number, untrimmed in enumerate(text.split(b"\n"), start=1):
        line = untrimmed.strip(_BLANKS)
        if line.startswith(b"%"):
            break
        if not line or line.startswith(b"c"):
            continue
        if line.startswith(b"p"):
            if variables >= 0:
                raise _refuse(number, "there is a second header")
            variables, clauses = _parse_header(line, number)
        elif variables < 0:
            raise _refuse(number, "a clause stands before the header")
        elif not _LITERALS.fullmatch(line):
            raise _refuse(number, "something else stands where numbers of at most 7 digits belong")
        else:
            literals += map(int, line.split())
            if len(literals) > MOST_LITERALS + MOST_CLAUSES:
                break
    if variables < 0:
        raise InvalidInput("input formula: there is no header `p cnf VARIABLES CLAUSES`")
    found = np.array(literals, dtype=np.int32)
    _validate(found, variables, clauses)
    found.flags.writeable = False
    return Formula(variables=variables, literals=found)


def _parse_header(line: bytes, number: int) -> tuple[int, int]:
    match = _HEADER.fullmatch(line)
    if match is None:
        raise _refuse(number, "the header is not `p cnf VARIABLES CLAUSES`")
    variables, clauses = map(int, match.groups())
    if variables > MOST_VARIABLES or clauses > MOST_CLAUSES:
        raise _refuse(number, f"more than {MOST_VARIABLES} variables or {MOST_CLAUSES} clauses")
    return variables, clauses


def _validate(literals: Numbers, variables: int, clauses: int) -> None:
    ends = int(np.count_nonzero(literals == 0))
    if len(literals) - ends > MOST_LITERALS:
        raise InvalidInput(f"input formula: it has more than {MOST_LITERALS} literals")
    greatest = int(np.abs(literals).max(initial=0))
    if greatest > variables:
        raise InvalidInput(
            f"input formula: variable {greatest} is beyond the {variables} of the header"
        )
    if len(literals) and literals[-1] != 0:
        raise InvalidInput("input formula: the last clause does not end in 0")
    if ends != clauses:
        raise InvalidInput(f"input formula: it has {ends} clauses where its header says {clauses}")


def _refuse(line: int, detail: str) -> InvalidInput:
    return InvalidInput(
        f"input formula: line {line}: {detail}",
        hint="the format is DIMACS: `p cnf VARIABLES CLAUSES`, then clauses that end in 0",
    )
