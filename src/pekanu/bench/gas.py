"""What each call costs, in gas, from receipts of a development chain under Osaka rules.

Every figure is a whole transaction: intrinsic gas, calldata (with its floor, EIP-7623) and
execution. Slots are fresh where a first use is: each figure comes from parties that have deposited
once and have never traded, on a task of its own.
Source: design/engineering.md, "Benchmarks".
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pekanu.bench import batch
from pekanu.bench.dispute import ADDITION, BOND, STORE, Duel
from pekanu.bench.endless_run import EndlessRun
from pekanu.bench.ringers import Hunt
from pekanu.bench.step_proof import build_worst_proof
from pekanu.bench.storage_gas import Depot
from pekanu.chain import (
    Account,
    Call,
    Connection,
    Devnet,
    MarketContract,
    MemoryPendingStore,
    Receipt,
    Sender,
    deploy,
)
from pekanu.chain.referee_contract import RefereeContract
from pekanu.chain.ringer_contract import RingerContract
from pekanu.contracts import load
from pekanu.crypto import pedersen
from pekanu.crypto.merkle import get_root
from pekanu.dispute.game import Outcome
from pekanu.dispute.moves import Challenge
from pekanu.dispute.place import Side
from pekanu.market import delivery, typed_data
from pekanu.market.claim import Claim, Result
from pekanu.market.delivery import CiphertextTree, build_complaint_evidence, encode_supply_evidence
from pekanu.market.task import Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

_PRICE, _STAKE, _FEE = Wei(10**16), Wei(4 * 10**16), Wei(10**13)
_DEPOSIT: Final = Wei(10**18)
#: A block tree of depth 20: 2^20 leaves, the length among them.
_DEEP: Final = 32 * ((1 << 20) - 1)
#: Items of tasks of which one is disputed, beside tasks of one item.
_BATCHES: Final = (1000, (1 << 32) - 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Party:
    sender: Sender

    @property
    def address(self) -> Address:
        return self.sender.account.address

    @property
    def account(self) -> Account:
        return self.sender.account


@dataclass(kw_only=True)
class _Deal:
    """One task between two parties that have never traded, with its sealed outputs."""

    client: _Party
    worker: _Party
    task: Task
    claim: Claim = field(init=False)
    results: list[Result] = field(init=False)
    tree: CiphertextTree = field(init=False)
    key: int = field(init=False)
    blinding: int = field(init=False)
    #: Evidence of the spoiled place, if there is one.
    complaint: bytes = b""


@dataclass(kw_only=True)
class _Bench:
    devnet: Devnet
    chain: Connection
    market: MarketContract
    figures: dict[str, int] = field(default_factory=dict)
    _sent: int = 0

    async def make_party(self) -> _Party:
        account = Account.create()
        sender = Sender(self.chain, account, MemoryPendingStore())
        rich = Sender(self.chain, self.devnet.accounts[0], MemoryPendingStore())
        gift = Call(to=account.address, data=b"", value=Wei(10 * 10**18), name="gift")
        await rich.send(gift, key=account.address)
        return _Party(sender=sender)

    async def send(self, party: _Party, call: Call, name: str | None = None) -> int:
        receipt = await self.fetch_receipt(party, call)
        if name is not None:
            self.figures[name] = receipt.gas_used
        return receipt.gas_used

    async def fetch_receipt(self, party: _Party, call: Call) -> Receipt:
        """Return what a call did, once it is mined."""
        self._sent += 1
        return await party.sender.send(call, key=f"bench {self._sent}")

    async def open_deal(self, outputs: Sequence[bytes], corrupt: int | None = None) -> _Deal:
        """Return a deal whose parties have deposited; `corrupt` is a byte to spoil."""
        client, worker = await self.make_party(), await self.make_party()
        for party in (client, worker):
            await self.send(party, self.market.deposit(_DEPOSIT), "deposit")
        now = await self.chain.get_time()
        task = Task(
            client=client.address,
            agent=ZERO_ADDRESS,
            referee=ZERO_ADDRESS,
            terms=Hash32(secrets.token_bytes(32)),
            count=len(outputs),
            price=_PRICE,
            stake=_STAKE,
            offered_until=Seconds(now + 3600),
            compute_window=Seconds(3600),
            audit_window=Seconds(3600),
            response_window=Seconds(600),
            chunk_fee=_FEE,
            salt=Hash32(secrets.token_bytes(32)),
        )
        deal = _Deal(client=client, worker=worker, task=task)
        self._seal(deal, outputs, corrupt)
        return deal

    def _seal(self, deal: _Deal, outputs: Sequence[bytes], corrupt: int | None) -> None:
        deal.key = secrets.randbelow(pedersen.ORDER)
        deal.blinding = secrets.randbelow(pedersen.ORDER)
        sealed = delivery.seal(deal.task.id(self.market.domain), deal.key, outputs)
        ciphertext = sealed.ciphertext
        if corrupt is not None:
            ciphertext[corrupt] ^= 1
        deal.results = [
            Result(output_root=root, output_size=size)
            for root, size in zip(sealed.output_roots, sealed.output_sizes, strict=True)
        ]
        deal.tree = CiphertextTree(sealed.output_sizes, ciphertext)
        x, y = pedersen.commit(deal.key, deal.blinding)
        deal.claim = Claim(
            results_root=get_root([result.leaf() for result in deal.results]),
            ciphertext_root=deal.tree.root,
            key_x=x,
            key_y=y,
        )
        if corrupt is not None:
            task_id = deal.task.id(self.market.domain)
            found = delivery.audit(task_id, deal.key, deal.results, ciphertext)
            if isinstance(found, delivery.Complaint):
                shown = build_complaint_evidence(deal.tree, deal.results, found)
                deal.complaint = shown.encode(deal.key, deal.blinding)

    async def accept(self, deal: _Deal, name: str | None = None) -> int:
        expiry = Seconds(await self.chain.get_time() + 300)
        document = typed_data.build_acceptance(
            self.market.domain, deal.task, deal.worker.address, expiry
        )
        signature = deal.worker.account.sign_typed_data(document)
        call = self.market.post_accepted(deal.task, deal.worker.address, expiry, signature)
        return await self.send(deal.client, call, name)

    async def settle(self, deal: _Deal, name: str | None = None) -> int:
        claim_hash = deal.claim.hash(deal.task.id(self.market.domain), deal.worker.address)
        document = typed_data.build_approval(self.market.domain, deal.task, claim_hash)
        signature = deal.client.account.sign_typed_data(document)
        call = self.market.settle(deal.task, deal.claim, signature)
        return await self.send(deal.worker, call, name)

    async def deliver(self, deal: _Deal, *, is_measured: bool = True) -> None:
        await self.accept(deal)
        delivery = self.market.deliver(deal.task, deal.claim)
        await self.send(deal.worker, delivery, "deliver" if is_measured else None)


async def measure() -> dict[str, int]:
    """Return gas by name; `honest_task_total` is both transactions of an honest task."""
    with Devnet() as devnet:
        async with Connection.open(devnet.rpc) as chain:
            sender = Sender(chain, devnet.accounts[0], MemoryPendingStore())
            book = await deploy(sender)
            market = MarketContract(chain, book.market.address)
            bench = _Bench(devnet=devnet, chain=chain, market=market)
            await _measure_deployment(bench)
            await _measure_honest(bench)
            found = await batch.measure()
            bench.figures[f"batch_{batch.COUNT}_per_item"] = -(-found.gas // batch.COUNT)
            await _measure_fallbacks(bench)
            await _measure_complaints(bench)
            await _measure_step(bench, book["MachineStep"].address)
            referee = RefereeContract(chain, book["BisectionReferee"].address)
            await _measure_disputes(bench, referee)
            ringers = RingerContract(chain, book["RingerReferee"].address)
            for count in (1, 2, 8, 32):
                await _measure_ringers(bench, ringers, count)
            await _measure_storage(bench, book["StorageFactory"].address)
            return dict(sorted(bench.figures.items()))


async def measure_disputes() -> dict[str, int]:
    """Return the figures of disputes alone."""
    with Devnet() as devnet:
        async with Connection.open(devnet.rpc) as chain:
            book = await deploy(Sender(chain, devnet.accounts[0], MemoryPendingStore()))
            market = MarketContract(chain, book.market.address)
            bench = _Bench(devnet=devnet, chain=chain, market=market)
            referee = RefereeContract(chain, book["BisectionReferee"].address)
            await _measure_disputes(bench, referee)
            return bench.figures


async def _measure_deployment(bench: _Bench) -> None:
    """Read the first contracts' receipts: the order is that of `deploy`."""
    contracts = ("seal_check", "market", "machine_step", "bisection_referee", "ringer_referee")
    names = iter(f"deploy_{name}" for name in (*contracts, "storage_client", "storage_factory"))
    for number in range(1, 1 + await bench.chain.fetch_block_number()):
        for receipt in await bench.chain.request("eth_getBlockReceipts", hex(number)):
            if receipt.get("contractAddress"):
                bench.figures[next(names)] = int(receipt["gasUsed"], 16)


