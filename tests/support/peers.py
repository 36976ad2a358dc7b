"""A worker behind a peer server, in memory, and the parties that talk with it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from pekanu.crypto.keccak import keccak256
from pekanu.market.claim import Claim, Result
from pekanu.market.task import MarketDomain, Task, Terms
from pekanu.node.blobs import BlobStore
from pekanu.node.channel_keys import ChannelIdentity
from pekanu.node.peer_client import PeerClient
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.peer_handler import Delivered
from pekanu.node.peer_line import PeerAddress
from pekanu.node.peer_listener import PeerListener
from pekanu.node.peer_messages import (
    Acceptance,
    AcceptanceRequest,
    ApprovalNotice,
    BlobRef,
    FunctionOffer,
    Info,
    KeyOpening,
    Phase,
    Quote,
    QuoteRequest,
    TaskStatus,
)
from pekanu.node.peer_server import PeerLimits, build_peer_app
from pekanu.node.peer_talk import PeerPatience
from pekanu.types import ZERO_HASH, Address, Hash32, Seconds, Wei

DOMAIN = MarketDomain(chain_id=31337, market=Address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
PROGRAM = keccak256(b"pekanu native double v1")


class Wallet:
    """A key in memory that signs as `pekanu.chain.Account` does."""

    def __init__(self, seed: str) -> None:
        self._account: LocalAccount = Account.from_key(keccak256(seed.encode()))
        self.address = Address(self._account.address)

    def sign_typed_data(self, document: dict[str, Any], /) -> bytes:
        return bytes(self._account.sign_typed_data(full_message=document).signature)


WORKER, CLIENT = Wallet("worker"), Wallet("client")


def build_task(client: Address = CLIENT.address) -> Task:
    return Task(
        client=client,
        terms=build_terms().hash(),
        price=Wei(10**16),
        stake=Wei(10**17),
        offered_until=Seconds(2_000_000_000),
        compute_window=Seconds(600),
        audit_window=Seconds(600),
        response_window=Seconds(600),
        chunk_fee=Wei(10**12),
        salt=Hash32(keccak256(b"salt")),
    )


def build_terms() -> Terms:
    return Terms(program_id=PROGRAM, inputs_root=ZERO_HASH, max_steps=1000)


@dataclass
class FakeWorker:
    """Answers from what it is given; refuses all but its customers."""

    folder: Path
    customers: set[str] = field(default_factory=set)
    ciphertext: bytes = b""
    results: tuple[Result, ...] = ()
    accepted: list[AcceptanceRequest] = field(default_factory=list)
    approvals: list[ApprovalNotice] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def is_customer(self, peer: Address) -> bool:
        return peer in self.customers

    async def fetch_info(self) -> Info:
        offer = FunctionOffer(
            name="double", program_id=PROGRAM, base_price=10**15, gigastep_price=10**14
        )
        return Info(
            worker=WORKER.address,
            chain_id=DOMAIN.chain_id,
            market=DOMAIN.market,
            version="0.1.0",
            functions=(offer,),
            programs=None,
            capacity=2,
            max_input_bytes=1 << 30,
        )

    async def fetch_quote(self, peer: Address, request: QuoteRequest) -> Quote:
        self.calls.append(f"quote {peer}")
        if request.function != "double":
            raise PeerRefused("terms", f"{request.function} is not sold here", hint="ask another")
        return Quote(
            price=10**15 * request.count,
            stake=10**16,
            bond=10**15,
            compute_window=600,
            audit_window=600,
            response_window=300,
            chunk_fee=10**12,
            expiry=2_000_000_000,
            capacity=2,
        )

    async def check_input(self, peer: Address, blob: BlobRef) -> None:
        _ = peer
        if blob.size > 1 << 30:
            raise PeerRefused("terms", "the input is too large")

    async def accept(self, peer: Address, request: AcceptanceRequest) -> Acceptance:
        if request.task.client != peer:
            raise PeerRefused("terms", "the task is not yours")
        self.accepted.append(request)
        return Acceptance(worker=WORKER.address, expiry=2_000_000_000, signature=bytes(65))

    async def fetch_status(self, peer: Address, task_id: Hash32) -> TaskStatus:
        self._check(peer)
        _ = task_id
        return TaskStatus(phase=Phase.EXECUTING, progress=250_000, message="a quarter")

    async def fetch_claim(self, peer: Address, task_id: Hash32) -> Delivered:
        self._check(peer)
        claim = Claim(results_root=task_id, ciphertext_root=ZERO_HASH, key_x=1, key_y=2)
        return Delivered(claim=claim, results=self.results, ciphertext_size=len(self.ciphertext))

    async def get_ciphertext_path(self, peer: Address, task_id: Hash32) -> Path:
        self._check(peer)
        path = self.folder / f"{task_id.hex()}.sealed"
        if not path.exists():
            path.write_bytes(self.ciphertext)
        return path

    async def fetch_key(self, peer: Address, task_id: Hash32) -> KeyOpening:
        self._check(peer)
        _ = task_id
        return KeyOpening(key=2**253, blinding=7)

    async def approve(self, peer: Address, notice: ApprovalNotice) -> TaskStatus:
        self._check(peer)
        self.approvals.append(notice)
        return TaskStatus(phase=Phase.FINISHED, progress=1_000_000)

    def _check(self, peer: Address) -> None:
        if peer not in self.customers:
            raise PeerRefused("unknown", "there is no such task of yours")


class World:
    """One worker with its keys and store, and clients for it."""

    def __init__(self, folder: Path) -> None:
        self.clock = time.time
        self.identity = ChannelIdentity.load(
            folder / "channel.key", WORKER, DOMAIN, now=self.clock()
        )
        self.blobs = BlobStore(folder / "store", clock=self.clock)
        self.worker = FakeWorker(folder, customers={CLIENT.address})
        self.folder = folder

    @asynccontextmanager
    async def serve(
        self, *, port: int = 0, limits: PeerLimits | None = None
    ) -> AsyncIterator[PeerListener]:
        app = build_peer_app(
            self.worker,
            self.identity,
            domain=DOMAIN,
            blobs=self.blobs,
            limits=limits,
            clock=self.clock,
        )
        async with PeerListener(app, port=port) as listener:
            yield listener

    def dial(
        self,
        endpoint: str,
        *,
        wallet: Wallet = CLIENT,
        patience: PeerPatience | None = None,
        key: bytes | None = None,
    ) -> PeerClient:
        address = PeerAddress(
            endpoint=endpoint,
            worker=WORKER.address,
            channel_key=key or self.identity.binding.key,
            domain=DOMAIN,
        )
        identity = ChannelIdentity.from_wallet(wallet, DOMAIN, now=time.time())
        return PeerClient(address, identity, patience=patience)
