"""Events and calls in words, decoded from their bytes by the contract that stands at an address."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from pekanu import contracts
from pekanu.chain import Log
from pekanu.types import Address, Hash32
from pekanu.web.decoding import decode_call, detail_log

REFEREE = "BisectionReferee"


def build_log(name: str) -> Log:
    """Return an event whose values are all ones."""
    abi = next(one for one in contracts.load(REFEREE).events.values() if one.name == name)
    values = {"bytes32": b"\x01" * 32, "address": "0x" + "01" * 20, "bool": True}
    plain = [(kind, values.get(kind, 1)) for _, kind, indexed in abi.fields if not indexed]
    topics = [encode([kind], [values.get(kind, 1)]) for _, kind, indexed in abi.fields if indexed]
    return Log(
        address=Address("0x" + "02" * 20),
        topics=(abi.topic, *map(Hash32, topics)),
        data=encode([kind for kind, _ in plain], [value for _, value in plain]),
        block_number=1,
        block_hash=Hash32(bytes(32)),
        transaction=Hash32(bytes(32)),
        index=0,
    )


def list_simple_events() -> list[str]:
    return [
        one.name
        for one in contracts.load(REFEREE).events.values()
        if all("(" not in kind and "[" not in kind for _, kind, _ in one.fields)
    ]


@pytest.mark.parametrize("name", list_simple_events())
def test_event__of_the_referee__then_each_of_its_fields_is_told(name: str) -> None:
    found = detail_log(REFEREE, build_log(name))
    abi = next(one for one in contracts.load(REFEREE).events.values() if one.name == name)
    assert found is not None
    assert found.name == name
    assert [one.name for one in found.arguments] == [field for field, _, _ in abi.fields]


def test_event__that_is_cut_off_or_unknown__then_it_is_none() -> None:
    log = build_log(list_simple_events()[0])
    assert detail_log(REFEREE, replace(log, topics=(Hash32(b"\x09" * 32),))) is None
    assert detail_log(REFEREE, replace(log, topics=(log.topics[0],), data=b"")) is None
    assert detail_log(REFEREE, replace(log, topics=())) is None


def test_call__of_another_contract__then_it_is_not_told_as_the_markets() -> None:
    selector = contracts.load("Market").functions["deposit"].selector
    assert decode_call(selector)[0] == "deposit"
    assert decode_call(selector, REFEREE) == ("", ())
