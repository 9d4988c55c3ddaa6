"""A voice from a real browser's microphone to the chunks that receivers fetch."""

import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright

from broadcast.wire.chunks import Chunk
from web.live.lab import alignment, decoded, voice
from web.live.peer import offer_addresses
from web.live.placing import RATE_HZ

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "một mật khẩu đủ dài"
SIGN_IN = """
  async (credentials) => {
    const answer = await fetch("/api/v1/session", { method: "POST", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(credentials) });
    return (await answer.json()).csrf_token;
  }"""
SPEAK = """
  async ([csrf, talk]) => {
    const { LiveMicrophone } = await import("/static/x/whip.js");
    window.told = [];
    window.loudest = -100;
    window.microphone = new LiveMicrophone({ csrf, on: (word, why) => told.push(why || word),
      level: (db) => { loudest = Math.max(loudest, db); } });
    await microphone.open({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
    await microphone.start(talk);
  }"""

CHANGE = """
  async () => {
    const used = () => microphone.stream.getAudioTracks()[0].getSettings().deviceId, before = used();
    const other = (await navigator.mediaDevices.enumerateDevices())
      .find((device) => device.kind === "audioinput" && ![before, "default"].includes(device.deviceId));
    await microphone.change({ audio: { deviceId: { exact: other.deviceId } } });
    return [before, other.deviceId, used()];
  }"""


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """What the browser's microphone hears, over and over."""
    path = tmp_path / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes((voice(20) * 32767).astype(np.int16).tobytes())
    return path


@pytest.fixture
async def page(address: str, spoken: Path) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
                *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
                f"--use-file-for-fake-audio-capture={spoken}",
                "--allow-loopback-in-peer-connection",
            ],
        )
        opened = await browser.new_page()
        await opened.goto(f"{address}/static/x/icon.svg")
        yield opened
        await browser.close()


async def test_what_is_said_into_a_browser_is_what_receivers_fetch(air: Any, page: Page) -> None:
    csrf = await page.evaluate(SIGN_IN, {"login": "operator", "password": PASSWORD})
    asked = await air.ask(delay_ms=600)
    await page.evaluate(SPEAK, [csrf, asked["id"]])
    await air.until(lambda: air.sent)
    chunks = air.record(asked["id"])
    act = air.studio.stage(asked["id"]).act
    await air.until(lambda: act.feed.frames > act.opening_ms * RATE_HZ // 1000 + 4 * RATE_HZ)
    assert await page.evaluate("told") == ["connecting", "connected"]
    assert await page.evaluate("loudest") > -40
    await page.close()  # without a word: pagehide tells the centre
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] in ("speaker", "gone")
    assert found_again(chunks, act.opening_ms) > 0.8


async def test_where_no_udp_gets_through_the_microphone_goes_by_websocket(air: Any, page: Page) -> None:
    offer_addresses(frozenset({"192.0.2.1"}), loopback=False)  # none of this machine's
    csrf = await page.evaluate(SIGN_IN, {"login": "operator", "password": PASSWORD})
    asked = await air.ask(delay_ms=1000)
    await page.evaluate(SPEAK, [csrf, asked["id"]])
    await air.until(lambda: air.sent)
    chunks = air.record(asked["id"])
    act = air.studio.stage(asked["id"]).act
    await air.until(lambda: act.feed.frames > act.opening_ms * RATE_HZ // 1000 + 4 * RATE_HZ)
    assert await page.evaluate("told") == ["connecting", "detour", "connected"]
    await page.evaluate("microphone.stop()")
    assert (await air.until_ended(asked["id"]))["end_reason"] == "speaker"
    assert found_again(chunks, act.opening_ms) > 0.8


@pytest.mark.parametrize("way", ["whip", "websocket"])
async def test_another_microphone_is_taken_in_the_middle_of_a_talk(air: Any, page: Page, way: str) -> None:
    if way == "websocket":
        offer_addresses(frozenset({"192.0.2.1"}), loopback=False)
    csrf = await page.evaluate(SIGN_IN, {"login": "operator", "password": PASSWORD})
    asked = await air.ask(delay_ms=1000)
    await page.evaluate(SPEAK, [csrf, asked["id"]])
    await air.until(lambda: air.sent)
    act = air.studio.stage(asked["id"]).act
    await air.until(lambda: act.feed.frames > act.opening_ms * RATE_HZ // 1000 + RATE_HZ)
    before, other, used = await page.evaluate(CHANGE)
    assert before != other == used
    chunks, changed_at = air.record(asked["id"]), act.feed.frames
    await air.until(lambda: act.feed.frames > changed_at + 5 * RATE_HZ)
    heard = decoded(chunks)[-2 * RATE_HZ :]
    assert np.sqrt(np.mean(heard**2)) > 0.01
    assert "refused" not in await page.evaluate("told")
    await page.evaluate("microphone.stop()")
    assert (await air.until_ended(asked["id"]))["end_reason"] == "speaker"


def found_again(chunks: list[Chunk], opening_ms: int) -> float:
    """How well what was said is found in two seconds of what went out."""
    heard = decoded(chunks)[opening_ms * RATE_HZ // 1000 + RATE_HZ :][: 2 * RATE_HZ]
    return alignment(heard, np.concatenate((voice(20), voice(20))))[0]


async def test_a_browser_whose_turn_it_is_not_is_told_why(air: Any, page: Page) -> None:
    csrf = await page.evaluate(SIGN_IN, {"login": "operator", "password": PASSWORD})
    await page.evaluate(SPEAK, [csrf, "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"])
    told = await page.evaluate("told")
    assert told[0] == "connecting"
    assert len(told) == 2
    assert "không" in told[1].lower() or "no such" in told[1]
    assert air.studio.lines == {}
