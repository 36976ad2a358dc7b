"""Settings: accounts, further browsers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from pekanu.errors import PekanuError, UsageError
from pekanu.types import Address, parse_address
from pekanu.web.requests import answer_page, answer_seeing, pick, read_form
from pekanu.web.routes.market import Looking
from pekanu.web.settings_pages import build_settings
from pekanu.web.viewer import Viewer

router = APIRouter(prefix="/settings")


def refuse_hosted(viewer: Looking) -> Viewer:
    """Return the viewer of a node of one's own; raises UsageError in hosted mode: no keys."""
    if viewer.site.options.is_hosted:
        raise UsageError("this site holds no keys", hint="use a browser wallet, or your own node")
    return viewer


Owner = Annotated[Viewer, Depends(refuse_hosted)]


@router.get("")
async def show(viewer: Looking) -> Response:
    """Show the settings."""
    page = await build_settings(viewer)
    return await answer_page(viewer, "settings.html", page, title="Settings", path="/settings")


@router.post("/accounts/{act}")
async def change_account(request: Request, viewer: Owner, act: str) -> Response:
    """Create, import, unlock, lock, use or take an account; the page tells what came of it."""
    session = viewer.session
    try:
        session.notice = await _change(viewer, act, await read_form(request))
        session.problem = session.problem_hint = ""
    except PekanuError as error:
        session.problem, session.problem_hint = error.message, error.hint or ""
    return answer_seeing("/settings")


@router.post("/launch-link")
async def make_link(viewer: Owner) -> Response:
    """Give a link that lets one more browser in; the token is in the fragment."""
    return JSONResponse({"fragment": f"token={viewer.site.sessions.make_token()}"})


async def _change(viewer: Viewer, act: str, form: dict[str, str]) -> str:
    accounts, session = viewer.site.accounts, viewer.session
    name, password = pick(form, "name"), form.get("password", "")
    match act:
        case "create":
            address = await accounts.create(name, password)
            _use(viewer, address)
            return f"The account {name} was made: {address}"
        case "import":
            address = await accounts.import_key(name, form.get("key", ""), password)
            _use(viewer, address)
            return f"The account {name} was imported: {address}"
        case "unlock":
            address = _read_address(form)
            await accounts.unlock(address, password)
            _use(viewer, address)
            return f"{accounts.get_name(address)} is unlocked until this node stops"
        case "lock":
            address = _read_address(form)
            await accounts.lock(address)
            return f"{address} is locked"
        case "use":
            address = _read_address(form)
            if not accounts.get_name(address):
                raise UsageError(f"{address} is no account of this node")
            _use(viewer, address)
            return f"{accounts.get_name(address)} acts in this browser now"
        case "development":
            address = _read_address(form)
            taken = accounts.take_development(address)
            session.account, session.is_wallet = address, False
            return f"{taken} acts in this browser now"
        case _:
            raise UsageError(f"{act[:20]!r} is nothing to do with an account")


def _use(viewer: Viewer, address: Address) -> None:
    viewer.session.account, viewer.session.is_wallet = address, False
    viewer.site.pulse.beat()


def _read_address(form: dict[str, str]) -> Address:
    return parse_address(pick(form, "address"))
