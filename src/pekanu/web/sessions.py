"""Who a browser is: launch tokens that work once, and the cookies that they become.

Only hashes of cookies are written down, so that a restart does not send browsers away and the
file opens nothing. What is not here: checking requests (`guard`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pekanu.types import Address

#: Browsers that are remembered; the oldest is forgotten.
_MAX_SESSIONS: Final = 64
_MAX_TOKENS: Final = 8


@dataclass(kw_only=True, slots=True)
class BrowserSession:
    """A browser that showed a launch token, or any browser in hosted mode."""

    #: Sent back with what changes anything.
    csrf: str
    #: The account that acts here.
    account: Address | None = None
    #: The account is a wallet in this browser that signed in.
    is_wallet: bool = False
    #: Of a sign-in that is under way, and until when it counts by the wall clock.
    nonce: str = ""
    nonce_until: float = 0.0
    #: Shown once on the next settings page.
    notice: str = ""
    problem: str = ""
    problem_hint: str = ""


@dataclass(kw_only=True)
class SessionStore:
    """The browsers that may come in.

    Args:
        path: Where hashes are kept; None keeps them in memory.
    """

    path: Path | None = None
    _sessions: dict[str, BrowserSession] = field(default_factory=dict)
    _known: list[str] = field(default_factory=list)
    _tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            try:
                found = json.loads(self.path.read_text(encoding="utf-8"))
                self._known = [str(one) for one in found][-_MAX_SESSIONS:]
            except (OSError, ValueError, TypeError):
                self._known = []

    def make_token(self) -> str:
        """Return a launch token that lets one browser in."""
        token = secrets.token_urlsafe(32)
        self._tokens = [*self._tokens[-_MAX_TOKENS + 1 :], token]
        return token

    def redeem(self, token: str) -> str | None:
        """Return the cookie that a launch token becomes; None when it is wrong or used."""
        for known in self._tokens:
            if hmac.compare_digest(known.encode(), token.encode()):
                self._tokens.remove(known)
                return self.open()
        return None

    def open(self) -> str:
        """Return the cookie of a new session."""
        cookie = secrets.token_urlsafe(32)
        digest = _hash(cookie)
        self._known = [*self._known[-_MAX_SESSIONS + 1 :], digest]
        for gone in self._sessions.keys() - set(self._known):
            del self._sessions[gone]
        self._save()
        return cookie

    def find(self, cookie: str) -> BrowserSession | None:
        """Return the session of a cookie, or None when there is none."""
        digest = _hash(cookie)
        if digest not in self._known:
            return None
        if digest not in self._sessions:
            self._sessions[digest] = BrowserSession(csrf=derive_csrf(cookie))
        return self._sessions[digest]

    def end(self, cookie: str) -> None:
        """Forget a session."""
        digest = _hash(cookie)
        self._known = [one for one in self._known if one != digest]
        self._sessions.pop(digest, None)
        self._save()

    def _save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self._known, file)
        draft.replace(self.path)


def derive_csrf(cookie: str) -> str:
    """Return the token that a page of this cookie's session carries."""
    return hmac.new(cookie.encode(), b"pekanu csrf", hashlib.sha256).hexdigest()


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
