"""A page walked through by Tab alone: what is never reached, never left, not seen to have the focus, or hidden then."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from playwright.sync_api import Page

MOST_STOPS = 600
MOST_INNER_STOPS = 12
"""Times in a row that one element has the focus: a player's own buttons, the parts of a date."""
LEAST_RING_PX, LEAST_CONTRAST = 2, 3.0

_FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, audio[controls], [tabindex]"
# Of several radios with one name Tab reaches the one that is chosen, or else one of them.
_MARK = """what => { let number = 0; const names = new Map();
  for (const e of document.querySelectorAll(what)) {
    if (e.tabIndex < 0 || e.matches(':disabled') || e.closest("[inert]")) continue;
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    if (e.type === "radio" && e.name) {
      const group = (e.form ? [...document.forms].indexOf(e.form) : "") + e.name;
      if (names.has(group)) { e.dataset.stop = names.get(group); continue; }
      names.set(group, number);
    }
    e.dataset.stop = number++;
  }
  document.body.tabIndex = -1;  // from the top, whatever had the focus
  document.body.focus();
  document.body.removeAttribute("tabindex");
  return { stops: number, forced: [...document.querySelectorAll("[tabindex]")].filter(e => e.tabIndex > 0).length };
}"""
_STOP = """() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return null;
  const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const linear = c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const light = rgb => [.2126, .7152, .0722].reduce((sum, part, at) => sum + part * linear(rgb[at] / 255), .05);
  const ratio = (one, other) => Math.max(light(one) / light(other), light(other) / light(one));
  const behind = from => { for (let p = from; p; p = p.parentElement) {
      const c = numbers(getComputedStyle(p).backgroundColor);
      if (c.length && (c.length < 4 || c[3] > .5)) return c; } return [255, 255, 255]; };
  const shown = [e, ...(e.labels || [])];
  const rings = [...shown.map(s => [getComputedStyle(s), s]), [getComputedStyle(e, "::after"), e]]
    .filter(([s]) => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0);
  const best = rings.map(([s, on]) => ({ px: s.outlineStyle === "auto" ? 2 : parseFloat(s.outlineWidth),
    contrast: s.outlineStyle === "auto" || s.boxShadow !== "none" ? 21
      : ratio(numbers(s.outlineColor), behind(parseFloat(s.outlineOffset) < 0 ? on : on.parentElement)) }));
  const boxes = shown.map(s => s.getBoundingClientRect()).filter(b => b.width > 1 && b.height > 1);
  const at = [.1, .5, .9];
  const points = boxes.flatMap(b => at.flatMap(x => at.map(y => [b.x + b.width * x, b.y + b.height * y])));
  const seen = points.some(([x, y]) => {
    const top = document.elementFromPoint(x, y);
    return !!top && (shown.some(s => s.contains(top)) || (top.contains(e) && !top.matches("body, html")));
  });
  return { stop: e.dataset.stop ?? "", ring: best.length ? Math.max(...best.map(b => b.px)) : 0,
    contrast: best.length ? Math.max(...best.map(b => b.contrast)) : 0, seen,
    tag: e.outerHTML.slice(0, 110).replace(/\\s+/g, " "), main: e.id === "main" };
}"""


class _Stop(Struct):
    stop: str
    ring: float
    contrast: float
    seen: bool
    tag: str
    main: bool


def walked(page: Page) -> Iterator[str]:
    """From the top until the focus has left the page; what is wrong, in lines."""
    marked: dict[str, Any] = page.evaluate(_MARK, _FOCUSABLE)
    if marked["forced"]:
        yield f"an order of its own for {marked['forced']} elements (tabindex)"
    page.evaluate("window.scrollTo(0, 0)")
    order: list[int] = []
    inner = 0
    for _press in range(MOST_STOPS):
        page.keyboard.press("Tab")
        here: dict[str, Any] | None = page.evaluate(_STOP)
        if here is None or (order and here["stop"] == str(order[0]) and len(order) > 1):
            break
        stop = _Stop(**here)
        inner = inner + 1 if order and stop.stop == str(order[-1]) else 0
        if inner > MOST_INNER_STOPS:
            yield f"Tab does not leave {stop.tag}"
            return
        if inner:
            continue
        if stop.stop:
            order.append(int(stop.stop))
        yield from _ill(stop)
    else:
        yield f"more than {MOST_STOPS} stops"
    if order != sorted(order):
        yield f"the order of Tab is not that of the page: {order}"
    if missing := set(range(marked["stops"])) - set(order):
        tags = page.evaluate(
            "all => all.map(n => document.querySelector(`[data-stop='${n}']`)?.outerHTML.slice(0, 110) ?? '')",
            sorted(missing),
        )
        yield f"Tab does not come to {len(missing)}: {' '.join(tags[:3])}"


def _ill(stop: _Stop) -> Iterator[str]:
    if stop.ring < LEAST_RING_PX:
        yield f"nothing shows the focus: {stop.tag}"
    elif stop.contrast < LEAST_CONTRAST:
        yield f"the focus is hard to see ({stop.contrast:.1f}:1): {stop.tag}"
    if not stop.seen:
        yield f"has the focus, but something lies on it: {stop.tag}"
