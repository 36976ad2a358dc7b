"""Sending: each call happens once, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pekanu.chain import (
    Account,
    Call,
    Connection,
    Devnet,
    MarketContract,
    MemoryPendingStore,
    PendingState,
    PendingTransaction,
    Sender,
    SenderOptions,
)
from pekanu.errors import (
    InsufficientFunds,
    TransactionDropped,
    TransactionReverted,
    UsageError,
)
from pekanu.market.task import Task
from pekanu.types import Wei

ETHER = Wei(10**18)
#: Longer than any wait here, to fail rather than hang.
PATIENCE = 20


class PowerCut(BaseException):
    """The process ends here."""


class CutStore(MemoryPendingStore):
    """A store whose process dies right after a transaction was written down."""

    def save(self, transaction: PendingTransaction) -> None:
        super().save(transaction)
        raise PowerCut


async def wait_until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 - another process decides
            await asyncio.sleep(0.01)


async def wait_for_attempts(store: MemoryPendingStore, key: str, count: int) -> PendingTransaction:
    async def tried() -> bool:
        pending = store.load(key)
        return pending is not None and len(pending.attempts) >= count

    await wait_until(tried)
    pending = store.load(key)
    assert pending is not None
    return pending


async def wait_for_pool(chain: Connection, transactions: int) -> None:
    async def arrived() -> bool:
        return int((await chain.request("txpool_status"))["pending"], 16) >= transactions

    await wait_until(arrived)


async def test_send__when_the_call_is_good__returns_what_it_did(
    sender: Sender, market: MarketContract
) -> None:
    receipt = await sender.send(market.deposit(ETHER), key="a")

    assert receipt.succeeded
    assert receipt.sender == sender.account.address
    assert receipt.fee == receipt.gas_used * receipt.gas_price > 0
    assert [log.address for log in receipt.logs] == [market.address]
    assert await market.fetch_ledger(sender.account.address) == ETHER


async def test_send__when_fifty_come_at_once__all_are_mined(
    sender: Sender, market: MarketContract
) -> None:
    calls = (sender.send(market.deposit(Wei(1)), key=f"race {index}") for index in range(50))

    receipts = await asyncio.gather(*calls)

    assert len({receipt.transaction for receipt in receipts}) == 50
    assert await market.fetch_ledger(sender.account.address) == 50


@pytest.mark.parametrize("automine", [True, False])
async def test_send__when_two_programs_share_an_account__all_are_mined(
    chain: Connection,
    devnet: Devnet,
    accounts: tuple[Account, ...],
    market: MarketContract,
    *,
    automine: bool,
) -> None:
    senders = [Sender(chain, accounts[0], MemoryPendingStore()) for _ in range(2)]
    devnet.set_automine(automine)
    calls = [
        sender.send(market.deposit(Wei(1)), key=f"race {index}")
        for index in range(4)
        for sender in senders
    ]

    sending = asyncio.gather(*calls)
    if not automine:
        await wait_for_pool(chain, len(calls))
        devnet.mine()
    async with asyncio.timeout(PATIENCE):
        receipts = await sending

    assert len({receipt.transaction for receipt in receipts}) == len(calls)
    assert await market.fetch_ledger(accounts[0].address) == len(calls)


async def test_send__when_it_would_fail__says_the_contracts_reason_and_sends_nothing(
    sender: Sender, store: MemoryPendingStore, market: MarketContract, chain: Connection
) -> None:
    with pytest.raises(TransactionReverted) as caught:
        await sender.send(market.withdraw(Wei(1)), key="a")

    assert caught.value.reason == "market: balance too low"
    assert caught.value.transaction is None
    assert store.load("a") is None
    nonce = await chain.request("eth_getTransactionCount", sender.account.address, "pending")
    assert int(nonce, 16) == 0


async def test_send__when_it_fails_once_mined__says_why_and_where(
    sender: Sender,
    store: MemoryPendingStore,
    devnet: Devnet,
    market: MarketContract,
    task: Task,
) -> None:
    devnet.set_automine(False)
    short = replace(task, offered_until=task.offered_until - 3000)
    sending = asyncio.create_task(sender.send(market.post(short), key="late"))
    await wait_for_pool(sender.chain, 1)
    devnet.advance_time(2000)

    with pytest.raises(TransactionReverted) as caught:
        await sending

    assert caught.value.reason == "market: offer over"
    pending = store.load("late")
    assert pending is not None
    assert caught.value.transaction == "0x" + pending.attempts[0].hash.hex()
    with pytest.raises(TransactionReverted, match="offer over"):
        await sender.send(market.post(short), key="late")


async def test_send__when_the_account_is_empty__says_what_it_has_and_needs(
    chain: Connection, market: MarketContract
) -> None:
    poor = Sender(chain, Account.create(), MemoryPendingStore())

    with pytest.raises(InsufficientFunds, match=r"has 0 ether and market.deposit needs 1 ether"):
        await poor.send(market.deposit(ETHER), key="a")
    with pytest.raises(InsufficientFunds, match="and gas"):
        await poor.send(market.deposit(Wei(0)), key="b")


async def test_send__when_the_account_cannot_pay_the_gas__sends_nothing(
    chain: Connection, devnet: Devnet, market: MarketContract
) -> None:
    poor, store = Account.create(), MemoryPendingStore()
    devnet.request("anvil_setBalance", poor.address, hex(ETHER))

    with pytest.raises(InsufficientFunds):
        await Sender(chain, poor, store).send(market.deposit(ETHER), key="a")

    assert store.load("a") is None


async def test_send__when_the_fee_is_too_low__offers_more_under_the_same_nonce(
    impatient: Sender, store: MemoryPendingStore, devnet: Devnet, market: MarketContract
) -> None:
    devnet.set_automine(False)
    sending = asyncio.create_task(impatient.send(market.deposit(ETHER), key="a"))
    first = (await wait_for_attempts(store, "a", 1)).attempts[0]
    await wait_for_pool(impatient.chain, 1)
    # The fees of the first attempt do not pay for the next block.
    devnet.request("anvil_setNextBlockBaseFeePerGas", hex(first.max_fee * 2))
    devnet.mine()
    assert await market.fetch_ledger(impatient.account.address) == 0
    pending = await wait_for_attempts(store, "a", 2)

    async def mined() -> bool:
        devnet.mine()
        return await market.fetch_ledger(impatient.account.address) > 0

    await wait_until(mined)
    async with asyncio.timeout(PATIENCE):
        receipt = await sending

    assert receipt.transaction != first.hash
    assert pending.attempts[1].max_fee * 8 >= first.max_fee * 9
    assert await market.fetch_ledger(impatient.account.address) == ETHER


async def test_send__when_more_would_pass_the_limit__keeps_its_offer(
    chain: Connection,
    accounts: tuple[Account, ...],
    store: MemoryPendingStore,
    devnet: Devnet,
    market: MarketContract,
) -> None:
    options = SenderOptions(bump_seconds=0.05, max_fee=3 * 10**9)
    sender = Sender(chain, accounts[0], store, options)
    devnet.set_automine(False)
    sending = asyncio.create_task(sender.send(market.deposit(ETHER), key="a"))
    await wait_for_pool(chain, 1)
    await asyncio.sleep(1)
    devnet.mine()

    async with asyncio.timeout(PATIENCE):
        await sending

    pending = store.load("a")
    assert pending is not None
    assert all(attempt.max_fee <= 3 * 10**9 for attempt in pending.attempts)


async def test_send__when_another_program_takes_its_nonce__says_dropped(
    sender: Sender, store: MemoryPendingStore, devnet: Devnet, market: MarketContract
) -> None:
    devnet.set_automine(False)
    call = market.deposit(ETHER)
    sending = asyncio.create_task(sender.send(call, key="a"))
    await wait_for_pool(sender.chain, 1)
    devnet.request(
        "eth_sendTransaction",
        {
            "from": sender.account.address,
            "to": sender.account.address,
            "nonce": "0x0",
            "maxFeePerGas": hex(10**11),
            "maxPriorityFeePerGas": hex(10**11),
            "gas": hex(21000),
        },
    )
    devnet.mine()

    with pytest.raises(TransactionDropped):
        await sending

    pending = store.load("a")
    assert pending is not None
    assert pending.state is PendingState.DROPPED
    with pytest.raises(TransactionDropped):
        await sender.send(call, key="a")
    assert await market.fetch_ledger(sender.account.address) == 0


async def test_send__when_the_key_was_used__returns_the_same_receipt(
    sender: Sender, market: MarketContract
) -> None:
    first = await sender.send(market.deposit(ETHER), key="a")
    again = await sender.send(market.deposit(ETHER), key="a")

    assert again == first
    assert await market.fetch_ledger(sender.account.address) == ETHER


async def test_send__when_the_same_key_comes_twice_at_once__happens_once(
    sender: Sender, market: MarketContract
) -> None:
    first, second = await asyncio.gather(
        sender.send(market.deposit(ETHER), key="a"), sender.send(market.deposit(ETHER), key="a")
    )

    assert first == second
    assert await market.fetch_ledger(sender.account.address) == ETHER


async def test_send__when_the_key_stands_for_another_call__is_refused(
    sender: Sender, market: MarketContract
) -> None:
    await sender.send(market.deposit(ETHER), key="a")

    with pytest.raises(UsageError, match="'a' stands for another"):
        await sender.send(market.deposit(Wei(1)), key="a")


async def test_send__when_the_process_died_before_the_broadcast__happens_once(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract
) -> None:
    store = CutStore()
    call = market.deposit(ETHER)
    with pytest.raises(PowerCut):
        await Sender(chain, accounts[0], store).send(call, key="a")
    written = store.load("a")
    assert written is not None
    assert await market.fetch_ledger(accounts[0].address) == 0
    restarted = MemoryPendingStore()
    restarted.save(PendingTransaction.from_json(written.to_json()))

    receipt = await Sender(chain, accounts[0], restarted).send(call, key="a")

    assert receipt.transaction == written.attempts[0].hash
    assert await market.fetch_ledger(accounts[0].address) == ETHER


async def test_send__when_the_process_died_after_the_broadcast__happens_once(
    sender: Sender, store: MemoryPendingStore, devnet: Devnet, market: MarketContract
) -> None:
    devnet.set_automine(False)
    call = market.deposit(ETHER)
    sending = asyncio.create_task(sender.send(call, key="a"))
    await wait_for_pool(sender.chain, 1)
    sending.cancel()
    restarted = Sender(sender.chain, sender.account, store)

    resumed = asyncio.create_task(restarted.send(call, key="a"))
    await asyncio.sleep(0.1)
    devnet.mine(2)
    async with asyncio.timeout(PATIENCE):
        await resumed

    assert await market.fetch_ledger(sender.account.address) == ETHER
    nonce = await sender.chain.request("eth_getTransactionCount", sender.account.address, "latest")
    assert int(nonce, 16) == 1


async def test_recover__when_a_transaction_was_left_behind__closes_the_gap(
    chain: Connection, accounts: tuple[Account, ...], market: MarketContract
) -> None:
    store = CutStore()
    with pytest.raises(PowerCut):
        await Sender(chain, accounts[0], store).send(market.deposit(ETHER), key="a")
    left = store.load("a")
    assert left is not None
    restarted = MemoryPendingStore()
    restarted.save(left)
    sender = Sender(chain, accounts[0], restarted)

    assert await sender.recover() == [left]
    async with asyncio.timeout(PATIENCE):
        await sender.send(market.deposit(ETHER), key="b")

    assert await market.fetch_ledger(accounts[0].address) == 2 * ETHER


async def test_send__when_a_reorganization_takes_it_away__is_mined_again(
    impatient: Sender, devnet: Devnet, market: MarketContract
) -> None:
    sending = asyncio.create_task(impatient.send(market.deposit(ETHER), key="a", confirmations=3))

    async def mined() -> bool:
        return await market.fetch_ledger(impatient.account.address) > 0

    await wait_until(mined)
    devnet.reorganize(1)
    assert await market.fetch_ledger(impatient.account.address) == 0
    async with asyncio.timeout(PATIENCE):
        while not sending.done():
            await asyncio.sleep(0.1)
            devnet.mine()

    receipt = await sending

    assert receipt.succeeded
    assert await market.fetch_ledger(impatient.account.address) == ETHER


async def test_send__when_confirmations_are_asked__waits_for_them(
    sender: Sender, devnet: Devnet, market: MarketContract
) -> None:
    sending = asyncio.create_task(sender.send(market.deposit(ETHER), key="a", confirmations=2))
    await asyncio.sleep(0.5)
    assert not sending.done()
    devnet.mine()

    async with asyncio.timeout(PATIENCE):
        assert (await sending).succeeded


async def test_send__when_money_goes_to_an_account__it_arrives(
    sender: Sender, chain: Connection
) -> None:
    other = Account.create().address

    await sender.send(Call(to=other, value=ETHER), key="gift")

    assert await chain.get_balance(other) == ETHER
