"""The client's side of storage: put, step by step, and go on after a kill.

An agreement is journaled when it is quoted, before it is paid; every later step finds in the
journal, on the chain or at the provider whether it was taken. Not here: single steps (`deal`,
`upload`, `availability`), reading (`reading`), what comes after (`keeping`).
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

from pekanu.chain import Call
from pekanu.chain.storage_contract import (
    StorageClientContract,
    StorageFactoryContract,
    StorageServerContract,
)
from pekanu.errors import (
    InvalidInput,
    PekanuError,
    TransactionReverted,
    UsageError,
)
from pekanu.node.market_desk import MarketDesk
from pekanu.node.pieces import Progress
from pekanu.node.storage.availability import (
    arm,
    await_availability,
    prove_upload,
    take_receipt,
)
from pekanu.node.storage.deal import (
    Admitted,
    ask_quote,
    await_admission,
    build_payment,
    check_funds,
    pay,
    register,
)
from pekanu.node.storage.messages import UploadRequest
from pekanu.node.storage.plan import Plan, restore_plan
from pekanu.node.storage.planning import Planned, PutRequest, plan_files
from pekanu.node.storage.providers import (
    NoProvider,
    OpenProvider,
    ProviderOffer,
    choose_offer,
    fetch_offers,
)
from pekanu.node.storage.source import Source, scan
from pekanu.node.storage.steps import PAYMENT_STEP, Step
from pekanu.node.storage.storage_desk import StorageDesk
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.upload import ChunkReader, upload_missing
from pekanu.storage.domains import DomainKind, EncryptionDomain
from pekanu.storage.state import Status
from pekanu.types import Address, Hash32, Wei

#: Gas of a payment, and of making a client contract, for estimates.
PAY_GAS: Final = 110_000
CREATE_GAS: Final = 1_100_000
_NONCE_SIZE: Final = 24
#: Number of the step in which the client finds what it must pay.
_FUNDS: Final = 8
#: Those by which a provider lets a client in.
_ADMISSION: Final = frozenset({1, 2, 3, 4, 7})

Tell = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What a put would store and cost; nothing is signed yet."""

    source: Source
    plan: Plan
    domain: EncryptionDomain
    request: PutRequest
    offer: ProviderOffer


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreed:
    """A quote that the provider has signed, and the transaction that pays it; nothing is sent."""

    prepared: Prepared
    #: Not journaled yet.
    stored: StoredObject
    payment: Call


@dataclass(frozen=True, kw_only=True, slots=True)
class Ears:
    """Who is told while something is stored."""

    #: Of each step that was taken.
    step: Tell = lambda _: None
    #: Of bytes read, and bytes held by the provider.
    reading: Progress | None = None
    uploading: Progress | None = None


