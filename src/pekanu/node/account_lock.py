"""One process an account: a file lock that names its holder.

Two processes that acted for one account would use the same nonces and promise the same collateral
twice. The kernel drops the lock when its holder dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from pekanu.errors import JournalError
from pekanu.types import Address


class AccountLock:
    """The right to act for an account on this machine.

    Args:
        folder: Where the lock files lie; created if it is missing.
        account: For whom.
        purpose: What the holder does, for others' messages.
    """

    def __init__(self, folder: Path, account: Address, purpose: str) -> None:
        self._path = folder / f"{account.lower()}.lock"
        self._account, self._purpose = account, purpose
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            JournalError: Another process holds it; the message names it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise JournalError(
                f"{self._account} is in use by {holder}",
                hint="stop it first, or use another account or --home",
            ) from error
        file.truncate(0)
        file.write(f"{self._purpose} (process {os.getpid()})")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back; the file stays, so that nobody locks a deleted one."""
        if self._file is not None:
            self._file.close()
            self._file = None
