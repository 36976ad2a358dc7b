"""The output's text, as solvers' competitions have it, and back.

What is not here: whether it is right (`check`).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.catalog.framing import Value
from pekanu.errors import InvalidInput

Bytes: TypeAlias = npt.NDArray[np.uint8]


class Answer(Enum):
    """What a search found."""

    #: The first model.
    SATISFIABLE = "satisfiable"
    #: That there is no model.
    UNSATISFIABLE = "unsatisfiable"
    #: Neither, within the limit.
    UNKNOWN = "unknown"


_WORDS: Final = {
    Answer.SATISFIABLE: b"s SATISFIABLE\n",
    Answer.UNSATISFIABLE: b"s UNSATISFIABLE\n",
    Answer.UNKNOWN: b"s UNKNOWN\n",
}
_LINE_LITERALS: Final = 16
_LITERALS: Final = re.compile(rb"v(?: -?[0-9]{1,7}|\nv)* 0\n")


class Claim(NamedTuple):
    """What an output says."""

    answer: Answer
    #: By variable whether it is true; None without a model.
    model: Bytes | None


def format_claim(answer: Answer, model: Bytes) -> bytes:
    """Return the output's text."""
    if answer is not Answer.SATISFIABLE:
        return _WORDS[answer]
    literals = [
        str(number) if is_true else f"-{number}"
        for number, is_true in enumerate(model.tolist(), start=1)
    ]
    lines = [
        " ".join(["v", *literals[start : start + _LINE_LITERALS]])
        for start in range(0, max(1, len(literals)), _LINE_LITERALS)
    ]
    return _WORDS[answer] + "\n".join(lines).encode() + b" 0\n"


def parse_claim(value: Value) -> Claim:
    """Return what an output says.

    Raises:
        InvalidInput: It is no output for any formula.
    """
    if isinstance(value, bytes):
        for answer, words in _WORDS.items():
            if answer is Answer.SATISFIABLE:
                continue
            if value == words:
                return Claim(answer, None)
        model = _parse_model(value)
        if model is not None and format_claim(Answer.SATISFIABLE, model) == value:
            return Claim(Answer.SATISFIABLE, model)
    raise InvalidInput("the output is no answer on a formula")


def _parse_model(text: bytes) -> Bytes | None:
    words = _WORDS[Answer.SATISFIABLE]
    if not text.startswith(words) or not _LITERALS.fullmatch(text, len(words)):
        return None
    tokens = text[len(words) :].replace(b"v", b"").split()[:-1]
    return np.array([not token.startswith(b"-") for token in tokens], dtype=np.uint8)
