"""A program of one's own: any executable for the machine, bought like a function.

Its input is one piece of bytes, its output another; nothing is known of either, so the only check
is to run it again. Public as `pekanu.Program`. What is not here: what a file may hold
(`machine.elf`).

    future = client.submit(pekanu.Program("primes.elf"), b"1000")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pekanu.catalog.files import write_bytes
from pekanu.catalog.verdict import RandomBytes, Verdict
from pekanu.errors import InvalidInput
from pekanu.machine.elf import load_elf
from pekanu.machine.executor import run
from pekanu.machine.isa import MAX_CONTENT_SIZE
from pekanu.machine.program import Program as Executable
from pekanu.types import Hash32

#: Steps after which a program is stopped of which nobody says anything else.
USUAL_STEPS: Final = 10**9
#: Bytes of an output that windows are shown for; a larger one only takes longer.
_USUAL_OUTPUT: Final = 1 << 20
_MOST_FILE_BYTES: Final = 64 << 20
_MOST_NAME: Final = 64


class Program:
    """A program that can be bought.

    Args:
        source: The path of an ELF file, or its bytes.
        name: What it is called in messages; else the file's name.

    Raises:
        InvalidInput: The file cannot be read.
        InvalidProgram: It is none that the machine can run.
    """

    def __init__(self, source: str | Path | bytes, *, name: str = "") -> None:
        """Load it."""
        self.elf = source if isinstance(source, bytes) else _read(Path(source))
        found = "" if isinstance(source, bytes) else Path(source).stem
        self.name = (name or found or "program")[:_MOST_NAME]
        self.program: Executable = load_elf(self.elf)

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name

    @property
    def program_id(self) -> Hash32:
        """What terms name."""
        return self.program.id

    @property
    def default_policy(self) -> str:
        """How its output is verified when nobody says otherwise."""
        return "recompute"

    @property
    def has_check(self) -> bool:
        """Whether an output can be verified without running it again: never."""
        return False

    def parse_inputs(self, content: object) -> bytes:
        """Return the input region's bytes.

        Args:
            content: Bytes, text, or the path of a file.

        Raises:
            InvalidInput: It is something else, cannot be read, or is too large.
        """
        if isinstance(content, Path):
            content = _read(content)
        if isinstance(content, str):
            content = content.encode()
        if not isinstance(content, bytes | bytearray | memoryview):
            raise InvalidInput(
                f"a program's input is bytes, not {type(content).__name__}",
                hint="give bytes, a text, or a pathlib.Path",
            )
        self.validate(bytes(content))
        return bytes(content)

    def validate(self, content: bytes | memoryview) -> None:
        """Check that an input fits the machine.

        Raises:
            InvalidInput: It is too large.
        """
        if len(content) > MAX_CONTENT_SIZE:
            raise InvalidInput(f"an input has at most {MAX_CONTENT_SIZE} bytes, not {len(content)}")

    def estimate_steps(self, content: bytes) -> int:  # noqa: ARG002 - nothing is known of inputs
        """Return the steps that are bought when nobody says otherwise."""
        return USUAL_STEPS

    def estimate_output_size(self, content: bytes) -> int:  # noqa: ARG002 - as above
        """Return the bytes that windows are shown for."""
        return _USUAL_OUTPUT

    def execute(self, data: bytes, progress: Callable[[float], None] | None = None) -> bytes:
        """Return the output, computed here, however the program ends."""
        report = progress or (lambda _: None)
        return run(self.program, data, progress=lambda steps: report(steps / USUAL_STEPS)).output

    def check(self, data: bytes, output: bytes, rng: RandomBytes) -> Verdict | None:  # noqa: ARG002
        """Return None: there is no cheap check."""
        return None

    def decode_output(self, output: bytes) -> bytes:
        """Return the output as it is."""
        return output

    def write_output(self, output: bytes, path: Path) -> None:
        """Write the output as it is; raises InvalidInput when the file cannot be written."""
        write_bytes(path, output)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_FILE_BYTES:
            raise InvalidInput(f"{path} has more than {_MOST_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
