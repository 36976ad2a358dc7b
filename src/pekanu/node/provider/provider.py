"""The provider's node: its vault, its counter for clients, its keeper on chain, as one process.

After a kill it goes on: the index says what was acknowledged, the chain where each agreement
stands. Not here: the parts' work (`counter`, `keeper`, `vault`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pekanu.chain import AddressBook, Call, MarketContract
from pekanu.chain.market_contract import build_retraction
from pekanu.chain.storage_contract import StorageFactoryContract, StorageServerContract
from pekanu.chain.storage_deploy import deploy_storage_server, open_storage_server
from pekanu.crypto.keccak import keccak256
from pekanu.errors import NotDeployed, UsageError
from pekanu.node.channel_keys import ChannelIdentity, get_key_path
from pekanu.node.market_desk import MarketDesk
from pekanu.node.market_index import PROVIDER_ROLE
from pekanu.node.peer_listener import PeerListener
from pekanu.node.peer_server import PeerLimits, Service, build_sealed_app
from pekanu.node.provider.counter import ProviderCounter, Shop
from pekanu.node.provider.index import open_index
from pekanu.node.provider.keeper import Keeper
from pekanu.node.provider.responders import StorageResponders
from pekanu.node.provider.terms import ProviderTerms
from pekanu.node.provider.vault import Vault
from pekanu.node.storage.server_watch import ServerWatch
from pekanu.storage.stores import open_store
from pekanu.types import Address, Hash32, Wei, parse_address

_LOG: Final = logging.getLogger(__name__)
_UPKEEP_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderOptions:
    """How a provider's node runs."""

    terms: ProviderTerms = field(default_factory=ProviderTerms)
    #: Where it listens.
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = 0
    #: What it announces, when that is not where it listens.
    endpoint: str = ""
    #: A folder or an object store's URL; empty: a folder of the home.
    store: str = ""
    #: A database's URL; empty: a SQLite file of the home.
    metadata: str = ""
    #: Chain time between collections.
    collect_seconds: int = 86400
    #: Take the announcement back at the end.
    retracts: bool = True


def get_provider_folder(home: Path, provider: Address) -> Path:
    """Return where a provider keeps its own."""
    return home / "store" / "provider" / provider.lower()


def load_server_address(home: Path, provider: Address, chain_id: int) -> tuple[Address, int]:
    """Return a provider's contract on a chain, and the block where its events begin.

    Raises:
        NotDeployed: This home knows none.
    """
    path = get_provider_folder(home, provider) / f"{chain_id}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return parse_address(found["server"]), int(found["block_number"])
    except FileNotFoundError as error:
        raise NotDeployed(
            f"{provider} has no storage contract on chain {chain_id}",
            hint="run `pekanu provider deploy` first",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotDeployed(f"{path} names no storage contract") from error


async def deploy_provider(desk: MarketDesk, home: Path, deposit: Wei) -> StorageServerContract:
    """Step 1: return the provider's new contract with its deposit, noted in the home.

    Raises:
        UsageError: There is one already.
    """
    book = AddressBook.load(home, desk.chain.chain_id)
    folder = get_provider_folder(home, desk.address)
    path = folder / f"{desk.chain.chain_id}.json"
    if path.exists():
        raise UsageError(
            f"{desk.address} has a storage contract on this chain already, see {path}",
            hint="`pekanu provider deposit` adds to its deposit",
        )
    block = await desk.chain.fetch_block_number()
    server = await deploy_storage_server(
        desk.sender,
        book["StorageFactory"].address,
        deposit,
        key=f"storage-server:{book['StorageFactory'].address}:{desk.address}",
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"server": server.address, "block_number": block}) + "\n")
    draft.replace(path)
    return server


def build_announcement(
    market: MarketContract, terms: ProviderTerms, endpoint: str, key: bytes
) -> Call:
    """Build: say where a provider can be reached, by which channel key, and on which terms."""
    return market.announce(PROVIDER_ROLE, endpoint, key, _hash_terms(terms))


