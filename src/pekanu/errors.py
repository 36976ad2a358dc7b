"""Every failure that Pekanu expects, as one tree.

    PekanuError
    ├── UsageError                the caller asked for something that cannot be
    │   ├── InvalidAmount         an amount of money that cannot be read
    │   ├── InvalidAddress        an address that cannot be read
    │   └── InvalidInput          a file or value that does not fit the function
    ├── ProtocolError             bytes or calls that break a rule of the protocol
    │   ├── Rejected              the contract's rules refuse an action
    │   ├── InvalidProof          a Merkle path, opening or signature does not hold
    │   └── InvalidMessage        a peer's message is malformed, oversized or replayed
    ├── ChainError                the chain cannot be reached or refuses
    │   ├── WrongChain            the node answers for another chain than expected
    │   ├── NotDeployed           no address book, or other code than the book says
    │   ├── InsufficientFunds     an account cannot pay
    │   ├── TransactionReverted   a transaction was mined and failed
    │   └── TransactionDropped    a transaction was replaced or lost
    ├── KeystoreError             an account is missing or its password is wrong
    ├── JournalError              the journal is locked or from another version
    ├── NoWorker                  nobody sells this computation on these terms
    ├── WorkerFault               the worker failed; what was recovered is in the fields
    ├── Timeout                   the caller's own time is over
    └── ExecutionFailed           a program could not be run here
        └── ProgramFailed         a program that was run did not end with exit code 0

A module may add leaves of its own below these; it adds no new child of `PekanuError`.
What is not here: the mapping to exit codes and HTTP statuses, which the command line and the
servers hold, each in one table.
"""

from __future__ import annotations


class PekanuError(Exception):
    """A failure that Pekanu expects; its text is one sentence for the user.

    Args:
        message: One sentence that says what is wrong, with the offending value.
        hint: What to do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep the sentence and the hint."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PekanuError):
    """The caller asked for something that cannot be."""


class InvalidAmount(UsageError):
    """An amount of money that cannot be read."""


class InvalidAddress(UsageError):
    """An address that cannot be read."""


class InvalidInput(UsageError):
    """A file or value that does not fit the function."""


class ProtocolError(PekanuError):
    """Bytes or calls that break a rule of the protocol."""


class Rejected(ProtocolError):
    """The contract's rules refuse an action.

    Args:
        reason: The contract's own reason string, such as ``market: not the client``.
    """

    def __init__(self, reason: str, *, hint: str | None = None) -> None:
        """Keep the reason as the contract gives it."""
        super().__init__(reason, hint=hint)
        self.reason = reason


class InvalidProof(ProtocolError):
    """A Merkle path, an opening or a signature does not hold."""


class InvalidMessage(ProtocolError):
    """A peer's message is malformed, oversized, late or replayed."""


class ChainError(PekanuError):
    """The chain cannot be reached or refuses."""


class WrongChain(ChainError):
    """The node answers for another chain than the one expected."""


class NotDeployed(ChainError):
    """There is no address book for this chain, or other code stands at its address."""


class InsufficientFunds(ChainError):
    """An account cannot pay for what it was asked to do."""


class TransactionReverted(ChainError):
    """A transaction was mined and failed, or would fail if it were sent.

    Args:
        reason: The revert reason, such as ``market: deadline over``; empty when none was given.
        transaction: The transaction's hash as 0x-hex, or None when it was never sent.
    """

    def __init__(
        self, reason: str, *, transaction: str | None = None, hint: str | None = None
    ) -> None:
        """Compose the sentence from the reason."""
        super().__init__(f"the chain refuses: {reason or 'no reason given'}", hint=hint)
        self.reason = reason
        self.transaction = transaction


class TransactionDropped(ChainError):
    """A transaction was replaced by another or lost before it was mined."""


class KeystoreError(PekanuError):
    """An account is missing, or its password is wrong."""


class JournalError(PekanuError):
    """The journal is locked by another process, damaged, or from another version."""


class NoWorker(PekanuError):
    """Nobody sells this computation on these terms."""


class WorkerFault(PekanuError):
    """The worker cheated or fell silent.

    Args:
        message: What the worker did.
        recovered_wei: What the client got back beyond zero: price returned plus stake won.
        lost_wei: What the client lost nevertheless, without gas.
    """

    def __init__(
        self,
        message: str,
        *,
        recovered_wei: int = 0,
        lost_wei: int = 0,
        hint: str | None = None,
    ) -> None:
        """Keep what was recovered and what was lost."""
        super().__init__(message, hint=hint)
        self.recovered_wei = recovered_wei
        self.lost_wei = lost_wei


class Timeout(PekanuError):
    """The time that the caller gave is over; the task itself goes on."""


class ExecutionFailed(PekanuError):
    """A program could not be run here."""


class ProgramFailed(ExecutionFailed):
    """A program that was bought did not end by itself with exit code 0.

    Its worker was right about that and is paid.

    Args:
        message: How it ended.
        status: 0 for still running, 1 for halted, else the cause of a trap.
        exit_code: Of a halted program; else 0.
        items: Which of a batch's items ended so, all of them.
        outputs: What every item left as its output, those that succeeded included.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        exit_code: int,
        items: tuple[int, ...],
        outputs: tuple[bytes, ...],
        hint: str | None = None,
    ) -> None:
        """Keep how it ended, and what there is nevertheless."""
        super().__init__(message, hint=hint)
        self.status, self.exit_code = status, exit_code
        self.items, self.outputs = items, outputs
