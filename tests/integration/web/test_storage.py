"""Storage on the site, with a provider at work on a real chain."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil

import httpx
import pytest

from pekanu.chain import AddressBook, Devnet
from pekanu.node.provider import keeper
from pekanu.node.provider.provider import get_provider_folder
from pekanu.node.storage.receipts import check_exported
from pekanu.types import Wei, format_wei
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.browser import Browser
from support.nodes import open_town
from support.storage import ETHER, open_depot

DATA = secrets.token_bytes(300_000)
NAME = "naïve <b>&.bin"


async def upload(browser: Browser, batch: str, name: str, data: bytes) -> str:
    headers = {"origin": browser.url, "x-csrf-token": browser.csrf}
    answer = await browser.client.post(
        f"{browser.url}/storage/upload/{batch}",
        params={"name": name},
        content=data,
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    return answer.text


async def confirm_put(browser: Browser, batch: str) -> httpx.Response:
    return await browser.confirm("/storage/put/review", {"batch": batch, "term": "1d", "name": ""})


async def put(browser: Browser, name: str = NAME) -> str:
    """Return the address of an object that was stored."""
    batch = secrets.token_hex(16)
    await upload(browser, batch, name, DATA)
    started = await confirm_put(browser, batch)
    assert started.status_code == 303, started.text
    await browser.wait(started.headers["location"], "is paid by the second")
    page = await browser.see("/storage")
    found = re.search(r"/storage/0x[0-9a-f]{64}", page)
    assert found is not None
    return found.group(0)


async def test_put__by_the_site__then_14_steps_a_receipt_and_equal_bytes(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        assert "stores nothing yet" in await browser.see("/storage")
        address = await put(browser)
        page = await browser.wait(address, "file?path=")
        assert page.count('data-phase="done"') == 14
        assert "<b>&.bin" not in page
        assert "&lt;b&gt;&amp;.bin" in page
        receipt = check_exported(json.loads(await browser.see(address + "/receipt")))
        assert receipt["provider"] == devnet.accounts[1].address
        href = re.search(r'href="([^"]+file\?path=[^"]+)"', page)
        assert href is not None
        fetched = await browser.get(href.group(1))
        assert fetched.content == DATA
        # What the provider holds lies here no more.
        assert not any((served.site.options.home / "site" / "storage").iterdir())
        assert (await browser.send(address + "/verify")).status_code == 303
        await browser.wait(address, "chunks were proved.")
        review = await browser.send(address + "/challenge/review")
        assert "You put up" in review.text
        assert (await browser.confirm(address + "/challenge/review")).status_code == 303
        await browser.wait(address, "Challenge answered")
        kept = await browser.wait("/storage/provider", "all that was asked for was shown")
        assert "1 answered, 0 fined" in kept
        assert f'title="{address.rpartition("/")[2]}"' in kept
        assert "0.999" in kept


async def test_fine__when_the_provider_lost_the_bytes__then_the_penalty_comes(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    home = served.site.options.home
    async with open_town(devnet, market_book, home) as town:
        async with open_depot(town, devnet.accounts[1]):
            address = await put(browser, "lost.bin")
            (stored,) = (await served.site.storage.open(devnet.accounts[2].address)).ls()
        penalty = stored.quote.terms.penalty
        shutil.rmtree(get_provider_folder(home, devnet.accounts[1].address))
        await browser.confirm(address + "/challenge/review")
        await browser.wait(address, "The provider must show bytes on chain")
        balance = await served.site.chain.get_balance(devnet.accounts[2].address)
        await asyncio.to_thread(devnet.advance_time, 700)
        await browser.wait(address, "Challenge not answered")
        assert "Take the penalty" in await browser.see(address)
        assert (await browser.confirm(address + "/fine/review")).status_code == 303
        await browser.wait(address, "Penalty taken")
        # Its folder is gone, and with it all that this node knows of the provider.
        assert "No account of this node offers storage" in await browser.see("/storage/provider")
        got = await served.site.chain.get_balance(devnet.accounts[2].address) - balance
        gas = ETHER // 1000
        assert penalty - gas < got < penalty + stored.quote.terms.price + gas


@pytest.mark.parametrize("name", ["", "..", "a\nb", "x" * 300])
async def test_upload__under_a_bad_name__then_a_sentence_and_nothing_is_kept(
    served: Served, browser: Browser, name: str
) -> None:
    text = await upload(browser, secrets.token_hex(16), name, b"bytes")
    assert "is no name for a file here" in text
    assert not (served.site.options.home / "site" / "storage").exists()


async def test_quote__without_files_or_provider_or_term__then_one_sentence(
    browser: Browser,
) -> None:
    batch = secrets.token_hex(16)
    answer = await browser.send("/storage/put/review", {"batch": batch, "term": "30d"})
    assert answer.status_code == 400
    assert "No file was chosen" in answer.text
    await upload(browser, batch, "a.bin", b"bytes")
    answer = await browser.send("/storage/put/review", {"batch": batch, "term": "soon"})
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    answer = await browser.send("/storage/put/review", {"batch": batch, "term": "30d"})
    assert answer.status_code == 409
    answer = await browser.send("/storage/put", {"batch": batch})
    assert answer.status_code == 400
    assert (await browser.get("/storage/" + "ab" * 32)).status_code == 404
    for act, status in (("verify", 400), ("burn", 400)):
        assert (await browser.send(f"/storage/{'ab' * 32}/{act}")).status_code == status


async def test_put__broken_off_after_the_payment__then_a_button_goes_on_and_pays_once(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    site, account = served.site, devnet.accounts[2].address
    async with (
        open_town(devnet, market_book, site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        batch = secrets.token_hex(16)
        await upload(browser, batch, NAME, DATA)
        await confirm_put(browser, batch)
        run = site.storage.find_run(account, batch)
        assert run is not None
        while 9 not in run.steps:
            await site.pulse.wait(site.pulse.count, timeout_seconds=5)
        await site.storage.close()
        (stored,) = (await site.storage.open(account)).ls()
        address = f"/storage/0x{stored.agreement_id.hex()}"
        page = await browser.wait(address, "Broken off")
        assert "Go on" in page
        assert (await browser.confirm(address + "/resume/review")).status_code == 303
        page = await browser.wait(address, "file?path=")
        assert page.count('data-phase="done"') == 14
        (again,) = (await site.storage.open(account)).ls()
        assert again.agreement_id == stored.agreement_id
        assert not any((site.options.home / "site" / "storage").iterdir())


async def test_put__whose_payment_the_chain_lost__then_a_button_pays_it_again(
    served: Served,
    browser: Browser,
    devnet: Devnet,
    market_book: AddressBook,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeper, "_ACKNOWLEDGE_SECONDS", 0.5)
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        address = await put(browser)
        await asyncio.to_thread(devnet.reorganize, 2)
        await asyncio.to_thread(devnet.mine, 1)
        assert "Go on" in await browser.wait(address, "The chain lost its payment")
        dialog = await browser.send(address + "/resume/review")
        assert "StorageClient.pay" in dialog.text
        assert "It is paid now, as it was agreed." in dialog.text
        assert (await browser.confirm(address + "/resume/review")).status_code == 303
        assert "Go on" not in await browser.wait(address, "is paid by the second")


async def test_put__of_which_no_receipt_comes__then_the_payment_comes_back(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    site, account = served.site, devnet.accounts[2].address
    async with open_town(devnet, market_book, site.options.home) as town:
        async with open_depot(town, devnet.accounts[1]):
            batch = secrets.token_hex(16)
            await upload(browser, batch, NAME, DATA)
            await confirm_put(browser, batch)
            run = site.storage.find_run(account, batch)
            assert run is not None
            while 9 not in run.steps:
                await site.pulse.wait(site.pulse.count, timeout_seconds=5)
            await site.storage.close()
        (stored,) = (await site.storage.open(account)).ls()
        address = f"/storage/0x{stored.agreement_id.hex()}"
        await asyncio.to_thread(devnet.advance_time, 700)
        assert "Go on" not in await browser.wait(address, "Take it back")
        assert (await browser.confirm(address + "/reclaim/review")).status_code == 303
        terms = stored.quote.terms
        back = format_wei(Wei(terms.price - terms.reservation_fee))
        await browser.wait(address, f"No receipt came in time: {back} came back.")
        # All of it went on to the wallet.
        assert await site.chain.get_balance(stored.client) == 0
        assert "Reclaimed" in await browser.see(address)
        assert not any((site.options.home / "site" / "storage").iterdir())


async def test_fetch__when_the_provider_altered_the_bytes__then_none_reaches_the_browser(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    home = served.site.options.home
    async with (
        open_town(devnet, market_book, home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        address = await put(browser, "kept.bin")
        page = await browser.wait(address, "file?path=")
        href = re.search(r'href="([^"]+file\?path=[^"]+)"', page)
        assert href is not None
        folder = get_provider_folder(home, devnet.accounts[1].address)
        packs = [one for one in folder.rglob("*") if one.is_file() and one.stat().st_size > 300_000]
        packs = [one for one in packs if not one.name.startswith("index.db")]
        assert packs
        for pack in packs:
            pack.write_bytes(bytes(byte ^ 1 for byte in pack.read_bytes()))
        answer = await browser.get(href.group(1))
        assert answer.status_code >= 400
        assert DATA[:64] not in answer.content
        assert "That does not hold" in answer.text
        await browser.send(address + "/verify")
        page = await browser.wait(address, "chunks were proved: ")
        # Where chunks end depends on the bytes, which chance gives.
        assert re.search(r"\b0 of [0-9]+ chunks were proved: ", page)


async def test_hosted__then_one_sentence_and_no_file_is_taken(options: SiteOptions) -> None:
    hosted = SiteOptions(
        home=options.home, rpc=options.rpc, origins=("http://pekanu.example",), is_hosted=True
    )
    async with serve_site(hosted) as served, httpx.AsyncClient(trust_env=False) as client:
        browser = Browser(client, f"http://127.0.0.1:{served.site.port}")
        client.headers.update({"host": "pekanu.example", "origin": "http://pekanu.example"})
        assert (await browser.get("/storage")).status_code == 303
        page = await browser.see("/storage")
        assert "Storing needs an account whose key is on your own node" in page
        client.headers["x-csrf-token"] = page.partition('name="csrf" content="')[2].partition('"')[
            0
        ]
        batch = secrets.token_hex(16)
        for path in (f"upload/{batch}?name=a", "put/review"):
            answer = await client.post(f"{browser.url}/storage/{path}", data={"batch": batch})
            assert answer.status_code == 400
            assert "Storing needs" in answer.text
        answer = await client.post(f"{browser.url}/storage/put", data={"review": "0" * 32})
        assert answer.status_code == 400
        assert not (options.home / "site" / "storage").exists()


async def test_put__without_the_pages_token__then_refused(browser: Browser) -> None:
    browser.csrf = "0"
    for path in (f"upload/{secrets.token_hex(16)}?name=a", "put/review", "put", "0xab/fine"):
        assert (await browser.send(f"/storage/{path}", {"batch": "a"})).status_code == 403


async def test_storage__of_another_account__then_it_is_not_shown(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        address = await put(browser)
        chosen = await browser.send(
            "/settings/accounts/use", {"address": devnet.accounts[3].address}
        )
        assert chosen.status_code == 303, chosen.text
        assert "stores nothing yet" in await browser.see("/storage")
        for path in (address, address + "/receipt", address + "/file?path=" + "x"):
            assert (await browser.get(path)).status_code == 404