def _hash_terms(terms: ProviderTerms) -> Hash32:
    return keccak256(repr(terms).encode())


class ProviderNode:
    """A provider at work; made by `open_provider`.

    Args:
        shop: What its parts share.
        home: The node's folder.
        options: Terms and addresses.
    """

    def __init__(self, shop: Shop, home: Path, options: ProviderOptions) -> None:
        self.shop, self.options, self.endpoint = shop, options, ""
        self.counter = ProviderCounter(shop)
        self.keeper = Keeper(shop, collect_seconds=options.collect_seconds)
        self._key_file = get_key_path(home, shop.desk.address)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve, and carry on with what the index holds, while the context is open."""
        shop = self.shop
        identity = ChannelIdentity.load(
            self._key_file, shop.desk.account, shop.desk.domain, now=time.time()
        )
        service = Service(
            table=StorageResponders(self.counter).table, is_customer=self.counter.is_customer
        )
        limits = PeerLimits(
            customer_rate=2000, customer_burst=4000, host_rate=4000, host_burst=8000
        )
        app = build_sealed_app(service, identity, domain=shop.desk.domain, limits=limits)
        strangers = await asyncio.to_thread(shop.vault.sweep)
        if strangers:
            _LOG.warning("%d packs of uploads that were cut off are deleted", strangers)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(shop.watch.running())
            await stack.enter_async_context(self.keeper.running())
            upkeep = asyncio.create_task(self._keep_up())
            stack.callback(upkeep.cancel)
            listener = await stack.enter_async_context(
                PeerListener(app, host=self.options.host, port=self.options.port)
            )
            self.endpoint = self.options.endpoint or listener.endpoint
            await self._announce(identity.binding.key)
            if self.options.retracts:
                stack.push_async_callback(self._retract)
            yield

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            try:
                await asyncio.to_thread(self.shop.vault.compact)
            except Exception:  # noqa: BLE001 - the outermost loop: a pack may be well next time
                _LOG.exception("packs cannot be written anew")

    async def _announce(self, key: bytes) -> None:
        desk = self.shop.desk
        found = desk.watch.index.find_provider(desk.address)
        wanted = (self.endpoint, key, _hash_terms(self.options.terms))
        if found and (found.endpoint, found.channel_key, found.terms_hash) == wanted:
            return
        call = build_announcement(desk.market, self.options.terms, self.endpoint, key)
        await desk.sender.send(call, key=f"announce:{secrets.token_hex(16)}")

    async def _retract(self) -> None:
        desk = self.shop.desk
        call = build_retraction(desk.market, PROVIDER_ROLE)
        await desk.sender.send(call, key=f"retract:{secrets.token_hex(16)}")


@asynccontextmanager
async def open_provider(
    desk: MarketDesk, home: Path, options: ProviderOptions | None = None
) -> AsyncIterator[ProviderNode]:
    """Yield a provider's node whose contract was deployed and whose code was checked.

    Raises:
        NotDeployed: There is no contract, or other code stands there.
        JournalError: The index or the store cannot be used.
    """
    chosen = options or ProviderOptions()
    folder = get_provider_folder(home, desk.address)
    address, first_block = load_server_address(home, desk.address, desk.chain.chain_id)
    factory = AddressBook.load(home, desk.chain.chain_id)["StorageFactory"].address
    server = await open_storage_server(desk.chain, address, factory)
    with open_index(chosen.metadata or folder / "index.db") as index:
        vault = Vault(
            open_store(chosen.store or str(folder / "packs")), index, draw=secrets.token_bytes
        )
        watch = ServerWatch(desk.chain, address, first_block=first_block)
        shop = Shop(
            desk=desk,
            server=server,
            factory=StorageFactoryContract(desk.chain, factory),
            vault=vault,
            watch=watch,
            terms=chosen.terms,
        )
        yield ProviderNode(shop, home, chosen)
