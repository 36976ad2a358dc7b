"""What somebody needs to watch a task for its client, in one file: terms, program, inputs, results.

The task itself is on chain; whatever the file says is checked against it. It holds no secrets but
the inputs. What is not here: watching (`challenger`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pekanu.crypto.merkle import get_root
from pekanu.errors import InvalidMessage
from pekanu.machine.elf import load_elf
from pekanu.machine.program import InvalidProgram, Program
from pekanu.market.claim import Claim, Result
from pekanu.market.task import Task, Terms
from pekanu.node.batch_file import split_items
from pekanu.node.input_facts import get_inputs_root
from pekanu.node.market_wire import TermsHex
from pekanu.node.peer_messages import RESULT_SIZE, pack_results, unpack_results
from pekanu.node.peer_operations import Message
from pekanu.node.peer_wire import U32, U64, Word, decode_message, encode_message
from pekanu.node.run_files import write_whole
from pekanu.types import Hash32

_MAGIC: Final = b"pekanu audit bundle 1\n"
_MOST_HEAD: Final = 1 << 13
#: What bundles are called.
SUFFIX: Final = ".bundle"


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleHead(Message):
    """The line after the magic; the parts follow, one behind the other."""

    task_id: Word
    terms: TermsHex
    count: U32
    program_size: U64
    input_size: U64
    #: The results follow: only their holder can tell which item of a batch is wrong.
    has_results: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditBundle:
    """A task's terms and all that they name."""

    task_id: Hash32
    terms: Terms
    #: The ELF file.
    program: bytes
    #: The task's input file (`batch_file`).
    input: bytes
    count: int
    results: tuple[Result, ...] | None = None

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        head = BundleHead(
            task_id=self.task_id,
            terms=self.terms,
            count=self.count,
            program_size=len(self.program),
            input_size=len(self.input),
            has_results=self.results is not None,
        )
        results = b"" if self.results is None else pack_results(self.results)
        parts = [_MAGIC, encode_message(head) + b"\n", self.program, self.input, results]
        write_whole(path, parts)

    @classmethod
    def read(cls, path: Path) -> AuditBundle:
        """Return the bundle in a file.

        Raises:
            InvalidMessage: It is none, or is cut off.
        """
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise InvalidMessage(f"{path} is no audit bundle")
            line = file.readline(_MOST_HEAD)
            head = decode_message(BundleHead, line.removesuffix(b"\n"))
            size = head.count * RESULT_SIZE if head.has_results else 0
            if path.stat().st_size != file.tell() + head.program_size + head.input_size + size:
                raise InvalidMessage(f"{path} is cut off")
            program, content = file.read(head.program_size), file.read(head.input_size)
            results = unpack_results(file.read(), head.count) if head.has_results else None
        return cls(
            task_id=Hash32(head.task_id),
            terms=head.terms,
            program=program,
            input=content,
            count=head.count,
            results=results,
        )

    def load_program(self) -> Program:
        """Return its program.

        Raises:
            InvalidProgram: The file is none that the machine can run.
        """
        return load_elf(self.program)

    def list_contents(self) -> list[bytes]:
        """Return the items' inputs.

        Raises:
            InvalidMessage: The input file does not hold so many.
        """
        return [bytes(item) for item in split_items(self.input, self.count)]

    def is_of(self, task: Task) -> bool:
        """Say whether it is what a task on chain names, to the last bit."""
        if self.terms.hash() != task.terms or self.count != task.count:
            return False
        try:
            return (
                self.load_program().id == self.terms.program_id
                and get_inputs_root(self.list_contents()) == self.terms.inputs_root
            )
        except (InvalidProgram, InvalidMessage):
            return False

    def fits(self, claim: Claim) -> bool:
        """Say whether its results are those of a claim."""
        if self.results is None:
            return False
        return get_root([one.leaf() for one in self.results]) == claim.results_root
