"""How a function becomes a command: the common options are added, coroutines are run.

Not here: what the options mean (`session`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from pekanu.cli.session import Session
from pekanu.settings import DEFAULT_RPC, get_default_home, get_kernel_cache

_PANEL: Final = "Options common to all commands"
_COMMON: Final[dict[str, Any]] = {
    "home": Annotated[
        Path | None,
        typer.Option(
            "--home",
            envvar="PEKANU_HOME",
            help="Folder of all state.",
            show_default="the platform's data folder",
            rich_help_panel=_PANEL,
        ),
    ],
    "rpc": Annotated[
        str | None,
        typer.Option(
            "--rpc",
            envvar="PEKANU_RPC",
            help="JSON-RPC URL of the chain.",
            show_default=DEFAULT_RPC,
            rich_help_panel=_PANEL,
        ),
    ],
    "account": Annotated[
        str | None,
        typer.Option(
            "--account",
            envvar="PEKANU_ACCOUNT",
            help="Name or address of the account.",
            show_default="the only one",
            rich_help_panel=_PANEL,
        ),
    ],
    "password_file": Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            envvar="PEKANU_PASSWORD_FILE",
            help="File with its password; else PEKANU_PASSWORD, else a prompt.",
            rich_help_panel=_PANEL,
        ),
    ],
}
_JSON: Final = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document.", rich_help_panel=_PANEL),
]

Command = TypeVar("Command", bound=Callable[..., Awaitable[None] | None])


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[Command], Command]:
    """Return a decorator that makes a function of a `Session` and options a command.

    Args:
        app: The group that the command joins.
        name: Its name.
        settings: What `typer.Typer.command` takes beside.
    """

    def decorate(function: Command) -> Command:
        app.command(name, **settings)(_add_common_options(function))
        return function

    return decorate


def _add_common_options(function: Callable[..., Any]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(**options: Any) -> None:
        common = {key: options.pop(key) for key in _COMMON}
        session = Session(
            home=(common["home"] or get_default_home()).expanduser().absolute(),
            rpc=common["rpc"] or DEFAULT_RPC,
            is_rpc_given=bool(common["rpc"]),
            account=common["account"],
            password_file=common["password_file"],
            as_json=options.pop("as_json"),
        )
        from pekanu.crypto.native import keep_kernels

        keep_kernels(get_kernel_cache(session.home))
        result = function(session, **options)
        if inspect.iscoroutine(result):
            import asyncio

            asyncio.run(result)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(key, keyword, default=None, annotation=kind)
        for key, kind in _COMMON.items()
    ]
    added.append(inspect.Parameter("as_json", keyword, default=False, annotation=_JSON))
    parameters = [parameter.replace(kind=keyword) for parameter in own] + added
    # Typer reads both.
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del run.__wrapped__
    return run
