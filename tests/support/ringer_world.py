"""A search on a real market, before the ringers' referee, with real bisections about points.

The searched function is a program of the machine: of the point's last four bytes, xored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pekanu.crypto import accumulator as acc
from pekanu.crypto import exponentiation as poe
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root, region_root
from pekanu.dispute.dissection import Dissection
from pekanu.dispute.ending import ProgramParts
from pekanu.dispute.moves import encode_proof
from pekanu.dispute.place import Place
from pekanu.errors import TransactionReverted
from pekanu.machine.isa import INPUT_BASE, OUTPUT_BASE
from pekanu.market.claim import Claim, Result
from pekanu.market.task import Terms
from pekanu.ringers import SearchTerms, find_target, hash_ringers, prove_place
from pekanu.ringers.cases import Case, split_proof, split_residue
from pekanu.types import ZERO_HASH, Address, Hash32, Seconds, Wei
from support.machine import assemble, make_program
from support.referee import Batch, to_abi
from support.runs import KnownRun
from support.world import CLIENT, PRICE, STAKE, STRANGER, WORKER, World

LOW, HIGH = 100, 10_000
BOND = Wei(3 * 10**15)
SALT = keccak256(b"the ringers' salt")
STEPS = 12
SOLUTIONS = (130, 777, 2000, 5000, 9999)
RINGERS = (777, 5000)
#: Of targets that nobody's point has.
BOGUS = [keccak256(b"bogus %d" % n) for n in range(4)]


@cache
def make_function(flip: int = 0x5A5) -> Any:
    """Return the program that gives the last word of its input, xored with a constant."""
    return make_program(
        [
            assemble("lui", rd=5, imm=INPUT_BASE),
            assemble("lw", rd=6, rs1=5, imm=32 + 28),
            assemble("xori", rd=6, rs1=6, imm=flip),
            assemble("lui", rd=5, imm=OUTPUT_BASE),
            assemble("addi", rd=7, imm=4),
            assemble("sw", rs1=5, rs2=7, imm=0),
            assemble("sw", rs1=5, rs2=6, imm=32),
            assemble("addi", rd=17, imm=93),
            assemble("ecall"),
        ]
    )


@cache
def run_function(point: int, departs: int | None = None) -> KnownRun:
    """Return the run on a point; a false one has another value from some step on."""

    def spoil(state: Any) -> None:
        state.registers[6] ^= 0x1234

    content = point.to_bytes(32, "big")
    change = None if departs is None else spoil
    return KnownRun(make_function(), content, STEPS, departs=departs, change=change)


def get_output(point: int) -> bytes:
    word = int.from_bytes(point.to_bytes(32, "big")[-4:], "little") ^ 0x5A5
    return word.to_bytes(4, "little")


def get_image(point: int) -> Hash32:
    return keccak256(get_output(point))


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a worker delivers, honest or not."""

    output: bytes
    accumulated: tuple[int, ...]
    result: Result


def make_list(
    points: Sequence[int], accumulated: Sequence[int] | None = None, **changes: Any
) -> Listed:
    inside = tuple(points if accumulated is None else accumulated)
    output = changes.pop("output", b"".join(point.to_bytes(32, "big") for point in points))
    fields = {
        "output_root": region_root(output),
        "output_size": len(output),
        "evidence": acc.hash_accumulator(acc.accumulate(inside)),
    }
    return Listed(output=output, accumulated=inside, result=Result(**{**fields, **changes}))


