"""The market's door: every call is the contract's, every view and event reads back."""

from __future__ import annotations

import inspect
import typing
from dataclasses import fields, replace

import pytest

from pekanu import contracts
from pekanu.chain import (
    Account,
    Call,
    Connection,
    Cursor,
    Devnet,
    EventBatch,
    EventStream,
    MarketContract,
    MemoryPendingStore,
    Sender,
)
from pekanu.chain.events import EVENTS, Accepted, Delivered, Deposited, Settled
from pekanu.errors import TransactionReverted
from pekanu.market.claim import Claim
from pekanu.market.state import Status
from pekanu.market.task import Task
from pekanu.market.typed_data import build_acceptance, build_approval
from pekanu.types import ZERO_ADDRESS, Hash32

CLAIM = Claim(
    results_root=Hash32(b"\x03" * 32), ciphertext_root=Hash32(b"\x04" * 32), key_x=1, key_y=2
)
#: The referee's calls, which no account makes.
REFEREES = {"open_challenge", "dismiss", "rule_against_worker"}


async def test_two_transactions__when_both_behave__pay_the_worker(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract, task: Task
) -> None:
    client, worker = (Sender(chain, one, MemoryPendingStore()) for one in accounts[:2])
    begin = await chain.fetch_block_number() + 1
    task_id, expiry = task.id(market.domain), task.offered_until
    await worker.send(market.deposit(task.stake), key="deposit")
    accepted = worker.account.sign_typed_data(
        build_acceptance(market.domain, task, worker.account.address, expiry)
    )

    assert len(accepted) == 65
    assert (await market.fetch_task(task_id)).status is Status.NONE
    call = market.post_accepted(task, worker.account.address, expiry, accepted)
    await client.send(call, key="post")
    state = await market.fetch_task(task_id)
    assert (state.status, state.worker) == (Status.ACCEPTED, worker.account.address)
    assert state.deadline == await chain.get_time() + task.compute_window
    assert await market.fetch_ledger(worker.account.address) == 0

    await worker.send(market.deliver(task, CLAIM), key="deliver")
    claim_hash = CLAIM.hash(task_id, worker.account.address)
    assert (await market.fetch_task(task_id)).claim_hash == claim_hash
    approval = client.account.sign_typed_data(build_approval(market.domain, task, claim_hash))
    await worker.send(market.settle(task, CLAIM, approval), key="settle")

    assert (await market.fetch_task(task_id)).status is Status.SETTLED
    assert await market.fetch_ledger(worker.account.address) == task.price + task.stake
    batch = await EventStream(chain, market.address, Cursor(next_block=begin)).poll()
    assert isinstance(batch, EventBatch)
    deposited, bound, delivered, settled = batch.events
    assert isinstance(deposited, Deposited)
    assert isinstance(bound, Accepted)
    assert (bound.task_id, bound.task) == (task_id, task)
    assert isinstance(delivered, Delivered)
    assert (delivered.claim, delivered.worker) == (CLAIM, worker.account.address)
    assert isinstance(settled, Settled)
    assert settled.claim_hash == claim_hash


async def test_post_accepted__when_somebody_else_signed__is_refused(
    sender: Sender, accounts: tuple[Account, ...], market: MarketContract, task: Task
) -> None:
    document = build_acceptance(market.domain, task, accounts[1].address, task.offered_until)
    signature = accounts[2].sign_typed_data(document)
    call = market.post_accepted(task, accounts[1].address, task.offered_until, signature)

    with pytest.raises(TransactionReverted, match="worker did not sign"):
        await sender.send(call, key="post")


async def test_task_id__when_python_and_contract_compute_it__is_the_same(
    market: MarketContract, task: Task
) -> None:
    for one in (task, replace(task, count=7), replace(task, agent=task.client)):
        assert await market.fetch_task_id(one) == one.id(market.domain)


async def test_fetch_task__when_a_demand_is_open__says_which(
    chain: Connection,
    accounts: tuple[Account, ...],
    market: MarketContract,
    task: Task,
    devnet: Devnet,
) -> None:
    client, worker = (Sender(chain, one, MemoryPendingStore()) for one in accounts[:2])
    await client.send(market.post(task), key="post")
    await worker.send(market.accept(task), key="accept")
    await worker.send(market.deliver(task, CLAIM), key="deliver")
    call = market.demand_chunks(task, CLAIM, item=0, first=3, count=5, evidence=b"")
    await client.send(call, key="demand")

    state = await market.fetch_task(task.id(market.domain))

    assert state.status is Status.DEMANDED
    assert state.demand is not None
    assert (state.demand.item, state.demand.first, state.demand.count) == (0, 3, 5)
    assert state.cursor == state.demand.cursor == 1
    with pytest.raises(TransactionReverted, match="too early"):
        await client.send(market.forfeit(task, CLAIM), key="forfeit")
    devnet.advance_time(task.response_window + 1)
    await client.send(market.forfeit(task, CLAIM), key="forfeit")
    owed = task.price + task.stake + 5 * task.chunk_fee
    assert await market.fetch_ledger(client.account.address) == owed


def test_builders__when_compared_with_the_abi__cover_every_call(
    market: MarketContract, task: Task
) -> None:
    samples: dict[object, object] = {
        Task: task,
        Claim: CLAIM,
        bytes: b"\x05" * 32,
        str: "http://worker",
        int: 1,
    }
    built = {}
    for name, method in inspect.getmembers(market, inspect.ismethod):
        hints = typing.get_type_hints(method)
        if hints.get("return") is not Call or name.startswith("_"):
            continue
        required = {
            key: ZERO_ADDRESS if key == "worker" else samples.get(hints[key], 1)
            for key, parameter in inspect.signature(method).parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        built[name] = method(**required)
    functions = contracts.load("Market").functions
    changing = {
        entry["name"]
        for entry in contracts.load("Market").abi
        if entry["type"] == "function" and entry["stateMutability"] in {"nonpayable", "payable"}
    }

    assert set(built) == changing - REFEREES
    for name, call in built.items():
        assert call.to == market.address
        assert call.name == f"market.{name}"
        assert call.data == functions[name].encode(*functions[name].decode_arguments(call.data))


def test_events__when_compared_with_the_abi__have_its_names_and_fields() -> None:
    declared = {event.name: event for event in contracts.load("Market").events.values()}

    assert set(EVENTS) == set(declared)
    for name, kind in EVENTS.items():
        have = {field.name for field in fields(kind)} - {"log"}
        assert have == {field for field, _, _ in declared[name].fields}, name
