"""Words and hashes of disputes are those of the vectors, which the contract's tests load too."""

from __future__ import annotations

from typing import Any

import pytest

from pekanu.dispute.dissection import Dissection, get_ends
from pekanu.dispute.errors import Refused
from pekanu.dispute.place import Place
from support.dispute_vectors import (
    DISSECTIONS,
    PLACES,
    TERMS,
    read_dissection,
    read_hash,
    read_place,
    read_terms,
)


@pytest.mark.parametrize("found", DISSECTIONS, ids=lambda found: f"{found['last']}")
def test_dissection__when_committed_to__then_the_vectors(found: dict[str, Any]) -> None:
    shown = read_dissection(found)
    assert get_ends(found["first"], found["last"]) == found["ends"]
    assert shown.root.hex() == found["root"]
    starts = [shown.get_start(index).hex() for index in range(len(shown.points))]
    assert starts == [found["start"], *found["points"][:-1]]


def test_dissection__when_a_point_is_missing__then_refused() -> None:
    shown = read_dissection(DISSECTIONS[2])
    with pytest.raises(Refused, match="too many points"):
        Dissection(first=7, last=12, start=shown.start, points=shown.points[:-1])


@pytest.mark.parametrize("found", PLACES, ids=lambda found: f"turn {found['fields']['turn']}")
def test_place__when_packed__then_the_vectors(found: dict[str, Any]) -> None:
    place = read_place(found)
    assert [str(one) for one in place.to_words()] == found["words"]
    assert place.id.hex() == found["id"]
    assert place.get_commitment(read_hash(found["root"])).hex() == found["commitment"]
    assert Place.from_words(place.to_words(), place.mover) == place


def test_place__when_the_turn_does_not_exist__then_refused() -> None:
    number, waiting, clocks = read_place(PLACES[0]).to_words()
    with pytest.raises(ValueError, match="3"):
        Place.from_words((number, waiting | 3 << 160, clocks), read_place(PLACES[0]).mover)


def test_terms__when_hashed__then_the_vectors() -> None:
    assert read_terms().hash().hex() == TERMS["hash"]
