"""How a client looks at what it bought, before it approves.

An output is verified under the policy. `check` asks the function's own check; `recompute` and
`sample` run items again on the machine, and each must end in the claimed result, its last state
included, since that is what a referee rules on. So is an item whose program ended otherwise than
with exit code 0, of whose output no check could speak. What is not here: the policies
(`pekanu.catalog`), what follows from a refusal (`client_machine`, `client_challenge`).
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
from pekanu.node.wares import Ware


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
        ware: What was bought.
        policy: How much is looked at.
        max_steps: Where an item's program is stopped.
        cache: Compiled programs.
        draw: Gives bytes that nobody can foresee.
    """

    ware: Ware
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
        if is_success(result) and self.policy.kind is PolicyKind.CHECK:
            return catalog.verify(self.ware, content, output, self.policy, self.draw)
        program = self.ware.program
        runner = GuestRunner(program, max_steps=self.max_steps, cache=self.cache)
        found = runner.run(content, lambda _: None).result
        return compare(result, found)


def compare(claimed: Result, found: Result) -> Verdict:
    """Return whether a claimed result is the one that was computed here."""
    ending = describe_ending(claimed)
    if found == claimed:
        if is_success(claimed):
            return accept("the result is the one computed here, to the last state")
        return accept(f"the program {ending}, as here")
    if (found.status, found.exit_code) != (claimed.status, claimed.exit_code):
        here = describe_ending(found)
        return refuse(f"the program does not do what is claimed: here it {here}")
    if found.output_root != claimed.output_root:
        return refuse("the output differs from the one computed here")
    return refuse(f"the program {ending}, but in another state here")


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
    others = f"; {len(failed) - 1} more failed too" if len(failed) > 1 else ""
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
