"""What a client seals to itself, and lets be sealed to it: a manifest's key, the link on chain.

All of it derives from one signature of the wallet, which is the same each time: wallet and chain
are enough to find and read everything again, on any machine. Not here: chunks' encryption
(`pekanu.storage.domains`), the channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox

from pekanu.errors import InvalidMessage
from pekanu.storage.domains import EncryptionDomain, derive_key
from pekanu.storage.link import Link
from pekanu.types import Address, Hash32

if TYPE_CHECKING:
    from pekanu.node.channel_keys import WalletSigner

_WARNING: Final = (
    "This signature is the key to everything that this wallet stores. Sign it nowhere else."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageSecret:
    """The 32 bytes from which a client's keys derive."""

    secret: bytes

    @classmethod
    def from_wallet(cls, wallet: WalletSigner) -> StorageSecret:
        """Return the secret of a wallet, whose signatures are deterministic (RFC 6979)."""
        signature = wallet.sign_typed_data(build_secret_request(wallet.address))
        return cls(secret=derive_key(bytes(signature), "client secret"))

    @property
    def own_domain(self) -> EncryptionDomain:
        """The encryption domain of this client alone."""
        return EncryptionDomain.own(self.secret)

    @property
    def sealing_key(self) -> Hash32:
        """The public key to which links are sealed."""
        return Hash32(bytes(self._private_key.public_key))

    @property
    def _private_key(self) -> PrivateKey:
        return PrivateKey(derive_key(self.secret, "links"))

    def seal_memo(self, manifest_key: bytes, nonce: bytes) -> bytes:
        """Return the memo of a link: the manifest's key, sealed to oneself.

        Args:
            manifest_key: 32 bytes.
            nonce: 24 fresh random bytes.
        """
        box = SecretBox(derive_key(self.secret, "memos"))
        return bytes(box.encrypt(manifest_key, nonce))

    def open_memo(self, memo: bytes) -> bytes:
        """Return the manifest's key from a memo.

        Raises:
            InvalidMessage: The memo was not sealed by this wallet.
        """
        try:
            return bytes(SecretBox(derive_key(self.secret, "memos")).decrypt(memo))
        except (CryptoError, ValueError) as error:
            raise InvalidMessage("the link's memo is not this wallet's") from error

    def open_link(self, sealed_link: bytes) -> Link:
        """Return a link that a provider put on chain for this client.

        Raises:
            InvalidMessage: It was not sealed to this wallet, or is no link.
        """
        try:
            return Link.decode(bytes(SealedBox(self._private_key).decrypt(sealed_link)))
        except (CryptoError, ValueError) as error:
            raise InvalidMessage("the sealed link is not this wallet's") from error

    def get_manifest_key(self, content: bytes) -> bytes:
        """Return the key of a manifest; another for every content."""
        return derive_key(derive_key(self.secret, "manifests") + content, "manifest")


def seal_link(link: Link, sealing_key: bytes) -> bytes:
    """Return a link that only the owner of a sealing key can read.

    Raises:
        InvalidMessage: Nothing can be sealed to that key.
    """
    try:
        return bytes(SealedBox(PublicKey(sealing_key)).encrypt(link.encode()))
    except (CryptoError, ValueError) as error:
        raise InvalidMessage("nothing can be sealed to the client's key") from error


def build_secret_request(owner: Address) -> dict[str, Any]:
    """Return the document whose signature is a client's secret; it belongs to no contract."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
            ],
            "StorageSecret": [
                {"name": "owner", "type": "address"},
                {"name": "warning", "type": "string"},
            ],
        },
        "primaryType": "StorageSecret",
        "domain": {"name": "Pekanu storage secret", "version": "1"},
        "message": {"owner": owner, "warning": _WARNING},
    }
