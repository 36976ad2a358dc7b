"""A provider's counter: what it answers its clients in the 14 steps.

Every method may be called again with the same result. What was acknowledged is on disk. Not here:
bytes on the wire (`responders`), what is done on chain by itself (`keeper`).
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, TypeVar

from pekanu import contracts
from pekanu.chain.storage_contract import StorageFactoryContract, StorageServerContract
from pekanu.crypto.keccak import keccak256
from pekanu.market.typed_data import get_signable
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.pieces import Pieces
from pekanu.node.provider.agreements import Agreement, read_agreement, read_stage
from pekanu.node.provider.index import AgreementHead, AgreementRow
from pekanu.node.provider.joined_ranges import JoinedRanges
from pekanu.node.provider.terms import (
    ProviderTerms,
    build_quote,
    check_request,
    get_free_bytes,
)
from pekanu.node.provider.vault import Missing, Vault
from pekanu.node.signatures import is_signed_by
from pekanu.node.storage import routes
from pekanu.node.storage.messages import (
    AdmissionHead,
    AgreementStatus,
    LeavesHead,
    ProviderInfo,
    ReceiptHead,
    RegistrationRequest,
    SignedQuote,
    Stage,
    UploadRequest,
)
from pekanu.node.storage.server_watch import ServerWatch
from pekanu.storage.agreement import Admission, Registration, StorageDomain
from pekanu.storage.chunk_names import ChunkList
from pekanu.storage.chunk_trees import get_entries_root
from pekanu.storage.state import Status
from pekanu.storage.trees import LEAF_SIZE, MAX_LEAVES, LeafProof
from pekanu.storage.typed_data import Message as SignedMessage
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, Hash32, Seconds
from pekanu.version import __version__

RowT = TypeVar("RowT", bound=AgreementHead)

#: Bytes of a chunk that is taken: one fits into a request.
MAX_CHUNK_BYTES: Final = min(4 << 20, MAX_LEAVES * LEAF_SIZE)
#: Agreements whose lists of chunks are kept in memory.
_REMEMBERED: Final = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """What counter and keeper of a provider share."""

    desk: MarketDesk
    server: StorageServerContract
    factory: StorageFactoryContract
    vault: Vault
    watch: ServerWatch
    terms: ProviderTerms
    draw: Callable[[int], bytes] = secrets.token_bytes
    #: Agreements whose clients said that sigma and L arrived; forgotten with the process.
    acknowledged: set[Hash32] = field(default_factory=set)

    @property
    def domain(self) -> StorageDomain:
        """What is signed, is signed for this contract."""
        return self.server.domain

    def sign(self, message: SignedMessage) -> bytes:
        """Return the provider's signature of a message."""
        return self.desk.account.sign_typed_data(build_typed_data(self.domain, message))


@dataclass(frozen=True, kw_only=True, slots=True)
class Admitted:
    """Step 4: the answer and what goes with it."""

    head: AdmissionHead
    abi: bytes
    code: bytes


