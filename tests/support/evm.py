"""The built contracts on an EVM inside the test process: many calls, little time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address

from pekanu.crypto.keccak import keccak256
from pekanu.errors import TransactionReverted
from pekanu.types import Address

ARTIFACTS = Path(__file__).parents[2] / "src" / "pekanu" / "contracts" / "artifacts"
SOURCES = Path(__file__).parents[1] / "contracts" / "sources"
DEPLOYER = "0x00000000000000000000000000000000000d3910"
GENESIS_TIME = 1_800_000_000


def abi_type(entry: dict[str, Any]) -> str:
    if entry["type"].startswith("tuple"):
        inner = ",".join(abi_type(part) for part in entry["components"])
        return f"({inner}){entry['type'][5:]}"
    return str(entry["type"])


def _read_function(entry: dict[str, Any]) -> tuple[bytes, list[str], list[str]]:
    """Return a function's selector and the ABI types of its arguments and results."""
    inputs, outputs = ([abi_type(part) for part in entry[k]] for k in ("inputs", "outputs"))
    return keccak256(f"{entry['name']}({','.join(inputs)})".encode())[:4], inputs, outputs


@cache
def load_artifact(name: str) -> dict[str, Any]:
    path = ARTIFACTS / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text())
    return compile_source(name)


def compile_source(name: str) -> dict[str, Any]:
    from vyper import compile_code  # noqa: PLC0415 - slow to import

    text = (SOURCES / f"{name}.vy").read_text()
    return compile_code(text, output_formats=["abi", "bytecode"])


class Contract:
    """A deployed contract: encodes calls and reads what they return."""

    def __init__(self, chain: Evm, address: Address, abi: list[dict[str, Any]]) -> None:
        self.chain = chain
        self.address = address
        self.functions = {e["name"]: _read_function(e) for e in abi if e["type"] == "function"}
        self.events = {}
        for entry in abi:
            if entry["type"] == "event":
                kinds = ",".join(abi_type(part) for part in entry["inputs"])
                self.events[keccak256(f"{entry['name']}({kinds})".encode())] = entry

    def encode(self, name: str, *args: object) -> bytes:
        selector, kinds, _ = self.functions[name]
        return selector + encode(kinds, args)

    def call(self, name: str, *args: object, sender: str = DEPLOYER, value: int = 0) -> Any:
        output = self.chain.send(self.address, self.encode(name, *args), sender, value)
        kinds = self.functions[name][2]
        if not kinds:
            return None
        values = decode(kinds, output)
        return values[0] if len(values) == 1 else values

    def logs(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the events of the last call: names, and fields by name."""
        found = []
        for log in self.chain.evm.result.logs:
            if log.address.lower() != self.address.lower():
                continue
            entry = self.events[bytes.fromhex(log.topics[0].removeprefix("0x"))]
            topics = iter(log.topics[1:])
            plain = [abi_type(p) for p in entry["inputs"] if not p["indexed"]]
            data = iter(
                decode(plain, bytes(log.data[1] if isinstance(log.data, tuple) else log.data))
            )
            fields = {}
            for part in entry["inputs"]:
                if part["indexed"]:
                    word = bytes.fromhex(next(topics).removeprefix("0x"))
                    fields[part["name"]] = decode([abi_type(part)], word)[0]
                else:
                    fields[part["name"]] = next(data)
            found.append((entry["name"], fields))
        return found


class Evm:
    """A chain of one process. Balances and time are set at will."""

    def __init__(self) -> None:
        self.evm = pyrevm.EVM(spec_id="CANCUN")
        self.chain_id = 1
        self.set_time(GENESIS_TIME)
        self.evm.set_balance(DEPLOYER, 10**30)

    @property
    def now(self) -> int:
        return self._now

    def set_time(self, now: int) -> None:
        self._now = now
        self.evm.set_block_env(pyrevm.BlockEnv(number=1, timestamp=now, basefee=0))

    def deploy(self, name: str, *args: object) -> Contract:
        artifact = load_artifact(name)
        code = bytes.fromhex(artifact["bytecode"].removeprefix("0x"))
        kinds = [
            abi_type(part)
            for entry in artifact["abi"]
            if entry["type"] == "constructor"
            for part in entry["inputs"]
        ]
        address = self.evm.deploy(DEPLOYER, code + encode(kinds, args))
        return Contract(self, Address(to_checksum_address(address)), artifact["abi"])

    def send(self, to: str, data: bytes, sender: str, value: int = 0) -> bytes:
        """Return what a call returns.

        Raises:
            TransactionReverted: It failed; the reason is the contract's.
        """
        try:
            output = self.evm.message_call(caller=sender, to=to, calldata=data, value=value)
        except RuntimeError as error:
            raise TransactionReverted(self._reason(str(error))) from error
        finally:
            self.evm.reset_transient_storage()
        return bytes(output)

    @staticmethod
    def _reason(text: str) -> str:
        marker = "0x08c379a0"
        if marker not in text:
            return "" if "Revert" in text else text
        tail = text[text.index(marker) + len(marker) :]
        digits = "".join(iter_hex(tail))
        return str(decode(["string"], bytes.fromhex(digits))[0])

    def balance(self, account: str) -> int:
        return int(self.evm.get_balance(account))

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Undo everything that happens inside."""
        checkpoint, now = self.evm.snapshot(), self._now
        try:
            yield
        finally:
            self.evm.revert(checkpoint)
            self.set_time(now)


def iter_hex(text: str) -> Sequence[str]:
    digits = []
    for letter in text:
        if letter not in "0123456789abcdef":
            break
        digits.append(letter)
    return digits
