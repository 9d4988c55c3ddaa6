"""Speaking live in a real browser: from the desk to "on air", listened in to by a second person, and ended."""

import re
from typing import TYPE_CHECKING

import pyotp
from playwright.sync_api import Page, expect

from web.demo import cast

if TYPE_CHECKING:
    from tests.e2e.conftest import Play

PASSWORD = "suối nước trong veo"
SOUND = """() => new Promise((heard, nothing) => {
  const ear = new AudioContext();
  const analyser = ear.createAnalyser();
  ear.createMediaStreamSource(document.querySelector("#listening audio").srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  setTimeout(() => nothing(new Error("silence")), 15000);
  setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    if (samples.some((x) => Math.abs(x) > 0.05)) heard();
  }, 20);
})"""


def test_somebody_speaks_is_seen_on_air_and_heard_and_ends_it(play: "Play") -> None:
    speaker, listener = play.open(cast.DISPATCHER, 1280), play.open(cast.OFFICIAL, 360)
    listener.goto("/live")
    play.picture(listener, "live-nobody-360")
    ask(play, speaker)

    button = speaker.get_by_role("button", name="NÓI NGAY")
    expect(button).to_be_enabled()
    play.picture(speaker, "live-booth-ready-1280")
    button.focus()
    speaker.keyboard.press("Enter")
    expect(speaker.locator("#booth [data-now]")).to_contain_text("ĐANG PHÁT. Hãy nói.", timeout=15_000)
    assert speaker.evaluate("document.activeElement.matches('[data-stop]')")  # the same key ends it
    speaker.set_viewport_size({"width": 360, "height": 740})
    play.picture(speaker, "live-on-air-360")

    listen = listener.get_by_role("button", name=re.compile("Nghe cùng"))
    listen.click()  # it came without loading the page again
    expect(listener.locator("#listening")).to_contain_text("Bạn đang nghe")
    listener.evaluate(SOUND)
    play.picture(listener, "live-listening-360")

    speaker.keyboard.press("Enter")
    expect(speaker.locator("#talk")).to_have_attribute("data-state", "ended", timeout=20_000)
    expect(speaker.locator("#talk")).to_contain_text("Người nói đã kết thúc.")
    expect(speaker.get_by_role("link", name="Nghe lại")).to_be_visible()
    expect(listener.locator("#listening")).to_contain_text("Đã kết thúc.")
    # What the loudspeakers report is shown as it comes, on a page that nobody loads again.
    expect(speaker.locator("#facts tbody tr").first).to_be_visible(timeout=90_000)
    play.picture(speaker, "live-ended-360")
    for page in (speaker, listener):
        page.context.close()


def ask(play: "Play", page: Page) -> None:
    code = second_factor(page)
    page.goto("/live")
    page.locator(f"input[name=zone][value='{play.crew.district.communes[cast.COMMUNE]}']").check()
    play.picture(page, "live-desk-1280")
    page.set_viewport_size({"width": 360, "height": 740})
    play.picture(page, "live-desk-360")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.fill("#code", code)
    page.get_by_role("button", name="Đến micrô").click()
    page.wait_for_url(re.compile(r"/live/[0-9A-Z]{26}"))


def second_factor(page: Page) -> str:
    """Set up as a person does it; one of its recovery codes."""
    page.goto("/account")
    page.fill("#on_password", PASSWORD)
    page.locator("form[action='/account/second-factor'] button").click()
    secret = page.locator("code.secret").first.inner_text()
    page.fill("#code", pyotp.TOTP(secret).now())
    page.locator("form[action='/account/second-factor/confirm'] button").click()
    return page.locator("ol.codes code").first.inner_text()
