"""The messages between a client's node and a storage provider's, one dataclass each.

Bulk data follows a message as its body: lists of chunks as records of `pack_names`, numbers of
chunks as u32 little endian, chunks one behind the other. Not here: their bytes (`peer_wire`), their
protection (`channel`), which message belongs to which operation (`routes`).
Source: design/storage.md, the 14 steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from annotated_types import Len

from pekanu.errors import InvalidMessage
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import (
    OPEN,
    U32,
    U64,
    U256,
    AddressText,
    Name,
    Sentence,
    WalletSignature,
    Word,
    struct_codec,
)
from pekanu.storage.agreement import CONTENT_ABI, TERMS_ABI, Content, Quote, Terms
from pekanu.storage.link import MEMO_SIZE
from pekanu.storage.trees import MAX_SIBLINGS

ContentHex = Annotated[Content, *struct_codec(Content, CONTENT_ABI)]
StorageTermsHex = Annotated[Terms, *struct_codec(Terms, TERMS_ABI)]
Memo = Annotated[bytes, Len(0, MEMO_SIZE)]
#: Bytes of a number of a chunk.
NUMBER_SIZE: Final = 4


class Stage(StrEnum):
    """Where an agreement stands for the provider."""

    #: Quoted; nothing is paid.
    QUOTED = "quoted"
    #: Paid, and not yet as deep in the chain as the provider waits for.
    PAID = "paid"
    #: Chunks are taken.
    UPLOADING = "uploading"
    #: All is held and the receipt is signed.
    STORED = "stored"
    #: The receipt is on chain: the term runs.
    CONFIRMED = "confirmed"
    #: Over, and its chunks let go.
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderInfoRequest(Message):
    """Ask who a provider is and what it offers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderInfo(Message):
    """What a provider says of itself, to clients of any version."""

    __pydantic_config__ = OPEN

    provider: AddressText
    chain_id: U64
    #: Its `StorageServer`.
    server: AddressText
    version: Name
    #: Wei for any agreement, however small.
    base_price: U256
    #: Wei for a GiB over thirty days.
    gib_month_price: U256
    #: Times the price that are reserved as penalty, and the least penalty in wei.
    penalty_factor: U32
    least_penalty: U256
    #: Parts of a thousand of the price that are burned when a paid upload never comes.
    reservation_permille: U32
    #: Parts of a thousand of the price that come back at the end of a term for what others had
    #: stored here all the time; a promise, which no contract enforces. None from who is older.
    rebate_permille: U32 = 0
    #: Seconds.
    least_term: U32
    most_term: U32
    confirm_window: U32
    response_window: U32
    #: Bytes that could be agreed on now.
    free_bytes: U64
    #: Bytes of the largest agreement.
    most_bytes: U64
    #: Bytes of chunks that it takes in one upload; who is older does not tell.
    upload_bytes: U64 = 8 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrationRequest(Message):
    """Step 2: ask to be registered."""

    sealing_key: Word
    valid_until: U64
    signature: WalletSignature


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmissionHead(Message):
    """Step 4: the registration's transaction and what was signed; ABI and code follow."""

    transaction: Word
    abi_hash: Word
    client_code_hash: Word
    signature: WalletSignature
    #: Bytes of the ABI as compact JSON; the rest of the body is the client contract's code.
    abi_bytes: U32
    code_bytes: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadRequest(Message):
    """Step 5: ask to upload; the list of chunks follows."""

    #: The `StorageClient` that will pay.
    client: AddressText
    root: Word
    blind: Word
    #: Bytes of all chunks.
    size: U64
    chunk_count: U32
    #: The last so many are the manifest.
    manifest_chunks: U32
    #: Seconds.
    term: U32
    #: 0, or the second at which a renewal begins.
    starts_at: U64
    #: What the link carries for the client.
    memo: Memo


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedQuote(Message):
    """Step 6: the payable."""

    content: ContentHex
    terms: StorageTermsHex
    signature: WalletSignature

    @property
    def quote(self) -> Quote:
        """What is signed."""
        return Quote(content=self.content, terms=self.terms)


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementQuery(Message):
    """Ask where an agreement stands, or for its receipt."""

    agreement_id: Word


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementStatus(Message):
    """Where an agreement stands; steps 10 and 11 when it is paid."""

    stage: Stage
    #: The payment's transaction and block; zero before the provider saw it.
    transaction: Word
    block: U64
    #: Blocks that hold the payment, and how many the provider waits for.
    confirmations: U32
    awaited_confirmations: U32
    message: Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class MissingHead(Message):
    """Step 12: which chunks the provider lacks, and which it wants to be shown; numbers follow."""

    absent: U32
    unshown: U32
    #: For proofs of ownership.
    nonce: Word


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnershipProofs(Message):
    """Step 12: show that one holds chunks; numbers follow, then as many answers of 32 bytes."""

    agreement_id: Word
    count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksUpload(Message):
    """Step 12: chunks; their numbers follow, then their bytes."""

    agreement_id: Word
    count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksTaken(Message):
    """So many chunks are held, or shown, durably."""

    count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptHead(Message):
    """Step 13: the signature sigma over the receipt, and the link pointer L."""

    signature: WalletSignature
    link: Annotated[bytes, Len(1, 512)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksQuery(Message):
    """Ask for neighbouring chunks; who knows the root may read."""

    agreement_id: Word
    root: Word
    first: U32
    count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class ChunksHead(Message):
    """Chunks follow, as many as fit: their sizes as u32, then their bytes."""

    count: U32
    size: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class LeavesQuery(Message):
    """Ask for neighbouring leaves of a chunk with their proof; who knows the root may read."""

    agreement_id: Word
    root: Word
    chunk: U32
    first: U32
    count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class LeavesHead(Message):
    """The proof of leaves, whose bytes follow."""

    leaf_count: U32
    size: U32
    siblings: Annotated[tuple[Word, ...], Len(0, MAX_SIBLINGS)]


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Return numbers of chunks as records."""
    return b"".join(number.to_bytes(NUMBER_SIZE, "little") for number in numbers)


def unpack_numbers(data: bytes, count: int) -> list[int]:
    """Return the numbers that records hold.

    Raises:
        InvalidMessage: There are not exactly `count` of them.
    """
    if len(data) != count * NUMBER_SIZE:
        raise InvalidMessage(f"the peer sent {len(data)} bytes for {count} numbers")
    return [
        int.from_bytes(data[start : start + NUMBER_SIZE], "little")
        for start in range(0, len(data), NUMBER_SIZE)
    ]
