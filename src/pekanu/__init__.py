"""Pekanu: buy and sell deterministic computation without trusting each other.

`Client` buys; `pekanu.aio` has its asynchronous twin, `pekanu.errors` what can go wrong. The parts
load at first use, so that importing the package is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pekanu.errors import NoWorker, PekanuError, ProgramFailed, Rejected, Timeout, WorkerFault
from pekanu.version import __version__

if TYPE_CHECKING:
    from pekanu.catalog import Program
    from pekanu.client import Client, Future

__all__ = [
    "Client",
    "Future",
    "NoWorker",
    "PekanuError",
    "Program",
    "ProgramFailed",
    "Rejected",
    "Timeout",
    "WorkerFault",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in {"Client", "Future"}:
        from pekanu import client  # noqa: PLC0415 - a second to import

        return getattr(client, name)
    if name == "Program":
        from pekanu.catalog import Program  # noqa: PLC0415 - as above

        return Program
    message = f"module 'pekanu' has no attribute {name!r}"
    raise AttributeError(message)
