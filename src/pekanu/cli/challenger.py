"""`pekanu challenger`: find lies in what is delivered, and take them to the referee for the reward.

Not here: the challenger's node (`pekanu.node`).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.account import find_address
from pekanu.cli.commands import command
from pekanu.cli.files import check_writable
from pekanu.cli.market import fetch_events, find_task, fold_tasks, open_market
from pekanu.cli.output import note, print_json
from pekanu.cli.session import Session
from pekanu.errors import UsageError
from pekanu.types import format_wei, parse_address, parse_wei

if TYPE_CHECKING:
    from pekanu.node.challenger import ChallengerNode, ChallengerOptions
    from pekanu.node.challenger_library import Library


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Challenge lies before the referee.", no_args_is_help=True)
    example = "Example: pekanu challenger start --account carol --bundle ./watched"
    command(group, "start", epilog=example)(_start)
    example = "Example: pekanu challenger bundle 0x3fa9 --out task.bundle"
    command(group, "bundle", epilog=example)(_bundle)
    app.add_typer(group, name="challenger")


async def _start(  # noqa: PLR0913 - the options of a command
    session: Session,
    *,
    bundles: Annotated[
        list[Path] | None,
        typer.Option("--bundle", exists=True, help="What a client gave, or a folder; repeat."),
    ] = None,
    inputs: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            exists=True,
            help="Framed inputs of the catalog's functions, or a folder; repeat.",
        ),
    ] = None,
    agent_for: Annotated[
        list[str] | None,
        typer.Option(help="Client that named this account its agent and asked for it; repeat."),
    ] = None,
    max_bound: Annotated[str, typer.Option(help="Most that bonds may bind at once.")] = "0.1 ether",
    min_profit: Annotated[
        str, typer.Option(help="Least that a challenge must bring beside its gas.")
    ] = "0 ether",
    once: Annotated[
        bool, typer.Option("--once", help="Look once, and end when its disputes have.")
    ] = False,
) -> None:
    """Recompute what is delivered, challenge what is wrong, play, until interrupted."""
    from pekanu.node.challenger import ChallengerOptions
    from pekanu.node.challenger_library import Library
    from pekanu.node.client_shelf import ClientShelf

    clients = [parse_address(find_address(session, name)) for name in agent_for or []]
    shelves = [ClientShelf(session.home, client) for client in clients]
    if not (bundles or inputs or shelves):
        raise UsageError(
            "nothing is known of any task",
            hint="give --bundle, --input or --agent-for; `pekanu challenger bundle` makes bundles",
        )
    library = Library(bundles=tuple(bundles or ()), inputs=tuple(inputs or ()), shelves=shelves)
    options = ChallengerOptions(
        max_bound=parse_wei(max_bound),
        min_profit=parse_wei(min_profit),
        agent_for=frozenset(clients),
    )
    await _run(session, library, options, once=once)


async def _run(
    session: Session, library: Library, options: ChallengerOptions, *, once: bool
) -> None:
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.challenger import ChallengerNode

    account = session.unlock()
    desk = open_account_desk(session.home, session.rpc, account, purpose="pekanu challenger")
    async with desk as opened:
        node = ChallengerNode(opened, session.home, library, options)
        async with node.running():
            note(f"{account.address} watches; at most {format_wei(options.max_bound)} is bound")
            following = asyncio.create_task(_tell(node))
            try:
                await _wait(node, once=once)
            finally:
                following.cancel()
        if session.as_json:
            print_json(_to_json(node))


async def _wait(node: ChallengerNode, *, once: bool) -> None:
    """Return when interrupted, or, if that is asked for, when there is nothing left to do."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if once:
        await node.look()
    while not stopped.is_set() and not (once and not node.disputes.list_tasks()):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await stopped.wait()


async def _tell(node: ChallengerNode) -> None:
    """Say what is made of each claim, and how disputes go."""
    told: dict[object, str] = {}
    while True:
        for standing, finding in node.findings.items():
            sentence = f"task 0x{standing.task_id.hex()[:8]}: {finding.value}"
            if told.get(standing.task_id) != sentence:
                told[standing.task_id] = sentence
                note(sentence)
        for dispute in node.disputes.list_tasks(live_only=False):
            sentence = f"dispute 0x{dispute.dispute.hex()[:8]}: {dispute.step.value}"
            if told.get(dispute.dispute) != sentence:
                told[dispute.dispute] = sentence
                note(f"{sentence}{': ' + dispute.message if dispute.message else ''}")
        await asyncio.sleep(0.5)


def _to_json(node: ChallengerNode) -> dict[str, Any]:
    return {
        "challenger": node.desk.address,
        "claims": [
            {"task_id": "0x" + standing.task_id.hex(), "finding": finding.name.lower()}
            for standing, finding in node.findings.items()
        ],
        "disputes": [
            {
                "dispute": "0x" + one.dispute.hex(),
                "task_id": "0x" + one.task_id.hex(),
                "item": one.item,
                "step": one.step.value,
                "bond": str(one.bond),
                "message": one.message,
            }
            for one in node.disputes.list_tasks(live_only=False)
        ],
    }


async def _bundle(
    session: Session,
    task_id: Annotated[str, typer.Argument(metavar="ID", help="The task's, or how it begins.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")],
) -> None:
    """Write what a challenger needs to watch one of your tasks: terms, program, inputs, results."""
    from pekanu.node.client_shelf import ClientShelf

    check_writable(out)
    async with open_market(session) as door:
        record = find_task(fold_tasks(await fetch_events(door)), task_id)
    bundle = ClientShelf(session.home, record.task.client).find(record.task_id)
    if bundle is None or not bundle.is_of(record.task):
        raise UsageError(
            f"{session.home} does not hold the task 0x{record.task_id.hex()[:8]} of "
            f"{record.task.client}",
            hint="its client's home does, until the task has ended",
        )
    bundle.write(out)
    note(f"written to {out}: whoever has it sees the inputs")
