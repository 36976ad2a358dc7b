"""Attacks on storage's contracts, each by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from eth_keys.datatypes import Signature

from pekanu.crypto.keccak import keccak256
from pekanu.errors import InvalidProof, Rejected, TransactionReverted
from pekanu.storage import actions as act
from pekanu.storage import trees
from pekanu.storage.agreement import StorageDomain
from pekanu.storage.compact import from_compact, to_compact
from pekanu.storage.state import Status
from pekanu.types import Seconds, parse_address
from support.evm import DEPLOYER, Contract
from support.library_contract import deploy_harness
from support.storage_world import (
    AGENT,
    BLIND,
    CHUNKS,
    DEPOSIT,
    ENTRIES,
    FEE,
    LEVELS,
    OWNER,
    PENALTY,
    PRICE,
    PROVIDER,
    RESPONSE,
    ROOT,
    STRANGER,
    TERM,
    StorageWorld,
    sign,
)

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF = _ORDER // 2


@pytest.fixture
def world() -> StorageWorld:
    return StorageWorld()


@cache
def deploy_library() -> Contract:
    return deploy_harness("StorageLibrary")


def refuse_pay(world: StorageWorld, signature: tuple[bytes, bytes], reason: str) -> None:
    with pytest.raises(TransactionReverted, match=reason):
        world.client.call("pay", world.quote.to_abi(), *signature, sender=OWNER)
    assert world.server.call("states", world.id) == 0


# --- signatures -----------------------------------------------------------------------------------


def test_replay__of_a_quote_from_another_chain_or_server__then_refused(
    world: StorageWorld,
) -> None:
    here = world.domain
    others = (
        replace(here, chain_id=here.chain_id + 1),
        StorageDomain(chain_id=here.chain_id, server=world.factory.address),
    )
    for other in others:
        signature = to_compact(sign("provider", other, world.quote))
        refuse_pay(world, signature, "storage: provider did not sign")
    world.client.call("pay", world.quote.to_abi(), *world.sign(world.quote), sender=OWNER)


def test_replay__of_a_quotes_signature_on_a_cheaper_one__then_refused(world: StorageWorld) -> None:
    signature = world.sign(world.quote)
    world.quote = world.make_quote(price=PRICE - 1)
    refuse_pay(world, signature, "storage: provider did not sign")


def test_replay__of_a_receipt_on_another_agreement__then_refused(world: StorageWorld) -> None:
    world.store()
    receipt = world.make_receipt()
    signature = world.sign(receipt)
    world.quote = world.make_quote(price=PRICE + 1)
    world.client.call("pay", world.quote.to_abi(), *world.sign(world.quote), sender=OWNER)
    moved = replace(receipt, agreement_id=world.id)
    with pytest.raises(TransactionReverted, match="storage: provider did not sign"):
        world.server.call("confirm", moved.to_abi(), *signature, sender=PROVIDER)


def test_replay__of_a_quote_as_a_receipt__then_refused(world: StorageWorld) -> None:
    world.do(world.pay())
    signature = world.sign(world.quote)
    receipt = world.make_receipt()
    with pytest.raises(TransactionReverted, match="storage: provider did not sign"):
        world.server.call("confirm", receipt.to_abi(), *signature, sender=PROVIDER)


def test_malleability__of_the_signature_written_twice__then_refused(world: StorageWorld) -> None:
    r, vs = world.sign(world.quote)
    s = int.from_bytes(from_compact(r, vs)[32:64], "big")
    flipped = int.from_bytes(vs, "big") ^ 1 << 255
    twin = ((_ORDER - s) & (1 << 255) - 1) | (flipped >> 255) << 255
    for other in (flipped, twin):
        refuse_pay(world, (r, other.to_bytes(32, "big")), "storage: provider did not sign")
    high = r + (_ORDER - s).to_bytes(32, "big") + bytes([27])
    with pytest.raises(InvalidProof, match="upper half"):
        to_compact(high)


@pytest.mark.parametrize("s", [_HALF, _HALF + 1])
def test_malleability__around_half_the_order__then_only_the_lower_half(s: int) -> None:
    """Any r and s are somebody's signature: nobody's name is kept from being the provider's."""
    digest, r = (
        keccak256(b"digest"),
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    )
    signer = Signature(vrs=(0, r, s)).recover_public_key_from_msg_hash(digest).to_address()
    words = (r.to_bytes(32, "big"), s.to_bytes(32, "big"))
    assert deploy_library().call("is_signed_by_account", signer, digest, *words) == (s == _HALF)


