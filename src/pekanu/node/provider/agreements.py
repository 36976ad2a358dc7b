"""An agreement as its provider writes it down: what was quoted, paid, signed.

Not here: the chunks and who may do what (`index`, `provider`), what stands on chain.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import (
    U32,
    U64,
    AddressText,
    WalletSignature,
    Word,
    decode_message,
    encode_message,
)
from pekanu.node.provider.index import AgreementHead
from pekanu.node.storage.messages import ContentHex, Memo, Stage, StorageTermsHex
from pekanu.storage.agreement import Quote, Receipt, StorageDomain
from pekanu.storage.link import Link
from pekanu.types import ZERO_HASH, Address, Hash32

_NO_SIGNATURE: Final = bytes(65)
#: Agreements that are remembered decoded.
_REMEMBERED: Final = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement(Message):
    """What is kept of an agreement beside its chunks."""

    content: ContentHex
    terms: StorageTermsHex
    quote_signature: WalletSignature
    root: Word
    blind: Word
    manifest_chunks: U32
    memo: Memo
    #: For proofs of ownership.
    nonce: Word
    #: The client's key to which the link is sealed.
    sealing_key: Word
    agent: AddressText
    #: The payment; zero until it is seen.
    payment: Word = ZERO_HASH
    payment_block: U64 = 0
    #: Of the receipt; zeros until it is signed.
    receipt_signature: WalletSignature = _NO_SIGNATURE

    @property
    def quote(self) -> Quote:
        """What was signed in step 6."""
        return Quote(content=self.content, terms=self.terms)

    @property
    def is_signed(self) -> bool:
        """Return whether the receipt was signed."""
        return self.receipt_signature != _NO_SIGNATURE

    @property
    def is_kept(self) -> bool:
        """Return whether its bytes came, or were there already when it renewed another."""
        return self.is_signed or bool(self.terms.starts_at and self.payment_block)

    def build_link(self, domain: StorageDomain, provider: Address) -> Link:
        """Return the link pointer L."""
        return Link(
            domain=domain,
            provider=provider,
            agreement_id=self.quote.id(domain),
            root=Hash32(self.root),
            size=self.content.size,
            chunk_count=self.content.chunk_count,
            manifest_chunks=self.manifest_chunks,
            memo=self.memo,
        )

    def build_receipt(self, domain: StorageDomain, provider: Address) -> Receipt:
        """Return what is signed in step 13."""
        return Receipt.for_quote(self.quote, domain, self.build_link(domain, provider).hash)

    def encode(self) -> str:
        """Return it as the index keeps it."""
        return encode_message(self).decode()


def read_agreement(row: AgreementHead) -> Agreement:
    """Return what a row of the index keeps."""
    return _decode(row.state)


@lru_cache(maxsize=_REMEMBERED)
def _decode(state: str) -> Agreement:
    return decode_message(Agreement, state.encode())


def get_agreed_bytes(rows: Iterable[AgreementHead]) -> int:
    """Return the bytes of those agreements that hold their chunks, each counting its own."""
    return sum(read_agreement(row).content.size for row in rows if row.is_held)


def read_stage(row: AgreementHead) -> Stage:
    """Return where a row's agreement stands."""
    return Stage(row.stage)
