"""A market with its cast, on the contract and in the pure model at once.

Every action is tried on both; they must agree on success or reason, on the task's word, on every
balance, and on the money that the contract holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from support.evm import Evm
from support.reference_seal import SealedBatch, seal_batch

from pekanu.crypto.keccak import keccak256
from pekanu.errors import Rejected, TransactionReverted
from pekanu.market import actions as act
from pekanu.market import typed_data
from pekanu.market.ledger import Ledger
from pekanu.market.lifecycle import apply
from pekanu.market.state import TaskState
from pekanu.market.task import MarketDomain, Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei

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
        return self.batch.claim.hash(self.task_id, WORKER)

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
        self.market.call("deposit", sender=account, value=amount)
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
        expected: Rejected | None = None
        before = self.state, self.ledger
        try:
            self.state, instructions = apply(self.task, self.state, action, self.now)
            self.ledger = self.ledger.settle(action, instructions)
        except Rejected as error:
            self.state, self.ledger = before
            expected = error
        try:
            self._call(action, evidence)
        except TransactionReverted as error:
            assert expected is not None, f"contract alone refuses {action}: {error.reason}"
            assert error.reason == expected.reason, action
            self.check()
            raise expected from error
        assert expected is None, f"model alone refuses {action}: {expected}"
        self.check()

    def check(self) -> None:
        """Hold the contract to the model."""
        assert self.market.call("states", self.task_id) == self.state.to_word()
        for account in self.accounts:
            assert self.market.call("ledger", account) == self.ledger.get(account), account
        assert self.chain.balance(self.market.address) == self.ledger.total

    def _call(self, action: act.Action, evidence: bytes) -> None:
        task, claim = self.task.to_abi(), self.batch.claim.to_abi()
        name, args = self._get_call(action, task, claim, evidence)
        if action.sender == self.referee.address:
            data = self.market.encode(name, *args)
            # The bond comes out of the referee's own pocket here, as the model has it.
            self.referee.call(
                "pass_on", self.market.address, data, sender=STRANGER, value=action.value
            )
        else:
            self.market.call(name, *args, sender=action.sender, value=action.value)

    def _get_call(
        self, action: act.Action, task: object, claim: object, evidence: bytes
    ) -> tuple[str, list[object]]:
        match action:
            case act.PostAccepted(worker=worker, expiry=expiry, is_signed=good):
                signature = self.sign_acceptance(worker, expiry) if good else bytes(65)
                return "post_accepted", [task, worker, expiry, signature]
            case act.Settle(is_signed=good):
                return "settle", [task, claim, self.sign_approval() if good else bytes(65)]
            case act.RevealKey(is_opening=good):
                key = self.batch.key if good else self.batch.key + 1
                return "reveal_key", [task, claim, key, self.batch.blinding]
            case act.DemandChunks(item=item, first=first, count=count, chunks=chunks):
                shown = self.batch.result_evidence(item) if chunks is not None else b""
                return "demand_chunks", [task, claim, item, first, count, shown]
            case act.SupplyChunks():
                return "supply_chunks", [task, claim, evidence]
            case act.Complain():
                return "complain", [task, claim, evidence]
            case act.Resolve(
                to_client=part, is_client_signed=by_client, is_worker_signed=by_worker
            ):
                document = typed_data.build_resolution(self.domain, self.task, part)
                return "resolve", [
                    task,
                    part,
                    sign("client", document) if by_client else bytes(65),
                    sign("worker", document) if by_worker else bytes(65),
                ]
            case act.OpenChallenge(number=number, challenger=challenger):
                return "open_challenge", [task, claim, number, challenger]
            case act.Dismiss(number=number):
                return "dismiss", [task, number]
            case act.RuleAgainstWorker(number=number):
                return "rule_against_worker", [task, number]
            case act.CloseChallenge(number=number):
                return "close_challenge", [task, number]
            case act.ClaimAction():
                return type(action).__name__.lower().replace("demandkey", "demand_key"), [
                    task,
                    claim,
                ]
            case _:
                return type(action).__name__.lower(), [task]

    def sign_acceptance(self, worker: Address, expiry: int) -> bytes:
        document = typed_data.build_acceptance(self.domain, self.task, worker, expiry)
        return sign("worker", document)

    def sign_approval(self) -> bytes:
        document = typed_data.build_approval(self.domain, self.task, self.claim_hash)
        return sign("client", document)

    # --- the usual ways ---------------------------------------------------------------------------

    def accept(self) -> None:
        """Bind the worker by its signature; the client pays with the call."""
        self.deposit(WORKER, self.task.stake)
        self.do(
            act.PostAccepted(
                sender=CLIENT,
                value=self.task.price,
                worker=WORKER,
                expiry=Seconds(self.now + 300),
                is_signed=True,
            )
        )

    def deliver(self) -> None:
        self.accept()
        self.do(act.Deliver(sender=WORKER, claim_hash=self.claim_hash))

    def get_gains(self) -> dict[Address, int]:
        """Return what each account has gained since it put its money in: client and worker."""
        return {
            CLIENT: self.ledger.get(CLIENT) - self.task.price,
            WORKER: self.ledger.get(WORKER) - self.task.stake,
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
