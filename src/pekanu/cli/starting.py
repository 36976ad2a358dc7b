"""What a command's process does without, told to libraries before they are imported.

Only where the process is ours: a program that uses the library keeps what it has. Not here:
keyfiles without pairing curves (`pekanu.eth_signing`).
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Final

from pekanu.stand_ins import StandIn

#: Names and numbers of all known chains: a quarter of what it takes to import `eth_abi`.
_CHAINS: Final = ("eth_typing.networks", "eth_utils.network")
#: What pycryptodome loads its C code with.
_BINDING: Final = "Crypto.Util._raw_api"
#: Groups of commands that do no linear algebra.
_WITHOUT_ALGEBRA: Final = frozenset({"store", "provider"})
#: Objects made since the last collection that call for the next, while a command starts.
_COLLECT_AFTER: Final = 200_000
_USUAL: Final = gc.get_threshold()


def collect_seldom() -> None:
    """Collect garbage seldom, for a command that starts, does one thing and ends.

    Imports make objects that stay: searched as often as by default, they took a tenth of the time.
    """
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def collect_as_usual() -> None:
    """Collect garbage as Python does by default, where a process lives for long."""
    gc.set_threshold(*_USUAL)


def spare(first: str) -> None:
    """Tell libraries what is not needed; whoever has chosen otherwise keeps that.

    Args:
        first: The command's first argument.
    """
    for module in _CHAINS:
        if module not in sys.modules:
            sys.modules[module] = StandIn(module)
    _spare_declarations()
    # It would look through all installed packages.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if first in _WITHOUT_ALGEBRA:
        # NumPy's threads for it spin for a tenth of a second before they sleep.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _spare_declarations() -> None:
    """Let pycryptodome reach its C code by ctypes, as it does where cffi is missing.

    With cffi it parses C declarations in each process; a hash takes less time by ctypes, too.
    """
    if _BINDING in sys.modules:
        return
    there = sys.modules.get("cffi")
    # None makes its import fail.
    sys.modules["cffi"] = None  # type: ignore[assignment]
    try:
        importlib.import_module(_BINDING)
    finally:
        del sys.modules["cffi"]
        if there is not None:
            sys.modules["cffi"] = there
