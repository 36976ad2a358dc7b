"""The step that decided a dispute: instruction, registers, and who claimed what of its state.

What is not here: the interval before it (`dispute_pages`).
"""

from __future__ import annotations

from pekanu.dispute.shown_step import ShownStep
from pekanu.machine.disassembly import REGISTER_NAMES
from pekanu.node.dispute_story import ProvedStep
from pekanu.types import Hash32
from pekanu.web.views.dispute import ProofView, RegisterRow


def build_proof(proved: ProvedStep) -> ProofView:
    """Return the step for a page."""
    shown = proved.shown
    rows = [] if shown is None else _list_rows(shown)
    by, other = proved.claimed_by.name.lower(), proved.claimed_by.other.name.lower()
    claims = [(f"The {by} claims", "0x" + proved.claimed.hex(), proved.claimed == proved.after)]
    if proved.other_claimed is not None:
        is_right = proved.other_claimed == proved.after
        claims.append((f"The {other} claims", "0x" + proved.other_claimed.hex(), is_right))
    else:
        is_right = proved.claimed != proved.after
        claims.append((f"The {other} claims", "another state", is_right))
    truth = "told the truth" if proved.claimed == proved.after else "did not tell the truth"
    return ProofView(
        step=f"{proved.step:,}",
        address="" if shown is None else f"{shown.before.pc:#010x}",
        instruction=_describe(shown),
        word="" if shown is None or not shown.instruction else f"{shown.word:#010x}",
        before="0x" + proved.before.hex(),
        claims=tuple(claims),
        computed="0x" + proved.after.hex(),
        verdict=f"The {by} {truth} about this step.",
        registers=tuple(one for one in rows if one.is_changed),
        kept=tuple(one for one in rows if not one.is_changed),
    )


def _describe(shown: ShownStep | None) -> str:
    if shown is None:
        return "called through another contract, and not read"
    return shown.instruction or "no instruction: the state stays, or traps"


def _list_rows(shown: ShownStep) -> list[RegisterRow]:
    before, after = shown.before, shown.after
    rows = [_build_row("pc", before.pc, after.pc)]
    pairs = zip(REGISTER_NAMES, before.registers, after.registers, strict=True)
    rows += [_build_row(name, old, new) for name, old, new in pairs]
    if before.status != after.status:
        ended = f"{after.status} ({after.exit_code})"
        rows.append(RegisterRow(name="status", before=before.status, after=ended, is_changed=True))
    if shown.address is not None and shown.leaf_before != shown.leaf_after:
        rows.append(
            RegisterRow(
                name=f"memory at {shown.address & ~31:#010x}",
                before=_to_text(shown.leaf_before),
                after=_to_text(shown.leaf_after),
                is_changed=True,
            )
        )
    return rows


def _build_row(name: str, before: int, after: int) -> RegisterRow:
    return RegisterRow(
        name=name, before=f"{before:#010x}", after=f"{after:#010x}", is_changed=before != after
    )


def _to_text(leaf: Hash32 | None) -> str:
    return "" if leaf is None else "0x" + leaf.hex()
