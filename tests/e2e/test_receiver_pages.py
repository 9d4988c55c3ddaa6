"""Pages about loudspeakers in a real browser, over a fleet of which one is well, one is ill and one is silent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from broadcast.clock import SystemClock, to_us
from broadcast.wire.documents import (
    ClockState,
    DataUse,
    Fault,
    Heard,
    Hearing,
    MediaProgress,
    PowerState,
    ReceiverState,
    SelfTestResult,
    SignalState,
)
from scheduler.changes import Changes
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.app import create_app
from web.centre import Centre
from web.pages.errors import problem_page
from web.pages.router import router
from web.settings import Settings

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "một mật khẩu đủ dài"
HEIGHT_OF = {360: 740, 1280: 900}
PICTURES = Path(__file__).parents[2] / "build" / "pictures"
WELL, ILL, SILENT = "RWELL", "RILL", "RSILENT"


def well(now: datetime) -> ReceiverState:
    heard = Heard(verdict=Hearing.HEARD, correlation=0.93, delay_us=12_400, level_dbfs=-31.2)
    return ReceiverState(
        online=True,
        at_us=to_us(now),
        player="idle",
        volume_percent=80,
        clock=ClockState(trusted=True, error_us=1_800, offset_us=-4_200, offset_error_us=30_000),
        power=PowerState(on_mains=True, battery_percent=96, battery_v=13.4),
        signal=SignalState(kind="lte", percent=63, dbm=-87, operator="Viettel"),
        temperature_c=47.5,
        data=DataUse(day_up_bytes=210_000, day_down_bytes=14_200_000, month_bytes=312_000_000),
        self_test=SelfTestResult(at_us=to_us(now - timedelta(hours=3)), heard=heard),
        ready=("a" * 12,),
        media=(MediaProgress(sha256="b" * 64, done_bytes=120_000, size_bytes=380_000),),
        free_bytes=11_400_000_000,
        started_us=to_us(now - timedelta(days=19)),
        version="loa/0.1.0",
    )


def ill(now: datetime) -> ReceiverState:
    since_us = to_us(now - timedelta(minutes=50))
    faults = (
        Fault(code="clock_untrusted", detail="the clock was set and nothing confirms it", since_us=since_us),
        Fault(code="horn_not_heard", since_us=since_us),
        Fault(code="data_budget_over", detail="more than this month's 300 MB are used", since_us=since_us),
        Fault(code="of_a_newer_receiver", since_us=since_us),
    )
    return ReceiverState(
        online=True,
        at_us=to_us(now),
        player="stopped",
        faults=faults,
        clock=ClockState(trusted=False, reason="was_set", offset_us=3_900_000_000),
        power=PowerState(on_mains=False, battery_percent=31),
        data=DataUse(day_down_bytes=31_000_000, month_bytes=344_000_000),
        refused={"unsigned": 3, "older": 1},
        self_test=SelfTestResult(
            at_us=since_us, heard=Heard(verdict=Hearing.NOT_HEARD, correlation=0.03, level_dbfs=-71.0)
        ),
        started_us=since_us,
    )


def report(number: int, now: datetime, **more: Any) -> StoredReport:
    start = now - timedelta(hours=number)
    said: dict[str, Any] = {
        "receiver_id": WELL,
        "number": number,
        "airing_id": f"a{number}",
        "broadcast_id": f"B{number}",
        "outcome": "heard",
        "planned_start_at": start,
        "planned_duration_us": 128_000_000,
        "start_at": start,
        "start_error_us": 240,
        "end_at": start + timedelta(seconds=128),
        "played_us": 128_000_000,
        "gap_us": 0,
        "underruns": 0,
        "rms_dbfs": -19.4,
        "received_at": now,
    }
    return StoredReport(**said | more)


def reports(now: datetime) -> list[StoredReport]:
    heard = {"microphone": "heard", "microphone_correlation": 0.93, "microphone_delay_us": 12_400}
    unheard = {"microphone": "not_heard", "microphone_correlation": 0.02, "clipped_frames": 1200}
    return [
        report(1, now, **heard, microphone_dbfs=-31.2),
        report(2, now, **unheard),
        report(3, now),
        report(4, now, airing_id="local-bao-chay-1763870400000000", broadcast_id="local"),
        report(5, now, airing_id="lost-5", broadcast_id="lost", outcome="failed", rms_dbfs=None, reason="record_lost"),
    ]


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


@pytest.fixture
def fleet(store: Store, now: datetime, places: Any, add_person: Any) -> None:
    add_person("quan", places.province, Role.ADMINISTRATOR)
    states = {WELL: well(now), ILL: ill(now), SILENT: well(now - timedelta(days=2))}
    with store.writing() as db:
        for number, (receiver_id, state) in enumerate(states.items()):
            row = Receiver(
                id=receiver_id, zone_id=places.leng_1, name=f"Nhà văn hóa {number + 1}", code=f"TL-0{number}"
            )
            row.latitude, row.longitude, row.horns, row.watts = 15.281234, 107.991234, 3, 100
            row.volume_by_hour, row.month_budget_mb = [40] * 5 + [80] * 16 + [40] * 3, 300 if number else 800
            row.amplifier_lead_ms, row.amplifier_tail_ms, row.self_test_minute = 300, 5000, 735
            row.enrolled_at, row.online = now - timedelta(days=40), True
            row.state, row.seen_at = (
                msgspec.to_builtins(state),
                now - timedelta(minutes=4 if receiver_id != SILENT else 2900),
            )
            row.certificate_expires_at, row.heard_at, row.heard_dbfs = now + timedelta(days=300), now, -19.4
            db.add(row)
        db.flush()
        db.add_all(reports(now))


@pytest.fixture
def url(fleet: None, store: Store, clock: SystemClock, tmp_path: Path) -> Iterator[str]:
    """A centre's pages without a broker."""
    centre = Centre(settings=Settings(data_dir=tmp_path), clock=clock, store=store, changes=Changes())
    app = create_app(centre, problem_page)
    app.include_router(router)
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@dataclass
class Look:
    """A signed-in administrator's page."""

    page: Page
    width: int

    def at(self, path: str, name: str) -> None:
        """Open the page and take its picture; nothing reaches past the side of the screen."""
        self.page.goto(path)
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{self.width}.png", full_page=True)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width


@pytest.fixture(params=[360, 1280])
def look(request: pytest.FixtureRequest, url: str) -> Iterator[Look]:
    with ExitStack() as opened:
        playwright = opened.enter_context(sync_playwright())
        browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        viewport = {"width": request.param, "height": HEIGHT_OF[request.param]}
        page = browser.new_page(base_url=url, locale="vi-VN", viewport=viewport)  # type: ignore[arg-type]
        page.goto("/")
        page.fill("#login", "quan")
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda address: "sign-in" not in address)
        yield Look(page, request.param)
        browser.close()


def test_loudspeakers_are_shown_and_edited(look: Look) -> None:
    look.at("/receivers", "receivers")
    look.at(f"/receivers/{WELL}", "receiver-well")
    look.at(f"/receivers/{ILL}", "receiver-ill")
    look.at(f"/receivers/{SILENT}", "receiver-silent")
    look.at(f"/receivers/{WELL}/edit", "receiver-edit")
    look.page.fill("#volume_percent_1", "65")
    look.page.fill("#lead_s", "0,5")
    look.page.click("main button.main")
    look.page.wait_for_url("**/receivers/*said=saved")
    expect(look.page.locator("main")).to_contain_text("65")
    expect(look.page.locator("main")).to_contain_text("0,5")
