"""A desk at the market whose account is a browser's wallet: it asks in the place of signing.

The client's node runs on this machine and talks to workers under a channel key that the wallet
signed once; each transaction and the approval are asked of the wallet. What is not here: the
requests (`wallet_requests`), what is to be sent (`pekanu.node`).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from nacl.public import PrivateKey

from pekanu.chain import Account, AddressBook, Call, Connection, MarketContract, Receipt
from pekanu.chain.block import parse_receipt
from pekanu.chain.simulation import estimate_gas, fetch_reason
from pekanu.errors import InvalidProof, KeystoreError, TransactionDropped, TransactionReverted
from pekanu.market.task import MarketDomain
from pekanu.node.channel_keys import (
    BINDING_LIFETIME,
    ChannelBinding,
    ChannelIdentity,
    build_channel_key,
)
from pekanu.node.journal import Journal, open_journal
from pekanu.node.market_desk import MarketDesk, build_watch
from pekanu.node.referees import Referees
from pekanu.node.watch import ChainWatch
from pekanu.types import Address, Hash32
from pekanu.web.wallet_requests import WalletRequests

_POLL_SECONDS: Final = 0.2
#: Seconds after which a transaction that no node knows any more counts as dropped.
_DROPPED_SECONDS: Final = 60.0
_TITLES: Final = {
    "deposit": "Put the price into the market",
    "post_accepted": "Lock the price for the worker",
    "expire": "Take back price and stake",
    "demand_key": "Demand the key on chain",
    "demand_chunks": "Demand the sealed output on chain",
    "forfeit": "Take price and stake",
    "complain": "Show where the seal is wrong",
}


@dataclass(frozen=True, slots=True)
class WalletAccount:
    """An account whose key is in a browser."""

    address: Address

    def sign_typed_data(self, _document: dict[str, Any], /) -> NoReturn:
        """Refuse: the wallet is asked, never used.

        Raises:
            KeystoreError: Always.
        """
        raise KeystoreError("the key of this account is in its wallet")


class WalletDesk(MarketDesk):
    """A desk that asks a wallet.

    Args:
        chain: The chain.
        account: The wallet's address.
        journal: Of this account.
        market: The contract.
        watch: Follows it.
        requests: Where it asks.
        referees: Of the market.
    """

    def __init__(  # noqa: PLR0913 - what every desk has, and the requests
        self,
        chain: Connection,
        account: WalletAccount,
        journal: Journal,
        market: MarketContract,
        watch: ChainWatch,
        requests: WalletRequests,
        *,
        referees: Referees,
    ) -> None:
        # The base only hands the account to a sender, which is not used here.
        signer = cast("Account", account)
        super().__init__(chain, signer, journal, market, watch, referees=referees)
        self._requests = requests

    async def send(self, call: Call, *, task_id: Hash32, name: str) -> Receipt:
        """Return the receipt of a call that the wallet sent.

        Raises:
            WalletRefused: The wallet said no.
            TransactionReverted: It would fail or failed.
            TransactionDropped: It was replaced or lost.
        """
        await estimate_gas(self.chain, self.address, call)
        state = self.journal.load_state("client", task_id)
        subject = str(json.loads(state)["job_id"]) if state else ""
        digest = await self._requests.send(
            self.address, call, title=_TITLES.get(name, call.name), subject=subject
        )
        receipt = await self._wait_mined(digest)
        self._record_cost(task_id, call, receipt)
        if not receipt.succeeded:
            reason = await fetch_reason(self.chain, self.address, call, receipt.block_number)
            raise TransactionReverted(reason, transaction="0x" + digest.hex())
        return receipt

    async def sign_typed_data(self, document: dict[str, Any]) -> bytes:
        """Return the wallet's signature; raises WalletRefused."""
        return await self._requests.sign(
            self.address, document, title="Approve the verified result", subject=""
        )

    async def _wait_mined(self, digest: Hash32) -> Receipt:
        text, seen = "0x" + digest.hex(), time.monotonic()
        while True:
            found = await self.chain.request("eth_getTransactionReceipt", text)
            if found is not None:
                receipt = parse_receipt(found)
                head = await self.chain.fetch_block_number()
                if head - receipt.block_number + 1 >= self.watch.confirmations:
                    return receipt
                seen = time.monotonic()
            elif await self.chain.request("eth_getTransactionByHash", text) is not None:
                seen = time.monotonic()
            if time.monotonic() - seen > _DROPPED_SECONDS:
                raise TransactionDropped(f"transaction {text} was replaced or lost")
            await asyncio.sleep(_POLL_SECONDS)


@asynccontextmanager
async def open_wallet_desk(
    home: Path, rpc: str, address: Address, requests: WalletRequests, *, confirmations: int = 1
) -> AsyncIterator[WalletDesk]:
    """Yield a wallet's desk at the market that a home knows; raises as `open_account_desk`."""
    async with Connection.open(rpc) as chain:
        book = AddressBook.load(home, chain.chain_id)
        await book.verify(chain)
        market = MarketContract(chain, book.market.address)
        referees = Referees(chain, book)
        with open_journal(home / "journal.db", address, purpose="the site") as journal:
            watch = build_watch(chain, journal, book, confirmations, referees)
            async with watch.running():
                account = WalletAccount(address)
                yield WalletDesk(
                    chain,
                    account,
                    journal,
                    market,
                    watch,
                    requests,
                    referees=referees,
                )


async def load_identity(
    folder: Path, address: Address, domain: MarketDomain, requests: WalletRequests
) -> ChannelIdentity:
    """Return the channel key of a wallet's client; the wallet signs it once.

    Args:
        folder: Where it is kept, readable by its owner alone.
        address: The wallet.
        domain: The market.
        requests: Where the wallet is asked.

    Raises:
        WalletRefused: The wallet said no.
    """
    path = folder / f"{domain.chain_id}-{domain.market.lower()}-{address.lower()}.json"
    now = time.time()
    found = _load(path, address)
    if found is not None:
        try:
            found.binding.validate(domain, now)
        except InvalidProof:
            found = None
    if found is not None:
        return found
    secret = PrivateKey.generate()
    key, expiry = bytes(secret.public_key), int(now) + BINDING_LIFETIME
    signature = await requests.sign(
        address,
        build_channel_key(domain, address, key, expiry),
        title="Let this node talk to workers for you",
        subject="",
    )
    binding = ChannelBinding(owner=address, key=key, expiry=expiry, signature=signature)
    _save(path, secret, binding)
    return ChannelIdentity(secret, binding)


def _load(path: Path, address: Address) -> ChannelIdentity | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        secret = PrivateKey(bytes.fromhex(found["secret"]))
        binding = ChannelBinding(
            owner=address,
            key=bytes(secret.public_key),
            expiry=int(found["expiry"]),
            signature=bytes.fromhex(found["signature"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return ChannelIdentity(secret, binding)


def _save(path: Path, secret: PrivateKey, binding: ChannelBinding) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(
            {
                "secret": bytes(secret).hex(),
                "expiry": binding.expiry,
                "signature": binding.signature.hex(),
            },
            file,
        )
    draft.replace(path)
