"""Two ways to work a page, by mouse and by keyboard alone, that count what a person does.

Rules of the count
- A click is one action, and so is each key or key chord that is pressed, Tab too.
- A field that is filled in is one action, pointing at it included: text typed, a choice made from a list.
- Where Enter in a field goes on to the next question, the keyboard does not seek the button.
- Scrolling, looking and waiting are none.
- Seconds: 1.35 to think before each click, field or key that does something, 1.3 to point and click, 0.28 a letter or
  key (the keystroke-level model of Card, Moran and Newell, a slow typist), and what the machine itself took.
"""

import re
from collections.abc import Callable
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

from broadcast.clock import Clock

THINK_S, POINT_S, KEY_S = 1.35, 1.3, 0.28
MOST_TABS = 400

# Where Tab would go from here: how far forward, how far back, how far by the link that skips to the content.
_WAYS = """target => {
  const shown = e => e.checkVisibility({ visibilityProperty: true }) && !e.closest("[inert]");
  const every = "a[href], button, input, select, textarea, summary, audio[controls], [tabindex]";
  const all = [...document.querySelectorAll(every)]
    .filter(e => e.tabIndex >= 0 && !e.matches(':disabled') && shown(e))
    .filter(e => e.type !== "radio" || e === target || !e.name || e.checked
      || ![...document.getElementsByName(e.name)].some(other => other.checked));
  const from = document.activeElement === document.body ? null : document.activeElement;
  const follows = e => !!from && e !== from && !!(from.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING);
  const never = all.length + 9, at = all.indexOf(target), inMain = all.findIndex(e => e.closest("main"));
  const next = all.findIndex(follows), after = !from ? 0 : next < 0 ? all.length : next;
  return { forward: at >= after ? at - after + 1 : never,
    main: inMain >= 0 && !from && at >= inMain ? at - inMain + 3 : never,
    back: at < after ? after - at - (all.includes(from) ? 1 : 0) : never };
}"""
_SAME = "(target) => document.activeElement === target"
_GROUP = """target => !!target.name && document.activeElement?.name === target.name
  && document.activeElement.type === "radio" """


class Hand(Protocol):
    """What a task is told in; `to` is a pattern of the address that the act leads to."""

    page: Page
    actions: int
    way: str

    def start(self, path: str) -> None: ...
    def press(self, what: str, to: str = "") -> None: ...
    def onward(self, step: str) -> None: ...
    def fill(self, what: str, text: str) -> None: ...
    def tick(self, what: str) -> None: ...
    def choose(self, what: str, value: str) -> None: ...
    def play(self, what: str) -> None: ...
    def sees(self, text: str) -> None: ...


class _Common:
    def __init__(self, page: Page, clock: Clock) -> None:
        self.page = page
        self.actions = 0
        self.hand_s = 0.0
        self._clock = clock
        self._began_us = clock.monotonic_us()

    @property
    def seconds(self) -> float:
        """What a person would have needed; making the hand takes no part of it worth counting."""
        return self.hand_s + (self._clock.monotonic_us() - self._began_us) / 1e6

    def start(self, path: str) -> None:
        """Where the task begins; coming there is no part of it."""
        self.page.goto(path)
        self.actions, self.hand_s, self._began_us = 0, 0.0, self._clock.monotonic_us()

    def sees(self, text: str) -> None:
        """The page says so, and it is there to be seen."""
        expect(self.page.locator("body")).to_contain_text(text, ignore_case=True)

    def _find(self, what: str) -> Locator:
        found = self.page.locator(what).locator("visible=true").first
        found.wait_for()
        return found

    def _act(self, do: Callable[[], None], to: str) -> None:
        if not to:
            do()
            return
        with self.page.expect_navigation(url=re.compile(to)):
            do()