def test_signature__that_recovers_nobody__then_never_the_zero_accounts(world: StorageWorld) -> None:
    zero = "0x" + "00" * 20
    library = deploy_library()
    assert not library.call("is_signed_by_account", zero, bytes(32), bytes(32), bytes(32))
    with pytest.raises(RuntimeError, match=b"storage: no provider".hex()):
        world.chain.deploy("StorageServer", zero, world.factory.address)


# --- registration ---------------------------------------------------------------------------------


def test_forged_client__made_outside_the_factory__then_cannot_pay(world: StorageWorld) -> None:
    forged = world.chain.deploy("StorageClient", OWNER, world.server.address)
    world.chain.evm.set_balance(forged.address, PRICE)
    quote = world.make_quote(client=forged.address)
    arguments = (quote.to_abi(), *world.sign(quote))
    with pytest.raises(TransactionReverted, match="storage client: not registered"):
        forged.call("pay", *arguments, sender=OWNER)


def test_forged_client__of_other_code__then_cannot_pay(world: StorageWorld) -> None:
    forged = world.chain.deploy("Caller")
    quote = world.make_quote(client=forged.address)
    data = world.server.encode("pay", quote.to_abi(), *world.sign(quote))
    with pytest.raises(TransactionReverted, match="storage: not registered"):
        forged.call("pass_on", world.server.address, data, sender=STRANGER, value=PRICE)


def test_forged_server__that_enrolls_nobody__then_no_money_leaves_the_budget(
    world: StorageWorld,
) -> None:
    """The client contract asks its server who it is before it pays."""
    forged = world.chain.deploy("Caller")
    client = world.chain.deploy("StorageClient", OWNER, forged.address)
    world.chain.evm.set_balance(client.address, PRICE)
    quote = world.make_quote(client=client.address)
    with pytest.raises(TransactionReverted):
        client.call("pay", quote.to_abi(), *world.sign(quote), sender=OWNER)
    assert world.chain.balance(client.address) == PRICE


# --- receivers ------------------------------------------------------------------------------------


class Hostile:
    """A world whose client contract is code that refuses money, or calls back when it comes."""

    def __init__(self) -> None:
        self.world = world = StorageWorld()
        # A provider that keeps its own registry: it can enroll any code.
        world.server = world.chain.deploy("StorageServer", PROVIDER, DEPLOYER)
        world.domain = replace(world.domain, server=world.server.address)
        world.server.call("deposit", sender=PROVIDER, value=DEPOSIT)
        world.server.call("register", OWNER, sender=PROVIDER)
        self.caller = world.chain.deploy("Caller")
        world.server.call("enroll", OWNER, self.caller.address, sender=DEPLOYER)
        world.quote = world.make_quote(client=parse_address(self.caller.address))

    def call(self, name: str, *arguments: object, value: int = 0) -> None:
        data = self.world.server.encode(name, *arguments)
        target = self.world.server.address
        self.caller.call("pass_on", target, data, sender=STRANGER, value=value)

    def store(self) -> None:
        world = self.world
        self.call("pay", world.quote.to_abi(), *world.sign(world.quote), value=PRICE)
        receipt = world.make_receipt()
        world.server.call("confirm", receipt.to_abi(), *world.sign(receipt), sender=STRANGER)

    def get_owed(self) -> int:
        word = self.world.server.call("accounts", self.caller.address)
        return word & (1 << 96) - 1


def test_refusing_receiver__then_only_its_own_withdrawal_fails() -> None:
    hostile = Hostile()
    world = hostile.world
    hostile.store()
    world.wait(500)
    quote = world.quote.to_abi()
    world.server.call("challenge", quote, 0, 3, 1, sender=AGENT, value=FEE)
    world.wait(RESPONSE + 1)
    world.server.call("fine", quote, sender=STRANGER)
    world.server.call("collect", [quote], sender=STRANGER)
    vested = PRICE * 500 // TERM
    assert hostile.get_owed() == PENALTY + PRICE - vested + FEE
    with pytest.raises(TransactionReverted, match="caller: no money wanted"):
        hostile.call("withdraw", hostile.get_owed())
    free = world.server.call("free")
    assert free == DEPOSIT - PENALTY + vested
    world.server.call("withdraw", free, sender=PROVIDER)
    assert world.chain.balance(world.server.address) == hostile.get_owed()


def _reenter_withdraw(hostile: Hostile) -> tuple[object, ...]:
    return ("withdraw", hostile.get_owed())


def _reenter_give_back(hostile: Hostile) -> tuple[object, ...]:
    return ("give_back", hostile.world.quote.to_abi())


def _reenter_collect(hostile: Hostile) -> tuple[object, ...]:
    return ("collect", [hostile.world.quote.to_abi()])


