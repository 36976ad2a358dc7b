"""Forms made of a function's schema: fields, what is wrong with them, and the input they make.

What is not here: the routes, prices (`quoting`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pekanu import catalog
from pekanu.catalog import Function
from pekanu.catalog.manifest import InputSpec, Kind
from pekanu.catalog.values import build_value
from pekanu.errors import InvalidInput, PekanuError, UsageError
from pekanu.json_text import parse_json
from pekanu.ringers import RingerCount
from pekanu.types import Wei, parse_wei
from pekanu.web.ringer_choice import describe_odds, read_ringers
from pekanu.web.uploads import PREFIX, Uploads
from pekanu.web.views.compute import EstimateView, Field, FunctionCard, PolicyChoice
from pekanu.web.wording import format_size, format_steps

_WIDGETS: Final = {
    Kind.INTEGER: "integer",
    Kind.FIXED: "number",
    Kind.CHOICE: "choice",
    Kind.TEXT: "text",
    Kind.RECORDS: "text",
    Kind.INTEGERS: "text",
    Kind.ARRAY: "array",
}
_CHECK: Final = ("check", "The function's own check", "Cheaper than computing it again.")
_RINGERS: Final = PolicyChoice(
    value="ringers",
    title="Ringers",
    description="Solutions that you alone know must be among those that are found.",
    is_chosen=True,
)
_OTHERS: Final = (
    ("recompute", "Compute it again here", "Certain, and as dear as the computation."),
    ("none", "Nothing", "The worker is believed."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What somebody typed, read as far as possible."""

    function: Function
    #: The framed input; None while something is wrong.
    data: bytes | None
    #: Sentences by field; those on the whole under the empty name.
    problems: Mapping[str, str]
    #: As typed.
    values: Mapping[str, str]
    policy: str
    max_price: Wei | None
    steps: int = 0
    output_bytes: int = 0
    #: Of a search, once its input can be read.
    ringers: RingerCount | None = None

    def require(self) -> bytes:
        """Return the framed input.

        Raises:
            InvalidInput: Something is wrong with it.
        """
        if self.data is None:
            raise InvalidInput(next(iter(self.problems.values()), "the form is not filled in"))
        return self.data


def read_draft(function: Function, form: Mapping[str, str], uploads: Uploads) -> Draft:
    """Return what a form says; blocks while files are read.

    Args:
        function: Whose form it is.
        form: Fields by name, ``policy`` and ``max_price``.
        uploads: The files that fields name.
    """
    problems: dict[str, str] = {}
    given: dict[str, object] = {}
    for spec in function.inputs:
        text = form.get(spec.name, "")
        if not text.strip() and spec.default is not None:
            continue
        try:
            given[spec.name] = _read_field(spec, text, uploads)
            build_value(spec, given[spec.name])
        except InvalidInput as error:
            problems[spec.name] = error.message.removeprefix(f"input {spec.name}: ")
    data, steps, output_bytes, ringers = None, 0, 0, None
    if not problems:
        try:
            data = function.parse_inputs(given)
            steps = function.estimate_steps(data)
            output_bytes = function.estimate_output_size(data)
            if function.is_search:
                ringers = read_ringers(function, data, form.get("ringers", ""))
        except InvalidInput as error:
            data = None
            problems[""] = error.message
    policy = form.get("policy") or function.manifest.default_policy
    max_price: Wei | None = None
    try:
        catalog.parse_policy(policy)
        max_price = parse_wei(form["max_price"]) if form.get("max_price", "").strip() else None
    except UsageError as error:
        problems["max_price"] = error.message
        data = None
    return Draft(
        function=function,
        data=data,
        problems=problems,
        values={spec.name: form.get(spec.name, "") for spec in function.inputs},
        policy=policy,
        max_price=max_price,
        steps=steps,
        output_bytes=output_bytes,
        ringers=ringers,
    )


