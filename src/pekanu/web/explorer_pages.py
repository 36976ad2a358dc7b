"""The explorer: contracts, events, transactions, addresses and blocks, decoded.

What is not here: decoding (`decoding`).
"""

from __future__ import annotations

import re
from typing import Final

from pekanu.chain import MarketEvent, Receipt, TaskEvent, decode_event
from pekanu.errors import UsageError
from pekanu.types import Address, Hash32, format_wei, parse_address
from pekanu.web.decoding import detail_event, detail_log, summarize_event
from pekanu.web.index import TaskFilter
from pekanu.web.market_pages import build_pager, build_row
from pekanu.web.reviews import view_call
from pekanu.web.site import Site
from pekanu.web.transaction_states import read_call
from pekanu.web.viewer import Viewer
from pekanu.web.views.explorer import (
    AddressPage,
    BlockPage,
    ContractRow,
    EventDetail,
    EventRow,
    ExplorerPage,
    TransactionPage,
    TransactionState,
)
from pekanu.web.views.task import Fact
from pekanu.web.wording import (
    build_moment,
    link_address,
    link_block,
    link_task,
    link_transaction,
)

_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_PAGE: Final = re.compile(r"[0-9]{1,7}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_EVENTS: Final = 50


def build_explorer(viewer: Viewer, parameter: str = "0", not_found: str = "") -> ExplorerPage:
    """Return the explorer's page.

    Args:
        viewer: Who looks.
        parameter: Number of the page of events.
        not_found: What was looked for in vain.
    """
    site = viewer.site
    page = parse_page(parameter)
    events = site.index.list_events(limit=_EVENTS, offset=page * _EVENTS)
    total = site.index.count_events()
    return ExplorerPage(
        contracts=list_contracts(site),
        events=tuple(_build_event(site, event) for event in events),
        pager=build_pager("/explorer?page=", page, total, len(events), _EVENTS),
        not_found=not_found,
    )


def parse_page(text: str) -> int:
    """Return the number of a list's page; the first for what is no number."""
    return int(text) if _PAGE.fullmatch(text) else 0


def list_contracts(site: Site) -> tuple[ContractRow, ...]:
    """Return the contracts of the system."""
    return tuple(
        ContractRow(
            name=name,
            address=link_address(one.address, name),
            code_hash="0x" + one.code_hash.hex(),
            block=one.block_number,
        )
        for name, one in site.book.contracts.items()
    )


def find_place(site: Site, text: str) -> str:
    """Return the address of the page for something looked for; raises UsageError."""
    wanted = text.strip()
    if _NUMBER.fullmatch(wanted) or _ADDRESS.fullmatch(wanted):
        return f"/explorer/{wanted}"
    if _HASH.fullmatch(wanted):
        task = site.index.find_entry(bytes.fromhex(wanted[2:]))
        return f"/tasks/{wanted}" if task else f"/explorer/{wanted}"
    raise UsageError(f"{wanted[:80]!r} is no transaction, address, block or task")


async def build_place(
    viewer: Viewer, text: str, page: int = 0
) -> tuple[str, TransactionPage | AddressPage | BlockPage]:
    """Return the template and the model for a hash, an address or a block's number.

    Raises:
        UsageError: It is none of them, or the chain does not know it.
    """
    if _HASH.fullmatch(text):
        return "explorer_transaction.html", await build_transaction(viewer, text)
    if _ADDRESS.fullmatch(text):
        return "explorer_address.html", await build_address(viewer, parse_address(text), page)
    if _NUMBER.fullmatch(text):
        return "explorer_block.html", await build_block(viewer, int(text))
    raise UsageError(f"{text[:80]!r} is no transaction, address or block")


async def build_transaction(viewer: Viewer, text: str) -> TransactionPage:
    """Return the page of a transaction; raises UsageError when the chain does not know it."""
    site, digest = viewer.site, Hash32(bytes.fromhex(text[2:]))
    looked = await site.transactions.look(digest)
    found, receipt, sighting = looked.found, looked.receipt, looked.sighting
    if sighting is None:
        raise UsageError(f"the chain does not know the transaction {text}")
    sender = sighting.sender
    events: list[EventDetail] = []
    facts = [
        Fact(name="From", value=sender, link=link_address(sender, site.get_name(sender))),
        Fact(name="Nonce", value=str(sighting.nonce)),
    ]
    call = None
    if found is not None:
        call = read_call(found)
        facts.append(Fact(name="Gas limit", value=f"{int(found['gas'], 16):,}"))
    when = None
    if receipt is not None:
        events = _detail_events(site, receipt)
        block = await site.chain.fetch_block(receipt.block_number)
        when = None if block is None else build_moment(block.timestamp)
        number = link_block(receipt.block_number)
        facts += [
            Fact(name="Block", value=number.short, link=number),
            Fact(name="Gas used", value=f"{receipt.gas_used:,}"),
            Fact(name="Fee", value=format_wei(receipt.fee)),
        ]
    return TransactionPage(
        hash=link_transaction(digest),
        state=looked.state,
        when=when,
        facts=tuple(facts),
        call=view_call(site.book, call) if call and call.to in _get_addresses(site) else None,
        events=tuple(events),
    )


def build_gone(site: Site, text: str) -> TransactionPage:
    """Return the page of a transaction that a former run of this node has shown."""
    return TransactionPage(
        hash=link_transaction(bytes.fromhex(text[2:])),
        state=TransactionState(
            name="unknown",
            text="the chain's node does not know it",
            confirmations=0,
            wanted=site.options.confirmations,
            reason="",
        ),
        when=None,
        facts=(),
        call=None,
        events=(),
    )


async def build_address(viewer: Viewer, address: Address, page: int) -> AddressPage:
    """Return the page of an address."""
    site = viewer.site
    balance, ledger = await site.balances.fetch(address)
    events = site.index.list_account_events(address, limit=_EVENTS, offset=page * _EVENTS)
    total = site.index.count_account_events(address)
    tasks = site.index.list_tasks(TaskFilter(party=address))
    names = {one.address: name for name, one in site.book.contracts.items()}
    facts = [
        Fact(name="Balance", value=format_wei(balance)),
        Fact(name="Free in the market", value=format_wei(ledger)),
        Fact(
            name="Tasks",
            value=f"{site.index.count_tasks(TaskFilter(party=address)):,}",
        ),
    ]
    name = names.get(address, site.get_name(address))
    rows = tuple(_build_event(site, event) for event in events)
    if address in names and address != site.market.address:
        rows = await site.contract_events.fetch(name, site.feed.block)
        total = len(rows)
    return AddressPage(
        address=link_address(address, name),
        facts=tuple(facts),
        tasks=tuple(build_row(viewer, entry) for entry in tasks),
        events=rows,
        pager=build_pager(f"/explorer/{address}?page=", page, total, len(rows), _EVENTS),
    )


async def build_block(viewer: Viewer, number: int) -> BlockPage:
    """Return the page of a block; raises UsageError when the chain has none of the number."""
    site = viewer.site
    block = await site.chain.fetch_block(number)
    if block is None:
        raise UsageError(f"the chain has no block {number} yet")
    return BlockPage(
        number=number,
        facts=(
            Fact(name="Hash", value="0x" + block.hash.hex()),
            Fact(name="Parent", value="0x" + block.parent_hash.hex()),
            Fact(name="Time", value=build_moment(block.timestamp).text),
            Fact(name="Base fee", value=format_wei(block.base_fee)),
        ),
        events=tuple(_build_event(site, event) for event in site.index.list_block_events(number)),
        previous=f"/explorer/{number - 1}" if number else "",
        next=f"/explorer/{number + 1}" if number < site.feed.block else "",
    )


def _detail_events(site: Site, receipt: Receipt) -> list[EventDetail]:
    """Return what the system's contracts logged in a transaction, in order."""
    names = {one.address: name for name, one in site.book.contracts.items()}
    details = []
    for log in receipt.logs:
        event = decode_event(log) if log.address == site.market.address else None
        if event is not None:
            details.append(detail_event(event))
        elif log.address in names:
            found = detail_log(names[log.address], log)
            details += [] if found is None else [found]
    return details


def _get_addresses(site: Site) -> frozenset[Address]:
    return frozenset(one.address for one in site.book.contracts.values())


def _build_event(site: Site, event: MarketEvent) -> EventRow:
    return EventRow(
        block=link_block(event.log.block_number),
        when=build_moment(site.index.get_time(event.log.block_number)),
        name=type(event).__name__,
        summary=summarize_event(event),
        transaction=link_transaction(event.log.transaction),
        task=link_task(event.task_id) if isinstance(event, TaskEvent) else None,
    )
