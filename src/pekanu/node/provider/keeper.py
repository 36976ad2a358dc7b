"""A provider's duties on chain, done by itself: see payments, show receipts, answer, collect.

Driven by the contract's events and by chain time; each look begins with what the contract says, so
that a restart, a lost event or a reorganization changes nothing but when. Not here: what clients
ask (`counter`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final

from pekanu.chain import Call
from pekanu.chain.storage_contract import MAX_BATCH, Confirmation
from pekanu.chain.storage_events import Paid
from pekanu.errors import ChainError, InvalidMessage, PekanuError, UsageError
from pekanu.node.provider.agreements import Agreement, read_agreement, read_stage
from pekanu.node.provider.counter import Shop
from pekanu.node.provider.index import AgreementHead
from pekanu.node.provider.sharing import find_rebate, get_period
from pekanu.node.storage.messages import Stage
from pekanu.node.storage.sealing import seal_link
from pekanu.storage.agreement import Terms
from pekanu.storage.money import get_release, get_vested, get_vested_seconds
from pekanu.storage.state import AgreementState, Status
from pekanu.storage.trees import LeafProof
from pekanu.types import Hash32, Seconds, Wei

_LOG: Final = logging.getLogger(__name__)
#: Seconds between looks when nothing is heard.
_LOOK_SECONDS: Final = 2.0
#: Seconds that a client has to say that its receipt arrived, before its link goes on chain.
_ACKNOWLEDGE_SECONDS: Final = 10.0
#: What ends an agreement for good.
_OVER: Final = frozenset({Status.ENDED, Status.FINED, Status.RECLAIMED, Status.GIVEN_BACK})
#: Agreements that are looked at, and that something is done for, at once; challenges do not count.
_AT_ONCE: Final = 8


@dataclass(kw_only=True, slots=True)
class Tally:
    """What this process did, for the metrics."""

    payments: int = 0
    receipts: int = 0
    answers: int = 0
    failed_answers: int = 0
    collected_wei: int = 0
    rebates_wei: int = 0
    ended: int = 0


class Keeper:
    """Looks after all live agreements.

    Args:
        shop: What it works with.
        collect_seconds: Chain time between collections of what has vested.
    """

    def __init__(self, shop: Shop, *, collect_seconds: int = 86400) -> None:
        self._shop, self._collect_seconds = shop, collect_seconds
        self._index = shop.vault.index
        self._looks, self._acts = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)
        #: What is under way, by agreement or by name: one of each at a time.
        self._busy: dict[Hash32 | str, asyncio.Task[None]] = {}
        self._collected_at = 0
        self._signed_at: dict[Hash32, float] = {}
        self.tally = Tally()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do what is due while the context is open."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            for one in list(self._busy.values()):
                one.cancel()
            await asyncio.gather(task, *self._busy.values(), return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._look()
            except PekanuError as error:
                _LOG.warning("the provider's duties wait: %s", error)
            except Exception:  # noqa: BLE001 - the outermost loop: duties go on
                _LOG.exception("a duty of the provider failed")
            await self._shop.watch.wait(_LOOK_SECONDS)

    async def _look(self) -> None:
        now = await self._shop.desk.watch.refresh()
        rows = await asyncio.to_thread(self._index.list_agreements, live_only=True)
        for row in rows:
            name = f"agreement {row.agreement_id.hex()[:8]}"
            self._begin(row.agreement_id, name, partial(self._attend, row.agreement_id))
        # Neither may keep a challenge waiting: each waits for its transactions' confirmations.
        stored = [row for row in rows if read_stage(row) is Stage.STORED]
        if stored:
            self._begin("confirm", "showing receipts", partial(self._confirm, stored))
        if now >= self._collected_at + self._collect_seconds:
            served = [row for row in rows if read_stage(row) is Stage.CONFIRMED]
            self._begin("collect", "collecting", partial(self._collect_all, served, now))

    def _begin(self, key: Hash32 | str, name: str, act: Callable[[], Awaitable[None]]) -> None:
        """Begin something unless it is under way."""
        if key not in self._busy:
            self._busy[key] = asyncio.create_task(self._do(name, act))
            self._busy[key].add_done_callback(lambda _: self._busy.pop(key, None))

    async def _do(self, name: str, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except PekanuError as error:
            _LOG.warning("%s waits: %s", name, error)
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("%s is stuck", name)

    async def _attend(self, agreement_id: Hash32) -> None:
        """Do for one agreement what is due now; a challenge waits for nothing else."""
        async with self._looks:
            row = await asyncio.to_thread(self._index.get_head, agreement_id)
            if row is None or not row.is_live:
                return
            state = await self._shop.server.fetch_agreement(agreement_id)
            if state.status in _OVER and not await self._is_deep(row, state.status):
                return
        if state.status is Status.CHALLENGED:
            await self._act(row, state)
            return
        async with self._acts:
            await self._act(row, state)

    async def _act(self, row: AgreementHead, state: AgreementState) -> None:
        match read_stage(row):
            case Stage.QUOTED:
                await self._await_payment(row, state)
            case Stage.PAID:
                await self._await_depth(row, state)
            case Stage.UPLOADING | Stage.STORED:
                await self._await_receipt(row, state)
            case Stage.CONFIRMED:
                await self._serve(row, state)
            case Stage.ENDED:
                return

    # --- one stage each -----------------------------------------------------------------------

    async def _await_payment(self, row: AgreementHead, state: AgreementState) -> None:
        """Step 10: take the payment's transaction from the contract's event."""
        agreement = read_agreement(row)
        terms, seen = agreement.terms, self._see_payment(row, agreement)
        if state.status is not Status.NONE and seen is not None:
            self.tally.payments += 1
            if await self._set(row, seen, Stage.PAID):
                paid = replace(row, stage=Stage.PAID.value, state=seen.encode())
                await self._await_depth(paid, state)
        elif (
            state.status is Status.NONE
            and self._shop.desk.watch.now > terms.valid_until + terms.response_window
            and await self._is_deep(row, Status.NONE, behind=agreement.payment_block)
        ):
            await asyncio.to_thread(self._shop.vault.release, row.agreement_id)
            await asyncio.to_thread(self._index.remove_agreement, row.agreement_id)

    async def _await_depth(self, row: AgreementHead, state: AgreementState) -> None:
        """Step 11: wait until a reorganization can hardly undo the payment."""
        agreement, shop = read_agreement(row), self._shop
        seen = self._see_payment(row, agreement)
        if state.status is Status.NONE or seen is None:
            await self._set(row, agreement, Stage.QUOTED)
            return
        if seen != agreement:
            await self._set(row, seen, Stage.PAID)
            return
        head = await shop.desk.chain.fetch_block_number()
        if head - agreement.payment_block + 1 < shop.desk.watch.confirmations:
            return
        await asyncio.to_thread(self._index.hold, row.agreement_id)
        if agreement.terms.starts_at:
            await self._set(row, agreement, Stage.CONFIRMED)
        else:
            # Signed already is what was stored before a reorganization undid the payment.
            is_stored = agreement.is_signed
            await self._set(row, agreement, Stage.STORED if is_stored else Stage.UPLOADING)

    def _see_payment(self, row: AgreementHead, agreement: Agreement) -> Agreement | None:
        """Return an agreement with its payment as the contract's events tell it, if they do."""
        paid = self._shop.watch.find(row.agreement_id, Paid)
        if paid is None:
            return None
        return replace(agreement, payment=paid.log.transaction, payment_block=paid.log.block_number)

    async def _await_receipt(self, row: AgreementHead, state: AgreementState) -> None:
        """Before the point of availability: look whether it came, or came too late."""
        agreement, now = read_agreement(row), self._shop.desk.watch.now
        seen = self._see_payment(row, agreement)
        if state.status is Status.RECLAIMED:
            await self._end(row, agreement)
        elif state.status is Status.NONE:
            # A reorganization undid the payment: what came is kept as long as it can be paid.
            await self._set(row, agreement, Stage.QUOTED)
        elif state.status is Status.PAID and seen not in {None, agreement}:
            await self._set(row, seen or agreement, Stage.PAID)
        elif state.status is Status.PAID and now > state.deadline:
            call = self._shop.server.reclaim(agreement.quote)
            await self._send(call, row, f"reclaim:{state.deadline}")
            await self._end(row, agreement)
        elif state.status is not Status.PAID:
            # It came; what became of the agreement since, if anything, is for `_serve`.
            await self._set(row, agreement, Stage.CONFIRMED)

    async def _serve(self, row: AgreementHead, state: AgreementState) -> None:
        """During the term: answer challenges; after it: take what is left and let go."""
        agreement, now = read_agreement(row), self._shop.desk.watch.now
        match state.status:
            case Status.CHALLENGED if now <= state.deadline:
                await self._answer(row, agreement, state)
            case Status.CHALLENGED:
                return  # lost: anyone may fine
            case Status.STORED if now > get_release(agreement.terms, state):
                await self._collect([row])
            case Status.FINED:
                await self._collect([row])
                await self._end(row, agreement)
            case Status.ENDED:
                await self._end(row, agreement, await self._give_rebate(row, agreement))
            case Status.PAID if agreement.is_signed:
                # A reorganization undid the point of availability: the receipt is shown again.
                await self._set(row, agreement, Stage.STORED)
            case Status.NONE:
                await self._set(row, agreement, Stage.QUOTED)
            case Status.GIVEN_BACK | Status.RECLAIMED:
                await self._end(row, agreement)
            case _:
                return

    async def _answer(
        self, row: AgreementHead, agreement: Agreement, state: AgreementState
    ) -> None:
        """Show the leaves of the open challenge, transaction by transaction."""
        shop, quote = self._shop, agreement.quote
        root, blind, repeated = agreement.root, agreement.blind, 0
        names = await asyncio.to_thread(self._index.load_names, row.agreement_id)
        while state.status is Status.CHALLENGED:
            try:
                proof = await asyncio.to_thread(
                    shop.vault.prove,
                    names,
                    chunk=state.chunk,
                    first=state.leaf,
                    count=state.count,
                )
            except PekanuError as error:
                self.tally.failed_answers += 1
                _LOG.error(
                    "agreement %s: the challenge of chunk %d, leaf %d cannot be answered: %s",
                    row.agreement_id.hex()[:8],
                    state.chunk,
                    state.leaf,
                    error,
                )
                return
            if isinstance(proof, LeafProof):
                call = shop.server.answer(quote, proof, root=root, blind=blind)
            else:
                call = shop.server.answer_count(quote, proof, root=root, blind=blind)
            await self._send(call, row, f"answer:{state.deadline}:{state.leaf}:{repeated}")
            self.tally.answers += 1
            before, state = state, await shop.server.fetch_agreement(row.agreement_id)
            # Two challenges may have one deadline: then this name's answer was to the other one.
            repeated = repeated + 1 if state == before else 0

    # --- many at once -------------------------------------------------------------------------

    async def _confirm(self, rows: list[AgreementHead]) -> None:
        """Show receipts on chain: many in a transaction, or one with its link.

        The link goes on chain, sealed, for a client that did not say that it has it.
        """
        shop, now = self._shop, time.monotonic()
        ready: list[AgreementHead] = []
        for row in rows:
            state = await shop.server.fetch_agreement(row.agreement_id)
            if state.status is not Status.PAID:
                continue
            since = self._signed_at.setdefault(row.agreement_id, now)
            if row.agreement_id in shop.acknowledged:
                ready.append(row)
            elif now >= since + _ACKNOWLEDGE_SECONDS:
                await self._show([self._build_confirmation(row, with_link=True)])
        for start in range(0, len(ready), MAX_BATCH):
            some = ready[start : start + MAX_BATCH]
            await self._show([self._build_confirmation(row) for row in some])

    def _build_confirmation(self, row: AgreementHead, *, with_link: bool = False) -> Confirmation:
        shop, agreement = self._shop, read_agreement(row)
        sealed = b""
        with contextlib.suppress(InvalidMessage):
            link = agreement.build_link(shop.domain, shop.desk.address)
            sealed = seal_link(link, agreement.sealing_key) if with_link else b""
        return Confirmation(
            receipt=agreement.build_receipt(shop.domain, shop.desk.address),
            signature=agreement.receipt_signature,
            sealed_link=sealed,
        )

    async def _show(self, batch: list[Confirmation]) -> None:
        shop = self._shop
        ids = [one.receipt.agreement_id for one in batch]
        name = f"confirm:{sha256(b''.join(ids)).hexdigest()}"
        is_one = len(batch) == 1
        call = shop.server.confirm(batch[0]) if is_one else shop.server.confirm_many(batch)
        with contextlib.suppress(ChainError):
            await shop.desk.send(call, task_id=ids[0], name=name)
            self.tally.receipts += len(batch)
            for one in ids:
                self._signed_at.pop(one, None)
        shop.watch.wake()

    async def _collect_all(self, rows: list[AgreementHead], now: Seconds) -> None:
        await self._collect(rows)
        self._collected_at = now

    async def _collect(self, rows: list[AgreementHead]) -> None:
        """Collect what has vested, where it is worth a transaction, and end what is over."""
        shop, now = self._shop, self._shop.desk.watch.now
        due: list[tuple[AgreementHead, Agreement]] = []
        for row in rows:
            agreement = read_agreement(row)
            state = await shop.server.fetch_agreement(row.agreement_id)
            if get_due(agreement.terms, state, now):
                due.append((row, agreement))
        for start in range(0, len(due), MAX_BATCH):
            some = due[start : start + MAX_BATCH]
            names = b"".join(row.agreement_id for row, _ in some)
            key = f"collect:{sha256(names).hexdigest()}:{now}"
            free = await shop.server.fetch_free()
            await shop.desk.sender.send(
                shop.server.collect([agreement.quote for _, agreement in some]), key=key
            )
            self.tally.collected_wei += max(0, await shop.server.fetch_free() - free)
            for row, agreement in some:
                state = await shop.server.fetch_agreement(row.agreement_id)
                if state.status is Status.ENDED:
                    await self._end(row, agreement, await self._give_rebate(row, agreement))

    async def _give_rebate(self, row: AgreementHead, agreement: Agreement) -> Wei:
        """Give back, once, what was promised of a served price for what others share."""
        permille = self._shop.terms.rebate_permille
        if not permille:
            return Wei(0)
        whole = await asyncio.to_thread(self._index.get_agreement, row.agreement_id)
        if whole is None:
            return Wei(0)
        others = self._index.iterate_others(row, get_period(row, agreement).start)
        amount = await asyncio.to_thread(find_rebate, whole, agreement, others, permille)
        if not amount:
            return amount
        call = self._shop.server.rebate(agreement.terms.client, amount)
        try:
            await self._send(call, row, "rebate")
        except (ChainError, UsageError) as error:
            # The deposit was taken out meanwhile, or a rebate that was reckoned before a restart
            # with other terms is under way already: the bytes go all the same.
            _LOG.warning("agreement %s gets no rebate: %s", row.agreement_id.hex()[:8], error)
            return Wei(0)
        return amount

    # --- within -------------------------------------------------------------------------------

    async def _set(self, row: AgreementHead, agreement: Agreement, stage: Stage) -> bool:
        shop = self._shop
        is_changed = await asyncio.to_thread(
            self._index.set_state,
            row.agreement_id,
            stage=stage.value,
            state=agreement.encode(),
            is_live=stage is not Stage.ENDED,
            expected=row.stage,
            ends_at=min(row.ends_at, shop.desk.watch.now) if stage is Stage.ENDED else None,
        )
        shop.watch.wake()
        return is_changed

    async def _is_deep(self, row: AgreementHead, status: Status, *, behind: int = 0) -> bool:
        """Return whether an agreement stands so as deep in the chain as the node waits for.

        Bytes are let go for nothing that could still be undone.

        Args:
            row: The agreement.
            status: Where it stands at the chain's head.
            behind: A block that the chain must have passed.
        """
        desk, server = self._shop.desk, self._shop.server
        if desk.watch.confirmations <= 1 and not behind:
            return True
        block = await desk.fetch_deep_block()
        deep = await server.fetch_agreement(row.agreement_id, block)
        return deep.status is status and int(block, 16) >= behind

    async def _end(self, row: AgreementHead, agreement: Agreement, rebate: int = 0) -> None:
        """Let the chunks go, then note that nothing is left to do."""
        await asyncio.to_thread(self._shop.vault.release, row.agreement_id)
        self._shop.acknowledged.discard(row.agreement_id)
        if await self._set(row, agreement, Stage.ENDED):
            self.tally.ended += 1
            self.tally.rebates_wei += rebate

    async def _send(self, call: Call, row: AgreementHead, name: str) -> None:
        await self._shop.desk.send(call, task_id=row.agreement_id, name=name)


def get_due(terms: Terms, state: AgreementState, now: Seconds) -> Wei:
    """Return what a collection would bring, or 1 where it would only free the penalty."""
    if state.status not in {Status.STORED, Status.CHALLENGED, Status.FINED}:
        return Wei(0)
    vested = get_vested(terms, get_vested_seconds(terms, state, now))
    due = vested - get_vested(terms, state.collected)
    is_over = state.status is Status.STORED and now > get_release(terms, state)
    return Wei(max(due, int(is_over)))
