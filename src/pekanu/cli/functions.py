"""`pekanu functions`: the catalog.

Not here: running one (`run`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pekanu.cli.commands import command
from pekanu.cli.output import note, print_fields, print_json, print_table
from pekanu.cli.session import Session
from pekanu.errors import PekanuError

if TYPE_CHECKING:
    from pekanu.catalog import Function, InputSpec


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "functions", epilog="Example: pekanu functions matmul")(_functions)


def _functions(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Show this one in full.")] = None,
) -> None:
    """List what can be computed: inputs, output, how it is checked, what it costs."""
    from pekanu import catalog

    if name is not None:
        function = catalog.get(name)
        if session.as_json:
            print_json(_describe(function))
        else:
            _print_one(function)
        return
    functions = list(_list_whole())
    if session.as_json:
        print_json([_describe(function) for function in functions])
        return
    rows = [
        (
            function.name,
            ", ".join(spec.name for spec in function.inputs),
            function.output.title.lower(),
            function.manifest.default_policy,
            _format_estimate(function),
            function.summary,
        )
        for function in functions
    ]
    columns = ("function", "inputs", "output", "verified by", "steps", "what it does")
    print_table(columns, rows, empty="none")
    note("steps are those of the example; `pekanu functions NAME` shows one in full")


def _list_whole() -> Iterator[Function]:
    """Yield the functions that can be used; of a broken one that somebody installed say so."""
    from pekanu import catalog

    for name in catalog.names():
        try:
            function = catalog.get(name)
            _ = function.program_id
        except PekanuError as error:
            note(f"left out: {error.message}")
        else:
            yield function


def _estimate(function: Function) -> int:
    """Return the steps that the example takes about."""
    return function.estimate_steps(function.parse_inputs(function.example()))


def _format_estimate(function: Function) -> str:
    return f"{_estimate(function):,}"


def _describe(function: Function) -> dict[str, object]:
    program_id = "0x" + function.program_id.hex()
    return {
        **function.manifest.document,
        "program_id": program_id,
        "example_steps": _estimate(function),
    }


def _print_one(function: Function) -> None:
    check = function.manifest.check
    again = "by computing it again"
    if function.is_search:
        again = "by ringers: secret solutions that must be among those that are found"
    verified = f"{check.description} Error at most {check.error_probability}." if check else again
    fields = [
        ("function", f"{function.name}, version {function.version}"),
        ("what it does", str(function.manifest.document.get("description", function.summary))),
        *((f"input {spec.name}", _describe_spec(spec)) for spec in function.inputs),
        ("output", _describe_spec(function.output)),
        ("verified", verified),
        ("steps", function.manifest.steps),
        ("steps of the example", _format_estimate(function)),
        ("program", "0x" + function.program_id.hex()),
    ]
    print_fields(fields)


def _describe_spec(spec: InputSpec) -> str:
    parts = [spec.description]
    if spec.dtypes:
        parts.append(f"Types: {', '.join(spec.dtypes)}.")
    if spec.files:
        parts.append(f"Files: {', '.join(spec.files)}.")
    if spec.default is not None:
        parts.append(f"Default: {spec.default}.")
    return " ".join(parts)
