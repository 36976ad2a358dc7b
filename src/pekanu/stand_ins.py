"""Modules that take another's place, where that one is slow to import and nearly never used.

Not here: whose place they take (`eth_signing`, `pekanu.cli.starting`).
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class Later:
    """What a module holds under a name, imported when it is used.

    Args:
        module: The module.
        name: The name.
    """

    def __init__(self, module: str, name: str) -> None:
        """Import nothing yet."""
        self._module, self._name = module, name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._load(), attribute)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it."""
        return self._load()(*arguments, **named)

    def _load(self) -> Any:
        if isinstance(sys.modules.get(self._module), StandIn):
            del sys.modules[self._module]
        return getattr(importlib.import_module(self._module), self._name)


class StandIn(ModuleType):
    """Has every name, each to be imported when it is used."""

    def __getattr__(self, name: str) -> Later:
        if name.startswith("__"):
            raise AttributeError(name)
        return Later(self.__name__, name)
