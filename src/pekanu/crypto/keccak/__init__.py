"""Keccak-256: one hash at a time, or millions.

`keccak256` is for single messages. `hash_pairs`, `hash_messages` and `xor_pads` work on NumPy
rows of bytes and move to kernels compiled for this processor once there is enough to do. The
package imports neither NumPy nor LLVM before that.
"""

from pekanu.crypto.keccak.backend import CHOICE, Backend, BackendChoice
from pekanu.crypto.keccak.batch import MESSAGE_SIZE, hash_messages, hash_pairs, xor_pads
from pekanu.crypto.keccak.scalar import ScalarBackend, keccak256
from pekanu.crypto.keccak.vector import VectorBackend

__all__ = [
    "CHOICE",
    "MESSAGE_SIZE",
    "Backend",
    "BackendChoice",
    "ScalarBackend",
    "VectorBackend",
    "hash_messages",
    "hash_pairs",
    "keccak256",
    "xor_pads",
]
