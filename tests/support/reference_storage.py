"""Storage's trees and signed words once more, slowly and straight from their definition.

Not built on `pekanu.storage`: the contracts, the product and this model must agree. A tree over n
nodes splits at the largest power of two below n; a proof holds the largest subtrees beside the
leaves, lowest first and left before right.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from eth_abi.abi import encode

from pekanu.crypto.keccak import keccak256

LEAF = 256
DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
CONTENT_TYPE = "Content(bytes32 rootCommitment,uint64 size,uint32 chunkCount)"
TERMS_TYPE = (
    "Terms(address client,address agent,uint256 price,uint256 penalty,uint256 reservationFee,"
    "uint64 startsAt,uint32 term,uint64 validUntil,uint32 confirmWindow,uint32 responseWindow)"
)
QUOTE_TYPE = "Quote(Content content,Terms terms)" + CONTENT_TYPE + TERMS_TYPE
RECEIPT_TYPE = (
    "Receipt(bytes32 agreementId,bytes32 rootCommitment,uint64 size,uint32 term,bytes32 linkHash)"
)
REGISTRATION_TYPE = "Registration(address client,bytes32 sealingKey,uint64 validUntil)"
ADMISSION_TYPE = (
    "Admission(address client,bytes32 transaction,bytes32 abiHash,bytes32 clientCodeHash)"
)


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


def split(count: int) -> int:
    half = 1
    while 2 * half < count:
        half *= 2
    return half


def tree(nodes: Sequence[bytes], prefix: int) -> bytes:
    if len(nodes) == 1:
        return nodes[0]
    half = split(len(nodes))
    return digest(bytes([prefix]) + tree(nodes[:half], prefix) + tree(nodes[half:], prefix))


def path(nodes: Sequence[bytes], first: int, last: int, prefix: int) -> list[bytes]:
    """Return the subtrees that lie beside [first, last], each where it joins."""
    found: list[tuple[int, int, bytes]] = []

    def visit(start: int, stop: int) -> None:
        if stop - start == 1:
            return
        half = split(stop - start)
        for begin, end in ((start, start + half), (start + half, stop)):
            if end <= first or begin > last:
                found.append((half, begin, tree(nodes[begin:end], prefix)))
            else:
                visit(begin, end)

    visit(0, len(nodes))
    return [node for _, _, node in sorted(found)]


def leaves(chunk: bytes) -> list[bytes]:
    pieces = [chunk[start : start + LEAF] for start in range(0, len(chunk), LEAF)]
    return [digest(b"\0" + piece) for piece in pieces]


def chunk_root(chunk: bytes) -> bytes:
    return tree(leaves(chunk), 1)


def entry(chunk: bytes) -> bytes:
    return digest(b"\2" + chunk_root(chunk) + len(leaves(chunk)).to_bytes(32, "big"))


def root(chunks: Sequence[bytes]) -> bytes:
    return tree([entry(chunk) for chunk in chunks], 3)


def top_path(chunks: Sequence[bytes], place: int) -> list[bytes]:
    return path([entry(chunk) for chunk in chunks], place, place, 3)


def leaf_path(chunks: Sequence[bytes], place: int, first: int, count: int) -> list[bytes]:
    below = path(leaves(chunks[place]), first, first + count - 1, 1)
    return below + top_path(chunks, place)


def hash_struct(type_text: str, kinds: Sequence[str], values: Sequence[object]) -> bytes:
    return keccak256(encode(["bytes32", *kinds], [keccak256(type_text.encode()), *values]))


def eip712(chain_id: int, server: str, struct_hash: bytes) -> bytes:
    names = [keccak256(b"Pekanu Storage"), keccak256(b"1")]
    kinds = ["bytes32", "bytes32", "uint256", "address"]
    separator = hash_struct(DOMAIN_TYPE, kinds, [*names, chain_id, server])
    return keccak256(b"\x19\x01" + separator + struct_hash)


def quote_hash(content: Sequence[object], terms: Sequence[object]) -> bytes:
    kinds = ["address", "address", "uint256", "uint256", "uint256", "uint64", "uint32", "uint64"]
    inner = hash_struct(CONTENT_TYPE, ["bytes32", "uint64", "uint32"], content)
    outer = hash_struct(TERMS_TYPE, [*kinds, "uint32", "uint32"], terms)
    return hash_struct(QUOTE_TYPE, ["bytes32", "bytes32"], [inner, outer])


def receipt_hash(values: Sequence[object]) -> bytes:
    kinds = ["bytes32", "bytes32", "uint64", "uint32", "bytes32"]
    return hash_struct(RECEIPT_TYPE, kinds, values)


def registration_hash(values: Sequence[object]) -> bytes:
    return hash_struct(REGISTRATION_TYPE, ["address", "bytes32", "uint64"], values)


def admission_hash(values: Sequence[object]) -> bytes:
    return hash_struct(ADMISSION_TYPE, ["address", "bytes32", "bytes32", "bytes32"], values)
