"""What a client finds in an opened list, and how it is shown."""

from collections.abc import Callable

import pytest

from pekanu.crypto.accumulator import accumulate, hash_accumulator
from pekanu.crypto.merkle import region_root, verify_proof, zero_root
from pekanu.errors import InvalidInput, InvalidProof
from pekanu.ringers import (
    Audit,
    Domain,
    Finding,
    audit,
    decode_solutions,
    encode_solutions,
    find_target,
    prove_place,
)
from pekanu.types import Hash32

Image = Callable[[int], Hash32]

DOMAIN = Domain(low=10, high=500)
SOLUTIONS = [11, 40, 77, 300, 499]
RINGERS = [40, 300]
EVIDENCE = hash_accumulator(accumulate(SOLUTIONS))


def check(image: Image, output: bytes, evidence: Hash32 = EVIDENCE) -> Audit:
    targets = [image(point) for point in (*SOLUTIONS, 9000)]
    return audit(output, DOMAIN, targets, RINGERS, evidence, image)


def pack(*points: int) -> bytes:
    return b"".join(point.to_bytes(32, "big") for point in points)


def test_audit__when_honest__then_is_in_order(image: Image) -> None:
    found = check(image, encode_solutions(SOLUTIONS))
    assert found == Audit(finding=Finding.IN_ORDER, points=tuple(SOLUTIONS))
    assert found.is_in_order


@pytest.mark.parametrize(
    ("output", "finding", "place"),
    [
        (pack(*SOLUTIONS)[:-1], Finding.NO_LIST, None),
        (b"", Finding.RINGER_MISSING, 0),
        (pack(11, 77, 300, 499), Finding.RINGER_MISSING, 1),
        (pack(11, 40), Finding.RINGER_MISSING, 2),
        (pack(40, 11, 77, 300, 499), Finding.DISORDERED, 1),
        (pack(11, 40, 40, 77, 300, 499), Finding.DISORDERED, 2),
        (pack(9, *SOLUTIONS), Finding.OUTSIDE, 0),
        (pack(*SOLUTIONS, 9000), Finding.OUTSIDE, 5),
        (pack(11, 40, 77, 100, 300, 499), Finding.NO_SOLUTION, 3),
        (pack(40, 77, 300, 499), Finding.OTHER_ACCUMULATOR, None),
    ],
)
def test_audit__when_the_list_is_wrong__then_finds_where(
    image: Image, output: bytes, finding: Finding, place: int | None
) -> None:
    found = check(image, output)
    assert (found.finding, found.place) == (finding, place)
    assert not found.is_in_order
    assert (found.ringer is not None) == (finding is Finding.RINGER_MISSING)


def test_audit__when_there_are_no_solutions__then_an_empty_list_is_in_order(image: Image) -> None:
    found = audit(b"", DOMAIN, [], [], hash_accumulator(accumulate([])), image)
    assert found.is_in_order


@pytest.mark.parametrize("points", [[], [0], SOLUTIONS, [(1 << 256) - 1]])
def test_solutions__when_encoded__then_decode_to_the_same(points: list[int]) -> None:
    assert decode_solutions(encode_solutions(points)) == points


@pytest.mark.parametrize("points", [[2, 1], [1, 1], [-1], [1 << 256]])
def test_encode_solutions__when_no_rising_words__then_refuses(points: list[int]) -> None:
    with pytest.raises(InvalidInput):
        encode_solutions(points)


def test_decode_solutions__when_not_whole__then_refuses() -> None:
    with pytest.raises(InvalidInput, match="33 bytes are no list"):
        decode_solutions(bytes(33))


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 100])
def test_prove_place__when_climbed__then_reaches_the_outputs_root(count: int) -> None:
    output = encode_solutions(range(7, 7 + count))
    for place in {0, count // 2, count - 1}:
        shown = prove_place(output, place)
        siblings = iter(shown.siblings)
        full = [
            next(siblings) if shown.mask >> height & 1 else zero_root(height)
            for height in range(21)
        ]
        assert next(siblings, None) is None
        assert int.from_bytes(shown.leaf, "big") == 7 + place
        assert verify_proof(region_root(output), shown.leaf, place + 1, 1 << 21, full)


@pytest.mark.parametrize("place", [-1, 3])
def test_prove_place__when_there_is_none__then_refuses(place: int) -> None:
    with pytest.raises(InvalidProof, match="not among 3 points"):
        prove_place(bytes(96), place)


def test_find_target__when_it_is_there__then_has_its_path(image: Image) -> None:
    targets = sorted(map(image, range(9)))
    opened = find_target(targets, 4, image(4))
    assert targets[opened.index] == opened.image
    with pytest.raises(InvalidProof, match="image of 10"):
        find_target(targets, 10, image(10))
