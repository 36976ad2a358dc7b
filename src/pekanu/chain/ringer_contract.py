"""A typed door to the deployed ringers' referee: what to send it, and what it holds.

Functions build calls and send nothing; views ask the chain. Who may call what, when:
design/referees.md, "RingerReferee".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.crypto.exponentiation import MembershipProof
from pekanu.dispute.dissection import pad
from pekanu.dispute.ending import Ending, ProgramParts
from pekanu.market.claim import Claim, Result
from pekanu.market.task import Task, Terms
from pekanu.ringers import OpenedRinger, Planted, SearchTerms
from pekanu.ringers.cases import Case, split_proof, split_residue
from pekanu.ringers.evidence import Place, to_target
from pekanu.types import Address, Hash32, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Searched:
    """A delivered search, as every challenge of it is shown."""

    task: Task
    claim: Claim
    terms: SearchTerms
    #: What the function is and how a point of it is disputed; `terms.run` is its hash.
    run: Terms


@dataclass(frozen=True, kw_only=True, slots=True)
class PointRun:
    """A run of the function on a point, as a defence shows it."""

    point: int
    #: Its image, among the targets where a listed point is defended.
    target: OpenedRinger
    output: bytes
    program: ProgramParts
    ending: Ending
    #: At the ends of the first parts.
    states: tuple[Hash32, ...]


class RingerContract:
    """The ringers' referee at an address.

    Args:
        chain: Where it is; asked by the views alone.
        address: Its address, from an address book that was verified.
    """

    def __init__(self, chain: Connection, address: Address) -> None:
        self.chain = chain
        self.address = address
        self._functions = contracts.load("RingerReferee").functions

    # Challenges, by the client or its agent.

    def refute_list(
        self, searched: Searched, result: Result, index: int, places: Sequence[Place]
    ) -> Call:
        """Build: show that a result is no list, or one or two of its places that are at fault."""
        shown = [place.to_abi() for place in places]
        return self._ask("refute_list", searched, result.to_abi(), index, shown, bond=Wei(0))

    def challenge_missing(
        self,
        searched: Searched,
        result: Result,
        planted: Planted,
        opened: OpenedRinger,
        index: int,
        neighbours: Sequence[Place],
    ) -> Call:
        """Build: show that a ringer is not in the list.

        Args:
            searched: What was delivered.
            result: The claimed one.
            planted: The client's secret, which becomes known.
            opened: The ringer, with its image among the targets.
            index: Where it would stand in the list.
            neighbours: What stands before that place and at it, as far as there is anything.
        """
        return self._ask(
            "challenge_missing",
            searched,
            result.to_abi(),
            list(planted.ringers),
            planted.salt,
            planted.ringers.index(opened.point),
            to_target(opened),
            index,
            [place.to_abi() for place in neighbours],
        )

    def open_ringers(
        self, searched: Searched, planted: Planted, opened: Sequence[OpenedRinger]
    ) -> Call:
        """Build: have all ringers shown in the accumulator."""
        shown = [to_target(one) for one in opened]
        return self._ask("open_ringers", searched, list(planted.ringers), planted.salt, shown)

    def challenge_point(
        self, searched: Searched, result: Result, index: int, place: Place, *, is_solution: bool
    ) -> Call:
        """Build: have a listed point shown in the accumulator, or as a solution."""
        run = astuple(searched.run)
        shown = (run, result.to_abi(), index, place.to_abi(), is_solution)
        return self._ask("challenge_point", searched, *shown)

    # Answers.

    def prove_ringers(
        self,
        case: Case,
        task: Task,
        result: Result,
        accumulator: int,
        points: Sequence[int],
        proof: MembershipProof,
    ) -> Call:
        """Build: show the points in question in the accumulator."""
        return self._build(
            "prove_ringers",
            case.to_abi(),
            task.to_abi(),
            result.to_abi(),
            split_residue(accumulator),
            list(points),
            split_proof(proof),
        )

    def contest(
        self,
        case: Case,
        searched: Searched,
        points: Sequence[int],
        images: Sequence[Hash32],
        which: int,
    ) -> Call:
        """Build: deny that a ringer has the image that the client says."""
        return self._build(
            "contest",
            case.to_abi(),
            *_show_terms(searched),
            list(points),
            list(images),
            which,
        )

    def defend(self, case: Case, searched: Searched, run: PointRun) -> Call:
        """Build: show a run on the point in question; a bisection follows."""
        return self._build(
            "defend",
            case.to_abi(),
            *_show_terms(searched),
            run.program.to_abi(),
            run.point,
            to_target(run.target),
            run.output,
            run.ending.to_abi(),
            pad(run.states),
        )

    def rule(self, case: Case, task: Task) -> Call:
        """Build: decide a case whose time or bisection is over; anyone may."""
        return self._build("rule", case.to_abi(), task.to_abi())

    # Views.

    async def fetch_case(self, case_id: Hash32, block: str = "latest") -> Hash32:
        """Return a case's hash as it is stored; `cases.OVER` once it is over, zero before."""
        function = self._functions["cases"]
        fields = {"to": self.address, "data": "0x" + function.encode(case_id).hex()}
        return Hash32(function.decode_output(await self.chain.call(fields, block))[0])

    def _ask(
        self, name: str, searched: Searched, *arguments: object, bond: Wei | None = None
    ) -> Call:
        shown = (searched.task.to_abi(), searched.claim.to_abi(), searched.terms.to_abi())
        value = searched.terms.bond if bond is None else bond
        return self._build(name, *shown, *arguments, value=value)

    def _build(self, name: str, *arguments: object, value: Wei = Wei(0)) -> Call:  # noqa: B008
        data = self._functions[name].encode(*arguments)
        return Call(to=self.address, data=data, value=value, name=f"ringers.{name}")


def _show_terms(searched: Searched) -> tuple[object, ...]:
    return searched.task.to_abi(), searched.terms.to_abi(), astuple(searched.run)
