"""Accounts on disk: one Web3 Secret Storage file each, in a folder that only its owner reads.

Not here: what an unlocked account can do (`account`), and asking for a password.
Source: Web3 Secret Storage Definition, version 3.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pekanu.chain.account import Account
from pekanu.errors import InvalidAddress, KeystoreError
from pekanu.json_text import parse_json
from pekanu.types import Address, parse_address

_NAME: Final = re.compile(r"(?!0x)[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredAccount:
    """A keyfile: whose it is and where."""

    name: str
    address: Address
    path: Path


class Keystore:
    """A folder of encrypted keyfiles.

    Args:
        folder: Where they are; made when the first account is.
        work_factor: Scrypt's N for new files, a power of two; None takes 2^18.
    """

    def __init__(self, folder: Path, *, work_factor: int | None = None) -> None:
        self.folder = folder
        self._work_factor = work_factor

    def create(self, name: str, password: str) -> StoredAccount:
        """Return a new account, stored under a name.

        Raises:
            KeystoreError: The name is taken or malformed.
        """
        return self._store(name, Account.create(), password)

    def import_key(self, name: str, key: bytes | str, password: str) -> StoredAccount:
        """Return an account stored under a name, from its private key.

        Raises:
            KeystoreError: It is no key, or the name or the account is there already.
        """
        return self._store(name, Account.from_key(key), password)

    def import_file(
        self, name: str, path: Path, password: str, new_password: str | None = None
    ) -> StoredAccount:
        """Return an account stored under a name, from another program's keyfile.

        Raises:
            KeystoreError: It is no keyfile, the password is wrong, or the name or account is
                there already.
        """
        account = _decrypt(_read(path), password, str(path))
        return self._store(name, account, new_password or password)

    def list(self) -> list[StoredAccount]:
        """Return the stored accounts, by name."""
        found = []
        for path in sorted(self.folder.glob("*.json")):
            address = parse_address("0x" + str(_read(path)["address"]).removeprefix("0x"))
            found.append(StoredAccount(name=path.stem, address=address, path=path))
        return found

    def find(self, name_or_address: str) -> StoredAccount:
        """Return the stored account of a name or an address.

        Raises:
            KeystoreError: There is none.
        """
        wanted = name_or_address
        if wanted.startswith("0x"):
            try:
                wanted = parse_address(wanted)
            except InvalidAddress as error:
                raise KeystoreError(error.message, hint=error.hint) from error
        accounts = self.list()
        for account in accounts:
            if wanted in {account.name, account.address}:
                return account
        names = ", ".join(account.name for account in accounts) or "none"
        raise KeystoreError(
            f"there is no account {name_or_address!r} here",
            hint=f"accounts here: {names}; `pekanu account new` makes one",
        )

    def unlock(self, name_or_address: str, password: str) -> Account:
        """Return an account ready to sign.

        Raises:
            KeystoreError: There is no such account, its file is damaged, or the password is wrong.
        """
        stored = self.find(name_or_address)
        account = _decrypt(_read(stored.path), password, stored.name)
        if account.address != stored.address:
            raise KeystoreError(f"the keyfile of {stored.name!r} holds another account's key")
        return account

    def _store(self, name: str, account: Account, password: str) -> StoredAccount:
        if _NAME.fullmatch(name) is None:
            raise KeystoreError(
                f"{name!r} cannot name an account",
                hint="use letters, digits, dot, dash and underscore, not beginning with 0x",
            )
        path = self.folder / f"{name}.json"
        for other in self.list():
            if other.name == name or other.address == account.address:
                raise KeystoreError(f"account {other.name!r} ({other.address}) is here already")
        document = account.encrypt(password, work_factor=self._work_factor)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, json.dumps(document))
        return StoredAccount(name=name, address=account.address, path=path)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise KeystoreError(f"the keyfile {path} cannot be read: {error.strerror}") from error
    except ValueError:
        document = None
    if not isinstance(document, dict) or not re.fullmatch(
        r"(0x)?[0-9a-fA-F]{40}", str(document.get("address"))
    ):
        raise KeystoreError(f"{path} is not a keyfile")
    return document


def _write(path: Path, text: str) -> None:
    """Put a new file in place at once, readable by its owner alone; never replace one."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError as error:
        raise KeystoreError(f"account {path.stem!r} is here already") from error
    finally:
        Path(temporary).unlink()


def _decrypt(document: dict[str, Any], password: str, name: str) -> Account:
    from pekanu.eth_signing import Account as EthAccount  # noqa: PLC0415 - slow to import

    try:
        key = EthAccount.decrypt(document, password)
    except ValueError as error:
        raise KeystoreError(f"the password of {name!r} is wrong") from error
    except (KeyError, TypeError, NotImplementedError) as error:
        raise KeystoreError(f"the keyfile of {name!r} is damaged") from error
    return Account.from_key(bytes(key))
