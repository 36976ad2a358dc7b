"""What an operation between peers is: path, messages, and which way bulk data goes.

Workers' operations and storage providers' are tables of these. What is not here: the tables
(`peer_routes`, `storage.routes`), and how they travel (`peer_server`, `peer_line`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pekanu.node.peer_wire import (
    STRICT,
    U64,
    AddressText,
    Name,
    Sentence,
    WalletSignature,
    Word,
)

PREFIX: Final = "/peer/v1"
#: Answers in the clear who the worker is: its binding and epoch.
IDENTITY_PATH: Final = f"{PREFIX}/identity"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What all messages share: strict decoding."""

    __pydantic_config__ = STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal(Message):
    """An answer that says no."""

    code: Name
    message: Sentence
    hint: Sentence = ""


RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity(Message):
    """Who a worker is, in the clear; the signature makes it true, the epoch is only a hint."""

    owner: AddressText
    key: Word
    expiry: U64
    signature: WalletSignature
    #: 16 bytes as hex: the worker's running process.
    epoch: Name
