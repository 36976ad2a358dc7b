"""The messages between a client's node and a worker's, one dataclass each.

What is not here: their bytes (`peer_wire`), their protection (`channel`), and bulk data: an
input travels up as the body of `InputPart` requests, a ciphertext down as the body of
`CiphertextRange` answers, and the results of a claim as packed records (`pack_results`).
Source: design/product.md, "Node, discovery, channel".
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from enum import StrEnum
from struct import Struct
from typing import Annotated, Final

from annotated_types import Len

from pekanu.errors import InvalidMessage
from pekanu.market.claim import Result
from pekanu.node.agreement import Agreement
from pekanu.node.market_wire import ClaimHex, SearchHex, TaskHex, TermsHex
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import (
    U32,
    U64,
    U256,
    AddressText,
    Millionths,
    Name,
    Sentence,
    WalletSignature,
    Word,
)
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class InfoRequest(Message):
    """Ask who a worker is and what it sells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionOffer(Message):
    """One function that a worker executes."""

    name: Name
    program_id: Word
    #: Wei for any task, however small.
    base_price: U256
    #: Wei for a thousand million steps.
    gigastep_price: U256


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramOffer(Message):
    """On what terms a worker runs programs that it does not know."""

    base_price: U256
    gigastep_price: U256
    #: Of all items of a task, at most.
    max_steps: U64
    #: Of the file.
    max_bytes: U64
    #: Items of a task.
    max_count: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class Info(Message):
    """What a worker says of itself."""

    worker: AddressText
    chain_id: U64
    market: AddressText
    version: Name
    functions: Annotated[tuple[FunctionOffer, ...], Len(0, 1024)]
    #: None if it runs nothing but its functions.
    programs: ProgramOffer | None
    #: Tasks that it could begin now.
    capacity: U32
    #: Bytes of the largest input file that it takes.
    max_input_bytes: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class QuoteRequest(Message):
    """Ask what a computation would cost."""

    #: Of the catalog, unless it is a program of the client's own.
    function: Name
    program_id: Word
    #: Bytes of the client's own program; 0 asks for the function.
    program_bytes: U64 = 0
    #: Items in the batch.
    count: U32
    #: Bytes of the whole input file.
    input_bytes: U64
    #: The client's estimate over all items.
    steps: U64
    #: Where an item's program is stopped.
    max_steps: U64
    #: The client's estimate over all items.
    output_bytes: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote(Message):
    """A worker's price and terms; it binds nobody until an acceptance is signed."""

    price: U256
    stake: U256
    #: What a challenge costs whoever loses it.
    bond: U256
    #: Seconds.
    compute_window: U32
    #: Seconds.
    audit_window: U32
    #: Seconds.
    response_window: U32
    chunk_fee: U256
    #: Last second at which the worker means it.
    expiry: U64
    #: Tasks that it could begin now.
    capacity: U32


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobRef(Message):
    """A file named by the Keccak-256 of its bytes."""

    blob_id: Word
    #: Bytes.
    size: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class InputPart(Message):
    """Bytes of an input from an offset on, as the request's body; without a body, a question."""

    blob: BlobRef
    offset: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class InputState(Message):
    """How much of an input a worker holds."""

    #: Bytes held, from the first on.
    offset: U64
    #: All bytes are held and hash to the blob's name.
    is_complete: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceRequest(Message):
    """Ask a worker to accept exactly this task on an input that it holds.

    The input is one file: of a single item its framed bytes, of more items the batch file
    (`pekanu.node.batch_file`).
    """

    task: TaskHex
    terms: TermsHex
    #: Of a search; the terms are then those of its function on one point.
    search: SearchHex | None = None
    function: Name
    input: BlobRef
    #: The client's own program, which the worker holds too; None for the function.
    program: BlobRef | None = None

    @property
    def agreement(self) -> Agreement:
        """What the task's terms stand for."""
        return Agreement(terms=self.terms, search=self.search)


@dataclass(frozen=True, kw_only=True, slots=True)
class Acceptance(Message):
    """A worker's signed acceptance of the task asked about."""

    worker: AddressText
    #: Last second at which it can be used.
    expiry: U64
    #: Over `typed_data.build_acceptance`.
    signature: WalletSignature


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskQuery(Message):
    """Name a task: ask for its status, its claim or its key."""

    task_id: Word


class Phase(StrEnum):
    """Where a task stands at its worker."""

    #: Signed; the worker waits for the escrow.
    ACCEPTED = "accepted"
    #: The escrow is there; the task waits for a processor.
    QUEUED = "queued"
    EXECUTING = "executing"
    SEALING = "sealing"
    #: Claim and ciphertext can be fetched.
    SEALED = "sealed"
    #: The claim stands on chain as well.
    DELIVERED = "delivered"
    #: Nothing more will happen.
    FINISHED = "finished"
    #: The worker cannot do it.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskStatus(Message):
    """How far a worker is with a task."""

    phase: Phase
    progress: Millionths
    message: Sentence = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimHead(Message):
    """A worker's claim; its results follow as the answer's body."""

    claim: ClaimHex
    #: Results that follow.
    count: U32
    #: Bytes of the whole ciphertext file.
    ciphertext_size: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class CiphertextRange(Message):
    """Ask for bytes of a task's ciphertext file."""

    task_id: Word
    offset: U64
    #: Bytes, at most; the answer may hold fewer, but not none before the end.
    length: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class CiphertextHead(Message):
    """Which bytes of the ciphertext follow as the answer's body."""

    offset: U64
    length: U64
    #: Bytes of the whole file.
    size: U64


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyOpening(Message):
    """The key of a seal and the blinding that opens its commitment."""

    key: U256
    blinding: U256


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalNotice(Message):
    """A client's signed approval of a claim."""

    task_id: Word
    claim_hash: Word
    #: Over `typed_data.build_approval`.
    signature: WalletSignature


_RESULT: Final = Struct("<BI32sI32s")
#: Bytes of one packed result.
RESULT_SIZE: Final = _RESULT.size


def pack_results(results: tuple[Result, ...] | list[Result]) -> bytes:
    """Return results as records of `RESULT_SIZE` bytes, in the struct's order, little endian."""
    return b"".join(_RESULT.pack(*astuple(result)) for result in results)


def unpack_results(data: bytes, count: int) -> tuple[Result, ...]:
    """Return the results that some records hold.

    Raises:
        InvalidMessage: There are not exactly `count` of them.
    """
    if len(data) != count * RESULT_SIZE:
        raise InvalidMessage(f"the peer sent {len(data)} bytes for {count} results")
    return tuple(
        Result(
            status=status,
            exit_code=exit_code,
            output_root=Hash32(root),
            output_size=size,
            evidence=Hash32(evidence),
        )
        for status, exit_code, root, size, evidence in _RESULT.iter_unpack(data)
    )
