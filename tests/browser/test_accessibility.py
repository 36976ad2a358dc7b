"""Every page in both themes: axe, width, keyboard."""

from __future__ import annotations

import asyncio

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served
from support.abandoned import abandon
from support.axe import COLOURS, check, find_faults
from support.nodes import open_town
from support.states import bring_about
from support.tabs import Visitors, settle


async def test_pages__before_anything_happened__then_axe_finds_nothing(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.open()
    await page.goto(served.url)
    await page.get_by_role("heading", name="Open the link").wait_for()
    found = await check(page, "the gate")
    page = await visitors.enter(served)
    visitors.expected = ("404",)
    for path in (
        "/",
        "/compute",
        "/tasks",
        "/storage",
        "/storage/provider",
        "/work",
        "/explorer",
        "/settings",
        "/nothing",
    ):
        await page.goto(served.url + path)
        await settle(page)
        found += await check(page, path)
    assert found == []


async def test_pages__in_the_middle_of_things__then_axe_finds_nothing(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    async with open_town(devnet, market_book, served.site.options.home) as town:
        await town.open_worker(devnet.accounts[1])
        page = await visitors.enter(served, "/compute/mandelbrot")
        await page.fill("#input-width", "0")
        await page.locator("#field-width .problem").wait_for()
        found = await check(page, "a form with a fault")
        await page.get_by_role("button", name="Use the example").click()
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_role("button", name="Review the order").click()
        await page.get_by_role("button", name="Buy for").wait_for()
        found += await check(page, "the review")
        await page.get_by_role("button", name="Buy for").click()
        await page.locator(".standing[data-tone=good]").wait_for()
        await page.get_by_role("img", name="Mandelbrot tile").wait_for()
        found += await check(page, "a settled task")
        bought = await page.locator("#task-timeline a").first.get_attribute("href")
        task_id = await abandon(devnet, market_book, devnet.accounts[5], devnet.accounts[6])
        while served.site.index.find_task(task_id) is None:
            await served.site.pulse.wait(served.site.pulse.count, timeout_seconds=0.1)
        await asyncio.to_thread(devnet.advance_time, 700)
        worker = devnet.accounts[1].address
        for path in (
            "/",
            f"/tasks/0x{task_id.hex()}",
            "/tasks?filter=live",
            "/explorer",
            bought,
            f"/explorer/{worker}",
            "/explorer/8",
            "/explain/accepted",
            "/compute/matmul",
        ):
            await page.goto(served.url + path)
            await settle(page)
            found += await check(page, path)
    assert found == []


async def test_task__in_each_of_its_states__then_axe_finds_nothing(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    # The site acts for the client, which has the most that it can do.
    tasks = await bring_about(devnet, market_book, devnet.accounts[2], devnet.accounts[6])
    page = await visitors.enter(served, "/tasks")
    found = await check(page, "tasks in every state")
    for status, task_id in tasks.items():
        await page.goto(f"{served.url}/tasks/0x{task_id.hex()}")
        await settle(page)
        badge = page.locator("#task-status .badge", has_text=status.name.capitalize())
        await badge.wait_for()
        found += await check(page, f"a task that is {status.name}")
    assert found == []


async def test_axe__on_a_page_with_faults__then_it_finds_them(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.enter(served)
    assert await find_faults(page) == []
    await page.evaluate(
        """() => {
          const grey = document.createElement("p");
          grey.textContent = "Hardly to be read";
          grey.style.color = "#ccc";
          grey.style.background = "#fff";
          document.querySelector("main").append(grey, document.createElement("input"));
        }"""
    )
    faults = await find_faults(page)
    assert any(fault.startswith("color-contrast:") for fault in faults)
    # Paper is dark then, and so is not this ground; the grey is as hard to read.
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert [one[:14] for one in await find_faults(page, COLOURS)] == ["color-contrast"]
    assert any(fault.startswith("label:") for fault in faults)


async def test_keyboard__alone__then_one_gets_to_the_content_and_through_a_dialog(
    served: Served, visitors: Visitors
) -> None:
    page = await visitors.enter(served, "/work")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "To the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    field = page.get_by_label("Put into the market")
    await field.focus()
    await page.keyboard.type("1 gwei")
    await page.keyboard.press("Enter")
    confirm = page.get_by_role("button", name="Put 0.000000001 ether into the market")
    await confirm.wait_for()
    assert await page.evaluate("document.getElementById('dialog').contains(document.activeElement)")
    await page.keyboard.press("Escape")
    await confirm.wait_for(state="hidden")
    assert await field.evaluate("field => field === document.activeElement")


async def test_theme__that_was_chosen__then_it_stays(served: Served, visitors: Visitors) -> None:
    page = await visitors.enter(served)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = await page.evaluate(ground)
    await page.get_by_label("Colours").select_option("dark")
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark
    await page.get_by_label("Colours").select_option("as the system")
    assert await page.evaluate(ground) == light
