"""A browser's wallet signs in and buys a computation; the node holds no key of it."""

from __future__ import annotations

import asyncio
import secrets

import httpx
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct

from pekanu.chain import AddressBook, Devnet
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.browser import Browser, open_browser
from support.nodes import open_town
from support.wallet import EXAMPLE, Wallet, choose_quote


async def test_sign_in__by_the_account__then_it_acts_here(browser: Browser, devnet: Devnet) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    answer = await wallet.sign_in(browser)
    assert answer.status_code == 200
    assert answer.json() == {"account": wallet.address}
    assert "browser wallet" in await browser.see("/settings")


async def test_sign_in__with_a_message_used_before__then_it_is_refused(
    browser: Browser, devnet: Devnet
) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    asked = await browser.tell("/api/wallet/nonce", {"address": wallet.address})
    message = asked.json()["message"]
    signed = {"message": message, "signature": wallet.sign_text(message)}
    assert (await browser.tell("/api/wallet/verify", signed)).status_code == 200
    assert (await browser.tell("/api/wallet/verify", signed)).status_code == 400


async def test_sign_in__signed_by_another__then_it_is_refused(
    browser: Browser, devnet: Devnet
) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    asked = await browser.tell("/api/wallet/nonce", {"address": wallet.address})
    message = asked.json()["message"]
    other = EthAccount.sign_message(encode_defunct(text=message), devnet.keys[6])
    signed = {"message": message, "signature": "0x" + other.signature.hex()}
    answer = await browser.tell("/api/wallet/verify", signed)
    assert answer.status_code == 400
    assert "did not sign it" in answer.json()["problem"]


async def test_order__with_a_wallet__then_it_signs_each_step_and_the_result_comes(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        await town.open_worker(devnet.accounts[1])
        await wallet.sign_in(browser)
        quote = await choose_quote(browser)
        signing = asyncio.create_task(wallet.sign_all(browser))
        answer = await browser.confirm("/compute/mandelbrot/review", {**EXAMPLE, "quote": quote})
        assert answer.status_code == 303, answer.text
        path = answer.headers["location"]
        page = await browser.wait(path, 'class="standing" data-tone="good"')
        signing.cancel()
        assert f"{path}/picture/0.png" in page
        assert wallet.seen == ["ChannelKey", "market.deposit", "market.post_accepted", "Approval"]
        assert not list((options.home / "keystore").glob("*.json"))


async def test_order__rejected_in_the_wallet__then_nothing_is_begun(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        await town.open_worker(devnet.accounts[1])
        await wallet.sign_in(browser)
        quote = await choose_quote(browser)
        rejecting = asyncio.create_task(wallet.reject_first(browser))
        answer = await browser.confirm("/compute/mandelbrot/review", {**EXAMPLE, "quote": quote})
        await rejecting
        assert answer.status_code == 400
        assert "rejected in the wallet" in answer.text


async def test_report__of_another_transaction__then_it_is_refused(
    browser: Browser, devnet: Devnet
) -> None:
    wallet = Wallet(devnet, devnet.keys[5])
    await wallet.sign_in(browser)
    review = await browser.send("/work/deposit/review", {"amount": "1 gwei"})
    assert review.status_code == 200
    (waiting,) = (await browser.get("/api/requests")).json()["requests"]
    shown = (await browser.get(f"/api/requests/{waiting['id']}")).json()
    assert shown["call"]["function"] == "deposit"
    false = wallet.send({**shown["transaction"], "value": "0x1"})
    answer = await browser.tell(f"/api/requests/{waiting['id']}", {"hash": false})
    assert answer.status_code == 400
    assert "another transaction" in answer.json()["problem"]
    true = wallet.send(shown["transaction"])
    answer = await browser.tell(f"/api/requests/{waiting['id']}", {"hash": true})
    assert answer.status_code == 204
    assert f'href="/explorer/{true}"' in await browser.see("/settings")


async def test_requests__of_another_wallet__then_they_are_not_shown(
    served: Served, devnet: Devnet
) -> None:
    async with open_browser(served) as one, open_browser(served) as other:
        await Wallet(devnet, devnet.keys[5]).sign_in(one)
        await Wallet(devnet, devnet.keys[6]).sign_in(other)
        await one.send("/work/deposit/review", {"amount": "1 gwei"})
        (waiting,) = (await one.get("/api/requests")).json()["requests"]
        assert (await other.get("/api/requests")).json()["requests"] == []
        assert (await other.get(f"/api/requests/{waiting['id']}")).status_code == 404


async def test_hosted__then_it_holds_no_keys_and_takes_no_orders(options: SiteOptions) -> None:
    hosted = SiteOptions(
        home=options.home, rpc=options.rpc, origins=("http://pekanu.example",), is_hosted=True
    )
    async with serve_site(hosted) as served, httpx.AsyncClient(trust_env=False) as client:
        browser = Browser(client, f"http://127.0.0.1:{served.site.port}")
        client.headers["host"] = "pekanu.example"
        assert (await browser.get("/")).status_code == 303
        page = await browser.see("/")
        assert "Browser" not in page
        browser.csrf = page.partition('name="csrf" content="')[2].partition('"')[0]
        browser_headers = {"origin": "http://pekanu.example", "x-csrf-token": browser.csrf}
        for path in ("/compute", "/work"):
            assert (await browser.get(path)).status_code == 404
        made = await client.post(
            browser.url + "/settings/accounts/create",
            data={"name": "alice", "password": secrets.token_hex(8)},
            headers=browser_headers,
        )
        assert made.status_code == 400
        assert "holds no keys" in made.text
        assert served.site.accounts.list_development() == []