class Storer(StorageDesk):
    """Stores for one account; made by `open_storer`."""

    # --- put ----------------------------------------------------------------------------------

    async def prepare(
        self,
        request: PutRequest,
        reading: Progress | None = None,
        *,
        planning: Awaitable[Planned] | None = None,
    ) -> Prepared:
        """Return what a put would store and cost: files are read, nothing is signed.

        Args:
            request: What is asked for.
            reading: Told bytes read.
            planning: What `plan_files` gives, where it was begun already.

        Raises:
            InvalidInput: A path cannot be read.
            NoProvider: Nobody takes it.
        """
        planned = await (planning or plan_files(request, self.secret, reading))
        plan = planned.plan
        offer = await choose_offer(
            self.desk,
            size=plan.size,
            term=request.term,
            provider=request.provider,
            max_price=request.max_price,
        )
        return Prepared(
            source=planned.source, plan=plan, domain=planned.domain, request=request, offer=offer
        )

    async def register(self, provider: Address | None = None) -> Admitted:
        """Take steps 1 to 4 and 7 alone, with the cheapest provider unless one is named.

        Raises:
            NoProvider: There is none.
        """
        offers = await fetch_offers(self.desk, size=0, term=0, provider=provider)
        if not offers:
            raise NoProvider("no storage provider answers on this chain")
        server = Address(offers[0].info.server)
        async with self.open_line(offers[0].announced.account, server) as found:
            return await register(self.desk, found, self.secret, now=time.time())

    async def estimate_cost(self, prepared: Prepared) -> dict[str, int]:
        """Return about what gas a put would cost beside its price, and what the wallet has."""
        block = await self.desk.chain.fetch_block("latest")
        factory = StorageFactoryContract(self.desk.chain, self.book["StorageFactory"].address)
        server = Address(prepared.offer.info.server)
        has_contract = await factory.fetch_client(self.desk.address, server) is not None
        gas = PAY_GAS + (0 if has_contract else CREATE_GAS)
        unit = 2 * (block.base_fee if block else 0) + 10**9
        return {
            "gas_wei": gas * unit,
            "balance_wei": await self.desk.chain.get_balance(self.desk.address),
        }

    @contextlib.contextmanager
    def spool(self, stream: BinaryIO, name: str) -> Iterator[Path]:
        """Yield a file of this home that holds what a stream gave; gone with the context.

        A stream cannot be read twice, and its root is agreed on before it is uploaded.
        """
        if not name or "/" in name or "\0" in name or name in {".", ".."}:
            raise InvalidInput(f"{name!r} is no file's name")
        folder = Path(tempfile.mkdtemp(dir=self._folder, prefix="spool-"))
        path = folder / name
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
            yield path
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def put(self, prepared: Prepared, ears: Ears | None = None) -> StoredObject:
        """Take the 14 steps and return the object; what is journaled is gone on with by `resume`.

        Raises:
            ProtocolError: The provider broke the protocol; the message says what is lost.
        """
        ears = ears or Ears()
        async with self._open_offered(prepared) as provider:
            admitted = await register(self.desk, provider, self.secret, now=time.time())
            early = admitted.steps[:-1]
            for step in early:
                ears.step(step)
            agreed = await self._agree(provider, prepared, admitted)
            return await self._put_agreed(provider, agreed, ears, told=len(early))

    def find_admitted(self, server: Address) -> Admitted | None:
        """Return how a provider let this account in, as the journal has it; None if it has not."""
        for stored in reversed(self.list()):
            steps = tuple(step for step in stored.steps if step.number in _ADMISSION)
            if stored.server == server and len(steps) == len(_ADMISSION):
                contract = StorageClientContract(self.desk.chain, stored.client)
                return Admitted(contract=contract, steps=steps)
        return None

    async def introduce(self, prepared: Prepared, *, now: float) -> Admitted:
        """Take steps 1 to 4 and 7 with the provider of an offer, at a time that the request names.

        Raises:
            ProtocolError: What the provider answered does not hold.
        """
        async with self._open_offered(prepared) as provider:
            return await register(self.desk, provider, self.secret, now=now)

    async def agree(self, prepared: Prepared, admitted: Admitted) -> Agreed:
        """Take steps 5 and 6: return the signed quote. Nothing is signed here, journaled or paid.

        Raises:
            ProtocolError: The quote is not what was offered.
        """
        async with self._open_offered(prepared) as provider:
            return await self._agree(provider, prepared, admitted)

    async def put_agreed(self, agreed: Agreed, ears: Ears | None = None) -> StoredObject:
        """Take the steps from the 8th on; raises as `put`."""
        async with self._open_offered(agreed.prepared) as provider:
            return await self._put_agreed(provider, agreed, ears or Ears())

    async def _agree(
        self, provider: OpenProvider, prepared: Prepared, admitted: Admitted
    ) -> Agreed:
        plan, blind = prepared.plan, secrets.token_bytes(32)
        request = UploadRequest(
            client=admitted.contract.address,
            root=plan.root,
            blind=Hash32(blind),
            size=plan.size,
            chunk_count=len(plan.names),
            manifest_chunks=len(plan.parts),
            term=prepared.request.term,
            starts_at=0,
            memo=self.secret.seal_memo(plan.manifest_key, secrets.token_bytes(_NONCE_SIZE)),
        )
        signed, asked = await ask_quote(provider, plan, request, prepared.offer)
        stored = StoredObject(
            step=StoreStep.PAYING,
            name=prepared.source.name,
            chain_id=self.desk.chain.chain_id,
            server=provider.server.address,
            provider=provider.address,
            client=admitted.contract.address,
            quote=signed.quote,
            quote_signature=signed.signature,
            root=plan.root,
            blind=blind,
            manifest_key=plan.manifest_key,
            manifest_chunks=len(plan.parts),
            memo=request.memo,
            file_bytes=prepared.source.size,
            file_count=len(prepared.source.entries),
            domain=prepared.domain.kind.value,
            paths=tuple(str(path.absolute()) for path in prepared.request.paths),
            created_at=self.desk.watch.now,
        ).with_step(*admitted.steps, *asked)
        return Agreed(prepared=prepared, stored=stored, payment=await self.plan_payment(stored))

    async def _put_agreed(
        self, provider: OpenProvider, agreed: Agreed, ears: Ears, *, told: int = 0
    ) -> StoredObject:
        """Take the steps from the 8th on; those before are told, but for the first of them."""
        prepared, stored = agreed.prepared, agreed.stored
        for step in stored.steps[told:]:
            ears.step(step)
        stored = await self.check_payment(stored, agreed.payment)
        ears.step(next(one for one in stored.steps if one.number == _FUNDS))
        self._save_manifest(stored.agreement_id, prepared.plan)
        self.record(stored)
        reader = ChunkReader(prepared.plan, prepared.source, prepared.domain)
        return await self._carry_on(provider, stored, prepared.plan, reader, ears)

    async def plan_payment(self, stored: StoredObject) -> Call:
        """Return what would pay an object now that is not journaled yet."""
        return build_payment(self.desk, stored, await self._fetch_due(stored))

    async def check_payment(self, stored: StoredObject, payment: Call) -> StoredObject:
        """Take step 8 for a payment that was agreed on; return the object with it.

        Raises:
            InsufficientFunds: The wallet does not have price and gas.
            UsageError: Something else has to be sent along by now.
        """
        contract = StorageClientContract(self.desk.chain, stored.client)
        value, eighth = await check_funds(self.desk, contract, stored.quote, stored.quote_signature)
        if build_payment(self.desk, stored, value) != payment:
            raise UsageError(
                f"the budget in {stored.client} has changed since the payment was agreed on",
                hint="ask for a quote again",
            )
        return stored.with_step(eighth)

    async def resume(self, stored: StoredObject, ears: Ears | None = None) -> StoredObject:
        """Go on with an object whose put was broken off, or whose payment the chain lost.

        Raises:
            InvalidInput: Its files are not as they were.
        """
        if stored.quote.terms.starts_at and await self.is_unfinished(stored):
            return await self.pay_renewal(stored)
        if stored.step not in {StoreStep.PAYING, StoreStep.UPLOADING}:
            # Its bytes came: the provider needs nothing but the payment.
            return await self._pay(stored) if await self.is_unfinished(stored) else stored
        plan = self._load_plan(stored)
        paths = tuple(Path(path) for path in stored.paths)
        source = await asyncio.to_thread(scan, paths, name=stored.name)
        mine = [(one.path, one.size) for one in source.entries]
        if mine != [(one.path, one.size) for one in plan.manifest.files]:
            raise InvalidInput(
                f"the files of {stored.name!r} are not as they were when the upload began",
                hint="`pekanu store reclaim` gets the payment back after the deadline",
            )
        # Of a shared domain the phrase is not kept; the roots show a change as well, only later.
        is_own = stored.domain == DomainKind.OWN.value
        domain = self.secret.own_domain if is_own else None
        reader = ChunkReader(plan, source, domain)
        async with self.open_line(stored.provider, stored.server) as provider:
            return await self._carry_on(provider, stored, plan, reader, ears or Ears())

    async def is_unfinished(self, stored: StoredObject) -> bool:
        """Return whether a put was broken off, or a reorganization undid the payment since."""
        if stored.step is not StoreStep.STORED:
            return stored.step is not StoreStep.ENDED
        server = StorageServerContract(self.desk.chain, stored.server)
        return (await server.fetch_agreement(stored.agreement_id)).status is Status.NONE

    async def pay_renewal(self, stored: StoredObject) -> StoredObject:
        """Pay a renewal that is journaled; its provider holds the bytes already."""
        stored = await self._pay(stored)
        return self.record(replace(stored, step=StoreStep.STORED))

    def build_payment(self, stored: StoredObject) -> Call:
        """Return what pays an object that is journaled."""
        return build_payment(self.desk, stored, _get_due(stored))

    async def _fetch_due(self, stored: StoredObject) -> Wei:
        """Return what a payment needs now beside the budget."""
        budget = await self.desk.chain.get_balance(stored.client)
        return Wei(max(0, stored.quote.terms.price - budget))

    async def _pay(self, stored: StoredObject) -> StoredObject:
        """Pay what step 8 found due beside the budget, so that it is always the same payment."""
        value = _get_due(stored)
        try:
            return await pay(self.desk, stored, value)
        except TransactionReverted as error:
            now_due = await self._fetch_due(stored)
            if error.transaction is not None or now_due == value:
                raise
            # It was never sent, and the budget went elsewhere meanwhile.
            return await pay(self.desk, stored, now_due)

    async def _carry_on(
        self,
        provider: OpenProvider,
        stored: StoredObject,
        plan: Plan,
        reader: ChunkReader,
        ears: Ears,
    ) -> StoredObject:
        """Steps 9 to 14, from wherever the object stands."""
        while True:
            if stored.step is StoreStep.PAYING:
                await self._stand_again(provider, stored)
                stored = await self._pay(stored)
                ears.step(next(one for one in stored.steps if one.number == PAYMENT_STEP))
                stored = self.record(replace(stored, step=StoreStep.UPLOADING))
            try:
                return await self._bring(provider, stored, plan, reader, ears)
            except PekanuError:
                state = await provider.server.fetch_agreement(stored.agreement_id)
                if state.status is not Status.NONE:
                    raise
                # A reorganization undid the payment: it is made again.
                stored = replace(stored, step=StoreStep.PAYING)

    async def _stand_again(self, provider: OpenProvider, stored: StoredObject) -> None:
        """Register anew where a reorganization undid that: a payment would reach no contract."""
        server, chain = provider.server, self.desk.chain
        if (await server.fetch_agreement(stored.agreement_id)).status is not Status.NONE:
            return
        is_known = await server.fetch_is_registered(self.desk.address)
        if not is_known or not await chain.fetch_code(stored.client):
            await register(self.desk, provider, self.secret, now=time.time())

    async def _bring(
        self,
        provider: OpenProvider,
        stored: StoredObject,
        plan: Plan,
        reader: ChunkReader,
        ears: Ears,
    ) -> StoredObject:
        """Steps 10 to 14 of an agreement that is paid."""
        admitted = await await_admission(self.desk, provider, stored)
        for step in admitted:
            ears.step(step)
        count, size, shown = await upload_missing(
            provider.client, stored.agreement_id, plan, reader, ears.uploading
        )
        twelfth = await prove_upload(provider, stored, (count, size, shown))
        ears.step(twelfth)
        stored = self.record(stored.with_step(*admitted, twelfth))
        signature, signed = await take_receipt(provider, stored)
        stored = self.record(replace(stored, receipt_signature=signature))
        with contextlib.suppress(PekanuError):
            await provider.client.acknowledge(stored.agreement_id)
        thirteenth = await await_availability(self.desk, provider.server, stored, signed)
        stored = stored.with_step(thirteenth)
        ears.step(thirteenth)
        fourteenth = await arm(provider.server, stored)
        ears.step(fourteenth)
        stored = self.record(replace(stored, step=StoreStep.STORED).with_step(fourteenth))
        self._drop_manifest(stored.agreement_id)
        return stored

    # --- within -------------------------------------------------------------------------------

    def _open_offered(
        self, prepared: Prepared
    ) -> contextlib.AbstractAsyncContextManager[OpenProvider]:
        offer = prepared.offer
        return self.open_line(offer.announced.account, Address(offer.info.server))

    def _get_manifest_path(self, agreement_id: Hash32) -> Path:
        return self._folder / f"{agreement_id.hex()}.manifest"

    def _save_manifest(self, agreement_id: Hash32, plan: Plan) -> None:
        """Keep the plan until the object is stored; it holds keys."""
        path = self._get_manifest_path(agreement_id)
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_bytes(b"".join(plan.parts))
        draft.replace(path)

    def _load_plan(self, stored: StoredObject) -> Plan:
        path = self._get_manifest_path(stored.agreement_id)
        try:
            encoded = path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"the plan of {stored.name!r} is gone: {path}") from error
        plan = restore_plan(encoded, stored.manifest_key)
        if plan.root != stored.root:
            raise InvalidInput(f"the plan of {stored.name!r} is damaged: {path}")
        return plan

    def _drop_manifest(self, agreement_id: Hash32) -> None:
        self._get_manifest_path(agreement_id).unlink(missing_ok=True)


def _get_due(stored: StoredObject) -> Wei:
    """Return what step 8 found due beside the budget."""
    checked = next((one.evidence for one in stored.steps if one.number == _FUNDS), {})
    return Wei(max(0, stored.quote.terms.price - int(checked.get("budget_wei", 0))))


async def open_storer(desk: MarketDesk, home: Path) -> Storer:
    """Return the client's side of storage for a desk's account."""
    return await Storer.open(desk, home)
