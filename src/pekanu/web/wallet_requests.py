"""What waits for a browser's wallet: transactions to send and messages to sign.

The node prepares and checks; the wallet alone holds the key. What is not here: who asks
(`wallet_desk`, `actions`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pekanu.chain import Call, Connection
from pekanu.errors import ProtocolError, TransactionDropped, UsageError
from pekanu.eth_signing import ValidationError
from pekanu.market.typed_data import get_signable
from pekanu.node.signatures import is_signed_by
from pekanu.types import Address, Hash32
from pekanu.web.sent import SentTransactions

#: Seconds for which a wallet is waited for.
WALLET_SECONDS: Final = 15 * 60.0
_MAX_WAITING: Final = 256
_SEEN_SECONDS: Final = 0.2
#: Looks for a transaction that a wallet says it has sent.
_LOOKS: Final = 150


class WalletRefused(ProtocolError):
    """The person at the wallet said no, or nobody answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletRequest:
    """A thing to be sent or signed."""

    id: str
    account: Address
    #: What it is for, in words.
    title: str
    #: A transaction; None when it is a message.
    call: Call | None = None
    #: An EIP-712 document; None when it is a transaction.
    document: dict[str, Any] | None = None
    #: The page that it belongs to, such as a job's id; may be empty.
    subject: str = ""
    answer: asyncio.Future[bytes] = field(default_factory=asyncio.Future, compare=False)


class WalletRequests:
    """The requests that wait.

    Args:
        chain: Where sent transactions are looked up.
        beat: Called when one comes or goes.
        sent: Hears of what wallets sent.
    """

    def __init__(self, chain: Connection, beat: Callable[[], None], sent: SentTransactions) -> None:
        self._chain, self._beat, self._sent = chain, beat, sent
        self._waiting: dict[str, WalletRequest] = {}

    def list(self, account: Address, subject: str | None = None) -> list[WalletRequest]:
        """Return what waits for an account, oldest first."""
        return [
            one
            for one in self._waiting.values()
            if one.account == account and subject in (None, one.subject)
        ]

    def find(self, request_id: str, account: Address | None) -> WalletRequest:
        """Return what waits under an id.

        Raises:
            UsageError: Nothing does, or it is for another account.
        """
        found = self._waiting.get(request_id)
        if found is None or found.account != account:
            raise UsageError("this does not wait for this wallet any more")
        return found

    def prepare(
        self, account: Address, call: Call, *, title: str, subject: str = ""
    ) -> WalletRequest:
        """Return a transaction that a wallet is to send."""
        return self._add(
            WalletRequest(
                id=secrets.token_hex(16), account=account, title=title, call=call, subject=subject
            )
        )

    async def send(self, account: Address, call: Call, *, title: str, subject: str) -> Hash32:
        """Return the hash of the transaction that the wallet sent: surely this call.

        Raises:
            WalletRefused: It was rejected, or nobody answered in time.
        """
        request = self.prepare(account, call, title=title, subject=subject)
        return Hash32(await self._wait(request))

    async def sign(
        self, account: Address, document: dict[str, Any], *, title: str, subject: str
    ) -> bytes:
        """Return the wallet's signature of a document: surely valid.

        Raises:
            WalletRefused: It was rejected, or nobody answered in time.
        """
        request = self._add(
            WalletRequest(
                id=secrets.token_hex(16),
                account=account,
                title=title,
                document=document,
                subject=subject,
            )
        )
        return await self._wait(request)

    def sign_off(self, request: WalletRequest, signature: bytes) -> None:
        """Take a signature.

        Raises:
            UsageError: It is not this wallet's, or of something else.
        """
        if request.document is None:
            raise UsageError("a transaction was asked for, not a signature")
        try:
            is_valid = is_signed_by(request.account, get_signable(request.document), signature)
        except ValidationError:
            is_valid = False
        if not is_valid:
            raise UsageError(f"this is not {request.account}'s signature of what was shown")
        self._close(request, signature)

    async def report(self, request: WalletRequest, digest: Hash32) -> None:
        """Take the hash of a transaction, once the chain's node knows it and it is the right one.

        Raises:
            UsageError: It is another transaction.
            TransactionDropped: The node never heard of it.
        """
        call = request.call
        if call is None or call.to is None:
            raise UsageError("a signature was asked for, not a transaction")
        for _ in range(_LOOKS):
            found = await self._chain.request("eth_getTransactionByHash", "0x" + digest.hex())
            if found is not None:
                break
            await asyncio.sleep(_SEEN_SECONDS)
        else:
            raise TransactionDropped("the chain's node does not know this transaction")
        is_same = (
            str(found["from"]).lower() == request.account.lower()
            and str(found.get("to") or "").lower() == call.to.lower()
            and bytes.fromhex(str(found["input"])[2:]) == call.data
            and int(found["value"], 16) == call.value
        )
        if not is_same:
            raise UsageError("the wallet sent another transaction than the one that was shown")
        self._sent.add(request.account, request.title, lambda: [digest])
        self._close(request, digest)

    def reject(self, request: WalletRequest, reason: str) -> None:
        """Take a no."""
        self._waiting.pop(request.id, None)
        if not request.answer.done():
            request.answer.set_exception(WalletRefused(reason))
            request.answer.exception()  # asked for at once: nobody may wait for it
        self._beat()

    def _add(self, request: WalletRequest) -> WalletRequest:
        while len(self._waiting) >= _MAX_WAITING:
            oldest = next(iter(self._waiting.values()))
            self.reject(oldest, "too many requests wait for wallets")
        self._waiting[request.id] = request
        self._beat()
        return request

    async def _wait(self, request: WalletRequest) -> bytes:
        try:
            return await asyncio.wait_for(asyncio.shield(request.answer), WALLET_SECONDS)
        except TimeoutError as error:
            raise WalletRefused("nobody answered at the wallet") from error
        finally:
            if self._waiting.pop(request.id, None) is not None:
                self._beat()

    def _close(self, request: WalletRequest, answer: bytes) -> None:
        self._waiting.pop(request.id, None)
        if not request.answer.done():
            request.answer.set_result(answer)
        self._beat()
