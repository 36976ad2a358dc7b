"""What an account sent is shown until it is final, or for a while when it went wrong."""

from __future__ import annotations

from pekanu.chain import Devnet
from pekanu.chain.connection import Connection
from pekanu.types import Address, Hash32
from pekanu.web.sent import SentTransactions
from pekanu.web.transaction_states import Transactions

UNKNOWN = Hash32(b"\x01" * 32)


async def test_sent__once_it_is_final__then_it_goes_after_a_while(
    chain: Connection, devnet: Devnet
) -> None:
    now = [0.0]
    sent = SentTransactions(Transactions(chain, 1), clock=lambda: now[0])
    account = devnet.accounts[0].address
    digest = devnet.request("eth_sendTransaction", {"from": account, "to": account, "value": "0x1"})
    devnet.mine()
    sent.add(account, "A gift", lambda: [Hash32(bytes.fromhex(digest[2:]))])
    (shown,) = await sent.fetch_views(account)
    assert (shown.title, shown.state, shown.transaction.full) == ("A gift", "final", digest)
    now[0] = 21.0
    assert await sent.fetch_views(account) == ()


async def test_sent__with_a_higher_fee__then_the_form_that_is_mined_counts(
    chain: Connection, devnet: Devnet
) -> None:
    sent = SentTransactions(Transactions(chain, 1))
    account = devnet.accounts[0].address
    digest = devnet.request("eth_sendTransaction", {"from": account, "to": account, "value": "0x1"})
    devnet.mine()
    hashes = [Hash32(bytes.fromhex(digest[2:])), UNKNOWN]
    sent.add(account, "A gift", lambda: hashes)
    (shown,) = await sent.fetch_views(account)
    assert (shown.state, shown.transaction.full) == ("final", digest)


async def test_sent__before_anything_was_signed__then_nothing_is_shown(chain: Connection) -> None:
    sent = SentTransactions(Transactions(chain, 1))
    account = Address("0x" + "11" * 20)
    sent.add(account, "A gift", list)
    assert await sent.fetch_views(account) == ()


async def test_state__of_what_was_never_seen__then_it_is_unknown_not_dropped(
    chain: Connection,
) -> None:
    state = await Transactions(chain, 1).fetch_state(UNKNOWN)
    assert state.name == "unknown"
