"""Who can hurt whom in storage: each row that the contracts decide, with everybody's money.

The rows that nodes decide (bytes that do not match the root, proofs of ownership, restarts,
reorganizations) are played by nodes in tests/integration/node and tests/acceptance.
Source: design/storage.md, "Who can hurt whom".
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from pekanu.chain.storage_calls import parse_receipt
from pekanu.errors import Rejected, TransactionReverted
from pekanu.storage import actions as act
from pekanu.storage.compact import from_compact
from pekanu.storage.money import get_challenge_fee
from pekanu.storage.state import Status
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import ZERO_ADDRESS
from support.evm import GENESIS_TIME
from support.storage_world import (
    AGENT,
    BUDGET,
    CONFIRM,
    DEPOSIT,
    ENTRIES,
    FEE,
    OWNER,
    PENALTY,
    PRICE,
    PROVIDER,
    RESERVATION,
    RESPONSE,
    STRANGER,
    TERM,
    StorageWorld,
)
from support.world import ETHER

#: What everybody was given, less what the world has put in.
PROVIDER_START = 100 * ETHER - DEPOSIT
OWNER_START = 100 * ETHER - BUDGET


@dataclass(frozen=True, kw_only=True, slots=True)
class Money:
    """Everybody's, once the provider's contract has paid out what it owes."""

    provider: int = 0
    client: int = 0
    agent: int = 0
    stranger: int = 0
    burned: int = 0
    #: Still locked in the provider's contract.
    locked: int = 0


@pytest.fixture
def world() -> StorageWorld:
    return StorageWorld()


def cash_out(world: StorageWorld) -> Money:
    """Pay out all free money, and return what everybody has gained since the start, to the wei."""
    server, client = world.server, world.client
    server.call("withdraw", server.call("free"), sender=PROVIDER)
    client.call("collect", sender=STRANGER)
    client.call("withdraw", world.chain.balance(client.address), sender=OWNER)
    balance = world.chain.balance
    return Money(
        provider=balance(PROVIDER) - PROVIDER_START - DEPOSIT,
        client=balance(OWNER) - OWNER_START - BUDGET,
        agent=balance(AGENT) - 100 * ETHER,
        stranger=balance(STRANGER) - 100 * ETHER,
        burned=balance(ZERO_ADDRESS),
        locked=balance(server.address),
    )


def get_worth(seconds: int) -> int:
    return PRICE * seconds // TERM


def test_provider_takes_the_payment_and_shows_no_receipt__then_it_gets_nothing(
    world: StorageWorld,
) -> None:
    world.do(world.pay())
    world.wait(CONFIRM)
    world.do(world.named(act.Collect, PROVIDER))
    with pytest.raises(Rejected, match="provider did not sign"):
        world.do(world.confirm(is_signed=False))
    world.wait(1)
    world.do(world.named(act.Reclaim))
    assert cash_out(world) == Money(client=-RESERVATION, burned=RESERVATION)


def test_provider_stores_nothing_and_signs__then_the_first_challenge_fines_it(
    world: StorageWorld,
) -> None:
    world.store()
    world.do(world.challenge(sender=world.client.address))
    world.wait(RESPONSE)
    with pytest.raises(Rejected, match="wrong proof"):
        world.do(world.answer(is_proven=False))
    world.wait(1)
    world.do(world.named(act.Fine))
    assert cash_out(world) == Money(provider=-PENALTY, client=PENALTY)


def test_provider_loses_one_leaf__then_the_challenge_on_it_fines_it(world: StorageWorld) -> None:
    world.store()
    for leaf in (0, 1, 3):
        world.do(world.challenge(sender=world.client.address, chunk=2, leaf=leaf))
        world.do(world.answer())
    world.wait(250)
    world.do(world.challenge(sender=world.client.address, chunk=2, leaf=2))
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))
    world.do(world.named(act.Collect))
    vested = get_worth(250)
    assert cash_out(world) == Money(
        provider=vested + 3 * FEE - PENALTY, client=PENALTY - vested - 3 * FEE
    )


def test_provider_spends_its_deposit__then_no_new_agreement_and_reserved_penalties_stay(
    world: StorageWorld,
) -> None:
    world.store()
    free = world.ledger.free
    world.server.call("withdraw", free, sender=PROVIDER)
    world.ledger = world.ledger.deposit(-free)
    with pytest.raises(TransactionReverted, match="storage: balance too low"):
        world.server.call("withdraw", 1, sender=PROVIDER)
    other = world.make_quote(price=PRICE + 1)
    arguments = (other.to_abi(), *world.sign(other))
    with pytest.raises(TransactionReverted, match="storage: deposit too low"):
        world.client.call("pay", *arguments, sender=OWNER)
    world.do(world.challenge(sender=world.client.address))
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))
    assert cash_out(world) == Money(provider=-PENALTY, client=PENALTY)


@pytest.mark.parametrize("way", ["off chain", "on chain", "in a batch"])
def test_receipt__off_chain_or_on_chain__then_the_same_and_it_verifies(
    world: StorageWorld, way: str
) -> None:
    """Off chain the client shows it itself; on chain it is read from the call's data."""
    world.do(world.pay())
    receipt = world.make_receipt()
    r, vs = world.sign(receipt)
    if way == "in a batch":
        call = ("confirm_many", [(receipt.agreement_id, receipt.link_hash, r, vs)])
    else:
        call = ("confirm", receipt.to_abi(), r, vs)
    sender = OWNER if way == "off chain" else PROVIDER
    world.server.call(*call, sender=sender)
    found = parse_receipt(world.server.encode(*call), world.domain, world.quote)
    assert found is not None
    assert (found.receipt, found.signature) == (receipt, from_compact(r, vs))
    signable = encode_typed_data(full_message=build_typed_data(world.domain, found.receipt))
    assert Account.recover_message(signable, signature=found.signature) == PROVIDER
    assert world.server.call("state_of", world.id)[0] == Status.STORED
    world.wait(TERM + RESPONSE + 1)
    world.server.call("collect", [world.quote.to_abi()], sender=STRANGER)
    assert cash_out(world) == Money(provider=PRICE, client=-PRICE)


