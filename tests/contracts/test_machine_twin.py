"""Reference and contract are twins: the same functions, arguments, comments and numbers."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

import pytest

from pekanu.crypto.merkle import zero_root
from pekanu.machine import isa, state

ROOT = Path(__file__).parents[2] / "src" / "pekanu"
FAMILIES = (
    *("access", "arithmetic", "control", "immediates", "loads", "multiplication"),
    *("stores", "system"),
)
#: Reference and contract.
TWINS = {
    "isa": ("machine/isa.py", "contracts/machine/isa.vy"),
    "state": ("machine/state.py", "contracts/machine/state.vy"),
    "paths": ("machine/paths.py", "contracts/machine/paths.vy"),
    "step": ("machine/step.py", "contracts/MachineStep.vy"),
    **{
        name: (f"machine/instructions/{name}.py", f"contracts/machine/{name}.vy")
        for name in FAMILIES
    },
}
#: What only one of them needs: running on, building words, telling what a witness lacks.
REFERENCE_ALONE = {"run", "pack_registers", "pack_status"}
CONTRACT_ALONE = {"check_unused", "get_status"}
#: The step's arguments differ: the one has the program, the other is shown what it reads of it.
OTHER_ARGUMENTS = {"step"}


@dataclass(frozen=True, kw_only=True)
class Function:
    name: str
    arguments: tuple[str, ...]
    comments: tuple[str, ...]


def read_reference(path: Path) -> list[Function]:
    text = path.read_text()
    comments = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and "noqa" not in token.string
    ]
    return [
        Function(
            name=node.name,
            arguments=tuple(argument.arg for argument in node.args.args),
            comments=tuple(
                text for line, text in comments if node.lineno <= line <= (node.end_lineno or 0)
            ),
        )
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name not in REFERENCE_ALONE
    ]


def read_contract(path: Path) -> list[Function]:
    found = []
    for part in re.split(r"^def ", path.read_text(), flags=re.MULTILINE)[1:]:
        name, arguments, rest = re.match(r"(\w+)\(([^)]*)\)(.*)", part, re.DOTALL).groups()  # type: ignore[union-attr]
        comments = re.findall(r"^ +(# .*)$", rest, flags=re.MULTILINE)
        names = re.findall(r"(\w+):", arguments)
        if name not in CONTRACT_ALONE:
            found.append(Function(name=name, arguments=tuple(names), comments=tuple(comments)))
    return found


@pytest.mark.parametrize("name", TWINS)
def test_twins__then_the_same_functions_arguments_and_comments(name: str) -> None:
    reference, contract = (ROOT / path for path in TWINS[name])
    ours, theirs = read_reference(reference), read_contract(contract)
    assert [one.name for one in ours] == [one.name for one in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.comments == other.comments, mine.name
        if mine.name not in OTHER_ARGUMENTS:
            assert mine.arguments == other.arguments, mine.name


def test_twins__then_all_files_have_one() -> None:
    contracts = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("contracts/machine/*.vy")}
    assert contracts | {"contracts/MachineStep.vy"} == {theirs for _, theirs in TWINS.values()}
    families = {path.stem for path in ROOT.glob("machine/instructions/*.py")} - {"__init__"}
    assert families == set(FAMILIES)


def test_paths__then_the_contract_s_roots_of_zeros_are_right() -> None:
    text = (ROOT / "contracts/machine/paths.vy").read_text()
    found = re.findall(r"^    0x([0-9a-f]{64}),$", text, re.MULTILINE)
    assert found == [zero_root(height).hex() for height in range(isa.MEMORY_DEPTH)]


def read_constants(path: Path) -> dict[str, int]:
    found = re.findall(r"^(\w+): constant\(uint256\) = (\d+)$", path.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}


def test_twins__then_the_same_numbers() -> None:
    numbers = read_constants(ROOT / "contracts/machine/isa.vy")
    ops = {op.name: int(op) for op in isa.Op}
    for name, number in numbers.items():
        expected = ops.get(name.rstrip("_"), getattr(isa, name, None))
        assert number == expected, name
    # `and` and `or` are words of the language.
    assert {op if op not in ("AND", "OR") else f"{op}_" for op in ops} <= set(numbers)

    numbers = read_constants(ROOT / "contracts/machine/state.vy")
    assert numbers.pop("PC") == state.REGISTERS
    assert numbers == {status.name: int(status) for status in state.Status}
