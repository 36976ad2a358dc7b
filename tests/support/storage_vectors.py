"""The storage vectors, read into the product's own structs."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pekanu.storage.agreement import (
    Admission,
    Content,
    Quote,
    Receipt,
    Registration,
    StorageDomain,
    Terms,
)
from pekanu.storage.trees import Entry, LeafProof
from pekanu.types import Hash32, parse_address


@cache
def load() -> dict[str, Any]:
    path = Path(__file__).parents[1] / "vectors" / "storage.json"
    return json.loads(path.read_text())


def read_hash(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text))


def read_entries(tree: dict[str, Any]) -> list[Entry]:
    return [
        Entry(chunk_root=read_hash(entry["chunk_root"]), leaf_count=entry["leaf_count"])
        for entry in tree["entries"]
    ]


def read_proof(proof: dict[str, Any]) -> LeafProof:
    return LeafProof(
        chunk=proof["chunk"],
        first=proof["first"],
        leaf_count=proof["leaf_count"],
        data=bytes.fromhex(proof["data"]),
        siblings=tuple(read_hash(node) for node in proof["siblings"]),
    )


def _read(kind: type[Any], values: list[Any]) -> Any:
    found = {}
    for field, value in zip(fields(kind), values, strict=True):
        known = {"Address": parse_address, "Hash32": read_hash}.get(str(field.type))
        found[field.name] = known(value) if known else value
    return kind(**found)


def read_domain() -> StorageDomain:
    signed = load()["signed"]
    return StorageDomain(chain_id=signed["chain_id"], server=parse_address(signed["server"]))


def read_quote() -> Quote:
    quote = load()["signed"]["quote"]
    return Quote(content=_read(Content, quote["content"]), terms=_read(Terms, quote["terms"]))


def read_signed(name: str) -> Receipt | Registration | Admission:
    kind = {"receipt": Receipt, "registration": Registration, "admission": Admission}[name]
    return _read(kind, load()["signed"][name]["values"])
