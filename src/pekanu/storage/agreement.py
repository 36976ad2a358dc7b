"""What provider and client agree on and sign: quote, receipt, registration and admission.

An agreement's id is the EIP-712 digest of its quote. A quote is two structs, so that the answer to
a challenge carries `Content` and only the hash of `Terms`. Not here: the typed-data documents
(`typed_data`), who may do what when (`lifecycle`), signing.
Twin: contracts/libraries/agreements.vy. Vectors: tests/vectors/storage.json.
Source: design/storage.md, "Contracts".
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

CONTENT_TYPE: Final = "Content(bytes32 rootCommitment,uint64 size,uint32 chunkCount)"
TERMS_TYPE: Final = (
    "Terms(address client,address agent,uint256 price,uint256 penalty,uint256 reservationFee,"
    "uint64 startsAt,uint32 term,uint64 validUntil,uint32 confirmWindow,uint32 responseWindow)"
)
QUOTE_TYPE: Final = f"Quote(Content content,Terms terms){CONTENT_TYPE}{TERMS_TYPE}"
RECEIPT_TYPE: Final = (
    "Receipt(bytes32 agreementId,bytes32 rootCommitment,uint64 size,uint32 term,bytes32 linkHash)"
)
REGISTRATION_TYPE: Final = "Registration(address client,bytes32 sealingKey,uint64 validUntil)"
ADMISSION_TYPE: Final = (
    "Admission(address client,bytes32 transaction,bytes32 abiHash,bytes32 clientCodeHash)"
)

CONTENT_ABI: Final = "(bytes32,uint64,uint32)"
TERMS_ABI: Final = "(address,address,uint256,uint256,uint256,uint64,uint32,uint64,uint32,uint32)"
#: The ABI type of a quote, as every call of the contracts takes it.
QUOTE_ABI: Final = f"({CONTENT_ABI},{TERMS_ABI})"
RECEIPT_ABI: Final = "(bytes32,bytes32,uint64,uint32,bytes32)"

DOMAIN_NAME: Final = "Pekanu Storage"
DOMAIN_VERSION: Final = "1"
DOMAIN_TYPE: Final = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


def _hash_struct(type_text: str, abi: str, value: object) -> Hash32:
    return keccak256(encode(["bytes32", abi], [keccak256(type_text.encode()), value]))


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageDomain:
    """Which provider's contract on which chain: what every digest binds."""

    chain_id: int
    #: The provider's `StorageServer`.
    server: Address

    def separator(self) -> Hash32:
        """Return the EIP-712 domain separator. Source: EIP-712, "Definition of domainSeparator"."""
        return _hash_struct(
            DOMAIN_TYPE,
            "(bytes32,bytes32,uint256,address)",
            (
                keccak256(DOMAIN_NAME.encode()),
                keccak256(DOMAIN_VERSION.encode()),
                self.chain_id,
                self.server,
            ),
        )

    def digest(self, struct_hash: bytes) -> Hash32:
        """Return the EIP-712 digest of a struct hash under this domain."""
        return keccak256(b"\x19\x01" + self.separator() + struct_hash)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What is kept."""

    #: `trees.commit_root` of the root over all chunks and a fresh blind.
    root_commitment: Hash32
    #: Bytes of all chunks together.
    size: int
    #: At least 1.
    chunk_count: int

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `CONTENT_ABI`."""
        return astuple(self)

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the struct."""
        return _hash_struct(CONTENT_TYPE, CONTENT_ABI, self.to_abi())


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """For how long, for how much, and who has how much time."""

    #: The `StorageClient` that may pay, once; all that is due to the client goes there.
    client: Address
    #: May challenge besides `client`, usually its owner's wallet; zero: nobody.
    agent: Address = ZERO_ADDRESS
    price: Wei
    #: Reserved out of the provider's deposit by the payment.
    penalty: Wei
    #: Burned when the client takes its money back, the provider's least when the client gives the
    #: agreement back; at most 1 percent of the price.
    reservation_fee: Wei = Wei(0)
    #: 0: the term begins with the receipt on chain. Otherwise the quote renews: its signer holds
    #: the bytes already, no receipt is awaited, and the term begins at this second.
    starts_at: Seconds = Seconds(0)
    #: Seconds that the bytes are kept and paid for.
    term: Seconds
    #: Last second at which the quote can be paid.
    valid_until: Seconds
    #: Seconds from the payment to the last at which the receipt can be shown on chain.
    confirm_window: Seconds
    #: Seconds that the provider has to answer a challenge.
    response_window: Seconds

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `TERMS_ABI`."""
        return astuple(self)

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the struct."""
        return _hash_struct(TERMS_TYPE, TERMS_ABI, self.to_abi())


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What a provider signs in step 6 and a client pays in step 9."""

    content: Content
    terms: Terms

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `QUOTE_ABI`."""
        return (self.content.to_abi(), self.terms.to_abi())

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the struct."""
        hashes = (self.content.struct_hash(), self.terms.struct_hash())
        return _hash_struct(QUOTE_TYPE, "(bytes32,bytes32)", hashes)

    def id(self, domain: StorageDomain) -> Hash32:
        """Return the agreement's identity: the quote's digest, which is what the provider signs."""
        return domain.digest(self.struct_hash())


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What a provider signs in step 13: the bytes are here. All but the link is the quote's."""

    agreement_id: Hash32
    root_commitment: Hash32
    size: int
    term: Seconds
    #: SHA-256 of the link pointer L.
    link_hash: Hash32

    @classmethod
    def for_quote(cls, quote: Quote, domain: StorageDomain, link_hash: Hash32) -> Receipt:
        """Return the only receipt that an honest provider signs for a quote."""
        return cls(
            agreement_id=quote.id(domain),
            root_commitment=quote.content.root_commitment,
            size=quote.content.size,
            term=quote.terms.term,
            link_hash=link_hash,
        )

    def contradicts(self, quote: Quote) -> bool:
        """Return whether a receipt for this quote's agreement says something else than the quote.

        Two receipts that differ in root, size or term cannot both agree with the quote, which the
        provider signed too: one of them is enough for a fine.
        """
        mine = (self.root_commitment, self.size, self.term)
        return mine != (quote.content.root_commitment, quote.content.size, quote.terms.term)

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `RECEIPT_ABI`."""
        return astuple(self)

    def struct_hash(self) -> Hash32:
        """Return the EIP-712 hash of the struct."""
        return _hash_struct(RECEIPT_TYPE, RECEIPT_ABI, self.to_abi())

    def digest(self, domain: StorageDomain) -> Hash32:
        """Return what the provider signs."""
        return domain.digest(self.struct_hash())


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What a client's wallet signs in step 2."""

    #: The wallet, which will own a `StorageClient`.
    client: Address
    #: X25519 public key to which the link pointer is sealed.
    sealing_key: Hash32
    valid_until: Seconds

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `REGISTRATION_TYPE`."""
        return astuple(self)

    def digest(self, domain: StorageDomain) -> Hash32:
        """Return what the wallet signs."""
        abi = "(address,bytes32,uint64)"
        return domain.digest(_hash_struct(REGISTRATION_TYPE, abi, self.to_abi()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """What a provider signs in step 4; the contract's address is the domain's."""

    client: Address
    #: Hash of the transaction that registered the client.
    transaction: Hash32
    #: SHA-256 of the `StorageServer`'s ABI as compact JSON.
    abi_hash: Hash32
    #: Keccak-256 of the `StorageClient`'s creation code without its arguments.
    client_code_hash: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of `ADMISSION_TYPE`."""
        return astuple(self)

    def digest(self, domain: StorageDomain) -> Hash32:
        """Return what the provider signs."""
        abi = "(address,bytes32,bytes32,bytes32)"
        return domain.digest(_hash_struct(ADMISSION_TYPE, abi, self.to_abi()))
