"""Nothing is sent or signed that no dialog has shown: every route, and what some dialogs show."""

from __future__ import annotations

import ast
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from pekanu import contracts
from pekanu.chain import AddressBook, Devnet
from pekanu.web import app
from pekanu.web.serving import Served
from support.browser import Browser, open_browser, read_dialog
from support.nodes import open_town
from support.storage import open_depot

#: By the route that sends or signs: the one that shows its dialog, and an address that it takes.
SENDING: Final = {
    "/compute/{function}/order": ("/compute/{function}/review", "/compute/matmul/order"),
    "/tasks/{subject}/{action}": ("/tasks/{subject}/{action}/review", "/tasks/0xab/expire"),
    "/tasks/{subject}/challenge": (
        "/tasks/{subject}/challenge/review",
        "/tasks/0xab/challenge",
    ),
    "/storage/introduce": ("/storage/put/review", "/storage/introduce"),
    "/storage/put": ("/storage/put/review", "/storage/put"),
    **{
        f"/storage/provider/{act}": ("/storage/provider/{kind}/review", f"/storage/provider/{act}")
        for act in ("start", "stop", "deposit", "withdraw")
    },
    "/storage/{subject}/{act}": ("/storage/{subject}/{act}/review", "/storage/0xab/fine"),
    "/work/start": ("/work/{kind}/review", "/work/start"),
    "/work/stop": ("/work/{kind}/review", "/work/stop"),
    "/work/deposit": ("/work/{kind}/review", "/work/deposit"),
    "/work/withdraw": ("/work/{kind}/review", "/work/withdraw"),
}
#: What an object's page says once it is done.
SAID: Final = {
    "challenge": "Challenge answered",
    "renew": "Kept for 2 d more",
    "end": "the provider forgets the bytes",
}
#: Every other route that takes something, and why it needs no dialog.
SILENT: Final = {
    "/compute/{function}/upload/{field}": "keeps a file",
    "/compute/{function}/estimate": "reads a form",
    "/compute/{function}/quotes": "asks workers",
    "/storage/upload/{batch}": "keeps a file",
    "/storage/drop/{batch}": "forgets a file",
    "/storage/{subject}/verify": "asks the provider, by a key that was signed before",
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


#: Where the site's own code has something sent or signed, and by whose leave: nothing else does.
SIGNING: Final = {
    "actions.carry_out: send": "the plan that its route took from a dialog",
    "accounts._open: resume": "jobs that were reviewed before this node stopped",
    "accounts._open: open_client": "the key by which the node talks to peers, for who unlocks",
    "accounts._open: open_wallet_desk": "asks the wallet, which shows a dialog for each",
    "accounts._open: load_identity": "asks the wallet, which shows a dialog",
    "actions.send: send": "within the one before",
    "compute_pages.place_order: submit": "the plan that its route took from a dialog",
    "guard.decorated: send": "answers a browser",
    "quoting.__init__: from_wallet": "a fresh key of nobody, for asking prices",
    "routes.challenges.challenge: challenge": "the plan that its route took from a dialog",
    "routes.keeping.start: start": "the plan that its route took from a dialog",
    "routes.keeping.start: deploy_provider": "the plan that its route took from a dialog",
    "routes.keeping.stop: stop": "the plan that its route took from a dialog",
    "routes.storage.ask: resume": "the plan that its route took from a dialog",
    "routes.storage.introduce: introduce": "the plan that its route took from a dialog",
    "routes.storage.put: put": "the plan that its route took from a dialog",
    "routes.work.start: start": "the plan that its route took from a dialog",
    "routes.work.stop: stop": "the plan that its route took from a dialog",
    "site.close: stop": "worker and provider go with the node, and take back what they announced",
    "storage_acts._end: rm": "an act of a plan",
    "storage_acts._reclaim: reclaim": "an act of a plan",
    "storage_acts.do: fine": "an act of a plan",
    "storage_acts.do: open_challenge": "an act of a plan",
    "storage_acts.do: pay_renewal": "an act of a plan",
    "storage_desk.introduce: introduce": "the plan that its route took from a dialog",
    "storage_desk.open: open_store": "a secret of the account's own, which stays on this node",
    "storage_desk._put: put_agreed": "the plan that its route took from a dialog",
    "storage_desk.resume: resume": "the plan that its route took from a dialog",
    "storage_offers.plan_introduction: register": "builds what the provider would send",
    "wallet_desk.send: send": "asks the wallet, which shows a dialog",
    "wallet_desk.sign_typed_data: sign": "asks the wallet, which shows a dialog",
    "wallet_desk.load_identity: sign": "asks the wallet, which shows a dialog",
}
#: Names of what sends or signs in the parts below the site, by way of any object.
ACTS: Final = frozenset(
    {
        "challenge",
        "deploy_provider",
        "fine",
        "fine_equivocation",
        "from_wallet",
        "give_back",
        "introduce",
        "load_identity",
        "open_challenge",
        "open_client",
        "open_store",
        "open_wallet_desk",
        "pay_renewal",
        "put",
        "put_agreed",
        "put_prepared",
        "reclaim",
        "register",
        "renew",
        "resume",
        "rm",
        "send",
        "sign",
        "sign_message",
        "sign_transaction",
        "sign_typed_data",
        "start",
        "stop",
        "submit",
        "take_back",
    }
)


def list_routes() -> Iterator[str]:
    """Yield the address of each route that takes something."""
    for part in (*app._PARTS, app.launch):
        for route in part.router.routes:
            if "POST" in getattr(route, "methods", ()):
                yield route.path


def test_routes__each__then_it_sends_after_a_dialog_or_says_why_it_needs_none() -> None:
    found = set(list_routes())
    dialogs = {path for path in found if path.endswith("/review")}
    assert found - dialogs == SENDING.keys() | SILENT.keys()
    assert {dialog for dialog, _ in SENDING.values()} <= dialogs
    assert not SENDING.keys() & SILENT.keys()


def test_code__that_sends_or_signs__then_it_stands_in_the_table() -> None:
    assert set(list_acts()) == SIGNING.keys()


def list_acts() -> Iterator[str]:
    """Yield each place of the site's code that has something sent or signed."""
    folder = Path(app.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(path.relative_to(folder).with_suffix("").parts)
        for function, name in list_calls(ast.parse(path.read_text(encoding="utf-8")), ""):
            if name in ACTS:
                yield f"{module}.{function}: {name}"


def list_calls(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    """Yield the innermost function and the name of each call."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from list_calls(child, child.name)
            continue
        if isinstance(child, ast.Call):
            is_plain = isinstance(child.func, ast.Name)
            name = getattr(child.func, "id" if is_plain else "attr", "")
            # The site's own `open_client` finds one that is open, or gets here.
            if name != "open_client" or is_plain:
                yield function, name
        yield from list_calls(child, function)


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
    shown = read_bytes(dialog.text)
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
    (taken_back,) = read_bytes(dialog.text)
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


async def test_provider__started_from_the_page__then_it_keeps_a_file_and_its_deposit_comes_back(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    provider = devnet.accounts[3].address
    form = {"account": provider, "deposit": "0.0001 ether"}
    poor = await browser.send("/storage/provider/start/review", form)
    assert "covers not one penalty" in poor.text
    assert '<form method="post"' not in poor.text
    wrong = await browser.send("/storage/provider/start/review", {**form, "capacity": "much"})
    assert wrong.status_code == 400
    assert "Room: " in wrong.text
    dialog = await browser.send("/storage/provider/start/review", {**form, "deposit": "1 ether"})
    shown = read_bytes(dialog.text)
    for text in ("StorageServer.__init__", "makes a new contract", "Market.announce", "ChannelKey"):
        assert text in dialog.text
    assert (await browser.send(*read_dialog(dialog.text))).status_code == 303
    await browser.wait("/storage/provider", "The provider runs")
    sent = list_sent(devnet, provider)
    assert [data for _, data, _ in sent] == shown
    assert [value for _, _, value in sent] == [10**18, 0]
    served.site.accounts.take_development(devnet.accounts[2].address)
    address = await store(browser, await be_let_in(browser, await ask_to_store(browser, "a.bin")))
    assert "14" in await browser.see(address)
    page = await browser.wait("/storage/provider", "Nobody has challenged this provider.")
    assert f'value="{provider}"' in page
    amount = {"provider": provider, "amount": "0.5 ether"}
    busy = await browser.send("/storage/provider/withdraw/review", amount)
    assert "alone sends for this account" in busy.text
    assert (await browser.confirm("/storage/provider/deposit/review", amount)).status_code == 303
    assert (await browser.confirm("/storage/provider/stop/review")).status_code == 303
    await browser.wait("/storage/provider", "No provider was started from here")
    assert (await browser.confirm("/storage/provider/withdraw/review", amount)).status_code == 303
    market = market_book.market.address.lower()
    last = list_sent(devnet, provider)[-2:]
    assert last[0][0] == market
    assert name_functions("StorageServer")[last[1][1][:10]] == "withdraw"
    too_much = await browser.send(
        "/storage/provider/withdraw/review", {**amount, "amount": "5 ether"}
    )
    assert "storage: balance too low" in too_much.text
    assert '<form method="post"' not in too_much.text


async def be_let_in(browser: Browser, dialog: str) -> str:
    """Return the dialog that comes after the one of a provider's first time."""
    answer = await browser.send(*read_dialog(dialog))
    assert "StorageClient.pay" in answer.text, answer.text
    return answer.text


async def test_storage__from_first_to_last__then_what_was_shown_is_sent_to_the_byte(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    client, provider = devnet.accounts[2].address, devnet.accounts[1]
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, provider),
    ):
        shown = []
        first = await ask_to_store(browser, "first.bin")
        for text in ("Registration", "sealingKey", "Pekanu Storage 1", "StorageFactory.create"):
            assert text in first
        shown += read_bytes(first)
        assert first.count(" gas, ") == 1
        assert count_sent(devnet, client) == 0
        action, hidden = read_dialog(first)
        assert action == "/storage/introduce"
        second = await browser.send(action, hidden)
        assert count_sent(devnet, client) == 1
        for text in ("StorageClient.pay", "reservation_fee", "root_commitment", " gas, "):
            assert text in second.text
        shown += read_bytes(second.text)
        address = await store(browser, second.text)
        (stored,) = (await served.site.storage.open(client)).ls()
        asked = next(step for step in stored.steps if step.number == 2)
        assert f"<code>{asked.evidence['valid_until']}</code>" in first
        assert f"<code>{asked.evidence['sealing_key']}</code>" in first
        # Who was let in is asked no second time.
        again = await ask_to_store(browser, "second.bin")
        assert "Registration" not in again
        shown += read_bytes(again)
        await store(browser, again)
        for act, function in (("challenge", "challenge"), ("renew", "pay"), ("end", "give_back")):
            dialog = await browser.send(f"{address}/{act}/review", {"term": "2d"})
            assert f"StorageClient.{function}" in dialog.text, dialog.text
            shown += read_bytes(dialog.text)[:1]
            assert (await browser.send(*read_dialog(dialog.text))).status_code == 303
            await browser.wait(address, SAID[act])
        # What is sent after the end is shown with it; of the amount only about how much is known.
        assert "StorageClient.collect" in dialog.text
        assert "StorageClient.withdraw" in dialog.text
        assert dialog.text.count("and tried only then") == 2
        sent = [data for _, data, _ in list_sent(devnet, client)]
        assert sent[: len(shown)] == shown
        functions = name_functions("StorageClient")
        assert [functions[data[:10]] for data in sent[len(shown) :]] == ["collect", "withdraw"]


async def test_storage__without_the_money__then_each_dialog_says_why_and_ends_there(
    served: Served, browser: Browser, devnet: Devnet, market_book: AddressBook
) -> None:
    client = devnet.accounts[2].address
    async with (
        open_town(devnet, market_book, served.site.options.home) as town,
        open_depot(town, devnet.accounts[1]),
    ):
        devnet.request("anvil_setBalance", client, hex(10**9))
        dialog = await ask_to_store(browser, "first.bin")
        assert "StorageFactory.create" in dialog
        assert "has 0.000000001 ether" in dialog
        assert '<form method="post"' not in dialog
        devnet.request("anvil_setBalance", client, hex(10**18))
        action, hidden = read_dialog(await ask_to_store(browser, "first.bin"))
        devnet.request("anvil_setBalance", client, hex(10**16))
        poor = await browser.send(action, hidden)
        devnet.request("anvil_setBalance", client, hex(10**9))
        assert "StorageClient.pay" in poor.text
        dialog = await ask_to_store(browser, "first.bin")
        assert "StorageClient.pay" in dialog
        assert "has 0.000000001 ether" in dialog
        assert '<form method="post"' not in dialog
        # What was shown while there was money is not paid without it.
        answer = await browser.send(*read_dialog(poor.text))
        page = await browser.wait(answer.headers["location"], "Not stored")
        assert "price" in page
        assert count_sent(devnet, client) == 1


async def ask_to_store(browser: Browser, name: str) -> str:
    """Return the dialog before a file is stored."""
    batch = secrets.token_hex(16)
    answer = await browser.client.post(
        f"{browser.url}/storage/upload/{batch}",
        params={"name": name},
        content=secrets.token_bytes(10_000),
        headers={"origin": browser.url, "x-csrf-token": browser.csrf},
    )
    assert answer.status_code == 200
    answer = await browser.send("/storage/put/review", {"batch": batch, "term": "1d"})
    assert answer.status_code == 200, answer.text
    return answer.text


async def store(browser: Browser, dialog: str) -> str:
    """Return the address of what a dialog stores."""
    answer = await browser.send(*read_dialog(dialog))
    assert answer.status_code == 303, answer.text
    page = await browser.wait(answer.headers["location"], "is paid by the second")
    found = re.search(r"/storage/0x[0-9a-f]{64}", page)
    assert found is not None
    return found.group(0)


def read_bytes(dialog: str) -> list[str]:
    """Return the bytes of each transaction in a dialog."""
    return re.findall(r'class="bytes"[^>]*>(0x[0-9a-f]+)<', dialog)


def name_functions(name: str) -> dict[str, str]:
    """Return a contract's functions by their selectors."""
    found = contracts.load(name).functions.values()
    return {"0x" + one.selector.hex(): one.name for one in found}


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
