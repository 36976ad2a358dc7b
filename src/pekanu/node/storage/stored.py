"""What a client remembers of an agreement: enough to go on after a kill, to read, and to fine.

Kept in the account's journal. Not here: doing any of it (`storer`).
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import decode_message, encode_message
from pekanu.node.storage.messages import ContentHex, StorageTermsHex
from pekanu.node.storage.steps import Step
from pekanu.storage.agreement import Quote, Receipt, StorageDomain
from pekanu.storage.link import Link, SharedLink
from pekanu.types import Address, Hash32


class StoreStep(StrEnum):
    """Where an agreement stands for its client."""

    #: Quoted and journaled; the payment may be under way.
    PAYING = "paying"
    #: Paid; chunks are brought.
    UPLOADING = "uploading"
    #: Receipt and link are here.
    STORED = "stored"
    #: Over: ended, fined, reclaimed or given back.
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class _QuoteText(Message):
    content: ContentHex
    terms: StorageTermsHex


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredObject:
    """One agreement of this client's."""

    step: StoreStep
    name: str
    chain_id: int
    server: Address
    provider: Address
    client: Address
    quote: Quote
    quote_signature: bytes
    root: bytes
    blind: bytes
    manifest_key: bytes
    manifest_chunks: int
    memo: bytes
    #: Bytes of all files, and how many there are.
    file_bytes: int
    file_count: int
    #: ``own`` or ``shared``.
    domain: str
    #: Paths that were stored, for going on.
    paths: tuple[str, ...] = ()
    #: Sigma; empty before.
    receipt_signature: bytes = b""
    created_at: int = 0
    steps: tuple[Step, ...] = field(default=())

    @property
    def storage_domain(self) -> StorageDomain:
        """What the agreement's messages are signed for."""
        return StorageDomain(chain_id=self.chain_id, server=self.server)

    @property
    def agreement_id(self) -> Hash32:
        """The quote's digest."""
        return self.quote.id(self.storage_domain)

    @property
    def link(self) -> Link:
        """The link pointer L."""
        return Link(
            domain=self.storage_domain,
            provider=self.provider,
            agreement_id=self.agreement_id,
            root=Hash32(self.root),
            size=self.quote.content.size,
            chunk_count=self.quote.content.chunk_count,
            manifest_chunks=self.manifest_chunks,
            memo=self.memo,
        )

    @property
    def shared_link(self) -> SharedLink:
        """The link with the manifest's key: whoever holds it can read."""
        return SharedLink(link=self.link, manifest_key=self.manifest_key)

    @property
    def receipt(self) -> Receipt:
        """What sigma signs."""
        return Receipt.for_quote(self.quote, self.storage_domain, self.link.hash)

    def with_step(self, *steps: Step) -> Self:
        """Return the object with steps added; a later one of a number replaces the earlier."""
        found = {step.number: step for step in self.steps}
        found |= {step.number: step for step in steps}
        return replace(self, steps=tuple(found[number] for number in sorted(found)))

    def to_json(self) -> str:
        """Return it as the journal keeps it."""
        values: dict[str, Any] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, bytes):
                value = {"bytes": base64.b64encode(value).decode()}
            values[name] = value
        values["quote"] = encode_message(
            _QuoteText(content=self.quote.content, terms=self.quote.terms)
        ).decode()
        values["steps"] = [asdict(step) for step in self.steps]
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        for name, value in values.items():
            if isinstance(value, dict) and set(value) == {"bytes"}:
                values[name] = base64.b64decode(value["bytes"])
        quote = decode_message(_QuoteText, values["quote"].encode())
        values["quote"] = Quote(content=quote.content, terms=quote.terms)
        values["step"] = StoreStep(values["step"])
        values["paths"] = tuple(values["paths"])
        values["steps"] = tuple(Step(**step) for step in values["steps"])
        return cls(**values)
