"""Pages that live: the same in every browser, through outages, and nobody else is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pekanu.chain import AddressBook, Connection, Devnet, MarketContract, MemoryPendingStore, Sender
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.abandoned import abandon
from support.nodes import open_town
from support.tabs import Visitors, settle
from support.worker_process import run_worker


async def test_page__while_it_is_open__then_it_shows_what_happens_in_every_browser(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    pages = [await visitors.enter(served) for _ in range(2)]
    for page in pages:
        await page.get_by_text("No worker announces itself").wait_for()
        await page.get_by_text("No task is live").wait_for()
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        await abandon(devnet, market_book, devnet.accounts[5], devnet.accounts[6])
        for page in pages:
            await page.get_by_role("row", name="0x709979").wait_for()
            await page.get_by_role("row", name="Accepted").wait_for()
            await page.locator("#market-tasks time", has_text="min").wait_for()
        shown = [await page.locator("#market-workers").inner_text() for page in pages]
        assert shown[0] == shown[1]


async def test_server__that_restarts__then_browsers_come_back_by_themselves(
    options: SiteOptions, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    visitors.expected = ("ERR_",)
    async with serve_site(options) as served:
        pages = [await visitors.enter(served) for _ in range(2)]
        port = served.site.port
    for page in pages:
        await page.get_by_text("The node does not answer").wait_for()
    await abandon(devnet, market_book, devnet.accounts[5], devnet.accounts[6])
    async with serve_site(options, port=port):
        for page in pages:
            await page.get_by_role("row", name="Accepted").wait_for()
            await page.get_by_text("The node does not answer").wait_for(state="hidden")
        await visitors.close()


async def test_quotes__while_a_worker_is_silent__then_the_others_are_shown(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    silent = await asyncio.start_server(_keep_silent, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with silent, run_worker(devnet, market_book, tmp_path / "worker"):
        async with Connection.open(devnet.rpc) as chain:
            market = MarketContract(chain, market_book.market.address)
            sender = Sender(chain, devnet.accounts[6], MemoryPendingStore())
            await sender.send(market.announce(1, endpoint, b"\x09" * 32, bytes(32)), key="silent")
        page = await visitors.enter(served)
        await page.get_by_role("row", name=endpoint).wait_for()
        await page.goto(f"{served.url}/compute/wordcount")
        await settle(page)
        await page.get_by_role("button", name="Use the example").click()
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_text("Quotes of 1 of 2 workers").wait_for()
        meanwhile = page.get_by_text("1 have not answered yet")
        await meanwhile.wait_for()
        await meanwhile.wait_for(state="hidden")
        await page.get_by_role("button", name="Review the order").wait_for()


async def _keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
