"""A forgotten password is searched for, and ringers tell whether all of it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.axe import check
from support.tabs import Visitors
from support.worker_process import run_worker

PASSWORD = "summer73!"  # noqa: S105 - it is what is searched for


async def test_search__for_a_password__then_it_is_found_and_the_odds_were_shown(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await visitors.enter(served, "/compute/hash-search")
        await page.get_by_label("Pattern", exact=True).fill("summer[0-9]{2}!")
        await page.get_by_label("Hashes", exact=True).fill("not a hash")
        await (
            page.locator("#field-targets .problem")
            .or_(page.locator("#estimate .problem"))
            .first.wait_for()
        )
        target = hashlib.sha256(PASSWORD.encode()).hexdigest()
        await page.get_by_label("Hashes", exact=True).fill(target)
        odds = page.locator(".odds")
        half = odds.get_by_role("row", name="half").locator("td")
        slider = page.get_by_role("slider")
        await slider.fill("2")
        await page.locator("output[for=ringers]", has_text="2").wait_for()
        await half.wait_for()
        few = await half.inner_text()
        await slider.fill("12")
        await page.wait_for_function(
            "few => document.querySelector('.odds td')?.textContent !== few", arg=few
        )
        assert float((await half.inner_text()).rstrip(" %")) < float(few.rstrip(" %"))
        assert await check(page, "a search") == []
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_role("button", name="Review the order").click()
        await page.get_by_text("your ringers are among what was found").wait_for()
        await page.get_by_role("button", name="Buy for").click()
        await page.locator(".standing[data-tone=good]").wait_for()
        result = page.get_by_role("region", name="Result")
        await result.get_by_text(PASSWORD).wait_for()
        # What it planted itself is nothing that was looked for.
        assert (await result.inner_text()).count("summer") == 1


async def test_search__with_more_ringers_than_candidates__then_it_says_so(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.enter(served, "/compute/hash-search")
    await page.get_by_label("Pattern", exact=True).fill("a[0-9]")
    await page.get_by_label("Hashes", exact=True).fill("00" * 32)
    await page.get_by_role("slider").fill("20")
    await page.get_by_text("among 10 candidates there can be at most 5 ringers").wait_for()
