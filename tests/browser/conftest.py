"""Debian's Chromium, driven by playwright; where one of the two is missing these tests skip.

With CI in the environment they fail then. One browser serves the session, a test has contexts of
its own; all run in the session's loop, in which the browser lives.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.tabs import Visitors

#: Nothing of the browser's own may look outside.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests here in the loop of the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Any]:
    """The browser of the session."""
    program = shutil.which("chromium")
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - may be missing
    except ImportError:
        _miss("playwright is not installed (pip install -e '.[dev]')")
    if program is None:
        _miss("Chromium is not installed (apt-get install chromium)")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(chromium: Any) -> AsyncIterator[Visitors]:
    """Browsers that know nothing of each other; a fault in any of them fails the test."""
    visitors = Visitors(chromium)
    yield visitors
    await visitors.close()
    assert visitors.faults == []


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


@pytest_asyncio.fixture(loop_scope="session")
async def served(options: SiteOptions) -> AsyncIterator[Served]:
    async with serve_site(options) as served:
        yield served


def _miss(what: str) -> None:
    """Skip, or fail where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
