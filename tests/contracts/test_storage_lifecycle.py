"""Every rule of an agreement, where it holds and where somebody breaks it.

The world holds contract and model to each other after each action: reasons, the agreement's word,
every balance and the money that the contract holds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.errors import Rejected, TransactionReverted
from pekanu.storage import actions as act
from pekanu.storage.state import FEE_UNIT, Status
from pekanu.types import ZERO_ADDRESS, Seconds, Wei
from support.storage_world import (
    AGENT,
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


@pytest.fixture
def world() -> StorageWorld:
    return StorageWorld()


def refuse(world: StorageWorld, action: act.Action, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        world.do(action)
    assert caught.value.reason == f"storage: {reason}"


def get_worth(seconds: int) -> int:
    return PRICE * seconds // TERM


# --- deposit, registration, budget ----------------------------------------------------------------


def test_deposit__by_anyone__then_the_providers(world: StorageWorld) -> None:
    world.server.call("deposit", sender=STRANGER, value=5)
    world.ledger = world.ledger.deposit(5)
    world.check()


def test_withdraw__of_what_nothing_reserves__then_paid_and_no_more(world: StorageWorld) -> None:
    world.do(world.pay())
    before = world.chain.balance(PROVIDER)
    with pytest.raises(TransactionReverted, match="balance too low"):
        world.server.call("withdraw", DEPOSIT - PENALTY + 1, sender=PROVIDER)
    world.server.call("withdraw", DEPOSIT - PENALTY, sender=PROVIDER)
    world.ledger = world.ledger.deposit(PENALTY - DEPOSIT)
    world.check()
    assert world.chain.balance(PROVIDER) == before + DEPOSIT - PENALTY
    assert world.held == PRICE + PENALTY


@pytest.mark.parametrize("who", [OWNER, STRANGER])
def test_withdraw__by_others__then_refused(world: StorageWorld, who: str) -> None:
    with pytest.raises(TransactionReverted, match="balance too low"):
        world.server.call("withdraw", 1, sender=who)


@pytest.mark.parametrize(
    ("name", "arguments"), [("register", (STRANGER,)), ("rebate", (STRANGER, 1))]
)
def test_provider_calls__by_others__then_refused(
    world: StorageWorld, name: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(TransactionReverted, match="storage: not the provider"):
        world.server.call(name, *arguments, sender=OWNER)


def test_create__when_not_registered__then_refused(world: StorageWorld) -> None:
    with pytest.raises(TransactionReverted, match="storage: not registered"):
        world.create_client(STRANGER)
    world.server.call("register", STRANGER, sender=PROVIDER)
    client = world.create_client(STRANGER, 7)
    assert client.call("owner").lower() == STRANGER.lower()
    assert client.call("server").lower() == world.server.address.lower()
    assert world.factory.call("owners", client.address).lower() == STRANGER.lower()
    assert world.chain.balance(client.address) == 7


def test_create__twice__then_refused(world: StorageWorld) -> None:
    with pytest.raises(TransactionReverted, match="storage factory: made before"):
        world.create_client(OWNER)


def test_enroll__by_others_than_the_factory__then_refused(world: StorageWorld) -> None:
    for who in (PROVIDER, OWNER):
        with pytest.raises(TransactionReverted, match="storage: not the factory"):
            world.server.call("enroll", OWNER, STRANGER, sender=who)


def test_rebate__by_the_provider__then_out_of_its_free_money(world: StorageWorld) -> None:
    world.server.call("rebate", world.client.address, 9, sender=PROVIDER)
    world.ledger = world.ledger.rebate(world.client.address, Wei(9))
    world.check()
    with pytest.raises(TransactionReverted, match="balance too low"):
        world.server.call("rebate", world.client.address, DEPOSIT, sender=PROVIDER)
    with pytest.raises(TransactionReverted, match="not registered"):
        world.server.call("rebate", STRANGER, 1, sender=PROVIDER)


def test_client_budget__when_collected_and_withdrawn__then_the_owners(world: StorageWorld) -> None:
    world.server.call("rebate", world.client.address, 9, sender=PROVIDER)
    world.client.call("collect", sender=STRANGER)
    world.ledger = world.ledger.rebate(world.client.address, Wei(9))
    world.ledger = world.ledger.owe(world.client.address, -9)
    world.check()
    held, before = world.chain.balance(world.client.address), world.chain.balance(OWNER)
    world.client.call("withdraw", held, sender=OWNER)
    assert world.chain.balance(OWNER) == before + held
    with pytest.raises(TransactionReverted, match="storage client: budget too low"):
        world.client.call("withdraw", 1, sender=OWNER)


@pytest.mark.parametrize("name", ["pay", "give_back", "withdraw", "set_agent"])
def test_client_calls__by_others_than_the_owner__then_refused(
    world: StorageWorld, name: str
) -> None:
    quote = world.quote.to_abi()
    arguments = {
        "pay": (quote, *world.sign(world.quote)),
        "give_back": (quote,),
        "withdraw": (1,),
        "set_agent": (STRANGER, True),
    }
    with pytest.raises(TransactionReverted, match="storage client: not the owner"):
        world.client.call(name, *arguments[name], sender=STRANGER)


# --- payment --------------------------------------------------------------------------------------


def test_pay__of_a_signed_quote__then_price_escrowed_and_penalty_reserved(
    world: StorageWorld,
) -> None:
    world.do(world.pay())
    assert world.state.status is Status.PAID
    assert world.state.deadline == world.now + CONFIRM
    assert world.ledger.locked == PRICE + PENALTY
    assert world.get_gains() == (-PRICE, -PENALTY)


def test_pay__by_others_than_the_quotes_client__then_refused(world: StorageWorld) -> None:
    refuse(world, world.pay(sender=OWNER), "not the client")
    refuse(world, world.pay(sender=STRANGER), "not the client")


def test_pay__when_the_quotes_client_is_not_enrolled__then_refused(world: StorageWorld) -> None:
    world.quote = world.make_quote(client=STRANGER)
    refuse(world, world.pay(sender=STRANGER, is_registered=False), "not registered")


def test_pay__twice__then_refused(world: StorageWorld) -> None:
    world.do(world.pay())
    refuse(world, world.pay(), "quote used")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chunk_count": 0}, "nothing to keep"),
        ({"penalty": 1 << 96}, "too much money"),
        ({"reservation_fee": PRICE // 100 + 1}, "reservation fee too high"),
        ({"confirm_window": 59}, "window out of bounds"),
        ({"confirm_window": 30 * 86_400 + 1}, "window out of bounds"),
        ({"response_window": 59}, "window out of bounds"),
        ({"response_window": 30 * 86_400 + 1}, "window out of bounds"),
        ({"term": 59}, "term out of bounds"),
        ({"term": 3650 * 86_400 + 1}, "term out of bounds"),
        ({"starts_at": 1_799_999_999}, "start out of bounds"),
        ({"starts_at": 1_800_000_001 + 3650 * 86_400}, "start out of bounds"),
        ({"penalty": DEPOSIT + 1}, "deposit too low"),
    ],
)
def test_pay__of_terms_that_cannot_be__then_refused(
    world: StorageWorld, change: dict[str, int], reason: str
) -> None:
    world.quote = world.make_quote(**change)
    refuse(world, world.pay(), reason)


@pytest.mark.parametrize(
    "change",
    [
        {"reservation_fee": PRICE // 100},
        {"confirm_window": 60, "response_window": 30 * 86_400},
        {"term": 60},
        {"term": 3650 * 86_400},
        {"starts_at": 1_800_000_000},
        {"starts_at": 1_800_000_000 + 3650 * 86_400},
        {"penalty": DEPOSIT},
        {"penalty": 0, "price": 0, "reservation_fee": 0},
    ],
)
def test_pay__of_terms_at_their_bounds__then_paid(
    world: StorageWorld, change: dict[str, int]
) -> None:
    world.quote = world.make_quote(**change)
    world.do(world.pay())


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_pay__around_the_quotes_expiry__then_until_its_last_second(
    world: StorageWorld, late: int
) -> None:
    world.pass_to(world.quote.terms.valid_until + late)
    if late > 0:
        refuse(world, world.pay(), "quote over")
    else:
        world.do(world.pay())


def test_pay__when_the_provider_did_not_sign__then_refused(world: StorageWorld) -> None:
    refuse(world, world.pay(is_signed=False), "provider did not sign")


def test_pay__when_the_budget_is_too_low__then_refused(world: StorageWorld) -> None:
    world.client.call("withdraw", world.chain.balance(world.client.address), sender=OWNER)
    arguments = (world.quote.to_abi(), *world.sign(world.quote))
    with pytest.raises(TransactionReverted, match="storage client: budget too low"):
        world.client.call("pay", *arguments, sender=OWNER, value=PRICE - 1)
    world.client.call("pay", *arguments, sender=OWNER, value=PRICE)
    assert world.server.call("states", world.id) != 0


# --- receipt --------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_confirm__around_the_deadline__then_until_its_last_second(
    world: StorageWorld, late: int
) -> None:
    world.do(world.pay())
    world.pass_to(world.state.deadline + late)
    if late > 0:
        refuse(world, world.confirm(), "deadline over")
    else:
        world.do(world.confirm())
        assert (world.state.status, world.state.started) == (Status.STORED, world.now)


def test_confirm__when_the_provider_did_not_sign__then_refused(world: StorageWorld) -> None:
    world.do(world.pay())
    refuse(world, world.confirm(is_signed=False), "provider did not sign")


def test_confirm__when_nothing_is_paid_or_again__then_refused(world: StorageWorld) -> None:
    refuse(world, world.confirm(), "no receipt awaited")
    world.store()
    refuse(world, world.confirm(), "no receipt awaited")


def test_confirm_with_link__then_stored_and_the_link_is_logged(world: StorageWorld) -> None:
    world.do(world.pay())
    receipt = world.make_receipt()
    signature = world.sign(receipt)
    arguments = (receipt.to_abi(), *signature, b"sealed")
    world.server.call("confirm_with_link", *arguments, sender=PROVIDER)
    logged = dict(world.server.logs())
    assert logged["Linked"]["sealed_link"] == b"sealed"
    assert (logged["Linked"]["r"], logged["Linked"]["vs"]) == signature
    assert world.server.call("state_of", world.id)[0] == Status.STORED


def test_confirm_many__by_the_provider__then_stored_and_others_passed_over(
    world: StorageWorld,
) -> None:
    confirm = act.ConfirmByProvider(sender=PROVIDER, is_provider=True)
    world.do(confirm)
    assert world.state.status is Status.NONE
    world.do(world.pay())
    world.do(confirm)
    assert world.state.status is Status.STORED
    world.do(confirm)


def test_confirm_many__too_late__then_passed_over(world: StorageWorld) -> None:
    world.do(world.pay())
    world.wait(CONFIRM + 1)
    world.do(act.ConfirmByProvider(sender=PROVIDER, is_provider=True))
    assert world.state.status is Status.PAID


def test_confirm_many__by_others__then_refused(world: StorageWorld) -> None:
    world.do(world.pay())
    refuse(world, act.ConfirmByProvider(sender=STRANGER, is_provider=False), "not the provider")


# --- renewal --------------------------------------------------------------------------------------


def test_pay__of_a_renewal__then_stored_without_a_receipt_and_vests_from_its_start(
    world: StorageWorld,
) -> None:
    start = Seconds(world.now + 400)
    world.quote = world.make_quote(starts_at=start)
    world.do(world.pay())
    assert (world.state.status, world.state.started) == (Status.STORED, start)
    world.pass_to(start)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, -PENALTY)
    world.wait(10)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, get_worth(10) - PENALTY)


def test_challenge__of_a_renewal_before_its_start__then_unanswered_returns_everything(
    world: StorageWorld,
) -> None:
    world.quote = world.make_quote(starts_at=Seconds(world.now + 400))
    world.do(world.pay())
    world.do(world.challenge())
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))
    world.do(world.named(act.Collect))
    assert world.get_gains() == (PENALTY + FEE, -PENALTY)


# --- challenge ------------------------------------------------------------------------------------


def test_challenge__by_the_client_or_its_agent__then_open(world: StorageWorld) -> None:
    world.store()
    for who in (world.client.address, AGENT):
        with world.branch():
            world.do(world.challenge(sender=who))
            assert world.state.status is Status.CHALLENGED
            assert world.state.deadline == world.now + RESPONSE


@pytest.mark.parametrize("who", [OWNER, PROVIDER, STRANGER])
def test_challenge__by_others__then_refused(world: StorageWorld, who: str) -> None:
    world.store()
    refuse(world, world.challenge(sender=who), "not the client")


def test_client_challenge__by_an_agent_of_the_contract__then_at_its_own_cost(
    world: StorageWorld,
) -> None:
    world.store()
    place = (world.quote.to_abi(), 0, 3, 1, FEE)
    with pytest.raises(TransactionReverted, match="storage client: not an agent"):
        world.client.call("challenge", *place, sender=STRANGER, value=FEE)
    world.client.call("set_agent", STRANGER, True, sender=OWNER)
    budget = world.chain.balance(world.client.address)
    with pytest.raises(TransactionReverted, match="storage client: an agent pays the fee"):
        world.client.call("challenge", *place, sender=STRANGER)
    world.client.call("challenge", *place, sender=STRANGER, value=FEE)
    assert world.chain.balance(world.client.address) == budget
    world.client.call("set_agent", STRANGER, False, sender=OWNER)
    with pytest.raises(TransactionReverted, match="storage client: not an agent"):
        world.client.call("challenge", *place, sender=STRANGER, value=FEE)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chunk": 3}, "no such chunk"),
        ({"leaf": 1 << 20}, "no such leaves"),
        ({"count": 0}, "no such leaves"),
        ({"count": 1025, "value": Wei(10**18)}, "no such leaves"),
        ({"value": FEE - 1}, "fee too low"),
        ({"value": Wei(0)}, "fee too low"),
        ({"value": FEE + 1}, "fee out of bounds"),
        ({"count": 33, "value": FEE}, "fee too low"),
    ],
)
def test_challenge__of_what_cannot_be__then_refused(
    world: StorageWorld, change: dict[str, object], reason: str
) -> None:
    world.store()
    refuse(world, world.challenge(**change), reason)


@pytest.mark.parametrize(
    "change",
    [{"chunk": 2, "leaf": (1 << 20) - 1, "count": 1024}, {"value": Wei(FEE + 5 * FEE_UNIT)}],
)
def test_challenge__at_its_bounds__then_open(world: StorageWorld, change: dict[str, int]) -> None:
    world.store()
    world.do(world.challenge(**change))


def test_challenge__before_the_receipt_or_while_one_is_open__then_refused(
    world: StorageWorld,
) -> None:
    refuse(world, world.challenge(), "not stored")
    world.do(world.pay())
    refuse(world, world.challenge(), "not stored")
    world.do(world.confirm())
    world.do(world.challenge())
    refuse(world, world.challenge(), "challenge open")


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_challenge__around_the_terms_end__then_until_its_last_second(
    world: StorageWorld, late: int
) -> None:
    world.store()
    world.wait(TERM + late)
    if late > 0:
        refuse(world, world.challenge(), "term over")
    else:
        world.do(world.challenge())


# --- answer ---------------------------------------------------------------------------------------


def test_answer__of_the_leaf__then_the_fee_is_the_providers_and_vesting_goes_on(
    world: StorageWorld,
) -> None:
    world.store()
    world.wait(100)
    world.do(world.challenge())
    world.wait(50)
    world.do(world.answer())
    assert world.state.status is Status.STORED
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, FEE + get_worth(150) - PENALTY)


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_answer__around_the_deadline__then_until_its_last_second(
    world: StorageWorld, late: int
) -> None:
    world.store()
    world.do(world.challenge())
    world.pass_to(world.state.deadline + late)
    if late > 0:
        refuse(world, world.answer(), "deadline over")
        world.do(world.named(act.Fine))
    else:
        refuse(world, world.named(act.Fine), "too early")
        world.do(world.answer())


def test_answer__with_a_wrong_proof_or_leaf_count__then_refused(world: StorageWorld) -> None:
    world.store()
    refuse(world, world.answer(), "not challenged")
    world.do(world.challenge())
    leaves = ENTRIES[0].leaf_count
    refuse(world, world.answer(is_proven=False), "wrong proof")
    refuse(world, world.answer(leaf_count=leaves - 1, is_proven=False), "wrong proof")
    refuse(world, world.answer(leaf_count=3), "beyond the end")
    refuse(world, world.answer(leaf_count=(1 << 20) + 1), "beyond the end")
    refuse(world, world.answer(count=2), "not the leaves asked for")
    refuse(world, world.answer(count=0), "not the leaves asked for")


def test_answer__of_a_range_over_several_calls__then_closed_by_the_last(
    world: StorageWorld,
) -> None:
    world.store()
    challenge = world.challenge(chunk=2, leaf=5, count=70)
    world.do(challenge)
    for count in (32, 1):
        world.do(world.answer(count))
        assert world.state.status is Status.CHALLENGED
    world.do(world.answer(31))
    assert (world.state.leaf, world.state.count) == (69, 6)
    world.do(world.answer(6))
    assert world.state.status is Status.STORED
    assert world.get_gains()[1] == challenge.value - PENALTY


def test_answer__of_half_a_range__then_still_fined(world: StorageWorld) -> None:
    world.store()
    world.do(world.challenge(chunk=2, leaf=0, count=40))
    world.do(world.answer(32))
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))
    assert world.state.status is Status.FINED


def test_answer__of_a_range_beyond_the_end__then_closed_by_the_chunks_last_leaf(
    world: StorageWorld,
) -> None:
    world.store()
    leaves = ENTRIES[0].leaf_count
    world.do(world.challenge(chunk=0, leaf=leaves - 2, count=1000))
    world.do(world.answer(2))
    assert world.state.status is Status.STORED


def test_answer_count__when_the_leaf_lies_beyond_the_end__then_closed(world: StorageWorld) -> None:
    world.store()
    leaves = ENTRIES[1].leaf_count
    world.do(world.challenge(chunk=1, leaf=leaves))
    refuse(world, world.answer(leaf_count=leaves), "beyond the end")
    refuse(world, world.answer_count(is_proven=False), "wrong proof")
    world.do(world.answer_count())
    assert world.get_gains()[1] == FEE - PENALTY


def test_answer_count__when_the_leaf_exists__then_refused(world: StorageWorld) -> None:
    world.store()
    refuse(world, world.answer_count(), "not challenged")
    world.do(world.challenge(chunk=0, leaf=ENTRIES[0].leaf_count - 1))
    refuse(world, world.answer_count(), "the leaf exists")
    refuse(world, world.answer_count(leaf_count=0, is_proven=False), "wrong proof")
    world.wait(RESPONSE + 1)
    refuse(world, world.answer_count(), "deadline over")


# --- fine -----------------------------------------------------------------------------------------


def test_fine__when_unanswered__then_unvested_price_fee_and_penalty_are_the_clients(
    world: StorageWorld,
) -> None:
    world.store()
    world.wait(400)
    world.do(world.challenge())
    world.wait(RESPONSE + 1)
    world.do(world.named(act.Fine))
    worth = get_worth(400)
    assert world.get_gains() == (PENALTY - worth + FEE, -PENALTY)
    world.wait(5000)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (PENALTY - worth + FEE, worth - PENALTY)
    world.do(world.named(act.Collect))
    assert world.ledger.locked == 0


def test_fine__without_a_challenge__then_refused(world: StorageWorld) -> None:
    refuse(world, world.named(act.Fine), "not challenged")
    world.store()
    refuse(world, world.named(act.Fine), "not challenged")


def test_fine_equivocation__on_a_contradicting_receipt__then_fined_in_each_live_state(
    world: StorageWorld,
) -> None:
    world.do(world.pay())
    with world.branch():
        world.do(world.fine_equivocation())
        assert world.get_gains() == (PENALTY, -PENALTY)
        assert world.ledger.locked == 0
    world.do(world.confirm())
    world.wait(300)
    with world.branch():
        world.do(world.fine_equivocation())
        world.wait(100)
        world.do(world.named(act.Collect))
        assert world.get_gains() == (PENALTY - get_worth(300), get_worth(300) - PENALTY)
        assert world.ledger.locked == 0
    world.do(world.challenge())
    world.wait(50)
    world.do(world.fine_equivocation())
    world.do(world.named(act.Collect))
    assert world.get_gains() == (PENALTY - get_worth(300) + FEE, get_worth(300) - PENALTY)
    assert world.ledger.locked == 0


def test_fine_equivocation__on_anything_else__then_refused(world: StorageWorld) -> None:
    refuse(world, world.fine_equivocation(), "not live")
    world.store()
    refuse(world, world.fine_equivocation(is_about_it=False), "other agreement")
    refuse(world, world.fine_equivocation(contradicts=False), "no contradiction")
    refuse(world, world.fine_equivocation(is_signed=False), "provider did not sign")
    world.do(world.fine_equivocation())
    refuse(world, world.fine_equivocation(), "not live")


@pytest.mark.parametrize("change", [{"root_commitment": bytes(32)}, {"size": 9}, {"term": 9}])
def test_fine_equivocation__on_another_root_size_or_term__then_fined(
    world: StorageWorld, change: dict[str, object]
) -> None:
    world.store()
    receipt = world.make_receipt(**change)
    arguments = (world.quote.to_abi(), receipt.to_abi(), *world.sign(receipt))
    world.server.call("fine_equivocation", *arguments, sender=STRANGER)
    assert world.server.call("state_of", world.id)[0] == Status.FINED


def test_fine_equivocation__on_another_link__then_refused(world: StorageWorld) -> None:
    world.store()
    receipt = world.make_receipt(link_hash=bytes(32))
    arguments = (world.quote.to_abi(), receipt.to_abi(), *world.sign(receipt))
    with pytest.raises(TransactionReverted, match="storage: no contradiction"):
        world.server.call("fine_equivocation", *arguments, sender=STRANGER)


# --- reclaim, collect, give back ------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_reclaim__around_the_deadline__then_from_the_second_after(
    world: StorageWorld, late: int
) -> None:
    world.do(world.pay())
    world.pass_to(world.state.deadline + late)
    if late <= 0:
        refuse(world, world.named(act.Reclaim), "too early")
        return
    world.do(world.named(act.Reclaim))
    assert world.get_gains() == (-RESERVATION, 0)
    assert world.chain.balance(ZERO_ADDRESS) == RESERVATION
    refuse(world, world.named(act.Reclaim), "no receipt awaited")
    refuse(world, world.confirm(), "no receipt awaited")


def test_reclaim__when_stored__then_refused(world: StorageWorld) -> None:
    refuse(world, world.named(act.Reclaim), "no receipt awaited")
    world.store()
    world.wait(10_000)
    refuse(world, world.named(act.Reclaim), "no receipt awaited")


def test_collect__second_by_second__then_exactly_the_price_in_the_end(world: StorageWorld) -> None:
    world.store()
    for seconds in (1, 2, 7, 0, 333, 600):
        world.wait(seconds)
        world.do(world.named(act.Collect))
    world.wait(TERM)
    world.do(world.named(act.Collect))
    assert world.state.status is Status.ENDED
    assert world.get_gains() == (-PRICE, PRICE)
    assert world.ledger.locked == 0
    world.do(world.named(act.Collect))


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_collect__around_the_window_after_the_term__then_penalty_free_from_the_second_after(
    world: StorageWorld, late: int
) -> None:
    world.store()
    world.wait(TERM + RESPONSE + late)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, PRICE if late > 0 else PRICE - PENALTY)
    assert (world.state.status is Status.ENDED) == (late > 0)


def test_collect__while_challenged__then_what_had_vested_and_no_end(world: StorageWorld) -> None:
    world.store()
    world.wait(TERM)
    world.do(world.challenge())
    world.wait(10_000)
    world.do(world.named(act.Collect))
    assert world.state.status is Status.CHALLENGED
    assert world.get_gains() == (-PRICE, PRICE - PENALTY)
    world.do(world.named(act.Fine))
    assert world.get_gains() == (PENALTY - PRICE + FEE, PRICE - PENALTY)


def test_collect__while_challenged_within_the_term__then_up_to_the_opening_only(
    world: StorageWorld,
) -> None:
    world.store()
    world.wait(200)
    world.do(world.challenge())
    world.wait(RESPONSE)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, get_worth(200) - PENALTY)
    world.do(world.answer())
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, get_worth(200 + RESPONSE) + FEE - PENALTY)


def test_collect__before_the_receipt__then_nothing(world: StorageWorld) -> None:
    world.do(world.pay())
    world.wait(100)
    world.do(world.named(act.Collect))
    assert world.get_gains() == (-PRICE, -PENALTY)


def test_collect__of_the_same_quote_twice_in_a_call__then_paid_once(world: StorageWorld) -> None:
    world.store()
    world.wait(10)
    quote = world.quote.to_abi()
    world.server.call("collect", [quote, quote], sender=STRANGER)
    assert world.server.call("free") == DEPOSIT - PENALTY + get_worth(10)


def test_give_back__then_what_is_not_vested_returns_and_the_penalty_is_free(
    world: StorageWorld,
) -> None:
    world.store()
    world.wait(500)
    world.do(world.named(act.Collect))
    world.wait(100)
    world.do(world.give_back())
    assert world.get_gains() == (-get_worth(600), get_worth(600))
    assert world.ledger.locked == 0


def test_give_back__at_once__then_the_provider_keeps_the_reservation_fee(
    world: StorageWorld,
) -> None:
    world.store()
    world.do(world.give_back())
    assert world.get_gains() == (-RESERVATION, RESERVATION)


def test_give_back__by_others_or_while_challenged_or_paid__then_refused(
    world: StorageWorld,
) -> None:
    for who in (STRANGER, PROVIDER, AGENT):
        refuse(world, replace(world.give_back(), sender=who), "not the client")
    world.do(world.pay())
    refuse(world, world.give_back(), "not stored")
    world.do(world.confirm())
    world.do(world.challenge())
    refuse(world, world.give_back(), "not stored")
