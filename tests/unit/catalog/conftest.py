"""Seeded randomness for checks."""

import random
from collections.abc import Callable

import pytest


@pytest.fixture
def rng() -> Callable[[int], bytes]:
    return random.Random("catalog").randbytes
