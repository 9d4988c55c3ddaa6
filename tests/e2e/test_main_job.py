"""The main job in a real browser, heard at the horns: two villages are chosen, the third stays silent."""

import re
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from broadcast.clock import SystemClock
from web.demo import cast, hearing, main_job

if TYPE_CHECKING:
    from tests.e2e.conftest import Play

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

CHOSEN, SILENT = ("horn1", "horn2"), "horn3"
TEXT = "Ủy ban nhân dân xã thông báo: 14 giờ chiều nay họp thôn tại nhà văn hóa. Mời bà con đến dự đông đủ."

What = Callable[[Page, Path], None]


def type_a_text(page: Page, _folder: Path) -> None:
    page.fill("#text", TEXT)


def choose_a_file(page: Page, folder: Path) -> None:
    wav, mp3 = folder / "notice.wav", folder / "thông báo.mp3"
    subprocess.run(["espeak-ng", "-v", "vi", "-w", wav, TEXT], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-b:a", "64k", mp3], check=True)
    page.click("label[for=source-file]")
    page.set_input_files("#file", mp3)


def record_in_the_browser(page: Page, _folder: Path) -> None:
    page.click("label[for=source-microphone]")
    page.click("[data-rec-start]")
    page.wait_for_timeout(4000)
    page.click("[data-rec-stop]")
    expect(page.locator("[data-recorder] audio")).to_be_visible()


@pytest.mark.parametrize(
    ("what", "width"),
    [(type_a_text, 360), (choose_a_file, 1280), (record_in_the_browser, 1280)],
    ids=["text", "file", "microphone"],
)
def test_what_an_official_sends_to_two_villages_is_heard_there_and_nowhere_else(
    play: "Play", clock: SystemClock, tmp_path: Path, what: What, width: int
) -> None:
    official = play.open(cast.OFFICIAL, width)
    broadcast_id = send(play, official, lambda: what(official, tmp_path), f"{what.__name__}-{width}")
    leader = play.open(cast.LEADER, 1280)
    approve(play, leader, broadcast_id)

    airing = official.request.get(f"/api/v1/broadcasts/{broadcast_id}/airings").json()[0]
    start, end = datetime.fromisoformat(airing["start"]), datetime.fromisoformat(airing["end"])
    recordings = hearing.follow(play.stage, clock, end, lambda _fraction: None)
    reference = hearing.decode(main_job.media(play.stage.url, produced(official, broadcast_id)))
    heard = {name: hearing.compare(name, recordings[name], reference, start) for name in recordings}
    for name in CHOSEN:
        assert heard[name].heard_once, heard[name]
    assert heard[SILENT].alignment is None

    official.goto(f"/broadcasts/{broadcast_id}")
    expect(official.locator("main")).to_contain_text("đã nghe", ignore_case=True)
    play.picture(official, f"broadcast-{what.__name__}-{width}")
    for page in (official, leader):
        page.context.close()


def send(play: "Play", page: Page, fill_in_what: Callable[[], None], name: str) -> str:
    page.goto("/broadcasts/new")
    fill_in_what()
    play.picture(page, f"new-{name}-what")
    page.click("[data-step=what] [data-next]")
    for village in cast.VILLAGES[: len(CHOSEN)]:
        zone_id = play.crew.district.villages[cast.COMMUNE, village]
        page.locator(f"input[name=zone][value='{zone_id}']").set_checked(True)
    play.picture(page, f"new-{name}-where")
    page.click("[data-step=where] [data-next]")
    page.click("label[for=when-now]")
    play.picture(page, f"new-{name}-when")
    page.click("[data-step=when] [data-next]")
    expect(page.locator("button[value=send]")).to_be_enabled(timeout=60_000)
    play.picture(page, f"new-{name}-check")
    page.click("button[value=send]")
    page.wait_for_url(re.compile(r"/broadcasts/[0-9A-Z]{26}"))
    return page.url.rsplit("/", 1)[-1].split("?")[0]


def approve(play: "Play", page: Page, broadcast_id: str) -> None:
    page.goto(f"/broadcasts/{broadcast_id}")
    play.picture(page, "approve-1280")
    page.click("form[action$='/approve'] button")
    page.wait_for_load_state()


def produced(page: Page, broadcast_id: str) -> str:
    """SHA-256 of the file that should have sounded."""
    broadcast = page.request.get(f"/api/v1/broadcasts/{broadcast_id}").json()
    announcement = page.request.get(f"/api/v1/announcements/{broadcast['announcement_id']}").json()
    return str(announcement["recordings"][0]["sha256"])
