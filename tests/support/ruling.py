"""The ruling of a dispute, as its page shows it."""

from __future__ import annotations

from typing import Any


async def see_ruling(page: Any) -> Any:
    """Return the region that shows the instruction, once the referee has ruled."""
    await page.locator(".standing[data-tone=bad]").wait_for()
    await page.get_by_text("Ruled against the worker, by one instruction.").wait_for()
    proof = page.get_by_role("region", name="The instruction that decided")
    await proof.locator(".instruction").wait_for()
    await (
        proof.get_by_text("told the truth about this step")
        .or_(proof.get_by_text("did not tell the truth about this step"))
        .wait_for()
    )
    rungs = await page.locator(".rungs li").count()
    assert await page.locator(".rungs .chosen").count() == rungs >= 2
    clocks = page.locator("#dispute-clocks")
    await clocks.get_by_text("was wrong").wait_for()
    await clocks.get_by_text("was right").wait_for()
    return proof
