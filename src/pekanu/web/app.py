"""The application: routes behind the guard, failures as pages.

What is not here: what it serves from (`site`), listening (`serving`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from pekanu.errors import (
    ChainError,
    InsufficientFunds,
    JournalError,
    KeystoreError,
    NoWorker,
    PekanuError,
    ProtocolError,
    TransactionReverted,
    UsageError,
)
from pekanu.web.guard import Guard
from pekanu.web.rendering import FOLDER, get_assets, render
from pekanu.web.requests import (
    Forged,
    NotLaunched,
    answer_page,
    check_csrf,
    find_session,
    get_site,
    set_cookie,
)
from pekanu.web.routes import (
    challenges,
    compute,
    disputes,
    explorer,
    keeping,
    launch,
    market,
    settings,
    storage,
    tasks,
    wallet,
    work,
)
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer
from pekanu.web.views.shell import Problem

_LOG: Final = logging.getLogger(__name__)
#: The first class that fits gives the status.
STATUSES: Final[tuple[tuple[type[PekanuError], int, str], ...]] = (
    (NotLaunched, 401, "Open the link that the node printed"),
    (Forged, 403, "This form is not from here"),
    (InsufficientFunds, 409, "Not enough money"),
    (TransactionReverted, 409, "The chain refuses"),
    (ChainError, 503, "The chain does not answer"),
    (JournalError, 409, "The account is in use"),
    (KeystoreError, 403, "The account cannot act"),
    (NoWorker, 409, "Nobody sells this now"),
    (UsageError, 400, "That cannot be"),
    (ProtocolError, 400, "That does not hold"),
    (PekanuError, 500, "It failed"),
)
#: In this order paths are looked up.
_PARTS: Final = (
    market,
    compute,
    keeping,
    storage,
    challenges,
    tasks,
    disputes,
    work,
    explorer,
    settings,
    wallet,
)
#: What a site without keys does not have.
_OWN_NODE: Final = (challenges, compute, work)
_TITLES: Final = {
    400: "That cannot be",
    404: "There is nothing here",
    405: "That cannot be done here",
    413: "That is too large",
}


def build_app(site: Site, *, on_launch: Callable[[], None] = lambda: None) -> ASGIApp:
    """Return the guarded application.

    Args:
        site: What it shows.
        on_launch: Called when a launch token was used.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.site = site
    app.state.on_launch = on_launch
    protected = [Depends(check_csrf)]
    for part in _PARTS:
        if site.options.is_hosted and part in _OWN_NODE:
            continue
        app.include_router(part.router, dependencies=protected)
    if not site.options.is_hosted:
        app.include_router(launch.router)
    for prefix in (get_assets(), "/static"):
        app.mount(prefix, StaticFiles(directory=FOLDER / "static"))
    app.add_exception_handler(PekanuError, _answer_failure)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(Exception, _answer_fault)
    return Guard(
        app,
        origins=site.get_origins,
        is_upload=lambda path: "/upload/" in path or path.endswith("/bring"),
        is_lasting=lambda path: path.startswith(get_assets() + "/"),
    )


async def _answer_failure(request: Request, error: Exception) -> Response:
    """Answer with the failure's sentence and hint."""
    if not isinstance(error, PekanuError):
        raise error
    status, title = next(
        (status, title) for kind, status, title in STATUSES if isinstance(error, kind)
    )
    if isinstance(error, UsageError) and request.method == "GET":
        status, title = 404, "There is nothing here"
    if isinstance(error, NotLaunched):
        return _answer_stranger(request)
    return await _answer(
        request, Problem(status=status, title=title, message=error.message, hint=error.hint or "")
    )


def _answer_stranger(request: Request) -> Response:
    """Ask a browser without a session for the launch token; in hosted mode, give it one."""
    site = get_site(request)
    is_page = request.method == "GET" and not request.url.path.startswith(("/api/", "/events"))
    if site.options.is_hosted and is_page:
        response = Response(status_code=303, headers={"location": request.url.path})
        set_cookie(response, site, site.sessions.open())
        return response
    if is_page:
        return launch.answer_launch(200 if request.url.path == "/" else 401)
    return JSONResponse({"problem": "this browser has not shown the launch token"}, 401)


async def _answer_http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    title = _TITLES.get(error.status_code, "That did not work")
    problem = Problem(status=error.status_code, title=title, message=str(error.detail))
    return await _answer(request, problem)


async def _answer_invalid(request: Request, _error: Exception) -> Response:
    problem = Problem(status=400, title=_TITLES[400], message="the address cannot be read")
    return await _answer(request, problem)


async def _answer_fault(request: Request, error: Exception) -> Response:
    """Answer a bug without its details, under a number that stands in the log too."""
    number = secrets.token_hex(4)
    _LOG.error("fault %s in %s %s", number, request.method, request.url.path, exc_info=error)
    return await _answer(
        request,
        Problem(
            status=500,
            title="Something is broken here",
            message=f"the node's log has the details under {number}",
        ),
    )


async def _answer(request: Request, problem: Problem) -> Response:
    """Return a problem as JSON, as a fragment or as a page, as the asker wants it."""
    if request.url.path.startswith("/api/"):
        document = {"problem": problem.message, "hint": problem.hint}
        return JSONResponse(document, problem.status)
    session = find_session(request)
    is_part = request.method != "GET" and request.headers.get("x-csrf-token") is not None
    if session is None or is_part:
        html = render("partials/problem.html", page=problem)
        return HTMLResponse(html, problem.status)
    viewer = Viewer(site=get_site(request), session=session)
    return await answer_page(
        viewer, "problem.html", problem, title=problem.title, path="", status=problem.status
    )
