"""The command line loads what a command needs, and finds every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pekanu.cli.main import GROUPS, build_app


def list_commands(app: typer.Typer) -> list[str]:
    return list(typer.main.get_group(app).commands)


def test_groups__when_each_is_loaded_alone__then_it_adds_what_the_table_says() -> None:
    for names in GROUPS.values():
        for name in names:
            assert sorted(list_commands(build_app(name))) == sorted(names)


@pytest.mark.parametrize("first", ["", "--help", "nonsense"])
def test_build_app__of_no_command__then_all_are_there(first: str) -> None:
    assert sorted(list_commands(build_app(first))) == sorted(sum(GROUPS.values(), ()))


def test_command__when_it_runs__then_the_modules_of_others_stay_away() -> None:
    code = (
        "import sys; from pekanu.cli.main import _run; _run(['store', 'ls', '--help']);"
        "print([name for name in sys.modules if name.startswith('pekanu.cli.')], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pekanu.cli.store" in done.stderr
    assert "pekanu.cli.worker" not in done.stderr


def test_store_get__when_it_runs__then_what_only_others_need_stays_away(tmp_path: Path) -> None:
    code = (
        "import sys; from pekanu.cli.main import _run;"
        f"_run(['store', 'get', 'x', '--home', {str(tmp_path)!r}]); print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded > {"pekanu.node.storage.reading", "pekanu.node.market_desk"}
    assert not loaded & {
        "pekanu.chain.referee_contract",
        "pekanu.dispute.history",
        "pekanu.node.peer_messages",
        "pekanu.node.referees",
        "pekanu.node.storage.storer",
        "pekanu.ringers",
        "sqlalchemy",
    }
