"""What an agreement on storage costs stays within its targets, and challenges pay for answers."""

from __future__ import annotations

from pekanu.bench.storage_gas import Depot
from pekanu.chain import Account, AddressBook, Connection, Devnet, MemoryPendingStore, Sender
from pekanu.storage.money import get_challenge_fee
from pekanu.types import Wei

#: Source: design/engineering.md, "Benchmarks".
TARGETS = {
    "storage_pay": 80_000,
    "storage_confirm": 35_000,
    "storage_confirm_batched": 12_000,
    "storage_challenge": 35_000,
    "storage_answer": 70_000,
    "storage_fine": 40_000,
}


async def test_gas__of_an_agreement_on_a_gib__then_within_the_targets(
    devnet: Devnet, chain: Connection, accounts: tuple[Account, ...], market_book: AddressBook
) -> None:
    provider, owner = (Sender(chain, one, MemoryPendingStore()) for one in accounts[:2])
    gas: dict[str, int] = {}
    factory = market_book["StorageFactory"].address
    depot = await Depot.open(chain, provider, owner, factory, gas)
    for act in (depot.register, depot.pay, depot.confirm, depot.challenge, depot.answer):
        await act()
    devnet.advance_time(3600)
    await depot.collect()
    await depot.challenge()
    devnet.advance_time(86_401)
    await depot.fine()
    await depot.confirm_many(16)
    assert {name: gas[name] for name in TARGETS if gas[name] > TARGETS[name]} == {}

    base_fee = Wei(3 * 10**9)
    answers = {1: gas["storage_answer"], 32: gas["storage_answer_32_leaves"]}
    for count, cost in answers.items():
        assert get_challenge_fee(count, base_fee) >= 1.5 * cost * base_fee
    assert get_challenge_fee(1, base_fee) >= 1.5 * gas["storage_answer_count"] * base_fee
