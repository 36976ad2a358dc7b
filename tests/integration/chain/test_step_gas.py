"""What one step costs on chain, at worst."""

from __future__ import annotations

from typing import Final

from pekanu.bench.step_proof import build_worst_state
from pekanu.chain import Devnet
from pekanu.chain.step_check import check_on_devnet
from pekanu.machine.step import step
from pekanu.machine.witness import build_proof

#: Source: design/engineering.md, "Benchmarks".
TARGET: Final = 90_000


def test_gas__of_the_worst_step__then_within_the_target(devnet: Devnet) -> None:
    program, state = build_worst_state()
    proof = build_proof(program, state)
    step(program, state)
    answer = check_on_devnet(devnet, proof)
    assert answer.after_root == state.root
    # Of a transaction that was mined.
    assert 60_000 < answer.gas <= TARGET
