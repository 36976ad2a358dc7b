"""When a real Chromium has drawn the site's first page, from nothing in its cache.

Chromium and Playwright are asked for only here, and are not needed otherwise. What is not here: the
site that is measured (`site`).
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Sequence
from typing import Any, Final

_TIMES: Final = 7
#: The browser's own clock, from the start of the navigation. Source: W3C, "Paint Timing".
_READ: Final = """() => new Promise((resolve) => {
  const told = (entries) => entries.find((one) => one.name === "first-contentful-paint");
  const drawn = told(performance.getEntriesByType("paint"));
  if (drawn) return resolve(drawn.startTime);
  new PerformanceObserver((list, observer) => {
    const late = told(list.getEntries());
    if (late) { observer.disconnect(); resolve(late.startTime); }
  }).observe({ type: "paint", buffered: true });
})"""
_LOADED: Final = 'performance.getEntriesByType("navigation")[0].loadEventEnd'


async def measure_paint(url: str, cookies: Sequence[tuple[str, str]]) -> dict[str, float | str]:
    """Return milliseconds until the first page is drawn, or why they were not measured.

    Args:
        url: The site's.
        cookies: Name and value of those that let a browser in.
    """
    try:
        from playwright.async_api import async_playwright  # noqa: PLC0415 - may be missing
    except ImportError:
        return {"first_paint_ms": "not measured: Playwright is not installed (the extra dev)"}
    program = shutil.which("chromium")
    if program is None:
        return {"first_paint_ms": "not measured: there is no chromium on the path"}
    drawn: list[float] = []
    loaded: list[float] = []
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=program, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for _ in range(_TIMES):
            # A context has a cache of its own.
            context: Any = await browser.new_context()
            await context.add_cookies(
                [{"name": name, "value": value, "url": url} for name, value in cookies]
            )
            page = await context.new_page()
            await page.goto(url)
            drawn.append(float(await page.evaluate(_READ)))
            loaded.append(float(await page.evaluate(_LOADED)))
            await context.close()
        await browser.close()
    return {
        "first_paint_ms": round(statistics.median(drawn), 1),
        "first_paint_worst_ms": round(max(drawn), 1),
        "first_page_loaded_ms": round(statistics.median(loaded), 1),
    }
