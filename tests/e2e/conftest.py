"""The whole of Loa on this machine: a centre, three receivers on virtual horns, and people in a real browser."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from broadcast.clock import SystemClock
from web.cli.demo import raise_curtain
from web.demo import cast
from web.demo.stage import BROKER_OFFSET, Stage, is_free

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "suối nước trong veo"
HEIGHT_OF = {360: 740, 1280: 900}
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
SPOKEN = "Xin chào bà con. Đây là lời đọc thử qua micrô của máy tính."


@dataclass
class Play:
    """`stage` with its people; `open` gives a page, so many pixels wide, of somebody who is signed in."""

    stage: Stage
    crew: cast.Cast
    open: Callable[[str, int], Page]

    def picture(self, page: Page, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


# Not for the session: Playwright's event loop runs while this is open, and async tests of others need their own.
@pytest.fixture(scope="module")
def play(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Play]:
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "NEEDS_BANK", False):  # it takes a minute of the machine
            patch.setenv("LOA_BANK_DELAY_S", "3600")
        yield from _play(tmp_path_factory, free_port)


def _play(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[Play]:
    folder = tmp_path_factory.mktemp("e2e")
    microphone = folder / "microphone.wav"
    subprocess.run(["espeak-ng", "-v", "vi", "-w", microphone, SPOKEN], check=True)
    with Stage(folder, free_port, list(cast.RECEIVERS)) as stage, sync_playwright() as playwright:
        crew = raise_curtain(stage, lambda _line: None)
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
                *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
                f"--use-file-for-fake-audio-capture={microphone}",
                "--allow-loopback-in-peer-connection",
            ],
        )
        yield Play(stage, crew, _opener(browser, stage, crew))
        browser.close()


@pytest.fixture(scope="session")
def clock() -> SystemClock:
    return SystemClock()


def _opener(browser: Browser, stage: Stage, crew: cast.Cast) -> Callable[[str, int], Page]:
    chosen: dict[str, str] = {}

    def open_as(login: str, width: int) -> Page:
        context = browser.new_context(
            base_url=stage.url, locale="vi-VN", viewport={"width": width, "height": HEIGHT_OF[width]}
        )
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto("/")
        page.fill("#login", login)
        page.fill("#password", chosen.get(login, crew.passwords[login]))
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        if login not in chosen:
            page.fill("#old_password", crew.passwords[login])
            page.fill("#new_password", PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(lambda url: "password" not in url.split("?")[0])
            chosen[login] = PASSWORD
        return page

    return open_as


@pytest.fixture(scope="module")
def free_port() -> int:
    """A port whose partner for the broker is free as well, below those that the kernel gives to connections."""
    return next(port for port in range(21_000, 30_000) if is_free(port) and is_free(port + BROKER_OFFSET))
