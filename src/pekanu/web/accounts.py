"""The accounts that can act on this node, and the client's nodes that are open for them.

Passwords unlock keyfiles for as long as the process lives and are not kept. What is not here:
browsers (`sessions`), what clients do (`pekanu.node`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from pekanu.chain import Account, Keystore, StoredAccount
from pekanu.chain.account import get_development_keys
from pekanu.errors import ChainError, JournalError, KeystoreError, PekanuError
from pekanu.node.account_desk import open_account_desk
from pekanu.node.case_role import ROLE as CASE_ROLE
from pekanu.node.challenger import ChallengerNode
from pekanu.node.challenger_library import Library
from pekanu.node.client import ClientNode, open_client
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import ClientJob
from pekanu.node.client_role import ROLE as CLIENT_ROLE
from pekanu.node.dispute_role import ROLE as DISPUTE_ROLE
from pekanu.node.journal import read_journal
from pekanu.node.market_desk import MarketDesk
from pekanu.node.peer_wire import decode_message
from pekanu.types import Address
from pekanu.web.wallet_desk import load_identity, open_wallet_desk
from pekanu.web.wallet_requests import WalletRequests

#: The development account that the site acts for when nobody chose another.
SITE_ACCOUNT: Final = 2
#: Those that a development chain offers beside it.
DEVELOPMENT_ACCOUNTS: Final = 8
#: Everybody knows the keys: the password protects nothing.
DEVELOPMENT_PASSWORD: Final = "development"  # noqa: S105 - as above
#: What a client's node and its challenger play, by role in the journal.
_PLAYED: Final = (CLIENT_ROLE, DISPUTE_ROLE, CASE_ROLE)
_WATCH_SECONDS: Final = 0.25
#: Scrypt's N for keys that everybody knows.
_QUICK_SCRYPT: Final = 1 << 12
_SHORTEST_PASSWORD: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAccount:
    """An account in a list."""

    address: Address
    name: str
    #: ``keyfile``, ``development`` or ``wallet``.
    kind: str
    is_unlocked: bool


@dataclass(kw_only=True)
class OpenClient:
    """A client's node for one account."""

    node: ClientNode
    #: Plays the disputes about others' claims that the account has begun from here.
    challenger: ChallengerNode
    stack: AsyncExitStack
    jobs: dict[str, JobHandle] = field(default_factory=dict)
    #: Why a job has no result, by its id.
    failures: dict[str, PekanuError] = field(default_factory=dict)
    watching: asyncio.Task[None] | None = None