@pytest.mark.parametrize("attack", [_reenter_withdraw, _reenter_give_back, _reenter_collect])
def test_reentrancy__from_a_withdrawal__then_refused(
    attack: Callable[[Hostile], tuple[object, ...]],
) -> None:
    hostile = Hostile()
    world = hostile.world
    hostile.store()
    world.server.call("rebate", hostile.caller.address, 1000, sender=PROVIDER)
    hostile.caller.call("set_open", True)
    name, *arguments = attack(hostile)
    attempt = world.server.encode(name, *arguments)
    held = world.chain.balance(world.server.address)
    hostile.caller.call("set_attempt", world.server.address, attempt)
    with pytest.raises(TransactionReverted):
        hostile.call("withdraw", 500)
    assert world.chain.balance(world.server.address) == held
    assert hostile.get_owed() == 1000
    hostile.caller.call("set_attempt", "0x" + "00" * 20, b"")
    hostile.call("withdraw", 500)
    assert world.chain.balance(world.server.address) == held - 500


def test_reentrancy__of_the_client_contract_by_its_owner__then_refused(world: StorageWorld) -> None:
    """An owner of code takes its money out and calls again while it comes."""
    owner = world.chain.deploy("Caller")
    world.server.call("register", owner.address, sender=PROVIDER)
    data = world.factory.encode("create", world.server.address)
    owner.call("pass_on", world.factory.address, data, sender=STRANGER, value=1000)
    client = world.open_client(world.factory.call("clients", owner.address, world.server.address))
    attempt = client.encode("withdraw", 500)
    owner.call("set_open", True)
    owner.call("set_attempt", client.address, attempt)
    with pytest.raises(TransactionReverted):
        owner.call("pass_on", client.address, attempt, sender=STRANGER)
    assert world.chain.balance(client.address) == 1000
    owner.call("set_attempt", "0x" + "00" * 20, b"")
    owner.call("pass_on", client.address, attempt, sender=STRANGER)
    assert world.chain.balance(client.address) == 500


# --- proofs ---------------------------------------------------------------------------------------


def answer(world: StorageWorld, leaf: bytes, leaf_count: int, siblings: list[bytes]) -> None:
    content, terms = world.quote.content, world.quote.terms
    shown = (content.size, content.chunk_count, terms.struct_hash(), ROOT, BLIND, leaf_count)
    world.server.call("answer", *shown, leaf, siblings, sender=PROVIDER)


def refuse_answer(world: StorageWorld, leaf: bytes, leaf_count: int, siblings: list[bytes]) -> None:
    with pytest.raises(TransactionReverted, match=r"wrong proof|^the chain refuses: no reason"):
        answer(world, leaf, leaf_count, siblings)
    assert world.server.call("state_of", world.id)[0] == Status.CHALLENGED


def test_inner_node__passed_for_a_leaf__then_refused(world: StorageWorld) -> None:
    """The provider has lost the leaf and shows the two hashes above it as if they were data."""
    world.store()
    world.do(world.challenge(chunk=0, leaf=2))
    levels = trees.get_chunk_levels(CHUNKS[0])
    top = trees.get_siblings(LEVELS, 0)
    below = trees.get_siblings(levels[1:], 2)
    data = levels[0][4] + levels[0][5]
    for leaf_count in (ENTRIES[0].leaf_count, len(levels[1])):
        refuse_answer(world, data, leaf_count, [*below, *top])
        refuse_answer(world, b"\x01" + data, leaf_count, [*below, *top])


def test_second_preimage__across_depths__then_refused(world: StorageWorld) -> None:
    """A chunk's entry, or the root's children, as a leaf of a tree of one leaf."""
    world.store()
    world.do(world.challenge(chunk=1, leaf=0))
    entry = ENTRIES[1]
    inner = entry.chunk_root + entry.leaf_count.to_bytes(32, "big")
    for data in (inner, b"\x02" + inner, LEVELS[0][0] + LEVELS[0][1]):
        for count in (1, 2, ENTRIES[1].leaf_count):
            for siblings in ([], [LEVELS[0][0]], [LEVELS[0][0], LEVELS[0][2]]):
                refuse_answer(world, data, count, siblings)


def test_answer__with_another_leaf_of_the_same_chunk__then_refused(world: StorageWorld) -> None:
    world.store()
    world.do(world.challenge(chunk=0, leaf=7))
    for first in (6, 8):
        proof = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=first)
        refuse_answer(world, proof.data, proof.leaf_count, list(proof.siblings))
    proof = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=7)
    refuse_answer(world, proof.data[:-1], proof.leaf_count, list(proof.siblings))
    refuse_answer(world, proof.data, proof.leaf_count, list(proof.siblings[:-1]))
    refuse_answer(world, proof.data, proof.leaf_count, [*proof.siblings, bytes(32)])
    answer(world, proof.data, proof.leaf_count, list(proof.siblings))


