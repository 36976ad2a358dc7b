"""What every function of the catalog does, and what a caller may pass."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pekanu import catalog
from pekanu.catalog.terminal import render
from pekanu.errors import InvalidInput

NAMES = (
    *("matmul", "factor", "sort", "linsolve", "mandelbrot", "wordcount"),
    *("sha256-chain", "montecarlo", "inference", "sat"),
)

Rng = Callable[[int], bytes]


@pytest.mark.parametrize("name", NAMES)
def test_get__when_a_function_is_ours__then_its_manifest_fits_the_schema(name: str) -> None:
    function = catalog.get(name)
    text = resources.files("pekanu.catalog").joinpath("manifest.schema.json").read_text()
    jsonschema.validate(function.manifest.document, json.loads(text))
    for spec in function.inputs:
        jsonschema.Draft202012Validator.check_schema(dict(spec.schema))
        if spec.name in function.example():
            jsonschema.validate(function.example()[spec.name], dict(spec.schema))


@pytest.mark.parametrize("name", NAMES)
def test_execute__when_given_the_example__then_all_policies_accept(name: str, rng: Rng) -> None:
    function = catalog.get(name)
    data = function.parse_inputs(function.example())
    shares: list[float] = []
    output = function.execute(data, shares.append)
    assert output == function.execute(data)
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert len(output) <= function.estimate_output_size(data)
    assert function.estimate_steps(data) > 1000
    for policy in (function.manifest.default_policy, "recompute", "sample:0.5", "none"):
        assert catalog.verify(function, data, output, catalog.parse_policy(policy), rng).ok


@pytest.mark.parametrize("name", NAMES)
def test_verify__when_any_bit_is_flipped__then_refuses(name: str) -> None:
    function = catalog.get(name)
    example = dict(function.example())
    if name == "mandelbrot":
        example |= {"width": 40, "height": 30}  # few enough pixels for the sample to hold all
    data = function.parse_inputs(example)
    output = function.execute(data)
    policy = catalog.parse_policy(function.manifest.default_policy)
    generator = random.Random(name)
    bits = range(8 * len(output))
    for bit in generator.sample(bits, min(len(bits), 400)):
        wrong = bytearray(output)
        wrong[bit // 8] ^= 1 << bit % 8
        verdict = catalog.verify(function, data, bytes(wrong), policy, generator.randbytes)
        assert not verdict.ok, bit


@pytest.mark.parametrize("name", NAMES)
def test_verify__when_the_output_is_cut_extended_or_foreign__then_refuses(
    name: str, rng: Rng
) -> None:
    function = catalog.get(name)
    data = function.parse_inputs(function.example())
    output = function.execute(data)
    policy = catalog.parse_policy(function.manifest.default_policy)
    lies = [
        b"",
        output[:-1],
        output + b"\0",
        output + output,
        b"\0" * len(output),
        catalog.framing.encode_value(b""),
        catalog.framing.encode_value(b"\xff\xfe\n"),
        catalog.framing.encode_value(b"9" * 5000 + b": 3\n"),
        catalog.framing.encode_value(np.zeros((), dtype=np.uint64)),
        catalog.framing.encode_value(np.zeros((2, 0, 3), dtype=np.uint16)),
        catalog.framing.encode_value(np.zeros(1, dtype=np.uint64)),
    ]
    for lie in lies:
        assert not catalog.verify(function, data, lie, policy, rng).ok, lie


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_parse_frame__when_a_frame_is_damaged__then_refuses_or_stays_in_bounds(
    name: str, data: st.DataObject
) -> None:
    function = catalog.get(name)
    good = function.parse_inputs(function.example())
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        bad[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        values = function.parse_frame(bytes(bad))
    except InvalidInput:
        return
    assert catalog.frame(values) == bytes(bad)
    assert function.estimate_output_size(bytes(bad)) <= catalog.MAX_REGION_BYTES
    assert function.estimate_steps(bytes(bad)) >= 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("colour", [True, False])
def test_render__when_given_an_output__then_a_terminal_shows_it(name: str, *, colour: bool) -> None:
    function = catalog.get(name)
    output = function.execute(function.parse_inputs(function.example()))
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(render(function.show(output), colour=colour))
    assert console.export_text().strip()
    console.file.close()


def test_bind__when_positional_and_named__then_gives_inputs_by_name() -> None:
    linsolve = catalog.get("linsolve")
    assert linsolve.bind([[1]], [2], p=7) == {"a": [[1]], "b": [2], "p": 7}
    with pytest.raises(InvalidInput, match="given twice"):
        linsolve.bind([[1]], a=[[1]])
    with pytest.raises(InvalidInput, match="takes 3 inputs, not 4"):
        linsolve.bind(1, 2, 3, 4)


def test_parse_literals__when_given_pairs__then_files_are_paths_and_numbers_text() -> None:
    linsolve = catalog.get("linsolve")
    bound = linsolve.parse_literals(["a=A.npy", "b=x=y.csv", "p=101"])
    assert bound == {"a": Path("A.npy"), "b": Path("x=y.csv"), "p": "101"}
    for pairs, sentence in (
        (["a"], "is not name=FILE"),
        (["c=A.npy"], "has no input 'c'"),
        (["a=A.npy", "a=B.npy"], "given twice"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            linsolve.parse_literals(pairs)


def test_parse_inputs__when_an_input_is_missing_or_unknown__then_refuses() -> None:
    matmul = catalog.get("matmul")
    with pytest.raises(InvalidInput, match="matmul needs input b") as caught:
        matmul.parse_inputs({"a": [[1]]})
    assert caught.value.hint == "its inputs are a, b"
    with pytest.raises(InvalidInput, match="no input 'c'"):
        matmul.parse_inputs({"a": [[1]], "b": [[1]], "c": 1})


def test_parse_frame__when_another_functions_input__then_refuses() -> None:
    matmul, sort = catalog.get("matmul"), catalog.get("sort")
    data = sort.parse_inputs(sort.example())
    with pytest.raises(InvalidInput, match="input b"):
        matmul.parse_frame(data)
    with pytest.raises(InvalidInput, match="takes 1 inputs, not 2"):
        catalog.get("factor").parse_frame(data)


def test_import__when_listing_the_catalog__then_loads_no_compiler() -> None:
    code = (
        "import sys, pekanu.catalog as c; [c.get(n).title for n in c.names()];"
        "print(sorted({'numba', 'gmpy2', 'llvmlite'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
