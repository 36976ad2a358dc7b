"""What disputes may cost at most, by receipts of a chain under Osaka rules."""

from __future__ import annotations

from pekanu.bench.gas import measure_disputes


async def test_measure__of_a_dispute_over_2_40_steps__then_within_its_targets() -> None:
    figures = await measure_disputes()
    ends = ("_by_worker_total", "_by_challenger_total")
    totals = [gas for name, gas in figures.items() if name.endswith(ends)]
    # Either side lies, over an addition and over a store; the figure is the dearest of these.
    assert len(totals) == 4
    assert figures["dispute_2_40_total"] == max(totals) <= 750_000
    assert figures["dispute_2_40_transactions"] == 12
    # Two siblings of 32 bytes for each doubling of a batch, which are shown once.
    for count, depth in ((1000, 10), (2**32 - 1, 32)):
        more = figures[f"dispute_2_40_batch_{count}_total"] - figures["dispute_2_40_total"]
        assert 2_400 * depth < more < 2_650 * depth
