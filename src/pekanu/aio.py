"""The asynchronous Python API: a client that buys computations, and futures of what it bought.

The same names as in `pekanu`, awaited. Not here: how a computation is bought (`pekanu.node`).

    async with pekanu.aio.Client(account="alice") as client:
        future = await client.submit("matmul", a, b, price="0.01 ether")
        product = await future.result(timeout=600)
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from pekanu import catalog
from pekanu.catalog import Program
from pekanu.catalog.hash_search.inputs import build_inputs
from pekanu.chain import Account, Keystore
from pekanu.errors import InvalidInput, KeystoreError, PekanuError, Timeout, UsageError
from pekanu.market.claim import Result
from pekanu.node.account_desk import open_account_desk
from pekanu.node.client import ClientNode, open_client
from pekanu.node.client_handle import JobHandle
from pekanu.node.client_job import ClientJob, JobReceipt, JobRequest
from pekanu.node.offers import Offer
from pekanu.node.storage.store import Store, open_store
from pekanu.node.wares import Ware
from pekanu.ringers import RingerCount
from pekanu.settings import (
    ACCOUNT_VARIABLE,
    DEFAULT_RPC,
    RPC_VARIABLE,
    find_password,
    get_default_home,
)
from pekanu.storage.link import SharedLink, is_link
from pekanu.types import Address, Wei, parse_address, parse_wei

#: Asked with each offer before anything is signed; False declines it.
Confirm: TypeAlias = Callable[[Offer], bool | Awaitable[bool]]
#: Of one item: in order, by name, or a program's bytes.
Inputs: TypeAlias = "Sequence[object] | Mapping[str, object] | Path"


class Future:
    """A computation under way.

    Args:
        handle: The node's job.
        ware: Decodes what comes.
        is_batch: The result is a list, one output for each item.
    """

    def __init__(self, handle: JobHandle, ware: Ware, *, is_batch: bool) -> None:
        self._handle, self._ware, self._is_batch = handle, ware, is_batch
        self._task = asyncio.ensure_future(self._finish())
        self._task.add_done_callback(_ignore_failure)

    async def result(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - futures have it
        """Return the verified output, decoded: an array, a dict, a list, or a list of these.

        Raises:
            WorkerFault: The worker failed; the fields say what was recovered.
            NoWorker: Nobody sells it on these terms.
            Timeout: The time is over; the job goes on.
            ProgramFailed: The program did not end with exit code 0; its outputs are in the fields.
        """
        outputs = await self.outputs(timeout)
        decoded = [self._ware.decode_output(output) for output in outputs]
        return decoded if self._is_batch else decoded[0]

    async def outputs(self, timeout: float | None = None) -> list[bytes]:  # noqa: ASYNC109
        """Return the verified outputs as bytes; raises as `result`."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), timeout)
        except TimeoutError as error:
            raise Timeout(
                f"there is no result after {timeout:g} seconds", hint="the task goes on"
            ) from error

    def results(self) -> tuple[Result, ...]:
        """Return how each item's program ended, once that is verified; empty before."""
        return self._handle.get_results()

    async def exception(self, timeout: float | None = None) -> PekanuError | None:  # noqa: ASYNC109
        """Return why there is no result, or None when there is one; raises Timeout only."""
        try:
            await self.outputs(timeout)
        except Timeout:
            raise
        except PekanuError as error:
            return error
        return None

    def done(self) -> bool:
        """Return whether there is a result or a failure."""
        return self._task.done()

    def progress(self) -> float:
        """Return how far the execution is, 0 to 1."""
        return self._handle.get_progress()

    @property
    def job(self) -> ClientJob:
        """What is wanted, as the journal keeps it."""
        return self._handle.job

    @property
    def receipt(self) -> JobReceipt:
        """What it cost so far, in which transactions."""
        return self._handle.get_receipt()

    async def settled(self, timeout: float | None = None) -> JobReceipt:  # noqa: ASYNC109
        """Return the receipt once every try has ended on chain.

        Raises:
            Timeout: The time is over; the tries go on.
        """
        try:
            return await asyncio.wait_for(self._handle.wait_final(), timeout)
        except TimeoutError as error:
            raise Timeout(f"the task has not ended after {timeout:g} seconds") from error

    async def cancel(self) -> bool:
        """Return whether it was stopped; once the escrow stands it cannot be."""
        return await self._handle.cancel()

    def add_done_callback(self, callback: Callable[[Future], object]) -> None:
        """Call back with this future once it is done; at once when it is."""
        self._task.add_done_callback(lambda _: callback(self))

    async def _finish(self) -> list[bytes]:
        return await self._handle.result()


