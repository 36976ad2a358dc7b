"""Every state of a transaction, as the head of a page and the explorer tell it.

Three confirmations are wanted, and blocks come when the test mines them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account as EthAccount

from pekanu.chain import AddressBook, Call, Devnet
from pekanu.types import Wei
from pekanu.web.serving import Served
from pekanu.web.site import SiteOptions
from support.abandoned import abandon
from support.axe import check
from support.injected import Injected
from support.tabs import Visitors, settle

ETHER = 10**18
#: The wallet's account, and one that nobody here acts for.
WALLET, OTHER = 5, 8


@pytest.fixture
def options(options: SiteOptions) -> SiteOptions:
    return replace(options, confirmations=3)


def sign(devnet: Devnet, number: int, call: Call, *, nonce: int, tip: int = 10**9) -> str:
    """Return the bytes of a transaction that another program of an account signed."""
    signed = EthAccount.sign_transaction(
        {
            "to": call.to,
            "data": call.data,
            "value": call.value,
            "gas": 200_000,
            "nonce": nonce,
            "chainId": devnet.chain_id,
            "maxFeePerGas": 2 * 10**12,
            "maxPriorityFeePerGas": tip,
            "type": 2,
        },
        devnet.keys[number],
    )
    return "0x" + signed.raw_transaction.hex()


def count_sent(devnet: Devnet, number: int, block: str = "latest") -> int:
    address = devnet.accounts[number].address
    return int(devnet.request("eth_getTransactionCount", address, block), 16)


async def enter(visitors: Visitors, served: Served, devnet: Devnet) -> tuple[Any, Injected]:
    """Return the Work page with a wallet that has signed in."""
    otter = Injected(devnet=devnet, name="Otter", rdns="example.otter", keys=[devnet.keys[WALLET]])
    page = await visitors.open()
    await otter.install(page.context)
    await page.goto(served.make_link())
    await page.get_by_role("heading", name="Market", exact=True).wait_for()
    await page.goto(f"{served.url}/settings")
    await settle(page)
    await page.get_by_role("button", name="Sign in with Otter").click()
    await page.locator("#head").get_by_text("browser wallet").wait_for()
    await page.goto(f"{served.url}/work")
    await settle(page)
    return page, otter


async def put_in(page: Any) -> str:
    """Send a deposit; return the path of its page."""
    await page.get_by_label("Put into the market").fill("1 ether")
    await page.get_by_role("button", name="Review the deposit").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Put 1 ether into the market").click()
    link = page.locator(".sent li", has_text="Put 1 ether").locator("a").first
    await link.wait_for()
    return str(await link.get_attribute("href"))


async def send_waiting(
    visitors: Visitors, served: Served, devnet: Devnet
) -> tuple[Any, Injected, str]:
    """Return a page, a wallet, and the path of the deposit that it sent, which is in no block."""
    page, otter = await enter(visitors, served, devnet)
    devnet.set_automine(False)
    path = await put_in(page)
    await see(page, "Pending", "it waits to be included in a block")
    return page, otter, path


async def see(page: Any, state: str, text: str) -> None:
    """Wait until the head tells of a transaction's state, in words."""
    row = page.locator(".sent li", has=page.locator(".badge", has_text=state))
    await row.get_by_text(text).first.wait_for()


async def see_alone(page: Any, url: str, state: str, text: str) -> None:
    """Wait until a transaction's own page tells the same, also after it is loaded anew."""
    await page.goto(url)
    await settle(page)
    standing = page.locator("#transaction-content .standing")
    await standing.locator(".badge", has_text=state).wait_for()
    await standing.get_by_text(text).first.wait_for()


