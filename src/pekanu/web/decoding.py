"""Calls and events of the market in words, read from their bytes.

What stands in a dialog before something is signed is decoded here, from exactly the bytes that
are signed. What is not here: simulating (`reviews`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from pekanu import contracts
from pekanu.chain import Log, MarketEvent
from pekanu.types import ZERO_ADDRESS, Wei, format_wei
from pekanu.web.views.explorer import EventDetail
from pekanu.web.views.review import Argument
from pekanu.web.wording import build_moment, format_size, format_span

_AMOUNTS: Final = (
    "amount",
    "bond",
    "chunk_fee",
    "fee",
    "penalty",
    "price",
    "reservation_fee",
    "stake",
    "to_client",
    "value",
)
_TIMES: Final = ("expiry", "offered_until", "starts_at", "valid_until")
_SPANS: Final = ("audit_window", "compute_window", "confirm_window", "response_window", "term")
_ROLES: Final = {1: "worker", 2: "provider"}
#: How a number is told to people, by its name as contracts write it.
_FORMATS: Final[dict[str, Callable[[int], str]]] = {
    **dict.fromkeys(_AMOUNTS, lambda value: format_wei(Wei(value))),
    **dict.fromkeys(_TIMES, lambda value: build_moment(value).text),
    **dict.fromkeys(_SPANS, format_span),
    "size": format_size,
    "role": lambda value: _ROLES.get(value, ""),
}
#: Contracts that accounts make from here.
_DEPLOYED: Final = ("StorageServer",)
#: What 0 and the empty text mean.
_NOTHING: Final = {"starts_at": "when the receipt is on chain", "endpoint": "takes it back"}
#: Where a word begins in a message's names.
_HUMP: Final = re.compile(r"(?<=[a-z0-9])[A-Z]")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{40,64}")
_LONGEST: Final = 2_000


def decode_call(data: bytes, contract: str = "Market") -> tuple[str, tuple[Argument, ...]]:
    """Return the function and the arguments in calldata of a contract of the system.

    Bytes that are no call of it are an empty name and no arguments.
    """
    artifact = contracts.load(contract)
    for entry in artifact.abi:
        if entry["type"] != "function":
            continue
        function = artifact.functions[entry["name"]]
        if function.selector != data[:4]:
            continue
        try:
            values = function.decode_arguments(data)
        except DecodingError:
            break
        arguments: list[Argument] = []
        for part, value in zip(entry["inputs"], values, strict=True):
            _add(arguments, part, value, 0)
        return function.name, tuple(arguments)
    return "", ()


def decode_deployment(data: bytes) -> tuple[str, str, tuple[Argument, ...]]:
    """Return the contract, its constructor and the arguments in bytes that make a contract.

    Bytes that make none of those that accounts deploy from here are empty.
    """
    for contract in _DEPLOYED:
        artifact = contracts.load(contract)
        if not data.startswith(artifact.bytecode):
            continue
        entry = next(one for one in artifact.abi if one["type"] == "constructor")
        try:
            values = decode(artifact.constructor_inputs, data[len(artifact.bytecode) :])
        except DecodingError:
            break
        arguments: list[Argument] = []
        for part, value in zip(entry["inputs"], values, strict=True):
            _add(arguments, part, value, 0)
        return contract, "__init__", tuple(arguments)
    return "", "", ()


def detail_event(event: MarketEvent) -> EventDetail:
    """Return an event with all of its fields."""
    arguments: list[Argument] = []
    for part in fields(event):
        if part.name != "log":
            _add_python(arguments, part.name, getattr(event, part.name), 0)
    return EventDetail(name=type(event).__name__, arguments=tuple(arguments))


def detail_log(contract: str, log: Log) -> EventDetail | None:
    """Return an event of any contract of the system, decoded by its ABI; None for no such event."""
    found = contracts.load(contract).events.get(log.topics[0]) if log.topics else None
    if found is None:
        return None
    topics, arguments = iter(log.topics[1:]), []
    try:
        data = iter(decode([kind for _, kind, indexed in found.fields if not indexed], log.data))
        for name, kind, indexed in found.fields:
            value = decode([kind], next(topics))[0] if indexed else next(data)
            arguments.append(_build(name, kind, value, 0))
    except (DecodingError, StopIteration):
        return None
    return EventDetail(name=found.name, arguments=tuple(arguments))


def summarize_event(event: MarketEvent) -> str:
    """Return the short fields of an event in one line."""
    return summarize_arguments(detail_event(event).arguments)


def summarize_arguments(arguments: Sequence[Argument]) -> str:
    """Return the short ones in one line."""
    parts = []
    for argument in arguments:
        if argument.depth or argument.name in {"task_id", "channel_key", "terms_hash", "evidence"}:
            continue
        text = argument.meaning or argument.value
        if _HEX.fullmatch(text):
            text = f"{text[:8]}…{text[-4:]}"
        if text:
            parts.append(f"{argument.name.replace('_', ' ')} {_shorten(text)}")
    return ", ".join(parts)


def decode_typed_data(document: dict[str, Any]) -> tuple[Argument, ...]:
    """Return the fields of an EIP-712 message as a wallet shows them."""
    arguments: list[Argument] = []
    _add_message(arguments, document["types"], document["primaryType"], document["message"], 0)
    return tuple(arguments)


def _add_message(
    arguments: list[Argument],
    types: dict[str, list[dict[str, str]]],
    kind: str,
    message: dict[str, Any],
    depth: int,
) -> None:
    for part in types[kind]:
        name, type_ = part["name"], part["type"]
        if type_ in types:
            arguments.append(Argument(name=name, type=type_, value="", depth=depth))
            _add_message(arguments, types, type_, message[name], depth + 1)
        else:
            arguments.append(_build(name, type_, message[name], depth))


def _add(arguments: list[Argument], part: dict[str, Any], value: Any, depth: int) -> None:
    if part["type"] == "tuple":
        arguments.append(Argument(name=part["name"], type="tuple", value="", depth=depth))
        for inner, one in zip(part["components"], value, strict=True):
            _add(arguments, inner, one, depth + 1)
        return
    if part["type"] == "address":
        value = to_checksum_address(value)
    arguments.append(_build(part["name"], part["type"], value, depth))


def _add_python(arguments: list[Argument], name: str, value: object, depth: int) -> None:
    if is_dataclass(value) and not isinstance(value, type):
        arguments.append(Argument(name=name, type=type(value).__name__, value="", depth=depth))
        for part in fields(value):
            _add_python(arguments, part.name, getattr(value, part.name), depth + 1)
        return
    kinds = {bytes: "bytes", str: "text", int: "integer", bool: "flag"}
    arguments.append(_build(name, kinds.get(type(value), "value"), value, depth))


def _build(name: str, kind: str, value: object, depth: int) -> Argument:
    meaning = _explain(_HUMP.sub(lambda found: "_" + found[0].lower(), name), value)
    return Argument(name=name, type=kind, value=_to_text(value), meaning=meaning, depth=depth)


def _explain(name: str, value: object) -> str:
    """Return what a value means to people; empty where it says that itself."""
    if not value and name in _NOTHING:
        return _NOTHING[name]
    if isinstance(value, int) and name in _FORMATS:
        return _FORMATS[name](value)
    return "nobody" if value == ZERO_ADDRESS else ""


def _to_text(value: object) -> str:
    if isinstance(value, bytes):
        text = "0x" + value.hex()
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(value):,} bytes)"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_to_text, value))
    text = str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _shorten(text: str) -> str:
    return text if len(text) <= 66 else text[:63] + "…"