class Client:
    """A client at a market; an async context manager.

    Entering takes up the jobs that a former process left unfinished.

    Args:
        rpc: JSON-RPC URL of the chain; else PEKANU_RPC, else this machine's port 8545.
        account: Name or address of a stored account, or an unlocked one; else PEKANU_ACCOUNT,
            else the only stored one.
        home: Folder of all state; else PEKANU_HOME, else the platform's.
        password: Of the account; else PEKANU_PASSWORD_FILE or PEKANU_PASSWORD.
        confirm: Asked with each offer before anything is signed; None takes what the price allows.
        confirmations: Blocks that must hold what is relied on.
        agent: Address that may demand, complain and challenge in the client's place.
    """

    def __init__(  # noqa: PLR0913 - each is a keyword of its own
        self,
        *,
        rpc: str | None = None,
        account: str | Account | None = None,
        home: str | Path | None = None,
        password: str | None = None,
        confirm: Confirm | None = None,
        confirmations: int = 1,
        agent: str | None = None,
    ) -> None:
        self._agent = None if agent is None else Address(parse_address(agent))
        self._rpc = rpc or os.environ.get(RPC_VARIABLE) or DEFAULT_RPC
        self._account = account or os.environ.get(ACCOUNT_VARIABLE) or None
        self._home = Path(home) if home is not None else get_default_home()
        self._password, self._confirm = password, confirm
        self._confirmations = confirmations
        self._stack = AsyncExitStack()
        self._node: ClientNode | None = None
        self._store: Store | None = None
        #: Jobs of a former process, taken up again.
        self.resumed: tuple[Future, ...] = ()

    @property
    def node(self) -> ClientNode:
        """The node beneath.

        Raises:
            UsageError: The context is not open.
        """
        if self._node is None:
            raise UsageError("the client is not open", hint="use it in a with block")
        return self._node

    @property
    def store(self) -> Store:
        """Storage: `put`, `get`, `ls`, `verify`, `challenge`, `renew`, `rm` and more.

        Raises:
            UsageError: The context is not open.
        """
        if self._store is None:
            raise UsageError("the client is not open", hint="use it in a with block")
        return self._store

    async def __aenter__(self) -> Self:
        account = await asyncio.to_thread(self._unlock)
        async with AsyncExitStack() as stack:
            desk = await stack.enter_async_context(
                open_account_desk(
                    self._home,
                    self._rpc,
                    account,
                    purpose="a client",
                    confirmations=self._confirmations,
                )
            )
            self._node = await stack.enter_async_context(open_client(desk, self._home))
            self._node.agent = self._agent
            self._store = await open_store(desk, self._home)
            handles = await self._node.resume(confirm=self._confirm)
            self.resumed = tuple(
                Future(handle, self._node.find_ware(handle.job), is_batch=handle.job.count > 1)
                for handle in handles
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._node = self._store = None
        await self._stack.aclose()

    async def submit(
        self,
        function: str | Program,
        /,
        *inputs: object,
        price: str | int | None = None,
        verify: str | None = None,
        worker: str | None = None,
        max_steps: int | None = None,
        **named: object,
    ) -> Future:
        """Return the future of one computation.

        Args:
            function: A name of the catalog, or a program of one's own.
            inputs: In the function's order; arrays, numbers, texts, paths of files, or links to
                files in the store. A program takes one: bytes, a text, a path, or a link.
            price: Most that may be spent, over all workers that are tried.
            verify: ``check``, ``recompute`` or ``none``; else the function's own.
            worker: The only worker to ask.
            max_steps: Where an item's program is stopped; else four times the estimate, or a
                thousand million for a program of one's own, which are what is paid for.
            named: Inputs by name.

        Raises:
            InvalidInput: They do not fit the function.
        """
        found = _find(function)
        item = await self._frame(found, inputs, named)
        request = build_request(
            found, (item,), price=price, verify=verify, worker=worker, max_steps=max_steps
        )
        handle = await self.node.submit(request, confirm=self._confirm)
        return Future(handle, found, is_batch=False)

    async def submit_batch(
        self,
        function: str | Program,
        items: Iterable[Inputs],
        *,
        price: str | int | None = None,
        verify: str | None = None,
        worker: str | None = None,
        max_steps: int | None = None,
    ) -> Future:
        """Return the future of many computations in one task: two transactions for all.

        Args:
            function: A name of the catalog, or a program of one's own.
            items: Each a sequence of inputs, or a dict by name; of a program, each its input.
            price: Most that may be spent, over all workers that are tried.
            verify: As in `submit`, or ``sample:SHARE``.
            worker: The only worker to ask.
            max_steps: Where an item's program is stopped; else four times the estimate, or a
                thousand million for a program of one's own, which are what is paid for.
        """
        found = _find(function)

        def frame() -> tuple[bytes, ...]:
            return tuple(_frame_item(found, item) for item in items)

        framed = await asyncio.to_thread(frame)
        request = build_request(
            found, framed, price=price, verify=verify, worker=worker, max_steps=max_steps
        )
        handle = await self.node.submit(request, confirm=self._confirm)
        return Future(handle, found, is_batch=True)

    async def map(
        self,
        function: str | Program,
        items: Iterable[Inputs],
        *,
        price: str | int | None = None,
        verify: str | None = None,
        worker: str | None = None,
        max_steps: int | None = None,
    ) -> list[Any]:
        """Return the verified outputs of many computations, bought as one batch."""
        future = await self.submit_batch(
            function, items, price=price, verify=verify, worker=worker, max_steps=max_steps
        )
        return list(await future.result())

    async def search(  # noqa: PLR0913 - a search in the words of its user
        self,
        f: str | Path | bytes,
        domain: str | bytes | range | Iterable[str],
        targets: str | bytes | Iterable[str | bytes],
        *,
        ringers: int | RingerCount | None = None,
        words: Iterable[str] = (),
        price: str | int | None = None,
        worker: str | None = None,
        step_limit: int | None = None,
    ) -> Future:
        """Return the future of a search, paid by ringers: all points that have a target as image.

        Args:
            f: ``sha256``, ``keccak256``, ``md5``, or a program of one's own: an ELF file or its
                bytes; its input is the point, 32 bytes big endian.
            domain: A pattern (`pekanu.catalog.hash_search.space`), numbers as a range, or words.
            targets: Hashes as bytes or in hex, or beginnings or ends of one length (``00ab*``,
                ``*beef``); of a program its outputs as bytes, or as ``=`` and hex.
            ringers: The least number of them; else what is recommended.
            words: What ``<word>`` in a pattern stands for.
            price: Most that may be spent, over all workers that are tried.
            worker: The only worker to ask.
            step_limit: Steps that a program may take on a point.

        Raises:
            InvalidInput: They make no search that can be bought.
        """
        found = catalog.get("hash-search")
        inputs = await asyncio.to_thread(
            build_inputs, f, domain, targets, words=words, step_limit=step_limit
        )
        item = await asyncio.to_thread(found.parse_inputs, inputs)
        request = build_request(found, (item,), price=price, worker=worker, ringers=ringers)
        handle = await self.node.submit(request, confirm=self._confirm)
        return Future(handle, found, is_batch=False)

    async def fetch_offers(
        self, function: str | Program, /, *inputs: object, **named: object
    ) -> list[Offer]:
        """Return what workers ask for a computation, the best first; nothing is signed."""
        found = _find(function)
        item = await self._frame(found, inputs, named)
        return await self.node.quote(build_request(found, (item,)))

    async def _frame(
        self, ware: Ware, inputs: Sequence[object], named: Mapping[str, object]
    ) -> bytes:
        """Return an item's bytes; what is given as a link is fetched from the store first."""
        with tempfile.TemporaryDirectory(prefix="pekanu-links-") as folder:
            given = [await self._resolve(value, Path(folder)) for value in inputs]
            by_name = {
                name: await self._resolve(value, Path(folder)) for name, value in named.items()
            }
            return await asyncio.to_thread(_frame, ware, given, by_name)

    async def _resolve(self, value: object, folder: Path) -> object:
        if isinstance(value, SharedLink) or (isinstance(value, str) and is_link(value)):
            return await self.store.fetch_file(value, folder)
        return value

    def _unlock(self) -> Account:
        if isinstance(self._account, Account):
            return self._account
        keystore = Keystore(self._home / "keystore")
        name = self._account
        if name is None:
            stored = keystore.list()
            if len(stored) != 1:
                raise UsageError(
                    f"there are {len(stored)} accounts in {self._home}", hint="name one"
                )
            name = stored[0].name
        keystore.find(name)
        password = self._password if self._password is not None else find_password()
        if password is None:
            raise KeystoreError(
                f"no password is given for {name!r}", hint="pass password, or set PEKANU_PASSWORD"
            )
        return keystore.unlock(name, password)


def _find(function: str | Program) -> Ware:
    return function if isinstance(function, Program) else catalog.get(function)


def _frame(ware: Ware, inputs: Sequence[object], named: Mapping[str, object]) -> bytes:
    """Return an item's input region from arguments as a Python call gives them."""
    if isinstance(ware, Program):
        if len(inputs) != 1 or named:
            raise InvalidInput(f"{ware.name} takes one input and no names")
        return ware.parse_inputs(inputs[0])
    return ware.parse_inputs(ware.bind(*inputs, **named))


def _frame_item(ware: Ware, item: object) -> bytes:
    """Return an item's input region from what a batch has for it."""
    if isinstance(ware, Program):
        return ware.parse_inputs(item)
    if isinstance(item, Mapping):
        return _frame(ware, (), item)
    if isinstance(item, Sequence):
        return _frame(ware, item, {})
    raise InvalidInput(f"an item of {ware.name} is a sequence of inputs, or a dict by name")


def build_request(  # noqa: PLR0913 - each is a keyword of its own
    ware: Ware,
    items: tuple[bytes, ...],
    *,
    price: str | int | None = None,
    verify: str | None = None,
    worker: str | None = None,
    max_steps: int | None = None,
    ringers: int | RingerCount | None = None,
) -> JobRequest:
    """Return what the node is asked for.

    Raises:
        UsageError: The price, the policy or the worker cannot be read.
    """
    return JobRequest(
        function=ware.name,
        program=ware if isinstance(ware, Program) else None,
        items=items,
        policy=catalog.parse_policy(verify or ware.default_policy),
        max_price=None if price is None else Wei(parse_wei(price)),
        worker=None if worker is None else Address(parse_address(worker)),
        max_steps=max_steps,
        ringers=RingerCount(least=ringers) if isinstance(ringers, int) else ringers,
    )


def _ignore_failure(task: asyncio.Future[list[bytes]]) -> None:
    """Keep the loop from complaining about a failure that nobody asks for."""
    if not task.cancelled():
        task.exception()
