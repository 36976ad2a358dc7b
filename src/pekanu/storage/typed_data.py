"""The agreement's messages as the typed-data documents that wallets sign.

Not here: their hashes (`agreement`), keys and the act of signing (`pekanu.chain`).
"""

from __future__ import annotations

import re
from typing import Any, Final

from pekanu.storage.agreement import (
    ADMISSION_TYPE,
    DOMAIN_NAME,
    DOMAIN_TYPE,
    DOMAIN_VERSION,
    QUOTE_TYPE,
    RECEIPT_TYPE,
    REGISTRATION_TYPE,
    Admission,
    Quote,
    Receipt,
    Registration,
    StorageDomain,
)

Message = Quote | Receipt | Registration | Admission

_TYPES: Final[dict[type[Message], str]] = {
    Quote: QUOTE_TYPE,
    Receipt: RECEIPT_TYPE,
    Registration: REGISTRATION_TYPE,
    Admission: ADMISSION_TYPE,
}
_STRUCT: Final = re.compile(r"(\w+)\(([^)]*)\)")


def _parse_types(text: str) -> dict[str, list[dict[str, str]]]:
    """Return the structs of an encoded type, the primary one first."""
    found = {}
    for name, body in _STRUCT.findall(text):
        pairs = (field.split(" ") for field in body.split(","))
        found[name] = [{"name": field, "type": kind} for kind, field in pairs]
    return found


def build_typed_data(domain: StorageDomain, message: Message) -> dict[str, Any]:
    """Return the document whose digest is the message's own in this domain."""
    types = _parse_types(_TYPES[type(message)])
    primary = type(message).__name__
    return {
        "types": {**_parse_types(DOMAIN_TYPE), **types},
        "primaryType": primary,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.server,
        },
        "message": _name_values(types, primary, message.to_abi()),
    }


def _name_values(
    types: dict[str, list[dict[str, str]]], name: str, values: tuple[Any, ...]
) -> dict[str, Any]:
    return {
        field["name"]: _name_values(types, field["type"], value)
        if field["type"] in types
        else value
        for field, value in zip(types[name], values, strict=True)
    }
