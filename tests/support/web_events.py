"""Events of the market for tests of the site's index, encoded and decoded as a chain's would be."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode

from pekanu import contracts
from pekanu.chain import Log, MarketEvent, decode_event
from pekanu.market.task import Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei, parse_address

ALICE = parse_address("0x" + "a1" * 20)
BOB = parse_address("0x" + "b0" * 20)
_DEFAULTS: dict[str, object] = {
    "bytes32": bytes(32),
    "uint8": 1,
    "uint256": 0,
    "string": "",
    "address": ZERO_ADDRESS,
}


def build_log(block: int, index: int = 0) -> Log:
    """Return a log's place."""
    return Log(
        address=ZERO_ADDRESS,
        topics=(),
        data=b"",
        block_number=block,
        block_hash=Hash32(block.to_bytes(32, "big")),
        transaction=Hash32((block << 16 | index).to_bytes(32, "big")),
        index=index,
    )


def encode_event(name: str, place: Log, **values: Any) -> MarketEvent:
    """Return an event after encoding and decoding it."""
    abi = next(one for one in contracts.load("Market").events.values() if one.name == name)
    given = [
        (kind, values.get(field, _DEFAULTS.get(kind, bytes(32))), indexed)
        for field, kind, indexed in abi.fields
    ]
    topics = [
        abi.topic,
        *(Hash32(encode([kind], [one])) for kind, one, indexed in given if indexed),
    ]
    plain = [(kind, one) for kind, one, indexed in given if not indexed]
    log = Log(
        address=place.address,
        topics=tuple(topics),
        data=encode([kind for kind, _ in plain], [one for _, one in plain]),
        block_number=place.block_number,
        block_hash=place.block_hash,
        transaction=place.transaction,
        index=place.index,
    )
    event = decode_event(log)
    assert event is not None
    return event


def build_task(number: int, price: int = 10, client: Address = ALICE) -> Task:
    """Return a task."""
    return Task(
        client=client,
        terms=Hash32(bytes(32)),
        price=Wei(price),
        stake=Wei(20),
        offered_until=Seconds(5000),
        compute_window=Seconds(600),
        audit_window=Seconds(600),
        response_window=Seconds(600),
        chunk_fee=Wei(0),
        salt=Hash32(number.to_bytes(32, "big")),
    )


def build_story(*, number: int, block: int, price: int = 10) -> list[MarketEvent]:
    """Return a task's events from offer to payment, one a block."""
    task = build_task(number, price)
    task_id = number.to_bytes(32, "big")
    named = {"task_id": task_id, "client": ALICE, "worker": BOB, "task": task.to_abi()}
    claim = (bytes(32), bytes(32), 1, 2)
    return [
        encode_event(name, build_log(block + later), claim=claim, **named)
        for later, name in enumerate(("Posted", "Accepted", "Delivered", "Settled"))
    ]
