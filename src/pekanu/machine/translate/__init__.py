"""Ahead-of-time translation of RV32IM to WebAssembly; see the README beside this file.

Not here: running what it makes (`pekanu.machine.executor`).
"""

from pekanu.machine.translate import layout
from pekanu.machine.translate.module import translate

__all__ = ["layout", "translate"]
