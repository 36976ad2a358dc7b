"""Hashes of many candidates, compiled: SHA-256, Keccak-256 and MD5 of up to 128 bytes each.

What is not here: which candidates there are (`space`), and Python's own hashes, against which each
solution is checked again (`search`). Sources: FIPS 180-4; the Keccak reference; RFC 1321.
"""

from __future__ import annotations

from math import floor, sin
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pekanu.catalog.compiled import compiled

#: Kinds of part.
CHOICES, NUMBERS, COUNTER = 0, 1, 2
SHA256, KECCAK256, MD5 = 0, 1, 2


def _roots(degree: int, count: int) -> list[int]:
    """Return the first 32 bits of the fractions of roots of the first primes."""
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    found = []
    for prime in primes:
        root, scaled = 0, prime << 32 * degree
        for bit in reversed(range(40)):
            if (root | 1 << bit) ** degree <= scaled:
                root |= 1 << bit
        found.append(root & 0xFFFFFFFF)
    return found


def _rotations() -> list[int]:
    """Return Keccak's rotations, by lane x + 5y."""
    offsets, x, y = [0] * 25, 1, 0
    for step in range(24):
        offsets[x + 5 * y] = (step + 1) * (step + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    return offsets


def _round_constants() -> list[int]:
    """Return Keccak's round constants, from its feedback register."""
    found, register = [], 1
    for _ in range(24):
        constant = 0
        for step in range(7):
            if register & 1:
                constant |= 1 << ((1 << step) - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        found.append(constant)
    return found


_SHA_K: Final = np.array(_roots(3, 64), dtype=np.uint32)
_SHA_H: Final = np.array(_roots(2, 8), dtype=np.uint32)
_MD5_K: Final = np.array([floor(2**32 * abs(sin(n + 1))) for n in range(64)], dtype=np.uint32)
_MD5_S: Final = np.array(
    [(7, 12, 17, 22)] * 4 + [(5, 9, 14, 20)] * 4 + [(4, 11, 16, 23)] * 4 + [(6, 10, 15, 21)] * 4,
    dtype=np.uint32,
).ravel()
_MD5_H: Final = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], dtype=np.uint32)
_KECCAK_R: Final = np.array(_rotations(), dtype=np.uint64)
#: Where each lane goes.
_KECCAK_P: Final = np.array(
    [i // 5 + 5 * ((2 * (i % 5) + 3 * (i // 5)) % 5) for i in range(25)], dtype=np.int64
)
_KECCAK_C: Final = np.array(_round_constants(), dtype=np.uint64)


@compiled
def _rotate_right(word: np.uint32, by: int) -> np.uint32:
    return np.uint32((word >> np.uint32(by)) | (word << np.uint32(32 - by)))


@compiled
def _pad(message: NDArray[np.uint8], length: int, sense: int) -> int:
    """Pad a message as SHA-256 (sense -1) and MD5 (1) do; return its blocks of 64 bytes."""
    blocks = (length + 8) // 64 + 1
    message[length] = 0x80
    for place in range(length + 1, 64 * blocks):
        message[place] = 0
    bits = 8 * length
    end = 64 * blocks
    for step in range(3):
        byte = (bits >> (8 * step)) & 255
        message[end - 1 - step if sense < 0 else end - 8 + step] = byte
    return blocks


@compiled
def _sha256(
    message: NDArray[np.uint8],
    length: int,
    state: NDArray[np.uint32],
    words: NDArray[np.uint32],
    digest: NDArray[np.uint64],
) -> None:
    for i in range(8):
        state[i] = _SHA_H[i]
    for block in range(_pad(message, length, -1)):
        for i in range(16):
            at = 64 * block + 4 * i
            words[i] = (
                np.uint32(message[at]) << np.uint32(24)
                | np.uint32(message[at + 1]) << np.uint32(16)
                | np.uint32(message[at + 2]) << np.uint32(8)
                | np.uint32(message[at + 3])
            )
        for i in range(16, 64):
            one, two = words[i - 15], words[i - 2]
            words[i] = (
                words[i - 16]
                + words[i - 7]
                + (_rotate_right(one, 7) ^ _rotate_right(one, 18) ^ (one >> np.uint32(3)))
                + (_rotate_right(two, 17) ^ _rotate_right(two, 19) ^ (two >> np.uint32(10)))
            )
        a, b, c, d = state[0], state[1], state[2], state[3]
        e, f, g, h = state[4], state[5], state[6], state[7]
        for i in range(64):
            first = np.uint32(
                h
                + (_rotate_right(e, 6) ^ _rotate_right(e, 11) ^ _rotate_right(e, 25))
                + ((e & f) ^ (~e & g))
                + _SHA_K[i]
                + words[i]
            )
            second = np.uint32(
                (_rotate_right(a, 2) ^ _rotate_right(a, 13) ^ _rotate_right(a, 22))
                + ((a & b) ^ (a & c) ^ (b & c))
            )
            h, g, f, e = g, f, e, np.uint32(d + first)
            d, c, b, a = c, b, a, np.uint32(first + second)
        for i, word in enumerate((a, b, c, d, e, f, g, h)):
            state[i] += word
    for i in range(4):
        digest[i] = np.uint64(state[2 * i]) << np.uint64(32) | np.uint64(state[2 * i + 1])


@compiled
def _swap(word: np.uint64) -> np.uint64:
    """Return a word with its bytes turned round."""
    turned = np.uint64(0)
    for _ in range(8):
        turned = turned << np.uint64(8) | word & np.uint64(255)
        word >>= np.uint64(8)
    return turned


@compiled
def _md5(
    message: NDArray[np.uint8],
    length: int,
    state: NDArray[np.uint32],
    words: NDArray[np.uint32],
    digest: NDArray[np.uint64],
) -> None:
    for i in range(4):
        state[i] = _MD5_H[i]
    for block in range(_pad(message, length, 1)):
        for i in range(16):
            at = 64 * block + 4 * i
            words[i] = (
                np.uint32(message[at])
                | np.uint32(message[at + 1]) << np.uint32(8)
                | np.uint32(message[at + 2]) << np.uint32(16)
                | np.uint32(message[at + 3]) << np.uint32(24)
            )
        a, b, c, d = state[0], state[1], state[2], state[3]
        for i in range(64):
            if i < 16:
                mixed, at = (b & c) | (~b & d), i
            elif i < 32:
                mixed, at = (d & b) | (~d & c), (5 * i + 1) & 15
            elif i < 48:
                mixed, at = b ^ c ^ d, (3 * i + 5) & 15
            else:
                mixed, at = c ^ (b | ~d), (7 * i) & 15
            turned = np.uint32(a + np.uint32(mixed) + _MD5_K[i] + words[at])
            a, d, c = d, c, b
            b = np.uint32(b + _rotate_right(turned, 32 - _MD5_S[i]))
        for i, word in enumerate((a, b, c, d)):
            state[i] += word
    for i in range(2):
        pair = np.uint64(state[2 * i]) | np.uint64(state[2 * i + 1]) << np.uint64(32)
        digest[i] = _swap(pair)


@compiled
def _permute(
    lanes: NDArray[np.uint64], moved: NDArray[np.uint64], parity: NDArray[np.uint64]
) -> None:
    for step in range(24):
        for x in range(5):
            parity[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20]
        for x in range(5):
            right = parity[(x + 1) % 5]
            change = parity[(x + 4) % 5] ^ (right << np.uint64(1) | right >> np.uint64(63))
            for y in range(5):
                lanes[x + 5 * y] ^= change
        for i in range(25):
            lane, by = lanes[i], _KECCAK_R[i]
            moved[_KECCAK_P[i]] = lane << by | lane >> ((np.uint64(64) - by) & np.uint64(63))
        for y in range(5):
            for x in range(5):
                lanes[x + 5 * y] = moved[x + 5 * y] ^ (
                    ~moved[(x + 1) % 5 + 5 * y] & moved[(x + 2) % 5 + 5 * y]
                )
        lanes[0] ^= _KECCAK_C[step]


@compiled
def _keccak256(
    message: NDArray[np.uint8],
    length: int,
    scratch: NDArray[np.uint64],
    digest: NDArray[np.uint64],
) -> None:
    lanes, moved, parity = scratch[0], scratch[1], scratch[2]
    for i in range(25):
        lanes[i] = 0
    for place in range(length):
        shift = np.uint64(8 * (place & 7))
        lanes[place >> 3] ^= np.uint64(message[place]) << shift
    lanes[length >> 3] ^= np.uint64(1) << np.uint64(8 * (length & 7))
    lanes[16] ^= np.uint64(0x8000000000000000)
    _permute(lanes, moved, parity)
    for i in range(4):
        digest[i] = _swap(lanes[i])


@compiled
def _write(
    index: int, layout: NDArray[np.int64], data: NDArray[np.uint8], message: NDArray[np.uint8]
) -> int:
    """Write a candidate; return its length. Parts are written from the back, then moved up."""
    end = np.int64(128)
    for part in range(len(layout) - 1, -1, -1):
        kind, size, base = layout[part, 0], layout[part, 1], layout[part, 2]
        place = index % size
        index //= size
        if kind == CHOICES:
            # The table at `base` has each option's place and length.
            at = base + 8 * place
            start, length = np.int64(0), np.int64(0)
            for step in range(4):
                start |= np.int64(data[at + step]) << (8 * step)
                length |= np.int64(data[at + 4 + step]) << (8 * step)
            end -= length
            for step in range(length):
                message[end + step] = data[start + step]
        elif kind == NUMBERS:
            number = base + place
            while True:
                end -= 1
                message[end] = 48 + number % 10
                number //= 10
                if number == 0:
                    break
        else:
            for _ in range(base):
                end -= 1
                message[end] = place & 255
                place >>= 8
    for step in range(128 - end):
        message[step] = message[end + step]
    return int(128 - end)


@compiled
def search(  # noqa: PLR0913, PLR0917 - a kernel takes arrays, not structures
    algorithm: int,
    layout: NDArray[np.int64],
    data: NDArray[np.uint8],
    first: int,
    count: int,
    leading: NDArray[np.uint64],
    patterns: NDArray[np.uint64],
    found: NDArray[np.int64],
) -> int:
    """Return how many of some candidates fit, at most as many as `found` has room for.

    Args:
        algorithm: Which hash.
        layout: Kind, size and base of each part.
        data: Options and their tables.
        first: Number within the shape.
        count: How many candidates.
        leading: The first 64 bits of whole hashes, rising; a candidate that fits one is only
            suspected.
        patterns: Masks and values of parts of hashes, shape (n, 2, 4).
        found: Where the fitting candidates' numbers go.
    """
    message = np.zeros(192, dtype=np.uint8)
    digest = np.zeros(4, dtype=np.uint64)
    state = np.zeros(8, dtype=np.uint32)
    words = np.zeros(64, dtype=np.uint32)
    scratch = np.zeros((3, 25), dtype=np.uint64)
    fitting = 0
    for index in range(first, first + count):
        length = _write(index, layout, data, message)
        if algorithm == SHA256:
            _sha256(message, length, state, words, digest)
        elif algorithm == KECCAK256:
            _keccak256(message, length, scratch, digest)
        else:
            _md5(message, length, state, words, digest)
        low, high = 0, len(leading)
        while low < high:
            middle = (low + high) >> 1
            if leading[middle] < digest[0]:
                low = middle + 1
            else:
                high = middle
        fits = low < len(leading) and leading[low] == digest[0]
        for number in range(len(patterns)):
            rest = np.uint64(0)
            for word in range(4):
                rest |= (digest[word] & patterns[number, 0, word]) ^ patterns[number, 1, word]
            fits = fits or rest == 0
        if fits:
            if fitting == len(found):
                return fitting
            found[fitting] = index
            fitting += 1
    return fitting
