"""What a client wants computed, over all tries with one worker each.

What is not here: a single try (`client_machine`), running any of them (`client`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from pekanu.catalog.policy import get_miss_probability, parse_policy
from pekanu.catalog.verdict import format_probability
from pekanu.node.client_task import ClientTask
from pekanu.node.journal import Cost
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U8, U32, U64, U256, AddressText, Name, Word
from pekanu.ringers import RingerCount
from pekanu.types import Address, Wei

if TYPE_CHECKING:
    from pekanu.catalog import Policy, Program


@dataclass(frozen=True, kw_only=True, slots=True)
class JobRequest:
    """A computation to buy."""

    #: Of the catalog; of a program, what it is called.
    function: str
    #: The framed input of each item (`Function.parse_inputs`), at least one.
    items: tuple[bytes, ...]
    policy: Policy
    #: A program of one's own, which is then what is computed.
    program: Program | None = None
    #: Of a search: how many ringers there may be; None takes what is recommended.
    ringers: RingerCount | None = None
    #: Most that may be spent on prices, over all tries; None leaves it to the confirmation.
    max_price: Wei | None = None
    #: The only worker to ask; None asks all.
    worker: Address | None = None
    #: Where an item's program is stopped; None takes the step model's estimate with a margin.
    max_steps: int | None = None
    #: Who may demand, complain and challenge for the client; None is nobody.
    agent: Address | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientJob(Message):
    """A job as the journal keeps it."""

    job_id: Name
    function: Name
    program_id: Word
    #: What the terms name: of a search its function on one point, else the same.
    run_id: Word
    #: Of a search, without the ringers, which are fresh in each try.
    input: BlobRef
    #: The file of a program of one's own; None for the function.
    program: BlobRef | None = None
    count: U32
    inputs_root: Word
    #: Of a search: how many ringers there may be.
    least_ringers: U8 = 0
    most_ringers: U8 = 0
    #: The client's estimate over all items.
    steps: U64
    #: Where an item's program is stopped.
    max_steps: U64
    #: Bytes of each output, as estimated: the largest.
    output_bytes: U64
    #: As `parse_policy` reads it.
    policy: Name
    max_price: U256 | None = None
    worker: AddressText | None = None
    #: Who may demand, complain and challenge for the client.
    agent: AddressText | None = None
    #: The highest price that was confirmed.
    confirmed_price: U256 | None = None
    #: Workers that failed.
    tried: tuple[AddressText, ...] = ()
    #: Prices that went to workers for wrong outputs, or will.
    lost: U256 = 0
    is_done: bool = False

    @property
    def is_search(self) -> bool:
        """Whether it is paid by ringers."""
        return self.most_ringers > 0

    @property
    def ringers(self) -> RingerCount:
        """How many ringers there may be in a search."""
        return RingerCount(least=self.least_ringers, most=self.most_ringers)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobReceipt:
    """What a job cost, and how surely it was verified."""

    #: Items.
    count: int
    #: How they were verified, as `parse_policy` reads it.
    policy: str
    #: Each try, the last one last.
    tasks: tuple[ClientTask, ...]
    costs: tuple[Cost, ...]
    #: Paid to workers, or bound to be.
    paid_wei: Wei
    #: Stakes that came to the client.
    won_wei: Wei

    @property
    def gas_wei(self) -> Wei:
        """Return the fees of all transactions."""
        return Wei(sum(cost.fee for cost in self.costs))

    def get_miss_probability(self, wrong: int) -> Fraction:
        """Return the probability that so many wrong items went undetected."""
        return get_miss_probability(self.count, wrong, parse_policy(self.policy))

    def describe_odds(self) -> str:
        """Return in a sentence how likely it is that wrong items went undetected."""
        shares = sorted({1, max(1, self.count // 100), max(1, self.count // 10)})
        odds = [
            f"{wrong:,} wrong of {self.count:,}: {format_probability(probability)}"
            for wrong, probability in zip(
                shares, map(self.get_miss_probability, shares), strict=True
            )
        ]
        return "probability that a cheat went undetected: " + "; ".join(odds)