async def test_transaction__from_waiting_to_final__then_each_block_is_counted_in_every_browser(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    page, _, path = await send_waiting(visitors, served, devnet)
    other = await page.context.new_page()
    await other.goto(served.url + path)
    await settle(other)
    for state, text in (
        ("Included", "1 of 3 confirmations"),
        ("Included", "2 of 3 confirmations"),
        ("Final", "in block"),
    ):
        await asyncio.to_thread(devnet.mine)
        await see(page, state, text)
        standing = other.locator("#transaction-content .standing")
        await standing.locator(".badge", has_text=state).wait_for()
        await standing.get_by_text(text).first.wait_for()
        said = page.locator("#sent-status", has_text=text)
        await said.wait_for(state="attached")
    assert await check(page, "a transaction that was sent") == []


async def test_transaction__that_is_reorganized__then_it_is_said_and_it_can_come_again(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    page, otter, path = await send_waiting(visitors, served, devnet)
    sent = devnet.request("eth_getRawTransactionByHash", path.removeprefix("/explorer/"))
    await asyncio.to_thread(devnet.mine)
    await see(page, "Included", "1 of 3 confirmations")
    await asyncio.to_thread(devnet.reorganize, 1)
    await see(page, "Reorganized", "is gone; it")
    assert await served.site.market.fetch_ledger(otter.wallet.address) == Wei(0)
    other = await page.context.new_page()
    await see_alone(other, served.url + path, "Reorganized", "is gone")
    # A wallet broadcasts again what it finds in no block.
    await asyncio.to_thread(devnet.request, "eth_sendRawTransaction", sent)
    await see(page, "Reorganized", "it waits again")
    await asyncio.to_thread(devnet.mine)
    await see(page, "Included", "it moved here from block")
    await asyncio.to_thread(devnet.mine, 2)
    await see(page, "Final", "it moved here from block")
    assert await served.site.market.fetch_ledger(otter.wallet.address) == Wei(ETHER)


async def test_transaction__whose_nonce_another_takes__then_it_is_replaced(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    page, otter, path = await send_waiting(visitors, served, devnet)
    nonce = count_sent(devnet, WALLET)
    other = Call(to=devnet.accounts[7].address, value=Wei(1))
    raw = sign(devnet, WALLET, other, nonce=nonce, tip=10**12)
    await asyncio.to_thread(devnet.request, "eth_sendRawTransaction", raw)
    await asyncio.to_thread(devnet.mine)
    await see(page, "Replaced", "another transaction of the account took its place")
    await see_alone(page, served.url + path, "Replaced", "took its place")
    assert await served.site.market.fetch_ledger(otter.wallet.address) == Wei(0)


async def test_transaction__that_the_node_throws_away__then_it_is_dropped(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    page, otter, path = await send_waiting(visitors, served, devnet)
    digest = path.removeprefix("/explorer/")
    await asyncio.to_thread(devnet.request, "anvil_dropTransaction", digest)
    await asyncio.to_thread(devnet.mine)
    await see(page, "Dropped", "nothing happens unless it is sent again")
    await see_alone(page, served.url + path, "Dropped", "threw it away")
    assert await served.site.market.fetch_ledger(otter.wallet.address) == Wei(0)


async def test_transaction__that_somebody_forestalls__then_it_is_reverted_and_says_why(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook
) -> None:
    task_id = await abandon(devnet, market_book, devnet.accounts[5], devnet.accounts[6])
    devnet.advance_time(700)
    page = await visitors.enter(served, f"/tasks/0x{task_id.hex()}")
    visitors.expected = ("status of 409",)
    devnet.set_automine(False)
    await page.get_by_role("button", name="End it: not delivered").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="End it: not delivered").click()
    await see(page, "Pending", "End it: not delivered")
    # Anyone may; who pays more is first in the block.
    entry = served.site.index.find_task(task_id)
    assert entry is not None
    call = served.site.market.expire(entry.task)
    raw = sign(devnet, OTHER, call, nonce=count_sent(devnet, OTHER), tip=10**12)
    await asyncio.to_thread(devnet.request, "eth_sendRawTransaction", raw)
    await asyncio.to_thread(devnet.mine)
    await see(page, "Reverted", "it was included and failed: market: ")
    await page.locator("#task-status .badge", has_text="Expired").wait_for()
    link = page.locator(".sent li a").first
    path = str(await link.get_attribute("href"))
    await see_alone(page, served.url + path, "Reverted", "market: ")
    assert await check(page, "a reverted transaction") == []
