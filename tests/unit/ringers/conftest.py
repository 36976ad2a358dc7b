"""A small search: a function, its domain, and seeded randomness."""

import random
from collections.abc import Callable

import pytest

from pekanu.crypto.keccak import keccak256
from pekanu.types import Hash32


def get_image(point: int) -> Hash32:
    return keccak256(keccak256(point.to_bytes(32, "big")))


@pytest.fixture
def rng() -> Callable[[int], bytes]:
    return random.Random("ringers").randbytes


@pytest.fixture
def image() -> Callable[[int], Hash32]:
    return get_image
