"""How a client looks at what it bought, before it approves.

An output is verified under the policy. An item whose program ended otherwise than with exit code 0
has no output that a check could speak for: unless the policy is `none` it is run again, on the
machine, and must end in the same result. What is not here: the policies (`pekanu.catalog`), what
follows from a refusal (`client_machine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pekanu import catalog
from pekanu.catalog import Policy, PolicyKind, RandomBytes, Verdict
from pekanu.catalog.verdict import accept, refuse
from pekanu.errors import ProgramFailed
from pekanu.machine.state import Status
from pekanu.market.claim import STATUS_HALTED, STATUS_RUNNING, Result
from pekanu.node.guest_runner import GuestRunner


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What came of looking at a delivery."""

    verdict: Verdict
    #: The first item that is wrong; None if none is.
    wrong_item: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verifier:
    """Looks at the items of one job.

    Args:
        function: What was bought.
        policy: How much is looked at.
        max_steps: Where an item's program is stopped.
        cache: Compiled programs.
        draw: Gives bytes that nobody can foresee.
    """

    function: catalog.Function
    policy: Policy
    max_steps: int
    cache: Path | None
    draw: RandomBytes

    def verify(
        self,
        items: Sequence[bytes | memoryview],
        results: Sequence[Result],
        outputs: Sequence[bytes],
    ) -> Verification:
        """Return whether a delivery is accepted; blocks for as long as that takes."""
        verdict = Verdict(ok=True, what="nothing was verified")
        for item in catalog.choose_items(len(items), self.policy, self.draw):
            verdict = self._verify_item(bytes(items[item]), results[item], outputs[item])
            if not verdict.ok:
                return Verification(verdict=verdict, wrong_item=item)
        return Verification(verdict=verdict)

    def _verify_item(self, content: bytes, result: Result, output: bytes) -> Verdict:
        if self.policy.kind is PolicyKind.NONE:
            return accept("nothing was verified", 1)
        if is_success(result):
            return catalog.verify(self.function, content, output, self.policy, self.draw)
        program = self.function.program
        runner = GuestRunner(program, max_steps=self.max_steps, cache=self.cache)
        found = runner.run(content, lambda _: None).result
        claimed = describe_ending(result)
        if found == result:
            return accept(f"the program {claimed}, as here")
        if found.status == result.status and found.exit_code == result.exit_code:
            return refuse(f"the program {claimed}, but in another state here")
        return refuse(f"the program does not do what is claimed: here it {describe_ending(found)}")


def is_success(result: Result) -> bool:
    """Return whether a program ended by itself with exit code 0."""
    return result.status == STATUS_HALTED and result.exit_code == 0


def describe_ending(result: Result) -> str:
    """Return how a program ended, as the end of a sentence about it."""
    if result.status == STATUS_HALTED:
        return f"ended with exit code {result.exit_code}"
    if result.status == STATUS_RUNNING:
        return "was still running at the step limit"
    try:
        cause = Status(result.status).name.lower().replace("_", " ")
    except ValueError:
        cause = f"unknown cause {result.status}"
    return f"trapped ({cause})"


def require_success(name: str, results: Sequence[Result], outputs: Sequence[bytes]) -> None:
    """Check that all items' programs ended as they should.

    Raises:
        ProgramFailed: One did not; the worker was right all the same, and is paid.
    """
    failed = [item for item, result in enumerate(results) if not is_success(result)]
    if not failed:
        return
    first = results[failed[0]]
    who = name if len(results) == 1 else f"{name}, item {failed[0]} of {len(results)},"
    others = f"; so did {len(failed) - 1} more in some way" if len(failed) > 1 else ""
    hints = {
        STATUS_RUNNING: "raise the step limit",
        STATUS_HALTED: "the input was refused, or memory ran out",
    }
    raise ProgramFailed(
        f"{who} {describe_ending(first)}{others}",
        status=first.status,
        exit_code=first.exit_code,
        items=tuple(failed),
        outputs=tuple(outputs),
        hint=hints.get(first.status, "the program has a fault on this input"),
    )
