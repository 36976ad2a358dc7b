"""What a task's terms stand for: a computation, or a search whose function a computation is.

Here the two kinds of task that a node knows differ; each is ruled by a referee of its own. What is
not here: what a worker makes of an input (`input_facts`), prices (`worker_terms`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pekanu.market.task import Terms
from pekanu.ringers import SearchTerms
from pekanu.types import Hash32, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """What is computed, and by what a dispute about it is ruled."""

    #: Of a search, of its function on one point.
    terms: Terms
    #: None where the terms themselves are what the task carries.
    search: SearchTerms | None = None

    @property
    def bond(self) -> Wei:
        """What a challenger risks."""
        return self.terms.bond if self.search is None else self.search.bond

    def hash(self) -> Hash32:
        """Return what the task carries."""
        return self.terms.hash() if self.search is None else self.search.hash()