async def _measure_honest(bench: _Bench) -> None:
    output = secrets.token_bytes(2_000_000)
    deal = await bench.open_deal([output])
    opening = await bench.accept(deal, "post_accepted")
    paying = await bench.settle(deal, "settle")
    bench.figures["honest_task_total"] = opening + paying
    withdrawal = bench.market.withdraw(_PRICE)
    await bench.send(deal.worker, withdrawal, "withdraw")
    announcement = bench.market.announce(1, "http://127.0.0.1:9000", bytes(32), bytes(32))
    await bench.send(deal.worker, announcement, "announce")


async def _measure_fallbacks(bench: _Bench) -> None:
    market = bench.market
    deal = await bench.open_deal([secrets.token_bytes(10_000)])
    posted = market.post(deal.task)
    await bench.send(deal.client, posted, "post")
    await bench.send(deal.client, market.cancel(deal.task), "cancel")

    deal = await bench.open_deal([secrets.token_bytes(10_000)])
    await bench.deliver(deal)
    await bench.send(deal.client, market.demand_key(deal.task, deal.claim), "demand_key")
    revealed = market.reveal_key(deal.task, deal.claim, deal.key, deal.blinding)
    await bench.send(deal.worker, revealed, "reveal_key")
    demanded = market.demand_chunks(deal.task, deal.claim, item=0, first=0, count=4, evidence=b"")
    await bench.send(deal.client, demanded, "demand_chunks")
    evidence = encode_supply_evidence(deal.tree, deal.results, 0, 0, 4)
    supplied = market.supply_chunks(deal.task, deal.claim, evidence)
    await bench.send(deal.worker, supplied, "supply_chunks_4")
    bench.devnet.advance_time(deal.task.audit_window + 1)
    await bench.send(deal.worker, market.finalize(deal.task, deal.claim), "finalize")

    deal = await bench.open_deal([b""])
    await bench.accept(deal)
    bench.devnet.advance_time(deal.task.compute_window + 1)
    await bench.send(deal.client, market.expire(deal.task), "expire")

    deal = await bench.open_deal([b""])
    await bench.deliver(deal)
    await bench.send(deal.client, market.demand_key(deal.task, deal.claim))
    bench.devnet.advance_time(deal.task.response_window + 1)
    await bench.send(deal.client, market.forfeit(deal.task, deal.claim), "forfeit")


