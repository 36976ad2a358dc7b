"""Disputes on the contract and in the pure game at once, on a real market with a real last step.

Every move is tried on both; they must agree on success or reason, on the commitment, and on
everybody's balance.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from eth_abi.abi import encode

from pekanu.crypto.merkle import build_proof, get_root
from pekanu.dispute.dissection import PARTS, pad
from pekanu.dispute.ending import Ending, ProgramParts
from pekanu.dispute.game import Dispute, Outcome, apply
from pekanu.dispute.moves import (
    Dissect,
    Expose,
    Move,
    Open,
    Prove,
    ShownItem,
    TimeOut,
    encode_proof,
)
from pekanu.dispute.place import AskedItem, Side
from pekanu.dispute.rules import begin, get_bond
from pekanu.dispute.strategy import (
    CallTime,
    ExposeLast,
    Narrow,
    ProveStep,
    ShowEnding,
    choose,
)
from pekanu.errors import Rejected, TransactionReverted
from pekanu.machine.witness import StepProof
from pekanu.market import actions as act
from pekanu.market import lifecycle
from pekanu.market.claim import Claim, Result
from pekanu.market.task import Terms
from pekanu.types import ZERO_HASH, Address, Hash32, Seconds, Wei
from support.evm import Contract
from support.runs import KnownRun
from support.world import CHALLENGER, STRANGER, World

BOND = Wei(10**15)
CONTRACTS = Path(__file__).parents[2] / "src" / "pekanu" / "contracts"


@cache
def compile_referee(parts: int) -> dict[str, Any]:
    """Return the referee with dissections of fewer parts, for games that are small."""
    from vyper import compile_from_file_input  # noqa: PLC0415 - slow to import
    from vyper.compiler.input_bundle import FilesystemInputBundle  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        shutil.copytree(CONTRACTS, folder, dirs_exist_ok=True)
        path = Path(folder) / "referees" / "disputes.vy"
        text = path.read_text()
        line = "\nPARTS: constant(uint256) = 16\n"
        assert line in text
        changed = text.replace(line, line.replace("16", str(parts)))
        path.write_text(changed)
        bundle = FilesystemInputBundle([Path(folder)])
        return dict(
            compile_from_file_input(
                bundle.load_file("BisectionReferee.vy"),
                input_bundle=bundle,
                output_formats=["abi", "bytecode"],
            )
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A claim whose seal nobody reads here, and the results under it."""

    claim: Claim
    results: Sequence[Result]


@dataclass(kw_only=True)
class Case:
    """One dispute of a world, and what it is about."""

    item: int
    dispute: Dispute
    bond: Wei
    moves: list[Move] = field(default_factory=list)


