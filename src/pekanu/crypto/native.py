"""Kernels in LLVM's language, compiled for this processor when they are first needed.

Importing this module is cheap; compiling loads LLVM. Compiled kernels are kept on disk where a
process says so: compiling takes some 0.1 s, and 20 MB of LLVM come to memory for it. Not here: what
the kernels do (`keccak.ir`, `sha256`, `pekanu.storage.gear`), and whether compiling is worth it
(`backends`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pekanu.own_files import load_own, save_own

_kept: list[Path] = []


def keep_kernels(folder: Path | None) -> None:
    """Keep compiled kernels in a folder, made if it is missing, from now on; None keeps none."""
    _kept[:] = [] if folder is None else [folder]


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
        target, cpu = llvm.Target.from_default_triple(), llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features().flatten()
        machine = target.create_target_machine(cpu=cpu, features=features, opt=2, jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
        if _kept:
            about = (llvm.llvm_version_info, target.triple, cpu, features, text)
            path = _kept[0] / f"{hashlib.sha256(repr(about).encode()).hexdigest()}.kernel"
            self._engine.set_object_cache(
                lambda _, code: save_own(path, code), lambda _: load_own(path)
            )
        self._engine.finalize_object()

    def get_address(self, name: str) -> int:
        """Return where a function begins."""
        return int(self._engine.get_function_address(name))
