"""The choice of how many hashes are computed: short work in Python, long work compiled.

Compiling costs as much as some ten thousand single hashes, so it waits for that much work and a
short command never pays it. Not here: hash functions and their backends (`keccak`, `sha256`).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

#: Hashes that are computed one by one before kernels are compiled.
SCALAR_BUDGET: Final = 20_000

BackendT = TypeVar("BackendT")


class Choice(ABC, Generic[BackendT]):
    """Hands out a hash function's backend for the next piece of work, from any thread.

    Args:
        scalar: Serves until enough work has been asked for.
        budget: Hashes until then.
    """

    def __init__(self, scalar: BackendT, budget: int) -> None:
        """Start with the scalar backend."""
        self._scalar = scalar
        self._fast: BackendT | None = None
        self._left = budget
        self._lock = threading.Lock()

    def get(self, work: int) -> BackendT:
        """Return the backend for `work` more hashes, compiling once enough have been asked for."""
        if self._fast is not None:
            return self._fast
        with self._lock:
            self._left -= work
            if self._fast is None and self._left < 0:
                self._fast = self._compile()
            return self._fast or self._scalar

    @abstractmethod
    def _compile(self) -> BackendT:
        """Return the compiled backend, or the scalar one where this machine cannot compile."""
