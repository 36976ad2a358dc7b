"""The pages of storage: what an account stores, and one object with its 14 steps.

What is not here: doing any of it (`storage_desk`), offers (`storage_offers`), what a provider of
this node keeps (`keeping_pages`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from pekanu.errors import PekanuError, UsageError
from pekanu.node.storage.steps import TITLES, Step
from pekanu.node.storage.store import Store
from pekanu.node.storage.stored import StoredObject, StoreStep
from pekanu.storage.agreement import Terms
from pekanu.storage.manifest import FileKind, Manifest
from pekanu.storage.money import get_end
from pekanu.storage.state import AgreementState, Status
from pekanu.types import Address
from pekanu.web.guard import MAX_FILE_BYTES
from pekanu.web.site import Site
from pekanu.web.storage_desk import StoreRun
from pekanu.web.viewer import Viewer
from pekanu.web.views.shell import Link, Moment, Tone
from pekanu.web.views.storage import (
    StepView,
    StorageBadge,
    StoragePage,
    StoredFile,
    StoredPage,
    StoredRow,
)
from pekanu.web.views.task import Fact
from pekanu.web.wording import (
    build_moment,
    build_money,
    format_size,
    format_span,
    link_address,
    link_transaction,
)

#: Objects on the page, and files of an object.
_SHOWN: Final = 50
_SHOWN_FILES: Final = 200
_LONGEST_VALUE: Final = 2000
NOT_HERE: Final = "nothing of this account is stored under this address"
_DOMAINS: Final = {"own": "your own files", "shared": "everyone who knows the phrase"}
_STEPS: Final = max(TITLES)
_UNDER_WAY: Final = StorageBadge(title="Being stored", tone=Tone.ACTIVE)
#: Badge and sentence of each state.
STATES: Final = {
    Status.NONE: (StorageBadge(title="Not paid", tone=Tone.WAITING), "Nothing was paid for it."),
    Status.PAID: (
        StorageBadge(title="Paid", tone=Tone.ACTIVE),
        "The price is in escrow; the provider owes its signed receipt.",
    ),
    Status.STORED: (
        StorageBadge(title="Stored", tone=Tone.GOOD),
        "The provider answers for every byte with its penalty, and is paid by the second.",
    ),
    Status.CHALLENGED: (
        StorageBadge(title="Challenged", tone=Tone.WAITING),
        "The provider must show bytes on chain, or lose its penalty.",
    ),
    Status.ENDED: (StorageBadge(title="Ended", tone=Tone.NEUTRAL), "Its term is over."),
    Status.FINED: (
        StorageBadge(title="Fined", tone=Tone.BAD),
        "The provider failed: penalty, and what was not served, went to the client.",
    ),
    Status.RECLAIMED: (
        StorageBadge(title="Reclaimed", tone=Tone.NEUTRAL),
        "No receipt came; the payment went back.",
    ),
    Status.GIVEN_BACK: (
        StorageBadge(title="Given back", tone=Tone.NEUTRAL),
        "Its client ended it early.",
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What stands under an address: a put, an object, or both."""

    subject: str
    account: Address
    store: Store
    run: StoreRun | None
    stored: StoredObject | None


async def open_viewers_store(
    viewer: Viewer, reviewed: Address | None = None
) -> tuple[Address, Store]:
    """Return the account that acts and its storage.

    Args:
        viewer: Who looks.
        reviewed: The account that a dialog was shown for, where there was one.

    Raises:
        UsageError: Its key is not on this node, or another account acts meanwhile.
    """
    obstacle = find_obstacle(viewer)
    account = viewer.account
    if obstacle or account is None:
        raise UsageError(obstacle)
    if reviewed not in {None, account}:
        raise UsageError(f"the dialog was shown for {reviewed}", hint="press the button again")
    return account, await viewer.site.storage.open(account)


def find_obstacle(viewer: Viewer) -> str:
    """Return why nothing can be stored by who looks; empty when it can."""
    if viewer.site.options.is_hosted or viewer.is_wallet:
        return "Storing needs an account whose key is on your own node, as `pekanu up` has it."
    if viewer.account is None:
        return "Storing needs an account of this node: choose or make one."
    if not viewer.site.accounts.is_unlocked(viewer.account):
        return "Storing needs the account to be unlocked."
    return ""


