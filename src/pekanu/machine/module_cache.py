"""Compiled programs, kept in this process and on disk.

What is kept is native code: a file that cannot be believed, or does not fit, is compiled anew.

Not here: which files are believed (`pekanu.own_files`), the home of the cache (`pekanu.settings`).
"""

from __future__ import annotations

import hashlib
import platform
from collections import OrderedDict
from importlib.metadata import version
from pathlib import Path
from typing import Final

import wasmtime

from pekanu.machine.compiled import get_engine
from pekanu.machine.program import Program
from pekanu.machine.translate import layout, translate
from pekanu.own_files import load_own, save_own

_CPU_INFO: Final = Path("/proc/cpuinfo")
#: Programs that are kept in this process.
_MOST_KEPT: Final = 8

_kept: OrderedDict[str, wasmtime.Module] = OrderedDict()


def get_module(program: Program, folder: Path | None) -> wasmtime.Module:
    """Return a program's compiled module.

    Args:
        program: What is compiled.
        folder: Where compiled programs are kept, made if it is missing; None keeps none on disk.
    """
    key = get_key(program)
    module = _kept.get(key)
    if module is None:
        path = _get_path(key, folder)
        module = _load(path) if path else None
        if module is None:
            module = wasmtime.Module(get_engine(), translate(program))
            if path:
                save_own(path, bytes(module.serialize()))
        _kept[key] = module
    _kept.move_to_end(key)
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return module


def is_ready(program: Program, folder: Path | None) -> bool:
    """Return whether a program's module is kept, so that it need not be compiled."""
    key = get_key(program)
    path = _get_path(key, folder)
    return key in _kept or (path is not None and path.is_file())


def _get_path(key: str, folder: Path | None) -> Path | None:
    return None if folder is None else folder / f"{key}.cwasm"


def forget() -> None:
    """Drop what is kept in this process, as a new one would start."""
    _kept.clear()


def get_key(program: Program) -> str:
    """Return the name of a program's compiled form: it differs with whatever changes the code."""
    digest = hashlib.sha256()
    about = (layout.VERSION, version("wasmtime"), platform.machine(), _describe_processor())
    digest.update(repr((*about, program.entry)).encode())
    # The image tells where tables of jumps lead.
    for segments in (program.text, program.image):
        for address, part in segments:
            digest.update(f"\0{address} {len(part)}\0".encode())
            digest.update(part)
    return digest.hexdigest()


def _describe_processor() -> str:
    """Return what tells processors with other instructions apart."""
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _load(path: Path) -> wasmtime.Module | None:
    """Return a module from a file, or None if there is none that can be trusted."""
    code = load_own(path)
    try:
        return None if code is None else wasmtime.Module.deserialize(get_engine(), code)
    except wasmtime.WasmtimeError:
        return None
