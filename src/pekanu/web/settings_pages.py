"""The settings' page: accounts, wallets, the chain."""

from __future__ import annotations

import asyncio

from pekanu.errors import ChainError
from pekanu.types import Address, Wei
from pekanu.web.explorer_pages import list_contracts
from pekanu.web.viewer import Viewer, build_chain_status
from pekanu.web.views.settings import AccountRow, SettingsPage
from pekanu.web.views.task import Fact
from pekanu.web.wording import build_money, link_address


async def build_settings(viewer: Viewer) -> SettingsPage:
    """Return the settings' page; what it tells once is told now."""
    site, session = viewer.site, viewer.session
    chain = build_chain_status(site)
    facts = [
        Fact(name="Chain", value=chain.name),
        Fact(name="JSON-RPC", value=site.chain.name),
        Fact(name="Latest block", value=f"{chain.block:,}"),
        Fact(name="Confirmations", value=str(site.options.confirmations)),
    ]
    if not site.options.is_hosted:
        facts.append(Fact(name="Folder of all state", value=str(site.options.home)))
    development = await asyncio.to_thread(site.accounts.list_development)
    page = SettingsPage(
        accounts=await _build_rows(viewer),
        chain=tuple(facts),
        contracts=list_contracts(site),
        notice=session.notice,
        problem=session.problem,
        problem_hint=session.problem_hint,
        development_accounts=tuple(link_address(one) for one in development),
        is_hosted=site.options.is_hosted,
    )
    session.notice = session.problem = session.problem_hint = ""
    return page


async def _build_rows(viewer: Viewer) -> tuple[AccountRow, ...]:
    site, session = viewer.site, viewer.session
    known = [] if site.options.is_hosted else site.accounts.list_accounts()
    rows = []
    for one in known:
        balance, ledger = await _fetch(viewer, one.address)
        works = site.worker.is_up and site.worker.address == one.address
        rows.append(
            AccountRow(
                address=link_address(one.address, one.name),
                name=one.name,
                kind=one.kind,
                is_unlocked=one.is_unlocked,
                is_current=not viewer.is_wallet and viewer.account == one.address,
                busy="the worker of this node"
                if works
                else site.accounts.busy.get(one.address, ""),
                balance=build_money(balance),
                ledger=build_money(ledger),
            )
        )
    if viewer.is_wallet and session.account is not None:
        balance, ledger = await _fetch(viewer, session.account)
        rows.append(
            AccountRow(
                address=link_address(session.account, "browser wallet"),
                name="browser wallet",
                kind="wallet",
                is_unlocked=True,
                is_current=True,
                busy="",
                balance=build_money(balance),
                ledger=build_money(ledger),
            )
        )
    return tuple(rows)


async def _fetch(viewer: Viewer, address: Address) -> tuple[Wei, Wei]:
    try:
        return await viewer.site.balances.fetch(address)
    except ChainError:
        return Wei(0), Wei(0)
