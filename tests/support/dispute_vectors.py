"""The vectors of disputes, `tests/vectors/dispute.json`, as the product's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pekanu.dispute.dissection import Dissection
from pekanu.dispute.place import Place, Turn
from pekanu.market.task import Terms
from pekanu.types import Address, Hash32

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "dispute.json").read_text()
)
DISSECTIONS: Final[list[dict[str, Any]]] = VECTORS["dissections"]
PLACES: Final[list[dict[str, Any]]] = VECTORS["places"]
TERMS: Final[dict[str, Any]] = VECTORS["terms"]


def read_hash(text: str) -> Hash32:
    return Hash32(bytes.fromhex(text))


def read_dissection(found: dict[str, Any]) -> Dissection:
    return Dissection(
        first=found["first"],
        last=found["last"],
        before=read_hash(found["before"]),
        part=found["part"],
        start=read_hash(found["start"]),
        points=tuple(read_hash(point) for point in found["points"]),
    )


def read_place(found: dict[str, Any]) -> Place:
    from pekanu.types import parse_address  # noqa: PLC0415

    fields = dict(found["fields"])
    parties: dict[str, Address] = {
        side: parse_address(fields.pop(side)) for side in ("worker", "challenger")
    }
    return Place(**{**fields, **parties, "turn": Turn(fields["turn"])})


def read_terms() -> Terms:
    values = [read_hash(one) if isinstance(one, str) else one for one in TERMS["values"]]
    return Terms(**dict(zip(Terms.__dataclass_fields__, values, strict=True)))
