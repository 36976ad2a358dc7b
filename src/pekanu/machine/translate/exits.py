"""The rare ways out of a function: they stand after its body and store all that has changed.

Not here: the conditions under which they are taken (`node`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from pekanu.machine.translate.layout import LEAVING, REASON_DISPATCH
from pekanu.machine.translate.places import REASON_GLOBAL, get_global
from pekanu.machine.translate.registers import RA, SP, list_registers
from pekanu.machine.translate.wasm import Body, Do

#: A function's parameters and first locals; registers come after.
DEPTH: Final = 0
STACK_POINTER: Final = 1
BUDGET: Final = 2
RETURN_ADDRESS: Final = 3
TARGET: Final = 4
PLACE: Final = 5
SELECTOR: Final = 6
FIRST_REGISTER: Final = 7


class Way(Enum):
    """What a way out does."""

    #: The exact tier goes on.
    EXACT = auto()
    #: The exact tier goes on, but if a call left, so does its caller.
    EXACT_AFTER_CALL = auto()
    #: Whoever knows the address goes on: execution is dispatched anew.
    DISPATCH = auto()
    #: A call left, so its caller does.
    UNWIND = auto()


@dataclass(frozen=True, slots=True)
class Exit:
    """A way out."""

    way: Way
    #: Where to go on; None if the local TARGET says so.
    pc: int | None = None
    #: Steps that were taken and not yet paid.
    owed: int = 0
    #: Registers, as bits, to be stored.
    changed: int = 0


class Exits:
    """Collects the ways out of a function and writes them around its body."""

    __slots__ = ("_exits", "_locals", "_stores")

    def __init__(self, locals_: dict[int, int]) -> None:
        """Begin with none.

        Args:
            locals_: The local of each register; read when the exits are written.
        """
        self._exits: dict[Exit, int] = {}
        self._stores: dict[int, int] = {}
        self._locals = locals_

    def get_depth(self, exit_: Exit) -> int:
        """Return how many labels beyond the body's own the label of a way out is."""
        return self._exits.setdefault(exit_, len(self._exits))

    def wrap(self, body: Body) -> Body:
        """Return the whole function: its body and the ways out."""
        for exit_ in self._exits:
            if exit_.way is not Way.UNWIND:
                self._stores.setdefault(exit_.changed, len(self._stores))
        whole = Body()
        for _ in range(len(self._exits) + len(self._stores)):
            whole.block()
        whole.bytes += body.bytes
        for place, exit_ in enumerate(self._exits):
            whole.do(Do.END)
            self._write(whole, exit_, len(self._exits) - 1 - place)
        for changed in self._stores:
            whole.do(Do.END)
            self._store(whole, changed)
        return whole

    def _write(self, body: Body, exit_: Exit, above: int) -> None:
        """Write what a way out does before it stores registers.

        Args:
            body: Is appended to.
            exit_: The way out.
            above: How many ways out follow.
        """
        if exit_.way is Way.UNWIND:
            body.get(TARGET)
            _return(body)
            return
        if exit_.pc is not None:
            body.i32(exit_.pc)
            body.set(TARGET)
        if exit_.way is Way.EXACT_AFTER_CALL:
            body.get(BUDGET)
            body.i64(0)
            body.do(Do.I64_LT_S)
            body.if_()
            body.get(TARGET)
            _return(body)
            body.do(Do.END)
        pay(body, exit_.owed)
        if exit_.way is Way.DISPATCH:
            body.i32(REASON_DISPATCH)
            body.global_set(REASON_GLOBAL)
        body.br(above + self._stores[exit_.changed])

    def _store(self, body: Body, changed: int) -> None:
        store(body, changed, self._locals)
        body.get(RETURN_ADDRESS)
        body.global_set(get_global(RA))
        body.get(STACK_POINTER)
        body.global_set(get_global(SP))
        body.get(TARGET)
        body.get(STACK_POINTER)
        body.get(BUDGET)
        body.i64(LEAVING)
        body.do(Do.I64_SUB, Do.RETURN)


def _return(body: Body) -> None:
    """Return what is on the stack with sp and the budget as they are."""
    body.get(STACK_POINTER)
    body.get(BUDGET)
    body.do(Do.RETURN)


def pay(body: Body, steps: int) -> None:
    """Subtract steps from the budget."""
    if steps:
        body.get(BUDGET)
        body.i64(steps)
        body.do(Do.I64_SUB)
        body.set(BUDGET)


def store(body: Body, changed: int, locals_: dict[int, int]) -> None:
    """Store registers where other functions find them."""
    for register in list_registers(changed):
        body.get(locals_[register])
        body.global_set(get_global(register))
