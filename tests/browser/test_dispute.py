"""A worker lies; a person with a browser watches the referee find the instruction."""

from __future__ import annotations

import asyncio
import re

from pekanu.chain import AddressBook, Devnet
from pekanu.demo.cheats import LyingWorker
from pekanu.types import Wei
from pekanu.web.serving import Served
from support.axe import check
from support.nodes import ETHER, TERMS, open_town
from support.ruling import see_ruling
from support.tabs import Visitors, settle


async def test_dispute__about_a_lie__then_it_narrows_to_the_instruction_that_shows_it(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1], kind=LyingWorker)
        page = await visitors.enter(served, "/compute/matmul")
        await page.get_by_role("button", name="Use the example").click()
        # The output is right, and its state is not: only computing it again shows that.
        await page.get_by_label("Compute it again here").check()
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_role("button", name="Review the order").click()
        await page.get_by_role("button", name="Buy for").click()
        await page.get_by_text("The output is wrong").first.wait_for()
        # The worker waits for an approval that does not come, until it must deliver.
        await asyncio.to_thread(devnet.advance_time, TERMS.compute_window - 60)
        await page.get_by_role("link", name="See the dispute").click()
        await page.get_by_role("heading", name="Dispute").wait_for()
        await settle(page)
        other = await visitors.enter(served, page.url.removeprefix(served.url))
        for one in (page, other):
            proof = await see_ruling(one)
        rows = proof.locator(".states tbody tr")
        computed = await rows.last.locator("code").inner_text()
        (right,) = await rows.filter(has_text="right").locator("code").all_inner_texts()
        (wrong,) = await rows.filter(has_text="wrong").locator("code").all_inner_texts()
        assert re.fullmatch(r"0x[0-9a-f]{64}", computed)
        assert right in {computed, "another state"}
        assert wrong != computed
        found = await check(other, "a dispute")
        await page.get_by_role("link", name=re.compile("^Task 0x")).click()
        await page.locator("#task-status .badge", has_text="Refuted").wait_for()
        found += await check(page, "a task that was refuted")
        await page.goto(f"{served.url}/disputes")
        await page.get_by_role("row", name="Refuted").wait_for()
        assert found + await check(page, "the list of disputes") == []
        await page.goto(f"{served.url}/explorer/{market_book['BisectionReferee'].address}")
        for event in ("Challenged", "Opened", "Dissected", "Ruled"):
            await page.get_by_role("row", name=event).first.wait_for()
        client = devnet.accounts[2].address
        ledger = await served.site.market.fetch_ledger(client)
        # The price came back with the stake: half for the client, half for the challenger, itself.
        assert ledger >= TERMS.stake
        assert await served.site.market.fetch_ledger(devnet.accounts[1].address) == Wei(
            ETHER - TERMS.stake
        )


async def test_disputes__while_there_is_none__then_the_page_says_so(
    served: Served, visitors: Visitors
) -> None:
    visitors.expected = ("status of 404",)
    page = await visitors.enter(served, "/tasks")
    await page.get_by_role("link", name="Disputes").click()
    await page.get_by_text("Nobody has challenged a claim").wait_for()
    answer = await page.goto(f"{served.url}/disputes/0x{'00' * 32}")
    assert answer.status == 404
