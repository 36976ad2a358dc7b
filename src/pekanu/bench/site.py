"""The site under load: how long pages take while many look and much happens.

A development chain, a worker and the site are processes of their own; this one asks. The index is
filled beforehand with tasks that were never on chain, as if it had been read.
"""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
from eth_abi.abi import encode

from pekanu import contracts
from pekanu.bench.site_paint import measure_paint
from pekanu.chain import (
    Account,
    AddressBook,
    Connection,
    Cursor,
    Devnet,
    Keystore,
    Log,
    MarketEvent,
    MemoryPendingStore,
    Sender,
    decode_event,
    deploy,
)
from pekanu.errors import ExecutionFailed
from pekanu.market.task import Task
from pekanu.types import ZERO_ADDRESS, Address, Hash32, Seconds, Wei
from pekanu.web.index import SiteIndex

TASKS: Final = 10_000
LISTENERS: Final = 20
RATE: Final = 50
SECONDS: Final = 20
_BLOCKS: Final = 400
_MINED_AT_ONCE: Final = 100
_LIVE_EVERY: Final = 20
_PROGRAM: Final = "from pekanu.cli import main; main()"
_PASSWORD: Final = "benchmark"  # noqa: S105 - of an account that lives for a minute


async def measure() -> dict[str, float | str]:
    """Return milliseconds by name, and the bytes and milliseconds of the first page."""
    with tempfile.TemporaryDirectory(prefix="pekanu-bench-") as folder, Devnet() as devnet:
        home = Path(folder)
        async with Connection.open(devnet.rpc) as chain:
            sender = Sender(chain, devnet.accounts[-1], MemoryPendingStore())
            book = await deploy(sender)
            book.save(home)
            for _ in range(_BLOCKS // _MINED_AT_ONCE):
                await asyncio.to_thread(devnet.mine, _MINED_AT_ONCE)
            await _fill_index(home, chain, book)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(_run_worker(home, devnet))
            url, token, site = await stack.enter_async_context(_run_site(home, devnet.rpc))
            client = await stack.enter_async_context(
                httpx.AsyncClient(timeout=30, trust_env=False, base_url=url)
            )
            await client.post("/launch", data={"token": token}, headers={"origin": url})
            first: dict[str, float | str] = {**await _load_first(client)}
            cookies = [(one.name, one.value or "") for one in client.cookies.jar]
            first |= await measure_paint(url, cookies)
            listeners = [asyncio.create_task(_listen(client)) for _ in range(LISTENERS)]
            try:
                before = _read_cpu_seconds(site)
                times = await _ask_steadily(client)
                spent = _read_cpu_seconds(site) - before
            finally:
                heard = [listener.done() for listener in listeners]
                for listener in listeners:
                    listener.cancel()
            if any(heard):
                raise ExecutionFailed(f"{sum(heard)} listeners were sent away")
    cuts = statistics.quantiles(times, n=100)
    return {
        "page_p50_ms": round(cuts[49], 1),
        "page_p95_ms": round(cuts[94], 1),
        "page_p99_ms": round(cuts[98], 1),
        "page_worst_ms": round(max(times), 1),
        "requests": len(times),
        # What a page costs the site, listeners included, however busy the machine is.
        "cpu_per_page_ms": round(1000 * spent / len(times), 1),
        **first,
    }


async def _ask_steadily(client: httpx.AsyncClient) -> list[float]:
    """Return how long each page took, asked at a steady rate whatever the answers take."""
    found = re.findall(r"/tasks/0x[0-9a-f]{64}", (await client.get("/tasks")).text)
    paths = ["/", "/tasks", "/tasks?page=300", found[0], "/explorer", "/explorer?page=100", "/work"]
    times: list[float] = []

    async def ask(path: str) -> None:
        began = time.perf_counter()
        answer = await client.get(path)
        times.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()

    begin, asking = time.perf_counter(), []
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
        asking.append(asyncio.create_task(ask(paths[number % len(paths)])))
    await asyncio.gather(*asking)
    return times


async def _load_first(client: httpx.AsyncClient) -> dict[str, float]:
    """Return the bytes of the first page with all that it loads, and the time of its HTML."""
    began = time.perf_counter()
    page = await client.get("/")
    took = (time.perf_counter() - began) * 1000
    size, waiting, seen = len(page.content), re.findall(r'"(/static/[^"]+)"', page.text), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await client.get(path)
        size += len(answer.content)
        folder = path.rpartition("/")[0]
        waiting += [f"{folder}/{name}" for name in re.findall(r'from "\./([^"]+)"', answer.text)]
    return {"first_page_bytes": size, "first_page_ms": round(took, 1)}


async def _listen(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/events?page=market") as response:
        async for _ in response.aiter_bytes():
            pass


# --- processes ------------------------------------------------------------------------------------


@asynccontextmanager
async def _run_site(home: Path, rpc: str) -> AsyncIterator[tuple[str, str, int]]:
    """Yield address, launch token and process id of a site without accounts."""
    empty = home / "site-home"
    empty.mkdir()
    (home / "chains").rename(empty / "chains")
    (home / "site").rename(empty / "site")
    (home / "chains").symlink_to(empty / "chains")
    command = ("up", "--rpc", rpc, "--home", str(empty), "--port", "0")
    async with _run(*command, until=r"the site: (http://\S+)/#token=(\S+)") as (found, process):
        yield found[1], found[2], process


@asynccontextmanager
async def _run_worker(home: Path, devnet: Devnet) -> AsyncIterator[None]:
    """Run a worker's process."""
    Keystore(home / "keystore", work_factor=1 << 12).import_key("bob", devnet.keys[1], _PASSWORD)
    password = home / "password"
    password.write_text(_PASSWORD, encoding="utf-8")
    command = ("worker", "start", "--rpc", devnet.rpc, "--home", str(home), "--deposit", "1 ether")
    async with _run(*command, "--password-file", str(password), until=r"works at (\S+);"):
        yield


@asynccontextmanager
async def _run(*command: str, until: str) -> AsyncIterator[tuple[re.Match[str], int]]:
    """Yield what a process says once it is ready, and its id; it ends with the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _PROGRAM,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    if process.stderr is None:
        raise ExecutionFailed("the process has no stderr")
    words: list[str] = []
    try:
        async for line in process.stderr:
            words.append(line.decode(errors="replace"))
            found = re.search(until, words[-1])
            if found is not None:
                yield found, process.pid
                return
        raise ExecutionFailed(f"{command[0]} did not start: {''.join(words)[-500:]}")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


def _read_cpu_seconds(process: int) -> float:
    """Return the processor time that a process has had; 0 where the system does not say."""
    try:
        fields = (
            Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- the index ------------------------------------------------------------------------------------


async def _fill_index(home: Path, chain: Connection, book: AddressBook) -> None:
    """Write an index of many tasks, read up to the chain's head."""
    head = await chain.fetch_block("latest")
    if head is None:
        raise ExecutionFailed("the development chain has no block")
    folder = home / "site"
    folder.mkdir()
    identity = f"{book.market.address}:{book.market.block_number}"
    index = SiteIndex(folder / f"index-{chain.chain_id}.db", identity)
    cursor = Cursor(next_block=head.number + 1, checkpoints=((head.number, head.hash),))
    first = book.market.block_number + 1
    events = list(_invent_events(first, head.number - first))
    times = {
        number: Seconds(head.timestamp - 300 * (head.number - number))
        for number in range(first, head.number + 1)
    }
    await asyncio.to_thread(index.add, events, times, [], cursor)
    index.close()


def _invent_events(first: int, blocks: int) -> Iterator[MarketEvent]:
    accounts = [Account.create().address for _ in range(40)]
    for number in range(TASKS):
        client, worker = accounts[number % 30], accounts[30 + number % 10]
        task = Task(
            client=client,
            terms=Hash32(bytes(32)),
            price=Wei(10**15 + number),
            stake=Wei(10**16),
            offered_until=Seconds(1 << 40),
            compute_window=Seconds(1 << 30),
            audit_window=Seconds(600),
            response_window=Seconds(600),
            chunk_fee=Wei(0),
            salt=Hash32(number.to_bytes(32, "big")),
        )
        task_id = number.to_bytes(32, "big")
        block = first + number * (blocks - 3) // TASKS
        names = ("Accepted",) if number % _LIVE_EVERY == 0 else ("Accepted", "Settled")
        for later, name in enumerate(names):
            values = {
                "task_id": task_id,
                "client": client,
                "worker": worker,
                "task": task.to_abi(),
                "claim_hash": bytes(32),
            }
            yield _encode(name, block + later, number, values)


def _encode(name: str, block: int, position: int, values: Mapping[str, object]) -> MarketEvent:
    abi = next(one for one in contracts.load("Market").events.values() if one.name == name)
    topics = [encode([kind], [values[field]]) for field, kind, indexed in abi.fields if indexed]
    plain = [(kind, values[field]) for field, kind, indexed in abi.fields if not indexed]
    log = Log(
        address=Address(ZERO_ADDRESS),
        topics=(abi.topic, *map(Hash32, topics)),
        data=encode([kind for kind, _ in plain], [value for _, value in plain]),
        block_number=block,
        block_hash=Hash32(bytes(32)),
        transaction=Hash32((block << 32 | position).to_bytes(32, "big")),
        index=position,
    )
    event = decode_event(log)
    if event is None:
        raise ExecutionFailed(f"an invented {name} cannot be read")
    return event
