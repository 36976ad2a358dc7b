"""What the page's wallet code asks in JSON: sign-in, what waits to be signed, how it went.

What is not here: the wallet, which is in the browser.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from pekanu.errors import InvalidProof, UsageError
from pekanu.json_text import parse_json
from pekanu.types import Hash32, parse_address
from pekanu.web.decoding import decode_typed_data
from pekanu.web.requests import answer_fragment, get_site
from pekanu.web.reviews import simulate
from pekanu.web.routes.market import Looking
from pekanu.web.siwe import Expected, build_message, verify_message
from pekanu.web.viewer import Viewer, require_account
from pekanu.web.wallet_requests import WalletRequest
from pekanu.web.wallet_reviews import review_request

router = APIRouter(prefix="/api")
_NONCE_SECONDS: Final = 300.0
_HASH: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]{130}")
_MAX_BODY_BYTES: Final = 1 << 16


@router.post("/wallet/nonce")
async def make_nonce(request: Request, viewer: Looking) -> Response:
    """Give the message that a wallet signs to come in: ``{address}`` in, ``{message}`` out."""
    body = await _read(request)
    address = parse_address(str(body.get("address", "")))
    session = viewer.session
    session.nonce = secrets.token_hex(16)
    session.nonce_until = time.time() + _NONCE_SECONDS
    issued = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    message = build_message(address, _expect(request, viewer), issued)
    return JSONResponse({"nonce": session.nonce, "message": message})


@router.post("/wallet/verify")
async def verify(request: Request, viewer: Looking) -> Response:
    """Let a wallet act in this browser: ``{message, signature}`` in, ``{account}`` out."""
    body, session = await _read(request), viewer.session
    signature = str(body.get("signature", ""))
    if time.time() > session.nonce_until:
        session.nonce = ""
    expected = _expect(request, viewer)
    session.nonce = ""
    if not _SIGNATURE.fullmatch(signature):
        raise InvalidProof("this is no signature")
    data = bytes.fromhex(signature[2:])
    account = verify_message(str(body.get("message", "")), data, expected)
    session.account, session.is_wallet = account, True
    viewer.site.accounts.add_wallet(account)
    viewer.site.pulse.beat()
    return JSONResponse({"account": account})


@router.post("/wallet/leave")
async def leave(viewer: Looking) -> Response:
    """Let the wallet act here no more."""
    if viewer.session.is_wallet:
        viewer.session.account, viewer.session.is_wallet = None, False
        viewer.site.pulse.beat()
    return Response(status_code=204)


@router.get("/requests")
async def list_requests(viewer: Looking) -> Response:
    """List what waits for this browser's wallet, oldest first."""
    if not viewer.is_wallet or viewer.account is None:
        return JSONResponse({"requests": []})
    waiting = viewer.site.requests.list(viewer.account)
    return JSONResponse(
        {
            "requests": [
                {"id": one.id, "title": one.title, "subject": one.subject} for one in waiting
            ]
        }
    )


@router.get("/requests/{request_id}")
async def show_request(viewer: Looking, request_id: str) -> Response:
    """Give what the wallet is to send or sign, decoded; simulated if it is a transaction."""
    found = _find(viewer, request_id)
    if found.call is not None:
        return JSONResponse(await _describe_transaction(viewer, found))
    document = found.document or {}
    return JSONResponse(
        {
            "id": found.id,
            "kind": "typed_data",
            "title": found.title,
            "account": found.account,
            "typed_data": _to_plain(document),
            "fields": [asdict(one) for one in decode_typed_data(document)],
        }
    )


@router.post("/requests/{request_id}/review")
async def review(viewer: Looking, request_id: str) -> Response:
    """Show what the wallet is to send or sign, as a dialog."""
    found = _find(viewer, request_id)
    return answer_fragment("review.html", await review_request(viewer.site, found))


@router.post("/requests/{request_id}")
async def answer_request(request: Request, viewer: Looking, request_id: str) -> Response:
    """Take what the wallet did: ``{hash}``, ``{signature}`` or ``{rejected: reason}``."""
    body, found = await _read(request), _find(viewer, request_id)
    requests = viewer.site.requests
    if "rejected" in body:
        requests.reject(found, "it was rejected in the wallet")
    elif _HASH.fullmatch(str(body.get("hash", ""))):
        await requests.report(found, Hash32(bytes.fromhex(str(body["hash"])[2:])))
    elif _SIGNATURE.fullmatch(str(body.get("signature", ""))):
        requests.sign_off(found, bytes.fromhex(str(body["signature"])[2:]))
    else:
        raise UsageError("neither a hash nor a signature nor a rejection was sent")
    return Response(status_code=204)


async def _describe_transaction(viewer: Viewer, found: WalletRequest) -> dict[str, Any]:
    call = found.call
    if call is None:
        raise UsageError("this is no transaction")
    simulation = await simulate(viewer.site.chain, viewer.site.book, found.account, (call,))
    return {
        "id": found.id,
        "kind": "transaction",
        "title": found.title,
        "account": found.account,
        "chain_id": viewer.site.chain.chain_id,
        "transaction": {
            "from": found.account,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": hex(call.value),
            "gas": hex(simulation.gas[0]),
        },
        "call": asdict(simulation.views[0]),
        "refusal": simulation.refusal,
        "refusal_hint": simulation.refusal_hint,
    }


def _find(viewer: Viewer, request_id: str) -> WalletRequest:
    if not viewer.is_wallet:
        raise UsageError("no wallet acts in this browser")
    return viewer.site.requests.find(request_id, require_account(viewer))


def _expect(request: Request, viewer: Viewer) -> Expected:
    host = request.headers.get("host", "")
    site = get_site(request)
    origin = next(
        (one for one in site.get_origins() if one.partition("://")[2] == host), f"http://{host}"
    )
    return Expected(
        domain=host,
        origin=origin,
        chain_id=viewer.site.chain.chain_id,
        nonce=viewer.session.nonce,
        now=time.time(),
    )


async def _read(request: Request) -> dict[str, Any]:
    body = await request.body()
    if len(body) > _MAX_BODY_BYTES:
        raise UsageError("this is too much")
    try:
        found = parse_json(body)
    except ValueError as error:
        raise UsageError("this is no JSON") from error
    if not isinstance(found, dict):
        raise UsageError("this is no JSON object")
    return found


def _to_plain(value: Any) -> Any:
    """Return a typed-data document as JSON: bytes as hex, large integers as text."""
    if isinstance(value, dict):
        return {key: _to_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(one) for one in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and value >> 53:
        return str(value)
    return value
