"""Who shared a provider's bytes with whom, and for how long, by its books."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pekanu.node.provider.agreements import Agreement
from pekanu.node.provider.index import AgreementRow
from pekanu.node.provider.sharing import find_rebate
from pekanu.storage.agreement import Content
from pekanu.storage.chunk_names import ChunkName, pack_names
from pekanu.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, Seconds, Wei
from support.storage_vectors import read_quote

BEGIN, TERM, PRICE = 1000, 100, 1_000_000
COMMON = ChunkName(root=Hash32(b"c" * 32), size=900)
ALICE, BOB = (Address("0x" + digit * 40) for digit in "12")


def build(
    agent: Address, begin: int, *, is_signed: bool = True, **terms: int
) -> tuple[AgreementRow, Agreement]:
    """Return an agreement on the common chunk and a manifest of one's own."""
    own = ChunkName(root=Hash32(agent.encode()[-32:]), size=100)
    asked = {"price": PRICE, "term": TERM, "starts_at": 0, **terms}
    agreement = Agreement(
        content=Content(root_commitment=ZERO_HASH, size=1000, chunk_count=2),
        terms=replace(read_quote().terms, **asked),  # type: ignore[arg-type]
        quote_signature=bytes(65),
        root=ZERO_HASH,
        blind=ZERO_HASH,
        manifest_chunks=1,
        memo=b"",
        nonce=ZERO_HASH,
        sealing_key=ZERO_HASH,
        agent=ZERO_ADDRESS,
        payment_block=1,
        receipt_signature=bytes([is_signed] * 65),
    )
    row = AgreementRow(
        agreement_id=ZERO_HASH,
        server="",
        client="",
        agent=agent,
        stage="confirmed",
        is_live=True,
        is_held=True,
        state=agreement.encode(),
        entries=pack_names([COMMON, own]),
        shown=b"\1\1",
        awaited_bytes=0,
        created_at=begin,
        ends_at=(asked["starts_at"] or begin) + asked["term"],
    )
    return row, agreement


def reckon(*others: AgreementRow) -> Wei:
    row, agreement = build(ALICE, BEGIN)
    return find_rebate(row, agreement, others, 500)


@pytest.mark.parametrize(
    ("begin", "ends_at", "seconds"),
    [
        (BEGIN, BEGIN + TERM, TERM),
        (BEGIN - 40, BEGIN + TERM - 40, TERM - 40),
        (BEGIN + 70, BEGIN + TERM + 70, TERM - 70),
        # Who stores for the whole term and gives back at once has shared next to nothing.
        (BEGIN, BEGIN + 1, 1),
        (BEGIN + 50, BEGIN + 20, 0),
    ],
)
def test_find_rebate__when_another_shares__then_for_the_seconds_that_its_bytes_were_kept(
    begin: int, ends_at: int, seconds: int
) -> None:
    other, _ = build(BOB, begin)
    assert reckon(replace(other, ends_at=ends_at)) == PRICE // 2 * 9 * seconds // (10 * TERM)


def test_find_rebate__when_several_share__then_the_longest_counts_once() -> None:
    first, second = build(BOB, BEGIN - 40)[0], build(BOB, BEGIN - 10)[0]
    assert reckon(first, second) == reckon(second)


def test_find_rebate__when_nothing_was_kept_for_the_other__then_nothing() -> None:
    assert reckon(build(BOB, BEGIN, is_signed=False)[0]) == 0
    other, _ = build(BOB, BEGIN)
    alien = pack_names([ChunkName(root=Hash32(b"x" * 32), size=900)])
    # What shares no bytes is not even read.
    assert reckon(replace(other, entries=alien, state="no agreement")) == 0


def test_find_rebate__when_the_other_is_a_renewal__then_it_counts_without_a_receipt() -> None:
    renewal, _ = build(BOB, 1, is_signed=False, starts_at=Seconds(BEGIN))
    assert reckon(renewal) == PRICE // 2 * 9 // 10


def test_find_rebate__when_it_is_ones_own_renewal__then_nothing() -> None:
    assert reckon(build(ALICE, 1, is_signed=False, starts_at=Seconds(BEGIN + 10))[0]) == 0
