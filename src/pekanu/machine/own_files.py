"""Which files this user alone could have written.

What is read from them is believed: native code, states of runs.
"""

from __future__ import annotations

import os
import stat
from typing import Final

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def is_own(status: os.stat_result) -> bool:
    """Return whether a file or folder is this user's and nobody else may write to it."""
    return status.st_uid == os.getuid() and not status.st_mode & _OTHERS_WRITE
