"""A market with its cast, on the contract and in the pure model at once.

Every action is tried on both; they must agree on success or reason, on the task's word, on every
balance, and on the money that the contract holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected, TransactionReverted
from pekanu.market import actions as act
from pekanu.market import typed_data
from pekanu.market.ledger import Ledger
from pekanu.market.lifecycle import apply
from pekanu.market.state import TaskState
from pekanu.market.task import MarketDomain, Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from support.evm import Contract, Evm
from support.reference_seal import SealedBatch, seal_batch

ETHER = 10**18
PRICE, STAKE, FEE = Wei(10**16), Wei(4 * 10**16 + 1), Wei(10**12)


def make_account(name: str) -> LocalAccount:
    return Account.from_key(keccak256(f"pekanu test {name}".encode()))


CAST = {
    name: make_account(name) for name in ("client", "agent", "worker", "challenger", "stranger")
}
CLIENT, AGENT, WORKER, CHALLENGER, STRANGER = (Address(CAST[name].address) for name in CAST)


def sign(name: str, document: dict[str, object]) -> bytes:
    return bytes(CAST[name].sign_message(encode_typed_data(full_message=document)).signature)


class World:
    """One task on one market."""

    def __init__(self) -> None:
        self.chain = Evm()
        self.seal_check = self.chain.deploy("SealCheck")
        self.market = self.chain.deploy("Market", self.seal_check.address)
        self.referee = self.chain.deploy("Caller")
        self.domain = MarketDomain(chain_id=self.chain.chain_id, market=self.market.address)
        self.accounts = [CLIENT, AGENT, WORKER, CHALLENGER, STRANGER, self.referee.address]
        for account in self.accounts:
            self.chain.evm.set_balance(account, 100 * ETHER)
        self.worker = WORKER
        self.wallets: dict[Address, Contract] = {}
        self.ledger = Ledger()
        self.state = TaskState()
        self.task = self.make_task()
        self.batch = self.seal([b"an honest output"])

    @property
    def now(self) -> Seconds:
        return Seconds(self.chain.now)

    @property
    def task_id(self) -> Hash32:
        return self.task.id(self.domain)

    @property
    def claim_hash(self) -> Hash32:
        return self.batch.claim.hash(self.task_id, self.worker)

    def make_task(self, **changes: object) -> Task:
        task = Task(
            client=CLIENT,
            agent=AGENT,
            referee=self.referee.address,
            terms=keccak256(b"terms"),
            price=PRICE,
            stake=STAKE,
            offered_until=Seconds(self.chain.now + 1000),
            compute_window=Seconds(600),
            audit_window=Seconds(300),
            response_window=Seconds(120),
            chunk_fee=FEE,
            salt=keccak256(b"salt"),
        )
        return replace(task, **changes)

    def seal(self, outputs: Sequence[bytes], **options: object) -> SealedBatch:
        return seal_batch(self.task_id, outputs, **options)

    def use(
        self, outputs: Sequence[bytes] = (b"an honest output",), **options: object
    ) -> SealedBatch:
        """Make the task's batch of these outputs, and the claim of it the current one."""
        self.task = replace(self.task, count=len(outputs))
        self.batch = self.seal(outputs, **options)
        return self.batch

    def pass_to(self, now: int) -> None:
        self.chain.set_time(now)

    def deposit(self, account: Address, amount: int) -> None:
        self.send(account, self.market, "deposit", [], amount)
        self.ledger = self.ledger.deposit(account, Wei(amount))

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Undo everything that happens inside, on the contract and in the model."""
        kept = self.ledger, self.state
        with self.chain.branch():
            yield
        self.ledger, self.state = kept

    # --- doing ------------------------------------------------------------------------------------

    def do(self, action: act.Action, evidence: bytes = b"") -> None:
        """Do something on both.

        Raises:
            Rejected: Both refuse, for the same reason; nothing has changed.
        """
        before = self.state, self.ledger
        expected = self._expect(action)
        refused = self._try(action, evidence)
        if (expected and expected.reason) != refused:
            raise AssertionError(f"{action}: the model says {expected}, the contract {refused!r}")
        if expected is not None:
            self.state, self.ledger = before
        self.check()
        if expected is not None:
            raise expected

    def _expect(self, action: act.Action) -> Rejected | None:
        """Move the model; return why it refuses."""
        try:
            self.state, instructions = apply(self.task, self.state, action, self.now)
            self.ledger = self.ledger.settle(action, instructions)
        except Rejected as error:
            return error
        return None

    def _try(self, action: act.Action, evidence: bytes) -> str | None:
        """Call the contract; return why it refuses."""
        try:
            self._call(action, evidence)
        except TransactionReverted as error:
            return error.reason
        return None

    def check(self) -> None:
        """Hold the contract to the model."""
        assert self.market.call("states", self.task_id) == self.state.to_word()
        for account in self.accounts:
            assert self.market.call("ledger", account) == self.ledger.get(account), account
        assert self.chain.balance(self.market.address) == self.ledger.total

    def _call(self, action: act.Action, evidence: bytes) -> None:
        name, arguments = _CALLS[type(action)]
        args = arguments(self, action, evidence)
        if not isinstance(action, _UNCLAIMED):
            args = [self.batch.claim.to_abi(), *args]
        args = [self.task.to_abi(), *args]
        if action.sender == self.referee.address:
            data = self.market.encode(name, *args)
            # The bond comes out of the referee's own pocket here, as the model has it.
            self.referee.call(
                "pass_on", self.market.address, data, sender=STRANGER, value=action.value
            )
        else:
            self.send(action.sender, self.market, name, args, action.value)

    def send(
        self, who: Address, contract: Contract, name: str, args: Sequence[object], value: int = 0
    ) -> None:
        """Call a contract as somebody, be it through the contract that somebody is."""
        wallet = self.wallets.get(who)
        if wallet is None:
            contract.call(name, *args, sender=who, value=value)
        else:
            data = contract.encode(name, *args)
            wallet.call("pass_on", contract.address, data, sender=STRANGER, value=value)

    def deploy_wallet(self) -> Contract:
        """Return a party that is a contract, which takes no money."""
        wallet = self.chain.deploy("Caller")
        self.wallets[wallet.address] = wallet
        self.accounts.append(wallet.address)
        return wallet

    def sign_resolution(self, name: str, part: int, *, is_good: bool) -> bytes:
        document = typed_data.build_resolution(self.domain, self.task, part)
        return self._sign(name, document) if is_good else bytes(65)

    def sign_acceptance(self, worker: Address, expiry: int) -> bytes:
        document = typed_data.build_acceptance(self.domain, self.task, worker, expiry)
        return self._sign("worker", document)

    def sign_approval(self) -> bytes:
        document = typed_data.build_approval(self.domain, self.task, self.claim_hash)
        return self._sign("client", document)

    def _sign(self, name: str, document: dict[str, object]) -> bytes:
        """Return a party's signature; a contract notes that it signed (EIP-1271)."""
        parties = {"client": self.task.client, "worker": self.worker}
        wallet = self.wallets.get(parties[name]) if name in parties else None
        if wallet is None:
            return sign(name, document)
        wallet.call("sign", keccak256(b"\x19" + b"".join(typed_data.get_signable(document))))
        return b""

    # --- the usual ways ---------------------------------------------------------------------------

    def accept(self) -> None:
        """Bind the worker by its signature; the client pays with the call."""
        self.deposit(self.worker, self.task.stake)
        self.do(
            act.PostAccepted(
                sender=self.task.client,
                value=self.task.price,
                worker=self.worker,
                expiry=Seconds(self.now + 300),
                is_signed=True,
            )
        )

    def deliver(self) -> None:
        self.accept()
        self.do(act.Deliver(sender=self.worker, claim_hash=self.claim_hash))

    def get_gains(self) -> dict[Address, int]:
        """Return what each account has gained since it put its money in: client and worker."""
        client, worker = self.task.client, self.worker
        return {
            client: self.ledger.get(client) - self.task.price,
            worker: self.ledger.get(worker) - self.task.stake,
        }


