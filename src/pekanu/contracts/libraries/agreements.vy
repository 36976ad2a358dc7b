# pragma version 0.4.3
"""
@title Storage agreements and what is signed about them
@license MIT
@notice The structs of storage, their EIP-712 hashes, and the word that keeps an agreement's state.
        No storage; two immutables.
@dev Twins: pekanu.storage.agreement, pekanu.storage.state.
"""

struct Content:
    root_commitment: bytes32  # SHA-256 of the root over all chunks and a 32-byte blind
    size: uint64  # bytes of all chunks
    chunk_count: uint32  # at least 1

struct Terms:
    client: address  # the StorageClient that may pay, once; what is due to the client goes there
    agent: address  # may challenge besides the client; may be zero
    price: uint256  # wei for the whole term
    penalty: uint256  # wei of the deposit that a proven fault costs
    reservation_fee: uint256  # wei: burned by reclaim, the provider's least after give_back
    starts_at: uint64  # 0: at the receipt; else a renewal, whose term begins at this second
    term: uint32  # seconds
    valid_until: uint64  # last second at which it can be paid
    confirm_window: uint32  # seconds from the payment in which the receipt can be shown
    response_window: uint32  # seconds to answer a challenge

struct Quote:
    content: Content
    terms: Terms

struct Receipt:
    agreement_id: bytes32
    root_commitment: bytes32
    size: uint64
    term: uint32
    link_hash: bytes32  # SHA-256 of the link pointer

#: An agreement's state, unpacked from its one word.
struct State:
    status: uint256  # bits 0 to 7
    started: uint256  # bits 8 to 47; first second of the term; zero while PAID
    collected: uint256  # bits 48 to 79; seconds of the term that were paid to the provider
    deadline: uint256  # bits 80 to 119; of the receipt, or of the answer; see StorageServer
    fee: uint256  # bits 120 to 159; gwei that the open challenge put up
    chunk: uint256  # bits 160 to 191; chunk of the open challenge
    leaf: uint256  # bits 192 to 223; its first leaf that is not answered
    count: uint256  # bits 224 to 239; its leaves that are not answered

#: The bits of start and collected seconds.
TERM: constant(uint256) = 2**80 - 256

#: EIP-712: type hashes and the domain.
CONTENT_TYPEHASH: constant(bytes32) = keccak256(
    "Content(bytes32 rootCommitment,uint64 size,uint32 chunkCount)"
)
TERMS_TYPEHASH: constant(bytes32) = keccak256(
    "Terms(address client,address agent,uint256 price,uint256 penalty,uint256 reservationFee,"
    "uint64 startsAt,uint32 term,uint64 validUntil,uint32 confirmWindow,uint32 responseWindow)"
)
QUOTE_TYPEHASH: constant(bytes32) = keccak256(
    "Quote(Content content,Terms terms)"
    "Content(bytes32 rootCommitment,uint64 size,uint32 chunkCount)"
    "Terms(address client,address agent,uint256 price,uint256 penalty,uint256 reservationFee,"
    "uint64 startsAt,uint32 term,uint64 validUntil,uint32 confirmWindow,uint32 responseWindow)"
)
RECEIPT_TYPEHASH: constant(bytes32) = keccak256(
    "Receipt(bytes32 agreementId,bytes32 rootCommitment,uint64 size,uint32 term,bytes32 linkHash)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
NAME_HASH: constant(bytes32) = keccak256("Pekanu Storage")
VERSION_HASH: constant(bytes32) = keccak256("1")

#: The separator on the chain of the deployment.
CHAIN_ID: immutable(uint256)
SEPARATOR: immutable(bytes32)


@deploy
def __init__():
    """
    @notice Compute the separator once.
    """
    CHAIN_ID = chain.id
    SEPARATOR = keccak256(
        abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self)
    )


@internal
@view
def digest(hashed: bytes32) -> bytes32:
    """
    @notice The EIP-712 digest of a struct hash, for this contract on this chain.
    @dev The separator follows the chain id through a fork.
    """
    separator: bytes32 = SEPARATOR
    if chain.id != CHAIN_ID:
        separator = keccak256(
            abi_encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, chain.id, self)
        )
    return keccak256(concat(x"1901", separator, hashed))


@internal
@view
def quote_id(quote: Quote) -> bytes32:
    """
    @notice An agreement's identity: its quote's digest.
    """
    return self.id_of(quote.content, keccak256(abi_encode(TERMS_TYPEHASH, quote.terms)))


@internal
@view
def id_of(content: Content, terms_hash: bytes32) -> bytes32:
    """
    @notice An agreement's identity from what is kept and the hash of the terms.
    """
    content_hash: bytes32 = keccak256(abi_encode(CONTENT_TYPEHASH, content))
    return self.digest(keccak256(abi_encode(QUOTE_TYPEHASH, content_hash, terms_hash)))


@internal
@view
def receipt_digest(receipt: Receipt) -> bytes32:
    """
    @notice What a provider signs when the bytes are there.
    """
    return self.digest(keccak256(abi_encode(RECEIPT_TYPEHASH, receipt)))


@internal
@pure
def unpack(word: uint256) -> State:
    """
    @notice An agreement's state from its word.
    """
    return State(
        status=word & 255,
        started=(word >> 8) & 1099511627775,
        collected=(word >> 48) & 4294967295,
        deadline=(word >> 80) & 1099511627775,
        fee=(word >> 120) & 1099511627775,
        chunk=(word >> 160) & 4294967295,
        leaf=(word >> 192) & 4294967295,
        count=word >> 224,
    )


@internal
@pure
def status_of(word: uint256) -> uint256:
    """
    @notice The status in an agreement's word.
    """
    return word & 255


@internal
@pure
def started_of(word: uint256) -> uint256:
    """
    @notice The first second of the term in an agreement's word.
    """
    return (word >> 8) & 1099511627775


@internal
@pure
def deadline_of(word: uint256) -> uint256:
    """
    @notice The deadline in an agreement's word.
    """
    return (word >> 80) & 1099511627775


@internal
@pure
def challenged(
    word: uint256,
    status: uint256,
    deadline: uint256,
    fee: uint256,
    chunk: uint256,
    leaf: uint256,
    count: uint256,
) -> uint256:
    """
    @notice The word of an agreement without a challenge, with one and another status.
    """
    return (
        (word & TERM)
        | status
        | (deadline << 80)
        | (fee << 120)
        | (chunk << 160)
        | (leaf << 192)
        | (count << 224)
    )


@internal
@pure
def pack(state: State) -> uint256:
    """
    @notice An agreement's word from its state.
    @dev Every field is in its range: times are a block's time plus a term and a window, both
         bounded by StorageServer, which bounds fee, chunk, leaf and count too.
    """
    return (
        state.status
        | (state.started << 8)
        | (state.collected << 48)
        | (state.deadline << 80)
        | (state.fee << 120)
        | (state.chunk << 160)
        | (state.leaf << 192)
        | (state.count << 224)
    )
