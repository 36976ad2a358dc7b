"""A person with a browser buys, sells, and ends what the other side abandoned."""

from __future__ import annotations

import io
import re
import secrets

import numpy as np

from pekanu import catalog
from pekanu.chain import AddressBook, Connection, Devnet, MemoryPendingStore, Sender
from pekanu.chain.market_contract import MarketContract
from pekanu.types import Address, Wei
from pekanu.web.serving import Served, serve_site
from pekanu.web.site import SiteOptions
from support.abandoned import abandon
from support.browser import Browser, open_browser
from support.nodes import LEFT, RIGHT, open_town
from support.wallet import EXAMPLE, choose_quote


async def test_order__left_by_a_site_that_ended__then_the_next_one_goes_on_by_itself(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    async with open_town(devnet, market_book, options.home) as town:
        await town.open_worker(devnet.accounts[1])
        async with serve_site(options) as served, open_browser(served) as browser:
            form = {**EXAMPLE, "quote": await choose_quote(browser)}
            order = await browser.confirm("/compute/mandelbrot/review", form)
        # Nobody asks for anything that would need the account.
        async with serve_site(options) as served, open_browser(served) as browser:
            path = order.headers["location"]
            await browser.wait(path, 'class="standing" data-tone="good"')


async def test_order__of_the_example__then_the_picture_and_the_receipt_come(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        await town.open_worker(devnet.accounts[1])
        estimate = await browser.send("/compute/mandelbrot/estimate", EXAMPLE)
        assert "1.1 million steps" in estimate.text
        quote = await choose_quote(browser)
        form = {**EXAMPLE, "quote": quote}
        review = await browser.send("/compute/mandelbrot/review", form)
        assert "Market.deposit" in review.text
        assert "<dt>You can lose</dt><dd>nothing but gas</dd>" in review.text
        believing = await browser.send("/compute/mandelbrot/review", {**form, "policy": "none"})
        assert "<dt>You can lose</dt><dd>at most 0.01 ether and gas</dd>" in believing.text
        order = await browser.confirm("/compute/mandelbrot/review", form)
        assert order.status_code == 303
        path = order.headers["location"]
        page = await browser.wait(path, 'class="standing" data-tone="good"')
        assert "pixels were computed again" in page
        assert "post_accepted" in page
        picture = await browser.get(f"{path}/picture/0.png")
        assert picture.content.startswith(b"\x89PNG")
        output = await browser.get(f"{path}/output.npy")
        expected = catalog.get("mandelbrot").execute(
            catalog.get("mandelbrot").parse_inputs(dict(EXAMPLE))
        )
        found = np.load(io.BytesIO(output.content))
        assert np.array_equal(found, catalog.get("mandelbrot").decode_output(expected))
        assert (await browser.get(f"{path}/output.exe")).status_code == 404
        task = re.search(r"/tasks/(0x[0-9a-f]{64})", await browser.see("/tasks?filter=mine"))
        assert task is not None
        assert "Settled" in await browser.see(f"/tasks/{task.group(1)}")
        await _look_around(browser, page, task.group(1))


async def _look_around(browser: Browser, page: str, task: str) -> None:
    transaction = re.search(r"/explorer/(0x[0-9a-f]{64})", page)
    assert transaction is not None
    assert "Market." in await browser.see(f"/explorer/{transaction.group(1)}")
    found = await browser.get(f"/explorer?find={task}")
    assert found.headers["location"] == f"/tasks/{task}"
    assert "Settled" in await browser.see("/explorer")


async def test_order__of_uploaded_matrices__then_the_product_comes_as_a_file(
    devnet: Devnet, market_book: AddressBook, options: SiteOptions
) -> None:
    async with (
        open_town(devnet, market_book, options.home) as town,
        serve_site(options) as served,
        open_browser(served) as browser,
    ):
        await town.open_worker(devnet.accounts[1])
        form: dict[str, str] = {}
        for name, matrix in (("a", LEFT), ("b", RIGHT)):
            file = io.BytesIO()
            np.save(file, matrix)
            answer = await browser.send(
                f"/compute/matmul/upload/{name}",
                files={"file": (f"../{name}.npy", file.getvalue())},
            )
            held = re.search(r'value="(upload:[0-9a-f]{32})"', answer.text)
            assert held is not None, answer.text
            form[name] = held.group(1)
        quote = await choose_quote(browser, "matmul", form)
        order = await browser.confirm("/compute/matmul/review", {**form, "quote": quote})
        path = order.headers["location"]
        await browser.wait(path, "output.npy")
        output = await browser.get(f"{path}/output.npy")
        assert np.array_equal(np.load(io.BytesIO(output.content)), LEFT @ RIGHT)


async def test_upload__of_what_the_input_cannot_be__then_it_is_refused(browser: Browser) -> None:
    answer = await browser.send("/compute/matmul/upload/a", files={"file": ("a.exe", b"MZ")})
    assert "is no file of .npy" in answer.text
    answer = await browser.send("/compute/matmul/upload/a", files={"file": ("a.npy", b"MZ")})
    held = re.search(r'value="(upload:[0-9a-f]{32})"', answer.text)
    assert held is not None
    estimate = await browser.send("/compute/matmul/estimate", {"a": held.group(1), "b": "[[1]]"})
    assert 'data-field="a"' in estimate.text
    for name in ("upload:" + "0" * 32, "upload:../../etc/passwd"):
        estimate = await browser.send("/compute/matmul/estimate", {"a": name, "b": "[[1]]"})
        assert "not here any more" in estimate.text


async def test_order__for_more_than_one_wants_to_spend__then_it_is_refused(
    browser: Browser,
) -> None:
    form = {**EXAMPLE, "quote": f"{Address('0x' + '11' * 20)}:1000", "max_price": "999 wei"}
    answer = await browser.confirm("/compute/mandelbrot/review", form)
    assert answer.status_code == 400
    assert "more than you want to spend" in answer.text


async def test_expire__of_an_abandoned_task__then_anyone_presses_the_button(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    client, worker = devnet.accounts[5], devnet.accounts[6]
    task_id = await abandon(devnet, market_book, client, worker)
    path = f"/tasks/0x{task_id.hex()}"
    await browser.wait("/tasks", path)
    page = await browser.wait(path, "Accepted")
    assert "/expire/review" not in page
    early = await browser.send(f"{path}/expire/review")
    assert early.status_code == 400
    assert "not possible now" in early.text
    devnet.advance_time(700)
    await browser.wait(path, "/expire/review")
    review = await browser.send(f"{path}/expire/review")
    assert "Market.expire" in review.text
    assert "gas" in review.text
    assert (await browser.confirm(f"{path}/expire/review")).status_code == 303
    page = await browser.wait(path, "Expired")
    assert served.site.index.count_tasks() == 1
    ledger = await served.site.market.fetch_ledger(client.address)
    assert ledger == Wei(10**15 + 10**15)


async def test_announce__with_a_script__then_it_is_inert(
    browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    hostile = "http://x/\"><script>alert('x')</script><img src=x onerror=alert(1)>"
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, market_book.market.address)
        call = market.announce(1, hostile, bytes(32), bytes(32))
        sender = Sender(chain, devnet.accounts[6], MemoryPendingStore())
        await sender.send(call, key="announce")
    page = await browser.wait("/", "&lt;script&gt;")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    page = await browser.see("/explorer")
    assert "<script>alert" not in page


async def test_work__started_from_the_page__then_it_announces_and_stops(
    browser: Browser, devnet: Devnet
) -> None:
    worker = devnet.accounts[3].address
    refused = await browser.send("/work/start/review", {"account": worker, "stake": "much"})
    assert refused.status_code == 400
    assert "Stake of a task" in refused.text
    form = {"account": worker, "deposit": "1 ether", "functions": "mandelbrot"}
    answer = await browser.confirm("/work/start/review", form)
    assert answer.status_code == 303, answer.text
    await browser.wait("/work", "The worker runs")
    await browser.wait("/", "http://127.0.0.1:")
    assert (await browser.send("/work/start/review", form)).status_code == 400
    quote = await choose_quote(browser)
    order = await browser.confirm("/compute/mandelbrot/review", {**EXAMPLE, "quote": quote})
    await browser.wait(order.headers["location"], 'class="standing" data-tone="good"')
    page = await browser.wait("/work", "1 settled")
    assert "0.0001 ether" in page
    assert (await browser.confirm("/work/stop/review")).status_code == 303
    await browser.wait("/work", "No worker runs")
    await browser.wait("/", "No worker announces itself")


async def test_accounts__made_locked_and_unlocked__then_the_password_counts(
    served: Served, browser: Browser
) -> None:
    served.site.accounts.keystore._work_factor = 1 << 12
    password = secrets.token_hex(8)
    await browser.send("/settings/accounts/create", {"name": "alice", "password": password})
    page = await browser.see("/settings")
    assert "The account alice was made" in page
    found = re.search(r"alice was made: (0x[0-9a-fA-F]{40})", page)
    assert found is not None
    fields = {"address": found.group(1)}
    await browser.send("/settings/accounts/lock", fields)
    assert "The account is locked" in await browser.see("/compute/matmul")
    await browser.send("/settings/accounts/unlock", {**fields, "password": "wrong password"})
    page = await browser.see("/settings")
    assert "is wrong" in page
    assert "wrong password" not in page
    await browser.send("/settings/accounts/unlock", {**fields, "password": password})
    assert "is unlocked" in await browser.see("/settings")
    await browser.send("/settings/accounts/create", {"name": "bob", "password": "short"})
    assert "shorter than 8" in await browser.see("/settings")
