"""The command line as people meet it: real subprocesses, against a real development chain."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pekanu.chain import Keystore
from support.shell import PASSWORD, PROGRAM, RunningChain, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A home with nothing in it, and no chain."""
    home = tmp_path / "home"
    return Shell(home=home, variables={"PEKANU_RPC": "http://127.0.0.1:9"})


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningChain]:
    """`pekanu devnet` in a process of its own."""
    home = tmp_path_factory.mktemp("devnet") / "home"
    shell = Shell(home=home, variables={})
    with subprocess.Popen(
        [PROGRAM, "devnet", "--port", "0", "--json"],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line == "}\n":
                    break
            found = json.loads("".join(lines))
            yield RunningChain(
                rpc=found["rpc"],
                chain_id=found["chain_id"],
                addresses=tuple(one["address"] for one in found["accounts"]),
                keys=tuple(one["key"] for one in found["accounts"]),
            )
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@pytest.fixture(scope="session")
def market(devnet: RunningChain, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A home with the accounts alice, bob and carol (who has nothing), and a deployed market."""
    home = tmp_path_factory.mktemp("market") / "home"
    variables = {"PEKANU_RPC": devnet.rpc, "PEKANU_PASSWORD": PASSWORD}
    shell = Shell(home=home, variables=variables)
    # A light key derivation: these tests unlock accounts dozens of times.
    keystore = Keystore(home / "keystore", work_factor=1 << 12)
    keystore.import_key("alice", devnet.keys[0], PASSWORD)
    keystore.import_key("bob", devnet.keys[1], PASSWORD)
    keystore.create("carol", PASSWORD)
    assert shell("deploy", "--account", "alice").code == 0
    return shell
