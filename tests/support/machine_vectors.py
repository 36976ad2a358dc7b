"""The vectors of the machine, `tests/vectors/machine.json`, as the product's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pekanu.machine.memory import Memory
from pekanu.machine.program import Program
from pekanu.machine.state import MachineState, Status

VECTORS: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "machine.json").read_text()
)
STEPS: Final = {one["name"]: one for one in VECTORS["steps"]}


def read_contents(found: dict[str, str]) -> tuple[tuple[int, bytes], ...]:
    return tuple((int(place, 16), bytes.fromhex(data)) for place, data in sorted(found.items()))


def read_state(found: dict[str, Any]) -> MachineState:
    memory = Memory()
    for address, data in read_contents(found["memory"]):
        memory.write(address, data)
    return MachineState(
        pc=found["pc"],
        registers=list(found["registers"]),
        status=Status(found["status"]),
        exit_code=found["exit_code"],
        memory=memory,
    )


def read_program(found: dict[str, Any], image: dict[str, str] | None = None) -> Program:
    text = read_contents(found["text"])
    return Program(
        text=text, image=read_contents(image or {}), entry=found.get("entry", text[0][0])
    )
