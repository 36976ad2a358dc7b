"""Functions of the catalog and of third parties."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pekanu import catalog
from pekanu.catalog import registry
from pekanu.errors import InvalidInput
from pekanu.machine.executor import run
from pekanu.toolchain import compile_program

MANIFEST = {
    "name": "double",
    "version": 3,
    "title": "Double",
    "summary": "Doubles a number.",
    "description": "The output is twice the number.",
    "inputs": [
        {
            "name": "number",
            "kind": "integer",
            "title": "Number",
            "description": "Any.",
            "schema": {"type": "integer", "minimum": 0, "maximum": 1000},
        }
    ],
    "output": {"kind": "integer", "title": "T", "description": "D", "schema": {}},
    "check": None,
    "steps": "10",
    "show": ["table"],
    "example": {"number": 21},
}
NATIVE = """
def validate(values): pass
def execute(values, progress): return values[0] * 2 + (values[0] - values[0])
def estimate_steps(values): return 10
def estimate_output_size(values): return 16
"""
SHOW = """
def decode(value): return int(value)
def build_views(value): return []
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of installed packages whose entry point names `double`."""
    package = tmp_path / "third_party_double"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "native.py").write_text(NATIVE)
    (package / "show.py").write_text(SHOW)
    (package / "manifest.json").write_text(json.dumps(MANIFEST))
    info = tmp_path / "third_party_double-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party-double\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[pekanu.functions]\ndouble = third_party_double\nmatmul = third_party_double\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._packages.cache_clear()
    registry._load.cache_clear()
    yield package
    registry._packages.cache_clear()
    registry._load.cache_clear()
    for module in [name for name in sys.modules if name.startswith("third_party_double")]:
        del sys.modules[module]


def test_names__when_nothing_is_installed__then_are_the_catalogs_own() -> None:
    assert catalog.names()[:6] == [
        "matmul",
        "factor",
        "sort",
        "linsolve",
        "mandelbrot",
        "wordcount",
    ]


def test_get__when_unknown__then_names_the_functions_there_are() -> None:
    with pytest.raises(InvalidInput, match="no function 'matmull'") as caught:
        catalog.get("matmull")
    assert caught.value.hint is not None
    assert "matmul, factor" in caught.value.hint


def test_get__when_installed_by_a_third_party__then_runs(site: Path) -> None:
    assert site.exists()
    assert "double" in catalog.names()
    double = catalog.get("double")
    output = double.execute(double.parse_inputs({"number": 21}))
    assert double.decode_output(output) == 42
    assert double.manifest.default_policy == "recompute"


PROGRAM = """
#include "value.h"
int main(void) {
    struct value number;
    value_read_all(&number, 1);
    int64_t given = value_get_bounded(&number, 0, 1000);
    *(int64_t *)value_begin(DTYPE_INT64, 0, NULL) = 2 * given;
    return 0;
}
"""


def test_get__when_a_third_party_brings_a_program__then_it_is_sold_like_ours(site: Path) -> None:
    (site / "double.c").write_text(PROGRAM)
    (site / "program.elf").write_bytes(compile_program([site / "double.c"]))
    double = catalog.get("double")
    data = double.parse_inputs({"number": 500})
    done = run(double.program, data)
    assert (done.exit_code, done.output) == (0, double.execute(data))
    assert catalog.find(double.program_id) is double
    wrong = catalog.frame([np.array(1001, dtype=np.int64)])
    assert run(double.program, wrong).exit_code == 100


def test_functions__with_installed_ones__then_whole_ones_are_listed_and_broken_ones_named(
    site: Path,
) -> None:
    def list_functions() -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", "from pekanu.cli import main; main()", "functions"],
            env=os.environ | {"PYTHONPATH": str(site.parent), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, done.stderr

    listed, notes = list_functions()
    assert "Doubles a number" not in listed
    assert "the program of double was not installed" in notes
    (site / "double.c").write_text(PROGRAM)
    (site / "program.elf").write_bytes(compile_program([site / "double.c"]))
    listed, _ = list_functions()
    assert "Doubles a number" in listed
    (site / "manifest.json").write_text("{")
    listed, notes = list_functions()
    assert "matmul" in listed
    assert "the manifest of third_party_double cannot be read" in notes


def test_get__when_a_third_party_takes_a_name_of_ours__then_ours_stays(site: Path) -> None:
    assert site.exists()
    assert catalog.get("matmul").package == "pekanu.catalog.matmul"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "cannot be read"),
        ("[]", "is no JSON object"),
        ("{}", "lacks"),
        (json.dumps(MANIFEST | {"name": "triple"}), "is for 'triple'"),
        (json.dumps(MANIFEST | {"version": "x"}), "is malformed"),
        (json.dumps(MANIFEST | {"inputs": [1]}), "is malformed"),
    ],
)
def test_get__when_a_third_partys_manifest_is_broken__then_refuses_and_others_work(
    site: Path, content: str, sentence: str
) -> None:
    (site / "manifest.json").write_text(content)
    with pytest.raises(catalog.InvalidManifest, match=sentence):
        catalog.get("double")
    assert catalog.find(catalog.get("sort").program_id) is catalog.get("sort")
