"""The account and the keyfile with which a process of this node signs.

What is not here: the process (`node_process`), unlocking for browsers (`accounts`).
"""

from __future__ import annotations

from pekanu.errors import KeystoreError
from pekanu.types import Address
from pekanu.web.accounts import DEVELOPMENT_PASSWORD, Accounts, KnownAccount


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
