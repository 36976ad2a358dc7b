"""Loops that NumPy cannot express, compiled at first call and cached on disk.

Only modules that hold kernels import this: it brings the compiler. What is not here: kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Return the function compiled, with integer arithmetic that wraps as in C."""
    return cast("_Function", numba.njit(cache=True, nogil=True)(function))