def build_estimate(draft: Draft, cost: str) -> EstimateView:
    """Return what is known of a draft before anybody is asked."""
    return EstimateView(
        is_valid=draft.data is not None,
        problems=tuple(draft.problems.items()),
        steps=format_steps(draft.steps) if draft.data is not None else "",
        input_size=format_size(len(draft.data)) if draft.data is not None else "",
        output_size=format_size(draft.output_bytes) if draft.data is not None else "",
        odds=describe_odds(draft.ringers) if draft.ringers is not None else (),
        cost=cost if draft.data is not None else "",
    )


def build_card(function: Function) -> FunctionCard:
    """Return a function for the catalog."""
    return FunctionCard(
        name=function.name,
        title=function.title,
        summary=function.summary,
        check=_describe_check(function),
        shown_as=function.manifest.show,
        href=f"/compute/{function.name}",
    )


def _describe_check(function: Function) -> str:
    if function.is_search:
        return _RINGERS.description
    check = function.manifest.check
    return check.description if check else "It has no cheap check: it is computed again."


def build_fields(function: Function, draft: Draft | None, uploads: Uploads) -> tuple[Field, ...]:
    """Return the fields of a form: with what was typed, or with the defaults."""
    values = draft.values if draft else {}
    problems = draft.problems if draft else {}
    return tuple(
        build_field(function, spec, values.get(spec.name, ""), problems.get(spec.name, ""), uploads)
        for spec in function.inputs
    )


def build_field(
    function: Function, spec: InputSpec, value: str, problem: str, uploads: Uploads
) -> Field:
    """Return one field."""
    upload = ""
    if value.startswith(PREFIX):
        try:
            found = uploads.find(value)
            upload = f"{found.name}, {format_size(found.size_bytes)}"
        except InvalidInput as error:
            value, problem = "", error.message
    if not value and spec.default is not None:
        value = _to_text(spec.default)
    return Field(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        widget=_WIDGETS[spec.kind],
        value=value,
        example=_to_text(function.example().get(spec.name, "")),
        choices=spec.choices if spec.kind is Kind.CHOICE else (),
        minimum=str(spec.schema.get("minimum", "")),
        maximum=str(spec.schema.get("maximum", "")),
        is_required=spec.default is None,
        accepts=",".join(spec.files) if spec.is_file else "",
        upload=upload,
        problem=problem,
    )


def build_policies(function: Function, chosen: str) -> tuple[PolicyChoice, ...]:
    """Return the ways to verify, the function's own check first where it has one."""
    if function.is_search:
        return (_RINGERS,)
    check = function.manifest.check
    own = ((*_CHECK[:2], check.description),) if check else ()
    return tuple(
        PolicyChoice(value=value, title=title, description=text, is_chosen=value == chosen)
        for value, title, text in (*own, *_OTHERS)
    )


def find_spec(function: Function, name: str) -> InputSpec:
    """Return an input of a function by name.

    Raises:
        UsageError: It has none of this name.
    """
    for spec in function.inputs:
        if spec.name == name:
            return spec
    raise UsageError(f"{function.name} has no input {name!r}")


def explain_problem(error: PekanuError) -> tuple[str, str]:
    """Return the sentence and the hint of a failure."""
    return error.message, error.hint or ""


def _read_field(spec: InputSpec, text: str, uploads: Uploads) -> object:
    if spec.is_file and text.startswith(PREFIX):
        return uploads.find(text).path
    if spec.kind is Kind.TEXT:
        return text.replace("\r\n", "\n")
    if not text.strip():
        raise InvalidInput("this is needed")
    if spec.kind is Kind.RECORDS and not text.lstrip().startswith("["):
        return text.replace("\r\n", "\n")
    if spec.kind in (Kind.ARRAY, Kind.RECORDS) or text.lstrip().startswith("["):
        try:
            return parse_json(text)
        except ValueError as error:
            raise InvalidInput("it is no JSON, such as [[1, 2], [3, 4]]") from error
    return text.strip()


def _to_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return json.dumps(value)
