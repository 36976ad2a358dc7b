"""Writing and showing outputs: of a function or a program, of one item or many.

Not here: where they come from (`purchase`, `run`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pekanu.cli.output import make_console, note, print_json
from pekanu.errors import InvalidInput

if TYPE_CHECKING:
    from pekanu.catalog import Function
    from pekanu.cli.orders import Order
    from pekanu.cli.session import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """What an item came to."""

    output: bytes
    #: `halted`, `running` or `trapped:<cause>`.
    status: str = "halted"
    exit_code: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the program ended by itself with exit code 0."""
        return (self.status, self.exit_code) == ("halted", 0)


def check_out(order: Order, out: Path | None) -> None:
    """Refuse a place that outputs cannot be written to, before any work is done or paid.

    Raises:
        InvalidInput: It cannot.
    """
    from pekanu.catalog import Program
    from pekanu.cli.files import check_writable

    if out is None:
        return
    if not (order.is_batch and isinstance(order.ware, Program)):
        check_writable(out)
    elif out.exists() and not out.is_dir():
        raise InvalidInput(f"{out} is a file", hint="the outputs of a batch go to a folder")


def deliver(
    session: Session,
    order: Order,
    ended: Sequence[Ended],
    *,
    out: Path | None,
    facts: dict[str, object],
) -> None:
    """Write outputs, or show them.

    Args:
        session: Says whether JSON is wanted.
        order: What was computed.
        ended: What each item came to.
        out: The file, or of a program's batch the folder; None shows them.
        facts: What else the JSON document tells.
    """
    from pekanu.catalog import Program

    if isinstance(order.ware, Program):
        _deliver_program(session, order, ended, out, facts)
    elif order.is_batch:
        _deliver_batch(session, order.ware, ended, out, facts)
    elif ended[0].is_success:
        _deliver_one(session, order.ware, ended[0].output, out, facts)
        return
    if out is not None:
        note(f"written to {out}")


def _deliver_one(
    session: Session,
    function: Function,
    output: bytes,
    out: Path | None,
    facts: dict[str, object],
) -> None:
    if out is not None:
        function.write_output(output, out)
    if session.as_json:
        document = {"function": function.name, "output_size": len(output), **facts}
        if out is None:
            from pekanu.catalog.files import to_json

            document["output"] = to_json(function.decode_output(output))
        else:
            document["out"] = str(out)
        print_json(document)
    elif out is None:
        from pekanu.catalog.terminal import render

        console = make_console()
        console.print(render(function.show(output), colour=bool(console.color_system)))
    if out is not None:
        note(f"written to {out}")


def _deliver_batch(
    session: Session,
    function: Function,
    ended: Sequence[Ended],
    out: Path | None,
    facts: dict[str, object],
) -> None:
    from pekanu.catalog.files import to_json, write_bytes

    outputs = [
        to_json(function.decode_output(one.output)) if one.is_success else None for one in ended
    ]
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in outputs)
    if out is not None:
        write_bytes(out, lines.encode())
    if session.as_json:
        document: dict[str, Any] = {"function": function.name, **facts}
        document |= {"out": str(out)} if out is not None else {"outputs": outputs}
        document["items"] = [{"status": one.status, "exit_code": one.exit_code} for one in ended]
        print_json(document)
    elif out is None:
        sys.stdout.write(lines)


def _deliver_program(
    session: Session,
    order: Order,
    ended: Sequence[Ended],
    out: Path | None,
    facts: dict[str, object],
) -> None:
    from pekanu.catalog.files import write_bytes

    places = _get_places(order, out, len(ended))
    if out is not None and order.is_batch:
        out.mkdir(parents=True, exist_ok=True)
    for one, place in zip(ended, places, strict=True):
        if place is not None:
            write_bytes(place, one.output)
    if session.as_json:
        items = [
            {
                "status": one.status,
                "exit_code": one.exit_code,
                "output_size": len(one.output),
                **({"output": one.output.hex()} if place is None else {"out": str(place)}),
            }
            for one, place in zip(ended, places, strict=True)
        ]
        program_id = "0x" + order.ware.program_id.hex()
        print_json({"program": order.ware.name, "program_id": program_id, **facts, "items": items})
    elif out is None and order.is_batch:
        _write_batch([one.output for one in ended])
    elif out is None:
        _write(ended[0].output)


def _get_places(order: Order, out: Path | None, count: int) -> list[Path | None]:
    if out is None or not order.is_batch:
        return [out] * count
    width = len(str(count - 1))
    return [out / f"{number:0{width}}.out" for number in range(count)]


def _write(output: bytes) -> None:
    """Write an output as it is; a terminal gets only what is text."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()
        return
    text = _read_text(output)
    if text is not None:
        sys.stdout.write(text)
    else:
        note(f"the output is {len(output)} bytes that are no text; --out writes them to a file")


def _write_batch(outputs: Sequence[bytes]) -> None:
    """Write a program's outputs so that each can be told from the next.

    Texts of one line are lines; longer ones have headings, as `head` gives files. Where any is no
    text, all are lines of hexadecimal digits, which a terminal does not get.
    """
    texts = [_read_text(output) for output in outputs]
    if None in texts:
        number = texts.index(None)
        what = f"the output of item {number} is {len(outputs[number])} bytes that are no text"
        where = "--out FOLDER writes each to a file"
        if sys.stdout.isatty():
            note(f"{what}; {where}")
            return
        note(f"{what}, so that each is written as a line of hexadecimal digits; {where}")
        texts = [f"0x{output.hex()}" for output in outputs]
    lines = [(text or "").removesuffix("\n") + "\n" for text in texts]
    if any(line.count("\n") > 1 for line in lines):
        lines = [f"==> item {number} <==\n{line}" for number, line in enumerate(lines)]
        sys.stdout.write("\n".join(lines))
    else:
        sys.stdout.write("".join(lines))


def _read_text(output: bytes) -> str | None:
    """Return an output that a terminal can show, or None."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return None
    return text if all(letter.isprintable() or letter in "\n\t" for letter in text) else None
