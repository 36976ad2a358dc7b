"""The accumulator: what is in it can be shown, and nothing else."""

from itertools import pairwise
from math import gcd, prod

import gmpy2
import pytest

from pekanu.crypto import accumulator as acc
from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidProof

POINTS = [3**k % 1000 for k in range(8)]
TOP = (1 << 256) - 1


def test_modulus__when_compared_with_the_challenge__then_has_its_digits_and_their_sum() -> None:
    digits = str(acc.MODULUS)
    assert len(digits) == 617
    assert sum(map(int, digits)) == 2738
    assert acc.MODULUS.bit_length() == 2048
    assert not gmpy2.is_prime(acc.MODULUS)


def test_base__when_derived_by_hand__then_is_a_square_without_a_common_factor() -> None:
    words = [keccak256(b"Pekanu accumulator base v1" + bytes([0] * 31 + [n])) for n in range(8)]
    root = int.from_bytes(b"".join(words), "big")
    assert root * root % acc.MODULUS == acc.BASE
    assert gcd(root, acc.MODULUS) == 1


@pytest.mark.parametrize("point", [0, 1, 255, 256, TOP])
def test_get_element__when_given_a_point__then_is_odd_and_of_full_size(point: int) -> None:
    element = acc.get_element(point)
    assert element % 2 == 1
    assert element.bit_length() == acc.ELEMENT_BITS


def test_get_element__when_points_are_alike__then_shares_no_large_factor() -> None:
    elements = [acc.get_element(point) for point in range(40)]
    common = [gcd(left, right) for left, right in pairwise(elements)]
    assert max(common) < 1 << 40


@pytest.mark.parametrize("point", [-1, TOP + 1])
def test_get_element__when_no_word__then_refuses(point: int) -> None:
    with pytest.raises(OverflowError):
        acc.get_element(point)


def test_accumulate__when_compared_with_one_power_a_point__then_equal() -> None:
    residue = acc.BASE
    for point in POINTS:
        residue = pow(residue, acc.get_element(point), acc.MODULUS)
    assert acc.accumulate(POINTS) == acc.accumulate(sorted(POINTS)) == residue
    assert acc.get_product(POINTS) == prod(map(acc.get_element, POINTS))


def test_accumulate__when_nothing_is_given__then_is_the_base() -> None:
    assert acc.accumulate([]) == acc.BASE
    assert acc.get_product([]) == 1


def test_accumulate__when_longer_than_a_batch__then_tells_its_progress() -> None:
    told: list[int] = []
    points = list(range(300))
    residue = acc.accumulate(points, told.append)
    assert told == [256, 300]
    assert residue == acc.accumulate(points[44:] + points[:44])


@pytest.mark.parametrize("shown", [[POINTS[2]], POINTS[1:4], POINTS])
def test_build_witness__when_the_points_are_there__then_shows_them(shown: list[int]) -> None:
    whole = acc.accumulate(POINTS)
    witness = acc.build_witness(POINTS, shown)
    assert acc.is_witness(whole, witness, shown)
    assert not acc.is_witness(whole, witness, [*shown, 5])
    assert not acc.is_witness(whole, witness, shown[1:])
    assert not acc.is_witness(acc.accumulate(POINTS[1:]), witness, shown)


@pytest.mark.parametrize("shown", [[5], [POINTS[0], 5], [POINTS[0], POINTS[0]]])
def test_build_witness__when_a_point_is_not_there__then_refuses(shown: list[int]) -> None:
    with pytest.raises(InvalidProof, match="not in the accumulator"):
        acc.build_witness(POINTS, shown)


@pytest.mark.parametrize("residue", [0, 1, acc.MODULUS - 1, acc.MODULUS, acc.MODULUS + 2])
def test_is_witness__when_a_residue_is_trivial_or_not_reduced__then_refuses(residue: int) -> None:
    whole = acc.accumulate(POINTS)
    assert not acc.is_witness(whole, residue, POINTS[:1])
    assert not acc.is_witness(residue, whole, POINTS[:1])


def test_hash__when_encoded__then_binds_all_bytes() -> None:
    assert len(acc.encode_residue(1)) == acc.RESIDUE_SIZE
    assert acc.hash_accumulator(2) == keccak256(bytes(255) + b"\x02")