class Accounts:
    """All accounts of a node.

    Args:
        home: The node's folder.
        rpc: JSON-RPC URL of the chain.
        requests: Where wallets are asked.
        beat: Called when anything changes.
        is_development: The chain's accounts are everybody's.
    """

    def __init__(
        self,
        home: Path,
        rpc: str,
        requests: WalletRequests,
        beat: Callable[[], None],
        *,
        is_development: bool,
    ) -> None:
        self.keystore = Keystore(home / "keystore")
        self.requests, self.is_development = requests, is_development
        self._home, self._rpc, self._beat = home, rpc, beat
        self._unlocked: dict[Address, Account] = {}
        self._names: dict[Address, str] = {}
        self._wallets: set[Address] = set()
        self._clients: dict[Address, OpenClient] = {}
        #: Why an account's client is not open, by account.
        self.busy: dict[Address, str] = {}
        self._stored: Sequence[StoredAccount] = ()
        self._stored_at = 0
        self._opening = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()

    # --- the list ---------------------------------------------------------------------------------

    def list_accounts(self) -> list[KnownAccount]:
        """Return keyfiles and development accounts in use, by name."""
        found = {
            stored.address: KnownAccount(
                address=stored.address,
                name=stored.name,
                kind="keyfile",
                is_unlocked=stored.address in self._unlocked,
            )
            for stored in self._list_stored()
        }
        for address, name in self._names.items():
            found.setdefault(
                address,
                KnownAccount(address=address, name=name, kind="development", is_unlocked=True),
            )
        return [*found.values()]

    def _list_stored(self) -> Sequence[StoredAccount]:
        """Return the keyfiles; the folder is read again when it changed."""
        try:
            changed = self.keystore.folder.stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        if changed != self._stored_at:
            self._stored, self._stored_at = self.keystore.list(), changed
        return self._stored

    def get_name(self, address: Address) -> str:
        """Return what an account is called here; empty when it is not known."""
        return next((one.name for one in self.list_accounts() if one.address == address), "")

    def is_unlocked(self, address: Address | None) -> bool:
        """Return whether an account's key is at hand here."""
        return address in self._unlocked

    def add_wallet(self, address: Address) -> None:
        """Let a wallet act that proved that it holds the account."""
        self._wallets.add(address)

    def is_wallet(self, address: Address | None) -> bool:
        """Return whether an account acts through a wallet."""
        return address in self._wallets and address not in self._unlocked

    def list_development(self) -> list[Address]:
        """Return the development chain's accounts that are not in use here."""
        if not self.is_development:
            return []
        known = {one.address for one in self.list_accounts()}
        addresses = [Account.from_key(key).address for key in _get_keys()]
        return [one for one in addresses if one not in known]

    # --- keys -------------------------------------------------------------------------------------

    async def create(self, name: str, password: str) -> Address:
        """Return the address of a new keyfile, unlocked; raises KeystoreError."""
        _require_password(password)
        stored = await asyncio.to_thread(self.keystore.create, name, password)
        await self.unlock(stored.address, password)
        return stored.address

    async def import_key(self, name: str, key: str, password: str) -> Address:
        """Return the address of a private key, stored and unlocked; raises KeystoreError."""
        _require_password(password)
        stored = await asyncio.to_thread(self.keystore.import_key, name, key.strip(), password)
        await self.unlock(stored.address, password)
        return stored.address

    async def unlock(self, address: Address, password: str) -> None:
        """Let a keyfile act, and take up what it left unfinished.

        Raises:
            KeystoreError: The password is wrong.
        """
        account = await asyncio.to_thread(self.keystore.unlock, address, password)
        self._unlocked[account.address] = account
        self._beat()
        # A worker's process may hold it: then it can work, not buy.
        with contextlib.suppress(JournalError):
            await self.open_client(account.address)

    async def lock(self, address: Address) -> None:
        """Forget an account's key; unfinished jobs wait until it is unlocked again."""
        self._unlocked.pop(address, None)
        self._names.pop(address, None)
        await self.close_client(address)
        self._beat()

    def take_development(self, address: Address) -> str:
        """Return the name under which a development account acts from now on.

        Raises:
            KeystoreError: It is none of the development chain.
        """
        if self.is_development:
            for number, key in enumerate(_get_keys()):
                account = Account.from_key(key)
                if account.address == address:
                    self._unlocked[address] = account
                    self._names[address] = f"development {number}"
                    self._beat()
                    return self._names[address]
        raise KeystoreError(f"{address} is no account of a development chain")

    def export(self, address: Address, password: str) -> str:
        """Return the name of a keyfile of an unlocked development account, made if missing.

        A worker's process unlocks it by itself. Raises KeystoreError.
        """
        for stored in self.keystore.list():
            if stored.address == address:
                return stored.name
        for number, key in enumerate(_get_keys()):
            if self.is_development and Account.from_key(key).address == address:
                store = Keystore(self.keystore.folder, work_factor=_QUICK_SCRYPT)
                return store.import_key(f"development-{number}", key, password).name
        raise KeystoreError(f"there is no keyfile of {address}")

    def is_development_keyfile(self, address: Address) -> bool:
        """Return whether a keyfile holds a development chain's key, which everybody knows."""
        return self.is_development and any(
            Account.from_key(key).address == address for key in _get_keys()
        )

    # --- clients ----------------------------------------------------------------------------------

    def find_client(self, address: Address | None) -> OpenClient | None:
        """Return the client's node that is open for an account."""
        return None if address is None else self._clients.get(address)

    def list_clients(self) -> list[OpenClient]:
        """Return all open ones."""
        return [*self._clients.values()]

    async def open_client(self, address: Address) -> OpenClient:
        """Return the client's node of an account; its unfinished jobs go on.

        Raises:
            KeystoreError: The account is locked.
            JournalError: Another process acts for it.
            WalletRefused: The wallet did not sign the channel key.
        """
        async with self._opening:
            found = self._clients.get(address)
            if found is not None:
                return found
            self.busy.pop(address, None)
            try:
                return await self._open(address)
            except JournalError as error:
                self.busy[address] = error.message
                raise
            finally:
                self._beat()

    async def take_up(self, address: Address, chain_id: int) -> None:
        """Open an account's client if an earlier run left a job, a try or a dispute unfinished."""
        if self.is_unlocked(address) and await asyncio.to_thread(
            self._has_unfinished, address, chain_id
        ):
            # Another process may act for it, or the chain be away: then the next act opens it.
            with contextlib.suppress(JournalError, ChainError):
                await self.open_client(address)

    async def close_client(self, address: Address) -> None:
        """Close an account's node; the journal keeps where its jobs stand."""
        found = self._clients.pop(address, None)
        if found is None:
            return
        if found.watching is not None:
            found.watching.cancel()
        await found.stack.aclose()

    async def close(self) -> None:
        """Close everything."""
        for ending in self._endings:
            ending.cancel()
        for address in tuple(self._clients):
            await self.close_client(address)
        self._unlocked.clear()

    def follow(self, client: OpenClient, handle: JobHandle) -> None:
        """Keep a job in sight, and note why it failed if it does."""
        client.jobs[handle.job.job_id] = handle

        async def note_end() -> None:
            try:
                await handle.result()
            except PekanuError as error:
                client.failures[handle.job.job_id] = error
            self._beat()

        ending = asyncio.create_task(note_end())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    # --- within -----------------------------------------------------------------------------------

    def _has_unfinished(self, address: Address, chain_id: int) -> bool:
        try:
            with read_journal(self._home / "journal.db", address) as journal:
                tasks = (journal.load_states(role, chain_id=chain_id) for role in _PLAYED)
                return bool(journal.load_jobs()) or any(tasks)
        except JournalError:
            return False

    async def _open(self, address: Address) -> OpenClient:
        async with AsyncExitStack() as stack:
            account = self._unlocked.get(address)
            if account is not None:
                desk: MarketDesk = await stack.enter_async_context(
                    open_account_desk(self._home, self._rpc, account, purpose="the site")
                )
                node = await stack.enter_async_context(open_client(desk, self._home))
            elif address in self._wallets:
                desk = await stack.enter_async_context(
                    open_wallet_desk(self._home, self._rpc, address, self.requests)
                )
                folder = self._home / "site" / "channels"
                identity = await load_identity(folder, address, desk.domain, self.requests)
                node = ClientNode(desk, self._home, identity)
                await stack.enter_async_context(node.running())
            else:
                raise KeystoreError(
                    f"the account {address} is locked", hint="unlock it under Settings"
                )
            challenger = ChallengerNode(desk, self._home, Library())
            await stack.enter_async_context(challenger.playing())
            client = OpenClient(node=node, challenger=challenger, stack=stack.pop_all())
        for handle in await node.resume(confirm=lambda _: False):
            self.follow(client, handle)
        client.watching = asyncio.create_task(self._watch(client))
        self._clients[address] = client
        return client

    async def _watch(self, client: OpenClient) -> None:
        """Beat while jobs move."""
        seen: dict[str, object] = {}
        while True:
            for job_id, handle in tuple(client.jobs.items()):
                task = handle.task
                state = (
                    round(handle.get_progress(), 2),
                    task and task.step,
                    handle.job.is_done,
                    job_id in client.failures,
                )
                if seen.get(job_id) != state:
                    seen[job_id] = state
                    self._beat()
            await asyncio.sleep(_WATCH_SECONDS)


def load_jobs(client: OpenClient) -> list[ClientJob]:
    """Return all jobs of a client, oldest first."""
    found: Sequence[str] = client.node.desk.journal.load_jobs(live_only=False)
    return [decode_message(ClientJob, text.encode()) for text in found]


def _require_password(password: str) -> None:
    if len(password) < _SHORTEST_PASSWORD:
        raise KeystoreError(f"the password is shorter than {_SHORTEST_PASSWORD} characters")


@cache
def _get_keys() -> tuple[str, ...]:
    """Return public constants that take a second to derive."""
    return get_development_keys(DEVELOPMENT_ACCOUNTS)
