"""`pekanu store`: keep files with a provider that pays when it loses them.

Not here: the client's node (`pekanu.node.storage`), what stands already (`store_keeping`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pekanu.cli.allocator import bound_memory
from pekanu.cli.commands import command
from pekanu.cli.output import (
    format_span,
    format_time,
    note,
    print_fields,
    print_json,
    print_table,
    show_bytes,
)
from pekanu.cli.session import Session
from pekanu.cli.store_keeping import register_keeping
from pekanu.errors import UsageError
from pekanu.node.storage.units import format_size, parse_span
from pekanu.types import Address, format_wei, parse_address, parse_wei

if TYPE_CHECKING:
    from pekanu.chain import Account
    from pekanu.node.market_desk import MarketDesk
    from pekanu.node.storage.planning import Planned, PutRequest
    from pekanu.node.storage.steps import Step
    from pekanu.node.storage.storage_desk import StorageDesk
    from pekanu.node.storage.stored import StoredObject
    from pekanu.node.storage.storer import Prepared, Storer
    from pekanu.storage.link import SharedLink


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Keep files with a provider that pays when it loses them.", no_args_is_help=True
    )
    command(group, "put", epilog="Example: pekanu store put photos --term 30d")(_put)
    command(group, "get", epilog="Example: pekanu store get photos --out back")(_get)
    command(group, "ls", epilog="Example: pekanu store ls photos")(_ls)
    register_keeping(group)
    app.add_typer(group, name="store")


@asynccontextmanager
async def open_store(
    session: Session, purpose: str = "a storage client", account: Account | None = None
) -> AsyncIterator[Storer]:
    """Yield the account's side of storage; the session's account is unlocked if none is given."""
    from pekanu.node.storage.storer import open_storer

    async with _open_desk(session, purpose, account) as desk:
        yield await open_storer(desk, session.home)


@asynccontextmanager
async def open_stored(
    session: Session, purpose: str = "a storage client"
) -> AsyncIterator[StorageDesk]:
    """Yield what the session's account has stored, for reading alone: that takes less to load."""
    from pekanu.node.storage.storage_desk import StorageDesk

    async with _open_desk(session, purpose) as desk:
        yield await StorageDesk.open(desk, session.home)


@asynccontextmanager
async def _open_desk(
    session: Session, purpose: str, account: Account | None = None
) -> AsyncIterator[MarketDesk]:
    from pekanu.node.account_desk import open_account_desk

    bound_memory()
    async with open_account_desk(
        session.home,
        session.rpc,
        account or session.unlock(),
        purpose=purpose,
        with_referees=False,
    ) as desk:
        yield desk


