"""Steps 1 to 11: from a stranger to a paid agreement, each answer checked before the next.

Not here: the bytes (`plan`, `upload`), what is remembered (`stored`), the order (`storer`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pekanu import contracts
from pekanu.chain import Call, Receipt
from pekanu.chain.block import parse_receipt
from pekanu.chain.storage_contract import StorageClientContract
from pekanu.chain.storage_deploy import create_storage_client
from pekanu.chain.storage_events import (
    Deposited,
    Paid,
    Registered,
    decode_storage_event,
)
from pekanu.crypto.keccak import keccak256
from pekanu.errors import (
    ChainError,
    InsufficientFunds,
    InvalidProof,
    NotDeployed,
    ProtocolError,
    TransactionDropped,
)
from pekanu.market.typed_data import get_signable
from pekanu.node.market_desk import MarketDesk
from pekanu.node.signatures import is_signed_by
from pekanu.node.storage.messages import RegistrationRequest, SignedQuote, Stage, UploadRequest
from pekanu.node.storage.plan import Plan
from pekanu.node.storage.providers import OpenProvider, ProviderOffer
from pekanu.node.storage.sealing import StorageSecret
from pekanu.node.storage.steps import Step, describe_quote
from pekanu.node.storage.stored import StoredObject
from pekanu.storage.agreement import Admission, Quote, Registration
from pekanu.storage.state import Status
from pekanu.storage.trees import commit_root
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, Hash32, Seconds, Wei

_REGISTRATION_SECONDS: Final = 3600
_GWEI: Final = 10**9
#: Seconds between questions while a provider waits for confirmations.
_ASK_SECONDS: Final = 0.02
_LONGEST_ASK_SECONDS: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """A client that a provider has let in, and its contract."""

    contract: StorageClientContract
    steps: tuple[Step, ...]


def build_registration(client: Address, secret: StorageSecret, *, now: float) -> Registration:
    """Return the request with which a client asks to be let in."""
    return Registration(
        client=client,
        sealing_key=secret.sealing_key,
        valid_until=Seconds(int(now) + _REGISTRATION_SECONDS),
    )


async def register(
    desk: MarketDesk, provider: OpenProvider, secret: StorageSecret, *, now: float
) -> Admitted:
    """Steps 1 to 4 and 7: be let in, check it on chain, and have a contract of one's own.

    Raises:
        ProtocolError: What the provider answered does not hold.
    """
    server, domain = provider.server, provider.server.domain
    code = await desk.chain.fetch_code(server.address)
    opened = await _find_deposit(desk, server.address)
    first = Step.build(
        1,
        server=server.address,
        provider=provider.address,
        deposit_wei=str(await server.fetch_free()),
        transaction=opened.log.transaction if opened else b"",
        code_hash=keccak256(code),
    )
    registration = build_registration(desk.address, secret, now=now)
    signature = desk.account.sign_typed_data(build_typed_data(domain, registration))
    second = Step.build(
        2,
        client=desk.address,
        sealing_key=registration.sealing_key,
        valid_until=registration.valid_until,
        signature=signature,
    )
    head, abi, client_code = await provider.client.register(
        RegistrationRequest(
            sealing_key=registration.sealing_key,
            valid_until=registration.valid_until,
            signature=signature,
        )
    )
    admission = Admission(
        client=desk.address,
        transaction=Hash32(head.transaction),
        abi_hash=Hash32(head.abi_hash),
        client_code_hash=Hash32(head.client_code_hash),
    )
    document = get_signable(build_typed_data(domain, admission))
    if not is_signed_by(provider.address, document, head.signature):
        raise ProtocolError("the provider did not sign its admission")
    _check_admission(admission, abi, client_code)
    mined = await fetch_receipt(desk, admission.transaction)
    _check_registration(mined, server.address, desk.address)
    third = Step.build(
        3, server=server.address, client=desk.address, transaction=admission.transaction
    )
    fourth = Step.build(
        4,
        server=server.address,
        client=desk.address,
        transaction=admission.transaction,
        abi_hash=admission.abi_hash,
        client_code_hash=admission.client_code_hash,
        signature=head.signature,
    )
    contract = await create_storage_client(
        desk.sender,
        provider.factory.address,
        server.address,
        key=f"storage-client:{server.address}",
    )
    seventh = Step.build(
        7,
        transaction=admission.transaction,
        block_number=mined.block_number,
        block_hash=mined.block_hash,
        server=server.address,
        server_code_hash=keccak256(code),
        factory=provider.factory.address,
        client_contract=contract.address,
        owner=desk.address,
    )
    return Admitted(contract=contract, steps=(first, second, third, fourth, seventh))


def _check_admission(admission: Admission, abi: bytes, code: bytes) -> None:
    """Refuse an ABI or code that is not what was signed, or not what is known here."""
    if sha256(abi).digest() != admission.abi_hash or keccak256(code) != admission.client_code_hash:
        raise ProtocolError("the provider signed another ABI or code than it sent")
    if code != contracts.load("StorageClient").bytecode:
        raise NotDeployed(
            "the provider sends another client contract than the one that is known here",
            hint="never deploy it: use another provider, or the same version of this program",
        )


def _check_registration(mined: Receipt, server: Address, client: Address) -> None:
    """Step 7: mined, successful, by this contract, for this address."""
    if not mined.succeeded:
        raise ProtocolError("the registration's transaction failed")
    for log in mined.logs:
        event = decode_storage_event(log) if log.address == server else None
        if isinstance(event, Registered) and event.owner == client:
            return
    raise ProtocolError("the registration's transaction registers somebody else, or nobody")


async def ask_quote(
    provider: OpenProvider,
    plan: Plan,
    request: UploadRequest,
    offer: ProviderOffer | None,
) -> tuple[SignedQuote, tuple[Step, ...]]:
    """Steps 5 and 6: return a signed quote that says what was asked for and no more is due.

    Raises:
        ProtocolError: The quote is another's, or for other bytes, or dearer than was offered.
    """
    signed = await provider.client.fetch_storage_quote(request, list(plan.names))
    quote, domain = signed.quote, provider.server.domain
    document = get_signable(build_typed_data(domain, quote))
    if not is_signed_by(provider.address, document, signed.signature):
        raise ProtocolError("the provider did not sign its quote")
    content, terms = quote.content, quote.terms
    expected = (commit_root(request.root, request.blind), plan.size, len(plan.names))
    if (content.root_commitment, content.size, content.chunk_count) != expected:
        raise ProtocolError("the provider quotes for something else")
    if (terms.client, terms.term, terms.starts_at) != (
        request.client,
        request.term,
        request.starts_at,
    ):
        raise ProtocolError("the provider quotes for another client or term")
    if offer is not None and (
        terms.price > offer.price
        or terms.penalty < offer.penalty
        or terms.reservation_fee > offer.reservation_fee
        or terms.response_window > offer.info.response_window
    ):
        raise ProtocolError("the provider's quote is worse than what it offered")
    fifth = Step.build(
        5,
        root=request.root,
        blind=request.blind,
        size=plan.size,
        chunk_count=len(plan.names),
        manifest_chunks=request.manifest_chunks,
        term=request.term,
    )
    sixth = Step.build(
        6,
        server=provider.server.address,
        chain_id=domain.chain_id,
        agreement_id=quote.id(domain),
        quote=describe_quote(quote),
        signature=signed.signature,
    )
    return signed, (fifth, sixth)


async def check_funds(
    desk: MarketDesk, contract: StorageClientContract, quote: Quote, signature: bytes
) -> tuple[Wei, Step]:
    """Step 8: return what must be sent along with the payment.

    Raises:
        InsufficientFunds: The wallet does not have that and the gas; nothing was sent.
        TransactionReverted: The payment would fail.
    """
    budget = await desk.chain.get_balance(contract.address)
    value = Wei(max(0, quote.terms.price - budget))
    balance = await desk.chain.get_balance(desk.address)
    if balance < value:
        raise InsufficientFunds(
            f"{desk.address} has {balance} wei, and the price is {value} wei more than its budget",
            hint="send money to the account first",
        )
    gas = await desk.sender.simulate(contract.pay(quote, signature, value=value))
    block = await desk.chain.fetch_block("latest")
    fee = gas * (2 * (block.base_fee if block else 0) + _GWEI)
    if balance < value + fee:
        raise InsufficientFunds(
            f"{desk.address} has {balance} wei; price and gas take up to {value + fee} wei",
            hint="send money to the account first",
        )
    step = Step.build(
        8,
        account=desk.address,
        balance_wei=str(balance),
        budget_wei=str(budget),
        price_wei=str(quote.terms.price),
        gas=gas,
        gas_fee_wei=str(fee),
        block_number=block.number if block else 0,
    )
    return value, step


def build_payment(desk: MarketDesk, stored: StoredObject, value: Wei) -> Call:
    """Return what pays an agreement out of its budget and what is sent along."""
    contract = StorageClientContract(desk.chain, stored.client)
    return contract.pay(stored.quote, stored.quote_signature, value=value)


async def pay(desk: MarketDesk, stored: StoredObject, value: Wei) -> StoredObject:
    """Step 9: pay once, however often called; return the object with the payment noted.

    Raises:
        ProtocolError: It was mined where the client's contract was not: it lies in the budget.
    """
    call, receipt = build_payment(desk, stored, value), None
    while receipt is None:
        # A payment that a reorganization undid, and whose nonce went to another transaction,
        # can never be mined again.
        with contextlib.suppress(TransactionDropped):
            receipt = await desk.send(call, task_id=stored.agreement_id, name="pay")
    if _find_paid(receipt, stored) is None:
        raise ProtocolError(
            f"a reorganization undid {stored.client} before it paid; what was sent is its budget",
            hint="store it again: the budget is used first",
        )
    step = Step.build(
        9,
        transaction=receipt.transaction,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        client_contract=stored.client,
        server=stored.server,
        agreement_id=stored.agreement_id,
        price_wei=str(stored.quote.terms.price),
        penalty_wei=str(stored.quote.terms.penalty),
        gas_used=receipt.gas_used,
    )
    return stored.with_step(step)


async def await_admission(
    desk: MarketDesk,
    provider: OpenProvider,
    stored: StoredObject,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Step, ...]:
    """Steps 10 and 11: wait until the provider has seen the payment as deep as it wants.

    Raises:
        ProtocolError: It names another transaction, or does not see the payment in time.
    """
    pause = _ASK_SECONDS
    while True:
        status = await provider.client.fetch_agreement_status(stored.agreement_id)
        if status.stage not in {Stage.QUOTED, Stage.PAID}:
            break
        state = await provider.server.fetch_agreement(stored.agreement_id)
        if state.status is Status.NONE:
            raise ProtocolError("the payment is no longer on the chain")
        if state.deadline and await desk.watch.refresh() > state.deadline:
            raise ProtocolError(
                "the provider did not take note of the payment in time",
                hint="`pekanu store reclaim` gets the payment back",
            )
        tell(f"{status.confirmations} of {status.awaited_confirmations} confirmations")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_ASK_SECONDS)
    mined = await fetch_receipt(desk, Hash32(status.transaction))
    event = _find_paid(mined, stored)
    if event is None:
        raise ProtocolError("the provider names a transaction that pays something else")
    tenth = Step.build(
        10,
        transaction=mined.transaction,
        block_number=event.log.block_number,
        log_index=event.log.index,
        event="Paid",
        agreement_id=stored.agreement_id,
    )
    eleventh = Step.build(
        11,
        transaction=mined.transaction,
        block_number=mined.block_number,
        block_hash=mined.block_hash,
        confirmations=status.confirmations,
        awaited_confirmations=status.awaited_confirmations,
        succeeded=mined.succeeded,
        gas_used=mined.gas_used,
    )
    return tenth, eleventh


def _find_paid(mined: Receipt, stored: StoredObject) -> Paid | None:
    for log in mined.logs:
        event = decode_storage_event(log) if log.address == stored.server else None
        if isinstance(event, Paid) and event.agreement_id == stored.agreement_id:
            return event
    return None


async def fetch_receipt(desk: MarketDesk, transaction: Hash32) -> Receipt:
    """Return a mined transaction's receipt.

    Raises:
        InvalidProof: The chain does not know it.
    """
    found = await desk.chain.request("eth_getTransactionReceipt", "0x" + transaction.hex())
    if not found:
        raise InvalidProof(f"the chain knows no transaction 0x{transaction.hex()}")
    return parse_receipt(found)


async def _find_deposit(desk: MarketDesk, server: Address) -> Deposited | None:
    """Return a contract's first deposit; the block of its deployment is searched for.

    None also where the chain's node keeps no old states to search in.
    """
    try:
        low, high = 0, await desk.chain.fetch_block_number()
        while low < high:
            middle = (low + high) // 2
            code = await desk.chain.request("eth_getCode", server, hex(middle))
            low, high = (low, middle) if code not in {"0x", None} else (middle + 1, high)
        for log in await desk.chain.fetch_logs(server, low, low):
            event = decode_storage_event(log)
            if isinstance(event, Deposited):
                return event
    except ChainError:
        return None
    return None
