"""How a client verifies what it bought: `check`, `recompute`, `sample:p`, `none`, `ringers`.

What is not here: the checks (`check` of each function) and what follows from a refusal (the
node).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil, comb
from typing import Final, Protocol

from pekanu.catalog.verdict import RandomBytes, Verdict, accept, refuse
from pekanu.errors import UsageError

_SHARE: Final = re.compile(r"sample:(\d{1,9}(?:\.\d{0,18})?|\.\d{1,18})")


class InvalidPolicy(UsageError):
    """A verification policy that cannot be read, or that a function cannot follow."""


class PolicyKind(Enum):
    """What is done with an output."""

    #: The function's own cheap check.
    CHECK = "check"
    #: The whole computation again, here.
    RECOMPUTE = "recompute"
    #: The whole computation again for some items of a batch, chosen at random.
    SAMPLE = "sample"
    #: Nothing.
    NONE = "none"
    #: Of a search, the secret solutions must be among what was found (`pekanu.ringers`).
    RINGERS = "ringers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A verification policy."""

    kind: PolicyKind
    #: The share of a batch's items that is verified: 0 for none, 1 but for samples.
    share: Fraction = Fraction(1)

    def __str__(self) -> str:
        if self.kind is PolicyKind.SAMPLE:
            return f"sample:{float(self.share):g}"
        return str(self.kind.value)


class Verifiable(Protocol):
    """What a policy needs of a function or a program."""

    @property
    def name(self) -> str:
        """Its name, for messages."""

    def execute(self, data: bytes) -> bytes:
        """Return the output."""

    def check(self, data: bytes, output: bytes, rng: RandomBytes) -> Verdict | None:
        """Return the verdict of its cheap check, or None when it has none."""


def parse_policy(text: str) -> Policy:
    """Return a policy from ``check``, ``recompute``, ``none`` or ``sample:0.05``.

    Raises:
        InvalidPolicy: It is none of these, or the share is not above 0 and at most 1.
    """
    match = _SHARE.fullmatch(text)
    if match is not None:
        share = Fraction(match.group(1))
        if not 0 < share <= 1:
            raise InvalidPolicy(f"the share in {text!r} is not above 0 and at most 1")
        return Policy(kind=PolicyKind.SAMPLE, share=share)
    if text not in ("check", "recompute", "none", "ringers"):
        raise InvalidPolicy(
            f"{text!r} is no verification policy",
            hint="choose check, recompute, sample:SHARE (such as sample:0.05) or none; a search "
            "has ringers",
        )
    kind = PolicyKind(text)
    return Policy(kind=kind, share=Fraction(0 if kind is PolicyKind.NONE else 1))


def verify(
    function: Verifiable, data: bytes, output: bytes, policy: Policy, rng: RandomBytes
) -> Verdict:
    """Return whether one output is accepted under a policy.

    A sample is of a batch's items: first `choose_items`, then this for each chosen one.

    Raises:
        InvalidPolicy: The policy is `check` and the function has none, or it is `ringers`.
        InvalidInput: The input does not fit the function.
    """
    match policy.kind:
        case PolicyKind.NONE:
            return accept("nothing was verified", 1)
        case PolicyKind.RINGERS:
            raise InvalidPolicy(
                f"{function.name} is no search",
                hint="ringers are for functions such as hash-search",
            )
        case PolicyKind.CHECK:
            verdict = function.check(data, output, rng)
            if verdict is None:
                raise InvalidPolicy(
                    f"{function.name} has no cheap check", hint="choose recompute, sample or none"
                )
            return verdict
        case PolicyKind.RECOMPUTE | PolicyKind.SAMPLE:
            if function.execute(data) == output:
                return accept("the output is the one computed here")
            return refuse("the output differs from the one computed here")


def choose_items(count: int, policy: Policy, rng: RandomBytes) -> list[int]:
    """Return which of a batch's items to verify, rising: each subset of that size as likely.

    Args:
        count: Items in the batch.
        policy: A sample takes its share of them, rounded up.
        rng: Randomness that nobody could know when the outputs were fixed.
    """
    wanted = ceil(count * policy.share)
    if wanted == count:
        return list(range(count))
    chosen: set[int] = set()
    # Floyd's sampling: one draw an item, whatever the batch's size.
    for last in range(count - wanted, count):
        pick = draw_below(last + 1, rng)
        chosen.add(last if pick in chosen else pick)
    return sorted(chosen)


def draw_sample(count: int, most: int, rng: RandomBytes) -> tuple[list[int], Fraction]:
    """Return some of an output's places, rising, and with what probability a wrong one is missed.

    Args:
        count: Places.
        most: Taken; all if there are no more.
        rng: As `choose_items` takes it.
    """
    share = min(Fraction(1), Fraction(most, max(1, count)))
    return choose_items(count, Policy(kind=PolicyKind.SAMPLE, share=share), rng), 1 - share


def get_miss_probability(count: int, wrong: int, policy: Policy) -> Fraction:
    """Return the probability that a batch with this many wrong items is accepted.

    The wrong items are fixed before the sample is drawn; `check` is taken as certain.
    """
    sampled = ceil(count * policy.share)
    return Fraction(comb(count - wrong, sampled), comb(count, sampled))


def draw_below(bound: int, rng: RandomBytes) -> int:
    """Return a uniform integer from 0 to bound - 1, without the bias of a remainder."""
    size = (bound.bit_length() + 7) // 8
    limit = (1 << 8 * size) // bound * bound
    while True:
        number = int.from_bytes(rng(size), "little")
        if number < limit:
            return number % bound
