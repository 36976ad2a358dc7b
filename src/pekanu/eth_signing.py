"""`eth_account`, imported without the pairing curves that its keyfile library asks for.

`eth_keyfile` reads the keystores of validators (EIP-2335) too and so imports `py_ecc`, which fills
tables of BLS12-381 in Python: half a second, a third of what a short command takes, and the
interpreter's recursion limit set to 100,000. Pekanu's keyfiles want none of it. While `eth_keyfile`
is imported, stand-ins take those modules' places; they fetch the real one when it is called.
Whatever needs `eth_account` imports it from here.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

from pekanu.stand_ins import Later

#: Order of the groups of BLS12-381. Source: draft-irtf-cfrg-pairing-friendly-curves-11, 4.2.1.
BLS12_381_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
#: Order of secp256k1's group. Source: SEC 2, version 2, 2.4.1.
SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _import_keyfile() -> None:
    """Import `eth_keyfile` with stand-ins for all that it wants of `py_ecc`."""
    stands: dict[str, dict[str, Any]] = {
        "py_ecc": {},
        "py_ecc.bls": {"G2ProofOfPossession": Later("py_ecc.bls", "G2ProofOfPossession")},
        "py_ecc.bls12_381": {"curve_order": BLS12_381_ORDER},
        "py_ecc.secp256k1": {"N": SECP256K1_ORDER},
    }
    if "eth_keyfile" in sys.modules or "py_ecc" in sys.modules:
        return
    for module, names in stands.items():
        sys.modules[module] = ModuleType(module)
        vars(sys.modules[module]).update(names)
    try:
        importlib.import_module("eth_keyfile")
    except ImportError:
        # Another version wants more of them: `eth_account` imports it again, with the real ones.
        for module in [name for name in sys.modules if name.partition(".")[0] == "eth_keyfile"]:
            del sys.modules[module]
    finally:
        for module in stands:
            del sys.modules[module]


_import_keyfile()

from eth_account import Account  # noqa: E402, TID251 - after the stand-ins
from eth_account.messages import (  # noqa: E402, TID251
    SignableMessage,
    encode_defunct,
    encode_typed_data,
)
from eth_account.signers.local import LocalAccount  # noqa: E402, TID251
from eth_keys.exceptions import BadSignature  # noqa: E402
from eth_utils.exceptions import ValidationError  # noqa: E402

__all__ = [
    "Account",
    "BadSignature",
    "LocalAccount",
    "SignableMessage",
    "ValidationError",
    "encode_defunct",
    "encode_typed_data",
]
