"""The manifest of a catalog function: what it takes, gives, costs and how it is checked.

A manifest is `manifest.json` in the function's folder; `manifest.schema.json` beside this
module describes it. What is not here: the code that a manifest stands for (`function`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias, cast

from pekanu.errors import UsageError

#: A JSON document or a part of one.
Json: TypeAlias = Any


class InvalidManifest(UsageError):
    """A function's manifest is missing or does not say what it must.

    Args:
        where: The package of the function.
        detail: What is wrong, as the end of a sentence.
    """

    def __init__(self, where: str, detail: str) -> None:
        """Compose the sentence."""
        super().__init__(f"the manifest of {where} {detail}")
        self.where = where
        self.detail = detail


class Kind(Enum):
    """What an input or an output is."""

    #: An array of integers; `dtypes` and `dimensions` say which.
    ARRAY = "array"
    #: Non-negative integers below 2^128, as a u64 array of shape (n, 2), low word first.
    INTEGERS = "integers"
    #: One integer of 64 bits, as an i64 array without dimensions.
    INTEGER = "integer"
    #: A number times 2^`fraction_bits`, rounded down, as an i64 array without dimensions.
    FIXED = "fixed"
    #: One word of those in the schema's `enum`, as its place there, an i64 without dimensions.
    CHOICE = "choice"
    #: Bytes, usually UTF-8.
    TEXT = "text"
    #: An array as above, or a text.
    RECORDS = "records"


#: Kinds that a command line gives themselves.
_LITERALS: Final = (Kind.INTEGER, Kind.FIXED, Kind.CHOICE)


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSpec:
    """One named input, or the output, of a function."""

    name: str
    kind: Kind
    title: str
    description: str
    #: JSON schema of the value as a person or a form gives it.
    schema: Mapping[str, Json]
    #: NumPy names of the integer types that are accepted.
    dtypes: tuple[str, ...] = ()
    #: Numbers of dimensions that are accepted.
    dimensions: tuple[int, ...] = ()
    fraction_bits: int = 0
    #: A command line gives the value itself, or a file as @FILE.
    is_literal: bool = False
    #: Used when the input is not given; None when it must be.
    default: Json = None
    #: Suffixes of the files that can be read or written.
    files: tuple[str, ...] = ()

    @property
    def minimum(self) -> int | None:
        """The least integer that the schema allows, or None."""
        return cast("int | None", self.schema.get("minimum"))

    @property
    def maximum(self) -> int | None:
        """The greatest integer that the schema allows, or None."""
        return cast("int | None", self.schema.get("maximum"))

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that may be chosen, for a choice."""
        return tuple(map(str, self.schema.get("enum", ())))

    @property
    def is_file(self) -> bool:
        """Whether a command line gives it as a file rather than as a literal."""
        return self.kind not in _LITERALS and not self.is_literal


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckSpec:
    """How a client checks an output more cheaply than by computing it."""

    description: str
    #: Bound on the error in words a person reads, such as ``2^-65``.
    error_probability: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """All that is known of a function without running it."""

    name: str
    version: int
    title: str
    summary: str
    inputs: tuple[InputSpec, ...]
    output: InputSpec
    check: CheckSpec | None
    #: It is a search, paid by ringers.
    is_search: bool = False
    #: The step-count model in words.
    steps: str
    #: How the result is shown: picture, heat-map, table, list, download.
    show: tuple[str, ...]
    #: Inputs by name, as JSON.
    example: Mapping[str, Json]
    #: The document itself.
    document: Mapping[str, Json]

    @property
    def default_policy(self) -> str:
        """The verification policy when none is asked for."""
        if self.is_search:
            return "ringers"
        return "check" if self.check else "recompute"


def parse_manifest(document: Mapping[str, Json], *, where: str) -> Manifest:
    """Return a manifest from its JSON document.

    Args:
        document: The parsed `manifest.json`.
        where: The package that it comes from, for messages.

    Raises:
        InvalidManifest: A field is missing or has a wrong type.
    """
    try:
        check = document["check"]
        return Manifest(
            name=str(document["name"]),
            version=int(document["version"]),
            title=str(document["title"]),
            summary=str(document["summary"]),
            inputs=tuple(_parse_spec(part) for part in document["inputs"]),
            output=_parse_spec({"name": "output", **document["output"]}),
            check=None
            if check is None
            else CheckSpec(
                description=str(check["description"]),
                error_probability=str(check["error_probability"]),
            ),
            is_search=bool(document.get("ringers", False)),
            steps=str(document["steps"]),
            show=tuple(map(str, document["show"])),
            example=dict(document["example"]),
            document=document,
        )
    except KeyError as error:
        raise InvalidManifest(where, f"lacks {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidManifest(where, f"is malformed: {error}") from error


def _parse_spec(part: Mapping[str, Json]) -> InputSpec:
    return InputSpec(
        name=str(part["name"]),
        kind=Kind(part["kind"]),
        title=str(part["title"]),
        description=str(part["description"]),
        schema=dict(part["schema"]),
        dtypes=tuple(map(str, part.get("dtypes", ()))),
        dimensions=tuple(map(int, part.get("dimensions", ()))),
        fraction_bits=int(part.get("fraction_bits", 0)),
        is_literal=bool(part.get("is_literal", False)),
        default=part.get("default"),
        files=tuple(map(str, part.get("files", ()))),
    )
