"""The main job in a real browser, heard at the horns: what is sent to some villages, and silence in the third."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from broadcast.clock import SystemClock
from web.demo import cast, hearing, main_job

if TYPE_CHECKING:
    from tests.e2e.conftest import Play

pytestmark = pytest.mark.flaky(reruns=2)  # a starved machine loses sound

SILENT = "horn3"
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


@dataclass(frozen=True)
class Job:
    """What an official fills in on a page so many pixels wide, and the horns of the villages it is for."""

    what: What
    width: int
    horns: tuple[str, ...]


@pytest.mark.parametrize(
    "jobs",
    [
        (Job(type_a_text, 360, ("horn1", "horn2")),),
        (Job(choose_a_file, 1280, ("horn1",)), Job(record_in_the_browser, 1280, ("horn2",))),
    ],
    ids=["text", "file and microphone"],
)
def test_what_an_official_sends_is_heard_in_its_villages_and_nowhere_else(
    play: "Play", clock: SystemClock, tmp_path: Path, jobs: tuple[Job, ...]
) -> None:
    officials = [play.open(cast.OFFICIAL, job.width) for job in jobs]
    sent = [send(play, page, job, tmp_path) for page, job in zip(officials, jobs, strict=True)]
    leader = play.open(cast.LEADER, 1280)
    for broadcast_id in sent:
        approve(play, leader, broadcast_id)

    starts, ends = zip(*(airing(leader, broadcast_id) for broadcast_id in sent), strict=True)
    recordings = hearing.follow(play.stage, clock, max(ends), lambda _fraction: None)
    references = [reference(play, leader, broadcast_id) for broadcast_id in sent]
    for number, job in enumerate(jobs):
        for name in job.horns:
            heard = hearing.compare(name, recordings[name], references[number], starts[number])
            assert heard.heard_once, heard
            for other, sound in enumerate(references):
                assert other == number or not hearing.compare(name, recordings[name], sound, starts[other]).heard_once
    assert hearing.compare(SILENT, recordings[SILENT], references[0], starts[0]).alignment is None

    for page, job, broadcast_id in zip(officials, jobs, sent, strict=True):
        page.goto(f"/broadcasts/{broadcast_id}")
        expect(page.locator("main")).to_contain_text("đã nghe", ignore_case=True)
        play.picture(page, f"broadcast-{job.what.__name__}-{job.width}")
        page.context.close()
    leader.context.close()


def send(play: "Play", page: Page, job: Job, folder: Path) -> str:
    """The id of the broadcast that came of it."""
    name = f"{job.what.__name__}-{job.width}"
    page.goto("/broadcasts/new")
    job.what(page, folder)
    play.picture(page, f"new-{name}-what")
    page.click("[data-step=what] [data-next]")
    for horn, village in zip(cast.RECEIVERS, cast.VILLAGES, strict=True):
        if horn in job.horns:
            zone_id = play.crew.district.villages[cast.COMMUNE, village]
            page.locator(f"input[name=zone][value='{zone_id}']").set_checked(True)
    play.picture(page, f"new-{name}-where")
    page.click("[data-step=where] [data-next]")
    page.click("[data-step=when] [data-change]")  # the next usual time stands there already
    page.click("label[for=when-now]")
    play.picture(page, f"new-{name}-when")
    page.click("[data-step=when] [data-next]")
    expect(page.locator("button[value=send]")).to_be_enabled(timeout=120_000)
    play.picture(page, f"new-{name}-check")
    page.click("button[value=send]")
    page.wait_for_url(re.compile(r"/broadcasts/[0-9A-Z]{26}"))
    return page.url.rsplit("/", 1)[-1].split("?")[0]


def approve(play: "Play", page: Page, broadcast_id: str) -> None:
    page.goto(f"/broadcasts/{broadcast_id}")
    play.picture(page, "approve-1280")
    page.click("form[action$='/approve'] button")
    page.wait_for_load_state()


def airing(page: Page, broadcast_id: str) -> tuple[datetime, datetime]:
    """When the broadcast is to sound."""
    planned = page.request.get(f"/api/v1/broadcasts/{broadcast_id}/airings").json()[0]
    return datetime.fromisoformat(planned["start"]), datetime.fromisoformat(planned["end"])


def reference(play: "Play", page: Page, broadcast_id: str) -> NDArray[np.float32]:
    """What should have sounded."""
    broadcast = page.request.get(f"/api/v1/broadcasts/{broadcast_id}").json()
    announcement = page.request.get(f"/api/v1/announcements/{broadcast['announcement_id']}").json()
    sha256 = str(announcement["recordings"][0]["sha256"])
    return hearing.decode(main_job.media(play.stage.url, sha256))
