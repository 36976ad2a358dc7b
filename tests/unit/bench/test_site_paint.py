"""The first paint is measured where there is a Chromium, and missed with a clear word elsewhere."""

from __future__ import annotations

import pytest

from pekanu.bench.site_paint import measure_paint


async def test_paint__without_chromium__then_it_says_that_it_was_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    found = await measure_paint("http://127.0.0.1:1", [])
    assert list(found) == ["first_paint_ms"]
    assert str(found["first_paint_ms"]).startswith("not measured: ")
