import random
import subprocess
import sys

import pytest
from eth_keys import KeyAPI
from eth_keys.backends import CoinCurveECCBackend, NativeECCBackend
from eth_keys.backends.coincurve import is_coincurve_available

from pekanu.eth_signing import SECP256K1_ORDER

PROGRAM = """
import sys
from pekanu.eth_signing import Account, BLS12_381_ORDER, SECP256K1_ORDER
account = Account.create()
document = Account.encrypt(account.key, "secret", iterations=4096)
assert Account.decrypt(document, "secret") == account.key
assert not any(name.startswith("py_ecc") for name in sys.modules), "the curves were loaded"
assert sys.getrecursionlimit() <= 1000

import eth_keyfile
key = bytes(31) + bytes([7])
document = eth_keyfile.create_keyfile_json(key, b"password", version=4, iterations=4096)

from py_ecc.bls import G2ProofOfPossession
from py_ecc.bls12_381 import curve_order
from py_ecc.secp256k1 import N
assert document["pubkey"] == G2ProofOfPossession.SkToPk(7).hex()
assert (BLS12_381_ORDER, SECP256K1_ORDER) == (curve_order, N)
"""

AFTER_OTHERS = """
import eth_keyfile.keyfile, py_ecc.bls12_381, sys
from pekanu.eth_signing import Account
assert sys.modules["py_ecc.bls12_381"] is py_ecc.bls12_381
assert eth_keyfile.keyfile.curve_order == py_ecc.bls12_381.curve_order
"""


def test_import__when_nothing_else_was_imported__then_no_curves_are_and_yet_all_works() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_import__when_the_curves_are_there_already__then_they_stay() -> None:
    subprocess.run([sys.executable, "-c", AFTER_OTHERS], check=True, timeout=60)


@pytest.mark.skipif(not is_coincurve_available(), reason="no wheel of coincurve here")
def test_sign__when_by_either_library__then_the_same_signature() -> None:
    # What a client stores is found again by a signature: it must not change with the library.
    fast, slow = KeyAPI(CoinCurveECCBackend()), KeyAPI(NativeECCBackend())
    draw = random.Random(7)
    keys = [1, 2, SECP256K1_ORDER - 1, *(draw.randrange(1, SECP256K1_ORDER) for _ in range(20))]
    for key in keys:
        for message in (bytes(32), b"\xff" * 32, draw.randbytes(32)):
            secret = key.to_bytes(32, "big")
            signature = fast.PrivateKey(secret).sign_msg_hash(message)
            assert signature == slow.PrivateKey(secret).sign_msg_hash(message)
            assert slow.ecdsa_recover(message, signature) == fast.PrivateKey(secret).public_key
