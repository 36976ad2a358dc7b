"""Vesting and fees: nothing is lost by rounding, nothing vests that was not served."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pekanu.errors import Rejected
from pekanu.storage.ledger import StorageLedger
from pekanu.storage.lifecycle import MAX_MONEY, MAX_RANGE, MAX_TERM, Reserve
from pekanu.storage.money import (
    ANSWER_GAS,
    LEAF_GAS,
    MIN_BASE_FEE,
    get_challenge_fee,
    get_end,
    get_release,
    get_vested,
    get_vested_seconds,
)
from pekanu.storage.state import FEE_UNIT, AgreementState, Status
from pekanu.types import Address, Seconds, Wei
from support import storage_vectors as vectors

TERMS = vectors.read_quote().terms
START = Seconds(1_800_000_000)
STORED = AgreementState(status=Status.STORED, started=START)


@given(
    st.integers(0, MAX_MONEY),
    st.integers(60, MAX_TERM),
    st.lists(st.floats(0, 1), max_size=6),
)
def test_get_vested__collected_in_any_pieces__then_the_price_in_the_end(
    price: int, term: int, stops: list[float]
) -> None:
    terms = replace(TERMS, price=Wei(price), term=Seconds(term))
    marks = [0, *sorted(int(stop * term) for stop in stops), term]
    worth = [get_vested(terms, mark) for mark in marks]
    assert worth == sorted(worth)
    assert (worth[0], worth[-1]) == (0, price)


@pytest.mark.parametrize(
    ("late", "seconds"), [(-5, 0), (0, 0), (1, 1), (TERMS.term, TERMS.term), (1 << 30, TERMS.term)]
)
def test_get_vested_seconds__before_within_and_after_the_term__then_as_served(
    late: int, seconds: int
) -> None:
    assert get_vested_seconds(TERMS, STORED, Seconds(START + late)) == seconds


@pytest.mark.parametrize("status", [Status.CHALLENGED, Status.FINED])
def test_get_vested_seconds__when_challenged_or_fined__then_up_to_where_it_stopped(
    status: Status,
) -> None:
    deadline = Seconds(START + 100 + TERMS.response_window)
    state = replace(STORED, status=status, deadline=deadline)
    assert get_vested_seconds(TERMS, state, Seconds(START + 50)) == 50
    assert get_vested_seconds(TERMS, state, Seconds(deadline + 1)) == 100


def test_get_release__then_a_response_window_after_the_end() -> None:
    assert get_end(TERMS, STORED) == START + TERMS.term
    assert get_release(TERMS, STORED) == START + TERMS.term + TERMS.response_window


@given(st.integers(1, MAX_RANGE), st.integers(0, 10**13))
def test_get_challenge_fee__then_one_and_a_half_times_the_answer_in_whole_gwei(
    count: int, base_fee: int
) -> None:
    fee = get_challenge_fee(count, base_fee)
    gas = -(-count // 32) * ANSWER_GAS + count * LEAF_GAS
    least = gas * 3 // 2 * max(base_fee, MIN_BASE_FEE)
    assert fee % FEE_UNIT == 0
    assert least <= fee < least + 2 * FEE_UNIT


def test_settle__when_the_deposit_does_not_cover_a_penalty__then_refused() -> None:
    ledger = StorageLedger(free=Wei(5))
    assert ledger.settle([Reserve(amount=Wei(5))]) == StorageLedger(locked=Wei(5))
    with pytest.raises(Rejected, match="storage: deposit too low"):
        ledger.settle([Reserve(amount=Wei(6))])


def test_owe__more_than_is_owed__then_refused() -> None:
    client = Address("0x" + "11" * 20)
    ledger = StorageLedger(free=Wei(9)).rebate(client, Wei(4))
    assert (ledger.free, ledger.get(client), ledger.total) == (5, 4, 9)
    with pytest.raises(Rejected, match="storage: balance too low"):
        ledger.owe(client, -5)
