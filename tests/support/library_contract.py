"""Libraries of the contracts, behind a harness that makes their functions callable."""

from __future__ import annotations

from functools import cache
from typing import Any

from pekanu.types import Address
from support.evm import DEPLOYER, SOURCES, Contract, Evm

LIBRARIES = SOURCES.parents[2] / "src" / "pekanu" / "contracts"


@cache
def compile_harness(name: str) -> dict[str, Any]:
    from vyper import compile_from_file_input  # noqa: PLC0415 - slow to import
    from vyper.compiler.input_bundle import FilesystemInputBundle  # noqa: PLC0415
    from vyper.compiler.settings import OptimizationLevel, Settings  # noqa: PLC0415

    bundle = FilesystemInputBundle([LIBRARIES, SOURCES])
    return compile_from_file_input(
        bundle.load_file(f"{name}.vy"),
        input_bundle=bundle,
        settings=Settings(optimize=OptimizationLevel.GAS, evm_version="cancun"),
        output_formats=["abi", "bytecode"],
    )


def deploy_harness(name: str) -> Contract:
    chain, artifact = Evm(), compile_harness(name)
    code = bytes.fromhex(artifact["bytecode"].removeprefix("0x"))
    return Contract(chain, Address(chain.evm.deploy(DEPLOYER, code)), artifact["abi"])
