"""The contract's words and hashes of disputes are those of the vectors."""

from __future__ import annotations

from dataclasses import astuple
from functools import cache
from typing import Any

import pytest

from pekanu.dispute.dissection import pad
from pekanu.errors import TransactionReverted
from pekanu.types import parse_address
from support.dispute_vectors import (
    DISSECTIONS,
    PLACES,
    TERMS,
    read_dissection,
    read_hash,
    read_place,
    read_terms,
)
from support.evm import SOURCES, Contract, Evm
from support.referee import CONTRACTS


@cache
def deploy_library() -> Contract:
    from vyper import compile_from_file_input  # noqa: PLC0415 - slow to import
    from vyper.compiler.input_bundle import FilesystemInputBundle  # noqa: PLC0415

    bundle = FilesystemInputBundle([CONTRACTS, SOURCES])
    found = compile_from_file_input(
        bundle.load_file("DisputeLibrary.vy"),
        input_bundle=bundle,
        output_formats=["abi", "bytecode"],
    )
    chain = Evm()
    code = bytes.fromhex(found["bytecode"].removeprefix("0x"))
    address = chain.evm.deploy("0x00000000000000000000000000000000000d3910", code)
    return Contract(chain, parse_address(address), found["abi"])


@pytest.mark.parametrize("found", DISSECTIONS, ids=lambda found: f"{found['last']}")
def test_dissection__when_computed_by_the_contract__then_the_vectors(found: dict[str, Any]) -> None:
    library, shown = deploy_library(), read_dissection(found)
    first, last = found["first"], found["last"]
    parts = len(found["ends"])
    begins = [first, *found["ends"]]
    for index in range(parts):
        part = library.call("get_part", first, last, index)
        assert part == tuple(begins[index : index + 2]) == shown.get_part(index)
        assert library.call("get_start", shown.to_abi(), index) == shown.get_start(index)
    with pytest.raises(TransactionReverted, match="no such part"):
        library.call("get_part", first, last, parts)
    assert library.call("get_root", shown.to_abi()).hex() == found["root"]


def test_dissection__when_there_are_points_without_a_part__then_refused() -> None:
    library, shown = deploy_library(), read_dissection(DISSECTIONS[1])
    points = pad(shown.points)
    library.call("check_points", points, 2)
    with pytest.raises(TransactionReverted, match="too many points"):
        library.call("check_points", (*points[:-1], b"\1" * 32), 2)


@pytest.mark.parametrize("found", PLACES, ids=lambda found: f"turn {found['fields']['turn']}")
def test_place__when_packed_by_the_contract__then_the_vectors(found: dict[str, Any]) -> None:
    library, place = deploy_library(), read_place(found)
    words = tuple(int(one) for one in found["words"])
    fields = library.call("unpack", words, place.mover)
    assert fields[0] == found["fields"]["number"]
    assert [one.lower() for one in fields[1:3]] == [place.worker.lower(), place.challenger.lower()]
    assert fields[3:] == tuple(found["fields"][name] for name in list(found["fields"])[3:])
    assert library.call("repack", words, place.mover) == words
    assert library.call("get_id", words, place.mover).hex() == found["id"]
    root = read_hash(found["root"])
    assert library.call("get_commitment", words, root).hex() == found["commitment"]


def test_terms__when_hashed_by_the_contract__then_the_vectors() -> None:
    assert deploy_library().call("get_hash", astuple(read_terms())).hex() == TERMS["hash"]
