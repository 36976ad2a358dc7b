"""What disputes may cost at most, by receipts of a chain under Osaka rules."""

from __future__ import annotations

from pekanu.bench.gas import measure_disputes


async def test_measure__of_a_dispute_over_2_40_steps__then_within_its_targets() -> None:
    figures = await measure_disputes()
    totals = [gas for name, gas in figures.items() if name.endswith("_total")]
    # Either side lies, over an addition and over a store; the figure is the dearest of these.
    assert len(totals) == 5
    assert figures["dispute_2_40_total"] == max(totals) <= 750_000
    assert figures["dispute_2_40_transactions"] == 12
