"""A typed door to the deployed bisection referee: what to send it, and what it holds.

Functions build calls and send nothing; views ask the chain.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TypeAlias, assert_never

from pekanu import contracts
from pekanu.chain.block import Log
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.chain.referee_events import decode_referee_events
from pekanu.dispute.dissection import pad
from pekanu.dispute.game import Dispute
from pekanu.dispute.history import DisputeEvent
from pekanu.dispute.moves import (
    Challenge,
    Dissect,
    Expose,
    Move,
    Open,
    Prove,
    TimeOut,
    encode_proof,
)
from pekanu.market.claim import Claim
from pekanu.market.task import Task, Terms
from pekanu.types import Address, Hash32, Wei

#: Moves that are made in a bisection of another contract too.
BisectionMove: TypeAlias = Dissect | Expose | Prove | TimeOut


class RefereeContract:
    """The referee at an address.

    Args:
        chain: Where it is; asked by the views alone.
        address: Its address, from an address book that was verified.
    """

    def __init__(self, chain: Connection, address: Address) -> None:
        self.chain = chain
        self.address = address
        self._functions = contracts.load("BisectionReferee").functions

    def challenge(self, task: Task, claim: Claim, terms: Terms, challenge: Challenge) -> Call:
        """Build: dispute an item of a delivered claim; the bond is sent with it."""
        return self._build(
            "challenge",
            task.to_abi(),
            claim.to_abi(),
            astuple(terms),
            challenge.item,
            challenge.number,
            challenge.for_client,
            value=challenge.bond,
        )

    def move(self, dispute: Dispute, move: Move, task: Task, terms: Terms) -> Call:
        """Build: a move where a dispute stands.

        Args:
            dispute: Where it stands.
            move: By whom it says.
            task: The dispute's.
            terms: The task's.
        """
        place = dispute.place
        match move:
            case Open():
                return self._build(
                    "open",
                    place.to_words(),
                    move.first_extension,
                    move.program.to_abi(),
                    move.item.to_abi(),
                    move.ending.to_abi(),
                    pad(move.points),
                )
            case Dissect():
                return self._dissect(dispute, move)
            case Expose():
                return self._build(
                    "expose",
                    place.to_words(),
                    place.mover,
                    move.answered.to_abi(),
                    move.shown.to_abi(),
                    task.to_abi(),
                )
            case TimeOut():
                return self._build(
                    "time_out", place.to_words(), place.mover, dispute.root, task.to_abi()
                )
            case Prove():
                return self._build(
                    "prove",
                    place.to_words(),
                    place.mover,
                    move.shown.to_abi(),
                    move.index,
                    encode_proof(move.proof),
                    task.to_abi(),
                    astuple(terms),
                    move.program.to_abi(),
                )
            case _:
                assert_never(move)

    def move_bisection(
        self, dispute: Dispute, move: BisectionMove, opener: Address, key: Hash32
    ) -> Call:
        """Build: a move of a bisection that another contract opened.

        Args:
            dispute: Where it stands.
            move: By whom it says.
            opener: The contract.
            key: By which it opened it.
        """
        place = dispute.place
        match move:
            case Dissect():
                return self._dissect(dispute, move)
            case Expose():
                answered, shown = move.answered.to_abi(), move.shown.to_abi()
                return self._build(
                    "expose_bisection", place.to_words(), place.mover, answered, shown
                )
            case TimeOut():
                return self._build(
                    "time_out_bisection", place.to_words(), place.mover, dispute.root
                )
            case Prove():
                return self._build(
                    "prove_bisection",
                    place.to_words(),
                    place.mover,
                    move.shown.to_abi(),
                    move.index,
                    encode_proof(move.proof),
                    opener,
                    key,
                    move.program.text_root,
                )
            case _:
                assert_never(move)

    def _dissect(self, dispute: Dispute, move: Dissect) -> Call:
        shown = move.before, move.part, move.start, pad(move.points)
        return self._build("dissect", dispute.place.to_words(), shown)

    async def fetch_commitment(self, dispute: Hash32, block: str = "latest") -> Hash32:
        """Return what is stored of a dispute; `Outcome.commitment` once it is over."""
        function = self._functions["commitment_of"]
        fields = {"to": self.address, "data": "0x" + function.encode(dispute).hex()}
        return Hash32(function.decode_output(await self.chain.call(fields, block))[0])

    def read(self, logs: tuple[Log, ...]) -> list[DisputeEvent]:
        """Return the referee's own events among some logs."""
        return decode_referee_events(log for log in logs if log.address == self.address)

    def _build(self, name: str, *arguments: object, value: Wei = Wei(0)) -> Call:  # noqa: B008
        data = self._functions[name].encode(*arguments)
        return Call(to=self.address, data=data, value=value, name=f"referee.{name}")
