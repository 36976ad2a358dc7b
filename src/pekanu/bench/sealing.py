"""How fast outputs are sealed, rooted, opened and audited on one core.

All four are taken in turn in one run, on the same bytes, so that their ratios hold on a machine
that others use too.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable

import numpy as np

from pekanu.crypto.keccak import hash_pairs, xor_pads
from pekanu.market import delivery
from pekanu.market.claim import Result

_MEGABYTE = 10**6


def measure(size: int = 32 << 20, runs: int = 5) -> dict[str, float]:
    """Return megabytes a second, the median of some runs.

    Args:
        size: Bytes of the output.
        runs: Counted runs, after one to warm up.
    """
    task_id, key, output = secrets.token_bytes(32), 0xC0FFEE, secrets.token_bytes(size)
    prefix = delivery.get_prefix(task_id, key, 0)
    sealed = delivery.seal(task_id, key, [output])
    results = [Result(output_root=sealed.output_roots[0], output_size=size)]
    rows = np.frombuffer(bytearray(output), dtype=np.uint8).reshape(-1, 32)
    steps: dict[str, Callable[[], object]] = {
        "pads_mb_per_second": lambda: xor_pads(prefix, 0, 1, rows),
        "seal_with_both_trees_mb_per_second": lambda: delivery.seal(task_id, key, [output]),
        "ciphertext_root_mb_per_second": lambda: delivery.get_ciphertext_root(
            [size], sealed.ciphertext
        ),
        "open_and_audit_mb_per_second": lambda: delivery.audit(
            task_id, key, results, sealed.ciphertext
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for run in range(1 + runs):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if run:
                seconds[name].append(time.perf_counter() - started)
    found = {name: size / _MEGABYTE / statistics.median(taken) for name, taken in seconds.items()}
    pairs = rows[: 2 * (len(rows) // 2)]
    started = time.perf_counter()
    hash_pairs(pairs)
    found["nanoseconds_per_hash"] = (time.perf_counter() - started) * 1e9 / (len(pairs) // 2)
    return found
