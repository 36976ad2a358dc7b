"""Pictures of the site for the documents, of a market in which something happens.

From the project's folder: ``PYTHONPATH=tests .venv/bin/python tests/browser/make_screenshots.py``.
With a folder as argument: every page in both themes at three widths, for looking at.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from pekanu.chain import Connection, Devnet, MemoryPendingStore, Sender, deploy
from pekanu.demo.cheats import LyingWorker
from pekanu.types import Wei
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.abandoned import abandon
from support.nodes import TERMS, Town, open_town
from support.storage import open_depot
from support.tabs import Visitors, settle

TARGET = Path(__file__).parents[2] / "docs" / "images"
WIDTHS = (360, 768, 1280)
THEMES = ("light", "dark")
ZOOM = {"span": "0.012", "center_x": "-0.7436", "center_y": "0.1318"}
#: File, path, theme, width and height of the pictures in the documents.
DOCUMENTED = (
    ("site-market", "/", "light", 1280, 860),
    ("site-order", "order", "light", 1280, 860),
    ("site-task", "task", "dark", 1280, 900),
    ("site-storage", "stored", "light", 1280, 900),
    ("site-review", "payment", "light", 1280, 1000),
    ("site-dispute", "dispute", "light", 1280, 1000),
    ("site-phone", "task", "light", 390, 844),
)


@asynccontextmanager
async def open_market(home: Path) -> AsyncIterator[tuple[Served, Town]]:
    """Yield a site over a chain with two workers."""
    with Devnet() as devnet:
        async with Connection.open(devnet.rpc) as chain:
            sender = Sender(chain, devnet.accounts[-1], MemoryPendingStore())
            book = await deploy(sender)
        book.save(home)
        options = SiteOptions(
            home=home,
            rpc=devnet.rpc,
            account=devnet.accounts[2].address,
            others=(devnet.accounts[3].address,),
        )
        async with (
            open_town(devnet, book, home / "town") as town,
            serve_site(options) as served,
            # The provider's page is about those of the site's own home.
            open_town(devnet, book, home) as own,
            open_depot(own, devnet.accounts[8]),
        ):
            for number in (1, 4):  # the first one is the dearer
                price = Wei(TERMS.base_price // (10 * number))
                terms = type(TERMS)(base_price=price, stake=TERMS.stake)
                await town.open_worker(devnet.accounts[number], terms=terms)
            yield served, town


async def fill_form(page: Any, function: str, fields: dict[str, str]) -> None:
    """Fill in a form and ask for quotes."""
    await page.goto(f"{page.url.partition('/compute')[0].rstrip('/')}/compute/{function}")
    await settle(page)
    await page.get_by_role("button", name="Use the example").click()
    for name, value in fields.items():
        await page.fill(f"#input-{name}", value)
    await page.wait_for_timeout(600)
    await page.get_by_role("button", name="Ask for quotes").click()
    await page.get_by_text("Quotes of ").wait_for()
    await page.get_by_text("not answered yet").wait_for(state="detached")


async def buy(page: Any, base: str, function: str, **fields: str) -> str:
    """Return the path of a computation that was bought and paid."""
    await page.goto(f"{base}/compute/{function}")
    await fill_form(page, function, fields)
    await page.get_by_role("button", name="Review the order").click()
    await page.get_by_role("button", name="Buy for").click()
    await page.locator(".standing[data-tone=good]").wait_for(timeout=60_000)
    await page.get_by_role("heading", name="Receipt").wait_for()
    return str(page.url).removeprefix(base)


async def play(page: Any, served: Served, town: Town) -> dict[str, str]:
    """Let something happen; return paths by name."""
    base, accounts = served.url, town.devnet.accounts
    paths = {}
    for function in ("wordcount", "matmul", "factor"):
        paths[function] = await buy(page, base, function)
        town.devnet.advance_time(5000)
        await asyncio.to_thread(town.devnet.mine, 1)
    paths["task"] = await buy(
        page, base, "mandelbrot", width="320", height="200", max_iterations="400", **ZOOM
    )
    paths["stored"] = await store(page, base, served.site.options.home / "holiday")
    paths["dispute"] = await lie(page, served, town)
    task_id = await abandon(town.devnet, town.book, accounts[5], accounts[6])
    while served.site.index.find_task(task_id) is None:
        await served.site.pulse.wait(served.site.pulse.count, timeout_seconds=0.2)
    town.devnet.advance_time(700)
    paths["abandoned"] = f"/tasks/0x{task_id.hex()}"
    await page.goto(base + paths["abandoned"])
    await page.get_by_role("button", name="End it: not delivered").wait_for()
    return paths


async def store(page: Any, base: str, folder: Path) -> str:
    """Return the path of a folder that was stored."""
    _write_files(folder)
    await page.goto(f"{base}/storage")
    await settle(page)
    await page.get_by_label("Choose a folder").set_input_files(folder)
    await page.locator(".held", has_text="3 files").wait_for()
    await page.get_by_role("button", name="Ask for a quote").click()
    await page.get_by_role("button", name="Go on").click()
    await page.get_by_role("button", name="Store for").click()
    await page.locator(".standing[data-tone=good]").wait_for(timeout=60_000)
    await page.get_by_role("link", name="Fetch all as .zip").wait_for()
    return str(page.url).removeprefix(base)


def _write_files(folder: Path) -> None:
    folder.mkdir()
    for name in ("beach.jpg", "harbour.jpg", "notes.txt"):
        (folder / name).write_bytes(secrets.token_bytes(800_000))


async def lie(page: Any, served: Served, town: Town) -> str:
    """Return the path of a dispute about a lie, after its ruling."""
    terms = type(TERMS)(base_price=Wei(1000), stake=TERMS.stake)
    await town.open_worker(town.devnet.accounts[7], terms=terms, kind=LyingWorker)
    await page.goto(f"{served.url}/compute/matmul")
    await settle(page)
    await page.get_by_role("button", name="Use the example").click()
    await page.get_by_label("Compute it again here").check()
    await page.get_by_role("button", name="Ask for quotes").click()
    await page.get_by_text("Quotes of 3 of 3").wait_for()
    await page.get_by_role("button", name="Review the order").click()
    await page.get_by_role("button", name="Buy for").click()
    await page.get_by_text("The output is wrong").first.wait_for()
    await asyncio.to_thread(town.devnet.advance_time, TERMS.compute_window - 60)
    await page.locator("#task-status .badge", has_text="Refuted").wait_for(timeout=60_000)
    path = await page.get_by_role("link", name="See the dispute").get_attribute("href")
    return str(path)


async def take(page: Any, served: Served, path: str, paths: dict[str, str]) -> None:
    """Go to a page of this name or path."""
    if path in ("order", "review"):
        await page.goto(f"{served.url}/compute/mandelbrot")
        await fill_form(page, "mandelbrot", {})
        if path == "review":
            await page.get_by_role("button", name="Review the order").click()
            await page.get_by_role("button", name="Buy for").wait_for()
        return
    if path == "payment":
        await page.goto(f"{served.url}/storage")
        await settle(page)
        holiday = served.site.options.home / "holiday"
        await page.get_by_label("Files to store").set_input_files(holiday / "notes.txt")
        await page.locator(".held", has_text="notes.txt").wait_for()
        await page.get_by_role("button", name="Ask for a quote").click()
        await page.get_by_role("button", name="Store for").wait_for()
        return
    await page.goto(served.url + paths.get(path, path))
    await settle(page)
    await page.wait_for_timeout(300)


async def main() -> None:
    """Take pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    wanted = sys.argv[2:]
    with tempfile.TemporaryDirectory() as home:
        async with open_market(Path(home)) as (served, town), async_playwright() as driver:
            chromium = await driver.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            visitors = Visitors(chromium)
            page = await visitors.enter(served)
            paths = await play(page, served, town)
            if folder is None:
                await _take_documented(page, served, paths)
            else:
                await _take_all(page, served, paths, folder, wanted)
            await visitors.close()
            if visitors.faults:
                sys.exit("\n".join(visitors.faults))


