"""What is to be computed, as a command line says it: a function or a program, one item or many.

Not here: buying (`purchase`), computing here (`run`), what is printed (`deliveries`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pekanu.cli.files import read_bounded
from pekanu.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from pekanu.catalog import Function, Program

_MOST_BATCH_BYTES: Final = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be computed."""

    ware: Function | Program
    #: The input of each item.
    items: tuple[bytes, ...]
    #: A list of outputs is wanted, be it of one item.
    is_batch: bool = False


def read_order(
    name: str | None, program: Path | None, inputs: Sequence[str], batch: Path | None
) -> Order:
    """Return what is to be computed.

    Args:
        name: A function of the catalog.
        program: An ELF file instead.
        inputs: ``NAME=FILE`` of a function; of a program files, each an item.
        batch: Items of a function, a JSON object of inputs by name in each line.

    Raises:
        UsageError: Both or neither are named, or something does not fit it.
    """
    from pekanu import catalog

    if program is not None:
        if name is not None or batch is not None:
            raise UsageError("--program goes without FUNCTION and --batch")
        own = catalog.Program(program)
        items = tuple(own.parse_inputs(Path(one)) for one in inputs) or (b"",)
        return Order(ware=own, items=items, is_batch=len(items) > 1)
    if name is None:
        raise UsageError("which function?", hint="`pekanu functions` lists them")
    function = catalog.get(name)
    if batch is None:
        named = function.parse_literals(inputs)
        return Order(ware=function, items=(function.parse_inputs(named),))
    if inputs:
        raise UsageError("--batch goes without --input")
    return Order(ware=function, items=_read_batch(function, batch), is_batch=True)


def _read_batch(function: Function, path: Path) -> tuple[bytes, ...]:
    from pekanu.json_text import parse_json

    items = []
    lines = read_bounded(path, _MOST_BATCH_BYTES).decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found: Any = parse_json(line)
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"line {number} of {path} is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise InvalidInput(f"line {number} of {path} is no object of inputs by name")
        try:
            items.append(function.parse_inputs(found))
        except InvalidInput as error:
            raise InvalidInput(
                f"line {number} of {path}: {error.message}", hint=error.hint
            ) from error
    if not items:
        raise InvalidInput(f"{path} has no items", hint="a JSON object of inputs in each line")
    return tuple(items)
