"""A newcomer buys and sells, with a worker that is a process of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pekanu.chain import AddressBook, Devnet
from pekanu.types import Wei
from pekanu.web.serving import Served
from support.abandoned import abandon
from support.axe import check
from support.nodes import LEFT, RIGHT
from support.tabs import Visitors, drop, settle
from support.worker_process import run_worker

#: About a billion steps: long enough to be watched.
LONG = {"span": "0.6", "width": "320", "height": "240", "max_iterations": "900"}


async def open_form(page: Any, title: str) -> None:
    await page.get_by_role("link", name="New computation").click()
    await page.get_by_role("link", name=title).click()
    await page.get_by_role("heading", name=title).wait_for()
    await settle(page)


async def order(page: Any) -> None:
    await page.get_by_role("button", name="Ask for quotes").click()
    await page.get_by_role("button", name="Review the order").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("You can lose", exact=True).wait_for()
    await dialog.get_by_text("Market.deposit").wait_for()
    await dialog.get_by_role("button", name="Buy for").click()


async def test_newcomer__buys_the_example__then_the_picture_comes(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await visitors.enter(served)
        assert "token" not in page.url
        await open_form(page, "Mandelbrot tile")
        await page.get_by_role("button", name="Use the example").click()
        await page.get_by_text("million steps").wait_for()
        await page.get_by_text("about 0.0001 ether").wait_for()
        await order(page)
        await page.locator(".standing[data-tone=good]").wait_for()
        picture = page.get_by_role("img", name="Mandelbrot tile: 96 by 64 pixels")
        await picture.wait_for()
        assert await picture.evaluate("image => image.naturalWidth") == 96
        await page.get_by_text("pixels were computed again").first.wait_for()
        receipt = page.get_by_role("region", name="Receipt")
        await receipt.get_by_text("post_accepted").wait_for()
        timeline = page.locator("#task-timeline")
        for step in ("Accepted", "Settled"):
            await timeline.get_by_text(step, exact=True).wait_for()


async def test_newcomer__buys_a_long_computation__then_its_progress_is_seen(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await visitors.enter(served, "/compute/mandelbrot")
        for name, value in LONG.items():
            await page.fill(f"#input-{name}", value)
        await page.get_by_text("billion steps").wait_for()
        await order(page)
        progress = page.get_by_role("progressbar", name="The worker's progress")
        await progress.wait_for()
        await page.locator(".standing[data-tone=good]").wait_for(timeout=60_000)
        assert await progress.count() == 0
        await page.get_by_role("img", name="Mandelbrot tile: 320 by 240 pixels").wait_for()


async def test_newcomer__drops_one_matrix_and_chooses_another__then_gets_the_product_as_a_file(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    for name, matrix in (("left", LEFT), ("right", RIGHT)):
        np.save(tmp_path / f"{name}.npy", matrix)
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await visitors.enter(served)
        await open_form(page, "Matrix product")
        await drop(page, page.locator("#field-a .drop"), tmp_path / "left.npy")
        await page.get_by_text("left.npy").wait_for()
        await page.get_by_label("File for Right matrix").set_input_files(tmp_path / "right.npy")
        await page.get_by_text("right.npy").wait_for()
        await order(page)
        await page.get_by_role("img", name="Heat map of a matrix of 2 x 4").wait_for()
        async with page.expect_download() as coming:
            await page.get_by_role("link", name=".npy").click()
        product = np.load(await (await coming.value).path())
        assert np.array_equal(product, LEFT @ RIGHT)


async def test_newcomer__starts_a_worker_from_the_page__then_it_earns(
    served: Served, visitors: Visitors
) -> None:
    seller = await visitors.enter(served, "/work")
    other = await visitors.enter(served, "/work")
    await seller.get_by_text("No worker runs").wait_for()
    await seller.get_by_label("Deposit first").fill("1 ether")
    await seller.get_by_role("button", name="Review the start").click()
    dialog = seller.get_by_role("dialog")
    for what in ("Market.deposit", "Market.announce", "ChannelKey"):
        await dialog.get_by_role("heading", name=what).wait_for()
    await dialog.get_by_text("value 1 ether, at most").wait_for()
    found = await check(seller, "the review of a start")
    await dialog.get_by_role("button", name="Start the worker").click()
    await seller.get_by_text("The worker runs").wait_for()
    buyer = await visitors.enter(served, "/compute/wordcount")
    await buyer.get_by_role("button", name="Use the example").click()
    await order(buyer)
    await buyer.locator(".standing[data-tone=good]").wait_for()
    figures = seller.locator("#work-status")
    await figures.get_by_text("0.0001 ether").first.wait_for()
    await figures.get_by_text("1 settled, 0 expired, 0 lost").wait_for()
    await seller.locator("#work-queue").get_by_text("Settled").wait_for()
    found += await check(seller, "a worker at work")
    chart = seller.get_by_role("img", name="0.0001 ether")
    await chart.focus()
    await seller.keyboard.press("End")
    await seller.locator("#chart-earnings output", has_text=": 0.0001 ether").wait_for()
    # What is shown live is rendered once for all browsers of an account; each has its own dialogs.
    await other.get_by_role("button", name="Stop").click()
    dialog = other.get_by_role("dialog")
    await dialog.get_by_role("heading", name="Market.announce").wait_for()
    await dialog.get_by_role("button", name="Stop the worker").click()
    await other.get_by_text("No worker runs").wait_for()
    await seller.get_by_text("No worker runs").wait_for()
    assert found == []


async def test_anyone__sees_an_abandoned_task__then_ends_it_with_the_button(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    client, worker = devnet.accounts[5], devnet.accounts[6]
    page = await visitors.enter(served, "/tasks")
    await abandon(devnet, market_book, client, worker)
    await page.get_by_role("table", name="All tasks").get_by_role("link").first.click()
    await page.get_by_text("The worker must deliver.", exact=True).wait_for()
    assert await page.get_by_role("button", name="End it").count() == 0
    devnet.advance_time(700)
    await page.get_by_role("button", name="End it: not delivered").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Market.expire").wait_for()
    await dialog.get_by_text("nothing but gas", exact=True).wait_for()
    assert await check(page, "the review of a move") == []
    await dialog.get_by_role("button", name="End it: not delivered").click()
    await page.locator("#task-status .badge", has_text="Expired").wait_for()
    assert await page.get_by_role("button", name="End it").count() == 0
    assert await served.site.market.fetch_ledger(client.address) == Wei(2 * 10**15)


async def test_newcomer__makes_an_account__then_buys_with_it(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    # A light key derivation: the strong one takes seconds by intent.
    served.site.accounts.keystore._work_factor = 1 << 12
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await visitors.enter(served, "/settings")
        form = page.locator("form", has=page.get_by_role("heading", name="New account"))
        await form.get_by_label("Name").fill("alice")
        await form.get_by_label("Password").fill("correct horse")
        await form.get_by_role("button", name="Make it").click()
        await page.get_by_text("The account alice was made").wait_for()
        (alice,) = (one for one in served.site.accounts.list_accounts() if one.name == "alice")
        devnet.request("anvil_setBalance", alice.address, hex(10**18))
        await page.locator("#head").get_by_text("alice").wait_for()
        found = await check(page, "accounts, one of them unlocked")
        await page.get_by_role("button", name="Lock alice").click()
        await page.get_by_label("Password of alice").wait_for()
        assert found + await check(page, "accounts, one of them locked") == []
        await open_form(page, "Word count")
        await page.get_by_text("The account is locked.").wait_for()
        await page.get_by_role("link", name="Settings").first.click()
        await page.get_by_label("Password of alice").fill("correct horse")
        await page.get_by_role("button", name="Unlock").click()
        await page.get_by_text("is unlocked").wait_for()
        await open_form(page, "Word count")
        await page.get_by_role("button", name="Use the example").click()
        await order(page)
        await page.locator(".standing[data-tone=good]").wait_for()
        assert (
            await page.locator("#task-facts").get_by_role("link", name="alice").inner_text()
            == "alice"
        )
