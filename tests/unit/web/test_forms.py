"""Forms from schemas: what is typed becomes an input, or a sentence beside its field."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pekanu import catalog
from pekanu.errors import InvalidInput
from pekanu.web.forms import build_fields, build_policies, read_draft
from pekanu.web.uploads import Uploads


class Source:
    """What a browser sends."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    async def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


@pytest.mark.parametrize("name", catalog.names())
def test_draft__of_each_functions_example__then_it_is_valid(name: str, uploads: Uploads) -> None:
    function = catalog.get(name)
    form = {field.name: field.example for field in build_fields(function, None, uploads)}
    draft = read_draft(function, form, uploads)
    assert draft.problems == {}
    assert draft.data == function.parse_inputs(dict(function.example()))
    assert draft.steps > 0


def test_draft__with_two_wrong_fields__then_each_has_its_sentence(uploads: Uploads) -> None:
    form = {"width": "wide", "height": "0", "center_x": "0", "center_y": "0", "span": "1"}
    draft = read_draft(catalog.get("mandelbrot"), form, uploads)
    assert set(draft.problems) == {"width", "height"}
    assert draft.data is None
    with pytest.raises(InvalidInput):
        draft.require()


def test_draft__of_inputs_that_do_not_fit_each_other__then_the_whole_is_wrong(
    uploads: Uploads,
) -> None:
    draft = read_draft(catalog.get("matmul"), {"a": "[[1, 2]]", "b": "[[1]]"}, uploads)
    assert set(draft.problems) == {""}


@pytest.mark.parametrize("text", ["", "[[1", "{}", "[[1], [2, 3]]", '[["x"]]', "[" * 5000])
def test_draft__of_no_matrix__then_it_says_so(text: str, uploads: Uploads) -> None:
    draft = read_draft(catalog.get("matmul"), {"a": text, "b": "[[1]]"}, uploads)
    assert "a" in draft.problems


@pytest.mark.parametrize(("field", "text"), [("max_price", "much"), ("policy", "hope")])
def test_draft__with_a_wrong_price_or_policy__then_it_is_not_valid(
    field: str, text: str, uploads: Uploads
) -> None:
    form = {"a": "[[1]]", "b": "[[1]]", field: text}
    draft = read_draft(catalog.get("matmul"), form, uploads)
    assert draft.data is None
    assert "max_price" in draft.problems


def test_policies__of_a_function_with_a_check__then_it_comes_first() -> None:
    first, *_ = build_policies(catalog.get("matmul"), "check")
    assert first.value == "check"
    assert first.is_chosen
    assert all(one.value != "check" for one in build_policies(catalog.get("wordcount"), "none"))


async def test_upload__of_a_file__then_its_name_has_no_folders(uploads: Uploads) -> None:
    held = await uploads.take(Source(b"1,2\n"), "../../etc/a.csv", (".npy", ".csv"))
    assert held.name == "a.csv"
    assert uploads.find(f"upload:{held.id}").path.read_bytes() == b"1,2\n"
    assert held.path.stat().st_size == held.size_bytes


@pytest.mark.parametrize("name", ["a.exe", "a", "", ".npy/.."])
async def test_upload__of_another_kind__then_it_is_refused(name: str, uploads: Uploads) -> None:
    with pytest.raises(InvalidInput):
        await uploads.take(Source(b""), name, (".npy",))


@pytest.mark.parametrize("text", ["upload:", "upload:..", "upload:" + "0" * 32, "upload:/etc"])
def test_find__of_what_is_not_held__then_it_is_refused(text: str, uploads: Uploads) -> None:
    with pytest.raises(InvalidInput, match="not here any more"):
        uploads.find(text)


async def test_upload__of_too_many__then_the_oldest_go(uploads: Uploads) -> None:
    held = [await uploads.take(Source(b""), "a.npy", (".npy",)) for _ in range(66)]
    assert uploads.find(f"upload:{held[-1].id}")
    left = 0
    for one in held:
        try:
            uploads.find(f"upload:{one.id}")
            left += 1
        except InvalidInput:
            pass
    assert left == 64
