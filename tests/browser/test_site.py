"""A newcomer with a browser, on a real chain with a real worker."""

from __future__ import annotations

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.nodes import open_town
from support.tabs import Visitors, settle


async def test_newcomer__buys_the_example__then_the_picture_comes(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        page = await visitors.enter(served)
        assert "token" not in page.url
        await page.get_by_role("link", name="New computation").click()
        await page.get_by_role("link", name="Mandelbrot tile").click()
        await page.get_by_role("button", name="Use the example").wait_for()
        await settle(page)
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


async def test_stranger__without_the_link__then_the_site_asks_for_it(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.open()
    visitors.expected = ("status of 403",)
    await page.goto(served.url)
    await page.get_by_role("heading", name="Open the link").wait_for()
    await page.goto(f"{served.url}/#token=wrong")
    await page.reload()
    await page.get_by_text("not this node's").wait_for()


async def test_page__while_it_is_open__then_it_shows_what_happens(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    page = await visitors.enter(served)
    await page.get_by_text("No worker announces itself").wait_for()
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        await page.get_by_role("row", name="0x709979").wait_for()
