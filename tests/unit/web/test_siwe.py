"""Signing in with a wallet (EIP-4361): what is believed and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from pekanu.errors import InvalidProof
from pekanu.types import parse_address
from pekanu.web.siwe import Expected, build_message, verify_message

WALLET = Account.from_key("0x" + "11" * 32)
ADDRESS = parse_address(WALLET.address)
NOW = 1_800_000_000.0
EXPECTED = Expected(
    domain="127.0.0.1:8080", origin="http://127.0.0.1:8080", chain_id=1, nonce="abcdef0123", now=NOW
)
#: From the EIP's own example, without the resources.
EXAMPLE = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""


def sign(message: str) -> bytes:
    return bytes(WALLET.sign_message(encode_defunct(text=message)).signature)


def issue(now: float = NOW) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def build(**changes: object) -> str:
    return build_message(ADDRESS, replace(EXPECTED, **changes), issue())


def test_verify__of_our_own_message__then_it_gives_the_account() -> None:
    message = build()
    assert verify_message(message, sign(message), EXPECTED) == ADDRESS


def test_verify__of_the_standards_example__then_only_the_signature_is_missing() -> None:
    expected = Expected(
        domain="example.com",
        origin="https://example.com/login",
        chain_id=1,
        nonce="32891756",
        now=datetime(2021, 9, 30, 16, 26, tzinfo=UTC).timestamp(),
    )
    with pytest.raises(InvalidProof, match="did not sign it"):
        verify_message(EXAMPLE, sign(EXAMPLE), expected)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"domain": "evil.example"}, "another site"),
        ({"origin": "http://evil.example"}, "another site"),
        ({"chain_id": 2}, "another chain"),
        ({"nonce": "fedcba9876"}, "nonce"),
    ],
)
def test_verify__of_a_message_for_elsewhere__then_it_is_refused(
    changes: dict[str, object], reason: str
) -> None:
    message = build(**changes)
    with pytest.raises(InvalidProof, match=reason):
        verify_message(message, sign(message), EXPECTED)


@pytest.mark.parametrize("seconds", [-601, 61])
def test_verify__of_an_old_or_future_message__then_it_is_refused(seconds: int) -> None:
    message = build_message(ADDRESS, EXPECTED, issue(NOW + seconds))
    with pytest.raises(InvalidProof, match="not fresh"):
        verify_message(message, sign(message), EXPECTED)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"Expiration Time: {issue(NOW - 1)}", "expired"),
        (f"Not Before: {issue(NOW + 120)}", "not valid yet"),
        ("Anything: else", "no sign-in message"),
    ],
)
def test_verify__with_another_line__then_it_counts(line: str, reason: str) -> None:
    message = f"{build()}\n{line}"
    with pytest.raises(InvalidProof, match=reason):
        verify_message(message, sign(message), EXPECTED)


def test_verify__without_a_nonce_of_ours__then_it_is_refused() -> None:
    message = build()
    with pytest.raises(InvalidProof, match="nonce"):
        verify_message(message, sign(message), replace(EXPECTED, nonce=""))


@pytest.mark.parametrize("signature", [b"", bytes(65), bytes(64) + b"\x1b"])
def test_verify__with_no_signature__then_it_is_refused(signature: bytes) -> None:
    with pytest.raises(InvalidProof, match="did not sign"):
        verify_message(build(), signature, EXPECTED)


@pytest.mark.parametrize("message", ["", "x" * 5000, EXAMPLE.replace("Version: 1", "Version: 2")])
def test_verify__of_what_is_no_message__then_it_is_refused(message: str) -> None:
    with pytest.raises(InvalidProof, match="no sign-in message"):
        verify_message(message, bytes(65), EXPECTED)