async def _measure_complaints(bench: _Bench) -> None:
    for name, size in (("complaint_small", 500), ("complaint_depth_20", _DEEP)):
        # A block of the last chunk but one: its path has a sibling at every level that has one.
        corrupt = 10 if size < 1000 else size - 32 * 40
        deal = await bench.open_deal([secrets.token_bytes(size)], corrupt=corrupt)
        await bench.deliver(deal)
        complaint = bench.market.complain(deal.task, deal.claim, deal.complaint)
        await bench.send(deal.client, complaint, name)


async def _measure_step(bench: _Bench, address: Address) -> None:
    data = load("MachineStep").functions["step"].encode(*build_worst_proof().to_abi())
    party = await bench.make_party()
    await bench.send(party, Call(to=address, data=data, name="step"), "step_worst")


async def _measure_disputes(bench: _Bench, referee: RefereeContract) -> None:
    """Play disputes over 2^40 steps to their rulings, with either side lying.

    The figures are the most that any of them costs: over a store, whose proof holds two paths
    without a root of zeros, about the largest output. An addition's proof holds one path.
    """
    worst: dict[str, int] = {}
    for liar in Side:
        for name, departs in (("addition", ADDITION), ("store", STORE)):
            figures = await _play_dispute(bench, referee, liar, departs)
            worst = {key: max(gas, worst.get(key, 0)) for key, gas in figures.items()}
            total = figures["2_40_total"]
            bench.figures[f"dispute_2_40_{name}_by_{liar.name.lower()}_total"] = total
    bench.figures |= {f"dispute_{name}": gas for name, gas in worst.items()}
    # An item of a batch is opened with its paths in two trees, without a root of zeros.
    for count in _BATCHES:
        totals = [
            (await _play_dispute(bench, referee, liar, STORE, count))["2_40_total"] for liar in Side
        ]
        bench.figures[f"dispute_2_40_batch_{count}_total"] = max(totals)


