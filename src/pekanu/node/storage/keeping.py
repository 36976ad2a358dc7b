"""What a client does about an agreement once it stands: challenge, fine, renew, give back, reclaim.

Each begins with what the contract says. Not here: storing (`storer`), reading (`reading`).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import Final

from pekanu import contracts
from pekanu.chain import Call
from pekanu.chain.storage_calls import ShownReceipt, fetch_receipt
from pekanu.chain.storage_contract import StorageClientContract, StorageServerContract
from pekanu.chain.storage_events import Answered, Fined, decode_storage_event
from pekanu.chain.storage_events import Stored as Shown
from pekanu.errors import ProtocolError, Rejected, TransactionReverted, UsageError
from pekanu.node.storage.availability import find_event
from pekanu.node.storage.deal import ask_quote
from pekanu.node.storage.download import fetch_manifest
from pekanu.node.storage.messages import UploadRequest
from pekanu.node.storage.plan import restore_plan
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Storer
from pekanu.storage.money import get_end
from pekanu.storage.state import AgreementState, Status
from pekanu.types import Hash32, Seconds, Wei

_LOOK_SECONDS: Final = 0.3
#: Place of the leaves among an answer's arguments.
_LEAVES_ARGUMENT: Final = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengeSeen:
    """A challenge that was opened, and what has become of it."""

    chunk: int
    leaf: int
    count: int
    fee: Wei
    deadline: Seconds
    transaction: Hash32
    #: None while nothing has.
    is_answered: bool | None
    #: What the leaves hold, if they were shown.
    data: bytes = b""


async def fetch_state(storer: Storer, stored: StoredObject) -> AgreementState:
    """Return where an agreement stands on chain."""
    return await get_server(storer, stored).fetch_agreement(stored.agreement_id)


def get_server(storer: Storer, stored: StoredObject) -> StorageServerContract:
    """Return the contract of an object's provider, whose code was checked when it was stored."""
    return StorageServerContract(storer.desk.chain, stored.server)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChallengePlan:
    """A challenge that is not opened yet."""

    chunk: int
    leaf: int
    count: int
    #: What the challenger puts up.
    fee: Wei
    call: Call


