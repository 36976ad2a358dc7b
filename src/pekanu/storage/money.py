"""What a second of storage and an answer are worth: vesting, and the fee of a challenge.

Not here: who is paid when (`lifecycle`), what bytes cost (a provider's own price).
Twin: contracts/StorageServer.vy, `_get_vested` and `_challenge_fee`.
"""

from __future__ import annotations

from typing import Final

from pekanu.storage.agreement import Terms
from pekanu.storage.state import FEE_UNIT, AgreementState, Status
from pekanu.storage.trees import MAX_ANSWER
from pekanu.types import Seconds, Wei

#: What an answer costs at most, in gas: each transaction, of up to 32 leaves, and each leaf.
ANSWER_GAS: Final = 65_000
LEAF_GAS: Final = 11_000
#: Base fee that a challenge pays at least: where blocks are free, bytes are not.
MIN_BASE_FEE: Final = Wei(10**9)


def get_challenge_fee(count: int, base_fee: int) -> Wei:
    """Return the least fee of a challenge: 1.5 times the answer's gas at the base fee.

    Args:
        count: Leaves, 1 to `lifecycle.MAX_RANGE`.
        base_fee: The block's, in wei.
    """
    gas = 3 * (-(-count // MAX_ANSWER) * ANSWER_GAS + count * LEAF_GAS) // 2
    return Wei(-(-gas * max(base_fee, MIN_BASE_FEE) // FEE_UNIT) * FEE_UNIT)


def get_vested_seconds(terms: Terms, state: AgreementState, now: Seconds) -> Seconds:
    """Return the seconds of the term that count as served by `now`.

    They stop where an open challenge was opened, or at the fault for which the provider was fined.
    """
    stop = int(now)
    if state.status in {Status.CHALLENGED, Status.FINED}:
        stop = min(stop, state.deadline - terms.response_window)
    return Seconds(min(max(stop - state.started, 0), terms.term))


def get_vested(terms: Terms, seconds: int) -> Wei:
    """Return what so many seconds of the term are worth, rounded down: the client's favour.

    The provider was paid the worth of all seconds so far, so that roundings never add up.
    """
    return Wei(terms.price * seconds // terms.term)


def get_end(terms: Terms, state: AgreementState) -> Seconds:
    """Return the last second of the term, which is the last at which a challenge can be opened."""
    return Seconds(state.started + terms.term)


def get_release(terms: Terms, state: AgreementState) -> Seconds:
    """Return the last second for which the penalty stays reserved when nothing is challenged."""
    return Seconds(get_end(terms, state) + terms.response_window)
