"""The site's parts put together, for as long as it is served.

What is not here: pages (`*_pages`), routes (`routes`), listening (`serving`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pekanu.catalog import Function
from pekanu.chain import DEVNET_CHAIN_ID, AddressBook, Connection, MarketContract
from pekanu.market.task import MarketDomain
from pekanu.types import Address
from pekanu.web.accounts import Accounts
from pekanu.web.balances import Balances
from pekanu.web.broadcast import Broadcast
from pekanu.web.challenge_desk import ChallengeDesk
from pekanu.web.contract_events import ContractEvents
from pekanu.web.dispute_feed import DisputeFeed
from pekanu.web.feed import ChainFeed
from pekanu.web.index import SiteIndex
from pekanu.web.keeping import Keeping
from pekanu.web.node_process import PROVIDER, WORKER, NodeProcess
from pekanu.web.plans import ReviewedPlans
from pekanu.web.pulse import Pulse
from pekanu.web.quoting import Quoting
from pekanu.web.results import Results
from pekanu.web.sent import SentTransactions
from pekanu.web.sessions import SessionStore
from pekanu.web.storage_desk import StorageDesk
from pekanu.web.summary import Summaries
from pekanu.web.transaction_states import Transactions
from pekanu.web.uploads import Uploads
from pekanu.web.wallet_requests import WalletRequests


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteOptions:
    """How the site runs."""

    home: Path
    rpc: str
    #: Its own origins, such as ``https://pekanu.example``; empty: this machine's, at its port.
    origins: tuple[str, ...] = ()
    #: Pages for browser wallets only: no keys, no worker, no orders.
    is_hosted: bool = False
    #: Acts in browsers that chose no other account.
    account: Address | None = None
    #: Development accounts that are at hand besides, such as one that can work.
    others: tuple[Address, ...] = ()
    confirmations: int = 1


class Site:
    """Everything that pages and routes need; made by `open_site`."""

    def __init__(
        self,
        options: SiteOptions,
        chain: Connection,
        book: AddressBook,
        index: SiteIndex,
        feed: ChainFeed,
        pulse: Pulse,
    ) -> None:
        self.options, self.chain, self.book = options, chain, book
        self.index, self.feed, self.pulse = index, feed, pulse
        self.market = MarketContract(chain, book.market.address)
        #: The referee that tasks name.
        self.referee = book["BisectionReferee"].address
        #: The one that searches name.
        self.ringer_referee = book["RingerReferee"].address
        self.balances = Balances(chain, self.market, feed)
        state = options.home / "site"
        self.sessions = SessionStore(path=None if options.is_hosted else state / "sessions.json")
        self.uploads = Uploads(state / "uploads")
        self.transactions = Transactions(chain, options.confirmations)
        self.sent = SentTransactions(self.transactions)
        #: What dialogs have shown, and nobody has confirmed yet.
        self.reviewed = ReviewedPlans()
        self.requests = WalletRequests(chain, pulse.beat, self.sent)
        self.accounts = Accounts(
            options.home,
            options.rpc,
            self.requests,
            pulse.beat,
            is_development=self.is_development and not options.is_hosted,
        )
        self.challenges = ChallengeDesk(options.home, self.accounts, pulse.beat)
        self.storage = StorageDesk(options.home, self.accounts, pulse.beat)
        self.keeping = Keeping(options.home, chain, pulse.beat)
        self.quoting = Quoting(index, self.domain)
        self.results = Results()
        self.broadcast = Broadcast()
        self.worker = NodeProcess(WORKER, options.home, options.rpc, pulse.beat)
        self.provider = NodeProcess(PROVIDER, options.home, options.rpc, pulse.beat)
        self.contract_events = ContractEvents(chain, book)
        self.disputes = DisputeFeed(chain, book["BisectionReferee"], pulse)
        self.summaries = Summaries(index, feed, self.balances)
        #: What is computed in a task, by its id, where this node knows it.
        self.functions: dict[bytes, str] = {}
        #: What could not be done for a task, by its id, shown on its page.
        self.refusals: dict[str, tuple[str, str]] = {}
        #: Where it is served, once it is.
        self.port = 0

    @property
    def domain(self) -> MarketDomain:
        """The market."""
        return self.market.domain

    @property
    def is_development(self) -> bool:
        """Whether the chain is a development chain, whose keys are public."""
        return self.chain.chain_id == DEVNET_CHAIN_ID

    def get_origins(self) -> frozenset[str]:
        """Return the origins whose requests are the site's own."""
        if self.options.origins:
            return frozenset(self.options.origins)
        hosts = ("127.0.0.1", "localhost", "[::1]")
        return frozenset(f"http://{host}:{self.port}" for host in hosts)

    def get_referee(self, function: Function) -> Address:
        """Return the referee that tasks of a function name."""
        return self.ringer_referee if function.is_search else self.referee

    def get_name(self, address: Address) -> str:
        """Return what an account is called here; empty when it is not known."""
        return "" if self.options.is_hosted else self.accounts.get_name(address)

    async def close(self) -> None:
        """Close what was opened since; worker and provider go with the site."""
        await self.worker.stop()
        await self.provider.stop()
        await self.storage.close()
        await self.challenges.close()
        await self.keeping.close()
        await self.accounts.close()
        await self.quoting.close()


@asynccontextmanager
async def open_site(options: SiteOptions) -> AsyncIterator[Site]:
    """Yield the site over a chain whose market was verified.

    Raises:
        ChainError: The chain does not answer, or no known market stands there.
    """
    async with AsyncExitStack() as stack:
        chain = await stack.enter_async_context(Connection.open(options.rpc))
        book = AddressBook.load(options.home, chain.chain_id)
        await book.verify(chain)
        folder = options.home / "site"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        identity = f"{book.market.address}:{book.market.block_number}"
        index = SiteIndex(folder / f"index-{chain.chain_id}.db", identity)
        stack.callback(index.close)
        pulse = Pulse()
        feed = ChainFeed(
            chain,
            book.market.address,
            first_block=book.market.block_number,
            index=index,
            pulse=pulse,
        )
        await stack.enter_async_context(feed.running())
        site = Site(options, chain, book, index, feed, pulse)
        stack.push_async_callback(site.close)
        await stack.enter_async_context(site.disputes.running())
        if options.account is not None and site.accounts.is_development:
            for address in (options.account, *options.others):
                await asyncio.to_thread(site.accounts.take_development, address)
                await site.accounts.take_up(address, chain.chain_id)
        yield site
