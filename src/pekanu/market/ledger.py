"""The market's ledger, pure: free balances, and the money that tasks hold.

Not here: who is paid what (`lifecycle`).
Twin: contracts/Market.vy, "LEDGER".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from pekanu.errors import Rejected
from pekanu.market.actions import Action
from pekanu.market.lifecycle import Instruction, Take
from pekanu.types import Address, Wei


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Who owns what inside the market. Free money plus locked money is what the contract holds."""

    free: Mapping[Address, int] = field(default_factory=lambda: MappingProxyType({}))
    #: Money that tasks hold: prices, stakes, bonds and fees.
    locked: Wei = Wei(0)

    @property
    def total(self) -> Wei:
        """Return what the contract's own balance must be."""
        return Wei(sum(self.free.values()) + self.locked)

    def get(self, account: Address) -> Wei:
        """Return an account's free money."""
        return Wei(self.free.get(account, 0))

    def deposit(self, account: Address, amount: Wei) -> Ledger:
        """Return the ledger with more free money."""
        return self.move(account, amount, 0)

    def withdraw(self, account: Address, amount: Wei) -> Ledger:
        """Return the ledger with less free money.

        Raises:
            Rejected: The account has less.
        """
        return self.move(account, -amount, 0)

    def settle(self, action: Action, instructions: Iterable[Instruction]) -> Ledger:
        """Return the ledger after the payments of an action.

        Raises:
            Rejected: Somebody cannot pay; nothing moves.
        """
        ledger = self.deposit(action.sender, action.value)
        for instruction in instructions:
            sign = 1 if isinstance(instruction, Take) else -1
            amount = sign * instruction.amount
            # What was sent pays for its sender alone: it stands in its balance already.
            ledger = ledger.move(instruction.account, -amount, amount)
        return ledger

    def move(self, account: Address, free: int, locked: int) -> Ledger:
        """Return the ledger after changes to an account's free money and to the locked money.

        Raises:
            Rejected: The account would owe.
        """
        balance = self.get(account) + free
        if balance < 0:
            raise Rejected("market: balance too low")
        balances = MappingProxyType({**self.free, account: balance})
        return Ledger(free=balances, locked=Wei(self.locked + locked))