class RingerWorld(World):
    """A delivered search; `listed` is what the worker claims, honest unless told otherwise."""

    def __init__(
        self,
        listed: Listed | None = None,
        *,
        ringers: Sequence[int] = RINGERS,
        extra_targets: Sequence[Hash32] = (),
        count: int = 1,
        clock: int = 1000,
    ) -> None:
        super().__init__()
        step = self.chain.deploy("MachineStep")
        self.bisection = self.chain.deploy("BisectionReferee", self.market.address, step.address)
        self.referee = self.chain.deploy(
            "RingerReferee", self.market.address, self.bisection.address
        )
        self.accounts[-1] = self.referee.address
        self.run = Terms(
            program_id=make_function().id,
            inputs_root=ZERO_HASH,
            max_steps=STEPS,
            bond=Wei(0),
            clock=Seconds(clock),
            extension=Seconds(100),
            first_extension=Seconds(300),
            last_extension=Seconds(200),
        )
        self.targets = sorted({*map(get_image, SOLUTIONS), *BOGUS, *extra_targets})
        self.ringers = list(ringers)
        self.terms = SearchTerms(
            run=self.run.hash(),
            low=LOW,
            high=HIGH,
            targets_root=get_root(self.targets),
            targets=len(self.targets),
            ringers_hash=hash_ringers(self.ringers, SALT),
            bond=BOND,
        )
        self.listed = listed or make_list(SOLUTIONS)
        self.task = self.make_task(terms=self.terms.hash(), count=count)
        claim = Claim(
            results_root=self.listed.result.leaf(), ciphertext_root=ZERO_HASH, key_x=1, key_y=2
        )
        self.batch = Batch(claim=claim, results=[self.listed.result])  # type: ignore[assignment]
        self.bonds = 0
        self.deliver()

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def claimed(self) -> list[object]:
        return [self.task.to_abi(), self.batch.claim.to_abi()]

    @property
    def shown(self) -> list[object]:
        return [*self.claimed, self.terms.to_abi()]

    def place(self, index: int) -> tuple[object, ...]:
        return prove_place(self.listed.output, index).to_abi()

    def target(self, point: int, image: Hash32 | None = None) -> tuple[object, ...]:
        opened = find_target(self.targets, point, image or get_image(point))
        return opened.image, opened.index, opened.path

    # --- challenges -------------------------------------------------------------------------------

    def ask(self, name: str, *args: object, sender: Address = CLIENT, bond: int = BOND) -> Case:
        """Call one of the challenges; return the case that it opens."""
        self.referee.call(name, *args, sender=sender, value=bond)
        self.bonds += bond
        return self.read("Asked")

    def read(self, event: str) -> Case:
        found = [fields for name, fields in self.referee.logs() if name == event]
        case = Case.from_abi(found[0]["case"])
        assert self.referee.call("cases", case.id) == case.hash()
        return case

    def refute(self, index: int = 0, places: Sequence[int] = (), sender: Address = CLIENT) -> None:
        shown = [self.place(place) for place in places]
        self.referee.call(
            "refute_list", *self.shown, self.listed.result.to_abi(), index, shown, sender=sender
        )

    def ask_missing(
        self,
        ringer: int,
        index: int,
        places: Sequence[int],
        *,
        image: Hash32 | None = None,
        **options: Any,
    ) -> Case:
        return self.ask(
            "challenge_missing",
            *self.shown,
            self.listed.result.to_abi(),
            self.ringers,
            SALT,
            self.ringers.index(ringer),
            self.target(ringer, image),
            index,
            [self.place(place) for place in places],
            **options,
        )

    def ask_ringers(self, images: Sequence[Hash32] | None = None, **options: Any) -> Case:
        found = list(images or map(get_image, self.ringers))
        shown = [
            self.target(ringer, image) for ringer, image in zip(self.ringers, found, strict=True)
        ]
        return self.ask("open_ringers", *self.shown, self.ringers, SALT, shown, **options)

    def ask_point(self, index: int, *, is_solution: bool = False, **options: Any) -> Case:
        return self.ask(
            "challenge_point",
            *self.shown,
            to_abi(self.run),
            self.listed.result.to_abi(),
            index,
            self.place(index),
            is_solution,
            **options,
        )

    # --- answers ----------------------------------------------------------------------------------

    def build_proof(self, points: Sequence[int]) -> poe.MembershipProof:
        inside = self.listed.accumulated
        witness = acc.build_witness(inside, points)
        whole = acc.accumulate(inside)
        return poe.build_proof(self.task_id, whole, witness, points, effort_bits=9)

    def prove(
        self,
        case: Case,
        points: Sequence[int],
        proof: poe.MembershipProof | None = None,
        **changes: Any,
    ) -> None:
        residue = changes.get("residue", acc.accumulate(self.listed.accumulated))
        self.referee.call(
            "prove_ringers",
            case.to_abi(),
            changes.get("task", self.task).to_abi(),
            changes.get("result", self.listed.result).to_abi(),
            split_residue(residue),
            list(points),
            split_proof(proof or self.build_proof(points)),
            sender=changes.get("sender", WORKER),
        )

    def contest(self, case: Case, points: Sequence[int], which: int = 0, **changes: Any) -> Case:
        images = changes.get("images", list(map(get_image, points)))
        self.referee.call(
            "contest",
            case.to_abi(),
            self.task.to_abi(),
            self.terms.to_abi(),
            to_abi(changes.get("run", self.run)),
            list(points),
            images,
            which,
            sender=changes.get("sender", WORKER),
        )
        return self.read("Contested")

    def defend(self, case: Case, run: KnownRun, sender: Address, **changes: Any) -> Case:
        """Show a run, true or false; what it outputs is what it claims."""
        point = int.from_bytes(run.content, "big")
        output = changes.get("output", run.states[-1].memory.read(OUTPUT_BASE + 32, 4))
        image = keccak256(output)
        target = (image, 0, ())
        if sender == WORKER and image in self.targets:
            target = self.target(point, image)  # type: ignore[assignment]
        self.referee.call(
            "defend",
            case.to_abi(),
            self.task.to_abi(),
            self.terms.to_abi(),
            to_abi(self.run),
            ProgramParts.from_program(changes.get("program", run.program)).to_abi(),
            changes.get("point", point),
            target,
            output,
            run.ending.to_abi(),
            changes.get("states", (*run.roots[1:], *[ZERO_HASH] * (16 - STEPS))),
            sender=sender,
        )
        found = next(fields for name, fields in self.bisection.logs() if name == "BisectionOpened")
        attacker = CLIENT if sender == WORKER else WORKER
        self.played = Place.from_words(found["place"], attacker)
        self.dissection = Dissection(
            first=0, last=STEPS, start=run.roots[0], points=tuple(run.roots[1:])
        )
        return self.read("Defended")

    # --- the end ----------------------------------------------------------------------------------

    def prove_step(self, case: Case, truth: KnownRun) -> None:
        """Have the first wrong step executed."""
        wrong = next(
            step for step in range(STEPS) if truth.roots[step + 1] != self.dissection.points[step]
        )
        self.bisection.call(
            "prove_bisection",
            self.played.to_words(),
            self.played.mover,
            self.dissection.to_abi(),
            wrong,
            encode_proof(truth.build_proof(wrong)),
            self.referee.address,
            case.id,
            truth.program.text_root,
            sender=self.played.mover,
        )

    def time_out_bisection(self) -> None:
        self.pass_to(self.played.deadline + 1)
        self.bisection.call(
            "time_out_bisection",
            self.played.to_words(),
            self.played.mover,
            self.dissection.root,
            sender=STRANGER,
        )

    def rule(self, case: Case, sender: Address = STRANGER) -> None:
        self.referee.call("rule", case.to_abi(), self.task.to_abi(), sender=sender)

    def let_pass(self, case: Case) -> None:
        self.pass_to(case.deadline + 1)

    def finalize(self) -> None:
        self.pass_to(self.market.call("state_of", self.task_id)[2] + 1)
        self.market.call("finalize", *self.claimed, sender=STRANGER)

    def get_reason(self, name: str, *args: Any, **options: Any) -> str:
        """Call a method that is refused; return why, having seen that nothing changed."""
        before = self._snapshot()
        try:
            getattr(self, name)(*args, **options)
        except TransactionReverted as error:
            assert self._snapshot() == before
            return error.reason
        raise AssertionError(f"{name} was not refused")

    def _snapshot(self) -> list[object]:
        money = [self.market.call("ledger", account) for account in self.accounts]
        held = [self.chain.balance(one.address) for one in (self.market, self.referee)]
        return [self.market.call("states", self.task_id), *money, *held]

    def check_end(self, client: int, worker: int) -> None:
        """Check what each has gained, without gas, and that no money is anywhere else."""
        ledger = {account: self.market.call("ledger", account) for account in self.accounts}
        assert ledger.pop(CLIENT) == PRICE + self.bonds + client
        assert ledger.pop(WORKER) == STAKE + worker
        assert set(ledger.values()) == {0}
        assert self.chain.balance(self.referee.address) == 0
        assert self.chain.balance(self.market.address) == PRICE + STAKE + self.bonds

    def end_paid(self, bonds: int = 0) -> None:
        """Finalize: the worker has its price, and the bonds that were lost to it."""
        self.finalize()
        self.check_end(-PRICE - bonds, PRICE + bonds)

    def end_refuted(self) -> None:
        """The client has price and stake back, with its bond."""
        self.check_end(STAKE, -STAKE)
