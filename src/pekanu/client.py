"""The Python API in the shape of `concurrent.futures`: a client, and futures of what it bought.

A thread runs the event loop; `pekanu.aio` holds what is done there.

    with pekanu.Client(account="alice") as client:
        future = client.submit("matmul", a, b, price="0.01 ether")
        product = future.result(timeout=600)
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pekanu import aio
from pekanu.aio import Confirm, Inputs
from pekanu.catalog import Program
from pekanu.chain import Account
from pekanu.errors import PekanuError
from pekanu.market.claim import Result
from pekanu.node.client_job import JobReceipt
from pekanu.node.offers import Offer
from pekanu.node.storage.store import Store as AsyncStore
from pekanu.ringers import RingerCount

AnswerT = TypeVar("AnswerT")


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pekanu", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """Return what a coroutine returns; an interrupt cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[[], AnswerT]) -> AnswerT:
        """Return what a function returns that must run in the loop's thread."""

        async def work() -> AnswerT:
            return function()

        return self.run(work())

    def close(self) -> None:
        """Stop the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Future:
    """A computation under way.

    Args:
        inner: The same in the event loop.
        loop: The loop.
    """

    def __init__(self, inner: aio.Future, loop: _Loop) -> None:
        self._inner, self._loop = inner, loop

    def result(self, timeout: float | None = None) -> Any:
        """Return the verified output, decoded; raises as `pekanu.aio.Future.result`."""
        return self._loop.run(self._inner.result(timeout))

    def outputs(self, timeout: float | None = None) -> list[bytes]:
        """Return the verified outputs as bytes; raises as `result`."""
        return self._loop.run(self._inner.outputs(timeout))

    def results(self) -> tuple[Result, ...]:
        """Return how each item's program ended, once that is verified; empty before."""
        return self._loop.call(self._inner.results)

    def exception(self, timeout: float | None = None) -> PekanuError | None:
        """Return why there is no result, or None when there is one; raises Timeout only."""
        return self._loop.run(self._inner.exception(timeout))

    def done(self) -> bool:
        """Return whether there is a result or a failure."""
        return self._inner.done()

    def progress(self) -> float:
        """Return how far the execution is, 0 to 1."""
        return self._inner.progress()

    @property
    def receipt(self) -> JobReceipt:
        """What it cost so far, in which transactions."""
        return self._loop.call(lambda: self._inner.receipt)

    def settled(self, timeout: float | None = None) -> JobReceipt:
        """Return the receipt once every try has ended on chain; raises Timeout."""
        return self._loop.run(self._inner.settled(timeout))

    def cancel(self) -> bool:
        """Return whether it was stopped; once the escrow stands it cannot be."""
        return self._loop.run(self._inner.cancel())

    def add_done_callback(self, callback: Callable[[Future], object]) -> None:
        """Call back with this future, in the client's thread, once it is done.

        The callback must not wait for this or another future of the same client.
        """
        self._loop.call(lambda: self._inner.add_done_callback(lambda _: callback(self)))


class Store:
    """Storage, as `pekanu.node.storage.store.Store` has it, each call awaited in the loop's thread.

    Args:
        inner: The same in the event loop.
        loop: The loop.
    """

    def __init__(self, inner: AsyncStore, loop: _Loop) -> None:
        self._inner, self._loop = inner, loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self._inner, name)
        if name == "iterate":
            return lambda *given, **named: _pull(found(*given, **named), self._loop)

        def call(*given: Any, **named: Any) -> Any:
            async def work() -> Any:
                result = found(*given, **named)
                return await result if inspect.isawaitable(result) else result

            return self._loop.run(work())

        return call


def _pull(parts: AsyncIterator[bytes], loop: _Loop) -> Iterator[bytes]:
    """Yield what an asynchronous iterator yields."""

    async def next_part() -> bytes | None:
        return await anext(parts, None)

    while (part := loop.run(next_part())) is not None:
        yield part


class Client:
    """A client at a market; a context manager. The arguments are those of `pekanu.aio.Client`."""

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
        self._inner = aio.Client(
            rpc=rpc,
            account=account,
            home=home,
            password=password,
            confirm=confirm,
            confirmations=confirmations,
            agent=agent,
        )
        self._loop: _Loop | None = None

    def __enter__(self) -> Self:
        loop = _Loop()
        try:
            loop.run(self._inner.__aenter__())
        except BaseException:
            loop.close()
            raise
        self._loop = loop
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            try:
                loop.run(self._inner.__aexit__(kind, error, trace))
            finally:
                loop.close()

    @property
    def resumed(self) -> tuple[Future, ...]:
        """Jobs of a former process, taken up again."""
        loop = self._get_loop()
        return tuple(Future(inner, loop) for inner in self._inner.resumed)

    @property
    def store(self) -> Store:
        """Storage: `put`, `get`, `ls`, `verify`, `challenge`, `renew`, `rm` and more."""
        loop = self._get_loop()
        return Store(self._inner.store, loop)

    def submit(
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
        """Return the future of one computation; see `pekanu.aio.Client.submit`."""
        loop = self._get_loop()
        work = self._inner.submit(
            function,
            *inputs,
            price=price,
            verify=verify,
            worker=worker,
            max_steps=max_steps,
            **named,
        )
        return Future(loop.run(work), loop)

    def submit_batch(
        self,
        function: str | Program,
        items: Iterable[Inputs],
        *,
        price: str | int | None = None,
        verify: str | None = None,
        worker: str | None = None,
        max_steps: int | None = None,
    ) -> Future:
        """Return the future of many computations in one task."""
        loop = self._get_loop()
        work = self._inner.submit_batch(
            function, items, price=price, verify=verify, worker=worker, max_steps=max_steps
        )
        return Future(loop.run(work), loop)

    def map(
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
        batch = self.submit_batch(
            function, items, price=price, verify=verify, worker=worker, max_steps=max_steps
        )
        return list(batch.result())

    def search(  # noqa: PLR0913 - a search in the words of its user
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
        """Return the future of a search, paid by ringers; see `pekanu.aio.Client.search`."""
        loop = self._get_loop()
        work = self._inner.search(
            f,
            domain,
            targets,
            ringers=ringers,
            words=words,
            price=price,
            worker=worker,
            step_limit=step_limit,
        )
        return Future(loop.run(work), loop)

    def fetch_offers(
        self, function: str | Program, /, *inputs: object, **named: object
    ) -> list[Offer]:
        """Return what workers ask for a computation, the best first; nothing is signed."""
        return self._get_loop().run(self._inner.fetch_offers(function, *inputs, **named))

    def _get_loop(self) -> _Loop:
        if self._loop is None:
            _ = self._inner.node  # says that the client is not open
            raise AssertionError
        return self._loop
