"""Runs tests on a machine without a network: ``python -m support.cut_off TESTS…``.

To be started in a network namespace of its own (``unshare --map-root-user --net``), which begins
without even a loopback; nothing is run where anything but the loopback is there.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

import pytest

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
#: Of the addresses that are for documents: it is nobody's.
_OUTSIDE = ("192.0.2.1", 80)


def bring_loopback_up() -> None:
    """Do what ``ip link set lo up`` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(door, _GET_FLAGS, asked), 16)
        fcntl.ioctl(door, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def main() -> int:
    """Return how the tests went."""
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        sys.exit(f"the network is not cut off: there is {', '.join(others)}")
    bring_loopback_up()
    try:
        socket.create_connection(_OUTSIDE, timeout=1).close()
    except OSError as error:
        sys.stdout.write(f"cut off: {error}\n")
    else:
        sys.exit("the network is not cut off")
    return int(pytest.main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