async def build_storage(viewer: Viewer, _parameter: str = "") -> StoragePage:
    """Return what the account stores, the newest first."""
    site = viewer.site
    obstacle, href = find_obstacle(viewer), "" if site.options.is_hosted else "/settings"
    rows: tuple[StoredRow, ...] = ()
    others = 0
    if not obstacle:
        try:
            account, store = await open_viewers_store(viewer)
            found = store.ls()[::-1]
            others = max(0, len(found) - _SHOWN)
            rows = tuple(
                await asyncio.gather(
                    *(_build_row(site, account, store, one) for one in found[:_SHOWN])
                )
            )
        except PekanuError as error:
            obstacle, href = error.message, ""
    return StoragePage(
        obstacle=obstacle,
        obstacle_href=href if obstacle else "",
        batch=secrets.token_hex(16),
        max_file_bytes=MAX_FILE_BYTES,
        rows=rows,
        others=others,
    )


async def build_stored(viewer: Viewer, subject: str) -> StoredPage:
    """Return the page of an object or of a put.

    Raises:
        UsageError: There is none.
    """
    return await build_found(viewer.site, await find_subject(viewer, subject))


async def find_subject(viewer: Viewer, subject: str) -> Found:
    """Return the put or the object of an address, as the journal has it now.

    Raises:
        UsageError: There is none.
    """
    account, store = await open_viewers_store(viewer)
    run = viewer.site.storage.find_run(account, subject)
    wanted = subject.removeprefix("0x")
    if run is not None and run.stored is not None:
        wanted = run.stored.agreement_id.hex()
    stored = next((one for one in store.ls() if one.agreement_id.hex() == wanted), None)
    if stored is None and run is None:
        raise UsageError(NOT_HERE)
    return Found(subject=subject, account=account, store=store, run=run, stored=stored)


async def build_found(site: Site, found: Found) -> StoredPage:
    """Return the page of what was found."""
    state, problem = AgreementState(), ""
    if found.stored is not None:
        try:
            state = await site.storage.fetch_state(found.store, found.stored, site.feed.block)
        except PekanuError as error:
            problem = error.message
    return _build_page(site, found, state, problem)


def _build_page(site: Site, found: Found, state: AgreementState, problem: str) -> StoredPage:
    run, stored = found.run, found.stored
    is_running = run is not None and not run.is_over
    badge, sentence = _describe(stored, state, is_running=is_running)
    steps = {step.number: step for step in stored.steps} if stored else {}
    failure = run.failure if run is not None else None
    if run is not None:
        steps |= run.steps
    is_kept = stored is not None and stored.step is StoreStep.STORED
    files, files_problem = _list_files(site, found.store, stored if is_kept else None)
    is_open = stored is not None and stored.step in {StoreStep.PAYING, StoreStep.UPLOADING}
    now = site.feed.now
    is_late = state.status is Status.CHALLENGED and now > state.deadline
    is_overdue = state.status is Status.PAID and now > state.deadline
    is_lost = is_kept and state.status is Status.NONE and not problem
    if is_overdue:
        sentence = "The provider showed no receipt in time."
    elif is_lost:
        sentence = "The chain lost its payment in a reorganization; it can be paid again."
    done, whole = run.uploaded if run is not None else (0, 0)
    return StoredPage(
        id=found.subject,
        name=stored.name if stored else run.name if run else "",
        state=badge,
        sentence=sentence,
        progress_percent=100 * done // whole if is_running and 0 < done < whole else None,
        failure=failure.message if failure else problem,
        failure_hint=(failure.hint or "") if failure else "",
        steps=_build_steps(steps, is_running=is_running),
        facts=() if stored is None else _build_facts(site, stored),
        files=files,
        files_problem=files_problem,
        outcomes=() if stored is None else site.storage.list_outcomes(stored),
        can_resume=(is_open or is_lost) and not is_running and not is_overdue,
        can_reclaim=is_overdue and not is_running,
        can_check=is_kept and state.status is Status.STORED,
        can_fine=is_late,
        until=None if stored is None else build_until(stored.quote.terms, state),
        deadline=build_moment(state.deadline) if state.status is Status.CHALLENGED else None,
        receipt=_link_receipt(stored) if stored else "",
        archive=f"/storage/{found.subject}/archive" if files and len(files) > 1 else "",
        is_busy=stored is not None and site.storage.is_busy(stored),
    )


def _describe(
    stored: StoredObject | None, state: AgreementState, *, is_running: bool
) -> tuple[StorageBadge, str]:
    if is_running:
        return _UNDER_WAY, "Each step stands below with its evidence as soon as it was taken."
    if stored is None:
        return (
            StorageBadge(title="Not stored", tone=Tone.BAD),
            "It was broken off before anything was paid.",
        )
    if stored.step is StoreStep.UPLOADING and state.status in {Status.PAID, Status.STORED}:
        return (
            StorageBadge(title="Broken off", tone=Tone.WAITING),
            "It is paid for; going on uploads what the provider lacks.",
        )
    return STATES[state.status]


