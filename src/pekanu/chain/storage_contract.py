"""Typed doors to storage on chain: a provider's contract, a client's, and the factory's registry.

Functions build calls and send nothing (`transactions` does); views ask the chain.
Who may call what, when: design/storage.md, "Contracts". What they log: `storage_events`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pekanu import contracts
from pekanu.chain.connection import Connection
from pekanu.chain.pending import Call
from pekanu.storage.agreement import Quote, Receipt, StorageDomain
from pekanu.storage.compact import to_compact
from pekanu.storage.money import get_challenge_fee
from pekanu.storage.state import AgreementState
from pekanu.storage.trees import CountProof, LeafProof
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Wei, parse_address

#: Quotes in one call to collect, receipts in one call to confirm_many.
MAX_BATCH: Final = 32
#: Bytes of a sealed link pointer.
MAX_LINK: Final = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """A receipt that is shown on chain."""

    receipt: Receipt
    #: The provider's, 65 bytes.
    signature: bytes
    #: The link pointer, sealed to a client that could not be given it; at most `MAX_LINK` bytes.
    sealed_link: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientAccount:
    """What a provider's contract keeps of a client contract."""

    #: The wallet behind it; zero when it is not enrolled.
    owner: Address
    balance: Wei


class _Door:
    """A deployed contract's functions.

    Args:
        chain: Where it is; asked by the views alone.
        address: Its address, whose code was verified (`storage_deploy`).
    """

    name: ClassVar[str]

    def __init__(self, chain: Connection, address: Address) -> None:
        self.chain = chain
        self.address = address
        self._functions = contracts.load(self.name).functions

    def _build(self, name: str, *arguments: object, value: Wei = Wei(0)) -> Call:  # noqa: B008
        data = self._functions[name].encode(*arguments)
        return Call(to=self.address, data=data, value=value, name=f"{self.name}.{name}")

    async def _view(self, name: str, *arguments: object, block: str = "latest") -> Any:
        function = self._functions[name]
        fields = {"to": self.address, "data": "0x" + function.encode(*arguments).hex()}
        return function.decode_output(await self.chain.call(fields, block))[0]