def test_answer__for_another_agreement_of_the_same_bytes__then_refused(
    world: StorageWorld,
) -> None:
    """The answer names its agreement by what it opens: another's stays unanswered."""
    world.store()
    world.do(world.challenge())
    content, terms = world.quote.content, replace(world.quote.terms, price=PRICE + 1)
    proof = trees.build_leaf_proof(LEVELS, CHUNKS[0], chunk=0, first=3)
    shown = (content.size, content.chunk_count, terms.struct_hash(), ROOT, BLIND)
    rest = (proof.leaf_count, proof.data, list(proof.siblings))
    with pytest.raises(TransactionReverted, match="storage: not challenged"):
        world.server.call("answer", *shown, *rest, sender=PROVIDER)
    wrong_blind = (*shown[:2], world.quote.terms.struct_hash(), ROOT, bytes(32))
    with pytest.raises(TransactionReverted, match="storage: not challenged"):
        world.server.call("answer", *wrong_blind, *rest, sender=PROVIDER)


# --- floods, races, and what is over --------------------------------------------------------------


def test_flood__of_challenges__then_each_pays_the_provider_for_its_answer(
    world: StorageWorld,
) -> None:
    world.store()
    for leaf in range(10):
        world.do(world.challenge(leaf=leaf))
        with pytest.raises(Rejected, match="challenge open"):
            world.do(world.challenge(leaf=leaf))
        world.do(world.answer())
    world.wait(TERM + RESPONSE + 1)
    world.do(world.named(act.Collect))
    assert world.get_gains()[1] == PRICE + 10 * FEE


def test_race__of_a_receipt_against_a_batch__then_the_batch_holds(world: StorageWorld) -> None:
    """A client shows its receipt just before the provider's batch: the others are not held up."""
    receipts = []
    for price in (PRICE, PRICE + 1):
        world.quote = world.make_quote(price=price)
        world.client.call("pay", world.quote.to_abi(), *world.sign(world.quote), sender=OWNER)
        receipts.append(world.make_receipt())
    rows = [(one.agreement_id, one.link_hash, *world.sign(one)) for one in receipts]
    world.server.call("confirm", receipts[0].to_abi(), *world.sign(receipts[0]), sender=OWNER)
    world.server.call("confirm_many", rows, sender=PROVIDER)
    for receipt in receipts:
        assert world.server.call("state_of", receipt.agreement_id)[0] == Status.STORED


def test_overselling__of_the_deposit__then_refused_until_money_is_free(
    world: StorageWorld,
) -> None:
    paid = []
    for n in range(DEPOSIT // PENALTY):
        world.quote = world.make_quote(price=PRICE + n)
        world.client.call("pay", world.quote.to_abi(), *world.sign(world.quote), sender=OWNER)
        paid.append(world.quote)
    world.quote = world.make_quote(price=PRICE + 100)
    refuse_pay(world, world.sign(world.quote), "storage: deposit too low")
    world.wait(1000)
    world.server.call("reclaim", paid[0].to_abi(), sender=STRANGER)
    world.quote = world.make_quote(price=PRICE + 101)
    world.client.call("pay", world.quote.to_abi(), *world.sign(world.quote), sender=OWNER)


def end_by_time(world: StorageWorld) -> None:
    world.store()
    world.wait(TERM + RESPONSE + 1)
    world.do(world.named(act.Collect))


def end_by_fine(world: StorageWorld) -> None:
    world.store()
    world.do(world.challenge())
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))


def end_by_reclaim(world: StorageWorld) -> None:
    world.do(world.pay())
    world.pass_to(Seconds(world.state.deadline + 1))
    world.do(world.named(act.Reclaim))


def end_by_client(world: StorageWorld) -> None:
    world.store()
    world.do(world.give_back())


@pytest.mark.parametrize("end", [end_by_time, end_by_fine, end_by_reclaim, end_by_client])
def test_ended_agreement__then_nothing_moves_any_more(
    world: StorageWorld, end: Callable[[StorageWorld], None]
) -> None:
    end(world)
    status, ledger = world.state.status, world.ledger
    tried = [
        world.pay(),
        world.confirm(),
        act.ConfirmByProvider(sender=PROVIDER, is_provider=True),
        world.challenge(),
        world.answer(),
        world.answer_count(),
        world.named(act.Fine),
        world.fine_equivocation(),
        world.named(act.Reclaim),
        world.named(act.Collect),
        world.give_back(),
    ]
    for action in tried:
        try:
            world.do(action)
        except Rejected:
            continue
        assert isinstance(action, act.Collect | act.ConfirmByProvider)
    assert (world.state.status, world.ledger) == (status, ledger)
