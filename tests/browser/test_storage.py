"""Files and folders are stored, their 14 steps seen as they are taken, and fetched back."""

from __future__ import annotations

import asyncio
import secrets
import zipfile
from pathlib import Path
from typing import Any

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.axe import check
from support.nodes import open_town
from support.storage import open_depot
from support.tabs import Visitors, drop, settle

SIZE = 3_000_000


async def store(page: Any, path: Path) -> list[str]:
    """Store a file with a provider that does not know the account; return what axe finds."""
    await drop(page, page.locator("#store-form .drop"), path)
    await page.get_by_text(f"{path.name}, 2.9 MiB").wait_for()
    await page.get_by_role("button", name="Ask for a quote").click()
    dialog = page.get_by_role("dialog")
    for what in ("Be let in by the provider", "StorageFactory.create", "Registration"):
        await dialog.get_by_role("heading", name=what).wait_for()
    found = await check(page, "being let in")
    await dialog.get_by_role("button", name="Go on").click()
    await dialog.get_by_role("heading", name="StorageClient.pay").wait_for()
    await dialog.get_by_text("when the receipt is on chain").wait_for()
    await dialog.get_by_text("The provider can lose").wait_for()
    found += await check(page, "an offer")
    await dialog.get_by_role("button", name="Store for").click()
    return found


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
        found += await store(page, path)
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
        await page.get_by_role("heading", name="StorageClient.challenge").wait_for()
        found += await check(page, "a challenge")
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


async def test_newcomer__offers_storage_from_the_page__then_it_keeps_a_file(
    served: Served, visitors: Visitors, tmp_path: Path
) -> None:
    path = tmp_path / "kept.bin"
    path.write_bytes(secrets.token_bytes(SIZE))
    visitors.expected = ("400",)
    page = await visitors.enter(served, "/storage/provider")
    await page.get_by_text("No provider was started from here").wait_for()
    found = await check(page, "before anything is kept")
    await page.get_by_label("Room").fill("much")
    await page.get_by_role("button", name="Review the start").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Room:").wait_for()
    await dialog.get_by_role("button", name="Close").click()
    await page.get_by_label("Room").fill("1 GiB")
    await page.get_by_role("button", name="Review the start").click()
    for what in ("StorageServer.__init__", "Market.announce", "ChannelKey"):
        await dialog.get_by_role("heading", name=what).wait_for()
    found += await check(page, "the review of a provider's start")
    await dialog.get_by_role("button", name="Offer storage").click()
    await page.get_by_text("The provider runs").wait_for()
    found += await check(page, "a provider at work")
    buyer = await visitors.enter(served, "/storage")
    found += await store(buyer, path)
    await buyer.locator(".standing[data-tone=good]").wait_for()
    # What is kept is seen as it comes.
    await page.get_by_role("table", name="Agreements").get_by_text("Stored").wait_for()
    await page.get_by_role("button", name="Stop").click()
    await dialog.get_by_role("button", name="Stop the provider").click()
    await page.get_by_text("No provider was started from here").wait_for()
    assert found == []


async def renew_and_end(page: Any) -> list[str]:
    """Renew an object and end its first agreement early; return what axe finds."""
    await page.get_by_label("Keep it longer, by").fill("7d")
    await page.get_by_role("button", name="Renew").click()
    await page.get_by_role("dialog").get_by_text("nothing is uploaded again").wait_for()
    await page.get_by_role("button", name="Renew for").click()
    renewal = page.locator(".standing", has_text="Kept for 7 d more")
    await renewal.wait_for()
    found = await check(page, "a renewed object")
    await page.get_by_role("button", name="End it early").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("Comes back, about").wait_for()
    for what in ("give_back", "collect", "withdraw"):
        await dialog.get_by_role("heading", name=f"StorageClient.{what}").wait_for()
    found += await check(page, "the review of an end")
    await page.get_by_role("button", name="End it", exact=True).click()
    await page.get_by_text("the provider forgets the bytes").wait_for()
    await page.locator("#stored-status .badge", has_text="Given back").wait_for()
    assert await page.get_by_role("button", name="Verify every byte").count() == 0
    await renewal.get_by_role("link").click()
    await page.locator("#stored-status .badge", has_text="Stored").wait_for()
    return found


async def test_storage__of_a_folder_in_a_shared_domain__then_it_is_renewed_and_ended_early(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    folder = tmp_path / "holiday"
    (folder / "deep").mkdir(parents=True)
    for name in ("one.txt", "deep/two.txt", "deep/naïve 😀.bin"):
        (folder / name).write_bytes(secrets.token_bytes(50_000))
    extra = tmp_path / "extra.txt"
    extra.write_text("beside it")
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        page = await visitors.enter(served, "/storage")
        await drop(page, page.locator("#store-form .drop"), folder, extra)
        await page.locator(".held", has_text="holiday, 3 files").wait_for()
        # The same again by hand: nothing is there twice.
        await page.get_by_label("Choose a folder").set_input_files(folder)
        await page.locator(".held", has_text="holiday, 3 files").wait_for()
        await page.get_by_role("button", name="Leave out extra.txt").click()
        await page.locator(".held", has_text="extra.txt").wait_for(state="detached")
        phrase = page.get_by_label("The phrase")
        assert not await phrase.is_visible()
        await page.get_by_label("Together with everyone who knows a phrase").check()
        await phrase.fill("the whole family")
        found = await check(page, "a folder for a shared domain")
        await page.get_by_role("button", name="Ask for a quote").click()
        await page.get_by_role("button", name="Go on").click()
        await page.get_by_role("dialog").get_by_text("each of those people can tell").wait_for()
        await page.get_by_role("button", name="Store for").click()
        await page.locator(".standing[data-tone=good]").wait_for()
        await page.get_by_text("everyone who knows the phrase").wait_for()
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Fetch all as .zip").click()
        path = await (await download.value).path()
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            for name in ("one.txt", "deep/two.txt", "deep/naïve 😀.bin"):
                assert archive.read(name) == (folder / name).read_bytes()
        found += await renew_and_end(page)
        assert found == []
