"""Everything a client does with storage, behind one object: for programs and the site.

Methods take an object by its name, the beginning of its agreement's id, a link's text, or itself.
Not here: what is done (`storer`, `reading`, `keeping`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from pekanu.node.market_desk import MarketDesk
from pekanu.node.pieces import Progress
from pekanu.node.storage import keeping, reading
from pekanu.node.storage.keeping import ChallengeSeen
from pekanu.node.storage.planning import PutRequest
from pekanu.node.storage.providers import ProviderOffer, fetch_offers
from pekanu.node.storage.reading import Fetched, Verified
from pekanu.node.storage.receipts import export_receipt
from pekanu.node.storage.recovery import recover_objects
from pekanu.node.storage.steps import Step
from pekanu.node.storage.stored import StoredObject
from pekanu.node.storage.storer import Ears, Prepared, Storer, open_storer
from pekanu.node.storage.units import parse_span
from pekanu.storage.link import SharedLink, is_link
from pekanu.storage.manifest import FileKind, Manifest
from pekanu.storage.state import AgreementState
from pekanu.types import Address, Wei, parse_address, parse_wei

What: TypeAlias = "str | StoredObject | SharedLink"
#: Seconds that a challenge's answer is waited for, unless told otherwise.
_ANSWER_SECONDS = 60.0


class Store:
    """One account's storage; made by `open_store`.

    Args:
        storer: Does it.
    """

    def __init__(self, storer: Storer) -> None:
        self.storer = storer

    async def fetch_offers(self, size: int, term: str | int = "30d") -> list[ProviderOffer]:
        """Return what providers ask for so many bytes, the cheapest first; nothing is signed."""
        return await fetch_offers(self.storer.desk, size=size, term=_read_span(term))

    async def prepare(
        self,
        *paths: str | Path,
        term: str | int = "30d",
        name: str = "",
        provider: str | None = None,
        max_price: str | int | None = None,
        shared_domain: str = "",
        reading: Progress | None = None,
    ) -> Prepared:
        """Return what a put would store and cost; files are read, nothing is signed.

        Args:
            paths: Files and folders.
            term: Such as ``30d``, or seconds.
            name: What the object is called; else as its first path.
            provider: The only one to ask.
            max_price: Most that may be paid.
            shared_domain: A phrase: deduplicate with all who know it, each of whom can then tell
                that a file which he has is stored.
            reading: Told bytes read and bytes in all.
        """
        request = PutRequest(
            paths=tuple(Path(path) for path in paths),
            term=_read_span(term),
            name=name,
            provider=None if provider is None else Address(parse_address(provider)),
            max_price=None if max_price is None else Wei(parse_wei(max_price)),
            shared_domain=shared_domain,
        )
        return await self.storer.prepare(request, reading)

    async def put(  # noqa: PLR0913 - as above
        self,
        *paths: str | Path,
        term: str | int = "30d",
        name: str = "",
        provider: str | None = None,
        max_price: str | int | None = None,
        shared_domain: str = "",
        on_step: Callable[[Step], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> StoredObject:
        """Store files by the 14 steps; arguments as for `prepare`.

        `on_step` is told each step that was taken, with its evidence; `progress` the bytes that
        the provider holds and bytes in all.
        """
        prepared = await self.prepare(
            *paths,
            term=term,
            name=name,
            provider=provider,
            max_price=max_price,
            shared_domain=shared_domain,
        )
        return await self.put_prepared(prepared, on_step=on_step, progress=progress)

    async def put_prepared(
        self,
        prepared: Prepared,
        *,
        on_step: Callable[[Step], None] = lambda _: None,
        progress: Progress | None = None,
    ) -> StoredObject:
        """Store what was prepared."""
        return await self.storer.put(prepared, Ears(step=on_step, uploading=progress))

    async def resume(self, what: What, *, progress: Progress | None = None) -> StoredObject:
        """Go on with a put that was broken off."""
        return await self.storer.resume(self.find(what), Ears(uploading=progress))

    def ls(self) -> list[StoredObject]:
        """Return this account's objects on this chain, oldest first."""
        return self.storer.list()

    def find(self, what: What) -> StoredObject:
        """Return one's own object."""
        return what if isinstance(what, StoredObject) else self.storer.find(str(what))

    async def fetch_state(self, what: What) -> AgreementState:
        """Return where an agreement stands on chain."""
        return await keeping.fetch_state(self.storer, self.find(what))

    async def contents(self, what: What) -> Manifest:
        """Return which files an object holds."""
        return await reading.fetch_contents(self.storer, self._share(what))

    async def get(
        self,
        what: What,
        out: str | Path | None = None,
        *,
        only: Sequence[str] = (),
        force: bool = False,
        progress: Progress | None = None,
    ) -> Fetched:
        """Fetch an object's files, each byte verified before it is written."""
        place = None if out is None else Path(out)
        return await reading.get_object(
            self.storer,
            self._share(what),
            place,
            only=only,
            is_forced=force,
            progress=progress,
        )

    async def read(self, what: What, size: int, *, path: str = "", offset: int = 0) -> bytes:
        """Return a range of a file, proved leaf by leaf."""
        shared = self._share(what)
        return await reading.read_range(self.storer, shared, path=path, offset=offset, size=size)

    def iterate(self, what: What, path: str = "") -> AsyncGenerator[bytes, None]:
        """Yield the bytes of one file in order, each verified."""
        return reading.iterate_file(self.storer, self._share(what), path)

    async def verify(
        self, what: What, sample: float = 1.0, *, progress: Progress | None = None
    ) -> Verified:
        """Return whether the provider holds all, or a random leaf of a share of the chunks."""
        return await reading.verify_object(
            self.storer, self._share(what), share=sample, progress=progress
        )

    async def challenge(
        self,
        what: What,
        *,
        chunk: int | None = None,
        leaf: int | None = None,
        count: int = 1,
        timeout: float = _ANSWER_SECONDS,  # noqa: ASYNC109 - as futures have it
    ) -> ChallengeSeen:
        """Make the provider show leaves on chain, and return what came of it in time."""
        stored = self.find(what)
        seen = await keeping.challenge(self.storer, stored, chunk=chunk, leaf=leaf, count=count)
        return await keeping.await_answer(self.storer, stored, seen, timeout_seconds=timeout)

    async def fine(self, what: What) -> Step:
        """Take the penalty for a challenge that was not answered."""
        return await keeping.fine(self.storer, self.find(what))

    async def renew(
        self, what: What, term: str | int = "30d", *, max_price: str | int | None = None
    ) -> StoredObject:
        """Agree on another term; nothing is uploaded again."""
        most = None if max_price is None else Wei(parse_wei(max_price))
        return await keeping.renew(
            self.storer, self.find(what), term=_read_span(term), max_price=most
        )

    async def rm(self, what: What) -> Wei:
        """End an agreement early; return what came back."""
        return await keeping.give_back(self.storer, self.find(what))

    async def reclaim(self, what: What) -> Wei:
        """Take back the payment of an upload that was never confirmed."""
        return await keeping.reclaim(self.storer, self.find(what))

    def export_receipt(self, what: What) -> dict[str, object]:
        """Return a receipt as a document that anyone can check offline."""
        return export_receipt(self.find(what))

    async def recover(self) -> list[StoredObject]:
        """Return objects of this wallet that this home did not know."""
        return await recover_objects(self.storer)

    async def fetch_file(self, what: What, folder: Path) -> Path:
        """Return a file below a folder with the bytes of an object that holds one file.

        Raises:
            InvalidInput: It holds several.
        """
        shared = self._share(what)
        manifest = await self.contents(shared)
        files = [one for one in manifest.files if one.kind is FileKind.FILE]
        reading.find_file(manifest, "")
        out = folder / shared.link.agreement_id.hex()[:16] / Path(files[0].path).name
        out.parent.mkdir(parents=True, exist_ok=True)
        await reading.get_object(
            self.storer, shared, out.parent, only=[files[0].path], is_forced=True
        )
        return out.parent / files[0].path

    def _share(self, what: What) -> SharedLink:
        if isinstance(what, SharedLink):
            return what
        if isinstance(what, str) and is_link(what):
            return SharedLink.from_text(what)
        return self.find(what).shared_link


def _read_span(span: str | int) -> int:
    return span if isinstance(span, int) else parse_span(span)


async def open_store(desk: MarketDesk, home: Path) -> Store:
    """Return the storage of a desk's account."""
    return Store(await open_storer(desk, home))
