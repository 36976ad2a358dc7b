"""The door of the site: which requests come in at all, and with which headers answers leave.

Against DNS rebinding, requests across sites, clickjacking and oversized bodies. The token that
protects forms is checked by the routes (`requests`), cookies are looked up there too.
Source: design/product.md, "Site"; the Fetch Metadata and Content Security Policy specifications.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing but what the site itself serves; no inline script or style.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # Not "no-referrer": under it browsers send the site's own forms with the origin "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "x-frame-options": "DENY",
}
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Bytes of any body but an upload's.
MAX_BODY_BYTES: Final = 4 << 20
#: Bytes of a file: the largest input.
MAX_FILE_BYTES: Final = 1 << 28
#: Bytes of a request that brings one, with what surrounds it.
MAX_UPLOAD_BYTES: Final = MAX_FILE_BYTES + (1 << 16)


class Guard:
    """Middleware that refuses what does not come from the site's own pages.

    Args:
        app: What is protected.
        origins: Gives the origins that are the site's own, such as ``http://127.0.0.1:8080``.
        is_upload: Says whether a path takes files.
        is_lasting: Says whether what a path answers never changes.
        max_body_bytes: Of anything else.
        max_upload_bytes: Of a file.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        origins: Callable[[], frozenset[str]],
        is_upload: Callable[[str], bool],
        is_lasting: Callable[[str], bool] = lambda _path: False,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_upload_bytes: int = MAX_UPLOAD_BYTES,
    ) -> None:
        self._app, self._origins = app, origins
        self._is_upload, self._is_lasting = is_upload, is_lasting
        self._max_body_bytes, self._max_upload_bytes = max_body_bytes, max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        leave = _decorate(send, is_lasting=self._is_lasting(scope["path"]))
        headers = Headers(scope=scope)
        refusal = self._find_refusal(scope, headers)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text + "\n", status)(scope, receive, leave)
            return
        limit = self._max_upload_bytes if self._is_upload(scope["path"]) else self._max_body_bytes
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > limit:
            text = f"a request has at most {limit} bytes here\n"
            await PlainTextResponse(text, 413)(scope, receive, leave)
            return
        await self._app(scope, _bound(receive, limit), leave)

    def _find_refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        origins = self._origins()
        hosts = {origin.partition("://")[2] for origin in origins}
        if headers.get("host", "").lower() not in hosts or len(headers.getlist("host")) != 1:
            return 400, "this is not one of the site's own names"
        if not _is_own(scope["method"], headers, origins):
            return 403, "another site's page asks for this, or nobody says which"
        return None


def _is_own(method: str, headers: Headers, origins: frozenset[str]) -> bool:
    """Return whether a request comes from the site's own pages, or is a harmless visit."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if method in _SAFE:
        # Following a link from elsewhere is no harm: the answer stays out of that page's reach.
        is_visit = headers.get("sec-fetch-mode") in (None, "navigate")
        return site in (None, "same-origin", "none") or is_visit
    if origin is None and site is None:
        return False
    return (origin is None or origin in origins) and site in (None, "same-origin", "none")


def _bound(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that ends a body above the limit with status 413."""
    total = 0

    async def bounded() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise HTTPException(413, f"a request has at most {limit} bytes here")
        return message

    return bounded


def _decorate(send: Send, *, is_lasting: bool) -> Send:
    """Return a `send` that adds the headers of all answers."""
    kept = "public, max-age=31536000, immutable"

    async def decorated(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if is_lasting and message["status"] in {200, 304}:
                headers["cache-control"] = kept
            else:
                headers["cache-control"] = headers.get("cache-control", "no-store")
        await send(message)

    return decorated
