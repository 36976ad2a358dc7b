"""Serving the site in the running loop, and the link that lets a browser in.

What is not here: the application (`app`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pekanu.node.peer_listener import PeerListener
from pekanu.web.app import build_app
from pekanu.web.site import Site, SiteOptions, open_site


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A site that is being served."""

    site: Site
    #: Such as ``http://127.0.0.1:8080``.
    url: str

    def make_link(self) -> str:
        """Return an address that lets one browser in, once: the token is in the fragment."""
        return f"{self.url}/#token={self.site.sessions.make_token()}"


@asynccontextmanager
async def serve_site(
    options: SiteOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_launch: Callable[[], None] = lambda: None,
) -> AsyncIterator[Served]:
    """Yield a site that answers while the context is open.

    Args:
        options: How it runs.
        host: Address to listen on.
        port: 0 takes a free one.
        on_launch: Called when a launch token was used.

    Raises:
        ChainError: The chain does not answer, or no known market stands there.
        UsageError: The port is taken.
    """
    async with open_site(options) as site:
        app = build_app(site, on_launch=on_launch)
        async with PeerListener(app, host=host, port=port) as listener:
            site.port = listener.port
            url = next(iter(options.origins), f"http://127.0.0.1:{listener.port}")
            yield Served(site=site, url=url)
