"""What will not be heard is said before it is sent, to its approver and afterwards, and free times are offered."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.broadcasts import onair, recorded, service
from scheduler.broadcasts.schemas import BroadcastIn, BroadcastOut, Choice, PreviewOut
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Holiday, Zone
from web.i18n import translations
from web.pages import clashing
from web.pages.present import Present

AT, WITHIN = "2026-11-23T17:00", "2026-11-23T17:02"
SILENT = "Sẽ KHÔNG phát ở 2/2 thôn: Thôn 1, Thôn 2."
DAY_OFF = re.compile(r"Không phát vào ngày nghỉ</strong>\s*<ul><li>([^<]+)</li></ul>")
FREE = "Giờ đó không vướng gì."
OTHERWISE = "Theo lịch hiện nay, có nơi sẽ không phát"


class Commune:
    """Trà Leng with a loudspeaker in both villages, where something of ten minutes is planned for 17:00 already."""

    def __init__(self, store: Store, now: datetime, places: Any, official: Actor, leader: Actor) -> None:
        self.store, self.now, self.places, self.official, self.leader = store, now, places, official, leader
        with store.writing() as db:
            for number, zone_id in enumerate((places.leng_1, places.leng_2), 1):
                db.add(Receiver(id=f"R{number}", zone_id=zone_id, name=f"Loa {number}", enrolled_at=now))
        made = self.sent("Bản tin chiều", AT, seconds=600)
        with store.writing() as db:
            service.approve(db, leader, now, made.id, version=made.version)

    def announced(self, title: str, seconds: int) -> str:
        author = self.official.user_id
        with self.store.writing() as db:
            made = Announcement(
                id=new_id(self.now), zone_id=self.places.leng, title=title, author_id=author, created_at=self.now
            )
            db.add(made)
            db.flush()
            db.add(
                Recording(
                    id=new_id(self.now), announcement_id=made.id, language="vi", source=Source.TEXT, text=f"{title}.",
                    state=RecordingState.READY, sha256=new_id(self.now).ljust(64, "0"), size_bytes=9,
                    duration_us=seconds * 1_000_000, created_at=self.now,
                )
            )  # fmt: skip
            return made.id

    def sent(self, title: str, at: str, seconds: int = 30, *, skip_holidays: bool = False) -> BroadcastOut:
        draft = {
            "zone_id": self.places.leng,
            "announcement_id": self.announced(title, seconds),
            "zone_ids": [self.places.leng],
            "when": {"kind": "at", "starts_local": at, "skip_holidays": skip_holidays},
        }
        with self.store.writing() as db:
            made = service.create(db, self.official, self.now, BroadcastIn.model_validate(draft))
            return service.submit(db, self.official, self.now, made.id, version=made.version)

    def form(self, **changed: str) -> dict[str, str]:
        """A new broadcast for all of the commune, as its page sends it."""
        announcement_id = self.announced("Nhận giống lúa", 30)
        said = {"source": "existing", "existing": announcement_id, "announcement_id": announcement_id}
        return said | {"zone": self.places.leng, "when": f"slot:{WITHIN}", "step": "check"} | changed


@pytest.fixture
def commune(store: Store, now: datetime, places: Any, add_person: Callable[..., Actor]) -> Commune:
    add_person("thon", places.leng_1, Role.VIEWER)
    return Commune(
        store, now, places, add_person("lan", places.leng, Role.EDITOR), add_person("minh", places.leng, Role.APPROVER)
    )


@pytest.fixture
def lan(commune: Commune, browser: Callable[[str], TestClient]) -> TestClient:
    return browser("lan")


@pytest.fixture
def minh(commune: Commune, browser: Callable[[str], TestClient]) -> TestClient:
    return browser("minh")


def ticked(page: str) -> str:
    found = re.findall(r'name="clash"[^>]*value="([^"]+)" checked', page)
    assert len(found) == 1
    return str(found[0])


def test_the_times_that_are_offered_first_are_free(lan: TestClient) -> None:
    page = lan.get("/broadcasts/new").text
    assert re.findall(r'value="slot:([^"]+)"', page) == ["2026-11-23T17:10", "2026-11-24T05:00"]


def test_another_time_is_ticked_where_it_would_not_be_heard(commune: Commune, lan: TestClient) -> None:
    plan = lan.post("/broadcasts/new/preview", data=commune.form()).text
    assert ticked(plan) == "play_after=2026-11-23T17:10:00"
    assert "Không phát được vì “Bản tin chiều” đang phát." in plan
    assert plan.count("Tại Thôn 1, Thôn 2") == 1
    assert re.search(r"data-sentence>Thứ Hai 23/11, 17:10", plan)
    assert "KHÔNG" not in plan


def test_what_is_left_so_is_said_not_to_be_heard(commune: Commune, lan: TestClient) -> None:
    kept = commune.form(clash="as_planned")
    plan = lan.post("/broadcasts/new/preview", data=kept).text
    assert ticked(plan) == "as_planned"
    assert SILENT in plan
    assert "data-sentence" not in plan
    sent = lan.post("/broadcasts/new", data=kept | {"csrf_token": lan.headers["x-csrf-token"]})
    assert f"Đã gửi duyệt. {OTHERWISE}" in sent.text
    other = commune.form(when="slot:2026-11-23T18:00") | {"csrf_token": lan.headers["x-csrf-token"]}
    assert "Sẽ phát sau khi được duyệt." in lan.post("/broadcasts/new", data=other).text


def test_a_way_out_of_another_time_is_not_taken_for_this_one(commune: Commune, lan: TestClient) -> None:
    old = commune.form(when="slot:2026-11-23T19:00", clash="play_after=2026-11-23T17:10:00")
    plan = lan.post("/broadcasts/new/preview", data=old).text
    assert re.search(r"data-sentence>Thứ Hai 23/11, 19:00", plan)


def test_an_approver_is_told_before_and_after(commune: Commune, minh: TestClient) -> None:
    silent, heard = commune.sent("Trùng giờ", WITHIN), commune.sent("Giờ khác", "2026-11-23T19:00")
    page = minh.get("/inbox").text
    assert page.count("KHÔNG phát") == page.count(SILENT) == 1
    form = {"csrf_token": minh.headers["x-csrf-token"]}
    done = minh.post(f"/inbox/{silent.id}/approve", data=form | {"version": str(silent.version)})
    assert done.url.path == f"/broadcasts/{silent.id}"
    assert f"Đã duyệt. {OTHERWISE}" in done.text
    assert "Không phát được vì" in done.text
    done = minh.post(f"/inbox/{heard.id}/approve", data=form | {"version": str(heard.version)})
    assert done.url.path == "/inbox"
    assert "sẽ phát đúng giờ" in done.text


def test_what_is_approved_on_its_own_page_promises_no_more(commune: Commune, minh: TestClient) -> None:
    form = {"csrf_token": minh.headers["x-csrf-token"]}
    for when, said in ((WITHIN, OTHERWISE), ("2026-11-23T19:00", "sẽ phát đúng giờ")):
        waiting = commune.sent("Bản tin", when)
        done = minh.post(f"/broadcasts/{waiting.id}/approve", data=form | {"version": str(waiting.version)})
        assert said in done.text
        assert (said == OTHERWISE) == (OTHERWISE in done.text)


def test_of_several_that_are_approved_those_that_are_not_heard_are_named(commune: Commune, minh: TestClient) -> None:
    silent, heard = commune.sent("Trùng giờ", WITHIN), commune.sent("Giờ khác", "2026-11-23T19:00")
    which = [f"{one.id}:{one.version}" for one in (silent, heard)]
    page = minh.post("/inbox/approve", data={"which": which, "csrf_token": minh.headers["x-csrf-token"]}).text
    assert f"{OTHERWISE}: Trùng giờ<" in page
    assert "sẽ phát đúng giờ" not in page


def test_a_helper_reads_only_what_still_comes(
    commune: Commune, minh: TestClient, browser: Callable[[str], TestClient]
) -> None:
    for title, at in (("Trùng giờ", WITHIN), ("Giờ khác", "2026-11-23T19:00")):
        made = commune.sent(title, at)
        form = {"csrf_token": minh.headers["x-csrf-token"], "version": str(made.version)}
        assert minh.post(f"/inbox/{made.id}/approve", data=form).status_code == 200
    page = browser("thon").get("/village").text
    assert "Còn phát hôm nay" in page
    assert "Giờ khác" in page
    assert "Trùng giờ" not in page


def test_equal_times_are_one_choice_and_some_silent_times_are_said_so(
    commune: Commune, lan: TestClient, store: Store, places: Any
) -> None:
    with store.writing() as db:
        for zone_id in (places.leng_1, places.leng_2):
            db.get_one(Zone, zone_id).quiet_hours = [{"start_minute": 21 * 60, "end_minute": 285}]
    night = lan.post("/broadcasts/new/preview", data=commune.form(when="slot:2026-11-24T03:00")).text
    assert night.count("Thứ Ba 24/11, 04:45") == 2  # a choice, and the sentence
    assert ticked(night) == "another_time=2026-11-24T04:45:00"
    daily = commune.form(when="repeat", repeat_time="17:02", from_date="2026-11-23", until="2026-11-27")
    plan = lan.post("/broadcasts/new/preview", data=daily | {"weekday": ["MO", "TU"]}).text
    assert ticked(plan) == "as_planned"
    assert "Có lần sẽ KHÔNG phát ở 2/2 thôn" in plan
    assert "data-sentence" in plan


def test_a_village_with_a_day_off_is_named_before_and_after(
    commune: Commune, lan: TestClient, minh: TestClient, store: Store, places: Any
) -> None:
    with store.writing() as db:
        db.add(Holiday(zone_id=places.leng_1, day=date(2026, 11, 24), name="Lễ hội"))
    daily = commune.form(when="repeat", repeat_time="19:00", from_date="2026-11-23", until="2026-11-25")
    days = {"weekday": ["MO", "TU", "WE"], "skip_holidays": "1"}
    plan = lan.post("/broadcasts/new/preview", data=daily | days).text
    assert DAY_OFF.findall(plan) == ["Thứ Ba 24/11: Thôn 1"]
    assert "KHÔNG" not in plan
    made = commune.sent("Bản tin ngày", "2026-11-24T19:00", skip_holidays=True)
    page = minh.get("/inbox").text
    assert "Sẽ KHÔNG phát ở 1/2 thôn: Thôn 1." in page
    assert DAY_OFF.findall(page) == ["Thứ Ba 24/11: Thôn 1"]
    assert FREE not in page
    form = {"csrf_token": minh.headers["x-csrf-token"], "version": str(made.version)}
    done = minh.post(f"/inbox/{made.id}/approve", data=form).text
    assert f"Đã duyệt. {OTHERWISE}" in done
    assert DAY_OFF.findall(done) == ["Thứ Ba 24/11: Thôn 1"]


def test_of_several_a_day_off_is_no_promise_either(
    commune: Commune, minh: TestClient, store: Store, places: Any
) -> None:
    made = commune.sent("Ngày nghỉ", "2026-11-24T19:00", skip_holidays=True)
    assert FREE in minh.get("/inbox").text
    with store.writing() as db:
        db.add(Holiday(zone_id=places.leng_1, day=date(2026, 11, 24), name="Lễ hội"))
    which = [f"{made.id}:{made.version}"]
    page = minh.post("/inbox/approve", data={"which": which, "csrf_token": minh.headers["x-csrf-token"]}).text
    assert f"{OTHERWISE}: Ngày nghỉ<" in page


def test_what_is_heard_nowhere_is_not_moved_there_and_never_called_played(
    commune: Commune, lan: TestClient, minh: TestClient, store: Store, places: Any
) -> None:
    made = commune.sent("Ngày nghỉ", "2026-11-24T19:00", skip_holidays=True)
    form = {"csrf_token": minh.headers["x-csrf-token"], "version": str(made.version)}
    assert "sẽ phát đúng giờ" in minh.post(f"/inbox/{made.id}/approve", data=form).text
    with store.writing() as db:
        for day in (24, 25):
            db.add(Holiday(zone_id=places.leng, day=date(2026, 11, day), name="Lễ hội"))
    page = lan.get(f"/broadcasts/{made.id}/move", params={"date": "2026-11-25", "time": "19:00"}).text
    assert "Không phát vào ngày nghỉ</strong> Thứ Tư 25/11: Thôn 1, Thôn 2" in page
    moved = {"csrf_token": lan.headers["x-csrf-token"], "version": "3", "date": "2026-11-25", "time": "19:00"}
    refused = lan.post(f"/broadcasts/{made.id}/move", data=moved)
    assert (refused.status_code, "Sẽ không phát ở đâu cả" in refused.text) == (422, True)
    with store.writing() as db:
        recorded.plan_place_anew(db, db.get_one(Zone, places.leng).path, commune.now, for_holidays=True)
        onair.tick(db, commune.now)
        onair.tick(db, datetime(2026, 11, 24, 13, tzinfo=UTC))
    page = lan.get(f"/broadcasts/{made.id}").text
    assert ("không nghe" in page, "đã phát" in page) == (True, False)
    page = lan.get("/broadcasts?state=done").text  # with what was there before
    assert sorted(re.findall("</svg> (không nghe|đã phát)<", page)) == ["không nghe", "đã phát"]


@pytest.mark.parametrize("kinds", [("replace",), ()])
def test_the_air_is_taken_from_nobody_unasked(kinds: tuple[str, ...]) -> None:
    start = datetime.fromisoformat("2026-11-23T10:00:00+00:00")
    own = {
        "kind": "dropped", "airing_id": f"B.{round(start.timestamp()) * 1_000_000}", "broadcast_id": "B", "title": "x",
        "cls": "normal", "proposed": True, "at": start, "local": AT, "lost_us": 1, "other_title": None,
    }  # fmt: skip
    found = PreviewOut.model_validate(
        {
            "occurrences": [start], "occurrences_local": [AT], "estimated": False, "notices": [],
            "places": [{"zone_ids": [n], "zone_names": [f"Thôn {n}"], "effects": [own]} for n in ("10", "2")],
            "choices": [{"kind": kind, "order": -1} for kind in kinds],
        }
    )  # fmt: skip
    assert clashing.picked(found, "") == "as_planned"
    later = {"kind": "play_after", "starts_local": "2026-11-23T17:10:00"}
    free = found.model_copy(update={"choices": [*found.choices, Choice.model_validate(later)]})
    assert clashing.picked(free, "") == "play_after=2026-11-23T17:10:00"
    assert clashing.picked(free, "", timed=False) == "as_planned"
    show = Present("vi", "Asia/Ho_Chi_Minh", start, translations("vi"))
    assert [place.title for place in clashing.places(show, found.places)] == ["Tại Thôn 2, Thôn 10"]
    assert not clashing.is_heard(found.places, times=1, villages=2)
    assert clashing.is_heard(found.places, times=1, villages=3)
    assert clashing.is_heard(found.places, times=2, villages=2)
