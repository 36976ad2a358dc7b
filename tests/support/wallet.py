"""A wallet of a test: it signs in, and sends or signs what waits for it, as a page's code does."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
from eth_account import Account as EthAccount
from eth_account.messages import encode_defunct, encode_typed_data

from pekanu.chain import Devnet
from support.browser import Browser

#: A small picture.
EXAMPLE = {
    "center_x": "-0.75",
    "center_y": "0",
    "span": "3",
    "width": "32",
    "height": "24",
    "max_iterations": "100",
}


async def choose_quote(
    browser: Browser, function: str = "mandelbrot", form: dict[str, str] | None = None
) -> str:
    """Return the best quote for a form or the example, once a worker makes one."""
    for _ in range(100):
        answer = await browser.send(f"/compute/{function}/quotes", form or EXAMPLE)
        found = re.search(r'name="quote" value="([^"]+)"', answer.text)
        if found:
            return found.group(1)
        await asyncio.sleep(0.1)
    raise AssertionError(answer.text)


class Wallet:
    """A key that is not the node's.

    Args:
        devnet: Where it sends.
        key: Its private key.
    """

    def __init__(self, devnet: Devnet, key: str) -> None:
        self._devnet, self._account = devnet, EthAccount.from_key(key)
        self.address = str(self._account.address)
        #: What it signed, by name.
        self.seen: list[str] = []

    def sign_text(self, text: str) -> str:
        signed = self._account.sign_message(encode_defunct(text=text))
        return "0x" + signed.signature.hex()

    def sign_document(self, document: dict[str, Any]) -> str:
        self.seen.append(document["primaryType"])
        signed = self._account.sign_message(encode_typed_data(full_message=document))
        return "0x" + signed.signature.hex()

    def send(self, fields: dict[str, Any]) -> str:
        """Return the hash of a transaction that it signed and sent."""
        nonce = self._devnet.request("eth_getTransactionCount", self.address, "pending")
        signed = self._account.sign_transaction(
            {
                "to": fields["to"],
                "data": fields["data"],
                "value": int(fields["value"], 16),
                "gas": int(fields["gas"], 16),
                "nonce": int(nonce, 16),
                "chainId": self._devnet.chain_id,
                "maxFeePerGas": 10**11,
                "maxPriorityFeePerGas": 10**9,
                "type": 2,
            }
        )
        return str(
            self._devnet.request("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
        )

    async def sign_in(self, browser: Browser) -> httpx.Response:
        asked = await browser.tell("/api/wallet/nonce", {"address": self.address})
        message = asked.json()["message"]
        return await browser.tell(
            "/api/wallet/verify", {"message": message, "signature": self.sign_text(message)}
        )

    async def sign_all(self, browser: Browser) -> None:
        """Send and sign whatever waits, until cancelled."""
        while True:
            for waiting in await self._list(browser):
                path = f"/api/requests/{waiting['id']}"
                shown = (await browser.get(path)).json()
                if shown.get("kind") == "transaction":
                    assert not shown["refusal"]
                    self.seen.append(f"market.{shown['call']['function']}")
                    answer = {"hash": self.send(shown["transaction"])}
                elif shown.get("kind") == "typed_data":
                    answer = {"signature": self.sign_document(shown["typed_data"])}
                else:
                    continue
                assert (await browser.tell(path, answer)).status_code == 204
            await asyncio.sleep(0.05)

    async def reject_first(self, browser: Browser) -> None:
        """Say no to the first thing that waits."""
        waiting: list[dict[str, Any]] = []
        for _ in range(200):
            waiting = await self._list(browser)
            if waiting:
                break
            await asyncio.sleep(0.05)
        await browser.tell(f"/api/requests/{waiting[0]['id']}", {"rejected": True})

    async def _list(self, browser: Browser) -> list[dict[str, Any]]:
        return list((await browser.get("/api/requests")).json()["requests"])