async def _put(  # noqa: PLR0913 - the options of a command
    session: Session,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH…", help="Files and folders; - reads stdin."),
    ] = None,
    *,
    term: Annotated[str, typer.Option(help="How long: 30d, 12h, 1y.")] = "30d",
    name: Annotated[str, typer.Option(help="What it is called; else as its path.")] = "",
    provider: Annotated[
        str | None, typer.Option(help="Address of the only provider to ask.")
    ] = None,
    max_price: Annotated[
        str | None, typer.Option(help='Most that may be paid, such as "0.01 ether".')
    ] = None,
    shared_domain: Annotated[
        str,
        typer.Option(
            help="Phrase: deduplicate with all who know it. Each of them, and the provider if it "
            "learns the phrase, can tell that you store a file which he has too.",
        ),
    ] = "",
    task: Annotated[
        str | None,
        typer.Option(help="Store the sealed output of a task of yours, by its id; no PATH."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show sizes and the full cost; sign nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with uploads that were broken off; no PATH.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the best offer unasked.")] = False,
) -> None:
    """Store files: the 14 steps, each with its evidence."""
    from pekanu.node.storage.planning import PutRequest

    if resume:
        if paths:
            raise UsageError("--resume goes without PATH")
        await _resume(session)
        return
    if task is not None:
        if paths:
            raise UsageError("--task goes without PATH")
        paths = [find_sealed_output(session, task)]
        name = name or f"task {paths[0].parent.name[:8]}"
    if not paths:
        raise UsageError("nothing to store was named", hint="name files or folders, or - for stdin")
    request = PutRequest(
        paths=tuple(paths),
        term=parse_span(term),
        name=name,
        provider=None if provider is None else Address(parse_address(provider)),
        max_price=None if max_price is None else parse_wei(max_price),
        shared_domain=shared_domain,
    )
    async with AsyncExitStack() as stack:
        storer, prepared = await _prepare(session, request, stack)
        cost = await storer.estimate_cost(prepared)
        for path in prepared.source.skipped:
            note(f"left out, neither file nor folder nor link: {path}")
        if dry_run:
            _show_dry_run(session, prepared, cost)
            return
        _tell_offer(prepared, request)
        is_asked = sys.stdin.isatty() and not yes
        if is_asked and not await asyncio.to_thread(
            typer.confirm, "Store it?", default=True, err=True
        ):
            raise UsageError("not stored: you declined; nothing was signed")
        stored = await _run_put(storer, prepared)
        _show_stored(session, stored)


async def _prepare(
    session: Session, request: PutRequest, stack: AsyncExitStack
) -> tuple[Storer, Prepared]:
    """Return what a put would store; the stack holds what it needs."""
    account = session.unlock()
    if request.paths == (Path("-"),):
        storer = await stack.enter_async_context(open_store(session, account=account))
        spooled = storer.spool(sys.stdin.buffer, request.name or "stdin")
        request = replace(request, paths=(stack.enter_context(spooled),))
        with show_bytes("reading") as reading:
            return storer, await storer.prepare(request, reading)
    async with _plan_early(request, account) as planning:
        storer = await stack.enter_async_context(open_store(session, account=account))
        return storer, await storer.prepare(request, planning=planning)


@asynccontextmanager
async def _plan_early(
    request: PutRequest, account: Account
) -> AsyncIterator[asyncio.Task[Planned]]:
    """Yield the pass over the files, under way beside the loading of all that deals with chains."""
    from pekanu.node.storage.planning import plan_files
    from pekanu.node.storage.sealing import StorageSecret

    bound_memory()
    secret = StorageSecret.from_wallet(account)
    with show_bytes("reading") as reading:
        planning = asyncio.create_task(plan_files(request, secret, reading))
        try:
            await asyncio.sleep(0)  # begins it
            yield planning
        finally:
            planning.cancel()
            await asyncio.gather(planning, return_exceptions=True)


def find_sealed_output(session: Session, task: str) -> Path:
    """Return the ciphertext of a task that the chosen account bought, as its node keeps it.

    Raises:
        UsageError: None is kept under this id, or several are.
    """
    address = session.keystore.find(session.get_account_name()).address
    folder = session.home / "work" / address.lower() / "client"
    digits = task.removeprefix("0x").lower()
    found = [path for path in folder.glob(f"{digits}*/ciphertext") if digits]
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} sealed outputs are kept here for task {task}",
            hint="`pekanu tasks` lists tasks; give enough of the id",
        )
    return found[0]


async def _run_put(storer: Storer, prepared: Prepared) -> StoredObject:
    from pekanu.node.storage.storer import Ears

    with show_bytes("uploading") as uploading:
        return await storer.put(prepared, Ears(step=_tell_step, uploading=uploading))


async def _resume(session: Session) -> None:
    from pekanu.node.storage.storer import Ears

    async with open_store(session) as storer:
        waiting = [one for one in storer.list(live_only=True) if await storer.is_unfinished(one)]
        if not waiting:
            note("no upload was broken off")
        if len(waiting) > 1 and session.as_json:
            raise UsageError(f"{len(waiting)} uploads were broken off", hint="go on without --json")
        for stored in waiting:
            note(f"goes on with {stored.name!r}")
            with show_bytes("uploading") as uploading:
                ears = Ears(step=_tell_step, uploading=uploading)
                done = await storer.resume(stored, ears)
            _show_stored(session, done)


def _tell_step(step: Step) -> None:
    keys = ("transaction", "agreement_id", "link_hash", "signature")
    shown = next((f" {step.evidence[key][:18]}…" for key in keys if step.evidence.get(key)), "")
    note(f"{step.number:>2}  {step.who}: {step.what}{shown}")


