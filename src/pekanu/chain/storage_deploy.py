"""Opening a provider's contract, making a client's, and checking the code of both.

Immutables make the hashes of their codes differ: a server's code is compared but for them, a
client's is vouched for by the factory. Not here: the chain's own contracts, factory included
(`deploy`).
"""

from __future__ import annotations

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.chain.storage_contract import (
    StorageClientContract,
    StorageFactoryContract,
    StorageServerContract,
)
from pekanu.chain.transactions import Sender
from pekanu.errors import ChainError, NotDeployed
from pekanu.types import Address, Wei


def build_server_deployment(provider: Address, factory: Address, deposit: Wei) -> Call:
    """Return what makes a provider's contract.

    Args:
        provider: Who signs for it.
        factory: The chain's StorageFactory.
        deposit: Sent along: penalties are reserved out of it.
    """
    code = contracts.load("StorageServer").encode_deployment(provider, factory)
    return Call(to=None, data=code, value=deposit, name="deploy StorageServer")


async def deploy_storage_server(
    sender: Sender, factory: Address, deposit: Wei, *, provider: Address | None = None, key: str
) -> StorageServerContract:
    """Return a new provider's contract.

    Args:
        sender: Who pays for it, and its first deposit.
        factory: The chain's StorageFactory.
        deposit: Penalties are reserved out of it.
        provider: Who signs; None: the sender.
        key: Idempotency key: the same one goes on with a deployment that was broken off.

    Raises:
        ChainError: The chain refuses, or other code came to stand than was sent.
    """
    call = build_server_deployment(provider or sender.account.address, factory, deposit)
    receipt = await sender.send(call, key=key)
    if receipt.contract is None:
        raise ChainError("deploying StorageServer made no contract")
    return await open_storage_server(sender.chain, receipt.contract, factory)


async def open_storage_server(
    chain: Connection, address: Address, factory: Address
) -> StorageServerContract:
    """Return a provider's contract after checking its code and its factory.

    Raises:
        NotDeployed: Other code stands there, or it takes clients from another factory.
    """
    if not contracts.load("StorageServer").is_code(await chain.fetch_code(address)):
        raise NotDeployed(
            f"the code at {address} is not that of StorageServer",
            hint="do not pay this provider: its contract can do anything",
        )
    server = StorageServerContract(chain, address)
    theirs = await server.fetch_factory()
    if theirs != factory:
        raise NotDeployed(f"the provider's contract {address} uses another factory, {theirs}")
    return server


async def create_storage_client(
    sender: Sender,
    factory: Address,
    server: Address,
    *,
    budget: Wei = Wei(0),  # noqa: B008
    key: str,
) -> StorageClientContract:
    """Return the sender's client contract with a provider, made now if there is none.

    Args:
        sender: Its owner, whom the provider has registered.
        factory: The chain's StorageFactory.
        server: The provider's contract, whose code was checked.
        budget: Sent along when it is made.
        key: Idempotency key.

    Raises:
        TransactionReverted: The provider has not registered the sender.
    """
    registry = StorageFactoryContract(sender.chain, factory)
    owner = sender.account.address
    found = await registry.fetch_client(owner, server)
    if found is None:
        await sender.send_anew(registry.create(server, value=budget), key=key)
        found = await registry.fetch_client(owner, server)
    if found is None:
        raise ChainError("making StorageClient made no contract")
    return StorageClientContract(sender.chain, found)


async def open_storage_client(
    chain: Connection, address: Address, factory: Address
) -> StorageClientContract:
    """Return a client contract after asking the factory whether it made it.

    Raises:
        NotDeployed: It did not.
    """
    if await StorageFactoryContract(chain, factory).fetch_owner(address) is None:
        raise NotDeployed(f"the contract {address} does not come from the factory {factory}")
    return StorageClientContract(chain, address)
