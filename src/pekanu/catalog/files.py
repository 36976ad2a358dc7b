"""Files as inputs and outputs: .npy, .csv, .json and text.

Reading is bounded, never unpickles, and maps .npy files instead of loading them. What is not
here: whether the content fits a function's input (`values`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

import numpy as np

from pekanu.catalog.framing import MAX_REGION_BYTES, IntegerArray, Value
from pekanu.errors import InvalidInput
from pekanu.json_text import parse_json

#: Text takes more room than the integers that it spells.
MAX_FILE_BYTES: Final = 4 * MAX_REGION_BYTES


def read_file(path: Path) -> object:
    """Return what a file holds: an array, nested lists, or bytes, by its suffix.

    A suffix other than .npy, .csv and .json gives the bytes themselves.

    Raises:
        InvalidInput: The file is missing, too large or not what its suffix says.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InvalidInput(f"there is no file {path}") from error
    if not path.is_file():
        raise InvalidInput(f"{path} is not a file")
    if size > MAX_FILE_BYTES:
        raise InvalidInput(f"{path} has {size} bytes, more than the {MAX_FILE_BYTES} allowed")
    try:
        return _READERS.get(path.suffix.lower(), Path.read_bytes)(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error


def write_file(path: Path, value: Value, decoded: object) -> None:
    """Write an output in the format of the path's suffix, replacing the file whole.

    Args:
        path: Ends in .npy, .csv, .json, or anything else for text.
        value: The output's value.
        decoded: The same output as a Python object, for .json.

    Raises:
        InvalidInput: This output has no such format, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    partial = path.with_name(path.name + ".part")
    try:
        if suffix == ".json":
            partial.write_text(json.dumps(to_json(decoded)) + "\n")
        elif isinstance(value, bytes):
            if suffix == ".npy":
                raise InvalidInput(f"{path}: a text cannot be written as .npy")
            partial.write_bytes(value.replace(b"\t", b",") if suffix == ".csv" else value)
        elif suffix == ".npy":
            with partial.open("wb") as file:
                np.save(file, value, allow_pickle=False)
        elif suffix in (".csv", ".txt"):
            _write_rows(partial, value, "," if suffix == ".csv" else " ")
        else:
            raise InvalidInput(
                f"{path}: an array cannot be written as {suffix or 'a file without suffix'}",
                hint="choose .npy, .csv, .txt or .json",
            )
        partial.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, replacing it whole.

    Raises:
        InvalidInput: It cannot be written.
    """
    partial = path.with_name(path.name + ".part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from error


def to_json(decoded: object) -> object:
    """Return an output as plain lists, dicts, numbers and texts."""
    if isinstance(decoded, np.ndarray | np.generic):
        return decoded.tolist()
    if isinstance(decoded, Mapping):
        return {str(key): to_json(item) for key, item in decoded.items()}
    if isinstance(decoded, list | tuple):
        return [to_json(item) for item in decoded]
    return decoded


def _read_npy(path: Path) -> object:
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError, TypeError, OverflowError) as error:
        raise InvalidInput(f"{path} is no .npy file of numbers") from error
    if array.nbytes > MAX_REGION_BYTES:
        raise InvalidInput(
            f"{path} holds {array.nbytes} bytes, more than the {MAX_REGION_BYTES} that fit"
        )
    return array


def _read_csv(path: Path) -> object:
    rows: list[list[int]] = []
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        cells = line.split(",")
        try:
            row = list(map(int, cells))
        except ValueError as error:
            wrong = next(cell.strip() for cell in cells if not _is_integer(cell))
            raise InvalidInput(
                f"{path}, line {number}: {wrong[:40]!r} stands where an integer belongs"
            ) from error
        if rows and len(row) != len(rows[0]):
            raise InvalidInput(
                f"{path}, line {number}: {len(row)} cells where line 1 has {len(rows[0])}"
            )
        rows.append(row)
    return rows


def _read_json(path: Path) -> object:
    try:
        return parse_json(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error


def _read_text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text") from error
    return text


def _is_integer(cell: str) -> bool:
    try:
        int(cell)
    except ValueError:
        return False
    return True


def _write_rows(path: Path, array: IntegerArray, separator: str) -> None:
    if array.ndim > 2:
        raise InvalidInput(f"an array of shape {array.shape} is no table")
    table = array.reshape(array.shape if array.ndim == 2 else (-1, 1))
    rows = cast("list[list[int]]", table.tolist())
    with path.open("w") as file:
        file.writelines(separator.join(map(str, row)) + "\n" for row in rows)


_READERS: Final = cast(
    "Mapping[str, Callable[[Path], object]]",
    {".npy": _read_npy, ".csv": _read_csv, ".json": _read_json},
)
