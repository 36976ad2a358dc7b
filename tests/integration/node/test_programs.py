"""Programs of a client's own, bought over a real chain: every ending is paid, and told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pekanu import catalog
from pekanu.chain import Account, AddressBook, Devnet
from pekanu.errors import InvalidInput, NoWorker, ProgramFailed, WorkerFault
from pekanu.machine.state import Status
from pekanu.node.client_job import JobRequest
from support.cheats import build_cheat
from support.moody import MOODY_ELF
from support.nodes import ETHER, TERMS, Town, finish, let_pass, open_town

LIMIT = 10**6
PROGRAM = catalog.Program(MOODY_ELF, name="moody")


@pytest.fixture
async def town(devnet: Devnet, market_book: AddressBook, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(devnet, market_book, tmp_path) as opened:
        yield opened


def build_request(*items: bytes, verify: str = "recompute", **changes: object) -> JobRequest:
    values: dict[str, object] = {
        "function": PROGRAM.name,
        "program": PROGRAM,
        "items": items,
        "policy": catalog.parse_policy(verify),
        "max_steps": LIMIT,
        **changes,
    }
    return JobRequest(**values)  # type: ignore[arg-type]


async def test_submit__when_a_program_succeeds__then_output_for_the_price_of_its_limit(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    terms = replace(TERMS, gigastep_price=TERMS.base_price * 10_000)
    worker = await town.open_worker(accounts[1], terms=terms)
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(b"s hello"))
    assert await finish(handle) == [b"s hello"]
    (bought,) = handle.get_receipt().tasks
    assert bought.task.price == 10 * TERMS.base_price
    assert bought.terms.program_id == PROGRAM.program_id
    assert bought.terms.max_steps == LIMIT
    assert bought.verdict == "the result is the one computed here, to the last state"
    assert await worker.desk.fetch_ledger() == ETHER + bought.task.price


@pytest.mark.parametrize(
    ("item", "status", "exit_code", "sentence"),
    [
        (b"f", Status.HALTED, 3, "moody ended with exit code 3"),
        (b"t", Status.BREAKPOINT, 0, r"moody trapped \(breakpoint\)"),
        (b"l", Status.RUNNING, 0, "moody was still running at the step limit"),
    ],
)
async def test_submit__when_a_program_fails__then_its_worker_is_paid_and_the_client_told(
    town: Town,
    accounts: tuple[Account, ...],
    item: bytes,
    status: Status,
    exit_code: int,
    sentence: str,
) -> None:
    worker = await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(item))
    with pytest.raises(ProgramFailed, match=sentence) as caught:
        await handle.result()
    assert (caught.value.status, caught.value.exit_code) == (status, exit_code)
    assert caught.value.outputs == (item,)
    receipt = await handle.wait_final()
    assert receipt.tasks[0].ending == "settled"
    assert await worker.desk.fetch_ledger() == ETHER + receipt.paid_wei


async def test_submit__when_some_of_a_batch_fail__then_the_others_are_there(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(b"s1", b"f", b"g", b"t", b"s2", b""))
    with pytest.raises(
        ProgramFailed, match="item 1 of 6, ended with exit code 3; 1 more"
    ) as caught:
        await handle.result()
    assert caught.value.items == (1, 3)
    # What lies beyond the output's length makes it no output, which is no failure.
    assert caught.value.outputs == (b"s1", b"f", b"", b"t", b"s2", b"")
    assert [one.exit_code for one in handle.get_results()] == [0, 3, 0, 0, 0, 0]
    receipt = await handle.wait_final()
    assert [cost.call for cost in receipt.costs if cost.call != "deposit"] == ["post_accepted"]


async def test_submit__when_a_program_s_result_is_a_lie__then_the_referee_refutes_it(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    def spoil(path: Path) -> None:
        path.write_bytes(b"s hellO")

    cheat = await town.open_worker(accounts[1], kind=build_cheat(spoil_output=spoil))
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(b"s hello"))
    await let_pass(town, handle)
    with pytest.raises(WorkerFault, match="refuted by the referee"):
        await handle.result()
    (bought,) = handle.get_receipt().tasks
    assert bought.verdict == "the output differs from the one computed here"
    assert (bought.wrong_item, bought.ending) == (0, "refuted")
    assert await cheat.desk.fetch_ledger() == ETHER - TERMS.stake


async def test_submit__when_no_worker_runs_programs__then_nobody_sells_it(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1], terms=replace(TERMS, programs=False))
    client = await town.open_client(accounts[0])
    handle = await client.submit(build_request(b"s"))
    with pytest.raises(NoWorker):
        await handle.result()


async def test_submit__when_the_policy_is_check__then_refused_before_anything_is_done(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    client = await town.open_client(accounts[0])
    with pytest.raises(catalog.InvalidPolicy, match="moody has no cheap check"):
        await client.submit(build_request(b"s", verify="check"))


async def test_submit__when_an_input_is_too_large__then_refused_before_anything_is_done(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    client = await town.open_client(accounts[0])
    with pytest.raises(InvalidInput, match="an input has at most"):
        await client.submit(build_request(bytes(1 << 26)))


async def test_resume__when_the_client_went_away__then_it_knows_the_program_again(
    town: Town, accounts: tuple[Account, ...]
) -> None:
    await town.open_worker(accounts[1])
    async with open_town(town.devnet, town.book, town.home) as first:
        client = await first.open_client(accounts[0])
        handle = await client.submit(build_request(b"s again"))
        while handle.task is None:
            await handle.wait_changed(1)
    client = await town.open_client(accounts[0])
    (resumed,) = await client.resume()
    assert client.find_ware(resumed.job).program_id == PROGRAM.program_id
    assert await finish(resumed) == [b"s again"]
