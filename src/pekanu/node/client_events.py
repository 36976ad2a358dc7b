"""What a client's machine is told, and what it says: events, instructions, transactions.

Not here: which follows on which (`client_machine`), who performs an instruction (`client_role`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from pekanu.market.claim import Claim
from pekanu.market.state import TaskState
from pekanu.node.client_task import SearchFault
from pekanu.node.court import Trial
from pekanu.types import Address, Seconds


class ClientCall(Enum):
    """A transaction of the client's."""

    #: Put the missing money into the ledger.
    DEPOSIT = "deposit"
    #: Lock price and stake.
    POST_ACCEPTED = "post_accepted"
    #: Take back price and stake.
    EXPIRE = "expire"
    #: Demand the key.
    DEMAND_KEY = "demand_key"
    #: Demand the next group of chunks.
    DEMAND_CHUNKS = "demand_chunks"
    #: Take price and stake for an unanswered demand.
    FORFEIT = "forfeit"
    #: Show the wrong place.
    COMPLAIN = "complain"


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainSeen:
    """What the chain says of the task."""

    state: TaskState
    #: The status is final by the node's confirmation rule.
    is_final: bool
    now: Seconds
    #: The claim that stands on chain, once one does.
    claim: Claim | None = None
    #: How the client's own challenge of it stands, once it was begun.
    trial: Trial | None = None
    #: Whose challenge the referee upheld, if one was.
    refuted_by: Address | None = None

    @property
    def is_auditing(self) -> bool:
        """Return whether challenges are still admitted."""
        return self.state.status.is_claimed and self.now <= self.state.deadline


@dataclass(frozen=True, kw_only=True, slots=True)
class Funded:
    """The ledger covers the price."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceHeld:
    """The worker signed exactly this task."""

    expiry: int
    signature: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptanceRefused:
    """The worker does not sign, or the client does not want it any more."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PostRefused:
    """The chain refuses the escrow, and nothing of it can be mined any more."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimHeld:
    """A claim came, and its results under its root; they are stored."""

    claim: Claim


@dataclass(frozen=True, kw_only=True, slots=True)
class CiphertextHeld:
    """The whole ciphertext is stored and has the claim's root; so are the results."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHeld:
    """A key and blinding came that open the claim's commitment."""

    key: int
    blinding: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerLied:
    """The worker's node gave what does not hold under its claim."""

    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputVerified:
    """The outputs are those of the claim, and right as far as the policy looks."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputRefused:
    """The outputs are those of the claim, and wrong."""

    what: str
    #: The first that is; None when it is not known to be one item's.
    item: int | None = None
    #: Of a search.
    fault: SearchFault | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListWithheld:
    """A search's list did not come, and publishing it would cost more than the search."""

    what: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CulpritFound:
    """The machine computes another result of an item; a fresh number for the challenge comes."""

    item: int
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NoCulprit:
    """The machine computes what was claimed, though the policy refuses it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SealBroken:
    """The opened seal does not lead to the claim's results; the place is known."""


ClientEvent: TypeAlias = (
    ChainSeen
    | Funded
    | AcceptanceHeld
    | AcceptanceRefused
    | PostRefused
    | ClaimHeld
    | CiphertextHeld
    | KeyHeld
    | PeerLied
    | OutputVerified
    | OutputRefused
    | ListWithheld
    | SealBroken
    | CulpritFound
    | NoCulprit
)


# --- instructions ---------------------------------------------------------------------------------


class Ask(Enum):
    """Something to get, check and come back with."""

    #: Upload the input; get the worker's acceptance.
    ACCEPTANCE = "acceptance"
    #: Get claim and results.
    CLAIM = "claim"
    #: Get the ciphertext.
    CIPHERTEXT = "ciphertext"
    #: Get the key.
    KEY = "key"
    #: Read the key that was opened on chain.
    KEY_ON_CHAIN = "key on chain"
    #: Open and verify the outputs.
    VERDICT = "verdict"
    #: Sign the approval and give it to the worker.
    APPROVAL = "approval"
    #: Run what is wrong on the machine, and find the item to challenge.
    CULPRIT = "culprit"


@dataclass(frozen=True, slots=True)
class BeginDispute:
    """Challenge the wrong item, and play."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a transaction."""

    call: ClientCall


@dataclass(frozen=True, slots=True)
class Close:
    """Give back what the task held here."""


ClientInstruction: TypeAlias = Ask | Send | Close | BeginDispute
