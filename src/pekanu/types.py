"""Words that every part uses: addresses, hashes and money.

What is not here: the protocol's structs (`pekanu.market`) and anything that does I/O.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final, NewType

from pekanu.errors import InvalidAddress, InvalidAmount

#: A checksummed 0x-address.
Address = NewType("Address", str)
#: 32 bytes.
Hash32 = NewType("Hash32", bytes)
#: An amount of the chain's native coin, in its smallest unit; never negative.
Wei = NewType("Wei", int)
#: A point in chain time, in seconds since 1970, or a span of seconds.
Seconds = NewType("Seconds", int)

ZERO_ADDRESS: Final = Address("0x" + "0" * 40)
ZERO_HASH: Final = Hash32(bytes(32))

_UNITS: Final = {"wei": 0, "gwei": 9, "ether": 18, "eth": 18}
_AMOUNT: Final = re.compile(r"\s*([0-9][0-9_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def parse_address(text: str) -> Address:
    """Return a checksummed address.

    Raises:
        InvalidAddress: It is not 20 bytes of hex, or its mixed-case checksum is wrong.
    """
    # A sixth of a second to import.
    from eth_utils.address import is_address, to_checksum_address  # noqa: PLC0415

    if not is_address(text) or not text.startswith("0x"):
        message = f"{text!r} is not an address"
        raise InvalidAddress(message, hint="an address is 0x and 40 hex digits")
    return Address(to_checksum_address(text))


def parse_wei(amount: str | int) -> Wei:
    """Return an amount in wei from text such as ``0.01 ether``, ``5 gwei`` or ``1000``.

    A number without a unit is in wei.

    Raises:
        InvalidAmount: It is negative, has an unknown unit, or is no whole number of wei.
    """
    if isinstance(amount, int):
        if amount < 0:
            message = f"{amount} is not an amount: it is negative"
            raise InvalidAmount(message)
        return Wei(amount)
    match = _AMOUNT.fullmatch(amount)
    unit = match.group(2).lower() or "wei" if match else ""
    if match is None or unit not in _UNITS:
        message = f"{amount!r} is not an amount"
        raise InvalidAmount(message, hint='write it like "0.01 ether", "5 gwei" or "1000 wei"')
    try:
        value = Decimal(match.group(1).replace("_", "")).scaleb(_UNITS[unit])
    except InvalidOperation as error:
        message = f"{amount!r} is not an amount"
        raise InvalidAmount(message) from error
    if value != value.to_integral_value() or value >= 1 << 128:
        message = f"{amount!r} is not a whole number of wei below 2^128"
        raise InvalidAmount(message)
    return Wei(int(value))


def format_wei(amount: int) -> str:
    """Return an amount for people: the exact value in ether, or in wei when below a gwei."""
    if amount == 0:
        return "0 ether"
    if abs(amount) < 10**9:
        return f"{amount} wei"
    text = f"{Decimal(amount).scaleb(-18):f}".rstrip("0").rstrip(".")
    return f"{text} ether"