def test_client_pays_and_does_not_upload__then_money_back_less_the_burned_fee(
    world: StorageWorld,
) -> None:
    """The provider has its penalty back even if the client never comes again."""
    world.do(world.pay())
    world.wait(CONFIRM + 1)
    world.do(world.named(act.Reclaim, PROVIDER))
    assert cash_out(world) == Money(client=-RESERVATION, burned=RESERVATION)


def test_client_challenges_without_cause__then_it_has_paid_for_the_answer(
    world: StorageWorld,
) -> None:
    world.store()
    world.do(world.challenge(sender=world.client.address))
    with pytest.raises(Rejected, match="too early"):
        world.do(world.named(act.Fine))
    world.wait(100)
    world.do(world.answer())
    with pytest.raises(Rejected, match="not challenged"):
        world.do(world.named(act.Fine))
    world.wait(TERM)
    world.wait(RESPONSE)
    world.do(world.named(act.Collect))
    assert cash_out(world) == Money(provider=PRICE + FEE, client=-PRICE - FEE)


def test_challenges_in_a_flood__then_each_answer_is_paid_whoever_gives_it(
    world: StorageWorld,
) -> None:
    world.store()
    paid = 0
    for leaf in range(0, 40, 10):
        challenge = world.challenge(chunk=2, leaf=leaf, count=5)
        world.do(challenge)
        with pytest.raises(Rejected, match="challenge open"):
            world.do(world.challenge())
        world.do(world.answer(5))
        paid += challenge.value
    assert paid == 4 * get_challenge_fee(5, 0)
    world.wait(TERM + RESPONSE + 1)
    world.do(world.named(act.Collect))
    assert cash_out(world) == Money(provider=PRICE + paid, client=-PRICE, agent=-paid)


def test_provider_sells_more_than_its_deposit_covers__then_refused(world: StorageWorld) -> None:
    """The deposit covers three penalties: the fourth quote cannot be paid."""
    for n in range(4):
        world.quote = world.make_quote(price=PRICE + n)
        arguments = (world.quote.to_abi(), *world.sign(world.quote))
        if n < DEPOSIT // PENALTY:
            world.client.call("pay", *arguments, sender=OWNER)
        else:
            with pytest.raises(TransactionReverted, match="storage: deposit too low"):
                world.client.call("pay", *arguments, sender=OWNER)
    escrowed = 3 * PRICE + 3
    assert cash_out(world) == Money(
        provider=-3 * PENALTY, client=-escrowed, locked=escrowed + 3 * PENALTY
    )


def test_provider_equivocates__then_fined_by_anyone(world: StorageWorld) -> None:
    world.store()
    world.wait(100)
    world.do(world.fine_equivocation())
    world.do(world.named(act.Collect))
    vested = get_worth(100)
    assert cash_out(world) == Money(provider=vested - PENALTY, client=PENALTY - vested)


def test_provider_serves_only_by_answering_challenges__then_it_is_no_fault(
    world: StorageWorld,
) -> None:
    """No contract can decide why a file was not served otherwise; the record on chain shows it."""
    world.store()
    for leaf in range(3):
        world.do(world.challenge(sender=world.client.address, leaf=leaf))
        world.do(world.answer())
    world.wait(TERM + RESPONSE + 1)
    world.do(world.named(act.Collect))
    assert cash_out(world) == Money(provider=PRICE + 3 * FEE, client=-PRICE - 3 * FEE)


def test_provider_leaves__after_its_terms_and_one_window__with_all_its_money(
    world: StorageWorld,
) -> None:
    world.store()
    world.pass_to(GENESIS_TIME + TERM + RESPONSE)
    world.do(world.named(act.Collect))
    assert world.state.status is Status.STORED
    world.wait(1)
    world.do(world.named(act.Collect))
    assert cash_out(world) == Money(provider=PRICE, client=-PRICE)


def test_client_gives_back__then_pays_for_what_it_had_or_the_reservation_fee(
    world: StorageWorld,
) -> None:
    world.store()
    world.wait(5)
    with world.branch():
        world.do(world.give_back())
        assert cash_out(world) == Money(provider=RESERVATION, client=-RESERVATION)
    world.wait(495)
    world.do(world.give_back())
    assert cash_out(world) == Money(provider=get_worth(500), client=-get_worth(500))


def test_leaf_beyond_the_end__then_answered_by_the_count_and_no_fine(world: StorageWorld) -> None:
    world.store()
    world.do(world.challenge(chunk=1, leaf=ENTRIES[1].leaf_count))
    world.do(world.answer_count())
    world.wait(TERM + RESPONSE + 1)
    world.do(world.named(act.Collect))
    assert cash_out(world) == Money(provider=PRICE + FEE, client=-PRICE, agent=-FEE)
