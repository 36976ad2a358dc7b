"""Kernels in LLVM's language, compiled for this processor when they are first needed.

Importing this module is cheap; compiling loads LLVM. Not here: what the kernels do (`keccak.ir`,
`sha256`, `pekanu.storage.gear`), and whether compiling is worth it (`backends`).
"""

from __future__ import annotations

from collections.abc import Mapping


def get_features() -> Mapping[str, bool]:
    """Return which instructions this processor has, by LLVM's names for them.

    Raises:
        ImportError: LLVM is not installed.
        RuntimeError: LLVM does not know this processor.
    """
    import llvmlite.binding as llvm  # noqa: PLC0415 - costs 50 ms, paid only when needed

    features: Mapping[str, bool] = llvm.get_host_cpu_features()
    return features


def get_processor() -> str:
    """Return LLVM's name for this processor, such as ``znver4``; raises as `get_features`."""
    import llvmlite.binding as llvm  # noqa: PLC0415 - as above

    return str(llvm.get_host_cpu_name())


class Kernels:
    """The functions of a module; their code lives as long as this object.

    Args:
        text: The module.

    Raises:
        ImportError: LLVM is not installed.
        RuntimeError: LLVM cannot compile for this machine.
    """

    def __init__(self, text: str) -> None:
        """Load LLVM and compile."""
        import llvmlite.binding as llvm  # noqa: PLC0415 - as above

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
            jit=True,
        )
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
        self._engine.finalize_object()

    def get_address(self, name: str) -> int:
        """Return where a function begins."""
        return int(self._engine.get_function_address(name))
