"""SHA-256 of many rows of bytes at once, each behind a prefix of one byte.

`hash_rows` and `hash_tree` are for Merkle trees over stored data, where a loop over `hashlib` would
take ten times as long; they move to a kernel compiled for this processor once there is enough to
do. Single messages belong to `hashlib`.
"""

from pekanu.crypto.sha256.batch import CHOICE, hash_rows, hash_tree
from pekanu.crypto.sha256.compiled import CompiledBackend
from pekanu.crypto.sha256.scalar import ScalarBackend

__all__ = ["CHOICE", "CompiledBackend", "ScalarBackend", "hash_rows", "hash_tree"]
