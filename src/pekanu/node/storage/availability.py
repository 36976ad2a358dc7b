"""Steps 12 to 14 of a put: the proof of the upload, the receipt, and the call that would fine.

What was paid for is available once the provider's receipt is on chain. Not here: the order of the
steps and what is journaled between them (`storer`), the steps before (`deal`, `upload`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import replace
from typing import Final, TypeVar

from pekanu.chain.storage_contract import Confirmation, StorageServerContract
from pekanu.chain.storage_events import AgreementEvent, Stored, decode_storage_event
from pekanu.errors import ProtocolError
from pekanu.market.typed_data import get_signable
from pekanu.node.market_desk import MarketDesk
from pekanu.node.signatures import is_signed_by
from pekanu.node.storage.providers import OpenProvider
from pekanu.node.storage.steps import PAYMENT_STEP, Step, describe_receipt
from pekanu.node.storage.stored import StoredObject
from pekanu.storage.link import Link
from pekanu.storage.money import get_end
from pekanu.storage.state import Status
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import ZERO_HASH

#: Seconds to wait for the provider to show its receipt on chain before the client does it.
_SHOW_SECONDS: Final = 60.0
#: Between two looks at the chain; doubled each time.
_LOOK_SECONDS: Final = 0.02
_LONGEST_LOOK_SECONDS: Final = 2.0
#: Blocks searched for an event where the payment's is not known.
_LOOK_BACK: Final = 1000

EventT = TypeVar("EventT", bound=AgreementEvent)


async def prove_upload(
    provider: OpenProvider, stored: StoredObject, done: tuple[int, int, int]
) -> Step:
    """Take step 12, whose evidence is a leaf drawn now, with the provider's proof to the root.

    Args:
        provider: It holds the chunks.
        stored: What was uploaded.
        done: Chunks and bytes that were uploaded, and chunks that were proved to be owned.
    """
    chunk = secrets.randbelow(stored.quote.content.chunk_count)
    proof = await provider.client.fetch_leaves(stored.link, chunk=chunk, first=0, count=1)
    uploaded, size, shown = done
    return Step.build(
        12,
        uploaded_chunks=uploaded,
        uploaded_bytes=size,
        shown_chunks=shown,
        chunk_count=stored.quote.content.chunk_count,
        root=stored.root,
        proof={
            "chunk": proof.chunk,
            "first": proof.first,
            "leaf_count": proof.leaf_count,
            "data": proof.data,
            "siblings": list(proof.siblings),
        },
    )


async def take_receipt(provider: OpenProvider, stored: StoredObject) -> tuple[bytes, Step]:
    """Take sigma and L, and check both before anything rests on them.

    Returns:
        The signature, and step 13 as far as it goes.

    Raises:
        ProtocolError: One of them does not hold.
    """
    head = await provider.client.fetch_receipt(stored.agreement_id)
    if Link.decode(head.link) != stored.link:
        raise ProtocolError("the provider's link leads elsewhere")
    document = get_signable(build_typed_data(stored.storage_domain, stored.receipt))
    if not is_signed_by(stored.provider, document, head.signature):
        raise ProtocolError("the provider did not sign the receipt of what it was sent")
    step = Step.build(
        13,
        server=stored.server,
        receipt=describe_receipt(stored.receipt),
        signature=head.signature,
        link=head.link,
    )
    return head.signature, step


async def await_availability(
    desk: MarketDesk, server: StorageServerContract, stored: StoredObject, step: Step
) -> Step:
    """Wait until the receipt is on chain; a provider that tarries is helped.

    Args:
        desk: The client's.
        server: The provider's contract.
        stored: It has the receipt's signature.
        step: What `take_receipt` gave.

    Returns:
        Step 13, whole.

    Raises:
        ProtocolError: The agreement came to another end.
    """
    until, pause = time.monotonic() + _SHOW_SECONDS, _LOOK_SECONDS
    while (state := await server.fetch_agreement(stored.agreement_id)).status is Status.PAID:
        if time.monotonic() > until:
            confirmation = Confirmation(receipt=stored.receipt, signature=stored.receipt_signature)
            with contextlib.suppress(ProtocolError):
                call = server.confirm(confirmation)
                await desk.send(call, task_id=stored.agreement_id, name="confirm")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_LOOK_SECONDS)
    if state.status not in {Status.STORED, Status.CHALLENGED}:
        raise ProtocolError(
            f"the agreement is {state.status.name.lower()} on chain instead of stored",
            hint="`pekanu store ls` shows what came of it",
        )
    event = await find_event(desk, stored, Stored)
    shown = event.log.transaction if event else ZERO_HASH
    evidence = {**step.evidence, "transaction": "0x" + shown.hex(), "started": state.started}
    return replace(step, evidence=evidence)


async def arm(server: StorageServerContract, stored: StoredObject) -> Step:
    """Take step 14, after an honest upload: the calls that would make the provider pay."""
    state = await server.fetch_agreement(stored.agreement_id)
    fine = server.fine(stored.quote)
    return Step.build(
        14,
        server=stored.server,
        call="fine",
        data=fine.data,
        penalty_wei=str(stored.quote.terms.penalty),
        challenge_before=get_end(stored.quote.terms, state),
        response_window=stored.quote.terms.response_window,
    )


async def find_event(desk: MarketDesk, stored: StoredObject, kind: type[EventT]) -> EventT | None:
    """Return the first event of a kind that an agreement has on chain, or None."""
    head = await desk.chain.fetch_block_number()
    paid = next((step for step in stored.steps if step.number == PAYMENT_STEP), None)
    first = int(paid.evidence["block_number"]) if paid else max(0, head - _LOOK_BACK)
    for log in await desk.chain.fetch_logs(stored.server, first, head):
        event = decode_storage_event(log)
        if isinstance(event, kind) and event.agreement_id == stored.agreement_id:
            return event
    return None