class ProviderCounter:
    """Answers clients.

    Args:
        shop: What it works with.
        clock: Wall clock in seconds.
    """

    def __init__(self, shop: Shop, *, clock: Callable[[], float] = time.time) -> None:
        self._shop, self._clock = shop, clock
        self._index = shop.vault.index
        self._registering = asyncio.Lock()
        self._signing = asyncio.Lock()
        self._names: dict[Hash32, ChunkList] = {}
        self._customers: set[Address] = set()

    def is_customer(self, peer: Address) -> bool:
        """Return whether a wallet was registered here."""
        if peer not in self._customers:
            if self._index.get_client(peer, self._shop.server.address) is None:
                return False
            # Who is registered stays so.
            self._customers.add(peer)
        return True

    async def fetch_info(self) -> ProviderInfo:
        """Return what is offered."""
        shop, terms = self._shop, self._shop.terms
        usage = await asyncio.to_thread(self._index.measure)
        return ProviderInfo(
            provider=shop.desk.address,
            chain_id=shop.domain.chain_id,
            server=shop.server.address,
            version=__version__,
            base_price=terms.base_price,
            gib_month_price=terms.gib_month_price,
            penalty_factor=terms.penalty_factor,
            least_penalty=terms.least_penalty,
            reservation_permille=terms.reservation_permille,
            rebate_permille=terms.rebate_permille,
            least_term=terms.least_term,
            most_term=terms.most_term,
            confirm_window=terms.confirm_window,
            response_window=terms.response_window,
            free_bytes=get_free_bytes(terms, usage),
            most_bytes=terms.most_bytes,
            upload_bytes=routes.BATCH_BYTES,
        )

    async def register(self, peer: Address, request: RegistrationRequest) -> Admitted:
        """Step 3 and 4: write the client into the contract and say so under signature."""
        shop = self._shop
        registration = Registration(
            client=peer,
            sealing_key=Hash32(request.sealing_key),
            valid_until=Seconds(request.valid_until),
        )
        if self._clock() > request.valid_until:
            raise PeerRefused("terms", "the registration is too old")
        document = get_signable(build_typed_data(shop.domain, registration))
        if not is_signed_by(peer, document, request.signature):
            raise PeerRefused("terms", "the wallet did not sign this registration")
        async with self._registering:
            known = self._load_client(peer)
            # What was registered once, a reorganization can have undone.
            if known is None or not await shop.server.fetch_is_registered(peer):
                known = {"transaction": (await self._write_in(peer)).hex()}
            known["sealing_key"] = request.sealing_key.hex()
            self._index.set_client(peer, shop.server.address, json.dumps(known))
        return self._admit(peer, Hash32(bytes.fromhex(known["transaction"])))

    async def _write_in(self, peer: Address) -> Hash32:
        """Register a client on chain; return the transaction."""
        sender, call = self._shop.desk.sender, self._shop.server.register(peer)
        key = f"register:{call.to}:{peer}"
        return (await sender.send_anew(call, key=key)).transaction

    def _admit(self, peer: Address, transaction: Hash32) -> Admitted:
        abi = json.dumps(
            list(contracts.load("StorageServer").abi), separators=(",", ":"), sort_keys=True
        ).encode()
        code = contracts.load("StorageClient").bytecode
        admission = Admission(
            client=peer,
            transaction=transaction,
            abi_hash=Hash32(sha256(abi).digest()),
            client_code_hash=keccak256(code),
        )
        head = AdmissionHead(
            transaction=transaction,
            abi_hash=admission.abi_hash,
            client_code_hash=admission.client_code_hash,
            signature=self._shop.sign(admission),
            abi_bytes=len(abi),
            code_bytes=len(code),
        )
        return Admitted(head=head, abi=abi, code=code)

    async def quote(self, peer: Address, request: UploadRequest, names: ChunkList) -> SignedQuote:
        """Step 6: the signed quote for a list of chunks that hashes to the root."""
        shop, known = self._shop, self._load_client(peer)
        if known is None:
            raise PeerRefused("terms", "register first")
        if await shop.factory.fetch_owner(request.client) != peer:
            raise PeerRefused("terms", f"{request.client} is no client contract of yours")
        usage = await asyncio.to_thread(self._index.measure)
        check_request(shop.terms, request, usage)
        waiting = await asyncio.to_thread(
            self._index.count_live, agent=peer, stage=Stage.QUOTED.value
        )
        if waiting >= shop.terms.most_quotes:
            raise PeerRefused("quota", f"you have {waiting} quotes here that are not paid")
        await asyncio.to_thread(_check_names, request, names)
        shown = bytes(len(names))
        if request.starts_at:
            self._check_renewal(peer, request)
            shown = b"\x01" * len(names)
        now = await shop.desk.watch.refresh()
        quote = build_quote(shop.terms, request, peer, now)
        agreement = Agreement(
            content=quote.content,
            terms=quote.terms,
            quote_signature=shop.sign(quote),
            root=request.root,
            blind=request.blind,
            manifest_chunks=request.manifest_chunks,
            memo=request.memo,
            nonce=Hash32(shop.draw(32)),
            sealing_key=Hash32(bytes.fromhex(known["sealing_key"])),
            agent=peer,
        )
        row = AgreementRow(
            agreement_id=quote.id(shop.domain),
            server=shop.server.address,
            client=request.client,
            agent=peer,
            stage=Stage.QUOTED.value,
            is_live=True,
            is_held=False,
            state=agreement.encode(),
            entries=names.records,
            shown=shown,
            awaited_bytes=0 if request.starts_at else request.size,
            created_at=now,
            ends_at=(request.starts_at or now) + request.term,
        )
        await asyncio.to_thread(self._index.add_agreement, row)
        if request.starts_at:
            # The old agreement can end before the new one's payment is seen.
            await asyncio.to_thread(self._index.hold, row.agreement_id)
        shop.watch.wake()
        return SignedQuote(
            content=quote.content, terms=quote.terms, signature=agreement.quote_signature
        )

    async def fetch_status(self, peer: Address, agreement_id: Hash32) -> AgreementStatus:
        """Steps 10 and 11: where an agreement stands, and its payment."""
        head = self._get_head(peer, agreement_id)
        if read_stage(head) is Stage.QUOTED:
            self._shop.watch.hurry()
        agreement = read_agreement(head)
        depth = 0
        if agreement.payment_block:
            last = await self._shop.desk.chain.fetch_block_number()
            depth = max(0, last - agreement.payment_block + 1)
        return AgreementStatus(
            stage=read_stage(head),
            transaction=Hash32(agreement.payment),
            block=agreement.payment_block,
            confirmations=min(depth, 1 << 31),
            awaited_confirmations=self._shop.desk.watch.confirmations,
            message="",
        )

    async def find_missing(self, peer: Address, agreement_id: Hash32) -> tuple[Missing, Hash32]:
        """Step 12: what is to be uploaded or shown, and the nonce for what is shown."""
        row = self._get(peer, agreement_id, Stage.UPLOADING)
        missing = await asyncio.to_thread(self._shop.vault.find_missing, row)
        return missing, Hash32(read_agreement(row).nonce)

    async def check_ownership(
        self, peer: Address, agreement_id: Hash32, answers: dict[int, bytes]
    ) -> int:
        """Step 12: take proofs of ownership; return how many hold."""
        head = self._get_head(peer, agreement_id, Stage.UPLOADING)
        names = self.get_names(agreement_id)
        _check_numbers(answers, len(names))
        nonce = read_agreement(head).nonce
        return await asyncio.to_thread(
            self._shop.vault.check_ownership, agreement_id, names, nonce, answers
        )

    async def take(
        self, peer: Address, agreement_id: Hash32, numbers: list[int], data: Pieces
    ) -> None:
        """Step 12: take chunks; they are on disk when this returns."""
        self._get_head(peer, agreement_id, Stage.UPLOADING)
        names = self.get_names(agreement_id)
        _check_numbers(numbers, len(names))
        if data.size != sum(names[number].size for number in numbers):
            raise PeerRefused("malformed", "the chunks are not as long as was announced")
        bodies = [(number, data.read(names[number].size)) for number in numbers]
        await asyncio.to_thread(self._shop.vault.take, agreement_id, names, bodies)

    async def sign_receipt(self, peer: Address, agreement_id: Hash32) -> ReceiptHead:
        """Step 13: sigma and L, once all is held and the payment still stands."""
        async with self._signing:
            row = self._get(peer, agreement_id)
            agreement = read_agreement(row)
            if not agreement.is_signed:
                agreement = await self._sign(row, agreement)
        link = agreement.build_link(self._shop.domain, self._shop.desk.address)
        return ReceiptHead(signature=agreement.receipt_signature, link=link.encode())

    async def acknowledge(self, peer: Address, agreement_id: Hash32) -> AgreementStatus:
        """Step 13: note that sigma and L arrived, so that L need not go on chain."""
        head = self._get_head(peer, agreement_id)
        if not read_agreement(head).is_signed:
            raise PeerRefused("early", "no receipt was signed")
        self._shop.acknowledged.add(agreement_id)
        self._shop.watch.wake()
        return await self.fetch_status(peer, agreement_id)

    async def _sign(self, row: AgreementRow, agreement: Agreement) -> Agreement:
        shop, stage = self._shop, read_stage(row)
        if stage not in {Stage.UPLOADING, Stage.CONFIRMED}:
            raise PeerRefused("early", f"the agreement is {stage.value}")
        absent = row.shown.count(0)
        if absent:
            raise PeerRefused("early", f"{absent} chunks are still missing")
        # The payment could have been reorganized away since it was seen.
        deep = await shop.desk.fetch_deep_block()
        state = await shop.server.fetch_agreement(row.agreement_id, deep)
        if not state.status.is_live:
            raise PeerRefused("early", "the payment is not on the chain")
        receipt = agreement.build_receipt(shop.domain, shop.desk.address)
        signed = replace(agreement, receipt_signature=shop.sign(receipt))
        stage = Stage.STORED if state.status is Status.PAID else Stage.CONFIRMED
        await asyncio.to_thread(
            self._index.set_state,
            row.agreement_id,
            stage=stage.value,
            state=signed.encode(),
            is_live=True,
            expected=row.stage,
        )
        shop.watch.wake()
        return signed

    async def fetch_chunks(
        self, agreement_id: Hash32, root: Hash32, first: int, count: int, most_bytes: int
    ) -> tuple[list[int], JoinedRanges]:
        """Return neighbouring chunks, as many as fit and at least one, to who knows the root.

        Returns:
            Their sizes, and their bytes, which are to be closed.
        """
        self._check_readable(agreement_id, root)
        names = self.get_names(agreement_id)[first : first + count]
        total, fitting = 0, 0
        for name in names:
            total += name.size
            if fitting and total > most_bytes:
                break
            fitting += 1
        if not fitting:
            raise PeerRefused("malformed", f"there is no chunk {first}")
        count, found = await asyncio.to_thread(self._shop.vault.open, names[:fitting])
        return [name.size for name in names[:count]], found

    async def fetch_leaves(
        self, agreement_id: Hash32, root: Hash32, *, chunk: int, first: int, count: int
    ) -> tuple[LeavesHead, bytes]:
        """Return neighbouring leaves with their proof, to who knows the root."""
        self._check_readable(agreement_id, root)
        names = self.get_names(agreement_id)
        if not 0 <= chunk < len(names):
            raise PeerRefused("malformed", f"there is no chunk {chunk}")
        leaves = names[chunk].entry.leaf_count
        if not 0 <= first < first + count <= leaves:
            raise PeerRefused("malformed", f"chunk {chunk} has {leaves} leaves")
        proof = await asyncio.to_thread(
            self._shop.vault.prove, names, chunk=chunk, first=first, count=count
        )
        if not isinstance(proof, LeafProof):  # pragma: no cover - the bounds were checked
            raise PeerRefused("internal", "the leaves cannot be proved")
        head = LeavesHead(leaf_count=leaves, size=len(proof.data), siblings=tuple(proof.siblings))
        return head, proof.data

    def get_names(self, agreement_id: Hash32) -> ChunkList:
        """Return an agreement's chunks; the lists of the last few are kept.

        Raises:
            PeerRefused: There is no such agreement.
        """
        found = self._names.get(agreement_id)
        if found is None:
            found = self._index.load_names(agreement_id)
            if not found:
                raise PeerRefused("unknown", "there is no such agreement here")
            while len(self._names) >= _REMEMBERED:
                self._names.pop(next(iter(self._names)))
            self._names[agreement_id] = found
        return found

    def _get(self, peer: Address, agreement_id: Hash32, stage: Stage | None = None) -> AgreementRow:
        return _check(self._index.get_agreement(agreement_id), peer, stage)

    def _get_head(
        self, peer: Address, agreement_id: Hash32, stage: Stage | None = None
    ) -> AgreementHead:
        return _check(self._index.get_head(agreement_id), peer, stage)

    def _check_readable(self, agreement_id: Hash32, root: Hash32) -> None:
        head = self._index.get_head(agreement_id)
        if head is None or not head.is_held or read_agreement(head).root != root:
            raise PeerRefused("unknown", "there is no such agreement here")

    def _check_renewal(self, peer: Address, request: UploadRequest) -> None:
        for row in self._index.list_agreements(agent=peer, live_only=True):
            kept = read_agreement(row)
            if kept.root == request.root and read_stage(row) in {Stage.STORED, Stage.CONFIRMED}:
                return
        raise PeerRefused("terms", "there is no such agreement of yours to renew")

    def _load_client(self, peer: Address) -> dict[str, Any] | None:
        text = self._index.get_client(peer, self._shop.server.address)
        return None if text is None else dict(json.loads(text))


def _check_names(request: UploadRequest, names: ChunkList) -> None:
    """Refuse a list of chunks that is not what the request says."""
    sizes = [name.size for name in names]
    if len(sizes) != request.chunk_count or sum(sizes) != request.size:
        raise PeerRefused("malformed", "the list of chunks is not as long as was announced")
    if any(not 1 <= size <= MAX_CHUNK_BYTES for size in sizes):
        raise PeerRefused("malformed", f"a chunk has 1 to {MAX_CHUNK_BYTES} bytes")
    if get_entries_root(name.entry for name in names) != request.root:
        raise PeerRefused("malformed", "the list of chunks does not hash to the root")


def _check_numbers(numbers: Sequence[int] | dict[int, bytes], count: int) -> None:
    if any(number >= count for number in numbers):
        raise PeerRefused("malformed", f"there are only {count} chunks")


def _check(found: RowT | None, peer: Address, stage: Stage | None) -> RowT:
    """Return an agreement that is this peer's, and at a stage if one is named."""
    if found is None or found.agent != peer:
        raise PeerRefused("unknown", "there is no such agreement of yours here")
    if stage is not None and read_stage(found) is not stage:
        raise PeerRefused("early", f"the agreement is {found.stage}")
    return found
