"""One function of the catalog: its manifest, and its code when that is needed.

A function is a package with `manifest.json`, `native.py`, `program.elf`, and where it has them
`check.py`, `show.py` and, of searches, `inversion.py`; the protocols below and of `inversion` say
what those modules offer. They are imported at
first use, so listing the catalog loads no compiler. What is not here: which functions there are
(`registry`) and when to check (`policy`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, resources
from pathlib import Path
from typing import Final, Protocol, TypeAlias, cast

from pekanu.catalog.files import write_bytes, write_file
from pekanu.catalog.framing import (
    Value,
    decode_value,
    encode_value,
    frame,
    parse_frame,
    validate_output_size,
)
from pekanu.catalog.inversion import Inversion, InversionModule
from pekanu.catalog.manifest import InputSpec, Json, Manifest
from pekanu.catalog.png import encode_png
from pekanu.catalog.values import build_value, validate_value
from pekanu.catalog.verdict import RandomBytes, Verdict, refuse
from pekanu.catalog.views import Picture, View
from pekanu.errors import ExecutionFailed, InvalidInput
from pekanu.machine.elf import load_elf
from pekanu.machine.program import Program
from pekanu.types import Hash32

#: The file of a function's package that holds its program.
_PROGRAM: Final = "program.elf"
#: Told the share that is done, 0 to 1, never falling.
Progress: TypeAlias = Callable[[float], None]


class NativeModule(Protocol):
    """What `native.py` offers; values come in the manifest's order and fit their specs."""

    def validate(self, values: Sequence[Value]) -> None:
        """Refuse values that do not fit each other, with InvalidInput."""

    def execute(self, values: Sequence[Value], progress: Progress) -> Value:
        """Return the output, the same on every machine."""

    def estimate_steps(self, values: Sequence[Value]) -> int:
        """Return about how many machine instructions the guest takes."""

    def estimate_output_size(self, values: Sequence[Value]) -> int:
        """Return a bound, near or exact, on the output's bytes."""


class CheckModule(Protocol):
    """What `check.py` offers."""

    def check(self, values: Sequence[Value], output: Value, rng: RandomBytes) -> Verdict:
        """Return whether the output is the function's; any value may come as output."""


class ShowModule(Protocol):
    """What `show.py` offers."""

    def decode(self, value: Value) -> object:
        """Return the output as Python programmers want it."""

    def build_views(self, value: Value) -> list[View]:
        """Return the output as plain data to show."""


