"""Browsers of a test: each has its own cookies, and notes whatever goes wrong in its pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pekanu.web.serving import Served

SECONDS = 1000
#: At most; what is waited for comes as soon as it is there.
PATIENCE = 40 * SECONDS
WIDTH, HEIGHT = 1280, 900


async def settle(page: Any) -> None:
    """Return once a page's own code listens."""
    await page.locator("body[data-ready]").wait_for()


async def drop(page: Any, place: Any, *files: Path) -> None:
    """Drag files from the desktop over a place of a page, and let go of them."""
    await place.scroll_into_view_if_needed()
    box = await place.bounding_box()
    devtools = await page.context.new_cdp_session(page)
    data = {"items": [], "files": list(map(str, files)), "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await devtools.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "data": data,
            },
        )
    await devtools.detach()


class Visitors:
    """Contexts of one browser; to be closed before the site is.

    Args:
        chromium: The browser.
    """

    def __init__(self, chromium: Any) -> None:
        self._chromium = chromium
        self._contexts: list[Any] = []
        #: What went wrong in any page: errors, refusals of the policy, questions to outside.
        self.faults: list[str] = []
        #: Texts of faults that a test provokes.
        self.expected: tuple[str, ...] = ()

    async def open(self, **options: Any) -> Any:
        """Return a page of a new context."""
        given = {"viewport": {"width": WIDTH, "height": HEIGHT}, **options}
        context = await self._chromium.new_context(**given)
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self._note(f"{error.error}"))
        context.on("request", self._note_request)
        return await context.new_page()

    async def enter(self, served: Served, path: str = "/", **options: Any) -> Any:
        """Return a page of a new context that came in by a launch link."""
        page = await self.open(**options)
        await page.goto(served.make_link())
        await page.get_by_role("heading", name="Market", exact=True).wait_for()
        if path != "/":
            await page.goto(served.url + path)
        await settle(page)
        return page

    async def close(self) -> None:
        """Close all contexts."""
        for context in self._contexts:
            await context.close()

    def _note(self, text: str) -> None:
        if not any(one in text for one in self.expected):
            self.faults.append(text)

    def _note_console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self._note(message.text)

    def _note_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.hostname != "127.0.0.1" and parts.scheme not in {"data", "blob"}:
            self._note(f"asks {request.url}")
