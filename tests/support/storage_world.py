"""A provider and a client with one agreement, on the contracts and in the pure model at once.

Every action is tried on both; they must agree on success or reason, on the agreement's word, on
every balance, and on the money that the contract holds. What a client contract does, its owner
does through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from eth_account.messages import encode_typed_data

from pekanu.contracts import load
from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected, TransactionReverted
from pekanu.storage import actions as act
from pekanu.storage import trees
from pekanu.storage.agreement import Content, Quote, Receipt, StorageDomain, Terms
from pekanu.storage.compact import to_compact
from pekanu.storage.ledger import StorageLedger
from pekanu.storage.lifecycle import apply
from pekanu.storage.money import get_challenge_fee
from pekanu.storage.state import AgreementState
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from support.evm import DEPLOYER, Contract, Evm
from support.world import ETHER, make_account

#: A price that the term does not divide.
PRICE, PENALTY, RESERVATION = Wei(10**16 + 7), Wei(5 * 10**16 + 3), Wei(10**14)
DEPOSIT, BUDGET = Wei(2 * 10**17), Wei(ETHER)
TERM, CONFIRM, RESPONSE = Seconds(1000), Seconds(300), Seconds(120)
CAST = {
    name: make_account(f"storage {name}") for name in ("provider", "owner", "agent", "stranger")
}
PROVIDER, OWNER, AGENT, STRANGER = (Address(CAST[name].address) for name in CAST)
BLIND = keccak256(b"blind")
CHUNKS = tuple(
    bytes((size + 7 * k + k // 256) % 256 for k in range(size)) for size in (5000, 256, 20_000)
)
ENTRIES = [trees.get_entry(chunk) for chunk in CHUNKS]
LEVELS = trees.get_root_levels(ENTRIES)
ROOT = trees.get_root(ENTRIES)
FEE = get_challenge_fee(1, 0)


def sign(name: str, domain: StorageDomain, message: object) -> bytes:
    signable = encode_typed_data(full_message=build_typed_data(domain, message))
    return bytes(CAST[name].sign_message(signable).signature)


class StorageWorld:
    """One agreement with one provider."""

    def __init__(self) -> None:
        self.chain = Evm()
        for account in (PROVIDER, OWNER, AGENT, STRANGER):
            self.chain.evm.set_balance(account, 100 * ETHER)
        blueprint = self.chain.evm.deploy(DEPLOYER, load("StorageClient").encode_blueprint())
        self.factory = self.chain.deploy("StorageFactory", blueprint)
        self.server = self.chain.deploy("StorageServer", PROVIDER, self.factory.address)
        self.domain = StorageDomain(chain_id=self.chain.chain_id, server=self.server.address)
        self.ledger = StorageLedger()
        self.state = AgreementState()
        self._signatures: dict[object, bytes] = {}
        self.deposit(DEPOSIT)
        self.server.call("register", OWNER, sender=PROVIDER)
        self.client = self.create_client(OWNER)
        self.quote = self.make_quote()

    # --- facts ------------------------------------------------------------------------------------

    @property
    def now(self) -> Seconds:
        return Seconds(self.chain.now)

    @property
    def id(self) -> Hash32:
        return self.quote.id(self.domain)

    @property
    def held(self) -> int:
        """What the provider's contract holds."""
        return self.chain.balance(self.server.address)

    def make_quote(self, **changes: object) -> Quote:
        content = Content(
            root_commitment=trees.commit_root(ROOT, BLIND),
            size=sum(map(len, CHUNKS)),
            chunk_count=len(CHUNKS),
        )
        terms = Terms(
            client=self.client.address,
            agent=AGENT,
            price=PRICE,
            penalty=PENALTY,
            reservation_fee=RESERVATION,
            term=TERM,
            valid_until=Seconds(self.now + 500),
            confirm_window=CONFIRM,
            response_window=RESPONSE,
        )
        inner = {k: v for k, v in changes.items() if k in Content.__dataclass_fields__}
        outer = {k: v for k, v in changes.items() if k not in inner}
        return Quote(content=replace(content, **inner), terms=replace(terms, **outer))

    def create_client(self, owner: Address, budget: int = BUDGET) -> Contract:
        address = self.factory.call("create", self.server.address, sender=owner, value=budget)
        return self.open_client(address)

    def open_client(self, address: str) -> Contract:
        from eth_utils.address import to_checksum_address  # noqa: PLC0415 - slow to import

        abi = list(load("StorageClient").abi)
        return Contract(self.chain, Address(to_checksum_address(address)), abi)

    def sign(self, message: Quote | Receipt, name: str = "provider") -> tuple[bytes, bytes]:
        """Return a signature as the contract takes it."""
        key = (message, name)
        if key not in self._signatures:
            self._signatures[key] = sign(name, self.domain, message)
        return to_compact(self._signatures[key])

    def make_receipt(self, **changes: object) -> Receipt:
        receipt = Receipt.for_quote(self.quote, self.domain, keccak256(b"link"))
        return replace(receipt, **changes)

    def pass_to(self, now: int) -> None:
        self.chain.set_time(now)

    def wait(self, seconds: int) -> None:
        self.pass_to(self.now + seconds)

    def deposit(self, amount: int) -> None:
        self.server.call("deposit", sender=PROVIDER, value=amount)
        self.ledger = self.ledger.deposit(amount)

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Undo everything that happens inside, on the contracts and in the model."""
        kept = self.ledger, self.state
        with self.chain.branch():
            yield
        self.ledger, self.state = kept

    # --- doing ------------------------------------------------------------------------------------

    def do(self, action: act.Action) -> None:
        """Do something on both.

        Raises:
            Rejected: Both refuse, for the same reason; nothing has changed.
        """
        before = self.state, self.ledger
        self.state_before = self.state
        expected = self._expect(action)
        refused = self._try(action)
        if (expected and expected.reason) != refused:
            raise AssertionError(f"{action}: the model says {expected}, the contract {refused!r}")
        if expected is not None:
            self.state, self.ledger = before
        self.check()
        if expected is not None:
            raise expected

    def _expect(self, action: act.Action) -> Rejected | None:
        try:
            self.state, instructions = apply(self.quote, self.state, action, self.now)
            self.ledger = self.ledger.settle(instructions)
        except Rejected as error:
            return error
        return None

    def _try(self, action: act.Action) -> str | None:
        try:
            _CALLS[type(action)](self, action)
        except TransactionReverted as error:
            return error.reason
        return None

    def check(self) -> None:
        """Hold the contract to the model."""
        assert self.server.call("states", self.id) == self.state.to_word()
        assert self.server.call("free") == self.ledger.free
        for account in {self.client.address, *self.ledger.accounts}:
            word = self.server.call("accounts", account)
            assert word & (1 << 96) - 1 == self.ledger.get(account), account
        assert self.held == self.ledger.total
        assert self.chain.balance(ZERO_ADDRESS) == self.ledger.burned

    # --- actions ----------------------------------------------------------------------------------

    def pay(self, **changes: object) -> act.Pay:
        fields = {"sender": self.client.address, "value": self.quote.terms.price}
        return act.Pay(**{**fields, "is_registered": True, "is_signed": True, **changes})

    def confirm(self, *, is_signed: bool = True) -> act.Confirm:
        return act.Confirm(sender=STRANGER, is_signed=is_signed)

    def challenge(self, **changes: object) -> act.Challenge:
        fields = {"sender": AGENT, "chunk": 0, "leaf": 3, "count": 1, "base_fee": Wei(0)}
        fields |= changes
        fee = get_challenge_fee(min(max(fields["count"], 1), 1 << 20), 0)
        return act.Challenge(**{"value": fee, **fields})

    def answer(self, count: int = 1, **changes: object) -> act.Answer:
        leaves = ENTRIES[self.state.chunk].leaf_count
        fields = {"sender": STRANGER, "count": count, "leaf_count": leaves, "is_proven": True}
        return act.Answer(**{**fields, **changes})

    def answer_count(self, **changes: object) -> act.AnswerCount:
        leaves = ENTRIES[self.state.chunk].leaf_count
        fields = {"sender": STRANGER, "leaf_count": leaves, "is_proven": True}
        return act.AnswerCount(**{**fields, **changes})

    def fine_equivocation(self, **changes: object) -> act.FineEquivocation:
        facts = {"is_about_it": True, "contradicts": True, "is_signed": True}
        return act.FineEquivocation(**{"sender": STRANGER, **facts, **changes})

    def named(self, kind: type[act.Action], sender: Address = STRANGER) -> act.Action:
        return kind(sender=sender)

    def give_back(self) -> act.GiveBack:
        return act.GiveBack(sender=self.client.address)

    # --- the usual ways ---------------------------------------------------------------------------

    def store(self) -> None:
        """Pay, and show the receipt."""
        self.do(self.pay())
        self.do(self.confirm())

    def get_gains(self) -> tuple[int, int]:
        """Return what client and provider have gained since budget and deposit were put in."""
        client = self.chain.balance(self.client.address) + self.ledger.get(self.client.address)
        return client - BUDGET, self.ledger.free - DEPOSIT


def _pay(world: StorageWorld, action: act.Pay) -> None:
    signature = world.sign(world.quote, "provider" if action.is_signed else "stranger")
    arguments = (world.quote.to_abi(), *signature)
    if action.sender == world.client.address:
        world.client.call("pay", *arguments, sender=OWNER)
    else:
        world.server.call("pay", *arguments, sender=action.sender, value=action.value)


def _confirm(world: StorageWorld, action: act.Confirm) -> None:
    receipt = world.make_receipt()
    signature = world.sign(receipt, "provider" if action.is_signed else "stranger")
    world.server.call("confirm", receipt.to_abi(), *signature, sender=action.sender)


def _confirm_many(world: StorageWorld, action: act.ConfirmByProvider) -> None:
    receipt = world.make_receipt()
    row = (receipt.agreement_id, receipt.link_hash, *world.sign(receipt))
    world.server.call("confirm_many", [row], sender=action.sender)


def _challenge(world: StorageWorld, action: act.Challenge) -> None:
    place = (world.quote.to_abi(), action.chunk, action.leaf, action.count)
    if action.sender == world.client.address:
        world.client.call("challenge", *place, action.value, sender=OWNER)
    else:
        world.server.call("challenge", *place, sender=action.sender, value=action.value)


def _show(world: StorageWorld) -> tuple[object, ...]:
    content, terms = world.quote.content, world.quote.terms
    return (content.size, content.chunk_count, terms.struct_hash(), ROOT, BLIND)


def _answer(world: StorageWorld, action: act.Answer) -> None:
    chunk, first = world.state_before.chunk, world.state_before.leaf
    found = ENTRIES[chunk].leaf_count
    first, count = min(first, found - 1), max(1, min(action.count, found - first, 32))
    proof = trees.build_leaf_proof(LEVELS, CHUNKS[chunk], chunk=chunk, first=first, count=count)
    leaves = proof.get_leaves()
    leaves += [b"x"] * (action.count - len(leaves))
    leaves = leaves[: action.count]
    siblings = list(proof.siblings)
    if not action.is_proven:
        siblings[-1] = bytes(32)
    shown = (*_show(world), action.leaf_count)
    if len(leaves) == 1:
        world.server.call("answer", *shown, leaves[0], siblings, sender=action.sender)
    else:
        world.server.call("answer_many", *shown, leaves, siblings, sender=action.sender)


def _answer_count(world: StorageWorld, action: act.AnswerCount) -> None:
    chunk = world.state_before.chunk
    proof = trees.build_count_proof(LEVELS, ENTRIES[chunk], chunk)
    siblings = list(proof.siblings)
    if not action.is_proven:
        siblings[-1] = bytes(32)
    shown = (*_show(world), proof.entry.chunk_root, action.leaf_count)
    world.server.call("answer_count", *shown, siblings, sender=action.sender)


def _fine_equivocation(world: StorageWorld, action: act.FineEquivocation) -> None:
    receipt = world.make_receipt(**({"size": 1} if action.contradicts else {}))
    if not action.is_about_it:
        receipt = replace(receipt, agreement_id=keccak256(b"another"))
    signature = world.sign(receipt, "provider" if action.is_signed else "stranger")
    arguments = (world.quote.to_abi(), receipt.to_abi(), *signature)
    world.server.call("fine_equivocation", *arguments, sender=action.sender)


def _named(name: str) -> Callable[[StorageWorld, Any], None]:
    def call(world: StorageWorld, action: act.Action) -> None:
        world.server.call(name, world.quote.to_abi(), sender=action.sender)

    return call


def _collect(world: StorageWorld, action: act.Collect) -> None:
    world.server.call("collect", [world.quote.to_abi()], sender=action.sender)


def _give_back(world: StorageWorld, action: act.GiveBack) -> None:
    if action.sender == world.client.address:
        world.client.call("give_back", world.quote.to_abi(), sender=OWNER)
    else:
        world.server.call("give_back", world.quote.to_abi(), sender=action.sender)


_CALLS: dict[type[act.Action], Callable[[StorageWorld, Any], None]] = {
    act.Pay: _pay,
    act.Confirm: _confirm,
    act.ConfirmByProvider: _confirm_many,
    act.Challenge: _challenge,
    act.Answer: _answer,
    act.AnswerCount: _answer_count,
    act.Fine: _named("fine"),
    act.FineEquivocation: _fine_equivocation,
    act.Reclaim: _named("reclaim"),
    act.Collect: _collect,
    act.GiveBack: _give_back,
}
