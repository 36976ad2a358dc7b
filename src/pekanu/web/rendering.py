"""Templates: escaped always, strict about what they name.

What is not here: the templates, which lie beside this module, and their data (`views`).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pekanu.web.views.result import get_kind
from pekanu.web.views.shell import Series

FOLDER: Final = Path(__file__).parent
#: Written when the bundle is built; names and integrity of its files.
_MANIFEST: Final = FOLDER / "static" / "dist" / "manifest.json"


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
    environment.globals["assets"] = load_assets()
    return environment


def format_series(series: Series) -> str:
    """Return a series as JSON for an attribute or an event."""
    return json.dumps({"name": series.name, "times": series.times, "values": series.values})


def load_assets() -> dict[str, Any]:
    """Return the bundle's manifest; empty when it was not built."""
    try:
        found = json.loads(_MANIFEST.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
