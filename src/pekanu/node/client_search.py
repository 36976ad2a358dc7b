"""A search as its client knows it: what is hidden in it, and what an opened list shows.

Not here: when something is done about a fault (`client_machine`), how it is shown to the referee
(`case_file`).
Source: design/referees.md, "RingerReferee"; pekanu.ringers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pekanu.catalog import Function, RandomBytes, Verdict
from pekanu.catalog.inversion import Inversion, get_image_of, list_images
from pekanu.catalog.verdict import accept, refuse
from pekanu.chain.ringer_contract import RingerContract, Searched
from pekanu.errors import JournalError
from pekanu.market.claim import STATUS_HALTED, Result
from pekanu.market.task import Terms
from pekanu.node.case_file import CaseFile
from pekanu.node.client_task import ClientTask, SearchFault
from pekanu.ringers import (
    Audit,
    Finding,
    Planted,
    RingerCount,
    SearchTerms,
    audit,
    plant,
)
from pekanu.ringers.cases import Kind, get_case_id, get_faulty_id
from pekanu.types import Address, Hash32, Wei

#: What an opened list is refused for, and how that is put to the referee.
_FAULTS = {
    Finding.NO_LIST: (Kind.FAULTY, "the output is no list of candidates"),
    Finding.DISORDERED: (Kind.FAULTY, "the list is not in order"),
    Finding.OUTSIDE: (Kind.FAULTY, "the list names a candidate outside the domain"),
    Finding.RINGER_MISSING: (Kind.MISSING, "a ringer is missing: not everything was searched"),
    Finding.NO_SOLUTION: (Kind.SOLUTION, "the list names a candidate that is no solution"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchDraft:
    """A search with fresh ringers in it."""

    #: What the worker is given.
    content: bytes
    inversion: Inversion
    planted: Planted

    @classmethod
    def plant(
        cls, function: Function, content: bytes, count: RingerCount, draw: RandomBytes
    ) -> SearchDraft:
        """Return a search in which ringers and bogus targets are hidden; blocks.

        Args:
            function: What is bought.
            content: The input, with the wanted targets alone.
            count: How many ringers there may be.
            draw: Gives secret bytes.

        Raises:
            InvalidInput: The input is no search that can be bought, or too small a one.
        """
        asked = function.build_inversion(content)
        planted = plant(
            asked.domain, asked.tokens, count, asked.get_token, draw, bogus=asked.draw_token
        )
        mixed = function.with_tokens(content, planted.targets)
        return cls(content=mixed, inversion=function.build_inversion(mixed), planted=planted)

    def build_terms(self, run: Terms, bond: Wei) -> SearchTerms:
        """Return what the task carries."""
        return SearchTerms.build(
            run.hash(),
            self.inversion.domain,
            list_images(self.inversion),
            self.planted.ringers_hash,
            bond,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedSearch:
    """A try that is a search, with the input that its worker was given."""

    task: ClientTask
    inversion: Inversion

    @classmethod
    def load(cls, function: Function, task: ClientTask, path: Path) -> OpenedSearch:
        """Return a try of the journal; blocks.

        Args:
            function: What was bought.
            task: The try.
            path: Of what the worker was given.
        """
        return cls(task=task, inversion=function.build_inversion(path.read_bytes()))

    @property
    def planted(self) -> Planted:
        """The client's secret."""
        return Planted(
            targets=tuple(self.inversion.tokens), ringers=self.task.ringers, salt=self.task.salt
        )

    def audit(self, output: bytes, result: Result) -> tuple[Verdict, SearchFault | None, list[int]]:
        """Return what an opened list shows, and the points in it; blocks."""
        if (result.status, result.exit_code) != (STATUS_HALTED, 0):
            kind, what = _FAULTS[Finding.NO_LIST]
            return refuse(what), SearchFault(kind=kind.name.lower()), []
        images = list_images(self.inversion)
        found = audit(
            output, self.inversion.domain, images, self.task.ringers, None, self._get_image
        )
        if found.is_in_order:
            count = len(self.task.ringers)
            what = (
                f"the {count} ringers are among the {len(found.points)} candidates that are listed"
            )
            return accept(what), None, list(found.points)
        kind, what = _FAULTS[found.finding]
        return refuse(what), _build_fault(kind, found), list(found.points)

    def build_file(
        self, contract: RingerContract, result: Result | None, output: bytes | None, cache: Path
    ) -> CaseFile:
        """Return what can be shown to the referee."""
        task = self.task
        if task.claim is None or task.search is None:
            raise JournalError("a case is about a task that is no delivered search")
        return CaseFile(
            contract=contract,
            task_id=task.task_id,
            searched=Searched(task=task.task, claim=task.claim, terms=task.search, run=task.terms),
            inversion=self.inversion,
            images=list_images(self.inversion),
            result=result,
            output=output,
            planted=self.planted,
            cache=cache,
        )

    def _get_image(self, point: int) -> bytes | None:
        return get_image_of(self.inversion, point)


def get_challenge_id(task: ClientTask, client: Address) -> Hash32:
    """Return the name of the case that a try's fault leads to."""
    if task.fault is None or task.claim is None:
        raise JournalError("a search is to be challenged without a fault")
    kind = Kind[task.fault.kind.upper()]
    if kind is Kind.FAULTY:
        # With one item the root over the results is the result's leaf.
        return get_faulty_id(task.task_id, client, task.claim.results_root)
    points = task.ringers if kind is Kind.RINGERS else (task.fault.point or 0,)
    return get_case_id(task.task_id, kind, client, points)


def _build_fault(kind: Kind, found: Audit) -> SearchFault:
    point = found.ringer
    if kind is Kind.SOLUTION and found.place is not None:
        point = found.points[found.place]
    return SearchFault(kind=kind.name.lower(), place=found.place, point=point)
