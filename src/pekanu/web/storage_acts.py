"""What a client can ask of a provider that it has paid, and what came of it in one sentence.

What is not here: that one is asked one thing at a time (`storage_desk`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pekanu.chain import Call
from pekanu.node.storage import keeping
from pekanu.node.storage.keeping import ChallengePlan, Renewal
from pekanu.node.storage.store import Store
from pekanu.node.storage.stored import StoredObject
from pekanu.types import format_wei
from pekanu.web.views.shell import Link, Tone
from pekanu.web.views.storage import Outcome
from pekanu.web.wording import format_span

#: Seconds that the page waits for the answer to a challenge before it says that there is none yet.
_ANSWER_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Something that can be asked."""

    do: Callable[[Store, StoredObject], Awaitable[Outcome]]
    #: Title of the outcome when it cannot be done.
    failed: str
    #: Whether the agreement is over by it, so that files for its upload are of no use any more.
    is_last: bool = False


async def _verify(store: Store, stored: StoredObject) -> Outcome:
    """Check that the provider holds every byte."""
    found = await store.verify(stored)
    if found.is_good:
        return Outcome(
            title="Verified",
            sentence=f"{found.proved} of {found.asked} chunks were proved.",
            tone=Tone.GOOD,
        )
    return Outcome(
        title="Not proved",
        sentence=f"{found.proved} of {found.asked} chunks were proved: {found.failure}; "
        "a challenge makes the provider show them on chain, or pay.",
        tone=Tone.BAD,
    )


def build_challenge_act(planned: ChallengePlan) -> Act:
    """Return the act of opening a challenge as it was planned."""

    async def do(store: Store, stored: StoredObject) -> Outcome:
        opened = await keeping.open_challenge(store.storer, stored, planned)
        seen = await keeping.await_answer(
            store.storer, stored, opened, timeout_seconds=_ANSWER_SECONDS
        )
        where = f"chunk {seen.chunk}, leaf {seen.leaf}"
        if seen.is_answered:
            return Outcome(
                title="Challenge answered",
                sentence=f"{len(seen.data)} bytes of {where} were shown on chain with their "
                f"proof; the fee of {format_wei(seen.fee)} is the provider's.",
                tone=Tone.GOOD,
            )
        if seen.is_answered is None:
            return Outcome(
                title="Challenge open",
                sentence=f"{where} was not shown yet; after the deadline the penalty is yours.",
                tone=Tone.WAITING,
            )
        return Outcome(
            title="Challenge not answered",
            sentence=f"{where} was not shown in time: the penalty can be taken.",
            tone=Tone.BAD,
        )

    return Act(do=do, failed="Not challenged")


def build_fine_act(planned: tuple[str, Call] | None) -> Act:
    """Return the act of taking the penalty by a call that was planned; None: it is fined."""

    async def do(store: Store, stored: StoredObject) -> Outcome:
        step = await keeping.fine(store.storer, stored, planned)
        amount = format_wei(int(step.evidence["to_client_wei"]))
        return Outcome(
            title="Penalty taken",
            sentence=f"The provider was fined: {amount} came to you.",
            tone=Tone.GOOD,
        )

    return Act(do=do, failed="Not fined", is_last=True)


async def _reclaim(store: Store, stored: StoredObject) -> Outcome:
    """Take back the payment of an upload whose receipt never came."""
    back = await store.reclaim(stored)
    return Outcome(
        title="Payment taken back",
        sentence=f"No receipt came in time: {format_wei(back)} came back.",
        tone=Tone.GOOD,
    )


async def _end(store: Store, stored: StoredObject) -> Outcome:
    """End an agreement early."""
    back = await store.rm(stored)
    return Outcome(
        title="Ended early",
        sentence=f"{format_wei(back)} came back; the provider forgets the bytes.",
        tone=Tone.GOOD,
    )


def build_renew_act(renewal: Renewal) -> Act:
    """Return the act of paying another term by the quote that was shown."""

    async def do(store: Store, _: StoredObject) -> Outcome:
        renewed = await keeping.pay_renewal(store.storer, renewal)
        agreement = renewed.agreement_id.hex()
        return Outcome(
            title="Renewed",
            sentence=f"Kept for {format_span(renewed.quote.terms.term)} more, for "
            f"{format_wei(renewed.quote.terms.price)}, under the agreement",
            tone=Tone.GOOD,
            link=Link(
                full="0x" + agreement,
                short=f"0x{agreement[:8]}",
                href=f"/storage/0x{agreement}",
            ),
        )

    return Act(do=do, failed="Not renewed")


VERIFY: Final = Act(do=_verify, failed="Not verified")
END: Final = Act(do=_end, failed="Not ended", is_last=True)
RECLAIM: Final = Act(do=_reclaim, failed="Not taken back", is_last=True)
