"""A program that sells lies, well sealed and well defended, until it is terminated.

Run as: cheat_program.py HOME RPC KEY. Exists in tests alone.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from pekanu.chain import Account
from pekanu.demo.cheats import LyingWorker
from pekanu.demo.lies import Lie, falsify_output
from pekanu.node.account_desk import open_account_desk
from pekanu.node.process_executor import ProcessExecutor
from pekanu.node.worker import WorkerOptions
from pekanu.node.worker_terms import WorkerTerms
from pekanu.types import Wei


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
            sys.stdout.write("cheating\n")
            sys.stdout.flush()
            await stopped.wait()


if __name__ == "__main__":
    asyncio.run(sell(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
