"""`pekanu provider`: keep other people's files for money.

Not here: the provider's node (`pekanu.node.provider`).
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.account import find_address
from pekanu.cli.allocator import bound_memory
from pekanu.cli.commands import command
from pekanu.cli.output import note, print_fields, print_json
from pekanu.cli.session import Session
from pekanu.cli.worker import until_signal
from pekanu.node.storage.units import format_size, parse_span
from pekanu.types import Address, Wei, format_wei, parse_wei

if TYPE_CHECKING:
    from pekanu.node.provider.index import Usage
    from pekanu.node.provider.provider import ProviderNode, ProviderOptions


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Keep files for money.", no_args_is_help=True)
    example = 'Example: pekanu provider deploy --account carol --deposit "1 ether"'
    command(group, "deploy", epilog=example)(_deploy)
    example = "Example: pekanu provider start --account carol --capacity 500GiB"
    command(group, "start", epilog=example)(_start)
    command(group, "status")(_status)
    command(group, "deposit", epilog='Example: pekanu provider deposit "1 ether"')(_deposit)
    command(group, "withdraw", epilog="Example: pekanu provider withdraw all")(_withdraw)
    app.add_typer(group, name="provider")


async def _deploy(
    session: Session,
    *,
    deposit: Annotated[
        str, typer.Option(help="Penalties are reserved out of it; yours again after each term.")
    ] = "1 ether",
) -> None:
    """Deploy your storage contract with its penalty deposit (step 1)."""
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.provider.provider import deploy_provider

    money = parse_wei(deposit)
    async with open_account_desk(
        session.home,
        session.rpc,
        session.unlock(),
        purpose="a provider's deployment",
        with_referees=False,
    ) as desk:
        server = await deploy_provider(desk, session.home, money)
        free = await server.fetch_free()
        document = {
            "provider": desk.address,
            "server": server.address,
            "chain_id": desk.chain.chain_id,
            "deposit_wei": str(free),
        }
    if session.as_json:
        print_json(document)
    note(f"the storage contract of {document['provider']} is {document['server']}")
    note(f"its deposit is {format_wei(free)}; `pekanu provider start` offers storage")


async def _start(  # noqa: PLR0913 - the options of a command
    session: Session,
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    endpoint: Annotated[
        str, typer.Option(help="URL to announce, when it is not where it listens.")
    ] = "",
    store: Annotated[
        str,
        typer.Option(
            help="Folder, or s3://…, gs://…, az://…, for the chunks.",
            show_default="a folder of the home",
        ),
    ] = "",
    metadata: Annotated[
        str,
        typer.Option(
            help="postgresql://… for the index.", show_default="a SQLite file of the home"
        ),
    ] = "",
    capacity: Annotated[str, typer.Option(help="Room for all chunks.")] = "100 GiB",
    most: Annotated[str, typer.Option(help="Size of the largest upload.")] = "64 GiB",
    base_price: Annotated[str, typer.Option(help="Price of any agreement.")] = "0.00001 ether",
    price: Annotated[str, typer.Option(help="Price of a GiB over 30 days.")] = "0.001 ether",
    penalty_factor: Annotated[
        int, typer.Option(min=0, max=1000, help="Times the price that you lose when you fail.")
    ] = 5,
    least_penalty: Annotated[str, typer.Option(help="What you lose at least.")] = "0.001 ether",
    rebate_permille: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="Parts of a thousand of the price that you give back at the end of a term for "
            "what others had stored with you all the time.",
        ),
    ] = 500,
    least_term: Annotated[str, typer.Option(help="Shortest term.")] = "10min",
    confirm_window: Annotated[str, typer.Option(help="From payment to receipt.")] = "1d",
    response_window: Annotated[str, typer.Option(help="To answer a challenge.")] = "1d",
    collect_every: Annotated[str, typer.Option(help="Between collections of income.")] = "1d",
    confirmations: Annotated[int, typer.Option(min=1, help="Blocks that must hold a payment.")] = 1,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Show metrics at this port of this machine."),
    ] = None,
) -> None:
    """Announce, quote, keep, prove, collect, until interrupted."""
    from pekanu.node.provider.provider import ProviderOptions
    from pekanu.node.provider.terms import parse_terms

    terms = parse_terms(
        {
            "base-price": base_price,
            "price": price,
            "penalty-factor": str(penalty_factor),
            "least-penalty": least_penalty,
            "rebate-permille": str(rebate_permille),
            "least-term": least_term,
            "confirm-window": confirm_window,
            "response-window": response_window,
            "capacity": capacity,
            "most": most,
        }
    )
    options = ProviderOptions(
        terms=terms,
        host=host,
        port=port,
        endpoint=endpoint,
        store=store,
        metadata=metadata,
        collect_seconds=parse_span(collect_every),
    )
    await until_signal(
        _serve(session, options, confirmations=confirmations, metrics_port=metrics_port),
        "the provider",
    )


async def _serve(
    session: Session, options: ProviderOptions, *, confirmations: int, metrics_port: int | None
) -> None:
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.peer_listener import PeerListener
    from pekanu.node.provider.metrics import build_metrics_app
    from pekanu.node.provider.provider import open_provider

    bound_memory()
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(
            open_account_desk(
                session.home,
                session.rpc,
                session.unlock(),
                purpose="a storage provider",
                confirmations=confirmations,
                with_referees=False,
            )
        )
        node = await stack.enter_async_context(open_provider(desk, session.home, options))
        await stack.enter_async_context(node.running())
        metrics = ""
        if metrics_port is not None:
            listener = await stack.enter_async_context(
                PeerListener(build_metrics_app(node), port=metrics_port)
            )
            metrics = f"{listener.endpoint}/metrics"
        await _tell_start(session, node, metrics)
        await asyncio.Event().wait()


async def _tell_start(session: Session, node: ProviderNode, metrics: str) -> None:
    shop = node.shop
    free = await shop.server.fetch_free()
    if session.as_json:
        print_json(
            {
                "provider": shop.desk.address,
                "endpoint": node.endpoint,
                "server": shop.server.address,
                "chain_id": shop.domain.chain_id,
                "free_deposit_wei": str(free),
                "metrics": metrics,
            }
        )
    note(f"{shop.desk.address} keeps files at {node.endpoint}; Ctrl-C stops it")
    note(f"free deposit for penalties: {format_wei(free)}")
    if metrics:
        note(f"metrics: {metrics}")


async def _status(
    session: Session,
    who: Annotated[
        str | None,
        typer.Argument(metavar="ACCOUNT", help="Name or address; else that of --account."),
    ] = None,
    *,
    metadata: Annotated[
        str,
        typer.Option(help="postgresql://… of the index.", show_default="a SQLite file of the home"),
    ] = "",
) -> None:
    """Show what a provider of this home keeps, owes and earns; also while it runs."""
    address = find_address(session, who)
    document = await _sum_up(session, address, metadata)
    if session.as_json:
        print_json(document)
        return
    rows = document["agreements"]
    print_fields(
        [
            ("provider", document["provider"]),
            ("contract", document["server"]),
            ("free deposit", format_wei(int(document["free_deposit_wei"]))),
            ("reserved penalties", format_wei(int(document["reserved_wei"]))),
            ("kept", f"{format_size(document['live_bytes'])} in {document['chunk_count']} chunks"),
            ("agreed on", format_size(document["agreed_bytes"])),
            ("on disk", format_size(document["pack_bytes"])),
            ("awaited", format_size(document["awaited_bytes"])),
            ("live agreements", str(sum(row["is_live"] for row in rows))),
            ("to collect now", format_wei(int(document["due_wei"]))),
            ("open challenges", str(document["open_challenges"])),
        ]
    )


async def _sum_up(session: Session, address: Address, metadata: str) -> dict[str, Any]:
    from pekanu.chain.storage_contract import StorageServerContract
    from pekanu.node.provider.agreements import get_agreed_bytes, read_agreement
    from pekanu.node.provider.index import open_index
    from pekanu.node.provider.keeper import get_due
    from pekanu.node.provider.provider import get_provider_folder, load_server_address
    from pekanu.storage.state import Status

    async with session.connect() as chain:
        server_address, _ = load_server_address(session.home, address, chain.chain_id)
        server = StorageServerContract(chain, server_address)
        now = await chain.get_time()
        folder = get_provider_folder(session.home, address)
        with open_index(metadata or folder / "index.db") as index:
            usage: Usage = index.measure()
            rows = index.list_agreements()
        reserved = due = challenges = 0
        agreements = []
        for row in rows:
            agreement = read_agreement(row)
            state = await server.fetch_agreement(row.agreement_id)
            if state.status.is_live:
                reserved += agreement.terms.penalty
                due += get_due(agreement.terms, state, now)
                challenges += state.status is Status.CHALLENGED
            agreements.append(
                {
                    "agreement_id": "0x" + row.agreement_id.hex(),
                    "agent": row.agent,
                    "stage": row.stage,
                    "is_live": row.is_live,
                    "on_chain": state.status.name.lower(),
                    "size": agreement.content.size,
                    "price_wei": str(agreement.terms.price),
                    "penalty_wei": str(agreement.terms.penalty),
                    "started": state.started,
                    "term": agreement.terms.term,
                }
            )
        return {
            "provider": address,
            "server": server_address,
            "free_deposit_wei": str(await server.fetch_free()),
            "reserved_wei": str(reserved),
            "due_wei": str(due),
            "open_challenges": challenges,
            "pack_bytes": usage.pack_bytes,
            "live_bytes": usage.live_bytes,
            "awaited_bytes": usage.awaited_bytes,
            "agreed_bytes": get_agreed_bytes(rows),
            "chunk_count": usage.chunk_count,
            "agreements": agreements,
        }


async def _deposit(
    session: Session,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help='Such as "1 ether".')],
) -> None:
    """Add to the deposit out of which penalties are reserved."""
    await _move(session, parse_wei(amount), is_deposit=True)


async def _withdraw(
    session: Session,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help='Such as "1 ether", or "all".')],
) -> None:
    """Take out of the deposit what no agreement reserves."""
    await _move(session, None if amount == "all" else parse_wei(amount), is_deposit=False)


async def _move(session: Session, amount: Wei | None, *, is_deposit: bool) -> None:
    from pekanu.chain.storage_contract import StorageServerContract
    from pekanu.node.account_desk import open_account_desk
    from pekanu.node.provider.provider import load_server_address

    async with open_account_desk(
        session.home,
        session.rpc,
        session.unlock(),
        purpose="a provider's money",
        with_referees=False,
    ) as desk:
        address, _ = load_server_address(session.home, desk.address, desk.chain.chain_id)
        server = StorageServerContract(desk.chain, address)
        money = await server.fetch_free() if amount is None else amount
        call = server.deposit(money) if is_deposit else server.withdraw(money)
        receipt = await desk.sender.send(call, key=f"provider-money:{secrets.token_hex(16)}")
        free = await server.fetch_free()
    if session.as_json:
        print_json(
            {
                "transaction": "0x" + receipt.transaction.hex(),
                "amount_wei": str(money),
                "free_deposit_wei": str(free),
            }
        )
    note(f"{format_wei(money)} moved; the free deposit is {format_wei(free)}")
