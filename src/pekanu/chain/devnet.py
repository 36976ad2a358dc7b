"""A development chain: anvil as a child process, with funded accounts and a clock to turn.

FOR DEVELOPMENT ONLY: the accounts' keys are public and anybody on this machine can mint money.
Not here: where the program is found (`anvil`). Everything else talks to it as to any chain.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

from pekanu.chain.account import DEVELOPMENT_MNEMONIC, Account, get_development_keys
from pekanu.chain.anvil import find_anvil
from pekanu.chain.devnet_state import StateFile
from pekanu.errors import ChainError

if TYPE_CHECKING:
    import httpx

#: "PEK" in ASCII, so that no wallet takes it for another development chain.
DEVNET_CHAIN_ID: Final = 0x50454B
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 15.0
_ANSWER_SECONDS: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DevnetOptions:
    """How a development chain is started."""

    #: Folder that keeps the chain between runs; None forgets it.
    state_folder: Path | None = None
    #: Port on 127.0.0.1; 0 takes a free one.
    port: int = 0
    #: Path of anvil; None looks it up.
    anvil: Path | None = None
    chain_id: int = DEVNET_CHAIN_ID
    accounts: int = 10
    #: Ether of each account at the beginning.
    balance: int = 10_000
    #: Mine a block every so many seconds beside those with transactions, so that chain time
    #: passes while nobody acts; None mines only what is sent.
    block_seconds: int | None = None


class _EndedAtOnce(ChainError):
    """anvil did not stay.

    Args:
        output: What it printed.
    """

    def __init__(self, output: str) -> None:
        lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no message"]
        why = next((line for line in lines if "error" in line.lower()), lines[-1])
        super().__init__(f"the development chain ended at once: {why}")
        #: Whether it could not read its state.
        self.is_state = "--state" in output or "--load-state" in output


class Devnet:
    """A running development chain, as a context manager (plain or async).

    The child dies with the process that started it: on Linux by the kernel even after SIGKILL
    (and with the thread that started it), elsewhere at a normal exit.

    Args:
        options: How it is started.
    """

    def __init__(self, options: DevnetOptions | None = None) -> None:
        self.options = options or DevnetOptions()
        self.rpc = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._accounts: tuple[Account, ...] | None = None
        self._http: httpx.Client | None = None
        self._base_fees: dict[str, str] = {}
        folder = self.options.state_folder
        self._state = None if folder is None else StateFile(folder)

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self.options.chain_id

    @property
    def keys(self) -> tuple[str, ...]:
        """The funded accounts' keys, as 0x-hex; public, for development only."""
        return get_development_keys(self.options.accounts)

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The funded accounts, unlocked."""
        if self._accounts is None:
            self._accounts = tuple(Account.from_key(key) for key in self.keys)
        return self._accounts

    @property
    def pid(self) -> int:
        """The child's process id.

        Raises:
            ChainError: It is not running.
        """
        if self._process is None:
            raise ChainError("the development chain is not running")
        return self._process.pid

    def start(self) -> Self:
        """Return this chain after starting it; it answers when this returns.

        Raises:
            AnvilMissing: anvil is not on this machine.
            ChainError: It ends at once or does not answer.
        """
        if self._process is not None:
            return self
        binary = find_anvil(self.options.anvil)
        # A free port can be taken by somebody else before anvil binds it.
        attempts = 1 if self.options.port else 3
        while True:
            attempts -= 1
            try:
                self._start_once(binary, self.options.port or _get_free_port())
            except _EndedAtOnce as error:
                if self._state is not None and error.is_state and self._state.restore():
                    continue
                if attempts == 0:
                    raise
            else:
                break
        if self._state is not None:
            self._state.start()
        return self

    def stop(self) -> None:
        """Stop the child; a chain with a state folder is saved first."""
        process, self._process = self._process, None
        if self._state is not None:
            self._state.stop()
        if self._http is not None:
            self._http.close()
            self._http = None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """Kill the child as a power cut would; for tests."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.stop()

    def request(self, method: str, *params: object) -> Any:
        """Return the answer of any JSON-RPC method, such as ``anvil_setBalance``.

        Raises:
            ChainError: It does not answer, or answers with an error.
        """
        import httpx  # noqa: PLC0415 - slow to import, and everything imports this module

        if self._http is None:
            raise ChainError("the development chain is not running")
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        try:
            answer = self._http.post(self.rpc, json=body).json()
        except (httpx.HTTPError, ValueError) as error:
            raise ChainError(f"the development chain does not answer {method}") from error
        if "error" in answer:
            raise ChainError(f"{method}: {answer['error'].get('message', answer['error'])}")
        return answer["result"]

    def advance_time(self, seconds: int) -> int:
        """Return the chain's time after turning its clock forward and mining one block."""
        self.request("evm_increaseTime", seconds)
        self.request("evm_mine")
        return int(self.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, blocks: int = 1) -> None:
        """Mine empty blocks."""
        self.request("anvil_mine", hex(blocks))

    def reorganize(self, depth: int) -> None:
        """Replace the last blocks by empty ones of the same number; their transactions are lost."""
        self.request("anvil_reorg", depth, [])

    def set_automine(self, enabled: bool) -> None:  # noqa: FBT001 - the method's one argument
        """Mine each transaction as it comes, or only when told."""
        self.request("evm_setAutomine", enabled)

    def snapshot(self) -> str:
        """Return the name of the state as it is now."""
        name = str(self.request("evm_snapshot"))
        self._base_fees[name] = self.request("eth_feeHistory", "0x1", "latest", [])[
            "baseFeePerGas"
        ][-1]
        return name

    def revert(self, snapshot: str) -> None:
        """Return the chain to a snapshot, which is used up.

        Raises:
            ChainError: There is no such snapshot.
        """
        if not self.request("evm_revert", snapshot):
            raise ChainError(f"the development chain has no snapshot {snapshot}")
        # anvil leaves the next block's fee where it was.
        if snapshot in self._base_fees:
            self.request("anvil_setNextBlockBaseFeePerGas", self._base_fees.pop(snapshot))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        # Not in a thread of a pool: the kernel would end the child with that thread.
        return self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_once(self, binary: Path, port: int) -> None:
        import httpx  # noqa: PLC0415 - as in `request`

        self.rpc = f"http://127.0.0.1:{port}"
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(  # noqa: S603 - anvil, with our own arguments
                [str(binary), *self._build_arguments(port)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                preexec_fn=_build_death_pact(),  # noqa: PLW1509 - two system calls, no lock
            )
            self._process = process
            # A stranger on the port may take the connection and never answer.
            self._http = httpx.Client(timeout=0.5, trust_env=False)
            try:
                self._wait_until_ready(process, errors)
                self._http.timeout = httpx.Timeout(_ANSWER_SECONDS)
                self._catch_up()
            except BaseException:
                self.stop()
                raise

    def _catch_up(self) -> None:
        """Go on from the time of a chain that was read from its file: time never goes back."""
        head = self.request("eth_getBlockByNumber", "latest", False)
        ahead = int(head["timestamp"], 16) - int(time.time())
        if ahead > 0:
            self.request("evm_increaseTime", ahead)

    def _wait_until_ready(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                errors.seek(0)
                raise _EndedAtOnce(errors.read().decode(errors="replace"))
            with contextlib.suppress(ChainError):
                if int(self.request("eth_chainId"), 16) == self.options.chain_id:
                    return
            time.sleep(0.01)
        raise ChainError(f"the development chain did not answer within {_START_SECONDS:.0f} s")

    def _build_arguments(self, port: int) -> list[str]:
        options = self.options
        arguments = ["--quiet", "--host", "127.0.0.1", "--port", str(port)]
        arguments += ["--chain-id", str(options.chain_id), "--hardfork", "osaka"]
        arguments += ["--mnemonic", DEVELOPMENT_MNEMONIC, "--accounts", str(options.accounts)]
        arguments += ["--balance", str(options.balance)]
        if options.block_seconds is not None:
            arguments += ["--block-time", str(options.block_seconds), "--mixed-mining"]
        if self._state is not None:
            self._state.path.parent.mkdir(parents=True, exist_ok=True)
            # Without the interval a SIGKILL would lose the whole chain.
            arguments += ["--state", str(self._state.path)]
            arguments += ["--state-interval", "1", "--preserve-historical-states"]
        return arguments


def _get_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _build_death_pact() -> Callable[[], None] | None:
    """Return what the child does before it becomes anvil: ask to be ended with its parent."""
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def pact() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return pact
