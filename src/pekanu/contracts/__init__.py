"""The contracts' ABI and bytecode, built into the package from the Vyper sources beside this file.

Not here: where they are deployed (`pekanu.chain.AddressBook`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Final

from eth_abi.abi import decode, encode

from pekanu.crypto.keccak import keccak256
from pekanu.errors import NotDeployed
from pekanu.types import Hash32

#: What stands before a blueprint's creation code, so that nobody can call it. Source: ERC-5202.
_BLUEPRINT: Final = bytes.fromhex("fe7100")


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionAbi:
    """How a contract's function is called."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def selector(self) -> bytes:
        """The four bytes that name it in calldata."""
        return bytes(keccak256(f"{self.name}({','.join(self.inputs)})".encode())[:4])

    def encode(self, *arguments: object) -> bytes:
        """Return the calldata of a call."""
        return self.selector + encode(self.inputs, arguments)

    def decode_arguments(self, data: bytes) -> tuple[Any, ...]:
        """Return the arguments from calldata, without their selector."""
        return tuple(decode(self.inputs, data[4:]))

    def decode_output(self, data: bytes) -> tuple[Any, ...]:
        """Return what a call returned."""
        return tuple(decode(self.outputs, data))


@dataclass(frozen=True, kw_only=True, slots=True)
class EventAbi:
    """How a contract's event is logged."""

    name: str
    #: Name, type and whether it is a topic, in the order of declaration.
    fields: tuple[tuple[str, str, bool], ...]

    @property
    def topic(self) -> Hash32:
        """The first topic of its logs."""
        types = ",".join(kind for _, kind, _ in self.fields)
        return keccak256(f"{self.name}({types})".encode())


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A compiled contract."""

    name: str
    abi: tuple[dict[str, Any], ...]
    bytecode: bytes
    #: Without the immutables, which follow it on chain.
    runtime_bytecode: bytes
    compiler: str

    @cached_property
    def functions(self) -> dict[str, FunctionAbi]:
        """The external functions by name."""
        return {
            entry["name"]: FunctionAbi(
                name=entry["name"],
                inputs=tuple(_type(field) for field in entry["inputs"]),
                outputs=tuple(_type(field) for field in entry["outputs"]),
            )
            for entry in self.abi
            if entry["type"] == "function"
        }

    @cached_property
    def events(self) -> dict[Hash32, EventAbi]:
        """The events by their first topic."""
        found = (
            EventAbi(
                name=entry["name"],
                fields=tuple(
                    (field["name"], _type(field), field["indexed"]) for field in entry["inputs"]
                ),
            )
            for entry in self.abi
            if entry["type"] == "event"
        )
        return {event.topic: event for event in found}

    @cached_property
    def constructor_inputs(self) -> tuple[str, ...]:
        """The types of the constructor's arguments."""
        for entry in self.abi:
            if entry["type"] == "constructor":
                return tuple(_type(field) for field in entry["inputs"])
        return ()

    def encode_deployment(self, *arguments: object) -> bytes:
        """Return the creation code with the constructor's arguments behind it."""
        return self.bytecode + encode(self.constructor_inputs, arguments)

    def encode_blueprint(self) -> bytes:
        """Return the creation code of a contract that holds this one's. Source: ERC-5202."""
        held = _BLUEPRINT + self.bytecode
        # PUSH2 length, RETURNDATASIZE, DUP2, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURN
        return b"\x61" + len(held).to_bytes(2, "big") + bytes.fromhex("3d81600a3d39f3") + held

    def is_blueprint(self, code: bytes) -> bool:
        """Say whether code on chain is this contract's creation code, held for a factory."""
        return code == _BLUEPRINT + self.bytecode

    def is_code(self, code: bytes) -> bool:
        """Say whether code on chain is this contract's, whatever its immutables."""
        return bool(self.runtime_bytecode) and code.startswith(self.runtime_bytecode)


@cache
def load(name: str) -> Artifact:
    """Return a compiled contract by name, such as ``Market``.

    Raises:
        NotDeployed: The contracts were not compiled into this installation.
    """
    path = files(__package__) / "artifacts" / f"{name}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotDeployed(
            f"the contract {name} is not compiled", hint="run `python build_contracts.py`"
        ) from error
    return Artifact(
        name=name,
        abi=tuple(found["abi"]),
        bytecode=bytes.fromhex(found["bytecode"].removeprefix("0x")),
        runtime_bytecode=bytes.fromhex(found.get("runtime_bytecode", "").removeprefix("0x")),
        compiler=found["compiler"],
    )


def _type(field: dict[str, Any]) -> str:
    """Return a field's canonical type, with tuples written out."""
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type(part) for part in field["components"])
    return f"({inner}){kind.removeprefix('tuple')}"
