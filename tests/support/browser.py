"""A browser of a test: it came in with a launch token and sends what a page would send."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from pekanu.web.serving import Served


class Browser:
    """A session at a served site.

    Args:
        client: Keeps the cookie.
        url: The site's.
    """

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self.client, self.url = client, url
        self.csrf = ""

    async def launch(self, served: Served) -> None:
        """Come in."""
        token = served.make_link().partition("#token=")[2]
        answer = await self.send("/launch", {"token": token})
        assert answer.status_code == 204, answer.text
        found = re.search(r'name="csrf" content="([0-9a-f]+)"', await self.see("/explain/open"))
        assert found is not None
        self.csrf = found.group(1)

    async def get(self, path: str, **options: object) -> httpx.Response:
        """Ask for something."""
        return await self.client.get(self.url + path, **options)  # type: ignore[arg-type]

    async def see(self, path: str) -> str:
        """Return a page that must be there."""
        answer = await self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[-600:]}"
        return answer.text

    async def wait(self, path: str, text: str, *, seconds: float = 40) -> str:
        """Return a page once it shows a text."""
        until = time.monotonic() + seconds
        while True:
            page = await self.see(path)
            if text in page:
                return page
            assert time.monotonic() < until, f"{path} never shows {text!r}"
            await asyncio.sleep(0.1)

    async def send(
        self, path: str, fields: dict[str, str] | None = None, **more: object
    ) -> httpx.Response:
        """Send a form."""
        headers = {"origin": self.url, "x-csrf-token": self.csrf}
        return await self.client.post(self.url + path, data=fields or {}, headers=headers, **more)  # type: ignore[arg-type]

    async def confirm(
        self, path: str, fields: dict[str, str] | None = None, **more: str
    ) -> httpx.Response:
        """Ask for a dialog and confirm it, and the next one if one comes of it.

        Args:
            path: Where it is asked for.
            fields: Of the page's form.
            more: What the page adds when it is confirmed, such as a password.
        """
        answer = await self.send(path, fields)
        while answer.status_code == 200:
            assert 'class="problem"' not in answer.text, answer.text
            action, hidden = read_dialog(answer.text)
            answer = await self.send(action, {**hidden, **more})
        return answer

    async def tell(self, path: str, document: object) -> httpx.Response:
        """Send JSON."""
        headers = {"origin": self.url, "x-csrf-token": self.csrf}
        return await self.client.post(self.url + path, json=document, headers=headers)


def read_dialog(text: str) -> tuple[str, dict[str, str]]:
    """Return where a dialog is confirmed, and with which fields."""
    found = re.search(r'<form method="post" action="([^"]+)"', text)
    assert found is not None, f"there is nothing to confirm: {text}"
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text)
    return html.unescape(found.group(1)), {name: html.unescape(one) for name, one in hidden}


@asynccontextmanager
async def open_browser(served: Served, *, launches: bool = True) -> AsyncIterator[Browser]:
    """Yield a browser."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        browser = Browser(client, served.url)
        if launches:
            await browser.launch(served)
        yield browser
