"""Which functions there are: those of this package, and installed ones by entry point.

A third party's entry point in the group `pekanu.functions` names the function and points to
its package, for example ``fibonacci = "my_package.fibonacci"``. Listing names imports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.metadata import entry_points
from typing import Final

from pekanu.catalog.function import Function
from pekanu.catalog.manifest import InvalidManifest, parse_manifest
from pekanu.errors import ExecutionFailed, InvalidInput
from pekanu.json_text import parse_json
from pekanu.types import Hash32

ENTRY_POINT_GROUP: Final = "pekanu.functions"

_OWN: Final = (
    *("matmul", "factor", "sort", "linsolve", "mandelbrot", "wordcount"),
    *("sha256-chain", "hash-search", "montecarlo", "inference", "sat"),
)


def names() -> list[str]:
    """Return the names of all functions: the catalog's own, then installed ones by name."""
    return list(_packages())


def get(name: str) -> Function:
    """Return a function by name.

    Raises:
        InvalidInput: There is none of this name.
        InvalidManifest: An installed function's manifest is broken.
    """
    package = _packages().get(name)
    if package is None:
        raise InvalidInput(
            f"there is no function {name!r}", hint=f"the catalog has {', '.join(names())}"
        )
    return _load(name, package)


def find(program_id: Hash32) -> Function | None:
    """Return the function whose terms name this program, or None; broken ones are passed over."""
    for name in names():
        try:
            function = get(name)
            if function.program_id == program_id:
                return function
        except (InvalidManifest, ExecutionFailed):
            continue
    return None


@cache
def _packages() -> Mapping[str, str]:
    packages = {name: f"{__package__}.{name.replace('-', '_')}" for name in _OWN}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        packages.setdefault(point.name, point.value)
    return packages


@cache
def _load(name: str, package: str) -> Function:
    try:
        text = resources.files(package).joinpath("manifest.json").read_text(encoding="utf-8")
        document = parse_json(text)
    except (OSError, ImportError, ValueError, TypeError) as error:
        raise InvalidManifest(package, f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise InvalidManifest(package, "is no JSON object")
    manifest = parse_manifest(document, where=package)
    if manifest.name != name:
        raise InvalidManifest(package, f"is for {manifest.name!r}, not {name!r}")
    return Function(manifest=manifest, package=package)
