"""The fields of a contract's events, out of topics and data.

Not here: what they mean (`events`, `referee_events`, `ringer_events`, `storage_events`).
"""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from pekanu import contracts
from pekanu.chain.block import Log


def read_fields(contract: str, log: Log) -> tuple[str, dict[str, Any]] | None:
    """Return an event's name and its values by the fields' names.

    None when the log is none of the contract's events or cannot be read: anybody can log text that
    is no UTF-8, and such a log stands for nothing.

    Args:
        contract: By name, such as ``Market``.
        log: What its address logged.
    """
    found = contracts.load(contract).events.get(log.topics[0]) if log.topics else None
    if found is None:
        return None
    topics = iter(log.topics[1:])
    try:
        plain = iter(decode([type_ for _, type_, indexed in found.fields if not indexed], log.data))
        values = {
            name: _convert(type_, decode([type_], next(topics))[0] if indexed else next(plain))
            for name, type_, indexed in found.fields
        }
    except (DecodingError, UnicodeDecodeError, StopIteration):
        return None
    return found.name, values


def _convert(type_: str, value: Any) -> Any:
    return to_checksum_address(value) if type_ == "address" else value
