"""Who looks at a page, and what every page shows of the chain and of the account that acts.

What is not here: who may look (`requests`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from pekanu.errors import ChainError, KeystoreError
from pekanu.types import Address, Wei
from pekanu.version import __version__
from pekanu.web.sessions import BrowserSession
from pekanu.web.site import Site
from pekanu.web.views.shell import AccountBadge, ChainStatus, Entry, Shell, WalletPrompt
from pekanu.web.wording import build_moment, build_money, link_address

#: Path and title of each page in the navigation.
NAVIGATION: Final = (
    ("/", "Market"),
    ("/compute", "New computation"),
    ("/tasks", "Tasks"),
    ("/storage", "Storage"),
    ("/work", "Work"),
    ("/explorer", "Explorer"),
    ("/settings", "Settings"),
)
_NOT_HOSTED: Final = frozenset({"/compute", "/work"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """A browser that looks."""

    site: Site
    session: BrowserSession

    @property
    def account(self) -> Address | None:
        """The account that acts here: the one chosen, or the node's only one."""
        site, session = self.site, self.session
        if session.account is not None:
            return session.account
        if site.options.is_hosted:
            return None
        known = site.accounts.list_accounts()
        unlocked = [one for one in known if one.is_unlocked]
        for one in unlocked or known:
            if one.address == site.options.account:
                return one.address
        choice = unlocked or known
        return choice[0].address if len(choice) == 1 else None

    @property
    def is_wallet(self) -> bool:
        """Whether the account acts through a wallet in this browser."""
        return self.session.is_wallet and self.session.account is not None

    def is_mine(self, *accounts: Address | None) -> bool:
        """Return whether one of these is the account that acts."""
        return self.account is not None and self.account in accounts


def require_account(viewer: Viewer) -> Address:
    """Return the account that acts; raises KeystoreError when nobody does."""
    if viewer.account is None:
        raise KeystoreError("no account is chosen", hint="choose or make one under Settings")
    return viewer.account


def build_chain_status(site: Site) -> ChainStatus:
    """Return the chain as the site sees it."""
    is_development = site.is_development
    chain_id = site.chain.chain_id
    return ChainStatus(
        chain_id=chain_id,
        name=f"development chain {chain_id}" if is_development else f"chain {chain_id}",
        is_development=is_development,
        is_offline=bool(site.feed.problem),
        is_behind=site.feed.is_behind,
        problem=site.feed.problem,
        block=site.feed.block,
        now=build_moment(site.feed.now or int(time.time())),
        rpc=site.options.rpc if is_development and not site.options.is_hosted else "",
    )


async def build_badge(viewer: Viewer) -> AccountBadge | None:
    """Return the account that acts, or None when nobody does."""
    site, address = viewer.site, viewer.account
    if address is None:
        return None
    try:
        balance, ledger = await site.balances.fetch(address)
    except ChainError:
        balance, ledger = Wei(0), Wei(0)
    known = {one.address: one for one in site.accounts.list_accounts()}
    found = None if viewer.is_wallet else known.get(address)
    name = found.name if found else "browser wallet"
    return AccountBadge(
        address=link_address(address, name),
        name=name,
        kind=found.kind if found else "wallet",
        is_unlocked=found.is_unlocked if found else True,
        balance=build_money(balance),
        ledger=build_money(ledger),
    )


async def build_shell(viewer: Viewer, *, title: str, path: str, live_page: str = "") -> Shell:
    """Return what every page shares.

    Args:
        viewer: Who looks.
        title: Of the page.
        path: Of the navigation's entry that it belongs to.
        live_page: Name and parameter for `/events`.
    """
    site = viewer.site
    hosted = site.options.is_hosted
    return Shell(
        title=title,
        live_page=live_page,
        navigation=tuple(
            Entry(title=name, href=href, is_current=href == path)
            for href, name in NAVIGATION
            if not (hosted and href in _NOT_HOSTED)
        ),
        chain=build_chain_status(site),
        account=await build_badge(viewer),
        csrf=viewer.session.csrf,
        wallet_requests=tuple(
            WalletPrompt(id=one.id, title=one.title)
            for one in (
                site.requests.list(viewer.account)
                if viewer.is_wallet and viewer.account is not None
                else ()
            )
        ),
        sent=() if viewer.account is None else await site.sent.fetch_views(viewer.account),
        is_hosted=hosted,
        version=__version__,
    )
