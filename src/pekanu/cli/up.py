"""`pekanu up`: a whole market on this machine, or a node at one that exists.

Not here: the parts (`chain`, `worker`), and the site, which does not exist yet.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pekanu.cli.chain import BLOCK_SECONDS, find_or_fetch
from pekanu.cli.commands import command
from pekanu.cli.output import note
from pekanu.cli.session import Session
from pekanu.cli.worker import until_signal, work
from pekanu.errors import NotDeployed
from pekanu.types import Wei

if TYPE_CHECKING:
    from pekanu.chain import Account, Devnet

#: What the development chain's worker keeps in the market, in wei.
_COLLATERAL: Final = Wei(10**18)
#: The development chain's accounts: who deploys, and who works. Number 0 is left to the user.
_DEPLOYER: Final = 9
_WORKER: Final = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "up", epilog="Example: pekanu up, then elsewhere: pekanu run …")(_up)


async def _up(
    session: Session,
    *,
    chain_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the development chain; 0 takes a free one.")
    ] = 8545,
) -> None:
    """Run a node; without --rpc on a development chain of its own, with market and worker."""
    await until_signal(_run(session, chain_port))


async def _run(session: Session, chain_port: int) -> None:
    from pekanu.node.worker import WorkerOptions

    if session.is_rpc_given:
        await work(session, WorkerOptions(), account=session.unlock())
        return
    from pekanu.chain import Devnet, DevnetOptions

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
        # The chain goes away with the worker: taking the announcement back is of no use.
        deposit = await _get_missing_collateral(here, account)
        await work(here, WorkerOptions(retracts=False), account=account, deposit=deposit)


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
