"""Which of an agreement's chunks other agreements named at the same time, and so its rebate.

An agreement and its renewals are one: they share with others, not with each other.
Not here: when a rebate is given (`keeper`), how it is reckoned (`pekanu.storage.rebates`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pekanu.node.provider.agreements import Agreement, read_agreement
from pekanu.node.provider.index import AgreementHead, AgreementRow
from pekanu.storage.rebates import Period, get_rebate
from pekanu.types import Seconds, Wei


def find_rebate(
    row: AgreementRow, agreement: Agreement, others: Iterable[AgreementRow], permille: int
) -> Wei:
    """Return what is given back for an agreement whose term was served.

    Args:
        row: The agreement.
        agreement: The same, read.
        others: Those that had not ended when this one began; what was never stored does not count.
        permille: Parts of a thousand of the price of what is shared all the time.
    """
    mine, period = {name.key: name.size for name in row.names}, get_period(row, agreement)
    seconds: dict[str, int] = {}
    for other in others:
        if other.agent == row.agent and other.entries == row.entries:
            continue
        shared = {name.key for name in other.names} & mine.keys()
        read = read_agreement(other) if shared else None
        if read is None or not read.is_kept:
            continue
        overlap = period.get_overlap(get_period(other, read))
        for key in shared:
            seconds[key] = max(overlap, seconds.get(key, 0))
    return get_rebate(
        Wei(agreement.terms.price),
        permille,
        size=agreement.content.size,
        term=Seconds(agreement.terms.term),
        shared=[(mine[key], shared) for key, shared in seconds.items()],
    )


def get_period(row: AgreementHead, agreement: Agreement) -> Period:
    """Return when an agreement's bytes are kept, a first one's from its quote on."""
    start = agreement.terms.starts_at or row.created_at
    return Period(start=Seconds(start), end=Seconds(max(start, row.ends_at)))
