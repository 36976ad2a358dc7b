"""`pekanu worker`: sell computations; what workers offer; what one has earned.

Not here: the worker's node (`pekanu.node`).
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.account import find_address
from pekanu.cli.commands import command
from pekanu.cli.market import MarketDoor, fetch_events, fold_tasks, open_market
from pekanu.cli.output import note, print_fields, print_json, print_table
from pekanu.cli.session import Session
from pekanu.cli.starting import collect_as_usual
from pekanu.errors import InsufficientFunds, PekanuError, UsageError
from pekanu.types import Address, Hash32, Wei, format_wei, parse_wei

if TYPE_CHECKING:
    from typing import TypeAlias

    from pekanu.chain import Account
    from pekanu.chain.events import Announced
    from pekanu.node.dask_executor import DaskExecutor
    from pekanu.node.executors import Executor
    from pekanu.node.peer_messages import Info, ProgramOffer
    from pekanu.node.process_executor import ProcessExecutor
    from pekanu.node.worker import WorkerNode, WorkerOptions
    from pekanu.node.worker_terms import WorkerTerms

    OpenExecutor: TypeAlias = ProcessExecutor | DaskExecutor


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Sell computations for money.", no_args_is_help=True)
    example = 'Example: pekanu worker start --account bob --base-price "0.001 ether"'
    command(group, "start", epilog=example)(_start)
    command(group, "offers")(_offers)
    command(group, "earnings", epilog="Example: pekanu worker earnings bob")(_earnings)
    app.add_typer(group, name="worker")


async def _start(  # noqa: PLR0913 - the options of a command
    session: Session,
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    endpoint: Annotated[
        str, typer.Option(help="URL to announce, when it is not where it listens.")
    ] = "",
    functions: Annotated[
        str | None, typer.Option(help="Sell only these, separated by commas.")
    ] = None,
    programs: Annotated[
        bool, typer.Option(help="Run clients' own programs too, within the limits of `offers`.")
    ] = True,
    base_price: Annotated[str, typer.Option(help="Price of any item.")] = "0.0001 ether",
    gigastep_price: Annotated[
        str, typer.Option(help="Price of a thousand million steps.")
    ] = "0.001 ether",
    stake: Annotated[
        str,
        typer.Option(help="Collateral of a task; its price or bond if that is more."),
    ] = "0.005 ether",
    capacity: Annotated[int, typer.Option(min=1, help="Tasks at once.")] = 4,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Executions at once; else one a processor.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            metavar="dask://HOST:PORT",
            help="Execute on this Dask cluster of yours, instead of here.",
        ),
    ] = None,
    compute_window: Annotated[int, typer.Option(min=60, help="Seconds to compute.")] = 600,
    audit_window: Annotated[int, typer.Option(min=60, help="Seconds to audit.")] = 600,
    response_window: Annotated[int, typer.Option(min=60, help="Seconds to respond.")] = 600,
    deposit: Annotated[
        str | None, typer.Option(help="Put this into the market first, as collateral.")
    ] = None,
) -> None:
    """Announce, quote, execute, deliver, defend, until interrupted."""
    from pekanu import catalog
    from pekanu.node.worker import WorkerOptions
    from pekanu.node.worker_terms import parse_terms

    terms = parse_terms(
        {
            "base-price": base_price,
            "gigastep-price": gigastep_price,
            "stake": stake,
            "compute-window": str(compute_window),
            "audit-window": str(audit_window),
            "response-window": str(response_window),
            "capacity": str(capacity),
            "functions": functions or "",
            "programs": "true" if programs else "false",
        }
    )
    for name in terms.functions:
        catalog.get(name)

    options = WorkerOptions(terms=terms, host=host, port=port, endpoint=endpoint)
    money = None if deposit is None else parse_wei(deposit)
    await until_signal(
        _open_and_work(session, options, _choose_executor(executor, processes), deposit=money)
    )


async def _open_and_work(
    session: Session,
    options: WorkerOptions,
    executor: Callable[[], OpenExecutor],
    *,
    deposit: Wei | None,
) -> None:
    await work(session, options, account=session.unlock(), executor=executor, deposit=deposit)


def _choose_executor(address: str | None, processes: int | None) -> Callable[[], OpenExecutor]:
    """Return what makes the executor; the place is checked at once."""
    if address is None:
        from pekanu.node.process_executor import ProcessExecutor

        return partial(ProcessExecutor, processes)
    if processes is not None:
        raise UsageError("--processes goes without --executor")
    from pekanu.node.dask_executor import DaskExecutor

    return partial(DaskExecutor, address)


async def work(
    session: Session,
    options: WorkerOptions,
    *,
    account: Account,
    executor: Callable[[], OpenExecutor] | None = None,
    deposit: Wei | None = None,
) -> None:
    """Run a worker's node until cancelled.

    Args:
        session: Names home and chain.
        options: Terms and addresses.
        account: Who works.
        executor: Makes what executes; None takes a process for each processor here.
        deposit: Put into the market first.

    Raises:
        InsufficientFunds: There is no collateral for a single task, and no task to go on with.
    """
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.process_executor import ProcessExecutor
    from pekanu.node.worker import WorkerNode

    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(
            open_account_desk(session.home, session.rpc, account, purpose="a worker")
        )
        if deposit:
            key = f"deposit:{secrets.token_hex(16)}"
            await desk.sender.send(desk.market.deposit(deposit), key=key)
        free = await desk.fetch_ledger()
        make = executor or ProcessExecutor
        opened: Executor = await stack.enter_async_context(make())
        worker = WorkerNode(desk, opened, session.home, options)
        if free < options.terms.stake and not worker.list_tasks():
            raise InsufficientFunds(
                f"{desk.address} has {format_wei(free)} free in the market, less than the stake "
                f"of one task, {format_wei(options.terms.stake)}",
                hint="start with --deposit, or `pekanu account deposit` first",
            )
        await stack.enter_async_context(worker.running())
        _tell_start(session, worker, options.terms, free)
        await asyncio.Event().wait()


def _tell_start(session: Session, worker: WorkerNode, terms: WorkerTerms, free: Wei) -> None:
    if session.as_json:
        document = {
            "worker": worker.desk.address,
            "endpoint": worker.endpoint,
            "chain_id": worker.desk.domain.chain_id,
            "market": worker.desk.domain.market,
            "market_wei": str(free),
        }
        print_json(document)
    note(f"{worker.desk.address} works at {worker.endpoint}; Ctrl-C stops it")
    note(f"a task stakes {format_wei(terms.stake)}, its price or a dispute's bond if that is more")
    for task in worker.list_tasks():
        note(f"goes on with 0x{task.task_id.hex()[:8]} ({task.step.value})")


async def until_signal(working: Coroutine[Any, Any, None], who: str = "the worker") -> None:
    """Await work until it ends or a signal ends it, which is no failure.

    Garbage is collected as Python does by default: it adds up where a process lives for long.
    """
    collect_as_usual()
    loop, running = asyncio.get_running_loop(), asyncio.create_task(working)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        note(f"{who} has stopped")


async def _offers(session: Session) -> None:
    """Show who sells what now, for how much, and how reliable each has been."""
    from pekanu.node.market_index import WORKER_ROLE, MarketIndex

    async with open_market(session) as door:
        index = MarketIndex()
        index.add(await fetch_events(door))
        announced = [one for one in index.list_workers() if one.role == WORKER_ROLE]
        infos = await asyncio.gather(*(_fetch_info(door, one) for one in announced))
    found = [
        (one, info, index.get_record(one.account))
        for one, info in zip(announced, infos, strict=True)
    ]
    if session.as_json:
        print_json(
            [
                {
                    "worker": one.account,
                    "endpoint": one.endpoint,
                    "answers": info is not None,
                    "capacity": info.capacity if info else 0,
                    "functions": [
                        {
                            "name": offer.name,
                            "base_price_wei": str(offer.base_price),
                            "gigastep_price_wei": str(offer.gigastep_price),
                        }
                        for offer in (info.functions if info else ())
                    ],
                    "programs": _describe_programs(info.programs if info else None),
                    "settled": record.settled,
                    "expired": record.expired,
                    "lost": record.lost,
                }
                for one, info, record in found
            ]
        )
        return
    rows = [
        (
            one.account,
            one.endpoint,
            ", ".join(_list_wares(info)) if info else "does not answer",
            format_wei(min(offer.base_price for offer in info.functions))
            if info and info.functions
            else "",
            str(info.capacity) if info else "",
            f"{record.settled} settled, {record.expired} expired, {record.lost} lost",
        )
        for one, info, record in found
    ]
    heads = ("worker", "endpoint", "sells", "from", "free", "record")
    print_table(heads, rows, empty="no worker announces itself on this chain")


def _list_wares(info: Info) -> list[str]:
    return [offer.name for offer in info.functions] + (["programs"] if info.programs else [])


def _describe_programs(offer: ProgramOffer | None) -> dict[str, object] | None:
    if offer is None:
        return None
    return {
        "base_price_wei": str(offer.base_price),
        "gigastep_price_wei": str(offer.gigastep_price),
        "max_steps": offer.max_steps,
        "max_bytes": offer.max_bytes,
        "max_count": offer.max_count,
    }


async def _fetch_info(door: MarketDoor, announced: Announced) -> Info | None:
    """Return what a worker says of itself, or None when it does not answer."""
    import time

    from pekanu.chain import Account
    from pekanu.node.channel_keys import ChannelIdentity
    from pekanu.node.peer_client import PeerClient
    from pekanu.node.peer_line import PeerAddress
    from pekanu.node.peer_talk import PeerPatience

    domain = door.contract.domain
    # Nobody in particular asks: a fresh key, forgotten afterwards.
    identity = ChannelIdentity.from_wallet(Account.create(), domain, now=time.time())
    address = PeerAddress(
        endpoint=announced.endpoint,
        worker=announced.account,
        channel_key=Hash32(announced.channel_key),
        domain=domain,
    )
    patience = PeerPatience(connect_seconds=2, read_seconds=5, patience_seconds=2)
    try:
        async with PeerClient(address, identity, patience=patience) as peer:
            return await peer.fetch_info()
    except PekanuError:
        return None


async def _earnings(
    session: Session,
    who: Annotated[
        str | None,
        typer.Argument(metavar="ACCOUNT", help="Name or address; else that of --account."),
    ] = None,
) -> None:
    """Show what a worker has earned and lost on this chain."""
    address = find_address(session, who)
    async with open_market(session) as door:
        summary = await _sum_up(door, address)
    if session.as_json:
        print_json(
            {
                "worker": address,
                **{
                    name: str(value) if name.endswith("_wei") else value
                    for name, value in summary.items()
                },
            }
        )
        return
    print_fields(
        [
            ("worker", address),
            ("tasks settled", str(summary["settled"])),
            ("tasks lost", str(summary["lost"])),
            ("tasks live", str(summary["live"])),
            ("earned", format_wei(summary["earned_wei"])),
            ("stakes lost", format_wei(summary["lost_wei"])),
            ("at stake now", format_wei(summary["at_stake_wei"])),
            ("free in the market", format_wei(summary["market_wei"])),
        ]
    )
    note("`pekanu account withdraw all` takes out what is free")


async def _sum_up(door: MarketDoor, worker: Address) -> dict[str, int]:
    from pekanu.market.state import Status

    summary = dict.fromkeys(
        ("settled", "lost", "live", "earned_wei", "lost_wei", "at_stake_wei"), 0
    )
    for record in fold_tasks(await fetch_events(door)):
        if record.worker != worker:
            continue
        status = (await door.contract.fetch_task(record.task_id)).status
        if status is Status.SETTLED:
            summary["settled"] += 1
            summary["earned_wei"] += record.task.price
        elif status in {Status.EXPIRED, Status.FORFEITED, Status.REFUTED}:
            summary["lost"] += 1
            summary["lost_wei"] += record.task.stake
        elif status.is_bound:
            summary["live"] += 1
            summary["at_stake_wei"] += record.task.stake
    return {**summary, "market_wei": await door.contract.fetch_ledger(worker)}
