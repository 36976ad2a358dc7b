"""Calls are tried one after the other, where the chain's node can; nothing is sent."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pekanu.chain import Account, Connection, MarketContract, RpcError
from pekanu.chain.simulation import try_in_turn
from pekanu.chain.storage_deploy import build_server_deployment
from pekanu.errors import InsufficientFunds, TransactionReverted
from pekanu.types import Wei


class OneByOne:
    """A chain's node that tries one call alone.

    Args:
        chain: Does the rest.
        code: With which it refuses several.
    """

    def __init__(self, chain: Connection, code: int) -> None:
        self._chain, self._code = chain, code

    async def request(self, method: str, *params: object) -> Any:
        if method == "eth_simulateV1":
            raise RpcError(method, "the method does not exist", code=self._code)
        return await self._chain.request(method, *params)

    async def get_balance(self, account: Any) -> Wei:
        return await self._chain.get_balance(account)


async def test_try__of_calls_that_rest_on_each_other__then_each_has_its_gas(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract
) -> None:
    me, other = accounts[0].address, accounts[1].address
    deposit, withdraw = (me, market.deposit(Wei(100))), (me, market.withdraw(Wei(100)))

    assert all(one.gas > 20_000 for one in await try_in_turn(chain, [deposit, withdraw]))

    alone = await try_in_turn(chain, [withdraw])
    assert isinstance(alone[0].failure, TransactionReverted)
    after = await try_in_turn(chain, [deposit, withdraw, withdraw, deposit])
    assert [bool(one.gas) for one in after] == [True, True, False, False]
    assert isinstance(after[2].failure, TransactionReverted)
    assert after[2].failure.message == alone[0].failure.message
    assert after[3].is_untried
    strangers = await try_in_turn(chain, [(other, market.deposit(Wei(100))), withdraw])
    assert strangers[1].failure is not None
    assert await market.fetch_ledger(me) == 0


async def test_try__of_more_than_the_account_has__then_that_is_the_reason(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract
) -> None:
    deposit = accounts[0].address, market.deposit(Wei(10**30))

    for turns in ([deposit], [deposit, deposit]):
        found = await try_in_turn(chain, turns)
        assert isinstance(found[0].failure, InsufficientFunds)
        assert all(one.is_untried for one in found[1:])


async def test_try__beside_a_contract_that_is_made__then_each_alone(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract
) -> None:
    me = accounts[0].address
    made = me, build_server_deployment(me, accounts[1].address, Wei(1))

    found = await try_in_turn(chain, [made, (me, market.deposit(Wei(1)))])

    assert found[0].gas > 1_000_000
    assert found[1].gas > 20_000


@pytest.mark.parametrize("code", [-32601, -32004])
async def test_try__where_the_node_tries_one_alone__then_the_first_is_tried(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract, code: int
) -> None:
    me = accounts[0].address
    node = cast("Connection", OneByOne(chain, code))

    found = await try_in_turn(node, [(me, market.deposit(Wei(1))), (me, market.withdraw(Wei(1)))])

    assert found[0].gas > 20_000
    assert found[1].is_untried