async def plan_challenge(
    storer: Storer,
    stored: StoredObject,
    *,
    chunk: int | None = None,
    leaf: int | None = None,
    count: int = 1,
) -> ChallengePlan:
    """Return a challenge of leaves; by default of one that chance names.

    Raises:
        UsageError: There is no such leaf.
    """
    content = stored.quote.content
    chosen = secrets.randbelow(content.chunk_count) if chunk is None else chunk
    if not 0 <= chosen < content.chunk_count:
        raise UsageError(f"the agreement has {content.chunk_count} chunks, none is number {chosen}")
    # Without the chunk's length any leaf will do: one beyond its end is answered by its count.
    first = (
        secrets.randbelow(max(1, content.size // content.chunk_count // 256))
        if leaf is None
        else leaf
    )
    fee = await get_server(storer, stored).fetch_challenge_fee(count)
    contract = StorageClientContract(storer.desk.chain, stored.client)
    call = contract.challenge(
        stored.quote, chunk=chosen, leaf=first, count=count, fee=fee, is_sent=True
    )
    return ChallengePlan(chunk=chosen, leaf=first, count=count, fee=fee, call=call)


async def challenge(
    storer: Storer,
    stored: StoredObject,
    *,
    chunk: int | None = None,
    leaf: int | None = None,
    count: int = 1,
) -> ChallengeSeen:
    """Make the provider show leaves on chain; raises as its two parts."""
    plan = await plan_challenge(storer, stored, chunk=chunk, leaf=leaf, count=count)
    return await open_challenge(storer, stored, plan)


async def open_challenge(
    storer: Storer, stored: StoredObject, plan: ChallengePlan
) -> ChallengeSeen:
    """Open a challenge as it was planned.

    Raises:
        TransactionReverted: The agreement is not one that can be challenged now.
    """
    receipt = await storer.desk.sender.send(
        plan.call, key=f"{stored.agreement_id.hex()}:challenge:{secrets.token_hex(8)}"
    )
    # As of the challenge's own block: a quick provider may have answered since.
    state = await get_server(storer, stored).fetch_agreement(
        stored.agreement_id, hex(receipt.block_number)
    )
    return ChallengeSeen(
        chunk=plan.chunk,
        leaf=plan.leaf,
        count=plan.count,
        fee=plan.fee,
        deadline=state.deadline if state.status is Status.CHALLENGED else Seconds(0),
        transaction=receipt.transaction,
        is_answered=None,
    )


async def await_answer(
    storer: Storer, stored: StoredObject, seen: ChallengeSeen, *, timeout_seconds: float
) -> ChallengeSeen:
    """Return what has become of a challenge, once something has, or when the time is over."""
    desk, server = storer.desk, get_server(storer, stored)
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_seconds
    while True:
        state = await server.fetch_agreement(stored.agreement_id)
        if state.status is not Status.CHALLENGED:
            data = await _find_answer(storer, stored, seen)
            return replace(seen, is_answered=data is not None, data=data or b"")
        if await desk.watch.refresh() > state.deadline:
            return replace(seen, is_answered=False)
        if loop.time() > until:
            return seen
        await asyncio.sleep(_LOOK_SECONDS)


async def _find_answer(storer: Storer, stored: StoredObject, seen: ChallengeSeen) -> bytes | None:
    """Return the bytes that were shown; None when the challenge was not closed by an answer."""
    desk = storer.desk
    mined = await desk.chain.request("eth_getTransactionReceipt", "0x" + seen.transaction.hex())
    if not mined:
        raise ProtocolError(
            "a reorganization of the chain undid the challenge",
            hint="`pekanu store challenge` opens it again",
        )
    head = await desk.chain.fetch_block_number()
    data, is_closed = b"", False
    for log in await desk.chain.fetch_logs(stored.server, int(mined["blockNumber"], 16), head):
        event = decode_storage_event(log)
        if isinstance(event, Answered) and event.agreement_id == stored.agreement_id:
            data += await _fetch_shown(storer, stored, log.transaction)
            is_closed = is_closed or event.is_closed
    return data if is_closed else None


async def _fetch_shown(storer: Storer, stored: StoredObject, transaction: Hash32) -> bytes:
    """Return the leaves that a transaction showed; none where it went through another contract."""
    found = await storer.desk.chain.request("eth_getTransactionByHash", "0x" + transaction.hex())
    if not found or str(found.get("to") or "").lower() != stored.server.lower():
        return b""
    data = bytes.fromhex(str(found["input"])[2:])
    functions = contracts.load("StorageServer").functions
    for name in ("answer", "answer_many"):
        if data.startswith(functions[name].selector):
            leaves = functions[name].decode_arguments(data)[_LEAVES_ARGUMENT]
            return bytes(leaves) if isinstance(leaves, bytes) else b"".join(leaves)
    return b""


async def fine(
    storer: Storer, stored: StoredObject, planned: tuple[str, Call] | None = None
) -> Step:
    """Step 14: take the penalty, and return the evidence.

    For a challenge that was not answered, or a receipt on chain that contradicts the quote.

    Args:
        storer: Does it.
        stored: What the provider failed at.
        planned: As `build_fine` gave it; None finds out.

    Raises:
        Rejected: The deadline is not over, or there is nothing to be fined for.
    """
    server = get_server(storer, stored)
    # Whoever was killed behind its fine, or came second, finds that it stands.
    if (await server.fetch_agreement(stored.agreement_id)).status is Status.FINED:
        name = "fine"
    else:
        name, call = planned or await build_fine(storer, stored)
        await storer.desk.send(call, task_id=stored.agreement_id, name=name)
    fined = await find_event(storer.desk, stored, Fined)
    if fined is None:
        raise ProtocolError("the chain does not show the fine", hint="`pekanu store fine` again")
    step = Step.build(
        14,
        server=server.address,
        call=name,
        transaction=fined.log.transaction,
        block_number=fined.log.block_number,
        to_client_wei=str(fined.to_client),
        penalty_wei=str(stored.quote.terms.penalty),
    )
    storer.record(replace(stored, step=StoreStep.ENDED).with_step(step))
    await take_back(storer, stored)
    return step


async def build_fine(storer: Storer, stored: StoredObject) -> tuple[str, Call]:
    """Return the call that fines the provider, and its name; raises as `fine`."""
    desk, server = storer.desk, get_server(storer, stored)
    state = await server.fetch_agreement(stored.agreement_id)
    lie = await _find_contradiction(storer, stored) if state.status.is_live else None
    if lie is not None:
        call = server.fine_equivocation(stored.quote, lie.receipt, lie.signature)
        return "fine_equivocation", call
    if state.status is not Status.CHALLENGED:
        raise Rejected("storage: not challenged", hint="`pekanu store challenge` opens one")
    now = await desk.watch.refresh()
    if now <= state.deadline:
        raise Rejected(
            "storage: too early", hint=f"the provider has {state.deadline - now} seconds left"
        )
    return "fine", server.fine(stored.quote)


async def _find_contradiction(storer: Storer, stored: StoredObject) -> ShownReceipt | None:
    """Return a receipt that the provider showed on chain against its own quote, if it did."""
    event = await find_event(storer.desk, stored, Shown)
    if event is None:
        return None
    shown = await fetch_receipt(
        storer.desk.chain, stored.storage_domain, stored.quote, event.log.transaction
    )
    return shown if shown and shown.receipt.contradicts(stored.quote) else None


async def reclaim(storer: Storer, stored: StoredObject) -> Wei:
    """Take back the payment of an agreement whose receipt never came; return what came back.

    Raises:
        Rejected: The deadline is not over, or the receipt came.
    """
    desk, server = storer.desk, get_server(storer, stored)
    state = await server.fetch_agreement(stored.agreement_id)
    if state.status is Status.PAID:
        now = await desk.watch.refresh()
        if now <= state.deadline:
            raise Rejected(
                "storage: too early", hint=f"the provider has {state.deadline - now} seconds left"
            )
        call = build_reclaim(storer, stored)
        try:
            await desk.send(call, task_id=stored.agreement_id, name="reclaim")
        except TransactionReverted:
            # Anyone may, and the provider does: then it is done.
            state = await server.fetch_agreement(stored.agreement_id)
            if state.status is not Status.RECLAIMED:
                raise
    elif state.status is not Status.RECLAIMED:
        raise Rejected("storage: no receipt awaited")
    storer.record(replace(stored, step=StoreStep.ENDED))
    return await take_back(storer, stored)


def build_reclaim(storer: Storer, stored: StoredObject) -> Call:
    """Return the call that ends an agreement whose receipt never came."""
    return get_server(storer, stored).reclaim(stored.quote)


def build_give_back(storer: Storer, stored: StoredObject) -> Call:
    """Return the call that ends an agreement early."""
    return StorageClientContract(storer.desk.chain, stored.client).give_back(stored.quote)


async def give_back(storer: Storer, stored: StoredObject) -> Wei:
    """End an agreement early; return what came back of its price.

    Raises:
        Rejected: It is not one that can be ended now.
    """
    desk, server = storer.desk, get_server(storer, stored)
    state = await server.fetch_agreement(stored.agreement_id)
    if state.status is Status.STORED:
        call = build_give_back(storer, stored)
        await desk.send(call, task_id=stored.agreement_id, name="give-back")
    elif state.status in {Status.PAID, Status.CHALLENGED}:
        raise Rejected(
            f"the agreement is {state.status.name.lower()}",
            hint="it can be given back once it is stored and no challenge is open",
        )
    storer.record(replace(stored, step=StoreStep.ENDED))
    return await take_back(storer, stored)


async def take_back(storer: Storer, stored: StoredObject) -> Wei:
    """Bring what the provider's contract owes through the client's contract to the wallet."""
    desk, server = storer.desk, get_server(storer, stored)
    contract = StorageClientContract(desk.chain, stored.client)
    owed = (await server.fetch_account(stored.client)).balance
    if owed:
        await desk.sender.send(contract.collect(), key=f"collect:{secrets.token_hex(16)}")
    held = await desk.chain.get_balance(stored.client)
    if held:
        await desk.sender.send(contract.withdraw(held), key=f"withdraw:{secrets.token_hex(16)}")
    return held


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """A quote for another term, and the transaction that pays it; nothing is sent."""

    #: Not journaled yet.
    stored: StoredObject
    payment: Call


async def plan_renewal(
    storer: Storer, stored: StoredObject, *, term: int, max_price: Wei | None = None
) -> Renewal:
    """Return a signed quote for another term, which begins where the present one ends.

    Raises:
        Rejected: The agreement does not stand.
        ProtocolError: The provider's quote is not what was asked for.
        UsageError: It costs more.
    """
    desk = storer.desk
    async with storer.open_provider(stored) as provider:
        state = await provider.server.fetch_agreement(stored.agreement_id)
        if state.status is not Status.STORED:
            raise Rejected(f"the agreement is {state.status.name.lower()}")
        shared = stored.shared_link
        manifest = await fetch_manifest(provider.client, shared.link, shared.manifest_key)
        plan = restore_plan(manifest.encode(), stored.manifest_key)
        if plan.root != stored.root:
            raise ProtocolError("the manifest is not the one that was stored")
        blind = secrets.token_bytes(32)
        now = await desk.watch.refresh()
        request = UploadRequest(
            client=stored.client,
            root=Hash32(stored.root),
            blind=Hash32(blind),
            size=plan.size,
            chunk_count=len(plan.names),
            manifest_chunks=stored.manifest_chunks,
            term=term,
            starts_at=max(get_end(stored.quote.terms, state), now + 60),
            memo=stored.memo,
        )
        signed, steps = await ask_quote(provider, plan, request, None)
    if max_price is not None and signed.quote.terms.price > max_price:
        raise UsageError(f"the renewal costs {signed.quote.terms.price} wei")
    renewed = replace(
        stored,
        step=StoreStep.PAYING,
        quote=signed.quote,
        quote_signature=signed.signature,
        blind=blind,
        receipt_signature=b"",
        created_at=now,
    ).with_step(*steps)
    return Renewal(stored=renewed, payment=await storer.plan_payment(renewed))


async def pay_renewal(storer: Storer, renewal: Renewal) -> StoredObject:
    """Pay a renewal; return the new object.

    Raises:
        InsufficientFunds: The wallet does not have price and gas.
        UsageError: Something else has to be sent along by now.
    """
    renewed = await storer.check_payment(renewal.stored, renewal.payment)
    return await storer.pay_renewal(storer.record(renewed))


async def renew(
    storer: Storer, stored: StoredObject, *, term: int, max_price: Wei | None = None
) -> StoredObject:
    """Agree on another term and pay it; return the new object; raises as its two parts."""
    renewal = await plan_renewal(storer, stored, term=term, max_price=max_price)
    return await pay_renewal(storer, renewal)
