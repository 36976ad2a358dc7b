"""`pekanu tasks` on tasks that are put on chain through the Python layers below."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    MarketContract,
    MemoryPendingStore,
    Sender,
)
from pekanu.market.claim import Claim
from pekanu.market.task import Task
from pekanu.types import Address, Hash32, Seconds, Wei
from support.shell import RunningChain, Shell

PRICE, STAKE = 10**15, 2 * 10**15
#: The generator of the curve: any point will do where nobody opens it.
CLAIM = Claim(results_root=Hash32(b"r" * 32), ciphertext_root=Hash32(b"c" * 32), key_x=1, key_y=2)


def _advance(devnet: RunningChain, seconds: int) -> None:
    """Turn the chain's clock on; a block of its own making may come in between."""
    target = _get_time(devnet) + seconds
    for _ in range(50):
        missing = target - _get_time(devnet)
        if missing <= 0:
            return
        _request(devnet, "evm_increaseTime", missing)
        _request(devnet, "evm_mine")
        time.sleep(0.05)
    raise AssertionError("the chain's clock does not go on")


def _get_time(devnet: RunningChain) -> int:
    return int(_request(devnet, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)


def _request(devnet: RunningChain, method: str, *parameters: object) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
    answer = httpx.post(devnet.rpc, json=body, trust_env=False).raise_for_status().json()
    return answer["result"]


async def _prepare(devnet: RunningChain, home: Path, *steps: str) -> str:
    """Return the id of a fresh task after its client and worker took some steps."""
    client, worker = (Account.from_key(key) for key in devnet.keys[6:8])
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, AddressBook.load(home, chain.chain_id).market.address)
        now = await chain.get_time()
        task = Task(
            client=client.address,
            terms=Hash32(b"t" * 32),
            price=Wei(PRICE),
            stake=Wei(STAKE),
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(600),
            audit_window=Seconds(600),
            response_window=Seconds(600),
            chunk_fee=Wei(1),
            salt=Hash32(now.to_bytes(32, "big")),
        )
        calls = {
            "post": (client, market.post(task)),
            "accept": (worker, market.accept(task)),
            "deliver": (worker, market.deliver(task, CLAIM)),
            "demand_key": (client, market.demand_key(task, CLAIM)),
        }
        for step in steps:
            account, call = calls[step]
            await Sender(chain, account, MemoryPendingStore()).send(call, key=step)
        return "0x" + task.id(market.domain).hex()


async def _fetch_ledger(devnet: RunningChain, home: Path, who: int) -> int:
    async with Connection.open(devnet.rpc) as chain:
        market = MarketContract(chain, AddressBook.load(home, chain.chain_id).market.address)
        return await market.fetch_ledger(Address(devnet.addresses[who]))


ENDINGS = {
    "expire": (("post", "accept"), 6, PRICE + STAKE, "EXPIRED"),
    "finalize": (("post", "accept", "deliver"), 7, PRICE + STAKE, "SETTLED"),
    "forfeit": (("post", "accept", "deliver", "demand_key"), 6, PRICE + STAKE, "FORFEITED"),
}


@pytest.mark.parametrize("move", ENDINGS)
def test_do__before_the_deadline__is_refused_and_after_it_pays_whom_it_must(
    market: Shell, devnet: RunningChain, move: str
) -> None:
    steps, winner, amount, status = ENDINGS[move]
    task_id = asyncio.run(_prepare(devnet, market.home, *steps))
    command = ("tasks", task_id, "--do", move, "--account", "bob")
    market(*command).assert_refused(2, f"cannot be ended by {move} now")
    before = asyncio.run(_fetch_ledger(devnet, market.home, winner))
    _advance(devnet, 700)
    assert f"anyone can {move} the task" in market("tasks", task_id).out
    told = market(*command, "--json").json
    assert told["status"] == status
    assert told["turn"] is None
    assert asyncio.run(_fetch_ledger(devnet, market.home, winner)) == before + amount


def test_cancel__by_another_than_the_client__is_refused(
    market: Shell, devnet: RunningChain
) -> None:
    task_id = asyncio.run(_prepare(devnet, market.home, "post"))
    run = market("tasks", task_id, "--do", "cancel", "--account", "bob")
    run.assert_refused(1, "market: not the client")
    assert market("tasks", task_id, "--json").json["status"] == "OPEN"


def test_tasks__listed__show_state_price_and_whose_move_it_is(
    market: Shell, devnet: RunningChain
) -> None:
    task_id = asyncio.run(_prepare(devnet, market.home, "post", "accept"))
    listed = {task["task_id"]: task for task in market("tasks", "--json").json}
    found = listed[task_id]
    assert (found["status"], found["turn"], found["moves"]) == ("ACCEPTED", "worker", [])
    assert found["task"]["price"] == str(PRICE)
    assert [event["event"] for event in found["events"]] == ["Posted", "Accepted"]
    assert task_id[:10] in market("tasks").out


def test_tasks__with_an_id_that_none_has__is_refused(market: Shell) -> None:
    market("tasks", "0xffffffffffffffffff").assert_refused(2, "no task's id begins with")