async def _take_documented(page: Any, served: Served, paths: dict[str, str]) -> None:
    for name, path, theme, width, height in DOCUMENTED:
        await page.emulate_media(color_scheme=theme)
        await page.set_viewport_size({"width": width, "height": height})
        await take(page, served, path, paths)
        await page.screenshot(path=TARGET / f"{name}.png")


async def _take_all(
    page: Any, served: Served, paths: dict[str, str], folder: Path, wanted: list[str]
) -> None:
    places = {
        "market": "/", "catalog": "/compute", "order": "order", "review": "review",
        "matrix-form": "/compute/matmul", "tasks": "/tasks", "task": "task",
        "matrix": "matmul", "words": "wordcount", "abandoned": "abandoned",
        "dispute": "dispute", "work": "/work", "storage": "/storage", "stored": "stored",
        "provider": "/storage/provider",
        "explorer": "/explorer", "settings": "/settings", "explain": "/explain/delivered",
        "address": f"/explorer/{town_address(served)}", "missing": "/nothing",
    }  # fmt: skip
    for name, path in places.items():
        if wanted and name not in wanted:
            continue
        for width in WIDTHS:
            for theme in THEMES:
                await page.emulate_media(color_scheme=theme)
                await page.set_viewport_size({"width": width, "height": 800})
                await take(page, served, path, paths)
                await page.screenshot(
                    path=folder / f"{name}-{width}-{theme}.png", full_page=path != "review"
                )


def town_address(served: Served) -> str:
    """Return the address of a worker."""
    return str(served.site.index.list_workers()[0].account)


if __name__ == "__main__":
    asyncio.run(main())
