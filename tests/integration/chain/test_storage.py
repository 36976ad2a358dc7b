"""Storage's doors on a real chain: every call and event, deployment, and forged code."""

from __future__ import annotations

import inspect
import typing
from dataclasses import fields, replace

import pytest

from pekanu import contracts
from pekanu.chain import (
    Account,
    AddressBook,
    Call,
    Connection,
    Cursor,
    Devnet,
    EventBatch,
    EventStream,
    MemoryPendingStore,
    Sender,
)
from pekanu.chain.storage_calls import fetch_receipt
from pekanu.chain.storage_contract import (
    Confirmation,
    StorageClientContract,
    StorageFactoryContract,
    StorageServerContract,
)
from pekanu.chain.storage_deploy import (
    create_storage_client,
    deploy_storage_server,
    open_storage_client,
    open_storage_server,
)
from pekanu.chain.storage_events import STORAGE_EVENTS, Linked, Paid, Stored, decode_storage_event
from pekanu.errors import NotDeployed, TransactionReverted
from pekanu.storage import trees
from pekanu.storage.agreement import Content, Quote, Receipt, Terms
from pekanu.storage.money import get_challenge_fee
from pekanu.storage.state import Status
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, Hash32, Seconds, Wei

CHUNKS = [bytes(range(256)) * 20, b"manifest"]
ENTRIES = [trees.get_entry(chunk) for chunk in CHUNKS]
LEVELS = trees.get_root_levels(ENTRIES)
ROOT, BLIND = trees.get_root(ENTRIES), Hash32(b"\x07" * 32)
PRICE, PENALTY, DEPOSIT = Wei(10**15), Wei(10**16), Wei(10**17)


class Pair:
    """A provider and a client on the chain."""

    def __init__(self, chain: Connection, accounts: tuple[Account, ...], factory: Address) -> None:
        self.chain = chain
        self.factory = factory
        self.provider, self.owner = (
            Sender(chain, account, MemoryPendingStore()) for account in accounts[:2]
        )
        self._sent = 0

    async def open(self) -> None:
        self.begin = await self.chain.fetch_block_number() + 1
        self.server = await deploy_storage_server(
            self.provider, self.factory, DEPOSIT, key="server"
        )
        registration = self.server.register(self.owner.account.address)
        await self.send(self.provider, registration)
        self.client = await create_storage_client(
            self.owner, self.factory, self.server.address, budget=Wei(10**18), key="client"
        )
        self.quote = await self.make_quote()

    async def send(self, sender: Sender, call: Call) -> Hash32:
        self._sent += 1
        return (await sender.send(call, key=f"{self._sent}")).transaction

    async def make_quote(self, **changes: object) -> Quote:
        terms = Terms(
            client=self.client.address,
            agent=self.owner.account.address,
            price=PRICE,
            penalty=PENALTY,
            term=Seconds(86_400),
            valid_until=Seconds(await self.chain.get_time() + 3600),
            confirm_window=Seconds(3600),
            response_window=Seconds(3600),
        )
        content = Content(root_commitment=trees.commit_root(ROOT, BLIND), size=5128, chunk_count=2)
        return Quote(content=content, terms=replace(terms, **changes))

    def sign(self, message: Quote | Receipt) -> bytes:
        document = build_typed_data(self.server.domain, message)
        return self.provider.account.sign_typed_data(document)

    def confirm(self, quote: Quote, sealed_link: bytes = b"") -> Confirmation:
        receipt = Receipt.for_quote(quote, self.server.domain, Hash32(b"\x08" * 32))
        signature = self.sign(receipt)
        return Confirmation(receipt=receipt, signature=signature, sealed_link=sealed_link)

    async def pay(self, quote: Quote) -> Hash32:
        return await self.send(self.owner, self.client.pay(quote, self.sign(quote)))

    async def fetch_status(self, quote: Quote) -> Status:
        return (await self.server.fetch_agreement(quote.id(self.server.domain))).status


@pytest.fixture
async def pair(chain: Connection, accounts: tuple[Account, ...], market_book: AddressBook) -> Pair:
    found = Pair(chain, accounts, market_book["StorageFactory"].address)
    await found.open()
    return found


