"""Who owns what in a provider's contract, pure: free money, clients' balances, what is locked.

Not here: who is paid what (`lifecycle`).
Twin: contracts/StorageServer.vy, slots 0 and 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pekanu.errors import Rejected
from pekanu.storage.lifecycle import Burn, Credit, Instruction, Lock, Release, Reserve
from pekanu.types import Address, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageLedger:
    """Free, owed and locked money; together they are what the contract holds."""

    #: The provider's, that no agreement reserves.
    free: Wei = Wei(0)
    #: Owed to client contracts.
    accounts: Mapping[Address, int] = field(default_factory=lambda: MappingProxyType({}))
    #: Prices not yet vested, penalties reserved, fees of open challenges.
    locked: Wei = Wei(0)
    #: What left to the zero address.
    burned: Wei = Wei(0)

    @property
    def total(self) -> Wei:
        """Return what the contract's own balance must be."""
        return Wei(self.free + sum(self.accounts.values()) + self.locked)

    def get(self, account: Address) -> Wei:
        """Return what is owed to a client contract."""
        return Wei(self.accounts.get(account, 0))

    def deposit(self, amount: int) -> StorageLedger:
        """Return the ledger with more, or less, of the provider's free money.

        Raises:
            Rejected: There is less.
        """
        if self.free + amount < 0:
            raise Rejected("storage: balance too low")
        return replace(self, free=Wei(self.free + amount))

    def owe(self, account: Address, amount: int) -> StorageLedger:
        """Return the ledger with more, or less, owed to a client contract.

        Raises:
            Rejected: Less is owed.
        """
        balance = self.get(account) + amount
        if balance < 0:
            raise Rejected("storage: balance too low")
        return replace(self, accounts=MappingProxyType({**self.accounts, account: balance}))

    def rebate(self, account: Address, amount: Wei) -> StorageLedger:
        """Return the ledger after the provider gave a client money.

        Raises:
            Rejected: It has less.
        """
        return self.deposit(-amount).owe(account, amount)

    def settle(self, instructions: Iterable[Instruction]) -> StorageLedger:
        """Return the ledger after the payments of an action.

        Raises:
            Rejected: The deposit does not cover a penalty; nothing moves.
        """
        ledger = self
        for instruction in instructions:
            ledger = ledger._move(instruction)
        return ledger

    def _move(self, instruction: Instruction) -> StorageLedger:
        amount = instruction.amount
        match instruction:
            case Lock():
                return replace(self, locked=Wei(self.locked + amount))
            case Reserve():
                if self.free < amount:
                    raise Rejected("storage: deposit too low")
                ledger = replace(self, free=Wei(self.free - amount))
                return replace(ledger, locked=Wei(self.locked + amount))
            case Release():
                ledger = replace(self, free=Wei(self.free + amount))
                return replace(ledger, locked=Wei(self.locked - amount))
            case Credit():
                ledger = self.owe(instruction.account, amount)
                return replace(ledger, locked=Wei(self.locked - amount))
            case Burn():
                burned = Wei(self.burned + amount)
                return replace(self, burned=burned, locked=Wei(self.locked - amount))
