"""A real browser, where Debian's Chromium and playwright are there; else these tests skip."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")


@pytest.fixture
async def chromium() -> AsyncIterator[object]:
    """A browser that asks nothing outside this machine."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        yield browser
        await browser.close()


@pytest.fixture
def options(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> SiteOptions:
    """A site of a development chain whose account 2 acts."""
    market_book.save(tmp_path)
    return SiteOptions(
        home=tmp_path,
        rpc=devnet.rpc,
        account=devnet.accounts[2].address,
        others=(devnet.accounts[3].address,),
    )


@pytest.fixture
async def served(options: SiteOptions) -> AsyncIterator[Served]:
    async with serve_site(options) as served:
        yield served
