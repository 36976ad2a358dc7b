"""Typed values for a function's inputs: from Python objects, literals and files.

Each `Kind` has one builder, and one rule by which a value that came over the wire is refused.
What is not here: reading files (`files`) and bytes (`framing`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, cast

import numpy as np

from pekanu.catalog.files import read_file
from pekanu.catalog.framing import MAX_DIMENSIONS, IntegerArray, Value
from pekanu.catalog.manifest import InputSpec, Kind
from pekanu.errors import InvalidInput

#: Bits of the largest of a list of integers.
INTEGERS_BITS: Final = 128
#: Bounds on decimal numbers, so that their exact fractions stay small.
_FIXED_LIMIT: Final = 1 << 34
_DECIMAL_PLACES: Final = 60
_MASK64: Final = (1 << 64) - 1
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")


def build_value(spec: InputSpec, given: object) -> Value:
    """Return the typed value of one input.

    Args:
        spec: The input.
        given: A `Path` to read, or a Python object: array, nested lists, number, text, bytes.

    Raises:
        InvalidInput: It does not fit the input; the sentence begins with the input's name.
    """
    try:
        return _BUILDERS[spec.kind](spec, read_file(given) if isinstance(given, Path) else given)
    except InvalidInput as error:
        raise InvalidInput(f"input {spec.name}: {error.message}", hint=error.hint) from error


def validate_value(spec: InputSpec, value: Value) -> None:
    """Refuse a value that `build_value` would never give for this input.

    Raises:
        InvalidInput: Its type, dimensions or range differ from the input's.
    """
    try:
        _VALIDATORS[spec.kind](spec, value)
    except InvalidInput as error:
        raise InvalidInput(f"input {spec.name}: {error.message}", hint=error.hint) from error


def get_integer(value: Value) -> int:
    """Return the integer in a value of kind integer, fixed or choice."""
    return int(cast("IntegerArray", value)[()])


def get_integers(value: Value) -> list[int]:
    """Return the integers in a value of kind integers."""
    words = cast("IntegerArray", value)
    return [low | high << 64 for low, high in words.tolist()]


def build_array(given: object) -> IntegerArray:
    """Return an array of integers from an array or nested lists.

    Lists become int64 where every element fits, else uint64.

    Raises:
        InvalidInput: It is ragged, or holds something else than integers of 64 bits.
    """
    if isinstance(given, np.ndarray):
        return _require_integers(given)
    if not isinstance(given, list | tuple):
        raise InvalidInput(f"{_describe(given)} stands where an array belongs")
    shape = _get_shape(given)
    if len(shape) > MAX_DIMENSIONS:
        raise InvalidInput(f"it has more than {MAX_DIMENSIONS} dimensions")
    flat: list[int] = []
    _flatten(given, shape, flat)
    low, high = min(flat, default=0), max(flat, default=0)
    if low < -(1 << 63) or high >> 64 or (low < 0 and high >> 63):
        raise InvalidInput("its integers do not fit 64 bits")
    dtype = np.int64 if high < 1 << 63 else np.uint64
    return cast("IntegerArray", np.array(flat, dtype=dtype).reshape(shape))


def _build_array(spec: InputSpec, given: object) -> Value:
    array = build_array(given)
    _validate_array(spec, array)
    return array


def _build_integers(spec: InputSpec, given: object) -> Value:
    if isinstance(given, bytes):
        given = given.decode("ascii", "replace")
    if isinstance(given, str):
        given = re.split(r"[\s,]+", given.strip())
    if isinstance(given, int):
        given = [given]
    if isinstance(given, np.ndarray):
        given = _require_integers(given).ravel().tolist()
    if not isinstance(given, list | tuple):
        raise InvalidInput(f"{_describe(given)} stands where a list of integers belongs")
    low, high = spec.minimum or 0, (1 << INTEGERS_BITS) - 1
    numbers: list[int] = []
    for item in given:
        if isinstance(item, list | tuple) and len(item) == 1:
            item = item[0]  # noqa: PLW2901 - a csv file with one integer a line
        numbers.append(_require_range(_parse_integer(item), low, high))
    words = [word for number in numbers for word in (number & _MASK64, number >> 64)]
    return cast("IntegerArray", np.array(words, dtype=np.uint64).reshape(len(numbers), 2))


def _build_integer(spec: InputSpec, given: object) -> Value:
    if isinstance(given, np.ndarray | np.generic) and given.ndim == 0:
        given = given.item()
    number = _require_range(_parse_integer(given), *_get_range(spec))
    return cast("IntegerArray", np.array(number, dtype=np.int64))


def _build_fixed(spec: InputSpec, given: object) -> Value:
    if isinstance(given, bytes):
        given = given.decode("ascii", "replace").strip()
    if isinstance(given, bool) or not isinstance(given, int | float | str | Decimal):
        raise InvalidInput(f"{_describe(given)} stands where a number belongs")
    try:
        number = Decimal(str(given))
    except InvalidOperation as error:
        raise InvalidInput(f"{given!r} is not a number") from error
    if not number.is_finite() or not -_FIXED_LIMIT < number < _FIXED_LIMIT:
        raise InvalidInput(f"{given!r} is out of range")
    if cast("int", number.as_tuple().exponent) < -_DECIMAL_PLACES:
        raise InvalidInput(f"{_describe(given)} has more than {_DECIMAL_PLACES} decimal places")
    low, high = (bound / (1 << spec.fraction_bits) for bound in _get_fixed_range(spec))
    if not low <= number <= high:
        raise InvalidInput(f"{given} is not between {low:g} and {high:g}")
    numerator, denominator = number.as_integer_ratio()
    scaled = (numerator << spec.fraction_bits) // denominator
    return cast("IntegerArray", np.array(scaled, dtype=np.int64))


def _build_choice(spec: InputSpec, given: object) -> Value:
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace").strip()
    if given not in spec.choices:
        raise InvalidInput(f"{_describe(given)} is none of {', '.join(spec.choices)}")
    return cast("IntegerArray", np.array(spec.choices.index(str(given)), dtype=np.int64))


def _build_text(_spec: InputSpec, given: object) -> Value:
    if isinstance(given, str):
        return given.encode()
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise InvalidInput(f"{_describe(given)} stands where text belongs")


def _build_records(spec: InputSpec, given: object) -> Value:
    if isinstance(given, str | bytes | bytearray | memoryview):
        return _build_text(spec, given)
    is_lines = isinstance(given, list | tuple) and given and isinstance(given[0], str)
    if is_lines and all(isinstance(line, str) for line in cast("list[object]", given)):
        return "".join(f"{line}\n" for line in cast("list[str]", given)).encode()
    return _build_array(spec, given)


_BUILDERS: Final[Mapping[Kind, Callable[[InputSpec, object], Value]]] = {
    Kind.ARRAY: _build_array,
    Kind.INTEGERS: _build_integers,
    Kind.INTEGER: _build_integer,
    Kind.FIXED: _build_fixed,
    Kind.CHOICE: _build_choice,
    Kind.TEXT: _build_text,
    Kind.RECORDS: _build_records,
}


def _validate_array(spec: InputSpec, value: Value) -> None:
    if isinstance(value, bytes):
        raise InvalidInput("text stands where an array belongs")
    if spec.dtypes and value.dtype.name not in spec.dtypes:
        raise InvalidInput(f"{value.dtype.name} is none of {', '.join(spec.dtypes)}")
    if spec.dimensions and value.ndim not in spec.dimensions:
        wanted = " or ".join(map(str, spec.dimensions))
        raise InvalidInput(f"an array of shape {value.shape} has not {wanted} dimensions")


def _validate_integers(spec: InputSpec, value: Value) -> None:
    if isinstance(value, bytes) or value.dtype != np.uint64 or value.ndim != 2:
        raise InvalidInput("it is no list of integers")
    if value.shape[1] != 2:
        raise InvalidInput("its integers have not two words")
    low = spec.minimum or 0
    if np.any((value[:, 1] == 0) & (value[:, 0] < low)):
        raise InvalidInput(f"an integer is below {low}")


def _validate_integer(spec: InputSpec, value: Value) -> None:
    _require_range(_require_scalar(value), *_get_range(spec))


def _validate_fixed(spec: InputSpec, value: Value) -> None:
    _require_range(_require_scalar(value), *_get_fixed_range(spec))


def _validate_choice(spec: InputSpec, value: Value) -> None:
    _require_range(_require_scalar(value), 0, len(spec.choices) - 1)


def _validate_text(_spec: InputSpec, value: Value) -> None:
    if not isinstance(value, bytes):
        raise InvalidInput("an array stands where text belongs")


def _validate_records(spec: InputSpec, value: Value) -> None:
    if not isinstance(value, bytes):
        _validate_array(spec, value)


_VALIDATORS: Final[Mapping[Kind, Callable[[InputSpec, Value], None]]] = {
    Kind.ARRAY: _validate_array,
    Kind.INTEGERS: _validate_integers,
    Kind.INTEGER: _validate_integer,
    Kind.FIXED: _validate_fixed,
    Kind.CHOICE: _validate_choice,
    Kind.TEXT: _validate_text,
    Kind.RECORDS: _validate_records,
}


def _require_scalar(value: Value) -> int:
    if isinstance(value, bytes) or value.dtype != np.int64 or value.ndim:
        raise InvalidInput("it is no single integer of 64 bits")
    return int(value[()])


def _require_integers(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> IntegerArray:
    if array.dtype.kind not in "iu":
        raise InvalidInput(
            f"{array.dtype.name} stands where integers belong",
            hint="convert it yourself, for example with array.astype(numpy.int64)",
        )
    return cast("IntegerArray", array)


def _require_range(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise InvalidInput(f"{number} is not between {low} and {high}")
    return number


def _get_range(spec: InputSpec) -> tuple[int, int]:
    low = -(1 << 63) if spec.minimum is None else spec.minimum
    return low, (1 << 63) - 1 if spec.maximum is None else spec.maximum


def _get_fixed_range(spec: InputSpec) -> tuple[int, int]:
    low, high = _get_range(
        InputSpec(
            name=spec.name,
            kind=spec.kind,
            title=spec.title,
            description=spec.description,
            schema={
                bound: int(Decimal(str(spec.schema[bound])) * (1 << spec.fraction_bits))
                for bound in ("minimum", "maximum")
                if bound in spec.schema
            },
        )
    )
    return low, high


def _parse_integer(given: object) -> int:
    if isinstance(given, bytes):
        given = given.decode("ascii", "replace").strip()
    if isinstance(given, str) and _INTEGER.fullmatch(given.strip()):
        return int(given)
    if isinstance(given, np.integer):
        return int(given)
    if isinstance(given, bool) or not isinstance(given, int):
        raise InvalidInput(f"{_describe(given)} stands where an integer belongs")
    return given


def _get_shape(given: object) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(given, list | tuple):
        shape.append(len(given))
        if not given or len(shape) > MAX_DIMENSIONS:
            break
        given = given[0]
    return tuple(shape)


def _flatten(given: object, shape: tuple[int, ...], flat: list[int]) -> None:
    if not shape:
        if isinstance(given, list | tuple):
            raise InvalidInput("its rows have different lengths")
        flat.append(_parse_integer(given))
        return
    if not isinstance(given, list | tuple) or len(given) != shape[0]:
        raise InvalidInput("its rows have different lengths")
    if len(shape) == 1 and all(type(item) is int for item in given):
        flat.extend(given)
        return
    for item in given:
        _flatten(item, shape[1:], flat)


def _describe(given: object) -> str:
    text = repr(given)
    return f"{type(given).__name__} {text if len(text) <= 40 else text[:37] + '...'}"
