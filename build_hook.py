"""Make what the package holds beside its sources, when it is built or installed.

Each step is a script of its own that can be run by hand, and leaves alone what is up to date.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parent
#: The scripts, in order; each offers `build()`.
STEPS: Final = ("build_contracts", "build_guests")


class PekanuBuildHook(BuildHookInterface):  # type: ignore[misc]
    """Lets hatchling run the steps before it packs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Run the steps, whatever is built."""
        sys.path.insert(0, str(ROOT))
        try:
            for step in STEPS:
                import_module(step).build()
        finally:
            sys.path.remove(str(ROOT))
