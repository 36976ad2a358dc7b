"""A party's disputes: begun, driven to their ends, taken up again after a restart.

A node opens one and hands it what it knows (`LoadSubject`); a worker's finds by itself the disputes
in which its account must defend itself. Not here: a single dispute's next step (`dispute_machine`),
how that is done (`dispute_role`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

from pekanu.errors import ChainError
from pekanu.node.dispute_index import DisputeRecord
from pekanu.node.dispute_machine import (
    DisputeStep,
    DisputeTask,
)
from pekanu.node.dispute_role import ROLE, DisputeRole, LoadSubject
from pekanu.node.dispute_subject import Subject
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import decode_message
from pekanu.node.referees import ANY_DISPUTE
from pekanu.node.task_drivers import TaskDrivers
from pekanu.types import Hash32, Seconds

_LOG: Final = logging.getLogger(__name__)
#: Seconds after which disputes are looked for without a reason.
_IDLE_SECONDS: Final = 15.0
#: Seconds of chain time in which a closed dispute is looked at again: no chain loses older blocks.
_DOUBT_SECONDS: Final = 3600

#: Says what to play in a dispute that names the account; None leaves it alone.
Adopt: TypeAlias = Callable[[DisputeRecord], DisputeTask | None]


class DisputeDesk:
    """The disputes of one of an account's nodes.

    Args:
        desk: The account's desk.
        owner: Which node: ``client``, ``worker`` or ``challenger``.
        load: Gives what it knows of a disputed item.
        adopt: Asked about each live dispute that names the account and is not played yet.
    """

    def __init__(
        self, desk: MarketDesk, owner: str, load: LoadSubject, adopt: Adopt | None = None
    ) -> None:
        self._desk, self._owner, self._adopt = desk, owner, adopt
        self._load = load
        # One for all, since it bounds how many replays there are at once.
        self._role = DisputeRole(desk, desk.referees.bisection, self._load_once)
        self._subjects: dict[tuple[Hash32, Hash32, int], asyncio.Task[Subject]] = {}
        #: When each closed one was seen first.
        self._closed: dict[Hash32, Seconds] = {}
        self._played = TaskDrivers(self._role, desk.watch, kind="dispute", forget=self._forget)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Play what the journal holds, and what comes, while the context is open."""
        for task in self.list_tasks():
            self._played.drive(task.dispute, task)
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            for loading in self._subjects.values():
                _stop(loading)
            await self._played.stop()
            await asyncio.gather(following, return_exceptions=True)

    def begin(self, task: DisputeTask) -> None:
        """Journal a dispute and play it; one that is played already is left alone."""
        if task.dispute not in self._played:
            self._role.record(task)
            self._played.drive(task.dispute, task)

    def find(self, dispute: Hash32) -> DisputeTask | None:
        """Return a dispute of this node, live or ended."""
        driven = self._played.find(dispute)
        if driven is not None:
            return driven
        text = self._desk.journal.load_state(ROLE, dispute)
        return None if text is None else decode_message(DisputeTask, text.encode())

    def list_tasks(self, *, live_only: bool = True) -> list[DisputeTask]:
        """Return this node's disputes, oldest first."""
        found = self._desk.journal.load_states(
            ROLE, chain_id=self._desk.domain.chain_id, live_only=live_only
        )
        tasks = [decode_message(DisputeTask, text.encode()) for text in found]
        return [task for task in tasks if task.owner == self._owner]

    def is_playing(self, task_id: Hash32) -> bool:
        """Return whether any dispute on a task is live here."""
        return any(task.task_id == task_id for task in self._played)

    async def wait_over(self, task_id: Hash32) -> None:
        """Return once no dispute on a task is live here."""
        await self._played.wait_over(lambda task: task.task_id == task_id)

    # --- within -----------------------------------------------------------------------------------

    async def _follow(self) -> None:
        watch = self._desk.watch
        watch.subscribe(ANY_DISPUTE)
        while True:
            if self._adopt is not None:
                for record in self._desk.referees.disputes.iterate(account=self._desk.address):
                    if not record.is_ended and record.dispute not in self._played:
                        await self._take_up(record)
            await watch.wait(ANY_DISPUTE, [], timeout_seconds=_IDLE_SECONDS)

    async def _take_up(self, record: DisputeRecord) -> None:
        known = self.find(record.dispute)
        # One that was ruled, gone or closed has come back with a reorganization.
        if known is not None and known.owner != self._owner:
            return
        is_closed = known is not None and known.step is DisputeStep.CLOSED
        if known is not None and is_closed and not await self._is_open_again(known):
            return
        task = self._adopt(record) if self._adopt is not None else None
        if task is not None:
            _LOG.info("dispute %s is to be played", record.dispute.hex())
            self.begin(task)

    async def _is_open_again(self, closed: DisputeTask) -> bool:
        """Say whether the end of a task, which had closed a dispute, was taken back."""
        now = self._desk.watch.now
        if now > self._closed.setdefault(Hash32(closed.dispute), now) + _DOUBT_SECONDS:
            return False
        try:
            state = await self._desk.market.fetch_task(closed.task_id)
        except ChainError:
            return False
        return not state.status.is_terminal

    def _forget(self, task: DisputeTask) -> None:
        self._drop_subject(task)
        self._desk.watch.wake(task.task_id)

    async def _load_once(self, task: DisputeTask) -> Subject:
        """Return what is known of an item; all disputes about it share it."""
        key = _get_key(task)
        loading = self._subjects.get(key)
        if loading is None or (loading.done() and loading.exception() is not None):
            loading = asyncio.ensure_future(self._load(task))
            self._subjects[key] = loading
        return await asyncio.shield(loading)

    def _drop_subject(self, task: DisputeTask) -> None:
        key = _get_key(task)
        if all(_get_key(one) != key for one in self._played):
            loading = self._subjects.pop(key, None)
            if loading is not None:
                _stop(loading)


def _get_key(task: DisputeTask) -> tuple[Hash32, Hash32, int]:
    return task.task_id, task.key, task.item


def _stop(loading: asyncio.Task[Subject]) -> None:
    """Make a replay under way end soon, for nobody waits for it."""
    if not loading.done():
        loading.cancel()
    elif not loading.cancelled() and loading.exception() is None:
        loading.result().states.stop()
