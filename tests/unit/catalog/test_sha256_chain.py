"""Chains of SHA-256, against known hashes and the definition."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from pekanu import catalog
from pekanu.catalog.policy import InvalidPolicy
from pekanu.errors import InvalidInput

Rng = Callable[[int], bytes]
#: FIPS 180-4, example of one block.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def chain(seed: object, length: object) -> object:
    function = catalog.get("sha256-chain")
    data = function.parse_inputs({"seed": seed, "length": length})
    return function.decode_output(function.execute(data))


def test_execute__of_one_link__then_the_standards_example() -> None:
    assert chain("abc", 1) == ABC


@pytest.mark.parametrize("length", [2, 3, 65537])
def test_execute__of_more_links__then_each_hashes_the_one_before(length: int) -> None:
    link = b"seed\0\xff"
    for _ in range(length):
        link = sha256(link).digest()
    assert chain(b"seed\0\xff", length) == link.hex()


@pytest.mark.parametrize(
    ("seed", "length", "sentence"),
    [
        ("x", 0, "0 is not between 1 and 1000000000"),
        ("x", 10**9 + 1, "is not between"),
        (b"x" * 65537, 1, "65537 bytes are more than the 65536 allowed"),
        (7, 1, "int 7 stands where text belongs"),
    ],
)
def test_parse_inputs__of_what_does_not_fit__is_refused(
    seed: object, length: object, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        chain(seed, length)


def test_verify__without_a_check__then_only_computing_it_again_tells(rng: Rng) -> None:
    function = catalog.get("sha256-chain")
    data = function.parse_inputs({"seed": "abc", "length": 9})
    output = function.execute(data)
    with pytest.raises(InvalidPolicy, match="no cheap check"):
        catalog.verify(function, data, output, catalog.parse_policy("check"), rng)
    other = function.execute(function.parse_inputs({"seed": "abc", "length": 8}))
    recompute = catalog.parse_policy(function.manifest.default_policy)
    assert catalog.verify(function, data, output, recompute, rng).ok
    assert not catalog.verify(function, data, other, recompute, rng).ok


@pytest.mark.parametrize("text", [b"", b"0" * 63, b"G" * 64, ABC.upper().encode(), b"0" * 65])
def test_decode_output__of_what_is_no_hash__is_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput, match="is no hash"):
        catalog.get("sha256-chain").decode_output(catalog.framing.encode_value(text))
