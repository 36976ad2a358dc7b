"""Somebody who is no party finds a lie, challenges it from the task's page, and is paid for it."""

from __future__ import annotations

from pekanu.chain import AddressBook, Devnet
from pekanu.demo.cheats import LyingWorker
from pekanu.types import Wei, format_wei
from pekanu.web.serving import Served
from support.axe import check
from support.claims import leave_claim
from support.nodes import TERMS, get_matmul_bond, open_town
from support.ruling import see_ruling
from support.tabs import Visitors, settle

CHALLENGER = 2


async def test_challenge__of_a_lie__then_the_page_leads_to_the_dispute_and_its_ruling(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    async with open_town(devnet, market_book, served.site.options.home) as town:
        task_id = await leave_claim(town, LyingWorker)
        page = await visitors.enter(served, f"/tasks/0x{task_id.hex()}")
        other = await visitors.enter(served, f"/tasks/0x{task_id.hex()}")
        await page.get_by_role("button", name="Compute it again here").click()
        await page.get_by_text("The result is not what this node computes.").wait_for()
        found = await check(page, "a claim that is wrong")
        await page.get_by_role("button", name="Challenge it").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("BisectionReferee.challenge").wait_for()
        bond = get_matmul_bond()
        await dialog.get_by_text(f"at most {format_wei(bond)} and gas").wait_for()
        found += await check(page, "the review of a challenge")
        await dialog.get_by_role("button", name="Challenge with a bond of").click()
        await page.get_by_role("heading", name="Dispute", exact=True).wait_for()
        await settle(page)
        await see_ruling(page)
        assert found == []
        await other.get_by_role("link", name="See the dispute").wait_for()
        await other.locator("#task-status .badge", has_text="Refuted").wait_for()
        assert await other.get_by_text("Is the claim right?").count() == 0
        ledger = await served.site.market.fetch_ledger(devnet.accounts[CHALLENGER].address)
        assert ledger == Wei(TERMS.stake // 2 + bond)
