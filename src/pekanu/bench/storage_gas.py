"""What each call of an agreement on storage costs, on a content of 1 GiB.

1,024 chunks of 1 MiB: 22 levels from a leaf to the root. The client contract is new, and the
provider has been paid before: the slots that a first agreement writes are fresh. Not here: the
chain and the report (`gas`).
Source: design/engineering.md, "Benchmarks".
"""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from typing import Final

from pekanu.chain import Call, Connection, Sender
from pekanu.chain.storage_contract import (
    Confirmation,
    StorageClientContract,
    StorageFactoryContract,
    StorageServerContract,
)
from pekanu.contracts import load
from pekanu.storage.agreement import Content, Quote, Receipt, Terms
from pekanu.storage.trees import (
    Entry,
    LeafProof,
    build_count_proof,
    build_leaf_proof,
    commit_root,
    get_entry,
    get_root_levels,
)
from pekanu.storage.typed_data import build_typed_data
from pekanu.types import Address, Hash32, Seconds, Wei

_PRICE, _PENALTY, _FEE = Wei(10**16), Wei(5 * 10**16), Wei(10**14)
_DEPOSIT: Final = Wei(5 * 10**18)
_CHUNKS: Final = 1024
#: The chunk and the leaf that are challenged: every level has a sibling.
_CHUNK, _LEAF = 300, 2000
#: Bytes of a link pointer in a sealed box.
_SEALED_LINK: Final = 320


