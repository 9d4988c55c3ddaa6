"""What is wrong with a page as it is shown: by axe-core, by its width, by the size of what is to be hit."""

import json
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page
from playwright.sync_api import TimeoutError as TooLate

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TARGET_PX = 44
_OPTIONS = json.dumps({"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}})
# Links in running text may be smaller (WCAG 2.2, 2.5.8), and so may what a larger label stands for.
_SMALL = """least => [...document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])")]
  .filter(e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".sr, .skip"))
  .map(e => [e, (e.labels && e.labels[0] && /radio|checkbox/.test(e.type) ? e.labels[0] : e).getBoundingClientRect()])
  .filter(([e, box]) => box.width > 1 && (box.height < least - .5 || box.width < least / 2))
  .filter(([e]) => !(e.matches("a") && getComputedStyle(e).display === "inline"))
  .map(([e, box]) => `${e.outerHTML.slice(0, 110)} ${Math.round(box.width)}x${Math.round(box.height)}`)"""


_UNFOLD = "document.querySelectorAll('details').forEach(part => { part.open = true; })"


def findings(page: Page, width: int) -> Iterator[str]:
    """Each in a line: what, where. All that folds is unfolded first."""
    page.evaluate(_UNFOLD)
    yield from axe(page)
    wide = int(page.evaluate("document.documentElement.scrollWidth"))
    if wide > width:
        yield f"wider than the screen: {wide} px"
    for small in page.evaluate(_SMALL, TARGET_PX):
        yield f"small to hit: {small}"


def spoil(page: Page, form: str) -> bool:
    """Send a form as it came, empty; whether the page then says what is to be put right."""
    sent = page.locator(form)
    sent.evaluate("form => { form.noValidate = true; }")
    sent.locator("button.main, button.wide").last.click()
    try:
        page.locator("#errors").wait_for()
    except TooLate:
        return False
    return True


def axe(page: Page) -> Iterator[str]:
    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate(f"axe.run(document, {_OPTIONS})")
    for rule in found["violations"]:
        for node in rule["nodes"]:
            why = " ".join((node.get("failureSummary") or "").split())
            yield f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {why[:200]}"
