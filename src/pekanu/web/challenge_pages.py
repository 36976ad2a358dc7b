"""What a task's page says of challenging its claim, and the dialog before a challenge.

What is not here: doing it (`challenge_desk`), a dispute once there is one (`dispute_pages`).
"""

from __future__ import annotations

from typing import Final

from pekanu.node.challenger import Finding, Suspicion
from pekanu.node.market_index import StandingClaim
from pekanu.types import Address, Hash32, Wei, format_wei
from pekanu.web.challenge_desk import Failed, takes_part
from pekanu.web.fold import FoldedTask
from pekanu.web.plans import Plan
from pekanu.web.site import Site
from pekanu.web.viewer import Viewer, require_account
from pekanu.web.views.challenge import ChallengeStage, ChallengeView
from pekanu.web.wording import link_task

_KEY: Final = (
    "A dispute takes several moves, each in time, which this node makes by itself; that needs an "
    "account whose key is unlocked here."
)
_NO_RESULTS: Final = "Something is wrong, but only a bundle with the results tells in which item."
_UNKNOWN: Final = (
    "This node does not know what the task computes. Its client can make a bundle of program and "
    "input on its own page of the task, or by `pekanu challenger bundle`."
)
_RIGHT: Final = (
    "Computed again here, it is the same to the last bit: there is nothing to challenge."
)


def find_claim(site: Site, task_id: Hash32) -> StandingClaim | None:
    """Return the claim of a task that the referee of programs would rule on, or None."""
    folded = site.index.find_task(task_id)
    return None if folded is None else get_claim(site, folded)


def get_claim(site: Site, folded: FoldedTask) -> StandingClaim | None:
    """Return a task's claim as long as it can be challenged, or None."""
    is_standing = folded.status.is_claimed and site.feed.now <= folded.deadline
    if not is_standing or folded.task.referee != site.referee:
        return None
    if folded.claim is None or folded.worker is None:
        return None
    return StandingClaim(
        task_id=folded.task_id, task=folded.task, worker=folded.worker, claim=folded.claim
    )


async def build_challenge(viewer: Viewer, folded: FoldedTask | None) -> ChallengeView | None:
    """Return what a task's page says of challenging; None where there is nothing to say."""
    site, account = viewer.site, viewer.account
    claim = None if folded is None else get_claim(site, folded)
    if claim is None or account is None or site.options.is_hosted:
        return None
    if takes_part(account, claim):
        return None
    if viewer.is_wallet or not site.accounts.is_unlocked(account):
        stage, sentence = ChallengeStage.LOCKED, _KEY
    else:
        stage, sentence = _find_stage(site, account, claim) or await _find_beginning(site, claim)
    return ChallengeView(stage=stage, sentence=sentence, path=link_task(claim.task_id).href)


def _find_stage(
    site: Site, account: Address, claim: StandingClaim
) -> tuple[ChallengeStage, str] | None:
    """Return how far an account is with a claim; None when it has not begun."""
    client = site.accounts.find_client(account)
    if client is not None and client.challenger.find_dispute(claim) is not None:
        return ChallengeStage.BEGUN, "You have challenged it."
    if site.challenges.is_checking(account, claim):
        return ChallengeStage.CHECKING, "It is being computed again here."
    verdict = site.challenges.find_verdict(account, claim)
    return None if verdict is None else _describe(claim, verdict)


def _describe(
    claim: StandingClaim, verdict: Finding | Suspicion | Failed
) -> tuple[ChallengeStage, str]:
    match verdict:
        case Suspicion(item=item, bond=bond):
            what, reward = _name_item(claim, item), format_wei(Wei(claim.task.stake // 2))
            sentence = (
                f"{what} is not what this node computes. Who challenges it, with a bond of "
                f"{format_wei(bond)}, and is right gets {reward}: half of the worker's stake."
            )
            return ChallengeStage.WRONG, sentence
        case Failed(error):
            return ChallengeStage.READY, f"It was not computed: {error.message}."
        case Finding.RIGHT:
            return ChallengeStage.RIGHT, _RIGHT
        case _:
            return ChallengeStage.UNKNOWN, _NO_RESULTS


async def _find_beginning(site: Site, claim: StandingClaim) -> tuple[ChallengeStage, str]:
    source = await site.challenges.find_source(claim)
    if source is None:
        return ChallengeStage.UNKNOWN, _UNKNOWN
    sentence = (
        "This node has program and input. It computes them again, at most "
        f"{source.count * source.terms.max_steps:,} steps, and tells whether the claim is right "
        "before anything is risked."
    )
    return ChallengeStage.READY, sentence


async def plan_challenge(viewer: Viewer, claim: StandingClaim) -> Plan:
    """Return what a challenge would be.

    Raises:
        UsageError: Nothing wrong was found.
        KeystoreError: The account cannot play a dispute.
    """
    account = require_account(viewer)
    node, suspicion = await viewer.site.challenges.get_suspicion(account, claim)
    bond, reward = format_wei(suspicion.bond), format_wei(Wei(claim.task.stake // 2))
    return Plan(
        title="Challenge the claim",
        sentences=(
            f"{_name_item(claim, suspicion.item)} is not what this node computes.",
            "The referee narrows the disagreement down to one instruction, and executes that.",
            f"If it rules for you, your bond comes back with {reward}, half of the worker's stake.",
            f"If it rules for the worker, the bond of {bond} is the worker's.",
            "This node makes your moves by itself; keep it running until the ruling.",
        ),
        account=account,
        calls=(node.build_call(suspicion),),
        at_most=f"at most {bond} and gas",
        path=f"{link_task(claim.task_id).href}/challenge",
        confirm_title=f"Challenge with a bond of {bond}",
        order=suspicion,
    )


def _name_item(claim: StandingClaim, item: int) -> str:
    return "The result" if claim.task.count == 1 else f"Item {item}"
