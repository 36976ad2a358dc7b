"""The functions of the module that are not the guest's: they find where execution goes on.

Not here: the guest's functions (`function`).
"""

from __future__ import annotations

from collections.abc import Callable

from pekanu.machine.translate import layout
from pekanu.machine.translate.places import (
    GUEST_SIGNATURE,
    REASON_GLOBAL,
    TARGET_GLOBAL,
    get_global,
)
from pekanu.machine.translate.registers import RA, SP
from pekanu.machine.translate.wasm import Access, Body, Do


def write_run(end: int) -> Body:
    """Return `run(pc, budget)`: dispatch until the exact tier has to go on."""
    pc, budget, place = range(3)
    body = Body()
    _load_registers(body)
    body.block()
    body.loop()
    _leave_if_misaligned(body)
    body.i32(layout.REASON_EXACT)
    body.global_set(REASON_GLOBAL)
    _push_place(body, pc, place, end)
    body.do(Do.I32_EQZ)
    body.br_if(1)
    # What the function is told: the whole stack, and the way in unless it is the start.
    body.i32(layout.STACK_SIZE // layout.DEPTH_UNIT)
    _push_depth(body, place, lambda: body.i32(layout.STACK_SIZE // layout.DEPTH_UNIT))
    body.global_get(get_global(SP))
    body.get(budget)
    body.global_get(get_global(RA))
    _push_function(body, place)
    body.call_indirect(GUEST_SIGNATURE)
    body.set(budget)
    body.global_set(get_global(SP))
    body.set(pc)
    body.get(budget)
    body.i64(0)
    body.do(Do.I64_LT_S)
    body.if_()
    body.get(budget)
    body.i64(layout.LEAVING)
    body.do(Do.I64_ADD)
    body.set(budget)
    body.global_get(REASON_GLOBAL)
    body.br_if(2)
    body.do(Do.ELSE)
    _take_return(body, pc)
    body.do(Do.END)
    body.br(0)
    body.do(Do.END, Do.END)
    _store_state(body, pc, budget)
    return body


def _leave_if_misaligned(body: Body) -> None:
    """Come back at once unless sp is a multiple of 4: translated code counts on that."""
    body.global_get(get_global(SP))
    body.i32(3)
    body.do(Do.I32_AND)
    body.br_if(1)


def _take_return(body: Body, pc: int) -> None:
    """Go on where ra said; if that is no place to go, let the exact tier find out.

    It then takes the steps since the host was last asked again.
    """
    body.get(pc)
    body.global_set(get_global(RA))
    body.get(pc)
    body.i32(2)
    body.do(Do.I32_AND)
    body.if_()
    body.do(Do.UNREACHABLE, Do.END)
    body.get(pc)
    body.i32(-2)
    body.do(Do.I32_AND)
    body.set(pc)


def _load_registers(body: Body) -> None:
    for register in range(1, 32):
        body.i32(0)
        body.access(Access.I32_LOAD, memory=1, offset=4 * register)
        body.global_set(get_global(register))


def _store_state(body: Body, pc: int, budget: int) -> None:
    for register in range(1, 32):
        body.i32(0)
        body.global_get(get_global(register))
        body.access(Access.I32_STORE, memory=1, offset=4 * register)
    body.i32(0)
    body.get(pc)
    body.access(Access.I32_STORE, memory=1, offset=layout.PC_OFFSET)
    body.i32(0)
    body.get(budget)
    body.access(Access.I64_STORE, memory=1, offset=layout.BUDGET_OFFSET)


def write_jump(end: int) -> Body:
    """Return the function that goes on at the address in the global TARGET."""
    depth, sp, budget, ra, pc, place = range(6)
    body = Body()
    body.global_get(TARGET_GLOBAL)
    body.set(pc)
    _push_place(body, pc, place, end)
    body.do(Do.DROP)
    body.get(depth)
    _push_depth(body, place, lambda: body.get(depth))
    for parameter in (sp, budget, ra):
        body.get(parameter)
    _push_function(body, place)
    body.tail_call_indirect(GUEST_SIGNATURE)
    return body


def write_unknown() -> Body:
    """Return the function that leaves to the exact tier at the address in the global TARGET."""
    _, sp, budget, ra = range(4)
    body = Body()
    body.get(sp)
    body.global_set(get_global(SP))
    body.get(ra)
    body.global_set(get_global(RA))
    body.global_get(TARGET_GLOBAL)
    body.get(sp)
    body.get(budget)
    body.i64(layout.LEAVING)
    body.do(Do.I64_SUB)
    return body


def _push_place(body: Body, pc: int, place: int, end: int) -> None:
    """Look an address up: push the way in, or 0, and keep it in `place`."""
    body.i32(0)
    body.set(place)
    body.get(pc)
    body.i32(end)
    body.do(Do.I32_LT_U)
    body.if_()
    body.get(pc)
    body.access(Access.I32_LOAD, memory=1, offset=layout.MAP_OFFSET)
    body.set(place)
    body.do(Do.END)
    body.get(place)


def _push_depth(body: Body, place: int, push_stack: Callable[[], None]) -> None:
    """Replace the stack that is left by what also says the way in, unless that is the start."""
    body.i32(0)
    _push_number(body, place)
    body.i32(layout.DEPTH_BITS)
    body.do(Do.I32_SHL)
    push_stack()
    body.do(Do.I32_ADD, Do.I32_SUB)
    _push_number(body, place)
    body.do(Do.I32_EQZ, Do.SELECT)


def _push_number(body: Body, place: int) -> None:
    body.get(place)
    body.i32((1 << layout.ENTRY_BITS) - 1)
    body.do(Do.I32_AND)


def _push_function(body: Body, place: int) -> None:
    body.get(place)
    body.i32(layout.ENTRY_BITS)
    body.do(Do.I32_SHR_U)
