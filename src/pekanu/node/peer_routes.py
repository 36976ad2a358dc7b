"""The operations between peers, one table: path, messages, and which way bulk data goes.

Both the server and the client read it. What is not here: what the operations do
(`peer_handler`) and how they travel (`peer_server`, `peer_client`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pekanu.node import peer_messages as messages
from pekanu.node.peer_wire import U64, AddressText, Name, WalletSignature, Word

PREFIX: Final = "/peer/v1"
#: Answers in the clear who the worker is: its binding and epoch.
IDENTITY_PATH: Final = f"{PREFIX}/identity"

RequestT = TypeVar("RequestT", bound=messages.Message)
ResponseT = TypeVar("ResponseT", bound=messages.Message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation(Generic[RequestT, ResponseT]):
    """One operation: a sealed POST to `PREFIX/name`."""

    name: str
    request: type[RequestT]
    response: type[ResponseT]
    #: Bytes of bulk data that may follow the request, at most.
    upload_bytes: int = 0
    #: Bytes of bulk data that may follow the response, at most.
    download_bytes: int = 0

    @property
    def path(self) -> str:
        """The operation's path."""
        return f"{PREFIX}/{self.name}"

    @property
    def context(self) -> str:
        """What the channel binds: method and path."""
        return f"POST {self.path}"


#: Bytes of bulk data in one request or response; more goes in several.
TRANSFER_BYTES: Final = 16 << 20
#: Bytes of the packed results of one claim: about 900,000.
RESULTS_BYTES: Final = 64 << 20

INFO: Final = Operation(name="info", request=messages.InfoRequest, response=messages.Info)
QUOTE: Final = Operation(name="quote", request=messages.QuoteRequest, response=messages.Quote)
INPUT: Final = Operation(
    name="input",
    request=messages.InputPart,
    response=messages.InputState,
    upload_bytes=TRANSFER_BYTES,
)
ACCEPT: Final = Operation(
    name="accept", request=messages.AcceptanceRequest, response=messages.Acceptance
)
TASK: Final = Operation(name="task", request=messages.TaskQuery, response=messages.TaskStatus)
CLAIM: Final = Operation(
    name="claim",
    request=messages.TaskQuery,
    response=messages.ClaimHead,
    download_bytes=RESULTS_BYTES,
)
CIPHERTEXT: Final = Operation(
    name="ciphertext",
    request=messages.CiphertextRange,
    response=messages.CiphertextHead,
    download_bytes=TRANSFER_BYTES,
)
KEY: Final = Operation(name="key", request=messages.TaskQuery, response=messages.KeyOpening)
APPROVE: Final = Operation(
    name="approve", request=messages.ApprovalNotice, response=messages.TaskStatus
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(messages.Message):
    """Who a worker is, in the clear; the signature makes it true, the epoch is only a hint."""

    owner: AddressText
    key: Word
    expiry: U64
    signature: WalletSignature
    #: 16 bytes as hex: the worker's running process.
    epoch: Name