@dataclass(frozen=True)
class Function:
    """A function that can be bought.

    Args:
        manifest: What is known of it without its code.
        package: The dotted name of its package.
    """

    manifest: Manifest
    package: str

    @property
    def name(self) -> str:
        """The name by which it is bought."""
        return self.manifest.name

    @property
    def version(self) -> int:
        """Raised whenever an output changes for any input."""
        return self.manifest.version

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.manifest.title

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return self.manifest.summary

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """Its inputs, in the order of the frame."""
        return self.manifest.inputs

    @property
    def output(self) -> InputSpec:
        """Its output."""
        return self.manifest.output

    @property
    def default_policy(self) -> str:
        """How its output is verified when nobody says otherwise."""
        return self.manifest.default_policy

    @property
    def has_check(self) -> bool:
        """Whether an output can be verified without computing it again."""
        return self.manifest.check is not None

    def validate(self, content: bytes) -> None:
        """Check that an input region's bytes fit the function.

        Raises:
            InvalidInput: They do not.
        """
        self.parse_frame(content)

    @property
    def program_path(self) -> Path:
        """Where its program lies."""
        return Path(str(resources.files(self.package) / _PROGRAM))

    @cached_property
    def program(self) -> Program:
        """What a worker executes and a referee rules on.

        Raises:
            ExecutionFailed: It was not installed.
        """
        try:
            return load_elf(self.program_path.read_bytes())
        except FileNotFoundError as error:
            raise ExecutionFailed(f"the program of {self.name} was not installed") from error

    @cached_property
    def program_id(self) -> Hash32:
        """What terms name.

        Raises:
            ExecutionFailed: The program was not installed.
        """
        return self.program.id

    def bind(self, *positional: object, **named: object) -> dict[str, object]:
        """Return inputs by name from arguments as a Python call gives them.

        Raises:
            InvalidInput: There are too many, or one is given twice.
        """
        if len(positional) > len(self.inputs):
            raise InvalidInput(
                f"{self.name} takes {len(self.inputs)} inputs, not {len(positional)}"
            )
        bound = dict(zip((spec.name for spec in self.inputs), positional, strict=False))
        for name, given in named.items():
            if name in bound:
                raise InvalidInput(f"input {name} is given twice")
            bound[name] = given
        return bound

    def parse_literals(self, pairs: Sequence[str]) -> dict[str, object]:
        """Return inputs by name from ``name=FILE`` or ``name=NUMBER``, as a command line has them.

        Of an input that is literal, ``name=TEXT`` or ``name=@FILE``.

        Raises:
            InvalidInput: A pair has no name, or an unknown or repeated one.
        """
        bound: dict[str, object] = {}
        for pair in pairs:
            name, equals, text = pair.partition("=")
            if not equals:
                raise InvalidInput(f"{pair!r} is not name=FILE", hint=self._usage())
            if name in bound:
                raise InvalidInput(f"input {name} is given twice")
            spec = self._find(name)
            is_file = spec.is_file
            if spec.is_literal and text.startswith("@"):
                is_file, text = True, text[1:]
            bound[name] = Path(text) if is_file else text
        return bound

    def parse_inputs(self, named: Mapping[str, object]) -> bytes:
        """Return the input region's bytes for inputs by name.

        Args:
            named: A `Path` is read; anything else is a Python object.

        Raises:
            InvalidInput: An input is missing, unknown, or does not fit.
        """
        for name in named:
            self._find(name)
        values: list[Value] = []
        for spec in self.inputs:
            given = named.get(spec.name, spec.default)
            if given is None:
                raise InvalidInput(f"{self.name} needs input {spec.name}", hint=self._usage())
            values.append(build_value(spec, given))
        self._validate(values)
        return frame(values)

    def parse_frame(self, data: bytes) -> list[Value]:
        """Return the values in an input region, validated; this is what meets a stranger's bytes.

        Raises:
            InvalidInput: They are no frame, or the values do not fit the function.
        """
        values = parse_frame(data)
        if len(values) != len(self.inputs):
            raise InvalidInput(f"{self.name} takes {len(self.inputs)} inputs, not {len(values)}")
        for spec, value in zip(self.inputs, values, strict=True):
            validate_value(spec, value)
        self._validate(values)
        return values

    def execute(self, data: bytes, progress: Progress | None = None) -> bytes:
        """Return the output's bytes, computed here.

        Raises:
            InvalidInput: The input does not fit the function.
            ExecutionFailed: There is not enough memory.
        """
        values = self.parse_frame(data)
        try:
            return encode_value(self._native.execute(values, progress or _ignore))
        except MemoryError as error:
            raise ExecutionFailed(f"{self.name} needs more memory than there is") from error

    def check(self, data: bytes, output: bytes, rng: RandomBytes) -> Verdict | None:
        """Return the verdict of the function's own check, or None when it has none.

        Args:
            data: The input.
            output: What the worker claims; any bytes.
            rng: Randomness that nobody could know when the output was fixed.

        Raises:
            InvalidInput: The input, which is the client's own, does not fit the function.
        """
        if self.manifest.check is None:
            return None
        values = self.parse_frame(data)
        try:
            claimed = decode_value(output)
        except InvalidInput as error:
            return refuse(f"the output is no value: {error.message}")
        return cast("CheckModule", self._load("check")).check(values, claimed, rng)

    @property
    def is_search(self) -> bool:
        """Whether it is sold as a search, paid by ringers."""
        return self.manifest.is_search

    def build_inversion(self, data: bytes) -> Inversion:
        """Return the search that an input asks for, as it is sold.

        Raises:
            InvalidInput: The input does not fit the function, or cannot be sold.
        """
        return self._inversion.build_inversion(self.parse_frame(data))

    def with_tokens(self, data: bytes, tokens: Sequence[bytes]) -> bytes:
        """Return the input of the same search for other targets."""
        return frame(self._inversion.with_tokens(self.parse_frame(data), tokens))

    def format_points(self, data: bytes, points: Sequence[int]) -> bytes:
        """Return the output for those of some points that solve what an input asks for."""
        values = self.parse_frame(data)
        return encode_value(self._inversion.format_points(values, points))

    def estimate_steps(self, data: bytes) -> int:
        """Return about how many machine instructions this input takes, at least 1."""
        return max(1, self._native.estimate_steps(self.parse_frame(data)))

    def estimate_output_size(self, data: bytes) -> int:
        """Return a bound on the output's bytes, near or exact."""
        return self._native.estimate_output_size(self.parse_frame(data))

    def decode_output(self, output: bytes) -> object:
        """Return the output as a Python object: an array, a dict or a list.

        Raises:
            InvalidInput: The bytes are no output of this function.
        """
        return self._show.decode(decode_value(output))

    def write_output(self, output: bytes, path: Path) -> None:
        """Write the output in the format of the path's suffix.

        Raises:
            InvalidInput: This output has no such format, or the file cannot be written.
        """
        pictures = [view for view in self.show(output) if isinstance(view, Picture)]
        if path.suffix.lower() == ".png" and pictures:
            write_bytes(path, encode_png(pictures[0]))
        else:
            write_file(path, decode_value(output), self.decode_output(output))

    def show(self, output: bytes) -> list[View]:
        """Return the output as plain data that a terminal or a page draws.

        Raises:
            InvalidInput: The bytes are no output of this function.
        """
        return self._show.build_views(decode_value(output))

    def example(self) -> Mapping[str, Json]:
        """Return small inputs by name that `parse_inputs` takes."""
        return self.manifest.example

    @property
    def _native(self) -> NativeModule:
        return cast("NativeModule", self._load("native"))

    @property
    def _inversion(self) -> InversionModule:
        if not self.is_search:
            raise InvalidInput(f"{self.name} is no search")
        return cast("InversionModule", self._load("inversion"))

    @property
    def _show(self) -> ShowModule:
        return cast("ShowModule", self._load("show"))

    def _load(self, part: str) -> object:
        return import_module(f"{self.package}.{part}")

    def _validate(self, values: Sequence[Value]) -> None:
        self._native.validate(values)
        validate_output_size(self._native.estimate_output_size(values))

    def _find(self, name: str) -> InputSpec:
        for spec in self.inputs:
            if spec.name == name:
                return spec
        raise InvalidInput(f"{self.name} has no input {name!r}", hint=self._usage())

    def _usage(self) -> str:
        return f"its inputs are {', '.join(spec.name for spec in self.inputs)}"


def _ignore(_share: float) -> None:
    """Take no notice of the progress."""