class Mouse(_Common):
    way = "mouse"

    def press(self, what: str, to: str = "") -> None:
        found = self._find(what)
        self._act(found.click, to)
        self._did(0)

    def onward(self, step: str) -> None:
        self.press(f"[data-step={step}] [data-next]")

    def fill(self, what: str, text: str) -> None:
        self._find(what).fill(text)
        self._did(len(text))

    def tick(self, what: str) -> None:
        """A box or a button of several, by its words where there are any."""
        found = self.page.locator(what).first
        found.wait_for(state="attached")
        label = self.page.locator(f"label[for='{found.get_attribute('id')}']")
        (label.first if found.get_attribute("id") and label.count() else found).click()
        self._did(0)

    def choose(self, what: str, value: str) -> None:
        self._find(what).select_option(value)
        self._did(1)

    def play(self, what: str) -> None:
        """A player's own button is at its left."""
        found = self._find(what)
        box = found.bounding_box()
        found.click(position={"x": 20, "y": (box["height"] if box else 40) / 2})
        self._did(0)

    def _did(self, letters: int) -> None:
        self.actions += 1
        self.hand_s += THINK_S + POINT_S + letters * KEY_S


class Keys(_Common):
    way = "keyboard"

    def press(self, what: str, to: str = "") -> None:
        self._reach(self._find(what))
        self._act(lambda: self._key("Enter"), to)
        self.hand_s += THINK_S

    def onward(self, step: str) -> None:
        """To the next question of a page that asks one after the other."""
        if self.page.locator(f"[data-step={step}] input:focus").count():
            self._key("Enter")
            self.hand_s += THINK_S
        else:
            self.press(f"[data-step={step}] [data-next]")

    def fill(self, what: str, text: str) -> None:
        found = self._find(what)
        self._reach(found)
        kind = found.get_attribute("type")
        if kind in ("date", "time"):
            self._dial(found, text)
        else:
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
        self.actions += 1
        self.hand_s += THINK_S + len(text) * KEY_S

    def tick(self, what: str) -> None:
        found = self.page.locator(what).first
        found.wait_for(state="attached")
        if found.get_attribute("type") == "radio":
            self._turn_to(found)
            return
        self._reach(found)
        self._key("Space")
        self.hand_s += THINK_S

    def choose(self, what: str, value: str) -> None:
        found = self._find(what)
        self._reach(found)
        places = "(list, value) => [...list.options].findIndex(o => o.value === value) - list.selectedIndex"
        steps = int(found.evaluate(places, value))
        for _step in range(abs(steps)):
            self._key("ArrowDown" if steps > 0 else "ArrowUp")
        expect(found).to_have_value(value)
        self.hand_s += THINK_S

    def play(self, what: str) -> None:
        self._reach(self._find(what))
        self._key("Space")
        self.hand_s += THINK_S

    def _turn_to(self, radio: Locator) -> None:
        """To the group by Tab, in it by arrows; what gets the focus is chosen by that."""
        target = radio.element_handle()
        self._reach(radio, group=True)
        for _step in range(MOST_TABS):
            if radio.evaluate(_SAME):
                break
            self._key("ArrowDown")
        if target is not None and not radio.is_checked():
            self._key("Space")
        expect(radio).to_be_checked()
        self.hand_s += THINK_S

    def _dial(self, field: Locator, text: str) -> None:
        """Digits into a day or a time, in the order in which this browser shows its parts."""
        parts = re.split(r"[-:]", text)
        orders = [parts, parts[::-1], [parts[1], *parts[2:], parts[0]]] if len(parts) > 2 else [parts]
        noon = ["PM"] if len(parts) == 2 and int(parts[0]) >= 12 else ["AM"]
        twelve = [[f"{(int(parts[0]) - 1) % 12 + 1:02d}", parts[1], *noon]] if len(parts) == 2 else []
        for order in [*orders, *twelve]:
            field.evaluate("field => { field.blur(); field.focus(); }")
            self.page.keyboard.type("".join(order))
            if field.input_value()[: len(text)] == text:
                return
        raise AssertionError(f"{text} could not be typed: {field.input_value()}")

    def _reach(self, found: Locator, *, group: bool = False) -> None:
        ways = found.evaluate(_WAYS)
        key = "Tab"
        if ways["main"] < min(ways["forward"], ways["back"]):
            self._key("Tab")
            self._key("Enter")
        elif ways["back"] < ways["forward"]:
            key = "Shift+Tab"
        for _press in range(MOST_TABS):
            if found.evaluate(_SAME) or (group and found.evaluate(_GROUP)):
                return
            self._key(key)
        raise AssertionError(f"Tab does not lead to {found}")

    def _key(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.actions += 1
        self.hand_s += KEY_S
