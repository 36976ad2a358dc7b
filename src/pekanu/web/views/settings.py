"""Settings: accounts, wallets, the chain, further browsers."""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.web.views.explorer import ContractRow
from pekanu.web.views.shell import Link, Money
from pekanu.web.views.task import Fact


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """An account of this node, or the wallet of this browser."""

    address: Link
    name: str
    #: ``keyfile``, ``development`` or ``wallet``.
    kind: str
    is_unlocked: bool
    #: It acts in this browser.
    is_current: bool
    #: A worker or another process holds it; a sentence, empty when free.
    busy: str
    balance: Money
    ledger: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsPage:
    """`settings.html`."""

    accounts: tuple[AccountRow, ...]
    #: Facts on the chain and the node.
    chain: tuple[Fact, ...]
    contracts: tuple[ContractRow, ...]
    #: What was just done, or went wrong; empty otherwise.
    notice: str
    problem: str
    problem_hint: str
    #: Whose private key a development chain knows; they can be taken at once.
    development_accounts: tuple[Link, ...]
    is_hosted: bool
