"""Writes the code of nodes: a block's instructions, calls, checks, and what edges add.

Not here: the nesting (`function`), single instructions (`instructions`), ways out (`exits`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pekanu.machine.isa import Instruction, Op
from pekanu.machine.translate.alignment import ALIGNED, Known
from pekanu.machine.translate.alignment_flow import get_missing
from pekanu.machine.translate.exits import (
    BUDGET,
    DEPTH,
    FIRST_REGISTER,
    PLACE,
    RETURN_ADDRESS,
    SELECTOR,
    STACK_POINTER,
    TARGET,
    Exit,
    Exits,
    Way,
    pay,
    store,
)
from pekanu.machine.translate.functions import Block, Ending
from pekanu.machine.translate.graph import Graph, Kind, Node
from pekanu.machine.translate.instructions import (
    COMPARISONS,
    LOADS,
    STORES,
    push_address,
    push_result,
)
from pekanu.machine.translate.layout import DEPTH_BITS, ENTRY_BITS, MAP_OFFSET
from pekanu.machine.translate.places import (
    GUEST_SIGNATURE,
    JUMP,
    TARGET_GLOBAL,
    Places,
    get_global,
)
from pekanu.machine.translate.registers import (
    RA,
    SP,
    get_reads,
    get_writes,
    list_registers,
)
from pekanu.machine.translate.steps import carries, get_total
from pekanu.machine.translate.wasm import I32, Access, Body, Do

#: Units of the native stack that a call takes: so many, and one more for each register in use.
_FRAME_UNITS = 10


class NodeWriter:
    """Writes nodes one after the other, each after the node that dominates it.

    Args:
        graph: Ordered, with registers and steps set.
        places: Where functions are.
        body: Is appended to.
        get_depth: Returns how many constructs are open in the body.
    """

    def __init__(
        self, graph: Graph, places: Places, body: Body, get_depth: Callable[[], int]
    ) -> None:
        """Give each register that the function uses a local."""
        self._graph = graph
        self._places = places
        self._body = body
        self._get_depth = get_depth
        used = 0
        #: Whether it calls, or goes on where calls may be.
        self.needs_stack = False
        for node in graph.nodes:
            used |= node.held
            for instruction in node.block.instructions if node.block else ():
                used |= get_reads(instruction) | get_writes(instruction)
            self.needs_stack |= _may_go_deeper(node)
        self._locals = {RA: RETURN_ADDRESS, SP: STACK_POINTER}
        for place, register in enumerate(list_registers(used)):
            self._locals[register] = FIRST_REGISTER + place
        self._exits = Exits(self._locals)
        #: What was paid before the edges.
        self._paid: set[Node] = set()
        self._tests: dict[int, bool] = {}
        self._held = 0
        self._changed = 0

    def finish(self) -> tuple[list[tuple[int, int]], Body]:
        """Return the function's further locals and its whole code."""
        further = FIRST_REGISTER - TARGET + len(self._locals) - 2
        return [(further, I32)], self._exits.wrap(self._body)

    def write(self, node: Node) -> None:
        """Write a node up to where it goes on."""
        self._held, self._changed = node.held, node.changed
        self._tests = node.tests
        if node.check:
            self._check(node)
        match node.kind:
            case Kind.BLOCK if node.block is not None:
                self._write_block(node, node.block)
            case Kind.LANDING:
                self._body.i32(node.select)
                self._body.set(SELECTOR)
            case Kind.TRAP:
                self._leave(Exit(Way.EXACT, node.pc, get_total(node), self._changed))
            case Kind.LEAVE:
                self._write_leave(node)
            case _:
                pass

    def compare(self, node: Node) -> None:
        """Push whether a node's branch is taken."""
        last = node.block.last if node.block else None
        if last is None:
            return
        self._push(last.rs1)
        if last.rs2 == 0 and last.op in (Op.BEQ, Op.BNE):
            if last.op == Op.BEQ:
                self._body.do(Do.I32_EQZ)
            return
        self._push(last.rs2)
        self._body.do(COMPARISONS[last.op])

    def pay_before_branch(self, node: Node) -> None:
        """Pay what a branch owes, if that is due whichever way it goes."""
        if not any(carries(one) for one in node.successors):
            self._pay(node)

    def needs_edge(self, node: Node, target: Node) -> bool:
        """Return whether the way to a target takes more than going there."""
        return (
            bool(self._get_loads(node, target))
            or bool(node.changed_after & ~target.changed)
            or self._is_due(node, target)
            or bool(get_missing(node, target))
        )

    def write_edge(self, node: Node, target: Node) -> None:
        """Write what the way to a target takes: loads, payment and tests."""
        missing = get_missing(node, target)
        if node.is_call() and (missing or target.kind is Kind.SELECTOR):
            # Not for the check behind this to find out whether the call left.
            self._body.get(BUDGET)
            self._body.i64(0)
            self._body.do(Do.I64_LT_S)
            self._leave_if(Exit(Way.UNWIND))
        self._load(self._get_loads(node, target))
        store(self._body, node.changed_after & ~target.changed, self._locals)
        if self._is_due(node, target):
            pay(self._body, get_total(node))
        if missing:
            self._test_all(missing)
            self._leave_if(Exit(Way.EXACT, target.pc, target.owed, target.changed))

    def load_for_all(self, node: Node) -> None:
        """Load what any of a switch's targets expects."""
        for target in node.successors:
            missing = target.held & ~self._held
            self._load(missing)
            self._held |= missing
            store(self._body, node.changed_after & ~target.changed, self._locals)
        node.held_after |= self._held

    def write_computed_jump(self) -> None:
        """Write the jump to the address in TARGET, wherever that is."""
        body = self._body
        store(body, self._changed, self._locals)
        body.get(TARGET)
        body.global_set(TARGET_GLOBAL)
        self._push_arguments(DEPTH)
        body.tail_call(JUMP)

    def leave_exhausted(self) -> None:
        """Leave if there is no stack left for a call; the top of the stack says so."""
        self._leave_if(Exit(Way.DISPATCH, self._graph.root.pc))

    def _get_loads(self, node: Node, target: Node) -> int:
        return target.held & ~node.held_after

    def _is_due(self, node: Node, target: Node) -> bool:
        return node not in self._paid and get_total(node) != 0 and not carries(target)

    def _pay(self, node: Node) -> None:
        pay(self._body, get_total(node))
        self._paid.add(node)

    def _push(self, register: int) -> None:
        if register:
            self._body.get(self._locals[register])
        else:
            self._body.i32(0)

    def _load(self, registers: int) -> None:
        if not registers:
            return
        for register in list_registers(registers):
            self._body.global_get(get_global(register))
            self._body.set(self._locals[register])

    def _leave(self, exit_: Exit) -> None:
        self._body.br(self._get_depth() + self._exits.get_depth(exit_))

    def _leave_if(self, exit_: Exit) -> None:
        self._body.br_if(self._get_depth() + self._exits.get_depth(exit_))

    def _check(self, node: Node) -> None:
        """Write the check that the steps up to the next one are left."""
        after_call = any(one.is_call() for one in node.predecessors)
        if not after_call and not node.reach:
            return
        self._body.get(BUDGET)
        self._body.i64(node.reach)
        self._body.do(Do.I64_LT_S)
        way = Way.EXACT_AFTER_CALL if after_call else Way.EXACT
        self._leave_if(Exit(way, node.pc, 0, self._changed))

    def _use(self, instruction: Instruction) -> None:
        """Load what an instruction reads, and note what it writes."""
        missing = get_reads(instruction) & ~self._held
        self._load(missing)
        written = get_writes(instruction)
        self._held |= missing | written
        self._changed |= written

    def _write_block(self, node: Node, block: Block) -> None:
        pc, owed = block.start, node.owed
        for instruction in block.instructions:
            if instruction is not block.last:
                self._write_instruction(instruction, pc, owed)
            pc, owed = pc + 4, owed + 1
        match block.ending:
            case Ending.BRANCH if block.last is not None:
                self._use(block.last)
            case Ending.CALL | Ending.CALL_REGISTER | Ending.SWITCH if block.last is not None:
                self._write_jump(node, block, block.last)
            case Ending.RETURN:
                self._test_stack(block.end - 4, get_total(node) - 1)
                self._pay(node)
                store(self._body, self._changed, self._locals)
                for local in (RETURN_ADDRESS, STACK_POINTER, BUDGET):
                    self._body.get(local)
                self._body.do(Do.RETURN)
            case Ending.STOP:
                self._leave(Exit(Way.EXACT, block.end, get_total(node), self._changed))
            case _:
                pass

    def _write_instruction(self, instruction: Instruction, pc: int, owed: int) -> None:
        """Write an instruction other than a jump.

        Args:
            instruction: The instruction.
            pc: Its address.
            owed: Steps before it that are not yet paid.
        """
        body, op = self._body, instruction.op
        if op == Op.FENCE:
            return
        changed = self._changed
        self._use(instruction)
        if op in STORES:
            if pc in self._tests:
                self._test(instruction, STORES[op][1], Exit(Way.EXACT, pc, owed, changed))
            push_address(body, instruction, self._push)
            self._push(instruction.rs2)
            body.access(STORES[op][0])
            return
        if op in LOADS:
            if pc in self._tests:
                self._test(instruction, LOADS[op][1], Exit(Way.EXACT, pc, owed, changed))
        elif not instruction.rd:
            return
        push_result(body, instruction, pc, self._push)
        if instruction.rd:
            body.set(self._locals[instruction.rd])
        else:
            body.do(Do.DROP)

    def _test(self, instruction: Instruction, size: int, exit_: Exit) -> None:
        """Leave if an access is not aligned."""
        if not self._tests[exit_.pc or 0]:
            self._body.i32(1)
            self._leave_if(exit_)
            return
        self._push(instruction.rs1)
        offset = instruction.imm & (size - 1)
        if offset:
            self._body.i32(offset)
            self._body.do(Do.I32_ADD)
        self._body.i32(size - 1)
        self._body.do(Do.I32_AND)
        self._leave_if(exit_)

    def _test_all(self, wanted: Sequence[tuple[int, Known]]) -> None:
        """Push whether any register's low bits are not as wanted."""
        for place, (register, (mask, value)) in enumerate(wanted):
            self._push(register)
            if value:
                self._body.i32(-value)
                self._body.do(Do.I32_ADD)
            self._body.i32(mask)
            self._body.do(Do.I32_AND)
            if place:
                self._body.do(Do.I32_OR)

    def _test_stack(self, pc: int, owed: int) -> None:
        """Leave, if that is not certain, unless sp may be passed on to other functions."""
        if pc in self._tests:
            self._test_all([(SP, ALIGNED)])
            self._leave_if(Exit(Way.EXACT, pc, owed, self._changed))

    def _write_jump(self, node: Node, block: Block, last: Instruction) -> None:
        """Write a call, or the beginning of a jump through a register."""
        body = self._body
        if block.ending is not Ending.CALL:
            missing = get_reads(last) & ~self._held
            self._load(missing)
            self._held |= missing
            push_address(body, last, self._push)
            body.tee(TARGET)
            body.i32(3)
            body.do(Do.I32_AND)
            # An odd address is for the exact tier too, though it is no trap.
            self._leave_if(Exit(Way.EXACT, block.end - 4, get_total(node) - 1, self._changed))
        self._test_stack(block.end - 4, get_total(node) - 1)
        self._pay(node)
        if block.ending is Ending.SWITCH:
            return
        if last.rd:
            body.i32(block.end)
            body.set(self._locals[last.rd])
            self._changed |= get_writes(last)
        if block.ending is Ending.CALL_REGISTER:
            self._call_register()
        elif block.target in self._places.functions:
            store(body, self._changed, self._locals)
            self._push_call_arguments()
            body.call(self._places.get_index(block.target))
        else:
            self._leave(Exit(Way.DISPATCH, block.target, 0, self._changed))
            return
        self._return_from_call(block.end)

    def _push_arguments(self, *locals_: int) -> None:
        """Push a function's parameters, the given locals in place of the depth."""
        for local in (*locals_, STACK_POINTER, BUDGET, RETURN_ADDRESS):
            self._body.get(local)

    def _push_call_arguments(self) -> None:
        body = self._body
        body.get(DEPTH)
        body.i32(_FRAME_UNITS + len(self._locals))
        body.do(Do.I32_SUB)
        self._push_arguments()

    def _call_register(self) -> None:
        """Write a call of the function that begins at the address in TARGET."""
        body = self._body
        body.get(TARGET)
        body.access(Access.I32_LOAD, memory=1, offset=MAP_OFFSET)
        body.tee(PLACE)
        body.i32((1 << ENTRY_BITS) - 1)
        body.do(Do.I32_AND)
        self._leave_if(Exit(Way.DISPATCH, None, 0, self._changed))
        store(body, self._changed, self._locals)
        body.get(TARGET)
        body.global_set(TARGET_GLOBAL)
        self._push_call_arguments()
        body.get(PLACE)
        body.i32(ENTRY_BITS)
        body.do(Do.I32_SHR_U)
        body.call_indirect(GUEST_SIGNATURE)

    def _return_from_call(self, pc: int) -> None:
        """Write what follows a call: unwinding, if it did not come back to here."""
        body = self._body
        body.set(BUDGET)
        body.set(STACK_POINTER)
        body.tee(TARGET)
        body.i32(pc)
        body.do(Do.I32_NE)
        self._leave_if(Exit(Way.UNWIND))
        body.i32(pc)
        body.set(RETURN_ADDRESS)

    def _write_leave(self, node: Node) -> None:
        """Write the way into another function, or out of what is translated."""
        body, found = self._body, self._places.entries.get(node.pc)
        total = node.owed
        if found is None:
            self._leave(Exit(Way.EXACT, node.pc, total, self._changed))
            return
        start, number = found
        self._test_stack(node.pc, total)
        pay(body, total)
        store(body, self._changed, self._locals)
        if number:
            body.i32(-(number << DEPTH_BITS))
            body.get(DEPTH)
            body.do(Do.I32_SUB)
            self._push_arguments()
        else:
            self._push_arguments(DEPTH)
        body.tail_call(self._places.get_index(start))


def _may_go_deeper(node: Node) -> bool:
    return node.is_call() or node.kind is Kind.LEAVE or node.is_switch()
