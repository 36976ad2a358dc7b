"""A served site over a real chain, and browsers that came in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.browser import Browser, open_browser


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


@pytest.fixture
async def browser(served: Served) -> AsyncIterator[Browser]:
    async with open_browser(served) as browser:
        yield browser
