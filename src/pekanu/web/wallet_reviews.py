"""The dialog before a browser's wallet is asked for what a node needs of it.

What is not here: what waits (`wallet_requests`), the dialog before a node signs (`reviews`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pekanu.chain import Call
from pekanu.web.plans import Message, Plan
from pekanu.web.quoting import describe_loss
from pekanu.web.reviews import show_plan, simulate
from pekanu.web.site import Site
from pekanu.web.views.review import Review
from pekanu.web.wallet_requests import WalletRequest

#: What a signature means, and the most that it can cost, by the message's type.
_MEANINGS: Final = {
    "ChannelKey": (
        "It says that this node may talk to workers under your name. It moves no money.",
        "nothing",
    ),
    "Approval": (
        "It says that the output is verified. The worker is paid by it.",
        "at most the price, which is locked in the task already",
    ),
}
_UNKNOWN: Final = ("It is a message to the market.", "at most what it says below")


async def review_request(site: Site, request: WalletRequest) -> Review:
    """Return the dialog for what waits for a wallet."""
    sentence, at_most = _MEANINGS.get(_get_kind(request), _UNKNOWN)
    calls: tuple[Call, ...] = ()
    if request.call is not None:
        calls = (request.call,)
        sentence = "Your wallet sends this transaction to the market."
        at_most = describe_loss(request.call.value)
    plan = Plan(
        title=request.title,
        sentences=(sentence,),
        at_most=at_most,
        path="/",
        calls=calls,
        messages=() if request.document is None else (Message(document=request.document),),
        account=request.account,
        confirm_title="Go on in the wallet",
    )
    simulation = await simulate(site.chain, site.book, request.account, calls)
    shown = show_plan(plan, simulation)
    return replace(shown, signer_kind="wallet", wallet_request=request.id)


def _get_kind(request: WalletRequest) -> str:
    return "" if request.document is None else str(request.document["primaryType"])