class StorageServerContract(_Door):
    """A provider's `StorageServer`."""

    name = "StorageServer"

    @property
    def domain(self) -> StorageDomain:
        """The domain of everything that is signed about this provider's agreements."""
        return StorageDomain(chain_id=self.chain.chain_id, server=self.address)

    # Money and clients.

    def deposit(self, amount: Wei) -> Call:
        """Build: add to the provider's deposit."""
        return self._build("deposit", value=amount)

    def withdraw(self, amount: Wei) -> Call:
        """Build: take free money out, as the provider."""
        return self._build("withdraw", amount)

    def register(self, owner: Address) -> Call:
        """Build: let a wallet have a client contract, as the provider."""
        return self._build("register", owner)

    def rebate(self, client: Address, amount: Wei) -> Call:
        """Build: give a client contract money out of the deposit, as the provider."""
        return self._build("rebate", client, amount)

    # Receipt.

    def confirm(self, confirmation: Confirmation) -> Call:
        """Build: show a receipt, and the sealed link if there is one, whoever sends it."""
        shown = (confirmation.receipt.to_abi(), *to_compact(confirmation.signature))
        if confirmation.sealed_link:
            return self._build("confirm_with_link", *shown, confirmation.sealed_link)
        return self._build("confirm", *shown)

    def confirm_many(self, confirmations: Sequence[Confirmation]) -> Call:
        """Build: show up to `MAX_BATCH` receipts without their links, as the provider."""
        rows = [
            (one.receipt.agreement_id, one.receipt.link_hash, *to_compact(one.signature))
            for one in confirmations
        ]
        return self._build("confirm_many", rows)

    # Challenge and answer.

    def challenge(self, quote: Quote, *, chunk: int, leaf: int, count: int, fee: Wei) -> Call:
        """Build: make the provider show leaves, as the quote's agent; the fee is sent along."""
        return self._build("challenge", quote.to_abi(), chunk, leaf, count, value=fee)

    def answer(self, quote: Quote, proof: LeafProof, *, root: bytes, blind: bytes) -> Call:
        """Build: show the next leaves of the open challenge, whoever sends it."""
        shown, leaves = _shown(quote, root, blind), proof.get_leaves()
        name, value = ("answer", leaves[0]) if len(leaves) == 1 else ("answer_many", leaves)
        return self._build(name, *shown, proof.leaf_count, value, list(proof.siblings))

    def answer_count(self, quote: Quote, proof: CountProof, *, root: bytes, blind: bytes) -> Call:
        """Build: show that the chunk has no such leaves, whoever sends it."""
        return self._build(
            "answer_count",
            *_shown(quote, root, blind),
            proof.entry.chunk_root,
            proof.entry.leaf_count,
            list(proof.siblings),
        )

    # Fine, reclaim, end.

    def fine(self, quote: Quote) -> Call:
        """Build: fine the provider for an unanswered challenge, whoever sends it."""
        return self._build("fine", quote.to_abi())

    def fine_equivocation(self, quote: Quote, receipt: Receipt, signature: bytes) -> Call:
        """Build: fine the provider for a receipt that contradicts the quote, whoever sends it."""
        r, vs = to_compact(signature)
        return self._build("fine_equivocation", quote.to_abi(), receipt.to_abi(), r, vs)

    def reclaim(self, quote: Quote) -> Call:
        """Build: end an agreement without a receipt, whoever sends it."""
        return self._build("reclaim", quote.to_abi())

    def collect(self, quotes: Sequence[Quote]) -> Call:
        """Build: pay the provider what has vested of up to `MAX_BATCH`, whoever sends it."""
        return self._build("collect", [quote.to_abi() for quote in quotes])

    # Views.

    async def fetch_agreement(self, agreement_id: bytes, block: str = "latest") -> AgreementState:
        """Return where an agreement stands.

        Args:
            agreement_id: The quote's digest.
            block: A tag or a number in 0x-hex, at which it is read.
        """
        return AgreementState.from_word(await self._view("states", agreement_id, block=block))

    async def fetch_free(self) -> Wei:
        """Return the provider's free money: what new penalties can be reserved from."""
        return Wei(await self._view("free"))

    async def fetch_account(self, client: Address) -> ClientAccount:
        """Return a client contract's owner and what is owed to it."""
        word = await self._view("accounts", client)
        owner = parse_address(f"0x{word >> 96:040x}")
        return ClientAccount(owner=owner, balance=Wei(word & (1 << 96) - 1))

    async def fetch_is_registered(self, owner: Address, block: str = "latest") -> bool:
        """Return whether a wallet may have a client contract."""
        return bool(await self._view("registered", owner, block=block))

    async def fetch_provider(self) -> Address:
        """Return who signs."""
        return parse_address(await self._view("provider"))

    async def fetch_factory(self) -> Address:
        """Return the registry from which client contracts come."""
        return parse_address(await self._view("factory"))

    async def fetch_challenge_fee(self, count: int) -> Wei:
        """Return what to put up for a challenge of `count` leaves in the next few blocks.

        It is the least at one and a half times the last block's base fee, which three full blocks
        in a row do not reach. The contract's own view is not asked: nodes answer calls without a
        gas price as if the base fee were zero.
        """
        block = await self.chain.fetch_block()
        return get_challenge_fee(count, 3 * block.base_fee // 2 if block else 0)

    async def fetch_agreement_id(self, quote: Quote) -> Hash32:
        """Return the identity that the contract computes for a quote."""
        return Hash32(await self._view("agreement_id", quote.to_abi()))


class StorageClientContract(_Door):
    """A client's `StorageClient` with one provider. All but `collect` is for its owner."""

    name = "StorageClient"

    def fund(self, amount: Wei) -> Call:
        """Build: add to the budget, whoever sends it."""
        return Call(to=self.address, value=amount, name=f"{self.name}.fund")

    def pay(self, quote: Quote, signature: bytes, *, value: Wei = Wei(0)) -> Call:  # noqa: B008
        """Build: pay a quote, or a renewal, out of the budget and what is sent along."""
        r, vs = to_compact(signature)
        return self._build("pay", quote.to_abi(), r, vs, value=value)

    def challenge(
        self, quote: Quote, *, chunk: int, leaf: int, count: int, fee: Wei, is_sent: bool = False
    ) -> Call:
        """Build: challenge out of the budget; an agent of this contract sends the fee along."""
        value = fee if is_sent else Wei(0)
        return self._build("challenge", quote.to_abi(), chunk, leaf, count, fee, value=value)

    def set_agent(self, agent: Address, *, is_agent: bool = True) -> Call:
        """Build: name who may challenge at its own cost, or no longer."""
        return self._build("set_agent", agent, is_agent)

    def give_back(self, quote: Quote) -> Call:
        """Build: end an agreement early."""
        return self._build("give_back", quote.to_abi())

    def collect(self) -> Call:
        """Build: take what the provider's contract owes into the budget, whoever sends it."""
        return self._build("collect")

    def withdraw(self, amount: Wei) -> Call:
        """Build: take money out of the budget, to the owner."""
        return self._build("withdraw", amount)

    async def fetch_owner(self) -> Address:
        """Return who spends the budget."""
        return parse_address(await self._view("owner"))

    async def fetch_server(self) -> Address:
        """Return the provider's contract."""
        return parse_address(await self._view("server"))

    async def fetch_is_agent(self, account: Address) -> bool:
        """Return whether somebody may challenge through this contract."""
        return bool(await self._view("agents", account))


class StorageFactoryContract(_Door):
    """A chain's `StorageFactory`."""

    name = "StorageFactory"

    def create(self, server: Address, *, value: Wei = Wei(0)) -> Call:  # noqa: B008
        """Build: make and enroll the sender's client contract; `value` is its first budget."""
        return self._build("create", server, value=value)

    async def fetch_client(self, owner: Address, server: Address) -> Address | None:
        """Return an owner's client contract with a provider; None when there is none."""
        found = parse_address(await self._view("clients", owner, server))
        return None if found == ZERO_ADDRESS else found

    async def fetch_owner(self, client: Address) -> Address | None:
        """Return whose client contract stands at an address; None when it was not made here."""
        found = parse_address(await self._view("owners", client))
        return None if found == ZERO_ADDRESS else found

    async def fetch_blueprint(self) -> Address:
        """Return where the client contracts' creation code stands."""
        return parse_address(await self._view("blueprint"))


def _shown(quote: Quote, root: bytes, blind: bytes) -> tuple[object, ...]:
    """Return what an answer shows of the quote, and the opening of its commitment."""
    content = quote.content
    return (content.size, content.chunk_count, quote.terms.struct_hash(), root, blind)
