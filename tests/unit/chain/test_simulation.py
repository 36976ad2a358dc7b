"""Why a call fails, and what replaces a fee."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from pekanu.chain import RpcError
from pekanu.chain.simulation import Fees, get_reason
from pekanu.types import Wei


@pytest.mark.parametrize(
    ("text", "data", "reason"),
    [
        ("execution reverted", "08c379a0" + encode(["string"], ["market: no"]).hex(), "market: no"),
        ("execution reverted: market: no", "", "market: no"),
        ("execution reverted", "", ""),
        ("execution reverted", "4e487b71" + encode(["uint256"], [17]).hex(), "panic 0x11"),
        ("execution reverted", "08c379a0ff", "0x08c379a0ff"),
        ("execution reverted", "12345678", "0x12345678"),
    ],
)
def test_get_reason__when_a_contract_reverts__gives_its_words(
    text: str, data: str, reason: str
) -> None:
    assert get_reason(RpcError("eth_call", text, data=bytes.fromhex(data))) == reason


def test_bump__when_the_market_stands_still__offers_an_eighth_more() -> None:
    old = Fees(max_fee=Wei(800), tip=Wei(0))

    assert old.bump(Fees(max_fee=Wei(10), tip=Wei(5))) == Fees(max_fee=Wei(901), tip=Wei(5))


def test_bump__when_the_market_has_risen__follows_it() -> None:
    old, market = Fees(max_fee=Wei(80), tip=Wei(8)), Fees(max_fee=Wei(1000), tip=Wei(100))

    assert old.bump(market) == market
