"""Channel keys: an X25519 key of a node, bound to a wallet by the wallet's signature.

The binding is EIP-712 in the market's domain, so that a key signed for one chain or market is
none on another. A worker's key also stands in its announcement on chain. What is not here: how
the keys protect requests (`channel`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey

from pekanu.errors import InvalidMessage, InvalidProof
from pekanu.eth_signing import Account, BadSignature, ValidationError
from pekanu.market.task import DOMAIN_NAME, DOMAIN_VERSION, MarketDomain
from pekanu.market.typed_data import get_signable
from pekanu.types import Address

#: Seconds for which a fresh binding is signed: a year; a node signs anew at each start.
BINDING_LIFETIME: Final = 365 * 24 * 3600


class WalletSigner(Protocol):
    """A wallet that signs typed data, such as `pekanu.chain.Account`."""

    @property
    def address(self) -> Address:
        """The wallet's address."""
        ...

    def sign_typed_data(self, document: dict[str, Any], /) -> bytes:
        """Return the 65-byte signature r, s, v of an EIP-712 document."""
        ...


def build_channel_key(
    domain: MarketDomain, owner: Address, key: bytes, expiry: int
) -> dict[str, Any]:
    """Return the typed data by which a wallet binds a channel key until `expiry`."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "ChannelKey": [
                {"name": "owner", "type": "address"},
                {"name": "key", "type": "bytes32"},
                {"name": "expiry", "type": "uint64"},
            ],
        },
        "primaryType": "ChannelKey",
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": domain.market,
        },
        "message": {"owner": owner, "key": key, "expiry": expiry},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelBinding:
    """A channel key with the wallet's signature over it."""

    owner: Address
    #: The X25519 public key.
    key: bytes
    #: Last second, by the wall clock, at which the key counts.
    expiry: int
    signature: bytes

    def validate(self, domain: MarketDomain, now: float) -> None:
        """Check the time and the signature; takes some milliseconds.

        Raises:
            InvalidProof: The key is expired, or the owner did not sign it.
        """
        if now > self.expiry:
            raise InvalidProof(f"the channel key of {self.owner} is expired")
        document = build_channel_key(domain, self.owner, self.key, self.expiry)
        try:
            signer = Account.recover_message(get_signable(document), signature=self.signature)
        except (BadSignature, ValidationError, ValueError, TypeError) as error:
            raise InvalidProof(f"{self.owner} did not sign its channel key") from error
        if signer != self.owner:
            raise InvalidProof(f"{self.owner} did not sign its channel key")


class ChannelIdentity:
    """A node's own channel key, secret half included, with its binding.

    Args:
        secret: The X25519 secret key.
        binding: The wallet's signature over the public half.
    """

    def __init__(self, secret: PrivateKey, binding: ChannelBinding) -> None:
        """Keep both; `from_wallet` and `load` are how to get them."""
        self.secret = secret
        self.binding = binding

    @classmethod
    def from_wallet(
        cls,
        wallet: WalletSigner,
        domain: MarketDomain,
        *,
        now: float,
        secret: PrivateKey | None = None,
    ) -> ChannelIdentity:
        """Return an identity that the wallet just signed, with a fresh key unless one is given."""
        secret = secret or PrivateKey.generate()
        key, expiry = bytes(secret.public_key), int(now) + BINDING_LIFETIME
        signature = wallet.sign_typed_data(build_channel_key(domain, wallet.address, key, expiry))
        binding = ChannelBinding(
            owner=wallet.address, key=key, expiry=expiry, signature=bytes(signature)
        )
        return cls(secret, binding)

    @classmethod
    def load(
        cls, path: Path, wallet: WalletSigner, domain: MarketDomain, *, now: float
    ) -> ChannelIdentity:
        """Return the identity whose secret lies in a file, made there at the first call.

        A worker keeps its key so, because its announcement on chain names it.

        Raises:
            InvalidMessage: The file holds no key.
        """
        return cls.from_wallet(wallet, domain, now=now, secret=load_channel_secret(path))


def load_channel_secret(path: Path) -> PrivateKey:
    """Return the secret channel key in a file, made there at the first call; nothing is signed.

    Raises:
        InvalidMessage: The file holds no key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(bytes(PrivateKey.generate()))
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    try:
        return PrivateKey(path.read_bytes())
    except (CryptoError, TypeError) as error:
        raise InvalidMessage(f"{path} holds no channel key") from error


def get_key_path(home: Path, account: Address) -> Path:
    """Return where who announces itself keeps its channel key, which the announcement names."""
    return home / "keystore" / "channels" / f"{account.lower()}.key"
