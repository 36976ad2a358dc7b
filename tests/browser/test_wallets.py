"""Browser wallets: found, signed in, asked for each step, and everything that they refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pekanu.chain import AddressBook, Devnet
from pekanu.types import Address, Wei
from pekanu.web.serving import Served
from support.axe import check
from support.injected import Injected
from support.tabs import Visitors, settle
from support.worker_process import run_worker

HOSTILE = "<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"


def build_wallet(devnet: Devnet, **changes: Any) -> Injected:
    values: dict[str, Any] = {
        "devnet": devnet,
        "name": "Otter",
        "rdns": "example.otter",
        "keys": [devnet.keys[5]],
        **changes,
    }
    return Injected(**values)


async def enter_with(
    visitors: Visitors, served: Served, *wallets: Injected, path: str = "/settings"
) -> Any:
    page = await visitors.open()
    for wallet in wallets:
        await wallet.install(page.context)
    await page.goto(served.make_link())
    await page.get_by_role("heading", name="Market", exact=True).wait_for()
    await page.goto(served.url + path)
    await settle(page)
    return page


async def confirm(page: Any) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Put 1 ether into the market").click()


async def sign_in(page: Any, name: str = "Otter") -> None:
    await page.get_by_role("button", name=f"Sign in with {name}").click()
    await page.locator("#head").get_by_text("browser wallet").wait_for()
    await settle(page)


async def test_wallets__two_of_them__then_both_are_offered_and_a_hostile_name_is_only_text(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet)
    hostile = build_wallet(devnet, name=HOSTILE, rdns="example.hostile", keys=[devnet.keys[6]])
    page = await enter_with(visitors, served, otter, hostile)
    assert otter.asked == hostile.asked == []
    buttons = page.locator("#wallets button")
    await buttons.nth(1).wait_for()
    assert await buttons.all_inner_texts() == ["Sign in with Otter", f"Sign in with {HOSTILE}"]
    assert await page.locator("#wallets script").count() == 0
    assert await check(page, "settings with wallets") == []
    await buttons.nth(1).click()
    await page.locator("#head").get_by_text("browser wallet").wait_for()
    assert await page.title() == "Settings · Pekanu"
    assert "personal_sign" in hostile.asked
    assert otter.asked == []
    assert hostile.wallet.address in await page.content()


async def test_wallet__on_another_chain__then_it_is_told_of_this_one(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet)
    page = await enter_with(visitors, served, otter)
    await sign_in(page)
    assert otter.asked.count("wallet_addEthereumChain") == 1
    assert otter.chain_id == devnet.chain_id
    otter.chain_id = 1
    await otter.tell(page, "chainChanged", "0x1")
    await page.get_by_text("The wallet is on another chain now").wait_for()
    await page.goto(f"{served.url}/work")
    await settle(page)
    await page.get_by_label("Put into the market").fill("1 ether")
    await page.get_by_role("button", name="Review the deposit").click()
    await page.get_by_role("dialog").get_by_text("Market.deposit").wait_for()
    await confirm(page)
    await page.get_by_text("1 ether in the market").wait_for()
    assert otter.chain_id == devnet.chain_id
    assert otter.asked.count("wallet_addEthereumChain") == 1
    await page.locator(".sent .badge", has_text="Final").wait_for()


async def test_wallet__that_says_no__then_nothing_is_sent_and_it_can_be_asked_again(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet)
    page = await enter_with(visitors, served, otter)
    otter.rejects = ["personal_sign"]
    await page.get_by_role("button", name="Sign in with Otter").click()
    await page.get_by_text("It was rejected in the wallet.").wait_for()
    await sign_in(page)
    await page.goto(f"{served.url}/work")
    await settle(page)
    otter.rejects = ["eth_sendTransaction"]
    await page.get_by_label("Put into the market").fill("1 ether")
    await page.get_by_role("button", name="Review the deposit").click()
    await confirm(page)
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("User rejected the request.").wait_for()
    assert await served.site.market.fetch_ledger(otter.wallet.address) == Wei(0)
    await dialog.get_by_role("button", name="Cancel").click()
    assert served.site.requests.list(Address(otter.wallet.address)) == []
    await page.get_by_role("button", name="Review the deposit").click()
    await confirm(page)
    await page.get_by_text("1 ether in the market").wait_for()


async def test_wallet__of_a_dialog_that_is_closed__then_nothing_waits_for_it(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet)
    page = await enter_with(visitors, served, otter)
    await sign_in(page)
    await page.goto(f"{served.url}/work")
    await settle(page)
    await page.get_by_label("Put into the market").fill("1 ether")
    await page.get_by_role("button", name="Review the deposit").click()
    await page.get_by_text("Waits for your wallet").wait_for()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await page.get_by_text("Waits for your wallet").wait_for(state="detached")
    assert "eth_sendTransaction" not in otter.asked


async def test_wallet__that_turns_to_another_account__then_the_page_says_so_and_asks_nothing(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet, keys=[devnet.keys[5], devnet.keys[6]])
    page = await enter_with(visitors, served, otter)
    await sign_in(page)
    first = otter.wallet.address
    await page.goto(f"{served.url}/work")
    await settle(page)
    otter.keys.reverse()
    await otter.tell(page, "accountsChanged", [otter.wallet.address.lower()])
    await page.get_by_text(f"choose {first} in it").wait_for()
    await page.get_by_label("Put into the market").fill("1 ether")
    await page.get_by_role("button", name="Review the deposit").click()
    await confirm(page)
    await page.get_by_role("alert").get_by_text(f"choose {first} in it").wait_for()
    assert "eth_sendTransaction" not in otter.asked
    otter.keys.reverse()
    await confirm(page)
    await page.get_by_text("1 ether in the market").wait_for()


async def test_wallet__buys__then_each_step_is_shown_before_it_is_asked(
    served: Served, visitors: Visitors, devnet: Devnet, market_book: AddressBook, tmp_path: Path
) -> None:
    otter = build_wallet(devnet)
    async with run_worker(devnet, market_book, tmp_path / "worker"):
        page = await enter_with(visitors, served, otter)
        await sign_in(page)
        await page.goto(f"{served.url}/compute/mandelbrot")
        await settle(page)
        await page.get_by_role("button", name="Use the example").click()
        await page.get_by_role("button", name="Ask for quotes").click()
        await page.get_by_role("button", name="Review the order").click()
        await page.get_by_role("button", name="Buy for").click()
        found = []
        for prompt, shown in (
            ("Let this node talk", "It moves no money."),
            ("Put the price into the market", "Market.deposit"),
            ("Lock the price for the worker", "Market.post_accepted"),
            ("Approve the verified result", "The worker is paid by it."),
        ):
            await page.get_by_role("button", name=prompt).click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_text(shown).wait_for()
            found += await check(page, f"the dialog {prompt!r}")
            await dialog.get_by_role("button", name="Go on in the wallet").click()
            await page.locator("dialog:not([open])").wait_for(state="attached")
        await page.locator(".standing[data-tone=good]").wait_for()
        await page.get_by_role("img", name="Mandelbrot tile").wait_for()
    assert found == []
    assert not list((served.site.options.home / "keystore").glob("*.json"))


async def test_wallet__whose_transaction_is_reorganized__then_its_page_says_so(
    served: Served, visitors: Visitors, devnet: Devnet
) -> None:
    otter = build_wallet(devnet)
    page = await enter_with(visitors, served, otter)
    await sign_in(page)
    review = {
        "to": served.site.market.address,
        "data": "0xd0e30db0",
        "value": "0x1",
        "gas": "0x20000",
    }
    devnet.set_automine(False)
    digest = otter.wallet.send(review)
    await page.goto(f"{served.url}/explorer/{digest}")
    await settle(page)
    state = page.locator("#transaction-content .badge").first
    await state.get_by_text("Pending").wait_for()
    await asyncio.to_thread(devnet.mine, 1)
    await state.get_by_text("Final").wait_for()
    await asyncio.to_thread(devnet.reorganize, 1)
    visitors.expected = ("404",)
    await page.locator("#transaction-content .badge", has_text="Final").wait_for(state="detached")
