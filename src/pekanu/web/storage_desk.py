"""Storage as the site does it for the accounts of this node: what is prepared, under way, found.

A put that was broken off stands in the account's journal and is gone on with by `resume`. What is
not here: doing it (`pekanu.node.storage`), what a provider can be asked (`storage_acts`), files on
their way (`storage_uploads`), dialogs (`storage_offers`, `storage_plans`), pages.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pekanu.errors import KeystoreError, PekanuError, UsageError
from pekanu.node.peer_errors import PeerRefused
from pekanu.node.storage.deal import Admitted
from pekanu.node.storage.steps import Step
from pekanu.node.storage.store import Store, open_store
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.node.storage.storer import Agreed, Ears, Prepared
from pekanu.storage.manifest import Manifest
from pekanu.storage.state import AgreementState
from pekanu.types import Address, Hash32
from pekanu.web.accounts import Accounts, OpenClient
from pekanu.web.agreement_states import AgreementStates
from pekanu.web.storage_acts import Act
from pekanu.web.storage_uploads import StorageUploads
from pekanu.web.views.shell import Tone
from pekanu.web.views.storage import Outcome

_MAX_OUTCOMES: Final = 8


@dataclass(kw_only=True)
class StoreRun:
    """A put that is under way here, or was."""

    id: str
    name: str
    steps: dict[int, Step] = field(default_factory=dict)
    #: Bytes that the provider holds, and bytes in all.
    uploaded: tuple[int, int] = (0, 0)
    stored: StoredObject | None = None
    failure: PekanuError | None = None
    is_over: bool = False


class StorageDesk:
    """All that the site does about storage.

    Args:
        home: The node's folder.
        accounts: Who can act.
        beat: Called when anything changes.
    """

    def __init__(self, home: Path, accounts: Accounts, beat: Callable[[], None]) -> None:
        self.uploads = StorageUploads(home / "site" / "storage")
        self._home, self._accounts, self._beat = home, accounts, beat
        self._stores: dict[Address, tuple[OpenClient, Store]] = {}
        #: How providers have let accounts in since this site was opened, by account and contract.
        self._admitted: dict[tuple[Address, Address], Admitted] = {}
        #: By account and id: of the batch, and of the agreement once there is one.
        self._runs: dict[tuple[Address, str], StoreRun] = {}
        self._outcomes: dict[Hash32, deque[Outcome]] = {}
        self._busy: set[Hash32] = set()
        self._contents: dict[Hash32, Manifest | PekanuError] = {}
        self._asked: set[Hash32] = set()
        self._states = AgreementStates()
        self._tasks: set[asyncio.Task[None]] = set()
        self._opening = asyncio.Lock()

    async def open(self, account: Address) -> Store:
        """Return an account's storage.

        Raises:
            KeystoreError: Its key is not at hand here.
            JournalError: Another process acts for it.
        """
        if not self._accounts.is_unlocked(account):
            raise KeystoreError(
                "storing needs an account whose key is unlocked on this node",
                hint="choose or unlock one under Settings",
            )
        client = await self._accounts.open_client(account)
        async with self._opening:
            found = self._stores.get(account)
            if found is None or found[0] is not client:
                found = client, await open_store(client.node.desk, self._home)
                self._stores[account] = found
        return found[1]

    async def close(self) -> None:
        """Stop what is under way; the journals keep where it stands."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- storing ----------------------------------------------------------------------------------

    async def prepare(
        self, account: Address, batch: str, *, term: str, name: str, phrase: str = ""
    ) -> Prepared:
        """Return what storing a batch takes; nothing is signed.

        Args:
            account: Who stores.
            batch: What.
            term: For how long.
            name: What it is called; else as its one file or folder.
            phrase: Of a shared encryption domain; empty for the account's own.

        Raises:
            UsageError: There are no files, or the term cannot be read.
            NoProvider: Nobody takes it.
        """
        paths = self.uploads.list(batch)
        if not paths:
            raise UsageError("no file was chosen", hint="drop files on the page, or choose some")
        store = await self.open(account)
        called = name or (paths[0].name if len(paths) == 1 else f"{len(paths)} things")
        return await store.prepare(*paths, term=term, name=called, shared_domain=phrase)

    async def introduce(self, account: Address, prepared: Prepared, *, now: float) -> None:
        """Let a provider let an account in, by the request that was shown.

        Raises:
            ProtocolError: What the provider answered does not hold.
        """
        store = await self.open(account)
        server = Address(prepared.offer.info.server)
        self._admitted[account, server] = await store.storer.introduce(prepared, now=now)

    async def agree(self, account: Address, prepared: Prepared) -> Agreed | None:
        """Return the quote that the provider signs for what was prepared; nothing is signed here.

        None where it has not let the account in, or knows it no more.

        Raises:
            ProtocolError: The quote is not what was offered.
        """
        store, server = await self.open(account), Address(prepared.offer.info.server)
        fresh = self._admitted.get((account, server))
        admitted = fresh or store.storer.find_admitted(server)
        if admitted is None:
            return None
        try:
            return await store.storer.agree(prepared, admitted)
        except PeerRefused as error:
            if error.code != "terms" or fresh is not None:
                raise
            return None

    async def put(self, account: Address, batch: str, agreed: Agreed) -> StoreRun:
        """Begin to store what was agreed on, exactly as it was shown."""
        store = await self.open(account)
        self.uploads.begin(batch)
        run = StoreRun(id=batch, name=agreed.stored.name)
        self._runs[account, batch] = run
        self._start(self._follow(account, run, lambda: self._put(store, agreed, run)))
        return run

    async def resume(self, account: Address, stored: StoredObject) -> None:
        """Go on with a put that was broken off."""
        store = await self.open(account)
        key = account, stored.agreement_id.hex()
        before = self._runs.get(key)
        if before is not None and not before.is_over:
            return
        run = StoreRun(id=stored.agreement_id.hex(), name=stored.name, stored=stored)
        run.steps = {step.number: step for step in stored.steps}
        self._runs[key] = run
        progress = self._build_progress(run)
        self._start(self._follow(account, run, lambda: store.resume(stored, progress=progress)))

    def find_run(self, account: Address, subject: str) -> StoreRun | None:
        """Return the put of a batch or of an agreement, if it was here."""
        return self._runs.get((account, subject.removeprefix("0x")))

    async def _put(self, store: Store, agreed: Agreed, run: StoreRun) -> StoredObject:
        def note(step: Step) -> None:
            run.steps[step.number] = step
            self._beat()

        ears = Ears(step=note, uploading=self._build_progress(run))
        return await store.storer.put_agreed(agreed, ears)

    def _build_progress(self, run: StoreRun) -> Callable[[int, int], None]:
        loop = asyncio.get_running_loop()

        def note(done: int, whole: int) -> None:
            percent = [100 * part // max(1, of) for part, of in (run.uploaded, (done, whole))]
            run.uploaded = done, whole
            if percent[0] != percent[1]:
                # Chunks are counted where they are sent, which may be another thread.
                loop.call_soon_threadsafe(self._beat)

        return note

    async def _follow(
        self, account: Address, run: StoreRun, act: Callable[[], Awaitable[StoredObject]]
    ) -> None:
        try:
            run.stored = await act()
            run.steps = {step.number: step for step in run.stored.steps}
            self._runs[account, run.stored.agreement_id.hex()] = run
            if run.stored.step is StoreStep.STORED:
                self._forget_files(run.stored)
        except PekanuError as error:
            run.failure = error
            if run.stored is None:
                await self._keep_what_is_left(account, run)
        finally:
            run.is_over = True
            self._beat()

    async def _keep_what_is_left(self, account: Address, run: StoreRun) -> None:
        """Find the agreement of a put that failed; without one its files may go."""
        with contextlib.suppress(PekanuError):
            store = await self.open(account)
            for stored in store.ls():
                if any(self.uploads.find_batch(Path(path)) == run.id for path in stored.paths):
                    run.stored = stored
                    self._runs[account, stored.agreement_id.hex()] = run
                    return
            self.uploads.release(run.id)

    def _forget_files(self, stored: StoredObject) -> None:
        """Drop the files of an object that its provider holds now, where they came from here."""
        batches = {self.uploads.find_batch(Path(path)) for path in stored.paths} - {""}
        for batch in batches:
            self.uploads.end(batch)

    # --- what is known ----------------------------------------------------------------------------

    async def fetch_state(self, store: Store, stored: StoredObject, block: int) -> AgreementState:
        """Return where an agreement stands on chain, asked for once a block."""
        return await self._states.fetch(
            stored.agreement_id, block, lambda: store.fetch_state(stored)
        )

    def find_contents(self, store: Store, stored: StoredObject) -> Manifest | PekanuError | None:
        """Return what an object holds; None while its provider is asked."""
        agreement = stored.agreement_id
        if agreement not in self._contents and agreement not in self._asked:
            self._asked.add(agreement)

            async def ask() -> None:
                try:
                    self._contents[agreement] = await store.contents(stored)
                except PekanuError as error:
                    self._contents[agreement] = error
                finally:
                    self._asked.discard(agreement)
                    self._beat()

            self._start(ask())
        return self._contents.get(agreement)

    def forget_contents(self, stored: StoredObject) -> None:
        """Ask again next time, where the answer was a failure."""
        if isinstance(self._contents.get(stored.agreement_id), PekanuError):
            self._contents.pop(stored.agreement_id)

    def list_outcomes(self, stored: StoredObject) -> tuple[Outcome, ...]:
        """Return what came of what was asked for, newest first."""
        return tuple(self._outcomes.get(stored.agreement_id, ()))

    def is_busy(self, stored: StoredObject) -> bool:
        """Return whether something is being asked for."""
        return stored.agreement_id in self._busy

    # --- asking -----------------------------------------------------------------------------------

    def begin(self, act: Act, store: Store, stored: StoredObject) -> None:
        """Begin to ask an object's provider for something; what came of it is kept.

        Raises:
            UsageError: It is being asked for something already.
        """
        agreement = stored.agreement_id
        if agreement in self._busy:
            raise UsageError("something is being asked of this provider already")
        self._busy.add(agreement)

        async def follow() -> None:
            try:
                outcome = await act.do(store, stored)
                if act.is_last:
                    self._forget_files(stored)
            except PekanuError as error:
                hint = f" ({error.hint})" if error.hint else ""
                outcome = Outcome(title=act.failed, sentence=error.message + hint, tone=Tone.BAD)
            finally:
                self._busy.discard(agreement)
                self._states.forget(agreement)
            self.note(stored, outcome)

        self._beat()
        self._start(follow())

    def note(self, stored: StoredObject, outcome: Outcome) -> None:
        """Keep what came of something."""
        kept = self._outcomes.setdefault(stored.agreement_id, deque(maxlen=_MAX_OUTCOMES))
        kept.appendleft(outcome)
        self._beat()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        with contextlib.suppress(asyncio.CancelledError):
            task.result()
