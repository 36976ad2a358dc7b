"""How fast unicorn, an emulator by others, runs a program when it counts steps exactly.

Not here: that both give the same (the tests).
"""

from __future__ import annotations

import time

from pekanu.machine.isa import MEMORY_SIZE
from pekanu.machine.program import Program


def measure_unicorn(program: Program, steps: int) -> float:
    """Return millions of steps a second, of a program's first steps.

    Args:
        program: Must not end within the steps, nor do what only this machine does.
        steps: How many are taken.
    """
    # Installed for development alone.
    import unicorn  # noqa: PLC0415

    emulator = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    emulator.mem_map(0, MEMORY_SIZE)
    for address, part in program.image:
        emulator.mem_write(address, part)
    started = time.thread_time()
    emulator.emu_start(program.entry, 0xFFFFFFFF, count=steps)
    return steps / (time.thread_time() - started) / 1e6
