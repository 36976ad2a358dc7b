"""The dialog before a browser's wallet is asked for what a node needs of it.

What is not here: what waits (`wallet_requests`), the dialog before a node signs (`actions`).
"""

from __future__ import annotations

from typing import Final

from pekanu.chain import AddressBook, Connection
from pekanu.web.decoding import decode_typed_data
from pekanu.web.quoting import describe_loss
from pekanu.web.reviews import simulate
from pekanu.web.views.review import CallView, Review
from pekanu.web.wallet_requests import WalletRequest
from pekanu.web.wording import link_address

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


async def review_request(chain: Connection, book: AddressBook, request: WalletRequest) -> Review:
    """Return the dialog for what waits for a wallet."""
    sentences, at_most = _MEANINGS.get(_get_kind(request), _UNKNOWN)
    calls: tuple[CallView, ...] = ()
    refusal = hint = ""
    if request.call is not None:
        simulation = await simulate(chain, book, request.account, request.call)
        calls = (simulation.view,)
        refusal, hint = simulation.refusal, simulation.refusal_hint
        sentences = "Your wallet sends this transaction to the market."
        at_most = describe_loss(request.call.value)
    return Review(
        title=request.title,
        sentences=(sentences,),
        signer=link_address(request.account),
        signer_kind="wallet",
        calls=calls,
        terms=() if request.document is None else decode_typed_data(request.document),
        at_most=at_most,
        longest="",
        refusal=refusal,
        refusal_hint=hint,
        confirm="/",
        confirm_title="Go on in the wallet",
        hidden=(),
        wallet_request=request.id,
    )


def _get_kind(request: WalletRequest) -> str:
    return "" if request.document is None else str(request.document["primaryType"])
