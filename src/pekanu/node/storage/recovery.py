"""Finding one's objects again with nothing but the wallet: its payments, and the providers.

Not here: what an object is (`stored`), reading it (`reading`).
"""

from __future__ import annotations

from typing import Final

from pekanu.chain.storage_contract import StorageFactoryContract
from pekanu.chain.storage_events import Linked, Paid, decode_storage_event
from pekanu.errors import PekanuError
from pekanu.node.storage.download import fetch_manifest
from pekanu.node.storage.providers import OpenProvider, fetch_offers, open_provider_line
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Storer
from pekanu.storage.compact import from_compact
from pekanu.storage.link import Link
from pekanu.storage.state import Status
from pekanu.types import Address

_RANGE: Final = 2000


async def recover_objects(storer: Storer) -> list[StoredObject]:
    """Return objects that the journal did not know, after writing them there.

    Providers that announce themselves are asked for the links of what this wallet paid for; the
    links' memos are opened with the wallet's own key.
    """
    known = {one.agreement_id for one in storer.list()}
    factory = StorageFactoryContract(storer.desk.chain, storer.book["StorageFactory"].address)
    found: list[StoredObject] = []
    for offer in await fetch_offers(storer.desk, size=0, term=0):
        server = Address(offer.info.server)
        client = await factory.fetch_client(storer.desk.address, server)
        if client is None:
            continue
        payments = await _fetch_payments(storer, server, client)
        async with open_provider_line(
            storer.desk, storer.book, offer.announced, server
        ) as provider:
            for paid in payments:
                if paid.agreement_id in known:
                    continue
                stored = await _recover(storer, provider, paid)
                if stored is not None:
                    known.add(stored.agreement_id)
                    found.append(storer.record(stored))
    return found


async def _fetch_payments(storer: Storer, server: Address, client: Address) -> list[Paid]:
    chain, found = storer.desk.chain, []
    head = await chain.fetch_block_number()
    for start in range(storer.book["StorageFactory"].block_number, head + 1, _RANGE):
        for log in await chain.fetch_logs(server, start, min(head, start + _RANGE - 1)):
            event = decode_storage_event(log)
            if isinstance(event, Paid) and event.client == client:
                found.append(event)
    return found


async def _fetch_link(storer: Storer, provider: OpenProvider, paid: Paid) -> tuple[Link, bytes]:
    """Return L and sigma: from the provider, or as it put them on chain for a client that was gone.

    Raises:
        PekanuError: They are nowhere.
    """
    try:
        head = await provider.client.fetch_receipt(paid.agreement_id)
        return Link.decode(head.link), head.signature
    except PekanuError:
        chain, first = storer.desk.chain, paid.log.block_number
        head_block = await chain.fetch_block_number()
        for start in range(first, head_block + 1, _RANGE):
            last = min(head_block, start + _RANGE - 1)
            for log in await chain.fetch_logs(provider.server.address, start, last):
                event = decode_storage_event(log)
                if isinstance(event, Linked) and event.agreement_id == paid.agreement_id:
                    sealed = storer.secret.open_link(event.sealed_link)
                    return sealed, from_compact(event.r, event.vs)
        raise


async def _recover(storer: Storer, provider: OpenProvider, paid: Paid) -> StoredObject | None:
    """Return the object of a payment that stands and whose link this wallet can open, or None."""
    state = await provider.server.fetch_agreement(paid.agreement_id)
    if state.status not in {Status.STORED, Status.CHALLENGED}:
        return None
    try:
        link, signature = await _fetch_link(storer, provider, paid)
        manifest_key = storer.secret.open_memo(link.memo)
        manifest = await fetch_manifest(provider.client, link, manifest_key)
    except PekanuError:
        return None
    return StoredObject(
        step=StoreStep.STORED,
        name=manifest.name,
        chain_id=storer.desk.chain.chain_id,
        server=provider.server.address,
        provider=provider.address,
        client=paid.client,
        quote=paid.quote,
        quote_signature=bytes(65),
        root=link.root,
        blind=bytes(32),
        manifest_key=manifest_key,
        manifest_chunks=link.manifest_chunks,
        memo=link.memo,
        file_bytes=manifest.size,
        file_count=len(manifest.files),
        domain="own",
        receipt_signature=signature,
        created_at=int(state.started),
    )
