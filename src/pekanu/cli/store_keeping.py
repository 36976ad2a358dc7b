"""`pekanu store` for what stands already: verify, challenge, fine, renew, give back.

Not here: storing and fetching (`store`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.commands import command
from pekanu.cli.output import format_span, note, print_json, show_bytes
from pekanu.cli.session import Session
from pekanu.errors import InvalidInput, UsageError, WorkerFault
from pekanu.json_text import parse_json
from pekanu.node.storage.units import parse_span
from pekanu.types import format_wei, parse_wei

if TYPE_CHECKING:
    from pekanu.node.storage.keeping import ChallengeSeen

_What = Annotated[str, typer.Argument(metavar="NAME|ID", help="Of your own.")]


def register_keeping(group: typer.Typer) -> None:
    """Add the commands."""
    command(group, "verify", epilog="Example: pekanu store verify photos --sample 0.05")(_verify)
    command(group, "challenge", epilog="Example: pekanu store challenge photos")(_challenge)
    command(group, "renew", epilog="Example: pekanu store renew photos --term 1y")(_renew)
    command(group, "rm", epilog="Example: pekanu store rm photos")(_rm)
    command(group, "receipt", epilog="Example: pekanu store receipt photos -o photos.receipt")(
        _receipt
    )
    command(group, "register", epilog="Example: pekanu store register --provider 0x…")(_register)
    command(group, "fine", epilog="Example: pekanu store fine photos")(_fine)
    command(group, "reclaim", epilog="Example: pekanu store reclaim photos")(_reclaim)


class ProviderFault(WorkerFault):
    """A provider failed to show what it is paid to keep."""


async def _verify(
    session: Session,
    what: Annotated[
        str | None, typer.Argument(metavar="NAME|ID|LINK", help="Of your own, or a link.")
    ] = None,
    *,
    sample: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of chunks of which one random leaf is asked."),
    ] = 1.0,
    receipt: Annotated[
        Path | None, typer.Option(help="Check an exported receipt, offline; no NAME.")
    ] = None,
) -> None:
    """Check that the provider holds every byte, or a sample; or check a receipt offline."""
    if receipt is not None:
        if what is not None:
            raise UsageError("--receipt goes without NAME")
        _verify_receipt(session, receipt)
        return
    if what is None:
        raise UsageError("verify what?", hint="`pekanu store ls` lists what is stored")
    from pekanu.cli.store import find_shared, open_stored
    from pekanu.node.storage.reading import verify_object

    async with open_stored(session) as desk:
        shared = find_shared(desk, what)
        with show_bytes("verifying chunks") as progress:
            found = await verify_object(desk, shared, share=sample, progress=progress)
    if session.as_json:
        print_json(
            {
                "asked": found.asked,
                "proved": found.proved,
                "is_good": found.is_good,
                "failure": found.failure,
            }
        )
    if not found.is_good:
        raise ProviderFault(
            f"{found.proved} of {found.asked} were proved: {found.failure}",
            hint="`pekanu store challenge` makes the provider show it on chain, or pay",
        )
    note(f"{found.proved} of {found.asked} chunks were proved")


def _verify_receipt(session: Session, path: Path) -> None:
    from pekanu.cli.files import read_bounded
    from pekanu.node.storage.receipts import check_exported

    try:
        document = parse_json(read_bounded(path, 1 << 20))
    except ValueError as error:
        raise InvalidInput(
            f"{path} is no storage receipt", hint="`pekanu store receipt` exports one"
        ) from error
    facts = check_exported(document)
    if session.as_json:
        print_json(facts)
        return
    note(f"valid: {facts['provider']} signed that it holds {facts['size']} bytes")
    note(f"agreement {facts['agreement_id']} with {facts['server']}, chain {facts['chain_id']}")


async def _receipt(
    session: Session,
    what: _What,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write it here; else it is shown.")
    ] = None,
) -> None:
    """Export a receipt, which anyone can check offline with `verify --receipt`."""
    from pekanu.cli.store import open_store
    from pekanu.node.storage.receipts import export_receipt

    async with open_store(session) as storer:
        document = export_receipt(storer.find(what))
    if out is None:
        print_json(document)
        return
    out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    note(f"written to {out}; `pekanu store verify --receipt {out}` checks it")


async def _challenge(
    session: Session,
    what: _What,
    *,
    chunk: Annotated[int | None, typer.Option(min=0, help="Which; else a random one.")] = None,
    leaf: Annotated[int | None, typer.Option(min=0, help="Its leaf of 256 bytes.")] = None,
    count: Annotated[int, typer.Option(min=1, max=1024, help="So many leaves.")] = 1,
    wait: Annotated[str, typer.Option(help="Wait so long for the answer.")] = "60s",
) -> None:
    """Make the provider show bytes on chain; without an answer its penalty is yours."""
    from pekanu.cli.store import open_store
    from pekanu.node.storage.keeping import await_answer, challenge

    async with open_store(session) as storer:
        stored = storer.find(what)
        seen = await challenge(storer, stored, chunk=chunk, leaf=leaf, count=count)
        note(
            f"challenged: chunk {seen.chunk}, {seen.count} leaves from {seen.leaf}; you put up "
            f"{format_wei(seen.fee)}"
        )
        seen = await await_answer(
            storer, stored, seen, timeout_seconds=max(1.0, float(parse_span(wait)))
        )
        left = max(0, seen.deadline - storer.desk.watch.now) if seen.deadline else 0
    if session.as_json:
        print_json(_describe_challenge(seen))
    if seen.is_answered:
        note(f"answered: {len(seen.data)} bytes were shown with their proof; the fee is its pay")
    elif seen.is_answered is None:
        note(f"not answered yet; it has {format_span(left)}, then `pekanu store fine`")
    else:
        raise ProviderFault(
            "the challenge was not answered in time",
            hint="`pekanu store fine` takes the penalty",
        )


def _describe_challenge(seen: ChallengeSeen) -> dict[str, Any]:
    return {
        "chunk": seen.chunk,
        "leaf": seen.leaf,
        "count": seen.count,
        "fee_wei": str(seen.fee),
        "deadline": seen.deadline,
        "transaction": "0x" + seen.transaction.hex(),
        "is_answered": seen.is_answered,
        "data": "0x" + seen.data.hex(),
    }


async def _register(
    session: Session,
    *,
    provider: Annotated[
        str | None, typer.Option(help="Address of the provider.", show_default="the cheapest")
    ] = None,
) -> None:
    """Be let in by a provider and have a contract with it; `put` does it too (steps 1-4, 7)."""
    from pekanu.cli.store import open_store
    from pekanu.types import Address, parse_address

    wanted = None if provider is None else Address(parse_address(provider))
    async with open_store(session) as storer:
        registered = await storer.register(wanted)
    if session.as_json:
        print_json([step.to_json() for step in registered.steps])
    note(f"registered; your contract with the provider is {registered.contract.address}")


async def _fine(session: Session, what: _What) -> None:
    """Take the penalty for a challenge that was not answered (step 14)."""
    from pekanu.cli.store import open_store
    from pekanu.node.storage.keeping import fine

    async with open_store(session) as storer:
        step = await fine(storer, storer.find(what))
    if session.as_json:
        print_json(step.to_json())
    note(f"fined: {format_wei(int(step.evidence['to_client_wei']))} is yours")


async def _reclaim(session: Session, what: _What) -> None:
    """Take back the payment of an upload that was never confirmed."""
    from pekanu.cli.store import open_store
    from pekanu.node.storage.keeping import reclaim

    async with open_store(session) as storer:
        back = await reclaim(storer, storer.find(what))
    if session.as_json:
        print_json({"returned_wei": str(back)})
    note(f"{format_wei(back)} came back")


async def _renew(
    session: Session,
    what: _What,
    *,
    term: Annotated[str, typer.Option(help="How much longer: 30d, 1y.")] = "30d",
    max_price: Annotated[
        str | None, typer.Option(help='Most that may be paid, such as "0.01 ether".')
    ] = None,
) -> None:
    """Agree on another term; nothing is uploaded again."""
    from pekanu.cli.store import describe_stored, open_store
    from pekanu.node.storage.keeping import renew

    most = None if max_price is None else parse_wei(max_price)
    async with open_store(session) as storer:
        renewed = await renew(storer, storer.find(what), term=parse_span(term), max_price=most)
    if session.as_json:
        print_json(describe_stored(renewed))
    note(
        f"renewed for {format_wei(renewed.quote.terms.price)}: agreement "
        f"0x{renewed.agreement_id.hex()}"
    )


async def _rm(session: Session, what: _What) -> None:
    """End an agreement early; what is not served yet comes back, the provider forgets the bytes."""
    from pekanu.cli.store import open_store
    from pekanu.node.storage.keeping import give_back

    async with open_store(session) as storer:
        stored = storer.find(what)
        back = await give_back(storer, stored)
    if session.as_json:
        print_json({"agreement_id": "0x" + stored.agreement_id.hex(), "returned_wei": str(back)})
    note(f"given back; {format_wei(back)} came back")
