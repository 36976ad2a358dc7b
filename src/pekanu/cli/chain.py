"""`pekanu devnet` and `pekanu deploy`: a chain to try things on, and the contracts on any chain.

Not here: the node that uses them.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pekanu.cli.commands import command
from pekanu.cli.market import make_sender
from pekanu.cli.output import note, print_json, print_table
from pekanu.cli.session import Session
from pekanu.errors import NotDeployed

if TYPE_CHECKING:
    from pekanu.chain import AddressBook, Devnet

#: How often a development chain mines an empty block, so that its clock goes on.
BLOCK_SECONDS: Final = 2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "devnet", epilog="Example: pekanu devnet --port 8545")(_devnet)
    command(app, "deploy", epilog="Example: pekanu deploy --account alice")(_deploy)


def _devnet(
    session: Session,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8545,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the chain kept here.")] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the chain's program without asking.")
    ] = False,
    anvil: Annotated[
        Path | None, typer.Option(envvar="PEKANU_ANVIL", help="Path of anvil.")
    ] = None,
) -> None:
    """Run a development chain on this machine until interrupted."""
    from pekanu.chain import Devnet, DevnetOptions

    folder = session.home / "devnet"
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    options = DevnetOptions(
        state_folder=folder,
        port=port,
        anvil=find_or_fetch(anvil, is_agreed=fetch),
        block_seconds=BLOCK_SECONDS,
    )
    with _stopped_by_signals(), Devnet(options) as devnet:
        _print_devnet(session, devnet)
        while True:
            time.sleep(1)
            devnet.request("eth_chainId")  # raises when the chain died by itself
    note("the development chain has stopped")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Leave the block at Ctrl-C and at SIGTERM alike."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        with suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def find_or_fetch(given: Path | None, *, is_agreed: bool) -> Path:
    """Return anvil's path; where it is missing it is fetched, with consent.

    Raises:
        AnvilMissing: It is not here and nobody agreed.
    """
    from pekanu.chain import AnvilMissing, fetch_anvil, find_anvil

    try:
        return find_anvil(given)
    except AnvilMissing:
        if given is not None or not (is_agreed or sys.stdin.isatty()):
            raise
    return fetch_anvil(lambda question: is_agreed or typer.confirm(question, err=True))


def _print_devnet(session: Session, devnet: Devnet) -> None:
    accounts = list(zip(devnet.accounts, devnet.keys, strict=True))
    if session.as_json:
        listed = [{"address": account.address, "key": key} for account, key in accounts]
        document = {"rpc": devnet.rpc, "chain_id": devnet.chain_id, "accounts": listed}
        print_json(document)
        sys.stdout.flush()
        return
    rows = [(str(n), account.address) for n, (account, _) in enumerate(accounts)]
    print_table(("number", "funded account"), rows, empty="")
    note("everybody knows their keys; `pekanu account import NAME --devnet NUMBER` stores one")
    note(f"chain {devnet.chain_id} at {devnet.rpc}; Ctrl-C stops it, its state is kept")


async def _deploy(
    session: Session,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Deploy though contracts are known here already.")
    ] = False,
) -> None:
    """Deploy the contracts and write the chain's address book."""
    from pekanu.chain import AddressBook, deploy

    async with session.connect() as chain:
        if not again:
            try:
                book = AddressBook.load(session.home, chain.chain_id)
                await book.verify(chain)
            except NotDeployed:
                pass
            else:
                _print_book(session, book)
                note("they are there already; --again deploys others")
                return
        book = await deploy(make_sender(session, chain))
    path = book.save(session.home)
    _print_book(session, book)
    note(f"written to {path}")


def _print_book(session: Session, book: AddressBook) -> None:
    if session.as_json:
        contracts = {
            name: {
                "address": one.address,
                "code_hash": "0x" + one.code_hash.hex(),
                "block_number": one.block_number,
            }
            for name, one in book.contracts.items()
        }
        print_json({"chain_id": book.chain_id, "contracts": contracts})
        return
    rows = [(name, one.address, str(one.block_number)) for name, one in book.contracts.items()]
    print_table(("contract", "address", "block"), rows, empty="none")