async def _build_row(site: Site, account: Address, store: Store, stored: StoredObject) -> StoredRow:
    agreement = stored.agreement_id.hex()
    run = site.storage.find_run(account, agreement)
    try:
        state = await site.storage.fetch_state(store, stored, site.feed.block)
        badge, _ = _describe(stored, state, is_running=run is not None and not run.is_over)
    except PekanuError:
        state, badge = AgreementState(), StorageBadge(title="Not known", tone=Tone.NEUTRAL)
    return StoredRow(
        id=Link(full="0x" + agreement, short=f"0x{agreement[:8]}", href=f"/storage/0x{agreement}"),
        name=stored.name,
        state=badge,
        size=format_size(stored.file_bytes),
        term=format_span(stored.quote.terms.term),
        price=build_money(stored.quote.terms.price),
        provider=link_address(stored.provider, site.get_name(stored.provider)),
        until=build_until(stored.quote.terms, state),
        receipt=_link_receipt(stored),
    )


def build_until(terms: Terms, state: AgreementState) -> Moment | None:
    """Return when an agreement's term ends; None while it has not begun, or when it is over."""
    if not state.started or not state.status.is_live:
        return None
    return build_moment(get_end(terms, state))


def _link_receipt(stored: StoredObject) -> str:
    return f"/storage/0x{stored.agreement_id.hex()}/receipt" if stored.receipt_signature else ""


def _build_facts(site: Site, stored: StoredObject) -> tuple[Fact, ...]:
    terms, content = stored.quote.terms, stored.quote.content
    agreement = "0x" + stored.agreement_id.hex()
    return (
        Fact(name="Files", value=f"{stored.file_count}, {format_size(stored.file_bytes)}"),
        Fact(name="Kept", value=f"{format_size(content.size)}, {content.chunk_count} chunks"),
        Fact(name="Kept once with", value=_DOMAINS.get(stored.domain, stored.domain)),
        Fact(name="Term", value=format_span(terms.term)),
        Fact(name="Price", value=build_money(terms.price).text),
        Fact(name="Penalty if it fails", value=build_money(terms.penalty).text),
        Fact(name="Time to answer a challenge", value=format_span(terms.response_window)),
        _link_fact("Provider", stored.provider, site.get_name(stored.provider)),
        _link_fact("Its contract", stored.server),
        _link_fact("Your contract with it", stored.client),
        Fact(
            name="Agreement",
            value="",
            link=Link(full=agreement, short=f"{agreement[:18]}…"),
        ),
    )


def _link_fact(name: str, address: Address, called: str = "") -> Fact:
    return Fact(name=name, value="", link=link_address(address, called))


def _list_files(
    site: Site, store: Store, stored: StoredObject | None
) -> tuple[tuple[StoredFile, ...] | None, str]:
    if stored is None:
        return (), ""
    found = site.storage.find_contents(store, stored)
    if found is None:
        return None, ""
    if not isinstance(found, Manifest):
        return (), found.message
    base = f"/storage/0x{stored.agreement_id.hex()}/file?path="
    files = [one for one in found.files if one.kind is FileKind.FILE]
    return tuple(
        StoredFile(
            path=one.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            size=format_size(one.size),
            href=base + quote(one.path, safe="", errors="surrogateescape"),
        )
        for one in files[:_SHOWN_FILES]
    ), ""


def _build_steps(steps: dict[int, Step], *, is_running: bool) -> tuple[StepView, ...]:
    following = next((one for one in range(1, _STEPS + 1) if one not in steps), 0)
    return tuple(
        _build_step(number, steps.get(number), is_current=is_running and number == following)
        for number in range(1, _STEPS + 1)
    )


def _build_step(number: int, step: Step | None, *, is_current: bool) -> StepView:
    who, what = TITLES[number]
    evidence = {} if step is None else step.evidence
    transaction = str(evidence.get("transaction") or "")
    return StepView(
        number=number,
        who=who,
        what=what,
        phase="done" if step else "current" if is_current else "coming",
        transaction=link_transaction(bytes.fromhex(transaction[2:])) if transaction else None,
        evidence=tuple(_flatten(evidence)),
    )


def _flatten(evidence: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each piece of evidence with a name, nested ones under both names."""
    if isinstance(evidence, dict):
        for key, value in evidence.items():
            word = str(key).replace("_", " ")
            yield from _flatten(value, f"{name}, {word}" if name else word)
        return
    text = ", ".join(map(str, evidence)) if isinstance(evidence, list) else str(evidence)
    is_long = len(text) > _LONGEST_VALUE
    yield name, f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)" if is_long else text
