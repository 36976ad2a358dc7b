"""Nothing is sent or signed that no dialog has shown: every route, and what some dialogs show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from pekanu.chain import AddressBook, Devnet
from pekanu.web import app
from pekanu.web.serving import Served
from support.browser import Browser, open_browser, read_dialog

#: By the route that sends or signs: the one that shows its dialog, and an address that it takes.
SENDING: Final = {
    "/compute/{function}/order": ("/compute/{function}/review", "/compute/matmul/order"),
    "/tasks/{subject}/{action}": ("/tasks/{subject}/{action}/review", "/tasks/0xab/expire"),
    "/tasks/{subject}/challenge": (
        "/tasks/{subject}/challenge/review",
        "/tasks/0xab/challenge",
    ),
    "/work/start": ("/work/{kind}/review", "/work/start"),
    "/work/stop": ("/work/{kind}/review", "/work/stop"),
    "/work/deposit": ("/work/{kind}/review", "/work/deposit"),
    "/work/withdraw": ("/work/{kind}/review", "/work/withdraw"),
}
#: Every other route that takes something, and why it needs no dialog.
SILENT: Final = {
    "/compute/{function}/upload/{field}": "keeps a file",
    "/compute/{function}/estimate": "reads a form",
    "/compute/{function}/quotes": "asks workers",
    "/tasks/{subject}/bring": "keeps a file",
    "/tasks/{subject}/check": "computes here",
    "/settings/accounts/{act}": "keeps keys; what an account left unfinished was reviewed then",
    "/settings/launch-link": "makes a link",
    "/api/wallet/nonce": "makes the text that a wallet shows",
    "/api/wallet/verify": "takes what a wallet has signed after showing it",
    "/api/wallet/leave": "forgets a wallet",
    "/api/requests/{request_id}": "takes what a wallet has signed after a dialog",
    "/launch": "lets a browser in",
}


def list_routes() -> Iterator[str]:
    """Yield the address of each route that takes something."""
    for part in (*app._PARTS, app.launch):
        for route in part.router.routes:
            if "POST" in getattr(route, "methods", ()) and not route.path.startswith("/storage/"):
                yield route.path


def test_routes__each__then_it_sends_after_a_dialog_or_says_why_it_needs_none() -> None:
    found = set(list_routes())
    dialogs = {path for path in found if path.endswith("/review")}
    assert found - dialogs == SENDING.keys() | SILENT.keys()
    assert {dialog for dialog, _ in SENDING.values()} <= dialogs
    assert not SENDING.keys() & SILENT.keys()


@pytest.mark.parametrize("path", [path for _, path in SENDING.values()])
async def test_send__without_its_dialog__then_refused_and_nothing_is_sent(
    served: Served, browser: Browser, devnet: Devnet, path: str
) -> None:
    dialog = await browser.send("/work/deposit/review", {"amount": "1 gwei"})
    action, hidden = read_dialog(dialog.text)
    assert action == "/work/deposit"
    for fields in ({}, {"review": "0" * 32}, hidden if path != action else {}):
        answer = await browser.send(path, {"amount": "1 gwei", **fields})
        assert answer.status_code == 400
        assert "Nothing is signed that no dialog has shown" in answer.text
    for account in devnet.accounts[:4]:
        assert count_sent(devnet, account.address) == 0
    assert served.site.worker.address is None


async def test_send__by_another_browsers_dialog_or_again__then_refused(
    served: Served, browser: Browser, devnet: Devnet
) -> None:
    dialog = await browser.send("/work/deposit/review", {"amount": "1 gwei"})
    action, hidden = read_dialog(dialog.text)
    async with open_browser(served) as other:
        assert (await other.send(action, hidden)).status_code == 400
    # What the fields say counts for nothing: the plan was made when it was shown.
    sent = await browser.send(action, {**hidden, "amount": "5 ether"})
    assert sent.status_code == 303
    assert (await browser.send(action, hidden)).status_code == 400
    assert await served.site.market.fetch_ledger(devnet.accounts[2].address) == 10**9


async def test_deposit__of_more_than_the_account_has__then_the_dialog_says_why_and_ends_there(
    browser: Browser, devnet: Devnet
) -> None:
    poor = devnet.accounts[2].address
    devnet.request("anvil_setBalance", poor, hex(10**17))
    # Enough for the amount alone, not with its gas.
    for amount in ("1 ether", f"{10**17} wei"):
        dialog = await browser.send("/work/deposit/review", {"amount": amount})
        assert dialog.status_code == 200
        assert "Market.deposit" in dialog.text
        assert "has 0.1 ether" in dialog.text
        assert '<form method="post"' not in dialog.text


async def test_work__started_with_a_deposit__then_what_was_shown_is_sent_to_the_byte(
    browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    worker = devnet.accounts[3].address
    form = {"account": worker, "deposit": "1 ether", "functions": "mandelbrot"}
    dialog = await browser.send("/work/start/review", form)
    shown = re.findall(r'class="bytes"[^>]*>(0x[0-9a-f]+)<', dialog.text)
    assert len(shown) == 2
    for text in ("Market.deposit", "Market.announce", "value 1 ether", "ChannelKey", "endpoint"):
        assert text in dialog.text
    assert dialog.text.count(" gas, ") == 2
    action, hidden = read_dialog(dialog.text)
    assert (await browser.send(action, hidden)).status_code == 303
    await browser.wait("/work", "The worker runs")
    market = market_book.market.address.lower()
    assert list_sent(devnet, worker) == [
        (market, shown[0], 10**18),
        (market, shown[1], 0),
    ]
    dialog = await browser.send("/work/stop/review")
    (taken_back,) = re.findall(r'class="bytes"[^>]*>(0x[0-9a-f]+)<', dialog.text)
    action, hidden = read_dialog(dialog.text)
    assert (await browser.send(action, hidden)).status_code == 303
    await browser.wait("/work", "No worker runs")
    assert list_sent(devnet, worker)[2:] == [(market, taken_back, 0)]


async def test_work__without_a_stake__then_the_dialog_says_why_and_nothing_starts(
    served: Served, browser: Browser, devnet: Devnet
) -> None:
    form = {"account": devnet.accounts[3].address, "deposit": ""}
    dialog = await browser.send("/work/start/review", form)
    assert "less than the stake of one task" in dialog.text
    assert '<form method="post"' not in dialog.text
    devnet.request("anvil_setBalance", devnet.accounts[3].address, "0x0")
    dialog = await browser.send("/work/start/review", {**form, "deposit": "1 ether"})
    assert "has 0 ether" in dialog.text
    assert '<form method="post"' not in dialog.text
    assert not served.site.worker.is_up


def count_sent(devnet: Devnet, account: str) -> int:
    return int(devnet.request("eth_getTransactionCount", account, "latest"), 16)


def list_sent(devnet: Devnet, account: str) -> list[tuple[str, str, int]]:
    """Return receiver, bytes and value of what an account has sent, oldest first."""
    last = int(devnet.request("eth_blockNumber"), 16)
    blocks = [devnet.request("eth_getBlockByNumber", hex(one), True) for one in range(last + 1)]
    return [
        (str(one["to"]), str(one["input"]), int(one["value"], 16))
        for block in blocks
        for one in block["transactions"]
        if one["from"].lower() == account.lower()
    ]
