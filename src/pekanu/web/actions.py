"""What a viewer may do at the market by one transaction: planned, and sent once it was reviewed.

What is not here: the dialog (`reviews`), what a task's state allows (`pekanu.market.moves`).
"""

from __future__ import annotations

import asyncio
import secrets

from pekanu.chain import Call
from pekanu.errors import KeystoreError, PekanuError, UsageError
from pekanu.market.moves import get_outlook
from pekanu.types import Hash32, Wei, format_wei
from pekanu.web.fold import FoldedTask
from pekanu.web.plans import Plan
from pekanu.web.site import Site
from pekanu.web.task_pages import MOVES
from pekanu.web.viewer import Viewer, require_account
from pekanu.web.wording import link_task

#: Seconds for which a page waits for a transaction before it shows what there is.
_WAIT_SECONDS = 4.0


def plan_move(site: Site, task_id: Hash32, name: str) -> Plan:
    """Return the call that makes a move on a task.

    Raises:
        UsageError: There is no such task, or the move is not possible now.
    """
    folded = site.index.find_task(task_id)
    if folded is None:
        raise UsageError(f"there is no task 0x{task_id.hex()} on this market")
    outlook = get_outlook(
        folded.status, folded.deadline, site.feed.now, is_challenged=folded.challenges > 0
    )
    if name not in dict(outlook.moves):
        raise UsageError(
            f"{name} is not possible now", hint=f"where it stands: {outlook.explanation}"
        )
    text = link_task(task_id).full
    title, explanation = MOVES[name]
    return Plan(
        calls=(_build_move(site, folded, name),),
        key=f"{task_id.hex()}:site-{name}:{secrets.token_hex(4)}",
        title=title,
        sentences=(explanation, outlook.explanation.capitalize() + "."),
        at_most="nothing but gas",
        path=f"/tasks/{text}/{name}",
        subject=text,
    )


def plan_deposit(site: Site, amount: Wei) -> Plan:
    """Return the call that puts money into the market."""
    return Plan(
        calls=(site.market.deposit(amount),),
        key=f"deposit:{secrets.token_hex(16)}",
        title=f"Put {format_wei(amount)} into the market",
        sentences=("It stays yours: what is not locked in a task can be withdrawn at any time.",),
        at_most="nothing but gas",
        path="/work/deposit",
    )


def plan_withdrawal(site: Site, amount: Wei) -> Plan:
    """Return the call that takes free money out of the market."""
    return Plan(
        calls=(site.market.withdraw(amount),),
        key=f"withdraw:{secrets.token_hex(16)}",
        title=f"Take {format_wei(amount)} out of the market",
        sentences=("It goes to the same account.",),
        at_most="nothing but gas",
        path="/work/withdraw",
    )


async def carry_out(viewer: Viewer, plan: Plan) -> None:
    """Send what was reviewed with the key that this node has unlocked; return soon, if not mined.

    A failure that comes later is kept for the page that it belongs to.

    Raises:
        KeystoreError: The account is locked, or is a wallet.
        ChainError: It would fail.
    """
    site, (call,) = viewer.site, plan.calls
    account = plan.account or require_account(viewer)
    if viewer.is_wallet and account == viewer.account:
        raise KeystoreError("the browser's wallet sends this", hint="press the button again")
    client = await site.accounts.open_client(account)
    store = client.node.desk.journal.build_sends(site.chain.chain_id)

    def find_hashes() -> list[Hash32]:
        found = store.load(plan.key)
        return [] if found is None else [one.hash for one in found.attempts]

    site.sent.add(account, plan.title, find_hashes)

    async def send() -> None:
        try:
            await client.node.desk.sender.send(call, key=plan.key)
            site.refusals.pop(plan.subject, None)
        except PekanuError as error:
            if plan.subject:
                site.refusals[plan.subject] = error.message, error.hint or ""
            raise
        finally:
            site.pulse.beat()

    sending = asyncio.create_task(send())
    sending.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.wait({sending}, timeout=_WAIT_SECONDS)
    if sending.done():
        sending.result()


def _build_move(site: Site, folded: FoldedTask, name: str) -> Call:
    market, task = site.market, folded.task
    if name == "cancel":
        return market.cancel(task)
    if name == "expire":
        return market.expire(task)
    if folded.claim is None:
        raise UsageError("no claim of this task is on chain")
    build = market.finalize if name == "finalize" else market.forfeit
    return build(task, folded.claim)
