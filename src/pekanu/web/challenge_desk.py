"""Others' claims that an account of this node takes to the referee, when somebody asks for it.

Nothing is challenged but what was computed again here with another result. What is not here: the
challenger itself (`pekanu.node.challenger`), the page (`challenge_pages`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from pekanu.errors import InvalidInput, InvalidMessage, KeystoreError, PekanuError, UsageError
from pekanu.node.audit_bundle import SUFFIX, AuditBundle
from pekanu.node.challenger import ChallengerNode, Finding, Suspicion
from pekanu.node.challenger_library import Library
from pekanu.node.client_shelf import ClientShelf
from pekanu.node.market_index import StandingClaim
from pekanu.types import Address, Hash32
from pekanu.web.accounts import Accounts, OpenClient
from pekanu.web.guard import MAX_FILE_BYTES
from pekanu.web.intake import write_pieces

#: Bundles that were brought and are kept.
_MAX_BUNDLES: Final = 64


@dataclass(frozen=True, slots=True)
class Failed:
    """A claim that could not be computed again."""

    error: PekanuError


#: What is known of a claim: nothing yet while it is computed.
Verdict: TypeAlias = Finding | Suspicion | Failed | None


def takes_part(account: Address, claim: StandingClaim) -> bool:
    """Return whether an account is a party of a claim's task, which does not challenge it here."""
    return account in (claim.task.client, claim.worker, claim.task.agent)


class ChallengeDesk:
    """The challenges of all accounts of a node.

    Args:
        home: The node's folder.
        accounts: Who can act.
        beat: Called when anything changes.
    """

    def __init__(self, home: Path, accounts: Accounts, beat: Callable[[], None]) -> None:
        self._home, self._accounts, self._beat = home, accounts, beat
        self._folder = home / "site" / "bundles"
        self._sources: dict[Hash32, AuditBundle | None] = {}
        self._verdicts: dict[tuple[Address, Hash32], Verdict] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def find_source(self, claim: StandingClaim) -> AuditBundle | None:
        """Return what a task computes, where this node can get it; looked for once."""
        if claim.task_id not in self._sources:
            library = Library(
                bundles=(self._folder,) if self._folder.is_dir() else (),
                shelves=(ClientShelf(self._home, claim.task.client),),
            )
            found = await asyncio.to_thread(library.find, claim.task_id, claim.task)
            self._sources[claim.task_id] = found
        return self._sources[claim.task_id]

    async def bring(self, claim: StandingClaim, pieces: AsyncIterator[bytes]) -> None:
        """Keep a bundle that somebody brought for a task.

        Raises:
            InvalidInput: It is too large, or of another task.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._folder / f"{claim.task_id.hex()}.draft"
        refusal = InvalidInput(f"a bundle has at most {MAX_FILE_BYTES} bytes here")
        try:
            await write_pieces(draft, pieces, room=MAX_FILE_BYTES, refusal=refusal)
            bundle = await asyncio.to_thread(_read_bundle, draft, claim)
            draft.replace(draft.with_suffix(SUFFIX))
        finally:
            draft.unlink(missing_ok=True)
        self._sources[claim.task_id] = bundle
        self._sweep()
        self._beat()

    def find_verdict(self, account: Address, claim: StandingClaim) -> Verdict:
        """Return what an account made of a claim; None as long as nothing is known."""
        return self._verdicts.get((account, claim.task_id))

    def is_checking(self, account: Address, claim: StandingClaim) -> bool:
        """Return whether a claim is being computed again."""
        key = account, claim.task_id
        return key in self._verdicts and self._verdicts[key] is None

    async def check(self, account: Address, claim: StandingClaim) -> None:
        """Begin to compute a claim again; what came of it is kept.

        Raises:
            KeystoreError: The account's key is not at hand here.
            UsageError: It cannot be, or is under way.
        """
        node, source = await self._open(account), await self.find_source(claim)
        if source is None:
            raise UsageError(
                "this node does not know what this task computes",
                hint="bring the bundle that its client can make",
            )
        if takes_part(account, claim):
            raise UsageError("who takes part in a task does not challenge it from here")
        if self.is_checking(account, claim):
            raise UsageError("it is being computed again already")
        key = account, claim.task_id
        self._verdicts[key] = None
        self._beat()

        async def judge() -> None:
            try:
                state = await node.desk.market.fetch_task(claim.task_id)
                self._verdicts[key] = await node.judge(claim, source, state)
            except PekanuError as error:
                self._verdicts[key] = Failed(error)
            finally:
                if self._verdicts[key] is None:
                    del self._verdicts[key]
                self._beat()

        task = asyncio.create_task(judge())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def get_suspicion(
        self, account: Address, claim: StandingClaim
    ) -> tuple[ChallengerNode, Suspicion]:
        """Return what a challenge would be about.

        Raises:
            UsageError: Nothing wrong was found.
        """
        node, found = await self._open(account), self.find_verdict(account, claim)
        if not isinstance(found, Suspicion):
            raise UsageError("nothing wrong was found in this claim", hint="compute it again first")
        return node, found

    async def close(self) -> None:
        """Stop what is under way; the journals keep the disputes."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, account: Address) -> ChallengerNode:
        if not self._accounts.is_unlocked(account):
            raise KeystoreError(
                "a dispute takes several moves, each in time, which this node makes by itself; "
                "that needs an account whose key is unlocked here",
                hint="choose or unlock one under Settings",
            )
        client: OpenClient = await self._accounts.open_client(account)
        return client.challenger

    def _sweep(self) -> None:
        kept = sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-_MAX_BUNDLES]:
            with contextlib.suppress(OSError):
                path.unlink()


def _read_bundle(path: Path, claim: StandingClaim) -> AuditBundle:
    try:
        bundle = AuditBundle.read(path)
    except InvalidMessage as error:
        raise InvalidInput("this is no bundle, or a part of it is missing") from error
    if not bundle.is_of(claim.task):
        raise InvalidInput("this bundle is of another task")
    return bundle
