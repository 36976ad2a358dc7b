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

from eth_abi.abi import decode

from pekanu.chain import Call, Receipt
from pekanu.contracts import load
from pekanu.crypto import accumulator, exponentiation
from pekanu.crypto.keccak import keccak256
from pekanu.crypto.merkle import get_root, region_root
from pekanu.market.claim import Claim, Result
from pekanu.market.task import MarketDomain, Task
from pekanu.ringers import (
    Domain,
    OpenedRinger,
    SearchTerms,
    encode_solutions,
    find_target,
    hash_ringers,
)
from pekanu.ringers.cases import Case, split_proof, split_residue
from pekanu.types import Address, Hash32, Wei

BOND: Final = Wei(10**15)
_NOTHING: Final = Wei(0)
_SOLUTIONS: Final = 64
_DOMAIN: Final = Domain(low=0, high=1 << 40)


def get_image(point: int) -> Hash32:
    """Return the image of a point under the function that is searched."""
    return keccak256(keccak256(point.to_bytes(32, "big")))


@dataclass(kw_only=True)
class Hunt:
    """A search whose worker found everything."""

    referee: Address
    ringers: Sequence[int]
    solutions: list[int] = field(init=False)
    targets: list[Hash32] = field(init=False)
    salt: bytes = field(init=False)
    terms: SearchTerms = field(init=False)
    result: Result = field(init=False)
    claim: Claim = field(init=False)

    @classmethod
    def draw(cls, referee: Address, count: int) -> Hunt:
        """Return a search with so many ringers."""
        drawn = {secrets.randbelow(_DOMAIN.high) for _ in range(_SOLUTIONS)}
        hunt = cls(referee=referee, ringers=sorted(list(drawn)[:count]))
        hunt.solutions = sorted(drawn)
        hunt._settle()
        return hunt

    def _settle(self) -> None:
        self.targets = sorted(map(get_image, self.solutions))
        self.salt = secrets.token_bytes(32)
        self.terms = SearchTerms(
            run=Hash32(secrets.token_bytes(32)),
            low=_DOMAIN.low,
            high=_DOMAIN.high,
            targets_root=get_root(self.targets),
            targets=len(self.targets),
            ringers_hash=hash_ringers(self.ringers, self.salt),
            bond=BOND,
        )
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
        opened = [find_target(self.targets, point, get_image(point)) for point in self.ringers]
        arguments = [self.ringers, self.salt, list(map(_to_target, opened))]
        return self._ask("open_ringers", task, arguments)

    def prove(self, task: Task, domain: MarketDomain, case: Case) -> Call:
        """Return the worker's answer."""
        residue = accumulator.accumulate(self.solutions)
        witness = accumulator.build_witness(self.solutions, self.ringers)
        proof = exponentiation.build_proof(task.id(domain), residue, witness, self.ringers)
        arguments = [
            case.to_abi(),
            task.to_abi(),
            self.result.to_abi(),
            split_residue(residue),
            self.ringers,
            split_proof(proof),
        ]
        return self._call("prove_ringers", arguments)

    def read_case(self, receipt: Receipt) -> Case:
        """Return the case that a challenge has opened."""
        events = load("RingerReferee").events
        for log in receipt.logs:
            event = events.get(log.topics[0]) if log.address == self.referee else None
            if event is not None and event.name == "Asked":
                kinds = [kind for _, kind, is_topic in event.fields if not is_topic]
                return Case.from_abi(decode(kinds, log.data)[0])
        message = "the challenge left no event"
        raise RuntimeError(message)

    def _ask(self, name: str, task: Task, arguments: Sequence[object]) -> Call:
        shown = [task.to_abi(), self.claim.to_abi(), self.terms.to_abi(), *arguments]
        return self._call(name, shown, BOND)

    def _call(self, name: str, arguments: Sequence[object], value: Wei = _NOTHING) -> Call:
        data = load("RingerReferee").functions[name].encode(*arguments)
        return Call(to=self.referee, data=data, value=value, name=name)


def _to_target(opened: OpenedRinger) -> tuple[object, ...]:
    return opened.image, opened.index, opened.path
