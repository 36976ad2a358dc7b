"""The file in which a development chain is kept, and the copy that survives a torn write.

anvil rewrites its file in place every second: a power cut meanwhile leaves half of it. So the last
whole one is copied beside it. Not here: the chain itself (`devnet`).
"""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger(__name__)
_INTERVAL_SECONDS: Final = 1.0


class StateFile:
    """The state of one chain, in a folder.

    Args:
        folder: Where it is kept; made when the copying starts.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "anvil.json"
        self._copy = folder / "anvil.previous.json"
        self._copied = 0
        self._restored = False
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to copy each whole state that anvil writes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stopped.clear()
        self._restored = False
        self._thread = threading.Thread(target=self._run, name="devnet state", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop copying."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def restore(self) -> bool:
        """Put the copy in the place of a file that anvil could not read.

        Returns:
            Whether there was one, not yet tried; the damaged file is kept under another name.
        """
        if self._restored or not self._copy.exists() or not self.path.exists():
            return False
        self._restored = True
        damaged = self.path.replace(self.path.with_name("anvil.damaged.json"))
        shutil.copyfile(self._copy, self.path)
        _LOG.warning(
            "the development chain's state was damaged and is kept as %s; going on from the copy "
            "that is a second or two older",
            damaged,
        )
        return True

    def copy(self) -> bool:
        """Return whether a new whole state was copied."""
        try:
            before = self.path.stat()
            if before.st_mtime_ns == self._copied or not self._is_whole():
                return False
            temporary = self._copy.with_suffix(".tmp")
            shutil.copyfile(self.path, temporary)
            after = self.path.stat()
        except FileNotFoundError:
            return False
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            return False
        temporary.replace(self._copy)
        self._copied = before.st_mtime_ns
        return True

    def _is_whole(self) -> bool:
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 16))
            return file.read().rstrip().endswith(b"}")

    def _run(self) -> None:
        self.copy()
        while not self._stopped.wait(_INTERVAL_SECONDS):
            self.copy()
