"""The signed words: hashes by the vectors, documents by the wallets' own library."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data

from pekanu.storage.agreement import Quote, Receipt, StorageDomain
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Hash32, parse_address
from support import storage_vectors as vectors

DOMAIN = vectors.read_domain()
QUOTE = vectors.read_quote()
NAMES = ["receipt", "registration", "admission"]


def get_wallet_digest(message: object) -> bytes:
    """Return what a wallet signs for a message's document."""
    document = build_typed_data(DOMAIN, message)
    return bytes(_hash_eip191_message(encode_typed_data(full_message=document)))


def test_quote_id__of_the_vector__then_its_digest() -> None:
    assert QUOTE.id(DOMAIN).hex() == vectors.load()["signed"]["quote"]["digest"]


@pytest.mark.parametrize("name", NAMES)
def test_digest__of_the_vectors__then_theirs(name: str) -> None:
    assert (
        vectors.read_signed(name).digest(DOMAIN).hex() == vectors.load()["signed"][name]["digest"]
    )


@pytest.mark.parametrize("name", ["quote", *NAMES])
def test_build_typed_data__of_each_message__then_wallets_sign_its_digest(name: str) -> None:
    message = QUOTE if name == "quote" else vectors.read_signed(name)
    expected = message.id(DOMAIN) if isinstance(message, Quote) else message.digest(DOMAIN)
    assert get_wallet_digest(message) == expected


@pytest.mark.parametrize(
    "other",
    [
        replace(DOMAIN, chain_id=1),
        StorageDomain(chain_id=DOMAIN.chain_id, server=parse_address("0x" + "11" * 20)),
    ],
)
def test_quote_id__on_another_chain_or_contract__then_another(other: StorageDomain) -> None:
    assert QUOTE.id(other) != QUOTE.id(DOMAIN)


def test_receipt__for_a_quote__then_it_agrees_with_it() -> None:
    receipt = Receipt.for_quote(QUOTE, DOMAIN, Hash32(bytes(32)))
    assert receipt.agreement_id == QUOTE.id(DOMAIN)
    assert not receipt.contradicts(QUOTE)
    assert not replace(receipt, link_hash=Hash32(b"\1" * 32)).contradicts(QUOTE)


@pytest.mark.parametrize("change", [{"root_commitment": bytes(32)}, {"size": 1}, {"term": 1}])
def test_receipt__with_another_root_size_or_term__then_it_contradicts(
    change: dict[str, object],
) -> None:
    receipt = Receipt.for_quote(QUOTE, DOMAIN, Hash32(bytes(32)))
    assert replace(receipt, **change).contradicts(QUOTE)
