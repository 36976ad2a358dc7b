"""What a node does for a job at the moment, and what happened to a task, in words."""

from __future__ import annotations

from typing import Final

from pekanu.chain import TaskEvent
from pekanu.node.client_task import ClientStep

#: What the client's node does in each step.
ACTIVITIES: Final[dict[ClientStep, str]] = {
    ClientStep.FUNDING: "Putting the price into the market",
    ClientStep.ASKING: "Sending the input and asking the worker for its signature",
    ClientStep.POSTING: "Locking the price on chain",
    ClientStep.WAITING: "The worker computes",
    ClientStep.FETCHING: "Fetching the sealed output",
    ClientStep.OPENING: "Asking for the key",
    ClientStep.VERIFYING: "Opening and verifying the output",
    ClientStep.APPROVING: "The output is verified; the approval is with the worker",
    ClientStep.REFUSED: "The output is wrong and not approved; waiting for the end on chain",
    ClientStep.CHALLENGING: "The output is wrong: challenging it before the referee",
    ClientStep.DISPUTING: "The referee narrows the disagreement to one instruction",
    ClientStep.EXPIRING: "Taking back price and stake: nothing was delivered",
    ClientStep.DEMANDING_CHUNKS: "Demanding the sealed output on chain",
    ClientStep.DEMANDING_KEY: "Demanding the key on chain",
    ClientStep.FORFEITING: "Taking price and stake: a demand went unanswered",
    ClientStep.COMPLAINING: "Showing on chain where the seal is wrong",
    ClientStep.ABANDONED: "Given up before anything was locked",
    ClientStep.FINISHED: "Done",
}

#: Title and explanation of each event.
_EVENTS: Final[dict[str, tuple[str, str]]] = {
    "Posted": ("Offered", "The price is locked in the market."),
    "Accepted": ("Accepted", "Price and stake are locked; the worker must deliver."),
    "Cancelled": ("Cancelled", "The price went back to the client."),
    "Expired": ("Expired", "Nothing was delivered; price and stake went to the client."),
    "Delivered": ("Delivered", "The worker's claim stands on chain."),
    "Settled": ("Settled", "Price and stake went to the worker."),
    "KeyDemanded": ("Key demanded", "The worker must open its key on chain."),
    "KeyRevealed": ("Key revealed", "Anyone who holds the sealed output can open it."),
    "ChunksDemanded": ("Output demanded", "The worker must publish a part of the sealed output."),
    "ChunksSupplied": ("Output published", "A part of the sealed output is on chain."),
    "ChunksAnswered": ("Demand answered", "All that was demanded is on chain."),
    "Complained": ("Complaint", "A place of the seal was shown to be wrong."),
    "Forfeited": ("Forfeited", "Price and stake went to the client."),
    "Resolved": ("Resolved", "Both agreed on a split."),
    "ChallengeOpened": ("Challenged", "The referee must rule."),
    "ChallengeDismissed": ("Challenge dismissed", "Ruled for the worker."),
    "ChallengeClosed": ("Challenge closed", "The task ended before a ruling."),
    "Refuted": ("Refuted", "Ruled against the worker."),
    "StakeReleased": ("Stake released", "The stake went back to the worker."),
}


def describe_event(event: TaskEvent) -> tuple[str, str]:
    """Return the title and the explanation of an event."""
    name = type(event).__name__
    return _EVENTS.get(name, (name, ""))
