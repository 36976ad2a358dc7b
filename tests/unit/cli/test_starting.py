"""What a command's process spares itself is there as soon as somebody wants it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from pekanu.cli import starting
from pekanu.cli.starting import collect_seldom
from pekanu.cli.worker import until_signal

PROGRAM = """
import os, sys
from pekanu.cli.starting import spare
from pekanu.stand_ins import StandIn
spare("store")
import eth_utils
from eth_typing import ChainId
assert isinstance(sys.modules["eth_typing.networks"], StandIn), "the chains were loaded"
assert isinstance(sys.modules["eth_utils.network"], StandIn), "their names were loaded"
assert ChainId.ETH.value == 1
assert ChainId(1) is ChainId.ETH
assert eth_utils.name_from_chain_id(1) == "Ethereum Mainnet"
assert not isinstance(sys.modules["eth_utils.network"], StandIn)
"""

DECLARATIONS = """
import sys
from pekanu.cli.starting import spare
spare("store")
from Crypto.Cipher import AES
from Crypto.Hash import keccak
assert "pycparser" not in sys.modules, "declarations were parsed"
assert keccak.new(digest_bits=256, data=b"").hexdigest()[:8] == "c5d24601"
cipher = AES.new(bytes(16), AES.MODE_CTR, nonce=bytes(8))
assert cipher.encrypt(bytes(16)).hex() == "66e94bd4ef8a2c3b884cfa59ca342b2e"
import cffi
assert cffi.FFI().sizeof("int")
"""

AFTER_OTHERS = """
import eth_utils, sys
from pekanu.cli.starting import spare
spare("store")
assert sys.modules["eth_utils.network"].name_from_chain_id is eth_utils.name_from_chain_id
"""


@pytest.mark.parametrize("program", [PROGRAM, AFTER_OTHERS, DECLARATIONS])
def test_spare__when_what_is_spared_is_asked_for__then_it_is_there(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("first", ["store", "worker"])
def test_spare__when_the_user_chose_otherwise__then_that_stays(first: str) -> None:
    code = "import os; from pekanu.cli.starting import spare; spare({!r}); print({}, {})".format(
        first,
        "os.environ.get('OPENBLAS_NUM_THREADS')",
        "os.environ.get('PYDANTIC_DISABLE_PLUGINS')",
    )

    def run(**chosen: str) -> str:
        given = ("OPENBLAS_NUM_THREADS", "PYDANTIC_DISABLE_PLUGINS")
        own = {key: value for key, value in os.environ.items() if key not in given}
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**own, **chosen},
        )
        return done.stdout.strip()

    assert run() == ("1 __all__" if first == "store" else "None __all__")
    assert run(OPENBLAS_NUM_THREADS="3", PYDANTIC_DISABLE_PLUGINS="x") == "3 x"


async def test_until_signal__when_a_process_stays__then_garbage_is_collected_as_usual() -> None:
    before, seen = gc.get_threshold(), []

    async def work() -> None:
        seen.append(gc.get_threshold())

    try:
        collect_seldom()
        await until_signal(work())
    finally:
        gc.set_threshold(*before)
    assert seen == [starting._USUAL]
    assert starting._USUAL[0] < starting._COLLECT_AFTER
