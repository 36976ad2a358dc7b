"""What a process of this node signs with, and what it announces: known before it starts.

What is not here: the process (`node_process`), unlocking for browsers (`accounts`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from pekanu.errors import KeystoreError
from pekanu.node.channel_keys import (
    BINDING_LIFETIME,
    build_channel_key,
    get_key_path,
    load_channel_secret,
)
from pekanu.types import Address
from pekanu.web.accounts import DEVELOPMENT_PASSWORD, Accounts, KnownAccount
from pekanu.web.node_process import NodeOrder, find_endpoint
from pekanu.web.plans import Message
from pekanu.web.site import Site


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a process will be reached, and by which key."""

    #: That is told the port.
    order: NodeOrder
    endpoint: str
    #: The public channel key.
    key: bytes
    #: By which its account binds the key.
    message: Message


async def choose_place(site: Site, order: NodeOrder) -> Place:
    """Return a free port of this machine and the channel key of an order's account."""
    endpoint, port = find_endpoint()
    path = get_key_path(site.options.home, order.address)
    secret = await asyncio.to_thread(load_channel_secret, path)
    key, expiry = bytes(secret.public_key), int(time.time()) + BINDING_LIFETIME
    return Place(
        order=replace(order, options={**order.options, "port": str(port)}),
        endpoint=endpoint,
        key=key,
        message=Message(
            document=build_channel_key(site.domain, order.address, key, expiry),
            note="Signed as the process starts: its year is counted from then.",
        ),
    )


def find_account(accounts: Accounts, address: Address) -> KnownAccount:
    """Return an account that is unlocked here; raises KeystoreError."""
    known = {one.address: one for one in accounts.list_accounts()}
    found = known.get(address)
    if found is None or not found.is_unlocked:
        raise KeystoreError("this account is locked", hint="unlock it under Settings")
    return found


def find_key(accounts: Accounts, address: Address, password: str) -> tuple[str, str]:
    """Return the keyfile's name and password with which a process unlocks it; blocks.

    Raises:
        KeystoreError: The account is locked, or the password is wrong.
    """
    found = find_account(accounts, address)
    if found.kind == "development":
        return accounts.export(found.address, DEVELOPMENT_PASSWORD), DEVELOPMENT_PASSWORD
    if not password and accounts.is_development_keyfile(found.address):
        password = DEVELOPMENT_PASSWORD
    accounts.keystore.unlock(found.address, password)
    return found.name, password
