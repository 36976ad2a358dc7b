"""How the inputs of a catalog function become the bytes of a machine's input region, and back.

All integers are little-endian and all padding is zero bytes. A *frame* is

    count u32, then for each input: length u32, the value's bytes, zeros to a multiple of 8
                                    (length field, bytes and zeros together)

so that every value begins at a multiple of 8 from the start of the frame. A *value* is

    dtype u8, dimensions u8, two zero bytes, shape u32 each, zeros to a multiple of 8, elements

with elements row-major; a text has dtype 0, one dimension and its bytes as elements. An output
is one value without a frame. Each list of values has exactly one encoding, and reading accepts
no other. What is not here: which values a function wants (`values`), files (`files`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from pekanu.errors import InvalidInput

#: What an input or output region holds at most: 64 MiB less the leaf of its length.
MAX_REGION_BYTES: Final = (1 << 26) - 32
MAX_INPUTS: Final = 32
MAX_DIMENSIONS: Final = 4

IntegerArray: TypeAlias = npt.NDArray[np.integer[Any]]
#: An input or an output: an array of integers, or a text as bytes.
Value: TypeAlias = IntegerArray | bytes

TEXT_CODE: Final = 0
#: The dtype codes of arrays.
DTYPES: Final[dict[int, np.dtype[Any]]] = {
    1: np.dtype("<i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<i8"),
    5: np.dtype("<u1"),
    6: np.dtype("<u2"),
    7: np.dtype("<u4"),
    8: np.dtype("<u8"),
}
_CODES: Final = {dtype.name: code for code, dtype in DTYPES.items()}


def frame(values: Sequence[Value]) -> bytes:
    """Return the input region's bytes for some values.

    Raises:
        InvalidInput: There are too many values, or together they do not fit the region.
    """
    if len(values) > MAX_INPUTS:
        raise InvalidInput(f"{len(values)} inputs are more than {MAX_INPUTS}")
    size = 4 + sum(_pad(4 + get_value_size(value)) for value in values)
    if size > MAX_REGION_BYTES:
        raise InvalidInput(
            f"the inputs take {size} bytes, more than the {MAX_REGION_BYTES} that fit"
        )
    parts = [len(values).to_bytes(4, "little")]
    for value in values:
        encoded = encode_value(value)
        parts += [len(encoded).to_bytes(4, "little"), encoded, _zeros(4 + len(encoded))]
    return b"".join(parts)


def parse_frame(data: bytes) -> list[Value]:
    """Return the values in an input region; arrays are read-only views of it.

    Raises:
        InvalidInput: The bytes are not what `frame` gives for any list of values.
    """
    if len(data) > MAX_REGION_BYTES:
        raise _malformed(f"{len(data)} bytes do not fit the region")
    if len(data) < 4:
        raise _malformed("it is shorter than its count")
    count = int.from_bytes(data[:4], "little")
    if count > MAX_INPUTS:
        raise _malformed(f"{count} inputs are more than {MAX_INPUTS}")
    view = memoryview(data)
    values: list[Value] = []
    position = 4
    for index in range(count):
        if position + 4 > len(data):
            raise _malformed(f"input {index} is missing")
        length = int.from_bytes(view[position : position + 4], "little")
        end = position + 4 + length
        following = position + _pad(4 + length)
        if following > len(data):
            raise _malformed(f"input {index} reaches beyond the end")
        if any(view[end:following]):
            raise _malformed(f"the padding of input {index} is not zero")
        values.append(decode_value(view[position + 4 : end]))
        position = following
    if position != len(data):
        raise _malformed(f"{len(data) - position} bytes follow the last input")
    return values


def encode_value(value: Value) -> bytes:
    """Return a value's only encoding.

    Raises:
        InvalidInput: The array has a dtype without a code, or too many or too long dimensions.
    """
    if isinstance(value, bytes):
        return _encode_header(TEXT_CODE, (len(value),)) + value
    code = _CODES.get(value.dtype.name)
    if code is None:
        raise InvalidInput(f"arrays of {value.dtype.name} are not integers of 8 to 64 bits")
    little = np.ascontiguousarray(value, dtype=DTYPES[code])
    return _encode_header(code, value.shape) + little.tobytes()


def decode_value(data: bytes | memoryview) -> Value:
    """Return the value that some bytes encode; an array is a read-only view of them.

    Raises:
        InvalidInput: The bytes are not what `encode_value` gives for any value.
    """
    if len(data) < 4:
        raise _malformed("a value is shorter than its header")
    code, dimensions = data[0], data[1]
    if data[2] or data[3]:
        raise _malformed("a value's reserved bytes are not zero")
    if code != TEXT_CODE and code not in DTYPES:
        raise _malformed(f"{code} is no dtype")
    if dimensions > MAX_DIMENSIONS or (code == TEXT_CODE and dimensions != 1):
        raise _malformed(f"a value has {dimensions} dimensions")
    end = 4 + 4 * dimensions
    start = _pad(end)
    if len(data) < start or any(data[end:start]):
        raise _malformed("a value's header is cut or badly padded")
    shape = tuple(
        int.from_bytes(data[4 + 4 * axis : 8 + 4 * axis], "little") for axis in range(dimensions)
    )
    if not _fits(shape):
        raise _malformed(f"a value of shape {shape} is too long")
    itemsize = 1 if code == TEXT_CODE else DTYPES[code].itemsize
    if len(data) - start != math.prod(shape) * itemsize:
        raise _malformed(f"a value of shape {shape} has {len(data) - start} bytes of elements")
    if code == TEXT_CODE:
        return bytes(data[start:])
    array: IntegerArray = np.frombuffer(data, dtype=DTYPES[code], offset=start).reshape(shape)
    array.flags.writeable = False
    return array


def get_value_size(value: Value) -> int:
    """Return the number of bytes that `encode_value` gives."""
    if isinstance(value, bytes):
        return 8 + len(value)
    return get_array_size(value.shape, value.dtype.itemsize)


def get_array_size(shape: Sequence[int], itemsize: int) -> int:
    """Return the number of bytes that an array of this shape encodes to."""
    return _pad(4 + 4 * len(shape)) + math.prod(shape) * itemsize


def validate_output_size(size: int) -> None:
    """Refuse a computation whose output would not fit the output region.

    Raises:
        InvalidInput: It takes more than `MAX_REGION_BYTES`.
    """
    if size > MAX_REGION_BYTES:
        raise InvalidInput(
            f"the output would take {size} bytes, more than the {MAX_REGION_BYTES} that fit"
        )


def _encode_header(code: int, shape: Sequence[int]) -> bytes:
    if len(shape) > MAX_DIMENSIONS:
        raise InvalidInput(f"an array of {len(shape)} dimensions has more than {MAX_DIMENSIONS}")
    if not _fits(shape):
        raise InvalidInput(f"an array of shape {tuple(shape)} is too long")
    header = bytes((code, len(shape), 0, 0)) + b"".join(
        length.to_bytes(4, "little") for length in shape
    )
    return header + _zeros(len(header))


def _fits(shape: Sequence[int]) -> bool:
    """Return whether any memory holds such lengths, though one of them be zero."""
    return math.prod(max(1, length) for length in shape) <= MAX_REGION_BYTES


def _pad(size: int) -> int:
    return -(-size // 8) * 8


def _zeros(size: int) -> bytes:
    return bytes(-size % 8)


def _malformed(detail: str) -> InvalidInput:
    return InvalidInput(f"the framed bytes are malformed: {detail}")
