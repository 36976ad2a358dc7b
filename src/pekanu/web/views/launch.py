"""The page for a browser that has not shown the launch token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LaunchPage:
    """`launch.html`, which stands alone: it gets `page` and no `shell`."""

    #: Asked before, and the token was wrong or used.
    problem: str
    version: str
