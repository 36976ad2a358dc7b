"""Outputs of every function, drawn for a page."""

from __future__ import annotations

import html
import json
import re

import pytest

from pekanu import catalog
from pekanu.catalog.views import Histogram
from pekanu.web.rendering import render
from pekanu.web.results import Results, write

NAMES = [name for name in catalog.names() if not catalog.get(name).is_search]


@pytest.mark.parametrize("name", NAMES)
async def test_show__of_each_functions_example__then_a_page_has_all_of_it(name: str) -> None:
    function = catalog.get(name)
    output = function.execute(function.parse_inputs(function.example()))
    shown = await Results().show("0x00", name, [output])
    assert len(shown.view.parts) == len(function.show(output))
    for part in shown.view.parts:
        assert part.title in render("partials/result.html", part=part)
    for suffix in (*function.output.files, ".bin"):
        assert write(function, output, suffix)


async def test_show__of_a_histogram__then_each_range_has_its_count() -> None:
    function = catalog.get("montecarlo")
    output = function.execute(function.parse_inputs(function.example()))
    (histogram,) = (view for view in function.show(output) if isinstance(view, Histogram))
    shown = await Results().show("0x00", "montecarlo", [output])
    page = render("partials/result.html", part=shown.view.parts[-1])
    found = re.search(r'data-series="([^"]+)"', page)
    assert found is not None
    series = json.loads(html.unescape(found.group(1)))
    assert series["kind"] == "histogram"
    assert series["values"] == list(histogram.counts)
    assert series["times"] == [float(edge) for edge in histogram.edges[:-1]]