def _tell_offer(prepared: Prepared, request: PutRequest) -> None:
    offer, source = prepared.offer, prepared.source
    note(
        f"{len(source.entries)} entries, {format_size(source.size)}, in "
        f"{len(prepared.plan.names)} chunks, for {format_span(request.term)}"
    )
    note(
        f"{offer.announced.account} asks {format_wei(offer.price)} and loses "
        f"{format_wei(offer.penalty)} and what is not served yet when it fails"
    )
    note(f"if the upload never comes, {format_wei(offer.reservation_fee)} is burned")


def _show_dry_run(session: Session, prepared: Prepared, cost: dict[str, int]) -> None:
    offer, source, plan = prepared.offer, prepared.source, prepared.plan
    keys = {name.key for name in plan.names}
    unique = sum({name.key: name.size for name in plan.names}.values())
    document: dict[str, Any] = {
        "name": source.name,
        "entries": len(source.entries),
        "file_bytes": source.size,
        "chunks": len(plan.names),
        "unique_chunks": len(keys),
        "stored_bytes": plan.size,
        "unique_bytes": unique,
        "term": prepared.request.term,
        "provider": offer.announced.account,
        "price_wei": str(offer.price),
        "penalty_wei": str(offer.penalty),
        "rebate_permille": offer.info.rebate_permille,
        "reservation_fee_wei": str(offer.reservation_fee),
        "gas_wei": str(cost["gas_wei"]),
        "total_wei": str(offer.price + cost["gas_wei"]),
        "balance_wei": str(cost["balance_wei"]),
    }
    if session.as_json:
        print_json(document)
        return
    print_fields(
        [
            ("entries", str(document["entries"])),
            ("files", format_size(source.size)),
            ("to be kept", f"{format_size(plan.size)} in {len(plan.names)} chunks"),
            ("at most uploaded", format_size(unique)),
            ("provider", offer.announced.account),
            ("price", format_wei(offer.price)),
            ("gas, about", format_wei(cost["gas_wei"])),
            ("in all, about", format_wei(offer.price + cost["gas_wei"])),
            ("your balance", format_wei(cost["balance_wei"])),
            ("penalty if it fails", format_wei(offer.penalty)),
        ]
    )
    note("nothing was signed")


def _show_stored(session: Session, stored: StoredObject) -> None:
    if session.as_json:
        print_json(describe_stored(stored))
        return
    note(f"stored as {stored.name!r}, agreement 0x{stored.agreement_id.hex()}")
    note(f"`pekanu store get {stored.agreement_id.hex()[:8]}` brings it back")


def describe_stored(stored: StoredObject) -> dict[str, Any]:
    """Return an object as JSON has it."""
    terms = stored.quote.terms
    return {
        "name": stored.name,
        "agreement_id": "0x" + stored.agreement_id.hex(),
        "state": stored.step.value,
        "provider": stored.provider,
        "server": stored.server,
        "client_contract": stored.client,
        "chain_id": stored.chain_id,
        "entries": stored.file_count,
        "file_bytes": stored.file_bytes,
        "stored_bytes": stored.quote.content.size,
        "chunks": stored.quote.content.chunk_count,
        "domain": stored.domain,
        "price_wei": str(terms.price),
        "penalty_wei": str(terms.penalty),
        "term": terms.term,
        "link": stored.shared_link.to_text(),
        "steps": [step.to_json() for step in stored.steps],
    }


