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


# Text that is cut off by what is around it, or reaches over the edge of that; a line clamp cuts on purpose.
_CUT = """() => {
  const held = ".btn, .card, label, .chip, .tag, .saybox, .notice, .filters a, td, th, li, dd, dt, summary";
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    const e = text.parentElement;
    if (!text.data.trim() || e.closest("option, svg, script, .sr, .skip, textarea")) continue;
    if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    let read = false;  // for screen readers alone
    for (let p = e; p && !read; p = p.parentElement) read = getComputedStyle(p).clipPath.startsWith("inset(50%");
    if (read) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    const rects = [...range.getClientRects()].filter(r => r.width > 1);
    const over = (box, r) => r.right > box.right + 2 || r.left < box.left - 2;
    let why = "";
    const near = e.closest(held);
    if (near && rects.some(r => over(near.getBoundingClientRect(), r))) why = "over the edge";
    for (let p = e; p && p !== document.body && !why; p = p.parentElement) {
      const style = getComputedStyle(p), box = p.getBoundingClientRect();
      if (/auto|scroll/.test(style.overflowX + style.overflowY) || style.webkitLineClamp !== "none") break;
      const lost = r => over(box, r) || r.bottom > box.bottom + 4;
      if (/hidden|clip/.test(style.overflowX) && rects.some(lost)) why = "cut off";
    }
    if (why) found.push(`${why}: "${text.data.trim().slice(0, 50)}" in ${e.tagName.toLowerCase()}.${e.className}`);
  }
  return [...new Set(found)];
}"""
_MOVING = """() => document.getAnimations().filter(one => one.playState === "running")
  .map(one => one.animationName || one.transitionProperty)"""


_UNFOLD = "document.querySelectorAll('details:not(.menu)').forEach(part => { part.open = true; })"
_MENU = "details.menu"


# Buttons may stand outside of their form.
_SEND_EMPTY = """form => {
  form.noValidate = true;
  const typed = "input:not([type=hidden], [type=radio], [type=checkbox], [type=file], [type=search]), textarea";
  for (const field of form.querySelectorAll(typed)) field.value = "";
  const buttons = [...form.elements].filter(e => e.type === "submit");
  form.requestSubmit(buttons.filter(e => e.matches(".main, .wide")).pop() || buttons.pop());
}"""


def findings(page: Page, width: int) -> Iterator[str]:
    """Each in a line: what, where. All that folds is unfolded first; a menu by itself, as it lies on the rest."""
    page.evaluate(_UNFOLD)
    yield from axe(page)
    for menu in page.locator(_MENU).all():
        menu.evaluate("menu => { menu.open = true; }")
        yield from axe(page, _MENU)
        menu.evaluate("menu => { menu.open = false; }")
    yield from shape(page, width)
    for small in page.evaluate(_SMALL, TARGET_PX):
        yield f"small to hit: {small}"
    for moving in page.evaluate(_MOVING):
        yield f"moves although motion is unwanted: {moving}"


def shape(page: Page, width: int) -> Iterator[str]:
    """Whether all text is there and the page is no wider than the screen."""
    page.evaluate(_UNFOLD)
    wide = int(page.evaluate("document.documentElement.scrollWidth"))
    if wide > width:
        yield f"wider than the screen: {wide} px"
    yield from page.evaluate(_CUT)


def spoil(page: Page, form: str) -> bool:
    """Send a form with nothing in it; whether the page then says what is to be put right."""
    page.evaluate(_UNFOLD)
    page.locator(form).first.evaluate(_SEND_EMPTY)
    try:
        page.locator("#errors, main .wrong").first.wait_for(timeout=8_000)
    except TooLate:
        return False
    return True


def axe(page: Page, within: str = "html") -> Iterator[str]:
    page.evaluate(AXE_SCRIPT)
    found: dict[str, Any] = page.evaluate(f"within => axe.run(within, {_OPTIONS})", within)
    for rule in found["violations"]:
        for node in rule["nodes"]:
            why = " ".join((node.get("failureSummary") or "").split())
            yield f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {why[:200]}"