@dataclass(kw_only=True)
class Depot:
    """A provider and a client, with the agreement that is played."""

    chain: Connection
    provider: Sender
    owner: Sender
    factory: Address
    server: StorageServerContract
    figures: MutableMapping[str, int]
    data: bytes
    entries: list[Entry]
    client: StorageClientContract = field(init=False)
    quote: Quote = field(init=False)
    blind: Hash32 = field(init=False)
    _sent: int = 0

    @classmethod
    async def open(
        cls,
        chain: Connection,
        provider: Sender,
        owner: Sender,
        factory: Address,
        figures: MutableMapping[str, int],
    ) -> Depot:
        """Return a depot whose contract was deployed now, at a cost that was noted."""
        code = load("StorageServer").encode_deployment(provider.account.address, factory)
        call = Call(to=None, data=code, value=_DEPOSIT, name="deploy StorageServer")
        receipt = await provider.send(call, key="depot")
        figures["deploy_storage_server"] = receipt.gas_used
        if receipt.contract is None:
            message = "deploying made no contract"
            raise RuntimeError(message)
        data = secrets.token_bytes(1 << 20)
        entries = [
            Entry(chunk_root=Hash32(secrets.token_bytes(32)), leaf_count=4096)
            for _ in range(_CHUNKS)
        ]
        entries[_CHUNK] = get_entry(data)
        return cls(
            chain=chain,
            provider=provider,
            owner=owner,
            factory=factory,
            server=StorageServerContract(chain, receipt.contract),
            figures=figures,
            data=data,
            entries=entries,
        )

    async def _send(self, sender: Sender, call: Call, name: str | None) -> int:
        self._sent += 1
        receipt = await sender.send(call, key=f"depot {self._sent}")
        if name:
            self.figures[name] = receipt.gas_used
        return receipt.gas_used

    async def register(self) -> None:
        """Register the owner, and make its client contract with a budget."""
        registry = StorageFactoryContract(self.chain, self.factory)
        owner = self.owner.account.address
        await self._send(self.provider, self.server.register(owner), "storage_register")
        creation = registry.create(self.server.address, value=Wei(10**18))
        await self._send(self.owner, creation, "storage_create_client")
        client = await registry.fetch_client(owner, self.server.address)
        if client is None:
            message = "the factory made no client contract"
            raise RuntimeError(message)
        self.client = StorageClientContract(self.chain, client)

    async def _draw_quote(self) -> None:
        now = await self.chain.get_time()
        self.blind = Hash32(secrets.token_bytes(32))
        self.quote = Quote(
            content=Content(
                root_commitment=commit_root(self.root, self.blind),
                size=_CHUNKS << 20,
                chunk_count=_CHUNKS,
            ),
            terms=Terms(
                client=self.client.address,
                agent=self.owner.account.address,
                price=_PRICE,
                penalty=_PENALTY,
                reservation_fee=_FEE,
                term=Seconds(30 * 86_400),
                valid_until=Seconds(now + 3600),
                confirm_window=Seconds(3600),
                response_window=Seconds(86_400),
            ),
        )

    @property
    def root(self) -> Hash32:
        """The root over all chunks."""
        return Hash32(get_root_levels(self.entries)[-1][0])

    def _sign(self, message: Quote | Receipt) -> bytes:
        document = build_typed_data(self.server.domain, message)
        return self.provider.account.sign_typed_data(document)

    def _confirm(self, sealed_link: bytes = b"") -> Confirmation:
        link_hash = Hash32(secrets.token_bytes(32))
        receipt = Receipt.for_quote(self.quote, self.server.domain, link_hash)
        signature = self._sign(receipt)
        return Confirmation(receipt=receipt, signature=signature, sealed_link=sealed_link)

    async def pay(self, *, is_measured: bool = True) -> None:
        """Pay a fresh quote."""
        await self._draw_quote()
        call = self.client.pay(self.quote, self._sign(self.quote))
        await self._send(self.owner, call, "storage_pay" if is_measured else None)

    async def confirm(self) -> None:
        """Show the receipt: with the link for a client that is gone, and without."""
        shown = self._confirm(secrets.token_bytes(_SEALED_LINK))
        await self._send(self.provider, self.server.confirm(shown), "storage_confirm_with_link")
        await self.pay(is_measured=False)
        call = self.server.confirm(self._confirm())
        await self._send(self.provider, call, "storage_confirm")

    async def confirm_many(self, count: int) -> None:
        """Pay `count` quotes and show their receipts at once; the figure is for one."""
        confirmations = []
        for _ in range(count):
            await self.pay(is_measured=False)
            confirmations.append(self._confirm())
        call = self.server.confirm_many(confirmations)
        total = await self._send(self.provider, call, None)
        self.figures["storage_confirm_batched"] = -(-total // count)

    async def challenge(self) -> None:
        """Challenge one leaf, as the quote's agent."""
        fee = await self.server.fetch_challenge_fee(1)
        call = self.server.challenge(self.quote, chunk=_CHUNK, leaf=_LEAF, count=1, fee=fee)
        await self._send(self.owner, call, "storage_challenge")

    async def answer(self) -> None:
        """Answer for one leaf, then for a range and for the count."""
        await self._answer(1, "storage_answer")
        await self._challenge(32, _LEAF)
        await self._answer(32, "storage_answer_32_leaves")
        await self._challenge(1, 1 << 19)
        levels = get_root_levels(self.entries)
        shown = build_count_proof(levels, self.entries[_CHUNK], _CHUNK)
        call = self.server.answer_count(self.quote, shown, root=self.root, blind=self.blind)
        await self._send(self.provider, call, "storage_answer_count")

    async def _challenge(self, count: int, leaf: int) -> None:
        fee = await self.server.fetch_challenge_fee(count)
        call = self.client.challenge(self.quote, chunk=_CHUNK, leaf=leaf, count=count, fee=fee)
        await self._send(self.owner, call, "storage_challenge_by_contract")

    async def _answer(self, count: int, name: str) -> None:
        call = self.server.answer(self.quote, self._prove(count), root=self.root, blind=self.blind)
        await self._send(self.provider, call, name)

    def _prove(self, count: int) -> LeafProof:
        levels = get_root_levels(self.entries)
        return build_leaf_proof(levels, self.data, chunk=_CHUNK, first=_LEAF, count=count)

    async def collect(self) -> None:
        """Collect what has vested."""
        await self._send(self.provider, self.server.collect([self.quote]), "storage_collect")

    async def fine(self) -> None:
        """Fine the provider, which did not answer."""
        await self._send(self.owner, self.server.fine(self.quote), "storage_fine")

    async def equivocate(self) -> None:
        """Fine the provider for a receipt over another size."""
        await self.pay(is_measured=False)
        receipt = replace(self._confirm().receipt, size=1)
        call = self.server.fine_equivocation(self.quote, receipt, self._sign(receipt))
        await self._send(self.owner, call, "storage_fine_equivocation")

    async def give_back(self) -> None:
        """Give the agreement back."""
        await self._send(self.owner, self.client.give_back(self.quote), "storage_give_back")

    async def reclaim(self) -> None:
        """Take the payment back, and what the provider's contract owes into the budget."""
        await self._send(self.owner, self.server.reclaim(self.quote), "storage_reclaim")
        await self._send(self.owner, self.client.collect(), "storage_client_collect")
