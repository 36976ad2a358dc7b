"""What the common options say: where state is kept, which chain, which account, which password.

Each option has a variable. Not here: how commands come to have the options (`commands`).
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pekanu.errors import KeystoreError, UsageError
from pekanu.settings import DEFAULT_RPC, find_password

if TYPE_CHECKING:
    from pekanu.chain import Account, Connection, Keystore


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One command's surroundings."""

    home: Path
    rpc: str = DEFAULT_RPC
    #: Somebody chose it.
    is_rpc_given: bool = False
    #: Name or address of a stored account; None takes the only one.
    account: str | None = None
    password_file: Path | None = None
    as_json: bool = False

    @property
    def keystore(self) -> Keystore:
        """The stored accounts."""
        from pekanu.chain import Keystore

        return Keystore(self.home / "keystore")

    def get_account_name(self) -> str:
        """Return the account that was chosen, or the only one there is.

        Raises:
            UsageError: None was chosen and there is not exactly one.
        """
        if self.account is not None:
            return self.account
        stored = self.keystore.list()
        if len(stored) == 1:
            return stored[0].name
        if not stored:
            raise UsageError(
                f"there is no account in {self.home}", hint="`pekanu account new NAME` makes one"
            )
        names = ", ".join(account.name for account in stored)
        raise UsageError(f"there are several accounts: {names}", hint="choose one with --account")

    def unlock(self) -> Account:
        """Return the chosen account, unlocked.

        Raises:
            KeystoreError: There is no such account, or the password is missing or wrong.
        """
        stored = self.keystore.find(self.get_account_name())
        return self.keystore.unlock(stored.name, self.read_password(stored.name))

    def read_password(self, name: str, *, is_new: bool = False) -> str:
        """Return the password of an account: from the file, the environment, or the prompt.

        Args:
            name: The account, for the prompt.
            is_new: It is being chosen: asked for twice, and not empty.

        Raises:
            KeystoreError: There is none, or it was not repeated as it was given.
        """
        password = find_password(self.password_file)
        if password is None:
            password = _prompt(f"Password of {name}: ")
            if is_new and password != _prompt("The same again: "):
                raise KeystoreError("the two passwords differ")
        if is_new and not password:
            raise KeystoreError("the password is empty")
        return password

    @asynccontextmanager
    async def connect(self, *, expected_chain_id: int | None = None) -> AsyncIterator[Connection]:
        """Yield a connection to the chosen chain.

        Raises:
            ChainError: It does not answer, or is another chain.
        """
        from pekanu.chain import Connection

        async with Connection.open(self.rpc, expected_chain_id=expected_chain_id) as chain:
            yield chain


def _prompt(text: str) -> str:
    if not sys.stdin.isatty():
        raise KeystoreError(
            "a password is needed and nobody is here to type it",
            hint="give --password-file, or set PEKANU_PASSWORD",
        )
    return getpass.getpass(text, stream=sys.stderr)
