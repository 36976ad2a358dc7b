"""Challenging the claim of somebody else's task, on its page.

What is not here: the dispute that comes of it (`dispute`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ChallengeStage(StrEnum):
    """How far somebody is with a claim."""

    #: No account here can play a dispute.
    LOCKED = "locked"
    #: It is not known what the task computes.
    UNKNOWN = "unknown"
    #: It can be computed again.
    READY = "ready"
    CHECKING = "checking"
    RIGHT = "right"
    #: It can be challenged.
    WRONG = "wrong"
    BEGUN = "begun"


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeView:
    """What a task's page says of challenging."""

    stage: ChallengeStage
    sentence: str
    #: Of the task's page.
    path: str
