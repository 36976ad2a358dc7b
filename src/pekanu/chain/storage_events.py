"""What storage's contracts log, as typed values.

Not here: following the chain (`stream`), the calls that they stem from (`storage_calls`). The
classes mirror the events of `contracts/StorageServer.vy`, `StorageClient.vy` and
`StorageFactory.vy`, field by field; a test compares them with the ABI.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from pekanu.chain.block import Log
from pekanu.chain.events import MarketEvent
from pekanu.chain.log_fields import read_fields
from pekanu.storage.agreement import Content, Quote, Terms
from pekanu.types import Address, Hash32, Wei, parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageEvent(MarketEvent):
    """Anything that a provider's contract logs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposited(StorageEvent):
    """Money came into the deposit."""

    account: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Withdrawn(StorageEvent):
    """Money left the contract."""

    account: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered(StorageEvent):
    """A wallet may have a client contract."""

    owner: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Enrolled(StorageEvent):
    """It has one."""

    owner: Address
    client: Address


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebated(StorageEvent):
    """The provider gave a client money."""

    client: Address
    amount: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreementEvent(StorageEvent):
    """Anything that happens to one agreement."""

    agreement_id: Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid(AgreementEvent):
    """A price is escrowed and the penalty reserved."""

    client: Address
    quote: Quote


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored(AgreementEvent):
    """Point of availability; receipt and signature stand in the call's data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Linked(AgreementEvent):
    """With the link, sealed to a client that could not be given it."""

    #: The signature on the receipt (EIP-2098).
    r: bytes
    vs: bytes
    sealed_link: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenged(AgreementEvent):
    """The provider must show leaves; by when is in the agreement's state."""

    chunk: int
    leaf: int
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered(AgreementEvent):
    """Leaves were shown, in the call's data, or that there are none."""

    is_closed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Fined(AgreementEvent):
    """The provider failed."""

    to_client: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Reclaimed(AgreementEvent):
    """No receipt came."""

    to_client: Wei
    burned: Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected(AgreementEvent):
    """Seconds of the term were paid to the provider."""

    amount: Wei
    #: The term is over and the penalty free again.
    is_ended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenBack(AgreementEvent):
    """The client needs it no longer."""

    to_client: Wei
    to_provider: Wei


#: Every event of a provider's contract by its name there.
STORAGE_EVENTS: Final[dict[str, type[StorageEvent]]] = {
    kind.__name__: kind
    for kind in (
        Deposited,
        Withdrawn,
        Registered,
        Enrolled,
        Paid,
        Stored,
        Linked,
        Challenged,
        Answered,
        Fined,
        Reclaimed,
        Collected,
        GivenBack,
        Rebated,
    )
}


def decode_storage_event(log: Log) -> StorageEvent | None:
    """Return a log of a provider's contract as a typed event; None when it is none."""
    found = read_fields("StorageServer", log)
    kind = STORAGE_EVENTS.get(found[0]) if found else None
    if found is None or kind is None:
        return None
    values = found[1]
    if "quote" in values:
        values["quote"] = build_quote(values["quote"])
    return kind(log=log, **values)


def build_quote(values: tuple[tuple[Any, ...], tuple[Any, ...]]) -> Quote:
    """Return a quote from its values in the order of its ABI."""
    content, (client, agent, *rest) = values
    parties = [parse_address(client), parse_address(agent)]
    return Quote(
        content=Content(**_name(Content, content)),
        terms=Terms(**_name(Terms, (*parties, *rest))),
    )


def _name(kind: type[Any], values: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((field.name for field in fields(kind)), values, strict=True))
