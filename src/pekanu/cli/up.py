"""`pekanu up`: a whole market on this machine with its site, or a node at one that exists.

Not here: the parts (`chain`, `worker`), the site (`pekanu.web`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pekanu.cli.allocator import bound_memory
from pekanu.cli.chain import BLOCK_SECONDS, find_or_fetch
from pekanu.cli.commands import command
from pekanu.cli.output import note
from pekanu.cli.session import Session
from pekanu.cli.worker import until_signal, work
from pekanu.errors import NotDeployed, PekanuError, UsageError
from pekanu.types import Wei

if TYPE_CHECKING:
    from pekanu.chain import Account, Devnet
    from pekanu.web.serving import Served
    from pekanu.web.site import SiteOptions

#: What the development chain's worker keeps in the market, in wei.
_COLLATERAL: Final = Wei(10**18)
#: What its storage provider pays penalties from.
_PENALTIES: Final = Wei(10**18)
#: The development chain's accounts: who deploys, who works, who buys on the site, who can work from
#: there, and who keeps files. Number 0 is left to the user.
_DEPLOYER: Final = 9
_WORKER: Final = 1
_BUYER: Final = 2
_SPARE: Final = 3
_KEEPER: Final = 4
_PORT: Final = 8080


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "up", epilog="Example: pekanu up, then elsewhere: pekanu run …")(_up)


async def _up(
    session: Session,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Of the site; 0 takes a free one.",
            show_default=f"{_PORT}, or a free one",
        ),
    ] = None,
    chain_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the development chain; 0 takes a free one.")
    ] = 8545,
    hosted: Annotated[
        str | None,
        typer.Option(
            metavar="ORIGIN",
            help="Serve only pages for browser wallets, under this origin; holds no keys.",
        ),
    ] = None,
) -> None:
    """Run a node with its site; without --rpc on a development chain of its own."""
    if hosted is not None:
        await until_signal(_host(session, hosted, port))
    elif session.is_rpc_given:
        await until_signal(_join(session, port))
    else:
        await until_signal(_run(session, port, chain_port))


async def _run(session: Session, port: int | None, chain_port: int) -> None:
    """Run a market of one's own: chain, contracts, worker and site."""
    from pekanu.chain import Devnet, DevnetOptions
    from pekanu.node.worker import WorkerOptions
    from pekanu.web.site import SiteOptions

    options = DevnetOptions(
        state_folder=session.home / "devnet",
        port=chain_port,
        anvil=find_or_fetch(None, is_agreed=False),
        block_seconds=BLOCK_SECONDS,
    )
    async with AsyncExitStack() as stack:
        devnet = stack.enter_context(Devnet(options))
        here = replace(session, rpc=devnet.rpc)
        account = devnet.accounts[_WORKER]
        await _prepare_market(here, devnet)
        note(f"development chain {devnet.chain_id} at {devnet.rpc}; its state is kept")
        note("`pekanu account import alice --devnet 0` stores an account with money")
        site = SiteOptions(
            home=session.home,
            rpc=devnet.rpc,
            account=devnet.accounts[_BUYER].address,
            others=(devnet.accounts[_SPARE].address,),
        )
        await _serve(stack, site, port)
        await _keep_files(stack, here, devnet.accounts[_KEEPER])
        # The chain goes away with the worker: taking the announcement back is of no use.
        deposit = await _get_missing_collateral(here, account)
        await work(here, WorkerOptions(retracts=False), account=account, deposit=deposit)


async def _keep_files(stack: AsyncExitStack, session: Session, account: Account) -> None:
    """Run a storage provider beside the worker; where it cannot be, the market runs without one."""
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.provider.provider import (
        ProviderOptions,
        deploy_provider,
        load_server_address,
        open_provider,
    )

    bound_memory()
    opening = AsyncExitStack()
    async with opening:
        try:
            desk = await opening.enter_async_context(
                open_account_desk(
                    session.home,
                    session.rpc,
                    account,
                    purpose="a storage provider",
                    with_referees=False,
                )
            )
            try:
                load_server_address(session.home, desk.address, desk.chain.chain_id)
            except NotDeployed:
                await deploy_provider(desk, session.home, _PENALTIES)
            options = ProviderOptions(retracts=False)
            node = await opening.enter_async_context(open_provider(desk, session.home, options))
            await opening.enter_async_context(node.running())
        except PekanuError as error:
            note(f"nobody keeps files here: {error.message}")
            return
        note(f"{desk.address} keeps files at {node.endpoint}")
        stack.push_async_exit(opening.pop_all())


async def _join(session: Session, port: int | None) -> None:
    """Run a node at a chain that exists: the site, and a worker where there is an account."""
    from pekanu.node.worker import WorkerOptions
    from pekanu.web.site import SiteOptions

    account = session.unlock() if session.account or session.keystore.list() else None
    async with AsyncExitStack() as stack:
        await _serve(stack, SiteOptions(home=session.home, rpc=session.rpc), port)
        if account is None:
            note("no account is stored here: the site makes one, under Settings")
            await asyncio.Event().wait()
        else:
            await work(session, WorkerOptions(), account=account)


async def _host(session: Session, origin: str, port: int | None) -> None:
    """Serve the pages that hold no keys, for browsers anywhere."""
    from urllib.parse import urlsplit

    from pekanu.web.site import SiteOptions

    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
        raise UsageError(
            f"{origin!r} is no origin", hint="write it like https://pekanu.example, without a path"
        )
    options = SiteOptions(
        home=session.home,
        rpc=session.rpc,
        origins=(f"{parts.scheme}://{parts.netloc}",),
        is_hosted=True,
    )
    async with AsyncExitStack() as stack:
        served = await _open_site(stack, options, port)
        note(f"hosted for {served.url}, listening at 127.0.0.1:{served.site.port}; Ctrl-C stops it")
        await asyncio.Event().wait()


async def _serve(stack: AsyncExitStack, options: SiteOptions, port: int | None) -> None:
    """Serve the site, and tell the link that lets a browser in."""
    links: list[Served] = []
    served = await _open_site(
        stack, options, port, lambda: note(f"for another browser: {links[0].make_link()}")
    )
    links.append(served)
    note(f"the site: {served.make_link()}")


async def _open_site(
    stack: AsyncExitStack,
    options: SiteOptions,
    port: int | None,
    on_launch: Callable[[], None] = lambda: None,
) -> Served:
    """Return the site at a port, or near the usual one where none was chosen."""
    from pekanu.web.serving import serve_site

    try:
        serving = serve_site(options, port=_PORT if port is None else port, on_launch=on_launch)
        return await stack.enter_async_context(serving)
    except UsageError:
        if port is not None:
            raise
        return await stack.enter_async_context(serve_site(options, on_launch=on_launch))


async def _prepare_market(session: Session, devnet: Devnet) -> None:
    from pekanu.chain import AddressBook, MemoryPendingStore, Sender, deploy

    async with session.connect() as chain:
        try:
            await AddressBook.load(session.home, chain.chain_id).verify(chain)
        except NotDeployed:
            sender = Sender(chain, devnet.accounts[_DEPLOYER], MemoryPendingStore())
            (await deploy(sender)).save(session.home)


async def _get_missing_collateral(session: Session, account: Account) -> Wei | None:
    from pekanu.cli.market import open_market

    async with open_market(session) as door:
        free = await door.contract.fetch_ledger(account.address)
    return None if free >= _COLLATERAL else Wei(_COLLATERAL - free)
