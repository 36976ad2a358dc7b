"""Templates: escaped always, strict about what they name.

What is not here: the templates, which lie beside this module, and their data (`views`).
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pekanu.web.views.result import get_kind
from pekanu.web.views.shell import Series

FOLDER: Final = Path(__file__).parent
_POWER: Final = re.compile(r"(?<=\w)\^(-?[0-9]+)")
_QUOTED: Final = re.compile(r"`([^`]+)`")
_STATIC: Final = FOLDER / "static"


def render(template: str, **values: object) -> str:
    """Return a template filled in."""
    return _build_environment().get_template(template).render(**values)


@cache
def _build_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = get_kind
    environment.filters["series_json"] = format_series
    environment.filters["powers"] = format_powers
    environment.filters["sentence"] = format_sentence
    environment.globals["assets"] = get_assets()
    return environment


def format_series(series: Series) -> str:
    """Return a series as JSON for an attribute or an event."""
    return json.dumps(
        {
            "name": series.name,
            "kind": series.kind,
            "unit": series.unit,
            "times": series.times,
            "values": series.values,
        }
    )


def format_powers(text: str) -> Markup:
    """Return a text in which ``2^-59`` stands as a power does."""
    # Escaped first; what is put in then is this module's own.
    return Markup(_POWER.sub(_raise_power, str(escape(text))))  # noqa: S704


def format_sentence(text: str) -> Markup:
    """Return what an error says as a sentence; what stands between backquotes is set as code."""
    if not text:
        return Markup("")
    # Escaped first; what is put in then is this module's own.
    told = _QUOTED.sub(r"<code>\1</code>", str(escape(text[0].upper() + text[1:])))
    return Markup(told if text[-1] in ".!?" else told + ".")  # noqa: S704


def _raise_power(found: re.Match[str]) -> str:
    return "<sup>" + found[1].replace("-", "\N{MINUS SIGN}") + "</sup>"


@cache
def get_assets() -> str:
    """Return the address under which styles and scripts are served: another for other content.

    So browsers keep them for good, and never mix those of two versions.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(one for one in _STATIC.rglob("*") if one.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_STATIC)}:{len(content)}:".encode() + content)
    return f"/static/{digest.hexdigest()}"
