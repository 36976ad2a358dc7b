"""A request's session, viewer and form, and the check that a form came from the site's own page.

What is not here: what any route answers (`routes`), the checks before all routes (`guard`).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final, cast

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from pekanu.errors import PekanuError, UsageError
from pekanu.types import Wei, parse_wei
from pekanu.web.plans import Plan
from pekanu.web.rendering import render
from pekanu.web.sessions import BrowserSession
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer, build_shell

_HOUR: Final = 3600
_COOKIE_SECONDS: Final = 30 * 24 * _HOUR
#: Fields of a form, files not counted.
MAX_FIELDS: Final = 100
MAX_FIELD_BYTES: Final = 4 << 20


class NotLaunched(PekanuError):
    """The browser has not shown the launch token."""


class Forged(PekanuError):
    """The form did not come from a page of this session."""


def get_site(request: Request) -> Site:
    """Return the site."""
    return cast("Site", request.app.state.site)


def get_cookie_name(site: Site) -> str:
    """Return the cookie's name: each port its own, since cookies do not tell ports apart."""
    return "pekanu" if site.options.origins else f"pekanu-{site.port}"


def find_session(request: Request) -> BrowserSession | None:
    """Return the session of a request's cookie, or None."""
    site = get_site(request)
    cookie = request.cookies.get(get_cookie_name(site))
    return None if cookie is None else site.sessions.find(cookie)


def get_viewer(request: Request) -> Viewer:
    """Return who looks; a dependency of every route behind the launch token.

    Raises:
        NotLaunched: The browser has no session.
    """
    session = find_session(request)
    if session is None:
        raise NotLaunched("this browser has not shown the launch token")
    return Viewer(site=get_site(request), session=session)


async def read_form(request: Request) -> dict[str, str]:
    """Return a form's fields by name; files are left out, of repeated fields the last is taken."""
    form = await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def take_reviewed(request: Request, viewer: Viewer) -> Plan:
    """Return what a dialog has shown and this request confirms: nothing else is sent or signed.

    Raises:
        UsageError: No dialog has shown it.
    """
    token = pick(await read_form(request), "review")
    return viewer.site.reviewed.take(viewer.session.csrf, token, request.url.path)


async def check_csrf(request: Request) -> None:
    """Refuse a request that changes something and does not show its session's token.

    Raises:
        Forged: The header ``X-CSRF-Token`` and the field ``_csrf`` are missing or wrong.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    viewer = get_viewer(request)
    shown = request.headers.get("x-csrf-token", "")
    if not shown and "form" in request.headers.get("content-type", ""):
        shown = (await read_form(request)).get("_csrf", "")
    if not hmac.compare_digest(shown.encode(), viewer.session.csrf.encode()):
        raise Forged("this form is from another session", hint="load the page again")


async def answer_page(  # noqa: PLR0913 - what a page is
    viewer: Viewer,
    template: str,
    page: object,
    *,
    title: str,
    path: str,
    live_page: str = "page",
    status: int = 200,
) -> HTMLResponse:
    """Return a whole page."""
    shell = await build_shell(viewer, title=title, path=path, live_page=live_page)
    return HTMLResponse(render(template, shell=shell, page=page), status)


def answer_fragment(template: str, page: object, status: int = 200) -> HTMLResponse:
    """Return a part of a page."""
    return HTMLResponse(render(template, page=page), status)


def answer_file(data: bytes, name: str) -> Response:
    """Return a file to be kept; its name holds nothing that a header would have to escape."""
    return Response(
        data,
        media_type="application/octet-stream",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def answer_seeing(path: str) -> Response:
    """Return where to look now."""
    return RedirectResponse(path, 303)


def set_cookie(response: Response, site: Site, cookie: str) -> None:
    """Let a browser keep its session."""
    response.set_cookie(
        get_cookie_name(site),
        cookie,
        max_age=_COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=any(origin.startswith("https:") for origin in site.options.origins),
        path="/",
    )


def pick_amount(form: Mapping[str, str]) -> Wei:
    """Return what the field ``amount`` says.

    Raises:
        UsageError: It is none, or nothing.
    """
    wei = parse_wei(pick(form, "amount"))
    if not wei:
        raise UsageError("the amount is 0")
    return wei


def pick(form: Mapping[str, str], name: str) -> str:
    """Return a field, or an empty text."""
    return form.get(name, "").strip()
