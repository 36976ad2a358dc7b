"""What every way in shares: where state is kept, which chain, whence a password comes.

Each has a variable. Not here: options of a command line and arguments of the API, which win over
the variables.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from pekanu.errors import KeystoreError

DEFAULT_RPC: Final = "http://127.0.0.1:8545"
HOME_VARIABLE: Final = "PEKANU_HOME"
RPC_VARIABLE: Final = "PEKANU_RPC"
ACCOUNT_VARIABLE: Final = "PEKANU_ACCOUNT"
PASSWORD_VARIABLE: Final = "PEKANU_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE_VARIABLE: Final = "PEKANU_PASSWORD_FILE"  # noqa: S105 - as above
_MAX_PASSWORD_BYTES: Final = 4096


def get_default_home() -> Path:
    """Return the folder of the variable, or the platform's data folder for Pekanu."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen)
    import platformdirs  # noqa: PLC0415 - only who chose no folder needs it

    return Path(platformdirs.user_data_dir("pekanu"))


def get_kernel_cache(home: Path) -> Path:
    """Return where a home keeps this program's own kernels, compiled."""
    return home / "cache" / "kernels"


def get_program_cache(home: Path) -> Path:
    """Return the folder of compiled programs."""
    return home / "cache" / "programs"


def find_password(file: Path | None = None) -> str | None:
    """Return the password from a file, or else from the variables; None when there is none.

    Args:
        file: Holds the password and perhaps a line's end; None takes the variables.

    Raises:
        KeystoreError: The file cannot be read, or holds no password.
    """
    named = os.environ.get(PASSWORD_FILE_VARIABLE)
    if file is None and named:
        file = Path(named)
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE)
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_PASSWORD_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise KeystoreError(f"the password file {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeystoreError(f"{file} holds no text") from error
    if len(content) > _MAX_PASSWORD_BYTES:
        raise KeystoreError(f"{file} is too large to hold a password")
    return text.removesuffix("\n").removesuffix("\r")
