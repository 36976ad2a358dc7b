"""Compiled programs, kept in this process and on disk.

What is kept is native code: a file is used only if it belongs to this user, nobody else could
write to it or its folder, and its digest holds. A file that does not fit is compiled anew.

Not here: the home of the cache (`pekanu.settings`).
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections import OrderedDict
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

import wasmtime

from pekanu.machine.compiled import get_engine
from pekanu.machine.own_files import is_own
from pekanu.machine.program import Program
from pekanu.machine.translate import layout, translate

_DIGEST_SIZE: Final = 32
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
                _save(path, bytes(module.serialize()))
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
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            if not (is_own(os.fstat(descriptor)) and is_own(path.parent.stat())):
                return None
            content = opened.read()
    except OSError:
        return None
    code = content[_DIGEST_SIZE:]
    if hashlib.sha256(code).digest() != content[:_DIGEST_SIZE]:
        return None
    try:
        return wasmtime.Module.deserialize(get_engine(), code)
    except wasmtime.WasmtimeError:
        return None


def _save(path: Path, code: bytes) -> None:
    """Write a module to a file, whole or not at all; a full disk only costs the next start."""
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(hashlib.sha256(code).digest() + code)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
