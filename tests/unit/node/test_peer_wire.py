"""Messages have one encoding, and nothing else is one."""

from __future__ import annotations

import json

import pytest

from pekanu.errors import InvalidMessage
from pekanu.market.claim import Claim, Result
from pekanu.node.peer_messages import (
    RESULT_SIZE,
    AcceptanceRequest,
    BlobRef,
    ClaimHead,
    KeyOpening,
    Phase,
    TaskStatus,
    pack_results,
    unpack_results,
)
from pekanu.node.peer_operations import Message, Refusal
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.types import ZERO_HASH, Hash32
from support.peers import PROGRAM, build_task, build_terms

MESSAGES = [
    KeyOpening(key=2**256 - 1, blinding=0),
    TaskStatus(phase=Phase.SEALED, progress=1_000_000, message="grüße"),
    Refusal(code="busy", message="later"),
    BlobRef(blob_id=PROGRAM, size=2**64 - 1),
    ClaimHead(
        claim=Claim(results_root=PROGRAM, ciphertext_root=ZERO_HASH, key_x=1, key_y=2**255),
        count=3,
        ciphertext_size=99,
    ),
    AcceptanceRequest(
        task=build_task(),
        terms=build_terms(),
        function="double",
        input=BlobRef(blob_id=PROGRAM, size=5),
    ),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_decode__when_encoded__then_the_same(message: Message) -> None:
    assert decode_message(type(message), encode_message(message)) == message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{}",
        b"[1,2]",
        b'{"key":1}',
        b'{"key":1,"blinding":2,"more":3}',
        b'{"key":1, "blinding":2}',
        b'{"blinding":2,"key":1}',
        b'{"key":1,"key":1,"blinding":2}',
        b'{"key":1.0,"blinding":2}',
        b'{"key":1e0,"blinding":2}',
        b'{"key":"1","blinding":2}',
        b'{"key":true,"blinding":2}',
        b'{"key":-1,"blinding":2}',
        b'{"key":NaN,"blinding":2}',
        b'{"key":%d,"blinding":2}' % 2**256,
        b'{"key":1,"blinding":2}\n',
        b'{"key":1,"blinding":2',
        b"[" * 100_000,
        b'{"key":' + b"9" * 100_000 + b',"blinding":2}',
        b"\xff\xfe",
    ],
)
def test_decode__when_not_canonical__then_refused(text: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode_message(KeyOpening, text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task", "00"),
        ("task", "zz"),
        ("task", None),
        ("function", ""),
        ("function", "f" * 65),
        ("terms", ""),
    ],
)
def test_decode__when_a_field_is_out_of_bounds__then_refused(field: str, value: object) -> None:
    fields = json.loads(encode_message(MESSAGES[-1]))
    fields[field] = value
    with pytest.raises(InvalidMessage):
        decode_message(AcceptanceRequest, json.dumps(fields, separators=(",", ":")).encode())


@pytest.mark.parametrize("change", [str.upper, lambda text: text + "00" * 32])
def test_decode__when_a_struct_is_encoded_otherwise__then_refused(change: object) -> None:
    fields = json.loads(encode_message(MESSAGES[-1]))
    fields["task"] = change(fields["task"])  # type: ignore[operator]
    with pytest.raises(InvalidMessage, match="canonically"):
        decode_message(AcceptanceRequest, json.dumps(fields, separators=(",", ":")).encode())


def test_decode__when_a_hash_is_short__then_refused() -> None:
    with pytest.raises(InvalidMessage):
        decode_message(BlobRef, b'{"blob_id":"00","size":1}')


def test_unpack_results__when_packed__then_the_same_and_no_other_count() -> None:
    results = tuple(
        Result(
            status=index,
            exit_code=2**32 - 1,
            output_root=Hash32(bytes([index] * 32)),
            output_size=index,
            evidence=PROGRAM,
        )
        for index in range(3)
    )
    packed = pack_results(results)
    assert len(packed) == 3 * RESULT_SIZE
    assert unpack_results(packed, 3) == results
    for count in (2, 4):
        with pytest.raises(InvalidMessage):
            unpack_results(packed, count)
