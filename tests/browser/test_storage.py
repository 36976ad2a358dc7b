"""A file is stored, its 14 steps are seen as they are taken, and it is fetched back."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.axe import check
from support.nodes import open_town
from support.storage import open_depot
from support.tabs import Visitors, drop, settle

SIZE = 3_000_000


async def test_storage__of_a_file__then_14_steps_and_equal_bytes_back(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    data = secrets.token_bytes(SIZE)
    path = tmp_path / "holiday.bin"
    path.write_bytes(data)
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        page = await visitors.enter(served, "/storage")
        await page.get_by_text("This account stores nothing yet.").wait_for()
        found = await check(page, "storage before anything")
        await drop(page, page.locator("#store-form .drop"), path)
        await page.get_by_text("holiday.bin, 2.9 MiB").wait_for()
        await page.get_by_role("button", name="Ask for a quote").click()
        await page.get_by_text("The provider can lose").wait_for()
        found += await check(page, "an offer")
        await page.get_by_role("button", name="Store for").click()
        steps = page.locator("#stored-steps li[data-phase=done]")
        await page.locator(".standing[data-tone=good]").wait_for()
        assert await steps.count() == 14
        await steps.nth(8).locator("summary").click()
        assert await steps.nth(8).locator("small a").count() == 1
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Fetch holiday.bin").click()
        fetched = await (await download.value).path()
        assert await asyncio.to_thread(Path(fetched).read_bytes) == data
        await page.get_by_text("bytes of holiday.bin were verified").wait_for()
        await page.get_by_role("button", name="Verify every byte").click()
        await page.get_by_text("chunks were proved.").wait_for()
        await page.get_by_role("button", name="Challenge on chain").click()
        await page.get_by_role("button", name="Challenge", exact=True).click()
        await page.get_by_text("were shown on chain with their proof").wait_for()
        found += await check(page, "a stored file")
        await page.goto(served.url + "/storage")
        await settle(page)
        await page.get_by_role("link", name="signed receipt of holiday.bin").wait_for()
        found += await check(page, "what is stored")
        await page.get_by_role("link", name="Kept for others").click()
        await page.get_by_text("all that was asked for was shown").wait_for()
        found += await check(page, "what a provider keeps")
        assert found == []