async def test_agreement__from_the_payment_to_the_fine__through_the_doors(
    pair: Pair, devnet: Devnet
) -> None:
    server, quote, owner = pair.server, pair.quote, pair.owner.account.address
    assert await server.fetch_provider() == pair.provider.account.address
    assert await server.fetch_is_registered(owner)
    assert await server.fetch_agreement_id(quote) == quote.id(server.domain)
    account = await server.fetch_account(pair.client.address)
    assert (account.owner, account.balance) == (owner, 0)
    assert await pair.client.fetch_owner() == owner
    assert await pair.client.fetch_server() == server.address

    await pair.pay(quote)
    assert await server.fetch_free() == DEPOSIT - PENALTY
    shown = pair.confirm(quote, b"sealed to the client")
    transaction = await pair.send(pair.provider, server.confirm(shown))
    found = await fetch_receipt(pair.chain, server.domain, quote, transaction)
    assert found is not None
    assert (found.receipt, found.signature) == (shown.receipt, shown.signature)
    assert found.sealed_link == b"sealed to the client"

    fee = await server.fetch_challenge_fee(2)
    challenge = server.challenge(quote, chunk=0, leaf=18, count=2, fee=fee)
    await pair.send(pair.owner, challenge)
    for leaf in (18, 19):
        proof = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=leaf)
        answer = server.answer(quote, proof, root=ROOT, blind=BLIND)
        await pair.send(pair.owner, answer)
    assert await pair.fetch_status(quote) is Status.STORED

    beyond = pair.client.challenge(quote, chunk=1, leaf=7, count=1, fee=fee)
    await pair.send(pair.owner, beyond)
    count = trees.build_count_proof(LEVELS, ENTRIES[1], 1)
    call = server.answer_count(quote, count, root=ROOT, blind=BLIND)
    await pair.send(pair.provider, call)

    await pair.send(pair.owner, challenge)
    devnet.advance_time(3601)
    await pair.send(pair.owner, server.fine(quote))
    await pair.send(pair.provider, server.collect([quote]))
    assert await pair.fetch_status(quote) is Status.FINED
    owed = (await server.fetch_account(pair.client.address)).balance
    free = await server.fetch_free()
    assert free + owed == DEPOSIT + PRICE + 3 * fee
    assert await pair.chain.get_balance(server.address) == free + owed
    await pair.send(pair.owner, pair.client.collect())
    assert (await server.fetch_account(pair.client.address)).balance == 0


async def test_other_ends__through_the_doors(pair: Pair, devnet: Devnet) -> None:
    server = pair.server
    prices = [Wei(PRICE + n) for n in range(6)]
    quotes = [await pair.make_quote(price=price) for price in prices]
    quotes[5] = await pair.make_quote(starts_at=Seconds(await pair.chain.get_time() + 3000))
    for quote in quotes:
        await pair.pay(quote)
    many = [pair.confirm(quote) for quote in quotes[:3]]
    transaction = await pair.send(pair.provider, server.confirm_many(many))
    found = await fetch_receipt(pair.chain, server.domain, quotes[1], transaction)
    assert found is not None
    assert (found.receipt, found.signature) == (many[1].receipt, many[1].signature)
    assert await fetch_receipt(pair.chain, server.domain, quotes[4], transaction) is None

    proof = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=2, count=9)
    fee = await server.fetch_challenge_fee(9)
    await pair.send(pair.owner, server.challenge(quotes[0], chunk=0, leaf=2, count=9, fee=fee))
    await pair.send(pair.provider, server.answer(quotes[0], proof, root=ROOT, blind=BLIND))
    await pair.send(pair.owner, pair.client.give_back(quotes[0]))
    lie = replace(many[1].receipt, size=1)
    await pair.send(pair.owner, server.fine_equivocation(quotes[1], lie, pair.sign(lie)))
    await pair.send(pair.provider, server.confirm(pair.confirm(quotes[3])))
    devnet.advance_time(3601)
    await pair.send(pair.owner, server.reclaim(quotes[4]))
    devnet.advance_time(2 * 86_400)
    # The fined one vested until it was fined: for no second or two, as blocks came.
    await pair.send(pair.owner, server.collect([*quotes[1:4], quotes[5]]))
    expected = [
        Status.GIVEN_BACK,
        Status.FINED,
        Status.ENDED,
        Status.ENDED,
        Status.RECLAIMED,
        Status.ENDED,
    ]
    assert [await pair.fetch_status(quote) for quote in quotes] == expected
    await pair.send(pair.provider, server.rebate(pair.client.address, Wei(5)))
    await pair.send(pair.provider, server.deposit(Wei(7)))
    await pair.send(pair.owner, pair.client.collect())
    free = await server.fetch_free()
    assert await pair.chain.get_balance(server.address) == free
    await pair.send(pair.provider, server.withdraw(free))
    assert await pair.chain.get_balance(server.address) == 0
    await pair.send(pair.owner, pair.client.fund(Wei(1)))
    await pair.send(pair.owner, pair.client.set_agent(pair.provider.account.address))
    assert await pair.client.fetch_is_agent(pair.provider.account.address)
    budget = await pair.chain.get_balance(pair.client.address)
    await pair.send(pair.owner, pair.client.withdraw(budget))


