"""Hash search by compiled code on all cores, going on where it was broken off.

What is done of a long search is noted in the home's folder `searches`, by the hash of the inputs,
so that a process that was killed loses some seconds. Not here: the search (`search`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from pekanu.catalog.framing import Value, frame
from pekanu.catalog.function import Progress
from pekanu.catalog.hash_search.program_search import ProgramSearch
from pekanu.catalog.hash_search.search import MAX_SOLUTIONS, Notes, Search, Solution
from pekanu.catalog.hash_search.space import Space
from pekanu.catalog.hash_search.targets import DIGEST_SIZES, Targets, parse_images
from pekanu.catalog.values import get_integer
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidInput
from pekanu.machine.elf import load_elf
from pekanu.machine.program import InvalidProgram
from pekanu.ringers import Domain
from pekanu.settings import get_default_home

#: What a candidate takes, in the steps by which work is priced: compiled code does one in so many
#: nanoseconds on one processor.
_STEPS: Final = {"sha256": 800, "keccak256": 1200, "md5": 600}
#: Bytes of the number, two tabs and the line's end.
_LINE_BYTES: Final = 22
#: The algorithm that is somebody's own.
PROGRAM: Final = "program"
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
    if isinstance(search, ProgramSearch):
        return search.steps
    return estimate_search_steps(search)


def estimate_search_steps(search: Search) -> int:
    """Return what hashing all candidates takes."""
    return 10_000 + search.count * _STEPS[search.algorithm]


def estimate_output_size(values: Sequence[Value]) -> int:
    """Return a bound: as many solutions as there may be, of the longest candidates in hex."""
    search = parse(values)
    if isinstance(search, ProgramSearch):
        longest, size, count = 32, 32, search.domain.size
    else:
        longest, size, count = search.space.longest, search.targets.size, search.count
    line = _LINE_BYTES + 2 + 2 * longest + 2 * size
    return 8 + min(MAX_SOLUTIONS, count) * line


def parse(values: Sequence[Value]) -> Search | ProgramSearch:
    """Return the search that some inputs ask for.

    Raises:
        InvalidInput: They do not make one.
    """
    named, pattern, words, wanted = (cast("bytes", value) for value in values[:4])
    algorithm = named.decode("ascii", "replace")
    if algorithm == PROGRAM:
        return _parse_program(values)
    if algorithm not in DIGEST_SIZES:
        raise InvalidInput(
            f"input algorithm: {algorithm[:80]!r} is no hash",
            hint=f"one of {', '.join((*DIGEST_SIZES, PROGRAM))}",
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


def _parse_program(values: Sequence[Value]) -> ProgramSearch:
    """Return a search with somebody's own program."""
    wanted, file = cast("bytes", values[3]), cast("bytes", values[6])
    first, count, most = (get_integer(values[place]) for place in (4, 5, 7))
    if not file:
        raise InvalidInput("input program: the algorithm program takes one")
    if not count:
        raise InvalidInput("input count: a program has to be told on how many numbers it is run")
    try:
        program = load_elf(file)
    except InvalidProgram as error:
        raise InvalidInput(f"input program: {error.message}", hint=error.hint) from error
    return ProgramSearch(
        program=program,
        domain=Domain(low=first, high=first + count),
        tokens=parse_images(wanted),
        max_steps=most,
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
