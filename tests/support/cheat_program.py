"""Programs that lie through the real protocol, until they are terminated or have lost.

Run as: cheat_program.py HOME RPC KEY, which sells lies, well sealed and well defended; with the
address of a worker as a fourth argument it buys of it, and challenges what is right. Exists in
tests alone.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from pekanu import catalog
from pekanu.chain import Account
from pekanu.demo.cheats import AccusingClient, LyingWorker
from pekanu.demo.lies import Lie, falsify_output
from pekanu.node.account_desk import open_account_desk
from pekanu.node.client_job import JobRequest
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.worker import WorkerOptions
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei, parse_address


class Liar(LyingWorker):
    """Differs in one bit of the output from two thirds of the run on."""

    lie = Lie(lambda end: 2 * end // 3, falsify_output)


async def sell(home: Path, rpc: str, key: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with (
        open_account_desk(home, rpc, Account.from_key(key), purpose="a cheat") as desk,
        ProcessExecutor(1) as executor,
    ):
        await desk.sender.send(desk.market.deposit(Wei(10**18)), key="collateral")
        # Cheaper than anybody, so that it is asked first.
        options = WorkerOptions(terms=WorkerTerms(base_price=Wei(10**12), gigastep_price=Wei(1)))
        async with Liar(desk, executor, home, options).running():
            say("cheating")
            await stopped.wait()


async def accuse(home: Path, rpc: str, key: str, worker: str) -> None:
    async with (
        open_account_desk(home, rpc, Account.from_key(key), purpose="a cheat") as desk,
        AccusingClient.open(desk, home) as client,
    ):
        request = JobRequest(
            function="wordcount",
            items=(catalog.get("wordcount").parse_inputs({"text": b"to be or not"}),),
            policy=catalog.parse_policy("recompute"),
            worker=parse_address(worker),
        )
        handle = await client.submit(request)
        while not any(one.is_wrong for one in handle.get_receipt().tasks):
            await handle.wait_changed(1.0)
        say("accusing")
        receipt = await handle.wait_final()
        (task,) = receipt.tasks
        say(f"{task.ending} for {task.task.price} with a bond of {task.terms.bond}")


def say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    place, *rest = sys.argv[1:]
    asyncio.run((accuse if len(rest) > 2 else sell)(Path(place), *rest))
