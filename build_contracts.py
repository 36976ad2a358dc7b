"""Compile the contracts when the package is built or installed.

Writes one JSON file a contract under src/pekanu/contracts/artifacts: ABI, creation and runtime
bytecode, compiler. Run by `build_hook`, and by hand: ``python build_contracts.py``.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "src" / "pekanu" / "contracts"
#: The contracts that are deployed; everything else is a library.
CONTRACTS = (
    "Market",
    "SealCheck",
    "MachineStep",
    "BisectionReferee",
    "RingerReferee",
    "StorageServer",
    "StorageClient",
    "StorageFactory",
)


def build() -> None:
    """Write the artifact of each contract that is older than any source."""
    newest = max(path.stat().st_mtime for path in (*SOURCES.rglob("*.vy"), Path(__file__)))
    folder = SOURCES / "artifacts"
    folder.mkdir(exist_ok=True)
    for name in CONTRACTS:
        target = folder / f"{name}.json"
        if target.exists() and target.stat().st_mtime >= newest:
            continue
        target.write_text(json.dumps(_compile(name), indent=1, sort_keys=True) + "\n")


def _compile(name: str) -> dict[str, Any]:
    from vyper import compile_from_file_input  # noqa: PLC0415 - only a build needs the compiler
    from vyper.compiler.input_bundle import FilesystemInputBundle  # noqa: PLC0415
    from vyper.compiler.settings import OptimizationLevel, Settings  # noqa: PLC0415

    bundle = FilesystemInputBundle([SOURCES])
    output = compile_from_file_input(
        bundle.load_file(f"{name}.vy"),
        input_bundle=bundle,
        settings=Settings(optimize=OptimizationLevel.GAS, evm_version="cancun"),
        output_formats=["abi", "bytecode", "bytecode_runtime"],
    )
    return {
        "abi": output["abi"],
        "bytecode": output["bytecode"],
        "runtime_bytecode": output["bytecode_runtime"],
        "compiler": f"vyper {version('vyper')}, -O gas, cancun",
    }


if __name__ == "__main__":
    build()
