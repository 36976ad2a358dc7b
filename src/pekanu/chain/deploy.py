"""Deploying the contracts, and the address book that says where they are.

A book is one file a chain, `<home>/chains/<chain id>.json`; the code that stands at its addresses
is checked before it is used. Not here: what the contracts do.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.chain.transactions import Sender
from pekanu.errors import ChainError, InvalidAddress, NotDeployed
from pekanu.types import Address, Hash32, parse_address

#: Contracts in the order of deployment, each with those whose addresses its constructor takes.
DEPLOYED: Final[dict[str, tuple[str, ...]]] = {
    "SealCheck": (),
    "Market": ("SealCheck",),
    "MachineStep": (),
    "BisectionReferee": ("Market", "MachineStep"),
    "RingerReferee": ("Market", "BisectionReferee"),
    "StorageClient": (),
    "StorageFactory": ("StorageClient",),
}
#: Contracts of which only the creation code is put on chain, for a factory (ERC-5202).
BLUEPRINTS: Final = frozenset({"StorageClient"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A contract on a chain."""

    address: Address
    #: Keccak-256 of its runtime code.
    code_hash: Hash32
    #: Where its events begin.
    block_number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressBook:
    """Where the contracts are on one chain."""

    chain_id: int
    contracts: Mapping[str, Deployment]

    @property
    def market(self) -> Deployment:
        """The market.

        Raises:
            NotDeployed: The book has none.
        """
        return self["Market"]

    def __getitem__(self, name: str) -> Deployment:
        found = self.contracts.get(name)
        if found is None:
            raise NotDeployed(f"the address book of chain {self.chain_id} has no {name}")
        return found

    @classmethod
    def load(cls, home: Path, chain_id: int) -> AddressBook:
        """Return the book of a chain.

        Raises:
            NotDeployed: There is none, or it cannot be read.
        """
        path = _get_path(home, chain_id)
        try:
            return cls._parse(json.loads(path.read_text(encoding="utf-8")), chain_id)
        except FileNotFoundError as error:
            raise NotDeployed(
                f"no contracts are known on chain {chain_id}",
                hint=f"run `pekanu deploy`, or put their address book at {path}",
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidAddress) as error:
            raise NotDeployed(f"{path} is not an address book of chain {chain_id}") from error

    def save(self, home: Path) -> Path:
        """Return the path of the book after writing it at once."""
        path = _get_path(home, self.chain_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {
            name: {
                "address": one.address,
                "code_hash": "0x" + one.code_hash.hex(),
                "block_number": one.block_number,
            }
            for name, one in self.contracts.items()
        }
        text = json.dumps({"chain_id": self.chain_id, "contracts": found}, indent=2) + "\n"
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
        return path

    async def verify(self, chain: Connection) -> None:
        """Check that the chain holds at each address the code that the book says.

        Raises:
            NotDeployed: It is another chain's book, or other code or none stands there.
        """
        if chain.chain_id != self.chain_id:
            raise NotDeployed(
                f"the address book is of chain {self.chain_id}, not of {chain.chain_id}"
            )
        hashes = await asyncio.gather(
            *(chain.fetch_code_hash(one.address) for one in self.contracts.values())
        )
        for (name, one), found in zip(self.contracts.items(), hashes, strict=True):
            if found != one.code_hash:
                raise NotDeployed(
                    f"the code at {one.address} is not that of {name}",
                    hint="is this the chain on which the contracts were deployed?",
                )

    @classmethod
    def _parse(cls, found: Any, chain_id: int) -> AddressBook:
        if found["chain_id"] != chain_id:
            raise ValueError(chain_id)
        return cls(
            chain_id=chain_id,
            contracts={
                name: Deployment(
                    address=parse_address(one["address"]),
                    code_hash=_parse_hash(one["code_hash"]),
                    block_number=int(one["block_number"]),
                )
                for name, one in found["contracts"].items()
            },
        )


async def deploy(sender: Sender, *, key: str = "deploy") -> AddressBook:
    """Return the book of freshly deployed contracts; not saved yet.

    Args:
        sender: Whose account pays.
        key: Idempotency key: the same one goes on with a deployment that was broken off.

    Raises:
        ChainError: The chain refuses, or other code came to stand than was sent.
    """
    chain, found = sender.chain, dict[str, Deployment]()
    for name, needed in DEPLOYED.items():
        artifact = contracts.load(name)
        is_blueprint = name in BLUEPRINTS
        if is_blueprint:
            code = artifact.encode_blueprint()
        else:
            code = artifact.encode_deployment(*(found[other].address for other in needed))
        call = Call(to=None, data=code, name=f"deploy {name}")
        receipt = await sender.send(call, key=f"{key}:{name}")
        if receipt.contract is None:
            raise ChainError(f"deploying {name} made no contract")
        is_right = artifact.is_blueprint if is_blueprint else artifact.is_code
        if not is_right(await chain.fetch_code(receipt.contract)):
            raise ChainError(f"other code than {name}'s came to stand at {receipt.contract}")
        found[name] = Deployment(
            address=receipt.contract,
            code_hash=await chain.fetch_code_hash(receipt.contract),
            block_number=receipt.block_number,
        )
    return AddressBook(chain_id=chain.chain_id, contracts=found)


def _get_path(home: Path, chain_id: int) -> Path:
    return home / "chains" / f"{chain_id}.json"


def _parse_hash(text: str) -> Hash32:
    if re.fullmatch(r"0x[0-9a-f]{64}", text) is None:
        raise ValueError(text)
    return Hash32(bytes.fromhex(text[2:]))
