from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog.files import to_json
from support.moody import MOODY_ELF
from support.shell import Shell


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(21).reshape(7, 3))
    np.save(folder / "b.npy", np.arange(15).reshape(3, 5))
    np.save(folder / "floats.npy", np.ones((3, 5)))
    (folder / "words.txt").write_text("one two two\n")
    (folder / "bad.csv").write_text("1,2\n3,x\n")
    return folder


def test_matmul__of_two_files__is_the_exact_product(shell: Shell, files: Path) -> None:
    out = files / "c.npy"
    inputs = ("--input", f"a={files}/a.npy", "--input", f"b={files}/b.npy")
    told = shell("run", "matmul", "--local", *inputs, "--out", out, "--json").json
    a, b = np.load(files / "a.npy"), np.load(files / "b.npy")
    assert np.array_equal(np.load(out), a @ b)
    assert told["function"] == "matmul"


def test_wordcount__without_a_file_for_the_output__is_shown(shell: Shell, files: Path) -> None:
    run = shell("run", "wordcount", "--local", "--input", f"text={files}/words.txt")
    assert run.code == 0
    assert "two" in run.out
    assert "computed here" in run.err


def test_wordcount__with_json__prints_one_document(shell: Shell, files: Path) -> None:
    command = ("run", "wordcount", "--local", "--input", f"text={files}/words.txt", "--json")
    assert "two" in json.dumps(shell(*command).json["output"])


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (("a=a.npy", "b=missing.npy"), "there is no file"),
        (("a=a.npy", "b=a.npy"), "3"),
        (("a=a.npy", "b=floats.npy"), "float64"),
        (("a=a.npy", "b=bad.csv"), "line 2: 'x' stands where an integer belongs"),
        (("a=a.npy", "b=words.txt"), "b"),
        (("a=a.npy",), "matmul needs input b"),
        (("a=a.npy", "b=b.npy", "c=b.npy"), "no input 'c'"),
        (("a=a.npy", "a=b.npy"), "given twice"),
        (("a.npy",), "is not name=FILE"),
    ],
)
def test_matmul__of_what_does_not_fit__is_refused_and_writes_nothing(
    shell: Shell, files: Path, inputs: tuple[str, ...], sentence: str
) -> None:
    given = [part for text in inputs for part in ("--input", text.replace("=", f"={files}/"))]
    run = shell("run", "matmul", "--local", *given, "--out", files / "c.npy")
    run.assert_refused(2, sentence)
    assert not (files / "c.npy").exists()


@pytest.mark.parametrize(
    "name", [name for name in catalog.names() if not catalog.get(name).is_search]
)
def test_run__of_each_functions_example__then_it_is_computed_here(
    shell: Shell, tmp_path: Path, name: str
) -> None:
    function = catalog.get(name)
    inputs: list[str] = []
    for spec in function.inputs:
        given = function.example().get(spec.name)
        if spec.is_file and given is not None:
            is_text = isinstance(given, str)
            path = tmp_path / (spec.name + (".txt" if is_text else ".json"))
            path.write_text(given if is_text else json.dumps(given))
            given = path
        inputs += [] if given is None else ["--input", f"{spec.name}={given}"]
    out = tmp_path / "output.json"
    done = shell("run", name, "--local", *inputs, "--out", out)
    assert done.code == 0, done.err
    expected = function.execute(function.parse_inputs(function.example()))
    assert json.loads(out.read_text()) == to_json(function.decode_output(expected))


def test_run__of_an_unknown_function__is_refused(shell: Shell) -> None:
    shell("run", "alchemy", "--local").assert_refused(2, "alchemy")


def test_run__with_an_output_that_has_no_folder__is_refused_first(
    shell: Shell, files: Path
) -> None:
    inputs = ("--input", f"a={files}/a.npy", "--input", f"b={files}/b.npy")
    run = shell("run", "matmul", "--local", *inputs, "--out", files / "no" / "c.npy")
    run.assert_refused(2, "there is no folder")


def test_functions__listed__have_what_a_form_needs(shell: Shell) -> None:
    listed = shell("functions", "--json").json
    names = {function["name"] for function in listed}
    assert names == set(catalog.names())
    for function in listed:
        assert function["program_id"].startswith("0x")
        assert all("schema" in given for given in function["inputs"])
        assert function["output"]["title"]
        assert function["example_steps"] > 0


def test_functions__by_name__explain_inputs_and_check(shell: Shell) -> None:
    run = shell("functions", "matmul")
    assert run.code == 0
    assert "Freivalds" in run.out


def test_functions__by_an_unknown_name__are_refused(shell: Shell) -> None:
    shell("functions", "alchemy").assert_refused(2, "alchemy")


def test_run_local__of_a_program__tells_its_steps_and_how_it_ended(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "moody.elf").write_bytes(MOODY_ELF)
    for letter in "sl":
        (tmp_path / letter).write_text(letter)
    arguments = ("run", "--program", tmp_path / "moody.elf", "--local", "--max-steps", "5000")
    good = shell(*arguments, "--input", tmp_path / "s", "--json").json
    assert good["items"] == [
        {"status": "halted", "exit_code": 0, "output_size": 1, "output": b"s".hex()}
    ]
    assert 10 < good["steps"] < 100
    endless = shell(*arguments, "--input", tmp_path / "l")
    assert endless.code == 1
    assert "moody ended as running" in endless.err
    assert "5,000 steps" in endless.err
    both = shell(*arguments, "matmul", "--input", tmp_path / "s")
    both.assert_refused(2, "--program goes without FUNCTION and --batch")
    missing = shell("run", "--program", tmp_path / "none.elf", "--local")
    missing.assert_refused(2, "none.elf cannot be read")
    (tmp_path / "text").write_text("no program")
    other = shell("run", "--program", tmp_path / "text", "--local")
    other.assert_refused(2, "the file is no ELF file")


#: What the items of a batch put out, and what is seen of it.
BATCHES = {
    "lines": ([b"s one", b"s two\n", b"s"], "s one\ns two\ns\n"),
    "longer texts": (
        [b"s one\nmore\n", b"s two"],
        "==> item 0 <==\ns one\nmore\n\n==> item 1 <==\ns two\n",
    ),
    "no text": ([b"s one", b"s\xff\x00"], f"0x{b's one'.hex()}\n0x73ff00\n"),
}


@pytest.mark.parametrize("name", BATCHES)
def test_run_local__of_a_programs_batch__tells_its_outputs_apart(
    shell: Shell, tmp_path: Path, name: str
) -> None:
    contents, expected = BATCHES[name]
    (tmp_path / "moody.elf").write_bytes(MOODY_ELF)
    inputs: list[object] = []
    for number, content in enumerate(contents):
        (tmp_path / f"{number}").write_bytes(content)
        inputs += ["--input", tmp_path / f"{number}"]
    arguments = ("run", "--program", tmp_path / "moody.elf", "--local", *inputs)
    shown = shell(*arguments)
    assert (shown.code, shown.out) == (0, expected)
    assert ("item 1 is 3 bytes that are no text" in shown.err) is (name == "no text")
    assert ("--out FOLDER" in shown.err) is (name == "no text")
    assert shell(*arguments, "--out", tmp_path / "outputs").out == ""
    written = sorted((tmp_path / "outputs").iterdir())
    assert [one.read_bytes() for one in written] == contents
