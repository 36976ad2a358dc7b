"""What axe finds on a page, in both themes, and whether a page fits a narrow window."""

from __future__ import annotations

from typing import Any

#: What passed is not told in detail, which takes most of the time.
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
#: What is different in another theme; elements, names and roles are the same.
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}
THEMES = {"light": RULES, "dark": COLOURS}
NARROW = 320
#: By how much what an open dialog holds is wider than the dialog.
_HIDDEN = """() => Math.max(0, ...[...document.querySelectorAll("dialog[open]")]
  .map((one) => one.scrollWidth - one.clientWidth))"""


async def find_faults(page: Any, rules: dict[str, Any] = RULES) -> list[str]:
    """Return what axe finds on a page."""
    from axe_playwright_python.async_playwright import Axe  # noqa: PLC0415 - may be missing

    results = await Axe().run(page, options=rules)
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')}"
        for one in results.response["violations"]
        for node in one["nodes"]
    ]


async def check(page: Any, what: str) -> list[str]:
    """Return what is wrong with a page in either theme, or in a narrow window."""
    found = []
    for theme, rules in THEMES.items():
        # Colours that are still on their way would be measured half-way.
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        found += [f"{what}, {theme}: {fault}" for fault in await find_faults(page, rules)]
    size = page.viewport_size
    await page.set_viewport_size({"width": NARROW, "height": 700})
    width = await page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW:
        found.append(f"{what} is {width} pixels wide in a window of {NARROW}")
    hidden = await page.evaluate(_HIDDEN)
    if hidden > 0:
        found.append(f"the dialog of {what} hides {hidden} pixels in a window of {NARROW}")
    await page.set_viewport_size(size)
    return found
