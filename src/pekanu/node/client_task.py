"""What a client's node must know of a task to carry on with it, as the journal keeps it.

A task here is one try with one worker. Not here: what follows from it (`client_machine`), what
happens to it (`client_events`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pekanu.node.market_wire import ClaimHex, SearchHex, TaskHex, TermsHex
from pekanu.node.peer_messages import BlobRef
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U32, U64, U256, AddressText, Name, WalletSignature, Word
from pekanu.types import ZERO_HASH, Wei


class ClientStep(StrEnum):
    """What the journal says of a client's task; each is written before it is taken."""

    #: The terms are fixed: what the ledger lacks of the price is deposited.
    FUNDING = "funding"
    #: The price is in the ledger: the input goes to the worker and its acceptance is asked for.
    ASKING = "asking"
    #: The acceptance is held: the escrow is posted.
    POSTING = "posting"
    #: The escrow stands: the claim is waited for.
    WAITING = "waiting"
    #: The claim is held: the ciphertext is fetched.
    FETCHING = "fetching"
    #: The ciphertext is held: the key is asked for.
    OPENING = "opening"
    #: The key is held: the outputs are opened and verified.
    VERIFYING = "verifying"
    #: The outputs are verified: the approval is signed and given.
    APPROVING = "approving"
    #: The outputs are wrong but well sealed: never approved; what can be challenged is looked for.
    REFUSED = "refused"
    #: The machine gives another result: the claim is to be challenged.
    CHALLENGING = "challenging"
    #: The challenge is under way (`dispute_machine`).
    DISPUTING = "disputing"
    #: The worker did not deliver: the money is called back.
    EXPIRING = "expiring"
    #: The ciphertext did not come: it is demanded on chain, group by group.
    DEMANDING_CHUNKS = "demanding_chunks"
    #: The key did not come: it is demanded on chain.
    DEMANDING_KEY = "demanding_key"
    #: A demand went unanswered: price and stake are called for.
    FORFEITING = "forfeiting"
    #: The seal is wrong: the place is shown on chain.
    COMPLAINING = "complaining"
    #: Nothing was posted, and nothing can be any more.
    ABANDONED = "abandoned"
    #: The status on chain is final and never left.
    FINISHED = "finished"

    @property
    def is_live(self) -> bool:
        """Return whether anything is left to do."""
        return self not in {ClientStep.ABANDONED, ClientStep.FINISHED}


#: Steps in which the outputs are known to be wrong.
_WRONG: Final = (ClientStep.REFUSED, ClientStep.CHALLENGING, ClientStep.DISPUTING)


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerRef(Message):
    """Where a worker is reached."""

    address: AddressText
    endpoint: str
    channel_key: Word


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchFault(Message):
    """What is wrong with a search, as it is put to the referee."""

    #: `pekanu.ringers.cases.Kind`, by its name.
    kind: Name
    #: In the list: of the wrong point, or where a missing ringer would stand.
    place: U32 | None = None
    #: The missing ringer, or the listed point.
    point: U256 | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientTask(Message):
    """All that a client must know to carry on with a task."""

    step: ClientStep
    task_id: Word
    job_id: Name
    task: TaskHex
    terms: TermsHex
    #: Of a search; with the client's secret: the ringers, and the salt of their commitment.
    search: SearchHex | None = None
    ringers: tuple[U256, ...] = ()
    salt: Word = ZERO_HASH
    worker: WorkerRef
    function: Name
    input: BlobRef
    #: A program of the client's own; None for the function.
    program: BlobRef | None = None
    #: What was to be deposited for it.
    deposit: U256 = 0
    #: Seconds after a delivery for which a silent worker is waited for.
    patience: U32
    #: The worker's acceptance.
    expiry: U64 = 0
    acceptance: WalletSignature | None = None
    #: The claim that this client works on; its results lie beside the ciphertext.
    claim: ClaimHex | None = None
    #: The claim that stands on chain is this one.
    is_claim_on_chain: bool = False
    #: The whole ciphertext, of the claim's root, is held.
    has_ciphertext: bool = False
    key: U256 | None = None
    blinding: U256 | None = None
    #: The worker's node gave something that does not hold; it is asked no more.
    is_distrusted: bool = False
    #: The outputs were verified, or refused, under the policy.
    is_verified: bool = False
    #: What was verified and how, or what is wrong.
    verdict: str = ""
    #: The item that is wrong.
    wrong_item: U32 | None = None
    #: The number of the challenge that was decided upon.
    challenge: U64 | None = None
    #: Nothing more can be done about wrong outputs.
    is_resigned: bool = False
    #: Of a search: what is wrong.
    fault: SearchFault | None = None
    #: Status at the end, by its name.
    ending: str = ""
    #: Whose challenge the referee upheld, if one was.
    refuted_by: AddressText | None = None

    @property
    def is_wrong(self) -> bool:
        """Return whether the outputs are known to be wrong and the end is still open."""
        return self.step in _WRONG

    @property
    def won_wei(self) -> Wei:
        """Return what came of the worker's stake: half of it if others proved the fault."""
        stake = self.task.stake
        if self.ending in ("expired", "forfeited"):
            return stake
        if self.ending != "refuted":
            return Wei(0)
        is_own = self.refuted_by in (self.task.client, self.task.agent)
        return stake if is_own else Wei(stake - stake // 2)
