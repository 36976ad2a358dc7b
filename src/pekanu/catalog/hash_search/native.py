"""Hash search by compiled code on all cores, going on where it was broken off.

What is done of a long search is noted in the home's folder `searches`, by the hash of the inputs,
so that a process that was killed loses some seconds. Not here: the search (`search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from pekanu.catalog.framing import Value, frame
from pekanu.catalog.function import Progress
from pekanu.catalog.hash_search.search import MAX_SOLUTIONS, Notes, Search, Solution
from pekanu.catalog.hash_search.space import Space
from pekanu.catalog.hash_search.targets import DIGEST_SIZES, Targets
from pekanu.catalog.values import get_integer
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput
from pekanu.settings import get_default_home

#: Steps of a guest for each candidate, about: one block of the hash.
_STEPS: Final = {"sha256": 4000, "keccak256": 15_000, "md5": 1500}
#: Bytes of the number, two tabs and the line's end.
_LINE_BYTES: Final = 22
_PRINTABLE: Final = frozenset(range(0x21, 0x7F))


def validate(values: Sequence[Value]) -> None:
    """Refuse what is no search."""
    parse(values)


def execute(values: Sequence[Value], progress: Progress) -> Value:
    """Return a line a solution."""
    name = keccak256(frame(values)).hex()
    notes = Notes.open(get_default_home() / "searches" / f"{name}.json")
    found = parse(values).run(progress, notes)
    notes.forget()
    return format_solutions(found)


def estimate_steps(values: Sequence[Value]) -> int:
    """Return the manifest's model."""
    search = parse(values)
    return 10_000 + search.count * _STEPS[search.algorithm]


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound: as many solutions as there may be, of the longest candidates in hex."""
    search = parse(values)
    line = _LINE_BYTES + 2 + 2 * search.space.longest + 2 * search.targets.size
    return 8 + min(MAX_SOLUTIONS, search.count) * line


def parse(values: Sequence[Value]) -> Search:
    """Return the search that some inputs ask for.

    Raises:
        InvalidInput: They do not make one.
    """
    named, pattern, words, wanted = (cast("bytes", value) for value in values[:4])
    algorithm = named.decode("ascii", "replace")
    if algorithm not in DIGEST_SIZES:
        raise InvalidInput(
            f"input algorithm: {algorithm[:80]!r} is no hash",
            hint=f"one of {', '.join(DIGEST_SIZES)}",
        )
    try:
        space = Space.parse(pattern, words)
    except InvalidInput as error:
        raise InvalidInput(f"input pattern: {error.message}", hint=error.hint) from error
    try:
        targets = Targets.parse(algorithm, wanted)
    except InvalidInput as error:
        raise InvalidInput(f"input targets: {error.message}", hint=error.hint) from error
    first, count = get_integer(values[4]), get_integer(values[5])
    if first >= space.size:
        raise InvalidInput(f"input first: there are only {space.size} candidates")
    rest = space.size - first
    return Search(
        algorithm=algorithm,
        space=space,
        targets=targets,
        first=first,
        count=min(count, rest) if count else rest,
    )


def format_solutions(found: Sequence[Solution]) -> bytes:
    """Return the output's text for some solutions."""
    return b"".join(
        b"%d\t%b\t%b\n" % (one.index, _format(one.candidate), one.digest.hex().encode())
        for one in found
    )


def _format(candidate: bytes) -> bytes:
    """Return a candidate as text, or as 0x and hex where it is none, or begins so."""
    is_text = candidate and set(candidate) <= _PRINTABLE and not candidate.startswith(b"0x")
    return candidate if is_text else b"0x" + candidate.hex().encode()