_UNCLAIMED = (
    act.Post
    | act.PostAccepted
    | act.Cancel
    | act.Accept
    | act.Expire
    | act.Resolve
    | act.Dismiss
    | act.RuleAgainstWorker
    | act.CloseChallenge
)


def _none(_world: World, _action: act.Action, _evidence: bytes) -> list[object]:
    return []


def _evidence(_world: World, _action: act.Action, evidence: bytes) -> list[object]:
    return [evidence]


def _number(_world: World, action: Any, _evidence: bytes) -> list[object]:
    return [action.number]


def _post_accepted(world: World, action: Any, _evidence: bytes) -> list[object]:
    good = world.sign_acceptance(action.worker, action.expiry) if action.is_signed else bytes(65)
    return [action.worker, action.expiry, good]


def _settle(world: World, action: Any, _evidence: bytes) -> list[object]:
    return [world.sign_approval() if action.is_signed else bytes(65)]


def _reveal_key(world: World, action: Any, _evidence: bytes) -> list[object]:
    return [world.batch.key + (not action.is_opening), world.batch.blinding]


def _demand_chunks(world: World, action: Any, _evidence: bytes) -> list[object]:
    shown = b"" if action.chunks is None else world.batch.result_evidence(action.item)
    return [action.item, action.first, action.count, shown]


def _resolve(world: World, action: Any, _evidence: bytes) -> list[object]:
    by_client = world.sign_resolution("client", action.to_client, is_good=action.is_client_signed)
    # Whoever accepted an open offer is its worker.
    worker = next(
        (name for name, one in CAST.items() if one.address == world.state.worker), "worker"
    )
    by_worker = world.sign_resolution(worker, action.to_client, is_good=action.is_worker_signed)
    return [action.to_client, by_client, by_worker]


def _open_challenge(_world: World, action: Any, _evidence: bytes) -> list[object]:
    return [action.number, action.challenger]


#: How each action is called: the function, and its arguments behind task and claim.
_CALLS: dict[type[act.Action], tuple[str, Callable[[World, Any, bytes], list[object]]]] = {
    act.Post: ("post", _none),
    act.PostAccepted: ("post_accepted", _post_accepted),
    act.Cancel: ("cancel", _none),
    act.Accept: ("accept", _none),
    act.Expire: ("expire", _none),
    act.Deliver: ("deliver", _none),
    act.Settle: ("settle", _settle),
    act.Approve: ("approve", _none),
    act.Finalize: ("finalize", _none),
    act.DemandKey: ("demand_key", _none),
    act.RevealKey: ("reveal_key", _reveal_key),
    act.DemandChunks: ("demand_chunks", _demand_chunks),
    act.SupplyChunks: ("supply_chunks", _evidence),
    act.Complain: ("complain", _evidence),
    act.Forfeit: ("forfeit", _none),
    act.Resolve: ("resolve", _resolve),
    act.OpenChallenge: ("open_challenge", _open_challenge),
    act.Dismiss: ("dismiss", _number),
    act.RuleAgainstWorker: ("rule_against_worker", _number),
    act.CloseChallenge: ("close_challenge", _number),
}

__all__ = [
    "AGENT",
    "CHALLENGER",
    "CLIENT",
    "ETHER",
    "FEE",
    "PRICE",
    "STAKE",
    "STRANGER",
    "WORKER",
    "ZERO_ADDRESS",
    "World",
    "make_account",
    "sign",
]
