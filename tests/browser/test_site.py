"""A newcomer with a browser, on a real chain with a real worker."""

from __future__ import annotations

from typing import Any

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.nodes import open_town

SECONDS = 1000


class Tab:
    """A page that notes what goes wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        page.set_default_timeout(20 * SECONDS)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._note_request)

    def _note(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.faults.append(message.text)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            self.faults.append(f"asks {request.url}")


async def open_tab(chromium: Any, served: Served) -> Tab:
    tab = Tab(await chromium.new_page())
    await tab.page.goto(served.make_link())
    await tab.page.get_by_role("heading", name="Market").wait_for()
    return tab


async def test_newcomer__buys_the_example__then_the_picture_comes(
    chromium: Any, served: Served, devnet: Devnet, market_book: AddressBook
) -> None:
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        tab = await open_tab(chromium, served)
        page = tab.page
        assert "token" not in page.url
        await page.get_by_role("link", name="New computation").click()
        await page.get_by_role("link", name="Mandelbrot tile").click()
        await page.get_by_role("button", name="Use the example").click()
        await page.get_by_text("million steps").wait_for()
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_role("button", name="Review the order").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_text("Market.deposit").wait_for()
        await dialog.get_by_role("button", name="Buy for").click()
        await page.get_by_text("Price and stake went to the worker.").wait_for()
        picture = page.get_by_role("img", name="Mandelbrot tile")
        await picture.wait_for()
        assert await picture.evaluate("image => image.naturalWidth") == 96
        await page.get_by_text("pixels were computed again").wait_for()
        assert tab.faults == []


async def test_stranger__without_the_link__then_the_site_asks_for_it(
    chromium: Any, served: Served
) -> None:
    page = await chromium.new_page()
    await page.goto(served.url)
    await page.get_by_role("heading", name="Open the link").wait_for()
    await page.goto(f"{served.url}/#token=wrong")
    await page.reload()
    await page.get_by_text("not this node's").wait_for()


async def test_page__while_it_is_open__then_it_shows_what_happens(
    chromium: Any, served: Served, devnet: Devnet, market_book: AddressBook
) -> None:
    tab = await open_tab(chromium, served)
    await tab.page.get_by_text("No worker announces itself").wait_for()
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        await tab.page.get_by_role("row", name="0x709979").wait_for()
    assert tab.faults == []
