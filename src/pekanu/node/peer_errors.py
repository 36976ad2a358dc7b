"""How a talk with a peer fails.

    ProtocolError
    ├── InvalidMessage
    │   └── PeerImpostor       the other end does not hold the key it was announced with
    └── PeerError
        ├── PeerUnreachable    no answer, a broken answer, or one that came too late: try again
        └── PeerRefused        an authenticated "no", with a code for programs

What is not here: the codes' HTTP statuses (`peer_server`).
"""

from __future__ import annotations

from pekanu.errors import InvalidMessage, ProtocolError


class PeerImpostor(InvalidMessage):
    """The other end does not hold the channel key that the expected wallet signed."""


class PeerError(ProtocolError):
    """A peer did not do what was asked of it."""


class PeerUnreachable(PeerError):
    """A peer gave no answer, or none that can be trusted; nothing is known of its state.

    Args:
        message: One sentence.
        may_pass: Whether trying again can help.
    """

    def __init__(self, message: str, *, may_pass: bool = True, hint: str | None = None) -> None:
        """Keep whether to try again."""
        super().__init__(message, hint=hint)
        self.may_pass = may_pass


class PeerRefused(PeerError):
    """A peer said no; the answer is authenticated.

    A `PeerHandler` raises it to refuse, a `PeerClient` when it was refused.

    Args:
        code: A word for programs: ``busy``, ``quota``, ``unknown``, ``terms``, ``early``,
            ``funds``, ``malformed``, ``internal``.
        message: One sentence.
    """

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message, hint=hint)
        self.code = code
