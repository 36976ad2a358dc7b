"""The fast tier: a program's WebAssembly module, compiled and instantiated by wasmtime.

Not here: what the module holds (`translate`), where compiled code is kept (`module_cache`), when
it is run (`engine`).
"""

from __future__ import annotations

from functools import cache
from typing import Final, cast

import numpy as np
import wasmtime
from numpy.typing import NDArray

from pekanu.machine.translate import layout

_REGISTERS: Final = 32


class Interrupted(Exception):
    """The module trapped: memory is in the middle of something, registers are lost."""


@cache
def get_engine() -> wasmtime.Engine:
    """Return the process's compiler, set up for translated programs."""
    config = wasmtime.Config()
    config.wasm_multi_memory = True
    config.wasm_tail_call = True
    config.max_wasm_stack = layout.NATIVE_STACK_SIZE
    return wasmtime.Engine(config)


class Compiled:
    """An instance of a translated program, with memories of its own."""

    def __init__(self, module: wasmtime.Module) -> None:
        """Take 256 MiB of address space, none of it touched."""
        self._store = wasmtime.Store(get_engine())
        instance = wasmtime.Instance(self._store, module, [])
        exports = instance.exports(self._store)
        self._run = cast("wasmtime.Func", exports[layout.RUN])
        self.memory = self._view(cast("wasmtime.Memory", exports[layout.MEMORY]))
        state = self._view(cast("wasmtime.Memory", exports[layout.STATE]))
        self._registers = state.view(np.uint32)[:_REGISTERS]
        self._pc = state.view(np.uint32)[layout.PC_OFFSET >> 2 :][:1]
        self._budget = state.view(np.int64)[layout.BUDGET_OFFSET >> 3 :][:1]
        #: For each word of text of 16 MiB, not 0 where translated code can be entered.
        self.entries = state.view(np.uint32)[layout.MAP_OFFSET >> 2 :]

    def run(self, registers: NDArray[np.uint32], pc: int, steps: int) -> tuple[int, int]:
        """Run until the exact tier has to go on.

        Args:
            registers: x0 to x31; changed in place.
            pc: Where to begin.
            steps: At most.

        Returns:
            Where to go on, and the steps that are left.

        Raises:
            Interrupted: The guest did what only the exact tier can explain, at some step; the
                state is lost.
        """
        self._registers[:] = registers
        try:
            self._run(self._store, pc, steps)
        except wasmtime.Trap as trap:
            raise Interrupted from trap
        registers[:] = self._registers
        return int(self._pc[0]), int(self._budget[0])

    def _view(self, memory: wasmtime.Memory) -> NDArray[np.uint8]:
        """Return a memory's bytes; they live as long as this object."""
        return np.ctypeslib.as_array(memory.get_buffer_ptr(self._store)).view(np.uint8)
