"""Strict, canonical, bounded JSON for the messages between peers.

A message has exactly one encoding: what decodes is encoded again and compared, so that spaces,
double keys, other orders, upper-case hex and numbers as text are all refused. Bytes are hex;
the contracts' structs are the hex of their ABI encoding.
What is not here: the market's structs (`market_wire`), the messages themselves (`peer_messages`)
and encryption (`channel`).
"""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated, Any, Final, TypeVar

from annotated_types import Ge, Len, Lt
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address
from pydantic import (
    AfterValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from pekanu.errors import InvalidMessage, PekanuError
from pekanu.json_text import parse_json
from pekanu.types import Address, Hash32, parse_address
from pekanu.version import __version__

#: What every message class carries, so that nothing is coerced and nothing is extra.
STRICT: Final = ConfigDict(
    strict=True, extra="forbid", ser_json_bytes="hex", val_json_bytes="hex", allow_inf_nan=False
)

#: For what a node says of itself to nodes of other versions: what is unknown is left out, and a
#: field that older ones do not send has a default.
OPEN: Final = ConfigDict(**{**STRICT, "extra": "ignore"})

MessageT = TypeVar("MessageT")


def _check_address(text: str) -> Address:
    address = parse_address(text)
    if address != text:
        raise ValueError("an address in a message is checksummed")
    return address


def struct_codec(struct: Any, abi: str) -> tuple[PlainValidator, PlainSerializer]:
    """Return how a message carries a flat dataclass of the contracts: as its ABI encoding's hex."""

    def parse(value: object) -> Any:
        if isinstance(value, struct):
            return value
        if not isinstance(value, str):
            raise ValueError("a struct is the hex of its ABI encoding")  # noqa: TRY004
        try:
            data = bytes.fromhex(value)
            (fields,) = decode([abi], data)
        except (ValueError, DecodingError, OverflowError) as error:
            raise ValueError("not an ABI encoding") from error
        names = struct.__dataclass_fields__
        typed = {
            name: to_checksum_address(field) if annotation.type == "Address" else field
            for (name, annotation), field in zip(names.items(), fields, strict=True)
        }
        return struct(**typed)

    def dump(value: Any) -> str:
        return encode([abi], [astuple(value)]).hex()

    return PlainValidator(parse), PlainSerializer(dump, return_type=str)


U8 = Annotated[int, Ge(0), Lt(1 << 8)]
U32 = Annotated[int, Ge(0), Lt(1 << 32)]
U64 = Annotated[int, Ge(0), Lt(1 << 64)]
U256 = Annotated[int, Ge(0), Lt(1 << 256)]
#: Parts of a million.
Millionths = Annotated[int, Ge(0), Lt(1_000_001)]
Word = Annotated[Hash32, Len(32, 32)]
WalletSignature = Annotated[bytes, Len(65, 65)]
#: A name: short text.
Name = Annotated[str, Len(1, 64)]
#: A sentence for people.
Sentence = Annotated[str, Len(0, 500)]
AddressText = Annotated[Address, AfterValidator(_check_address)]

#: Of a version that is told.
_VERSION_LENGTH: Final = 32
_ADAPTERS: Final[dict[type, TypeAdapter[Any]]] = {}


def _adapter(kind: type[MessageT]) -> TypeAdapter[MessageT]:
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def encode_message(message: object) -> bytes:
    """Return the one encoding of a message."""
    return _adapter(type(message)).dump_json(message)


def _find_version(data: bytes) -> str | None:
    """Return the version that a message names, if it names one that can be shown."""
    try:
        fields = parse_json(data)
    except (ValueError, RecursionError):
        return None
    version = fields.get("version") if isinstance(fields, dict) else None
    if not isinstance(version, str) or not 0 < len(version) <= _VERSION_LENGTH:
        return None
    return version if version.isascii() and version.isprintable() else None


def decode_message(kind: type[MessageT], data: bytes) -> MessageT:
    """Return the message that some bytes encode.

    An open message (`OPEN`) has many encodings: those of other versions.

    Raises:
        InvalidMessage: They are not the canonical encoding of a message of this kind.
    """
    adapter = _adapter(kind)
    is_open = getattr(kind, "__pydantic_config__", STRICT) is OPEN
    try:
        message = adapter.validate_json(data)
    except (ValidationError, PekanuError, RecursionError) as error:
        version = _find_version(data) if is_open else None
        if version is not None:
            raise InvalidMessage(
                f"it runs pekanu {version}, and this is {__version__}: they do not understand "
                "each other",
                hint="use the same version as the other side",
            ) from error
        raise InvalidMessage(f"the peer's message is not a valid {kind.__name__}") from error
    if is_open:
        return message
    if adapter.dump_json(message) != data:
        raise InvalidMessage(f"the peer's {kind.__name__} is not canonically encoded")
    return message
