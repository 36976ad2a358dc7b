"""What is bought in the demonstration: real work, and how one sees that it is right.

Not here: what happens to it (`scenes`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from pekanu import catalog
from pekanu.node.client_job import JobRequest
from pekanu.types import Address

SIZE: Final = 250
#: Somebody remembers this much of a password: a short name, two digits, a mark.
PATTERN: Final = "[A-Z][a-z]{2}-[0-9]{2}[!?#]"
PASSWORD: Final = "Ada-28!"  # noqa: S105 - what the search is to find


class Goods(Protocol):
    """Something that can be bought."""

    def build_request(self, worker: Address) -> JobRequest:
        """Return the request for it, to one worker alone."""

    def judge(self, output: bytes) -> str:
        """Return how the output compares with what is known to be right, in a sentence."""


@dataclass
class MatrixProduct:
    """A product of two 250 x 250 matrices of 64-bit integers.

    Args:
        seed: Of the matrices.
    """

    seed: int

    def __post_init__(self) -> None:
        """Draw the matrices."""
        draw, limits = np.random.default_rng(self.seed), np.iinfo(np.int64)
        self._left, self._right = (
            draw.integers(limits.min, limits.max, size=(SIZE, SIZE), dtype=np.int64)
            for _ in range(2)
        )

    def build_request(self, worker: Address) -> JobRequest:
        """Return the request for it, to one worker alone."""
        data = catalog.get("matmul").parse_inputs({"a": self._left, "b": self._right})
        policy = catalog.parse_policy("check")
        return JobRequest(function="matmul", items=(data,), policy=policy, worker=worker)

    def judge(self, output: bytes) -> str:
        """Return whether the output is NumPy's."""
        product = catalog.get("matmul").decode_output(output)
        is_right = isinstance(product, np.ndarray) and np.array_equal(
            product, self._left @ self._right
        )
        return f"the product {'equals' if is_right else 'DIFFERS FROM'} NumPy's"


@dataclass
class PasswordSearch:
    """A search for a password of which the SHA-256 and a pattern are known."""

    digest: str = field(default=hashlib.sha256(PASSWORD.encode()).hexdigest())

    def build_request(self, worker: Address) -> JobRequest:
        """Return the request for it, to one worker alone."""
        inputs = {"pattern": PATTERN, "targets": self.digest}
        data = catalog.get("hash-search").parse_inputs(inputs)
        policy = catalog.parse_policy("ringers")
        return JobRequest(function="hash-search", items=(data,), policy=policy, worker=worker)

    def judge(self, output: bytes) -> str:
        """Return whether the password is what was found."""
        found = catalog.get("hash-search").decode_output(output)
        words = [str(one["candidate"]) for one in found] if isinstance(found, list) else []
        is_right = words == [PASSWORD]
        return (
            f"the forgotten password {'was' if is_right else 'was NOT'} found: {', '.join(words)}"
        )