class RefereeWorld(World):
    """A task under the bisection referee, delivered with some results.

    Args:
        runs: The true one of each item.
        claimed: What the worker claims of each; the truth where it is None.
        parts: Of a dissection at most.
        terms: What to change in the terms.
    """

    def __init__(
        self,
        runs: Sequence[KnownRun],
        claimed: Sequence[Result] | None = None,
        *,
        parts: int = PARTS,
        **terms: Any,
    ) -> None:
        super().__init__()
        self.runs, self.parts = list(runs), parts
        self.machine_step = self.chain.deploy("MachineStep")
        self.referee = self._deploy()
        self.accounts[-1] = self.referee.address
        fields: dict[str, Any] = {
            "program_id": runs[0].program.id,
            "inputs_root": get_root([run.input_root for run in runs]),
            "max_steps": runs[0].max_steps,
            "bond": BOND,
            "clock": Seconds(1000),
            "extension": Seconds(100),
            "first_extension": Seconds(300),
            "last_extension": Seconds(200),
        }
        self.terms = Terms(**{**fields, **terms})
        self.task = self.make_task(terms=self.terms.hash(), count=len(runs))
        self.claim([run.result for run in runs] if claimed is None else claimed)
        self.cases: dict[Hash32, Case] = {}

    def _deploy(self) -> Contract:
        arguments = self.market.address, self.machine_step.address
        if self.parts == PARTS:
            return self.chain.deploy("BisectionReferee", *arguments)
        found = compile_referee(self.parts)
        code = bytes.fromhex(found["bytecode"].removeprefix("0x"))
        code += encode(["address", "address"], arguments)
        address = self.chain.evm.deploy("0x00000000000000000000000000000000000d3910", code)
        from pekanu.types import parse_address  # noqa: PLC0415

        return Contract(self.chain, parse_address(address), found["abi"])

    def claim(self, results: Sequence[Result]) -> None:
        """Make these the claim's results."""
        claim = Claim(
            results_root=get_root([result.leaf() for result in results]),
            ciphertext_root=ZERO_HASH,
            key_x=1,
            key_y=2,
        )
        self.batch = Batch(claim=claim, results=results)  # type: ignore[assignment]

    @contextmanager
    def branch(self) -> Iterator[None]:
        kept = {key: (case.dispute, len(case.moves)) for key, case in self.cases.items()}
        with super().branch():
            yield
        self.cases = {key: case for key, case in self.cases.items() if key in kept}
        for key, (dispute, count) in kept.items():
            self.cases[key].dispute = dispute
            del self.cases[key].moves[count:]

    # --- challenges -------------------------------------------------------------------------------

    def challenge(
        self,
        who: Address = CHALLENGER,
        *,
        item: int = 0,
        number: int = 0,
        bond: int | None = None,
        for_client: bool = False,
    ) -> Hash32:
        """Challenge on both; return the dispute's id."""
        least = get_bond(self.state, self.terms, for_client=for_client)
        paid = least if bond is None else bond
        asked = AskedItem(
            results_root=self.batch.claim.results_root,
            program_id=self.terms.program_id,
            inputs_root=self.terms.inputs_root,
            first_extension=self.terms.first_extension,
            count=self.task.count,
            index=item,
        )
        place = begin(self.terms, self.state, who, number, self.now, self.parts)
        action = act.OpenChallenge(
            sender=self.referee.address,
            value=Wei(paid),
            claim_hash=self.claim_hash,
            number=place.id,
            challenger=who,
        )
        state, instructions = lifecycle.apply(self.task, self.state, action, self.now)
        self.call_challenge(who, item=item, number=number, bond=paid, for_client=for_client)
        self.state, self.ledger = state, self.ledger.settle(action, instructions)
        dispute = Dispute(place=place, root=asked.hash(), most=self.parts)
        self.cases[place.id] = Case(item=item, dispute=dispute, bond=Wei(paid))
        self.check()
        return place.id

    def call_challenge(
        self,
        who: Address = CHALLENGER,
        *,
        item: int = 0,
        number: int = 0,
        bond: int = BOND,
        for_client: bool = False,
        terms: Terms | None = None,
    ) -> None:
        """Challenge on the contract alone."""
        arguments = [
            self.task.to_abi(),
            self.batch.claim.to_abi(),
            to_abi(terms or self.terms),
            item,
            number,
            for_client,
        ]
        self.call_referee("challenge", arguments, who, bond)

    def call_referee(
        self, name: str, arguments: Sequence[Any], who: Address, value: int = 0
    ) -> None:
        self.send(who, self.referee, name, arguments, value)

    def check(self) -> None:
        super().check()
        for key, case in getattr(self, "cases", {}).items():
            assert self.referee.call("commitment_of", key) == case.dispute.commitment
        assert self.chain.balance(self.referee.address) == 0

    # --- moves ------------------------------------------------------------------------------------

    def move(self, key: Hash32, move: Move) -> None:
        """Move on both.

        Raises:
            Rejected: Both refuse, for the same reason; nothing has changed.
        """
        case = self.cases[key]
        expected = self._expect_move(case, move)
        refused = self.try_call(lambda: self.call_move(case, move))
        wanted = expected.reason if isinstance(expected, Rejected) else None
        assert refused == wanted, f"the game says {wanted!r}, the contract {refused!r}"
        if isinstance(expected, Rejected):
            self.check()
            raise expected
        case.dispute, self.state, self.ledger = expected
        case.moves.append(move)
        self.check()

    def _expect_move(self, case: Case, move: Move) -> tuple[Any, Any, Any] | Rejected:
        try:
            dispute = apply(case.dispute, move, self.now)
            state, ledger = self.state, self.ledger
            if dispute.outcome is not None:
                refuted = dispute.outcome is Outcome.REFUTED
                kind = act.RuleAgainstWorker if refuted else act.Dismiss
                action = kind(sender=self.referee.address, number=dispute.place.id)
                state, instructions = lifecycle.apply(self.task, state, action, self.now)
                ledger = ledger.settle(action, instructions)
        except Rejected as error:
            return error
        return dispute, state, ledger

    @staticmethod
    def try_call(call: Any) -> str | None:
        try:
            call()
        except TransactionReverted as error:
            return error.reason
        return None

    def call_move(self, case: Case, move: Move) -> None:
        """Move on the contract alone."""
        name, arguments = self.build_call(case, move)
        self.call_referee(name, arguments, move.sender)

    def build_call(self, case: Case, move: Move) -> tuple[str, list[Any]]:
        """Return which function a move is, and what it is told."""
        place = case.dispute.place
        words = place.to_words()
        match move:
            case Open():
                arguments: list[Any] = [
                    words,
                    move.first_extension,
                    move.program.to_abi(),
                    move.item.to_abi(),
                    move.ending.to_abi(),
                    pad(move.points),
                ]
                name = "open"
            case Dissect():
                shown = move.before, move.part, move.start, pad(move.points)
                name, arguments = "dissect", [words, shown]
            case Expose():
                name = "expose"
                arguments = [words, place.mover, move.answered.to_abi(), move.shown.to_abi()]
                arguments.append(self.task.to_abi())
            case Prove():
                name = "prove"
                arguments = [
                    words,
                    place.mover,
                    move.shown.to_abi(),
                    move.index,
                    encode_proof(move.proof),
                    self.task.to_abi(),
                    to_abi(self.terms),
                    move.program.to_abi(),
                ]
            case TimeOut():
                name = "time_out"
                arguments = [words, place.mover, case.dispute.root, self.task.to_abi()]
        return name, arguments

    @property
    def program_parts(self) -> ProgramParts:
        return ProgramParts.from_program(self.runs[0].program)

    def build_open(
        self,
        key: Hash32,
        points: Sequence[Hash32],
        ending: Ending,
        **changes: Any,
    ) -> Open:
        item = self.cases[key].item
        shown = ShownItem(
            count=self.task.count,
            index=item,
            result=self.batch.results[item],
            result_path=tuple(build_proof([r.leaf() for r in self.batch.results], item)),
            input_root=self.runs[item].input_root,
            input_path=tuple(build_proof([run.input_root for run in self.runs], item)),
        )
        move = Open(
            sender=self.worker,
            first_extension=self.terms.first_extension,
            program=self.program_parts,
            item=shown,
            ending=ending,
            points=tuple(points),
        )
        return replace(move, **changes)

    def build_prove(self, key: Hash32, sender: Address, index: int, proof: StepProof) -> Prove:
        """Return the proof of a part of the last dissection; MachineStep says what it leads to."""
        claimed = self.cases[key].dispute.dissection
        assert claimed is not None
        after = self.machine_step.call(
            "step", proof.before_root, proof.text_root, proof.state, proof.witness.to_abi()
        )
        return Prove(
            sender=sender,
            shown=claimed,
            index=index,
            program=self.program_parts,
            proof=proof,
            after=after,
        )

    # --- honest parties ---------------------------------------------------------------------------

    def plan(self, key: Hash32, side: Side, run: KnownRun, sender: Address) -> Move | None:
        """Return what the strategy does with some knowledge, as a move."""
        case = self.cases[key]
        match choose(case.dispute, side, run, self.now):
            case ShowEnding(points=points):
                return self.build_open(key, points[:-1], run.ending)
            case Narrow(before=before, part=part, start=start, points=points):
                return Dissect(sender=sender, before=before, part=part, start=start, points=points)
            case ExposeLast(answered=answered, shown=shown):
                return Expose(sender=sender, answered=answered, shown=shown)
            case ProveStep() as found:
                proof = run.build_proof(found.step)
                return self.build_prove(key, sender, found.index, proof)
            case CallTime():
                return TimeOut(sender=sender)
            case None:
                return None

    def play(
        self,
        key: Hash32,
        worker: KnownRun | None,
        challenger: KnownRun | None,
        who: Address = CHALLENGER,
    ) -> Outcome:
        """Play to the end; each side by the strategy on what it takes for true; None is silent."""
        case = self.cases[key]
        while case.dispute.outcome is None:
            moves = (
                worker and self.plan(key, Side.WORKER, worker, self.worker),
                challenger and self.plan(key, Side.CHALLENGER, challenger, who),
            )
            move = moves[0] or moves[1]
            if move is None:
                self.pass_to(case.dispute.place.deadline + 1)
                move = TimeOut(sender=STRANGER)
            self.move(key, move)
        return case.dispute.outcome


def to_abi(terms: Terms) -> tuple[object, ...]:
    return (
        terms.program_id,
        terms.inputs_root,
        terms.max_steps,
        terms.bond,
        terms.clock,
        terms.extension,
        terms.first_extension,
        terms.last_extension,
    )
