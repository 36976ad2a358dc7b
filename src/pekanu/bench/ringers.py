"""What it costs to open ringers, and to show them in the accumulator, before the ringers' referee.

Calls only, for a search over 2^40 points with more solutions than ringers; who sends them and reads
the receipts is `gas`. The parties are honest.
Source: design/engineering.md, "Benchmarks": OBFP proof for 32 ringers.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pekanu.chain import Call, Receipt
from pekanu.chain.ringer_contract import RingerContract, Searched
from pekanu.chain.ringer_events import Asked, decode_case_log
from pekanu.crypto import accumulator, exponentiation
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import region_root
from pekanu.market.claim import Claim, Result
from pekanu.market.task import MarketDomain, Task, Terms
from pekanu.ringers import (
    Domain,
    Planted,
    SearchTerms,
    encode_solutions,
    find_target,
    hash_ringers,
)
from pekanu.ringers.cases import Case
from pekanu.types import ZERO_HASH, Hash32, Wei

BOND: Final = Wei(10**15)
_SOLUTIONS: Final = 64
_DOMAIN: Final = Domain(low=0, high=1 << 40)


def get_image(point: int) -> Hash32:
    """Return the image of a point under the function that is searched."""
    return keccak256(keccak256(point.to_bytes(32, "big")))


@dataclass(kw_only=True)
class Hunt:
    """A search whose worker found everything."""

    referee: RingerContract
    ringers: Sequence[int]
    solutions: list[int] = field(init=False)
    targets: list[Hash32] = field(init=False)
    salt: bytes = field(init=False)
    run: Terms = field(init=False)
    terms: SearchTerms = field(init=False)
    result: Result = field(init=False)
    claim: Claim = field(init=False)

    @classmethod
    def draw(cls, referee: RingerContract, count: int) -> Hunt:
        """Return a search with so many ringers."""
        drawn = {secrets.randbelow(_DOMAIN.high) for _ in range(_SOLUTIONS)}
        hunt = cls(referee=referee, ringers=sorted(list(drawn)[:count]))
        hunt.solutions = sorted(drawn)
        hunt._settle()
        return hunt

    def _settle(self) -> None:
        self.targets = sorted(map(get_image, self.solutions))
        self.salt = secrets.token_bytes(32)
        self.run = Terms(
            program_id=Hash32(secrets.token_bytes(32)), inputs_root=ZERO_HASH, max_steps=1
        )
        ringers_hash = hash_ringers(self.ringers, self.salt)
        self.terms = SearchTerms.build(self.run.hash(), _DOMAIN, self.targets, ringers_hash, BOND)
        output = encode_solutions(self.solutions)
        residue = accumulator.accumulate(self.solutions)
        self.result = Result(
            output_root=region_root(output),
            output_size=len(output),
            evidence=accumulator.hash_accumulator(residue),
        )
        self.claim = Claim(
            results_root=self.result.leaf(),
            ciphertext_root=Hash32(secrets.token_bytes(32)),
            key_x=int.from_bytes(secrets.token_bytes(31), "big"),
            key_y=int.from_bytes(secrets.token_bytes(31), "big"),
        )

    def open(self, task: Task) -> Call:
        """Return the client's demand that all ringers be shown."""
        planted = Planted(targets=tuple(self.targets), ringers=tuple(self.ringers), salt=self.salt)
        opened = [find_target(self.targets, point, get_image(point)) for point in self.ringers]
        searched = Searched(task=task, claim=self.claim, terms=self.terms, run=self.run)
        return self.referee.open_ringers(searched, planted, opened)

    def prove(self, task: Task, domain: MarketDomain, case: Case) -> Call:
        """Return the worker's answer."""
        residue = accumulator.accumulate(self.solutions)
        witness = accumulator.build_witness(self.solutions, self.ringers)
        proof = exponentiation.build_proof(task.id(domain), residue, witness, self.ringers)
        return self.referee.prove_ringers(case, task, self.result, residue, self.ringers, proof)

    def read_case(self, receipt: Receipt) -> Case:
        """Return the case that a challenge has opened."""
        for log in receipt.logs:
            event = decode_case_log(log) if log.address == self.referee.address else None
            if isinstance(event, Asked):
                return event.case
        message = "the challenge left no event"
        raise RuntimeError(message)
