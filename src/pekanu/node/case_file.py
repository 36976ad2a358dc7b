"""What a party can show of a search before the ringers' referee.

Its methods run the function and take powers, so they block: call them from threads. Not here: when
something is shown (`case_machine`), how it is sent (`case_role`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pekanu.catalog.inversion import Inversion, get_image_of
from pekanu.chain.pending import Call
from pekanu.chain.ringer_contract import PointRun, RingerContract, Searched
from pekanu.crypto.accumulator import accumulate, build_witness
from pekanu.crypto.exponentiation import build_proof
from pekanu.dispute.dissection import get_ends
from pekanu.dispute.ending import ProgramParts, build_ending, get_output
from pekanu.errors import JournalError
from pekanu.machine.trace import Trace
from pekanu.market.claim import Result
from pekanu.node.case_index import CaseRecord
from pekanu.node.case_machine import CaseTask
from pekanu.ringers import OpenedRinger, Planted, decode_solutions, find_target, prove_place
from pekanu.ringers.cases import Case, Kind
from pekanu.types import Hash32


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFile:
    """A search, as far as one party knows it."""

    contract: RingerContract
    task_id: Hash32
    searched: Searched
    inversion: Inversion
    #: The targets' images, rising.
    images: Sequence[Hash32]
    #: What is claimed; None while the client was not shown it.
    result: Result | None
    #: The list as it was delivered; None likewise.
    output: bytes | None
    #: The accumulator, if it was kept: for a long list it takes minutes.
    residue: int | None = None
    #: The client's secret; None for the worker.
    planted: Planted | None = None
    #: Compiled programs.
    cache: Path | None = None

    # --- the client's challenges ------------------------------------------------------------------

    def build_challenge(self, case: CaseTask) -> Call:
        """Return the transaction that puts a question.

        Raises:
            JournalError: It is about what this party does not know.
        """
        kind = Kind[case.kind.upper()]
        if kind is Kind.RINGERS:
            return self._open_ringers()
        if self.result is None or self.output is None:
            raise JournalError("a question about a list is to be put that is not known")
        if kind is Kind.MISSING:
            return self._show_missing(case, self.result, self.output)
        if kind is Kind.FAULTY:
            return self._show_faulty(case.place, self.result, self.output)
        if case.place is None:
            raise JournalError("a question about a point is to be put without its place")
        return self.contract.challenge_point(
            self.searched,
            self.result,
            case.place,
            prove_place(self.output, case.place),
            is_solution=kind is Kind.SOLUTION,
        )

    def _show_faulty(self, place: int | None, result: Result, output: bytes) -> Call:
        """Return what shows a list's fault: none of its places, the one outside, or both."""
        shown: list[int] = []
        if place is not None:
            point = decode_solutions(output)[place]
            is_outside = point not in self.searched.terms.domain
            shown = [place] if is_outside else [place - 1, place]
        places = [prove_place(output, one) for one in shown]
        index = shown[0] if shown else 0
        return self.contract.refute_list(self.searched, result, index, places)

    def _show_missing(self, case: CaseTask, result: Result, output: bytes) -> Call:
        if case.ringer is None or case.place is None:
            raise JournalError("a missing ringer is to be shown without being named")
        count = len(output) // 32
        places = [one for one in (case.place - 1, case.place) if 0 <= one < count]
        return self.contract.challenge_missing(
            self.searched,
            result,
            self._get_planted(),
            self._open(case.ringer),
            case.place,
            [prove_place(output, one) for one in places],
        )

    def _open_ringers(self) -> Call:
        planted = self._get_planted()
        opened = [self._open(ringer) for ringer in planted.ringers]
        return self.contract.open_ringers(self.searched, planted, opened)

    def _get_planted(self) -> Planted:
        if self.planted is None:
            raise JournalError("ringers are to be opened by somebody who did not plant them")
        return self.planted

    def _open(self, point: int) -> OpenedRinger:
        image = get_image_of(self.inversion, point)
        if image is None:
            raise JournalError(f"the function gives nothing on the ringer {point}")
        return find_target(self.images, point, image)

    # --- answers ----------------------------------------------------------------------------------

    def find_answer(self, record: CaseRecord) -> Call | None:
        """Return the transaction that answers a case truthfully, or None where nothing does."""
        case = record.case
        if record.contested is not None:
            # The client's ringer, which has the image that it said.
            return self._defend(case, record.contested, case.images)
        if case.kind is Kind.SOLUTION:
            image = get_image_of(self.inversion, record.points[0])
            return None if image is None else self._defend(case, record.points[0], image)
        for which, (point, image) in enumerate(zip(record.points, record.images, strict=False)):
            if get_image_of(self.inversion, point) != image:
                return self.contract.contest(
                    case, self.searched, record.points, record.images, which
                )
        return None if case.kind is Kind.MISSING else self._prove(case, record.points)

    def _prove(self, case: Case, points: Sequence[int]) -> Call | None:
        """Return the proof that points are in the accumulator, None if one is not listed."""
        if self.result is None or self.output is None:
            return None
        listed = decode_solutions(self.output)
        if not set(points) <= set(listed):
            return None
        residue = accumulate(listed) if self.residue is None else self.residue
        witness = build_witness(listed, points)
        proof = build_proof(self.task_id, residue, witness, points)
        return self.contract.prove_ringers(
            case, self.searched.task, self.result, residue, points, proof
        )

    def _defend(self, case: Case, point: int, image: Hash32) -> Call | None:
        """Return the run on a point, None if it does not have the image, or a target's."""
        if get_image_of(self.inversion, point) != image:
            return None
        target = OpenedRinger(point=point, image=image, index=0, path=())
        if case.kind is Kind.SOLUTION:
            if image not in self.images:
                return None
            target = find_target(self.images, point, image)
        run = self.build_run(point, target)
        return self.contract.defend(case, self.searched, run)

    def build_run(self, point: int, target: OpenedRinger) -> PointRun:
        """Return a run of the function as a defence shows it."""
        trace = self.build_trace(point)
        last = self.searched.run.max_steps
        final = trace.get_state(last)
        return PointRun(
            point=point,
            target=target,
            output=get_output(final.memory),
            program=ProgramParts.from_program(self.inversion.program),
            ending=build_ending(final),
            states=tuple(trace.get_roots(get_ends(0, last))),
        )

    def build_trace(self, point: int) -> Trace:
        """Return the true states of the function on a point."""
        return Trace(self.inversion.program, point.to_bytes(32, "big"), cache=self.cache)

    def rule(self, case: Case) -> Call:
        """Return the call for a ruling."""
        return self.contract.rule(case, self.searched.task)
