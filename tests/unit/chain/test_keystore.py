"""Accounts on disk: unlocked by their password alone, never shown."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
from eth_account import Account as EthAccount
from eth_account.messages import encode_typed_data

from pekanu.chain import Account, Keystore
from pekanu.errors import KeystoreError

KEY = "0x" + "4c" * 32
DOCUMENT = {
    "types": {
        "EIP712Domain": [{"name": "name", "type": "string"}],
        "Word": [{"name": "value", "type": "uint256"}],
    },
    "primaryType": "Word",
    "domain": {"name": "test"},
    "message": {"value": 7},
}


@pytest.fixture
def keystore(tmp_path: Path) -> Keystore:
    return Keystore(tmp_path / "keystore", work_factor=2)


def test_create__when_unlocked_with_its_password__signs_as_itself(keystore: Keystore) -> None:
    stored = keystore.create("alice", "secret")

    by_name = keystore.unlock("alice", "secret")
    by_address = keystore.unlock(stored.address.lower(), "secret")

    assert by_name.address == by_address.address == stored.address
    signature = by_name.sign_typed_data(DOCUMENT)
    assert len(signature) == 65
    assert signature[64] in {27, 28}
    signable = encode_typed_data(full_message=DOCUMENT)
    assert EthAccount.recover_message(signable, signature=signature) == stored.address


def test_unlock__when_the_password_is_wrong__is_refused(keystore: Keystore) -> None:
    keystore.create("alice", "secret")

    with pytest.raises(KeystoreError, match="password of 'alice' is wrong"):
        keystore.unlock("alice", "guess")


@pytest.mark.parametrize("name", ["bob", "0x12", "0x" + "11" * 20])
def test_unlock__when_there_is_none__is_refused(keystore: Keystore, name: str) -> None:
    keystore.create("alice", "secret")

    with pytest.raises(KeystoreError):
        keystore.unlock(name, "secret")


def test_create__when_stored__only_the_owner_can_read_it(keystore: Keystore) -> None:
    path = keystore.create("alice", "secret").path

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_create__when_the_name_is_taken__keeps_the_first(keystore: Keystore) -> None:
    first = keystore.create("alice", "secret")

    with pytest.raises(KeystoreError, match="is here already"):
        keystore.create("alice", "secret")
    assert keystore.list() == [first]


@pytest.mark.parametrize("name", ["", "../alice", "a/b", ".hidden", "0xalice", "a" * 64, "a b"])
def test_create__when_the_name_is_none__is_refused(keystore: Keystore, name: str) -> None:
    with pytest.raises(KeystoreError, match="cannot name an account"):
        keystore.create(name, "secret")


def test_import_key__when_it_is_one__has_its_address(keystore: Keystore) -> None:
    stored = keystore.import_key("bob", KEY, "secret")

    assert stored.address == EthAccount.from_key(KEY).address
    with pytest.raises(KeystoreError, match="is here already"):
        keystore.import_key("other", KEY, "secret")


@pytest.mark.parametrize("key", ["", "0x12", "4c" * 31, "zz" * 32, "00" * 32, "ff" * 32])
def test_import_key__when_it_is_none__is_refused_without_repeating_it(
    keystore: Keystore, key: str
) -> None:
    with pytest.raises(KeystoreError) as caught:
        keystore.import_key("bob", key, "secret")

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert keystore.list() == []


def test_import_file__when_another_program_wrote_it__is_unlocked(
    keystore: Keystore, tmp_path: Path
) -> None:
    path = tmp_path / "UTC--key"
    document = EthAccount.encrypt(KEY, "theirs", kdf="pbkdf2", iterations=2)
    path.write_text(json.dumps(document))

    keystore.import_file("bob", path, "theirs", "ours")

    assert keystore.unlock("bob", "ours").address == EthAccount.from_key(KEY).address
    with pytest.raises(KeystoreError, match="wrong"):
        keystore.import_file("carol", path, "ours")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"address": "' + "11" * 20 + '"}'])
def test_unlock__when_the_file_is_damaged__is_refused(keystore: Keystore, text: str) -> None:
    keystore.create("alice", "secret").path.write_text(text)

    with pytest.raises(KeystoreError):
        keystore.unlock("alice", "secret")


def test_unlock__when_the_file_names_another_address__is_refused(keystore: Keystore) -> None:
    path = keystore.create("alice", "secret").path
    path.write_text(json.dumps(json.loads(path.read_text()) | {"address": "11" * 20}))

    with pytest.raises(KeystoreError, match="another account's key"):
        keystore.unlock("alice", "secret")


def test_account__when_shown_or_pickled__keeps_its_key() -> None:
    account = Account.from_key(KEY)

    assert repr(account) == f"Account({account.address})"
    assert KEY[2:] not in repr(account) + str(account)
    with pytest.raises(TypeError):
        pickle.dumps(account)