async def _get(  # noqa: PLR0913 - the options of a command
    session: Session,
    what: Annotated[
        str, typer.Argument(metavar="NAME|ID|LINK", help="Of your own, or a link you were given.")
    ],
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH…]", help="Within it; else all.")
    ] = None,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File or folder; - writes one file to stdout."),
    ] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="First byte of a range.")] = None,
    length: Annotated[int | None, typer.Option(min=1, help="Bytes of the range.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Fetch files, each byte proved; a get that was broken off goes on."""
    from pekanu.node.storage.reading import get_object

    if (offset is None) != (length is None):
        raise UsageError("a range needs --offset and --length")
    async with open_stored(session) as desk:
        shared = find_shared(desk, what)
        if out == Path("-") or length is not None:
            path = only[0] if only else ""
            await _write_stream(desk, shared, path, (offset, length), out)
            return
        with show_bytes("fetching") as progress:
            fetched = await get_object(
                desk, shared, out, only=only or (), is_forced=force, progress=progress
            )
    if session.as_json:
        print_json(
            {
                "name": fetched.manifest.name,
                "out": str(fetched.out),
                "entries": len(fetched.manifest.files),
                "file_bytes": fetched.manifest.size,
                "fetched_bytes": fetched.fetched_bytes,
            }
        )
    note(f"written to {fetched.out}, every byte verified")


async def _write_stream(
    desk: StorageDesk,
    shared: SharedLink,
    path: str,
    span: tuple[int | None, int | None],
    out: Path | None,
) -> None:
    from pekanu.node.storage.reading import iterate_file, read_range

    offset, length = span
    if length is not None:
        data = await read_range(desk, shared, path=path, offset=offset or 0, size=length)
        if out in {None, Path("-")}:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        elif out is not None:
            await asyncio.to_thread(out.write_bytes, data)
        return
    async for part in iterate_file(desk, shared, path):
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def find_shared(desk: StorageDesk, what: str) -> SharedLink:
    """Return the object that a name, the beginning of an id, or a link names."""
    from pekanu.storage.link import SharedLink, is_link

    return SharedLink.from_text(what) if is_link(what) else desk.find(what).shared_link


async def _ls(
    session: Session,
    what: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|ID|LINK]", help="Show its files; else all objects."),
    ] = None,
    *,
    recover: Annotated[
        bool,
        typer.Option("--recover", help="Ask chain and provider for what this home does not know."),
    ] = False,
) -> None:
    """List what is stored, or the files of one object."""
    async with open_store(session) as storer:
        if what is not None:
            await _list_files(session, storer, what)
            return
        if recover:
            from pekanu.node.storage.recovery import recover_objects

            found = await recover_objects(storer)
            note(f"{len(found)} objects were found on chain that this home did not know")
        await _list_objects(session, storer)


async def _list_objects(session: Session, storer: Storer) -> None:
    from pekanu.node.storage.keeping import fetch_state

    objects = storer.list()
    states = [await fetch_state(storer, one) for one in objects]
    if session.as_json:
        print_json(
            [
                {
                    **{k: v for k, v in describe_stored(one).items() if k != "steps"},
                    "on_chain": state.status.name.lower(),
                    "ends": state.started + one.quote.terms.term if state.started else 0,
                }
                for one, state in zip(objects, states, strict=True)
            ]
        )
        return
    rows = [
        (
            one.name,
            one.agreement_id.hex()[:8],
            str(one.file_count),
            format_size(one.file_bytes),
            one.step.value,
            state.status.name.lower(),
            format_time(state.started + one.quote.terms.term) if state.started else "",
            format_wei(one.quote.terms.price),
        )
        for one, state in zip(objects, states, strict=True)
    ]
    heads = ("name", "id", "entries", "size", "here", "on chain", "until", "price")
    print_table(heads, rows, empty="nothing is stored by this account on this chain")


async def _list_files(session: Session, desk: StorageDesk, what: str) -> None:
    from pekanu.node.storage.reading import fetch_contents

    manifest = await fetch_contents(desk, find_shared(desk, what))
    if session.as_json:
        print_json(
            {
                "name": manifest.name,
                "files": [
                    {
                        "path": entry.path.encode("utf-8", "surrogateescape").decode(
                            "utf-8", "replace"
                        ),
                        "kind": entry.kind.value,
                        "size": entry.size,
                        "mode": entry.mode,
                        "modified_ns": entry.modified,
                        "target": entry.target,
                    }
                    for entry in manifest.files
                ],
            }
        )
        return
    rows = [
        (
            f"{entry.mode:o}",
            str(entry.size) if entry.kind.value == "file" else entry.kind.value,
            format_time(entry.modified // 10**9),
            _make_printable(entry.path) + (f" -> {entry.target}" if entry.target else ""),
        )
        for entry in manifest.files
    ]
    print_table(("mode", "size", "modified", "path"), rows, empty="it holds no files")


def _make_printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
