"""Coming in: the launch token becomes a cookie. Source: design/product.md, "Site"."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from pekanu.json_text import parse_json
from pekanu.version import __version__
from pekanu.web.rendering import render
from pekanu.web.requests import get_site, read_form, set_cookie
from pekanu.web.views.launch import LaunchPage

router = APIRouter()


@router.post("/launch")
async def launch(request: Request) -> Response:
    """Let a browser in that shows an unused token; 403 otherwise."""
    site = get_site(request)
    token = await _read_token(request)
    cookie = site.sessions.redeem(token) if token else None
    if cookie is None:
        text = "this link was used already, or is not this node's"
        return JSONResponse({"problem": text}, 403)
    response = Response(status_code=204)
    set_cookie(response, site, cookie)
    request.app.state.on_launch()
    return response


def answer_launch(status: int, problem: str = "") -> HTMLResponse:
    """Return the page that asks for the token."""
    page = LaunchPage(problem=problem, version=__version__)
    return HTMLResponse(render("launch.html", page=page), status)


async def _read_token(request: Request) -> str:
    if "json" not in request.headers.get("content-type", ""):
        return (await read_form(request)).get("token", "")
    try:
        found = parse_json(await request.body())
    except ValueError:
        return ""
    return str(found.get("token", "")) if isinstance(found, dict) else ""
