"""Every document is true: its links lead somewhere, its examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


def test_decisions__have_a_number_each__which_is_their_files() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [int(re.match(r"# (\d+)\. ", page.read_text()).group(1)) for page in pages]
    assert numbers == [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_code_block__in_any_document__has_a_known_language(document: Path) -> None:
    known = {"sh", "console", "python", "text", "c", "rust", "toml"}
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


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a document's examples run: a folder, a home, and what the document says is running."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


@contextmanager
def _open_place(document: Path, folder: Path) -> Iterator[Place]:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PEKANU_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PEKANU_HOME": str(folder / "home"),
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }
    place = Place(folder=folder, environment=environment)
    if not any("pekanu up" in block for block in _blocks(document, "sh")):
        yield place
        return
    log = folder / "up.log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            ["pekanu", "up", "--chain-port", "0"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        ) as up,
    ):
        try:
            until = time.monotonic() + 60
            while " works at " not in log.read_text():
                assert up.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
            assert found is not None
            environment["PEKANU_RPC"] = found.group()
            yield place
        finally:
            up.terminate()
            assert up.wait(30) == 0, log.read_text()


def _build_script(steps: list[tuple[str, list[str]]]) -> str:
    script = ["set -e"]
    for number, (command, _) in enumerate(steps):
        script += [f"{{ {command}", f"}} > {number}.printed"]
    script.append("env > variables")
    return "\n".join(script)


@pytest.mark.parametrize("document", sorted({*_with("console"), *_with("python")}), ids=_name)
def test_examples__run_as_written__print_what_the_document_shows(
    document: Path, tmp_path: Path
) -> None:
    # One shell a document, so that later blocks see what earlier ones made. A command whose
    # output the document leaves out may print anything.
    steps: list[tuple[str, list[str]]] = []
    for line in "\n".join(_blocks(document, "console")).splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif line.startswith("> ") and not steps[-1][1]:
            steps[-1] = (f"{steps[-1][0]}\n{line[2:]}", [])
        elif line.strip():
            steps[-1][1].append(line)
    with _open_place(document, tmp_path) as place:
        run = place.run("bash", "-c", _build_script(steps))
        assert run.returncode == 0, run.stderr
        for number, (command, shown) in enumerate(steps):
            if shown:
                printed = (tmp_path / f"{number}.printed").read_text().splitlines()
                assert printed == shown, command
        pairs = (line.partition("=") for line in (tmp_path / "variables").read_text().splitlines())
        place.environment.update(
            {name: value for name, _, value in pairs if name.startswith("PEKANU_")}
        )
        source = "\n".join(_blocks(document, "python"))
        run = place.run(sys.executable, "-c", source)
        assert run.returncode == 0, run.stderr
