"""Where a provider's bytes lie: packs of chunks in a folder, or in an object store by its URL.

A pack is written once, whole and durably, read in ranges, and deleted; which chunk lies in which
pack the provider's index says. Not here: the index (`pekanu.node.provider`).
"""

from pekanu.storage.stores.folder import FolderStore
from pekanu.storage.stores.memory import MemoryStore
from pekanu.storage.stores.opening import open_store
from pekanu.storage.stores.pack_store import PackRange, PackStore, StoreError

__all__ = ["FolderStore", "MemoryStore", "PackRange", "PackStore", "StoreError", "open_store"]
