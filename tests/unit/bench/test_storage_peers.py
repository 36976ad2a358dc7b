"""The programs that storage is measured beside do what they are told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pekanu.bench.storage import Figures, _measure_peer, _report, _write_files
from pekanu.bench.storage_peers import PEERS, Peer

SIZE = 3 << 20


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.program)
def test_measure_peer__when_installed__then_every_act_is_timed(peer: Peer, tmp_path: Path) -> None:
    if shutil.which(peer.program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{peer.program} is missing")
        pytest.skip(f"{peer.program} is not installed")
    files = _write_files(tmp_path / "files", SIZE)
    figures = _measure_peer(peer, tmp_path / peer.program, files)
    assert set(figures.seconds) == {"put", "verify", "get", "get_synced", "put_again"}
    assert figures.seconds["get_synced"] > figures.seconds["get"]
    assert all(took > 0 for took in figures.seconds.values())
    assert 0 < figures.added_bytes < figures.stored_bytes


def test_report__when_there_are_peers__then_ratios_are_theirs_over_ours() -> None:
    def build(put: float, get: float) -> Figures:
        seconds = {"put": put, "get": get, "get_synced": 2 * get}
        return Figures(seconds=seconds, added_bytes=SIZE // 100, stored_bytes=SIZE)

    report = _report({"pekanu": build(2, 4), "restic": build(3, 2)}, SIZE)
    assert (report["put_over_restic"], report["get_over_restic"]) == (1.5, 0.5)
    assert report["get_synced_over_restic"] == 0.5
    assert report["programs"]["pekanu"]["put_mib_per_second"] == 1.5
    assert report["programs"]["pekanu"]["added_share"] == 0.01
