"""A search as Python programmers say it, as inputs of the function.

Not here: what the inputs mean (`native`, `inversion`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pekanu.catalog.hash_search.native import PROGRAM
from pekanu.catalog.hash_search.targets import DIGEST_SIZES
from pekanu.errors import InvalidInput


def build_inputs(
    f: str | Path | bytes,
    domain: str | bytes | range | Iterable[str],
    targets: str | bytes | Iterable[str | bytes],
    *,
    words: Iterable[str] = (),
    step_limit: int | None = None,
) -> dict[str, object]:
    """Return the inputs of a search by name; see `pekanu.aio.Client.search`.

    Raises:
        InvalidInput: They cannot be read.
    """
    inputs: dict[str, object] = {}
    if isinstance(f, str) and f in DIGEST_SIZES:
        inputs["algorithm"] = f
    else:
        inputs["algorithm"] = PROGRAM
        inputs["program"] = f if isinstance(f, bytes) else Path(f)
        if step_limit is not None:
            inputs["step_limit"] = step_limit
    is_program = inputs["algorithm"] == PROGRAM
    inputs |= _build_domain(domain, words, is_program=is_program)
    listed = [targets] if isinstance(targets, str | bytes) else list(targets)
    mark = "=" if is_program else ""
    inputs["targets"] = "\n".join(
        mark + one.hex() if isinstance(one, bytes) else one for one in listed
    )
    return inputs


def _build_domain(
    domain: str | bytes | range | Iterable[str], words: Iterable[str], *, is_program: bool
) -> dict[str, object]:
    if isinstance(domain, range):
        if domain.step != 1 or not domain:
            raise InvalidInput("a range to be searched has steps of 1, and is not empty")
        if is_program:
            return {"first": domain.start, "count": len(domain)}
        return {"pattern": f"<{domain.start}-{domain.stop - 1}>"}
    if is_program:
        raise InvalidInput("a program is searched on a range of numbers")
    if isinstance(domain, str | bytes):
        return {"pattern": domain, "words": "".join(f"{word}\n" for word in words)}
    return {"pattern": "<word>", "words": "".join(f"{word}\n" for word in domain)}
