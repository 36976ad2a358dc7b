"""From C to programs of the machine, by the compiler that the `ziglang` wheel brings.

`compile_program` is the way in. What is not here: what a program means (`pekanu.machine`).
"""

from pekanu.toolchain.compiler import (
    COMPILER_VERSION,
    CompilerMissing,
    RefusedSource,
    compile_program,
    list_sources,
)

__all__ = [
    "COMPILER_VERSION",
    "CompilerMissing",
    "RefusedSource",
    "compile_program",
    "list_sources",
]