async def test_challenge__when_blocks_are_dear__then_at_their_base_fee(pair: Pair) -> None:
    """The fee follows the base fee of the block that holds the challenge."""
    base = Wei(7 * 10**9)
    quote, server = pair.quote, pair.server
    await pair.pay(quote)
    await pair.send(pair.provider, server.confirm(pair.confirm(quote)))
    await pair.chain.request("anvil_setNextBlockBaseFeePerGas", hex(base))
    await pair.send(pair.owner, pair.client.fund(Wei(1)))
    least = get_challenge_fee(5, 0)
    cheap = server.challenge(quote, chunk=0, leaf=0, count=5, fee=least)
    with pytest.raises(TransactionReverted, match="storage: fee too low"):
        await pair.send(pair.owner, cheap)
    fee = await server.fetch_challenge_fee(5)
    assert fee == get_challenge_fee(5, 3 * base // 2) > least
    await pair.send(pair.owner, server.challenge(quote, chunk=0, leaf=0, count=5, fee=fee))
    assert await pair.fetch_status(quote) is Status.CHALLENGED


async def test_create_storage_client__again__is_the_same(pair: Pair) -> None:
    again = await create_storage_client(pair.owner, pair.factory, pair.server.address, key="again")
    assert again.address == pair.client.address


async def test_create_storage_client__when_not_registered__is_refused(
    pair: Pair, accounts: tuple[Account, ...]
) -> None:
    stranger = Sender(pair.chain, accounts[2], MemoryPendingStore())
    with pytest.raises(TransactionReverted, match="storage: not registered"):
        await create_storage_client(stranger, pair.factory, pair.server.address, key="x")


async def test_open_storage_server__of_other_code_or_factory__is_refused(pair: Pair) -> None:
    await open_storage_server(pair.chain, pair.server.address, pair.factory)
    for address in (pair.client.address, pair.owner.account.address):
        with pytest.raises(NotDeployed, match="not that of StorageServer"):
            await open_storage_server(pair.chain, address, pair.factory)
    forged = await deploy_forged_server(pair)
    with pytest.raises(NotDeployed, match="uses another factory"):
        await open_storage_server(pair.chain, forged, pair.factory)


async def deploy_forged_server(pair: Pair) -> Address:
    """Return a server that takes clients from its provider's own hand."""
    provider = pair.provider.account.address
    code = contracts.load("StorageServer").encode_deployment(provider, provider)
    receipt = await pair.provider.send(Call(to=None, data=code), key="forged")
    assert receipt.contract is not None
    return receipt.contract


async def test_open_storage_client__that_the_factory_did_not_make__is_refused(pair: Pair) -> None:
    owner, server = pair.owner.account.address, pair.server.address
    code = contracts.load("StorageClient").encode_deployment(owner, server)
    receipt = await pair.owner.send(Call(to=None, data=code), key="forged client")
    assert receipt.contract is not None
    await open_storage_client(pair.chain, pair.client.address, pair.factory)
    with pytest.raises(NotDeployed, match="does not come from the factory"):
        await open_storage_client(pair.chain, receipt.contract, pair.factory)


async def test_events__of_an_agreement__read_back(pair: Pair) -> None:
    await pair.pay(pair.quote)
    await pair.send(pair.provider, pair.server.confirm(pair.confirm(pair.quote, b"link")))
    stream = EventStream(
        pair.chain,
        pair.server.address,
        Cursor(next_block=pair.begin),
        decode=decode_storage_event,
    )
    found = await stream.poll()
    assert isinstance(found, EventBatch)
    names = [type(event).__name__ for event in found.events]
    assert names == ["Deposited", "Registered", "Enrolled", "Paid", "Stored", "Linked"]
    paid, stored, linked = found.events[3:]
    assert isinstance(paid, Paid)
    assert isinstance(stored, Stored)
    assert isinstance(linked, Linked)
    assert paid.quote == pair.quote
    assert paid.agreement_id == stored.agreement_id == pair.quote.id(pair.server.domain)
    assert linked.sealed_link == b"link"


def test_events__are_the_contracts() -> None:
    abi = contracts.load("StorageServer").events.values()
    assert {event.name for event in abi} == set(STORAGE_EVENTS)
    for event in abi:
        kind = STORAGE_EVENTS[event.name]
        assert [name for name, _, _ in event.fields] == [
            field.name for field in fields(kind) if field.name != "log"
        ]
        typing.get_type_hints(kind)


@pytest.mark.parametrize(
    ("door", "unused"),
    [
        # The factory's and the client contract's own calls.
        (StorageServerContract, {"enroll", "pay", "give_back"}),
        (StorageClientContract, set()),
        (StorageFactoryContract, set()),
    ],
)
def test_door__has_every_call_and_view_of_the_contract(
    door: type[StorageServerContract], unused: set[str]
) -> None:
    functions = contracts.load(door.name).functions
    source = inspect.getsource(door)
    reading = {"state_of", "challenge_fee"}
    missing = {
        name for name in functions if f'"{name}"' not in source and name not in unused | reading
    }
    assert missing == set()
