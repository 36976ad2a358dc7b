"""An account: an address and the right to sign for it.

Not here: where keys are kept on disk (`keystore`) and how a transaction reaches the chain
(`transactions`). The key is held by `eth_account` alone and is never shown, logged or pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pekanu.errors import KeystoreError
from pekanu.types import Address, Hash32

if TYPE_CHECKING:
    from pekanu.eth_signing import LocalAccount

#: A public mnemonic: the accounts of every development chain. Never send real money to them.
DEVELOPMENT_MNEMONIC: Final = "test test test test test test test test test test test junk"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedTransaction:
    """A transaction that is ready to be broadcast."""

    raw: bytes
    hash: Hash32


class Account:
    """An unlocked account, which signs and never shows its key.

    Args:
        signer: The `eth_account` signer that holds the key.
    """

    __slots__ = ("_signer", "address")

    def __init__(self, signer: LocalAccount) -> None:
        self._signer = signer
        self.address = Address(str(signer.address))

    @classmethod
    def from_key(cls, key: bytes | str) -> Account:
        """Return the account of a private key: 32 bytes, or their hex digits.

        Raises:
            KeystoreError: It is no private key; the message does not repeat it.
        """
        from pekanu.eth_signing import Account as EthAccount  # noqa: PLC0415 - slow to import

        try:
            return cls(EthAccount.from_key(key))
        except Exception:  # noqa: BLE001 - any of a dozen classes, whose texts may hold the key
            failed = True
        if failed:
            raise KeystoreError("this is not a private key", hint="a key is 64 hex digits")
        raise AssertionError  # pragma: no cover - not reached

    @classmethod
    def create(cls) -> Account:
        """Return an account with a fresh key from the operating system's randomness."""
        from pekanu.eth_signing import Account as EthAccount  # noqa: PLC0415

        return cls(EthAccount.create())

    def sign_transaction(self, fields: dict[str, Any]) -> SignedTransaction:
        """Return a transaction signed, from the fields of an EIP-1559 transaction."""
        signed = self._signer.sign_transaction(fields)
        return SignedTransaction(raw=bytes(signed.raw_transaction), hash=Hash32(bytes(signed.hash)))

    def sign_typed_data(self, document: dict[str, Any]) -> bytes:
        """Return the 65 bytes r, s, v (27 or 28) of an EIP-712 document. Source: EIP-712."""
        signed = self._signer.sign_typed_data(full_message=document)
        return bytes(signed.signature)

    def encrypt(self, password: str, *, work_factor: int | None = None) -> dict[str, Any]:
        """Return the account as a Web3 Secret Storage document, version 3.

        Args:
            password: What unlocks it again.
            work_factor: Scrypt's N, a power of two; None takes 2^18, about a second.
        """
        from pekanu.eth_signing import Account as EthAccount  # noqa: PLC0415

        document = EthAccount.encrypt(
            self._signer.key, password, kdf="scrypt", iterations=work_factor
        )
        return dict(document)

    def __repr__(self) -> str:
        return f"Account({self.address})"

    def __reduce__(self) -> NoReturn:
        message = "an unlocked account is not pickled"
        raise TypeError(message)


def get_development_keys(count: int) -> tuple[str, ...]:
    """Return the first keys of the public development mnemonic, as 0x-hex.

    FOR DEVELOPMENT ONLY: everybody knows these keys.
    """
    from pekanu.eth_signing import Account as EthAccount  # noqa: PLC0415

    EthAccount.enable_unaudited_hdwallet_features()
    return tuple(
        "0x"
        + bytes(
            EthAccount.from_mnemonic(
                DEVELOPMENT_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}"
            ).key
        ).hex()
        for index in range(count)
    )
