"""The Dask executor on a local cluster of two processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu.chain import Account, AddressBook, Devnet
from pekanu.errors import ExecutionFailed, UsageError
from pekanu.machine.executor import state_at
from pekanu.node.batch_file import join_items, split_items
from pekanu.node.dask_executor import DaskExecutor
from pekanu.node.delivery_folder import DeliveryFolder
from pekanu.node.executors import ExecutionCancelled, Job, JobLimits, LimitExceeded
from pekanu.node.run_files import list_open_shares
from pekanu.types import ZERO_HASH
from support.moody import MOODY, MOODY_ELF
from support.nodes import ETHER, Town, build_request, finish, is_product, open_town

CLUSTER = Path(__file__).parents[2] / "support" / "dask_cluster.py"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"dask://127.0.0.1:{process.stdout.readline().strip()}"
        process.communicate(timeout=30)


def build_job(folder: DeliveryFolder, items: list[bytes], *, max_steps: int = 1000) -> Job:
    folder.create()
    (folder.folder / "program").write_bytes(MOODY_ELF)
    (folder.folder / "input").write_bytes(b"".join(join_items(items)))
    return Job(
        name="moody",
        program=folder.folder / "program",
        program_id=MOODY.id,
        input=folder.folder / "input",
        runs=folder.runs,
        count=len(items),
        max_steps=max_steps,
    )


async def test_result__of_a_batch__then_all_items_ran_on_the_cluster(
    address: str, tmp_path: Path
) -> None:
    items = [b"sft"[number % 3 : number % 3 + 1] + b"%d" % number for number in range(150)]
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, len(items))
    async with DaskExecutor(address) as executor:
        assert executor.slots == 2
        execution = executor.submit(build_job(folder, items))
        await execution.result()
        assert execution.get_progress() == 1.0
    folder.gather_runs()
    outputs = split_items(folder.output.read_bytes(), len(items))
    assert [bytes(one) for one in outputs] == items
    for item, result in list(zip(items, folder.load_results(), strict=True))[:3]:
        assert result.evidence == state_at(MOODY, item, 1000).root


async def test_result__when_the_time_is_over__then_it_says_so(address: str, tmp_path: Path) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 2)
    job = replace(build_job(folder, [b"s", b"s"]), limits=JobLimits(wall_seconds=-1))
    async with DaskExecutor(address) as executor:
        with pytest.raises(LimitExceeded, match="takes longer"):
            await executor.submit(job).result()
    assert len(list_open_shares(folder.runs, 2)) == 2


async def test_result__when_the_program_cannot_be_loaded__then_the_job_fails(
    address: str, tmp_path: Path
) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 1)
    job = replace(build_job(folder, [b"s"]), program_id=ZERO_HASH)
    async with DaskExecutor(address) as executor:
        with pytest.raises(ExecutionFailed, match="another program"):
            await executor.submit(job).result()


async def test_cancel__when_it_waits__then_the_job_is_over(address: str, tmp_path: Path) -> None:
    folder = DeliveryFolder(tmp_path / "task", ZERO_HASH, 70)
    async with DaskExecutor(address) as executor:
        execution = executor.submit(build_job(folder, [b"l"] * 70, max_steps=10**9))
        await asyncio.sleep(0.2)
        await execution.cancel()
        with pytest.raises(ExecutionCancelled):
            await execution.result()
    assert list_open_shares(folder.runs, 70)


async def test_open__when_nobody_answers_or_the_address_is_none__then_one_sentence() -> None:
    for wrong in ("tcp://127.0.0.1:1", "dask://127.0.0.1", "dask://:8786"):
        with pytest.raises(UsageError, match="no address of an executor"):
            DaskExecutor(wrong)


async def test_submit__when_the_worker_has_a_cluster__then_it_sells_as_ever(
    address: str,
    devnet: Devnet,
    market_book: AddressBook,
    accounts: tuple[Account, ...],
    tmp_path: Path,
) -> None:
    async with (
        DaskExecutor(address) as executor,
        open_town(devnet, market_book, tmp_path) as town,
    ):
        assert isinstance(town, Town)
        town.executor = executor
        worker = await town.open_worker(accounts[1])
        client = await town.open_client(accounts[0])
        handle = await client.submit(build_request())
        assert is_product(await finish(handle))
        assert await worker.desk.fetch_ledger() > ETHER
