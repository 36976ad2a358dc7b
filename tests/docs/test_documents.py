"""Every document is true: its links lead somewhere, its examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md"))
    if "node_modules" not in path.parts
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _blocks(document: Path, language: str) -> list[str]:
    return [body for kind, body in BLOCK.findall(document.read_text()) if kind == language]


def _with(language: str) -> list[Path]:
    return [document for document in DOCUMENTS if _blocks(document, language)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_link__in_any_document__leads_to_a_file(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_code_block__in_any_document__has_a_known_language(document: Path) -> None:
    known = {"sh", "console", "python", "text"}
    assert {kind for kind, _ in BLOCK.findall(document.read_text())} <= known
    fences = re.findall(r"^```.*$", document.read_text(), re.MULTILINE)
    assert len(fences) == 2 * len(BLOCK.findall(document.read_text()))


@pytest.mark.parametrize("document", _with("sh"), ids=_name)
def test_make_target__named_in_a_document__exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for block in _blocks(document, "sh")
        for target in re.findall(r"^make ([a-z]+)", block, re.MULTILINE)
    }
    assert named <= targets


@pytest.mark.parametrize("document", _with("console"), ids=_name)
def test_console_block__run_as_written__prints_what_the_document_shows(
    document: Path, tmp_path: Path
) -> None:
    # One shell a document, so that later blocks see what earlier ones made. A command whose
    # output the document leaves out may print anything.
    steps: list[tuple[str, list[str]]] = []
    for line in "\n".join(_blocks(document, "console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.strip():
            steps[-1][1].append(line)
    script = ["set -e"]
    for number, (command, _) in enumerate(steps):
        script += [f"{{ {command}", f"}} > {number}.printed"]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PEKANU_HOME": str(tmp_path / "home"),
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }
    run = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for number, (command, shown) in enumerate(steps):
        if shown:
            printed = (tmp_path / f"{number}.printed").read_text().splitlines()
            assert printed == shown, command


@pytest.mark.parametrize("document", _with("python"), ids=_name)
def test_python_block__run_as_written__succeeds(document: Path, tmp_path: Path) -> None:
    source = "\n".join(_blocks(document, "python"))
    run = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_fairness_table__in_every_row__names_tests_that_exist() -> None:
    rows = (ROOT / "docs" / "fairness.md").read_text()
    named = set(re.findall(r"`(test_\w+__\w+)`", rows))
    sources = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    written = {name for text in sources for name in re.findall(r"def (test_\w+)\(", text)}
    assert len(named) > 30
    assert named - written == set()
    table = [row for row in rows.splitlines() if row.startswith("| ")][1:]
    assert all("`test_" in row for row in table)
