"""What the referee refuses, in its own words."""

from __future__ import annotations

from pekanu.errors import Rejected


class Refused(Rejected):
    """The referee's rules refuse a move; nothing changes.

    Args:
        reason: The contract's reason, without its name in front.
        part: Which part of the contract gives it.
    """

    def __init__(self, reason: str, *, part: str = "referee") -> None:
        """Compose the reason as the contract gives it."""
        super().__init__(f"{part}: {reason}")

    @classmethod
    def by_merkle(cls, reason: str) -> Refused:
        """Return a refusal by the library of trees."""
        return cls(reason, part="merkle")


def require(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as an assertion
    """Check a rule.

    Raises:
        Refused: It does not hold.
    """
    if not holds:
        raise Refused(reason)
