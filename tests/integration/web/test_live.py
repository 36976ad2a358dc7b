"""Live pages: a snapshot on each connect, the same state in every browser, through restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from pekanu.chain import AddressBook, Connection, Devnet, MemoryPendingStore, Sender
from pekanu.chain.market_contract import MarketContract
from pekanu.types import Wei
from pekanu.web.live import MAX_LISTENERS
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.browser import Browser, open_browser


class Stream:
    """A browser's EventSource."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def read(self) -> tuple[str, str]:
        """Return the next event: its name and its data."""
        name, data = "", []
        async for line in self._lines:
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and data:
                return name, "\n".join(data)
        raise AssertionError("the stream has ended")

    async def read_until(self, text: str) -> str:
        """Return the first event that shows a text."""
        async with asyncio.timeout(15):
            while True:
                _, data = await self.read()
                if text in data:
                    return data


@asynccontextmanager
async def listen(browser: Browser, page: str) -> AsyncIterator[Stream]:
    url = f"{browser.url}/events?page={page}"
    async with browser.client.stream("GET", url) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def announce(devnet: Devnet, book: AddressBook, endpoint: str) -> None:
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, book.market.address)
        sender = Sender(chain, devnet.accounts[6], MemoryPendingStore())
        await sender.send(market.announce(1, endpoint, bytes(32), bytes(32)), key=endpoint)


async def test_listen__to_the_market__then_a_snapshot_comes_and_then_changes_to_all(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    async with (
        open_browser(served) as other,
        listen(browser, "market") as first,
        listen(other, "market") as second,
    ):
        for stream in (first, second):
            _, snapshot = await stream.read()
            for region in ("head", "market-figures", "market-tasks", "market-workers"):
                assert f'data-region="{region}"' in snapshot
            name, chart = await stream.read()
            assert name == "chart"
            assert json.loads(chart)["name"] == "volume"
        await announce(devnet, market_book, "http://new.example")
        for stream in (first, second):
            change = await stream.read_until("http://new.example")
            assert 'data-region="market-workers"' in change
            assert 'data-region="market-tasks"' not in change


async def test_listen__to_no_page__then_it_is_refused(browser: Browser) -> None:
    for page in ("nothing", "task:0x" + "00" * 32, ""):
        assert (await browser.get(f"/events?page={page}")).status_code == 404


async def test_listen__when_too_many_do__then_it_is_told_to_come_back(
    browser: Browser, served: Served
) -> None:
    async with listen(browser, "market") as stream:
        await stream.read()
        app = served.site.broadcast
        app.listeners += MAX_LISTENERS
        try:
            assert (await browser.get("/events?page=market")).status_code == 503
        finally:
            app.listeners -= MAX_LISTENERS


async def test_restart__of_the_server__then_the_browser_comes_back_to_the_newest_state(
    options: SiteOptions, devnet: Devnet, market_book: AddressBook
) -> None:
    async with serve_site(options) as served, open_browser(served) as browser:
        port, cookies = served.site.port, browser.client.cookies
        async with listen(browser, "market") as stream:
            await stream.read()
    await announce(devnet, market_book, "http://meanwhile.example")
    async with (
        serve_site(options, port=port) as served,
        open_browser(served, launches=False) as browser,
    ):
        browser.client.cookies = cookies
        async with listen(browser, "market") as stream:
            await stream.read_until("http://meanwhile.example")


async def test_reorganization__of_an_event__then_it_disappears(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    await announce(devnet, market_book, "http://gone.example")
    await browser.wait("/", "http://gone.example")
    before = await served.site.balances.fetch(devnet.accounts[6].address)
    assert before[1] == Wei(0)
    await asyncio.to_thread(devnet.reorganize, 1)
    await browser.wait("/", "No worker announces itself")
    assert served.site.index.count_events() == 0
