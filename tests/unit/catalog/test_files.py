"""Files become values, or one clear sentence."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.files import MAX_FILE_BYTES, read_file
from pekanu.errors import InvalidInput


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def save(folder: Path, name: str, array: np.ndarray) -> Path:
    np.save(folder / name, array, allow_pickle=array.dtype == object)
    return folder / name


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "1,2\n3,-4\n"),
        ("a.csv", "1, 2\r\n\r\n3, -4\r\n"),
        ("a.csv", "\ufeff1,2\n3,-4"),
        ("a.json", "[[1, 2], [3, -4]]"),
    ],
)
def test_parse_inputs__when_given_a_text_file__then_gives_its_integers(
    tmp_path: Path, name: str, content: str
) -> None:
    matmul = catalog.get("matmul")
    path = write(tmp_path, name, content)
    data = matmul.parse_inputs({"a": path, "b": path})
    assert data == matmul.parse_inputs({"a": [[1, 2], [3, -4]], "b": [[1, 2], [3, -4]]})


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_parse_inputs__when_given_npy__then_keeps_type_and_elements(
    tmp_path: Path, dtype: str, order: str
) -> None:
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    matmul = catalog.get("matmul")
    data = matmul.parse_inputs({"a": save(tmp_path, "a.npy", array), "b": array.T})
    left = matmul.parse_frame(data)[0]
    assert not isinstance(left, bytes)
    assert left.dtype.name == array.dtype.name
    assert np.array_equal(left, array)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.csv", "1,2\n3\n", "line 2: 1 cells where line 1 has 2"),
        ("a.csv", "1,2\n3,4.5\n", "line 2: '4.5' stands where an integer belongs"),
        ("a.csv", "x,y\n1,2\n", "line 1: 'x' stands"),
        ("a.csv", "1,,2\n", "line 1: '' stands"),
        ("a.csv", b"\xff\xfe", "not UTF-8"),
        ("a.csv", "9223372036854775808,-1\n", "do not fit 64 bits"),
        ("a.json", "[[1, 2], [3]]", "rows have different lengths"),
        ("a.json", "[[1, 2], 3]", "rows have different lengths"),
        ("a.json", "[[1, [2]], [3, 4]]", "different lengths"),
        ("a.json", "[[1.5]]", r"float 1\.5 stands where an integer belongs"),
        ("a.json", "[[true]]", "bool True stands"),
        ("a.json", "[[null]]", "NoneType None stands"),
        ("a.json", "[[18446744073709551616]]", "do not fit 64 bits"),
        ("a.json", "[[" + "9" * 5000 + "]]", "is not JSON"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[" * 100000, "is not JSON"),
        ("a.json", '{"a": 1}', "stands where an array belongs"),
        ("a.json", "[1, 2]", r"shape \(2,\) has not 2 dimensions"),
        ("a.npy", b"", "is no .npy file"),
        ("a.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<i8'}", "is no .npy file"),
        ("a.npy", b"PK\x03\x04 not a zip", "is no .npy file"),
        ("a.npy", b"not numpy at all", "is no .npy file"),
        ("a.bin", b"\1\2\3\4", "stands where an array belongs"),
    ],
)
def test_parse_inputs__when_a_file_is_bad__then_refuses_in_a_sentence(
    tmp_path: Path, name: str, content: str | bytes, sentence: str
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(InvalidInput, match=sentence) as caught:
        catalog.get("matmul").parse_inputs({"a": path, "b": [[1]]})
    assert caught.value.message.startswith("input a: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((2, 2)), "float64 stands where integers belong"),
        (np.zeros((2, 2), dtype=np.bool_), "bool stands where integers belong"),
        (np.zeros((2, 2), dtype=np.complex64), "complex64 stands where integers belong"),
        (np.zeros(3, dtype=np.int8), "has not 2 dimensions"),
        (np.array([[{}]], dtype=object), "is no .npy file of numbers"),
    ],
)
def test_parse_inputs__when_npy_holds_something_else__then_refuses(
    tmp_path: Path, array: np.ndarray, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        catalog.get("matmul").parse_inputs({"a": save(tmp_path, "a.npy", array), "b": [[1]]})


def test_read_file__when_npy_claims_more_than_it_holds__then_refuses(tmp_path: Path) -> None:
    path = save(tmp_path, "a.npy", np.zeros((2, 2), dtype=np.int64))
    path.write_bytes(path.read_bytes().replace(b"(2, 2)", b"(2, 9)"))
    with pytest.raises(InvalidInput, match=r"is no \.npy file"):
        read_file(path)


def test_read_file__when_npy_is_empty__then_keeps_its_shape(tmp_path: Path) -> None:
    read = read_file(save(tmp_path, "a.npy", np.zeros((0, 5), dtype=np.int64)))
    assert isinstance(read, np.ndarray)
    assert read.shape == (0, 5)


def test_read_file__when_missing_or_a_folder__then_refuses(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file"):
        read_file(tmp_path / "none.npy")
    with pytest.raises(InvalidInput, match="is not a file"):
        read_file(tmp_path)


def test_read_file__when_too_large__then_refuses_without_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidInput, match="more than the"):
        read_file(path)
    array = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.int64, (9000, 1000))
    array.flush()
    with pytest.raises(InvalidInput, match="holds 72000000 bytes"):
        read_file(tmp_path / "a.npy")


def test_write_output__when_array__then_each_format_reads_back(tmp_path: Path) -> None:
    matmul = catalog.get("matmul")
    output = matmul.execute(matmul.parse_inputs({"a": [[1, 2], [3, 4]], "b": [[1, 0], [0, -1]]}))
    expected = [[1, -2], [3, -4]]
    for name in ("c.npy", "c.csv", "c.json"):
        path = tmp_path / name
        matmul.write_output(output, path)
        read = read_file(path)
        assert np.array_equal(np.array(read), expected)
    matmul.write_output(output, tmp_path / "c.txt")
    assert (tmp_path / "c.txt").read_text() == "1 -2\n3 -4\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "c.csv",
        "c.json",
        "c.npy",
        "c.txt",
    ]


def test_write_output__when_text__then_each_format_reads_back(tmp_path: Path) -> None:
    wordcount = catalog.get("wordcount")
    output = wordcount.execute(wordcount.parse_inputs({"text": "b a b"}))
    wordcount.write_output(output, tmp_path / "c.txt")
    assert (tmp_path / "c.txt").read_bytes() == b"a\t1\nb\t2\n"
    wordcount.write_output(output, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_bytes() == b"a,1\nb,2\n"
    wordcount.write_output(output, tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text()) == {"a": 1, "b": 2}
    with pytest.raises(InvalidInput, match=r"cannot be written as \.npy"):
        wordcount.write_output(output, tmp_path / "c.npy")


def test_write_output__when_it_cannot_be_written__then_refuses(tmp_path: Path) -> None:
    matmul = catalog.get("matmul")
    output = matmul.execute(matmul.parse_inputs(matmul.example()))
    with pytest.raises(InvalidInput, match=r"cannot be written as \.exe"):
        matmul.write_output(output, tmp_path / "c.exe")
    with pytest.raises(InvalidInput, match="No such file or directory"):
        matmul.write_output(output, tmp_path / "none" / "c.npy")


def test_write_output__when_a_picture__then_png_has_its_pixels(tmp_path: Path) -> None:
    mandelbrot = catalog.get("mandelbrot")
    output = mandelbrot.execute(mandelbrot.parse_inputs({"width": 5, "height": 3}))
    mandelbrot.write_output(output, tmp_path / "c.png")
    png = (tmp_path / "c.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (5, 3)
    length = struct.unpack(">I", png[33:37])[0]
    rows = zlib.decompress(png[41 : 41 + length])
    (picture,) = mandelbrot.show(output)
    assert isinstance(picture, catalog.Picture)
    assert b"".join(rows[1 + 6 * row : 6 + 6 * row] for row in range(3)) == picture.pixels