async def _play_dispute(
    bench: _Bench, referee: RefereeContract, liar: Side, departs: int, count: int = 1
) -> dict[str, int]:
    client, worker, challenger = [await bench.make_party() for _ in range(3)]
    runs = {side: EndlessRun(departs if side is liar else None) for side in Side}
    duel = Duel(referee=referee, runs=runs, count=count)
    for party in (client, worker, challenger):
        await bench.send(party, bench.market.deposit(_DEPOSIT))
    task = duel.build_task(client.address, await bench.chain.get_time())
    deal = _Deal(client=client, worker=worker, task=task)
    deal.claim = duel.claim
    await bench.deliver(deal, is_measured=False)
    opened = Challenge(item=duel.item, number=secrets.randbits(64), for_client=False, bond=BOND)
    parties = {Side.WORKER: worker, Side.CHALLENGER: challenger}

    async def send(side: Side, call: Call) -> Receipt:
        return await bench.fetch_receipt(parties[side], call)

    first = await send(Side.CHALLENGER, referee.challenge(task, duel.claim, duel.terms, opened))
    history, spent = await duel.play(first, send)
    right = Outcome.REFUTED if liar is Side.WORKER else Outcome.UPHELD
    if history.dispute.outcome is not right:
        message = f"the {liar.name.lower()} lied and won"
        raise RuntimeError(message)
    opening, *dissections, proof = spent
    return {
        "challenge": first.gas_used,
        "open": opening,
        "dissect": max(dissections),
        "prove": proof,
        "2_40_total": first.gas_used + sum(spent),
        "2_40_transactions": 1 + len(spent),
    }


async def _measure_ringers(bench: _Bench, referee: RingerContract, count: int) -> None:
    """Open ringers and have them shown, to the ruling for a worker that has found them."""
    hunt = Hunt.draw(referee, count)
    deal = await bench.open_deal([b""])
    deal.task = replace(deal.task, referee=referee.address, terms=hunt.terms.hash())
    deal.claim = hunt.claim
    await bench.deliver(deal, is_measured=False)
    opened = await bench.fetch_receipt(deal.client, hunt.open(deal.task))
    bench.figures[f"ringers_open_{count}"] = opened.gas_used
    answer = hunt.prove(deal.task, bench.market.domain, hunt.read_case(opened))
    await bench.send(deal.worker, answer, f"ringers_{count}")


async def _measure_storage(bench: _Bench, factory: Address) -> None:
    """Play one agreement of 1 GiB to each of its ends, and renew and confirm many."""
    provider, client = await bench.make_party(), await bench.make_party()
    depot = await Depot.open(bench.chain, provider.sender, client.sender, factory, bench.figures)
    await depot.register()
    for act in (depot.pay, depot.confirm, depot.challenge, depot.answer):
        await act()
    bench.devnet.advance_time(3600)
    await depot.collect()
    await depot.challenge()
    bench.devnet.advance_time(86_401)
    await depot.fine()
    await depot.confirm_many(32)
    await depot.give_back()
    await depot.equivocate()
    await depot.pay(is_measured=False)
    bench.devnet.advance_time(3601)
    await depot.reclaim()
