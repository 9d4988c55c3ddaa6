"""What anybody may read and hear of a place, and above all what not."""

import gzip
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from icalendar import Calendar
from sqlalchemy import event
from sqlmodel import Session, select

from broadcast.clock import ManualClock
from broadcast.wire.now import Purpose
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.broadcasts import onair, service
from scheduler.broadcasts.models import Broadcast, BroadcastTarget
from scheduler.broadcasts.schemas import BroadcastIn
from scheduler.emergency.life import State as OrderState
from scheduler.emergency.models import EmergencyOrder, OrderTarget
from scheduler.errors import Conflict
from scheduler.fleet.models import Receiver
from scheduler.live.asking import Terms
from scheduler.live.models import LiveState, LiveTalk
from scheduler.people.actor import Actor
from scheduler.relays import passing
from scheduler.relays import service as relays
from scheduler.relays.schemas import RelayIn
from scheduler.residents import page as residents
from scheduler.residents.models import Publication
from scheduler.residents.places import Here
from scheduler.rights import Role
from scheduler.store.types import new_id
from scheduler.zones.models import Zone
from web.centre import Centre
from web.pages.residents_paths import PREFIX, public_path

WEIGHT_BYTES = 30_000
TERMS = Terms(frozenset({"stream.example"}))
TOLD, SECRET = "Tiêm chủng mở rộng", "Bí mật chưa duyệt"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"


@pytest.fixture(scope="module")
def opus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a tone."""
    path = tmp_path_factory.mktemp("sound") / "tone.ogg"
    tone = ["-f", "lavfi", "-i", "sine=440:duration=2", "-ac", "1", "-c:a", "libopus", "-b:a", "24k"]
    subprocess.run(["ffmpeg", "-v", "error", *tone, str(path)], check=True)
    return path


@dataclass
class Village:
    """Thôn 1 of Trà Leng, what is broadcast there, and a resident who looks."""

    centre: Centre
    clock: ManualClock
    places: Any
    official: Actor
    leader: Actor
    resident: TestClient
    sha256: str

    def path(self, zone_id: str | None = None, rest: str = "") -> str:
        zone_id = zone_id or self.places.leng_1
        with self.centre.store.reading() as db:
            return public_path(zone_id, db.get_one(Zone, zone_id).name) + rest

    def get(self, rest: str = "", zone_id: str | None = None, **headers: str) -> Response:
        self.centre.kept.clear()
        answer: Response = self.resident.get(self.path(zone_id, rest), headers=headers)
        return answer

    def announce(self, title: str, text: str = "Sáng thứ Bảy tại trạm y tế.") -> str:
        now, announcement_id = self.clock.now(), new_id(self.clock.now())
        with self.centre.store.writing() as db:
            db.add(
                Announcement(
                    id=announcement_id,
                    zone_id=self.places.leng,
                    title=title,
                    author_id=self.official.user_id,
                    created_at=now,
                )
            )
            db.flush()
            made = Recording(
                id=new_id(now), announcement_id=announcement_id, language="vi", source=Source.TEXT, text=text,
                state=RecordingState.READY, sha256=self.sha256, size_bytes=9000, duration_us=2_000_000, created_at=now,
            )  # fmt: skip
            db.add(made)
        return announcement_id

    def broadcast(
        self, title: str = TOLD, *, until: str = "approve", when: Any = "2026-11-23T17:00", **other: Any
    ) -> str:
        """A broadcast in Thôn 1 that is saved, submitted, approved or returned; its id."""
        now = self.clock.now()
        values = {
            "zone_id": self.places.leng,
            "announcement_id": other.pop("announcement_id", None) or self.announce(title),
            "zone_ids": [self.places.leng_1],
            "when": {"kind": "at", "starts_local": when} if isinstance(when, str) else when,
        }
        with self.centre.store.writing() as db:
            made = service.create(db, self.official, now, BroadcastIn.model_validate(values | other))
            if until != "save":
                made = service.submit(db, self.official, now, made.id, version=made.version)
            if until == "approve":
                made = service.approve(db, self.leader, now, made.id, version=made.version)
            if until == "return":
                made = service.give_back(db, self.leader, now, made.id, "Sai ngày", version=made.version)
        return made.id

    def relay(self, title: str, when: dict[str, str], *, public: bool = True) -> None:
        """An approved relay in Trà Leng of a quarter of an hour each time."""
        now, asked = self.clock.now(), RelayIn.model_validate(
            {"zone_id": self.places.leng, "zone_ids": [self.places.leng], "source_url": "https://stream.example/a.mp3",
             "limit_min": 15, "title": title, "public": public, "when": when | {"until": "2026-12-31"}}
        )  # fmt: skip
        with self.centre.store.writing() as db:
            made = relays.create(db, self.official, now, asked, TERMS)
            made = relays.submit(db, self.official, now, made.id, terms=TERMS, version=made.version)
        assert title not in self.outputs()
        with self.centre.store.writing() as db:
            relays.approve(db, self.leader, now, made.id, terms=TERMS, version=made.version)

    def wait(self, **span: float) -> None:
        self.clock.step_wall(timedelta(**span))
        with self.centre.store.writing() as db:
            onair.tick(db, self.clock.now())

    def outputs(self, zone_id: str | None = None) -> str:
        """All that is told of a place, in one text."""
        shown = [self.get(rest, zone_id) for rest in ("", "?p=2", "/feed.xml", "/calendar.ics", "/widget", "/embed")]
        assert {answer.status_code for answer in shown} == {200}
        return "\n".join(answer.text.replace("\r\n ", "") for answer in shown)

    def publication_id(self, title: str) -> str:
        with self.centre.store.reading() as db:
            return db.exec(select(Publication.id).where(Publication.title == title)).one()


@pytest.fixture
def people(add_person: Callable[..., Actor], places: Any) -> tuple[Actor, Actor]:
    return add_person("lan", places.leng, Role.EDITOR), add_person("minh", places.leng, Role.APPROVER)


@pytest.fixture
def village(centre: Centre, places: Any, people: tuple[Actor, Actor], client: TestClient, opus: Path) -> Village:
    assert centre.media is not None
    assert isinstance(centre.clock, ManualClock)
    return Village(centre, centre.clock, places, *people, client, centre.media.put(opus))


def test_what_comes_is_told_and_once_it_was_on_it_can_be_heard_again(village: Village) -> None:
    village.broadcast()
    page = village.get().text
    assert "Hôm nay, Thứ Hai 23/11" in page
    assert TOLD in page
    assert "<audio" not in page
    sound = f"/{village.publication_id(TOLD)}/vi.ogg"
    assert village.get(sound).status_code == 404  # not before it was on the air
    village.wait(hours=9, seconds=1)
    assert "Loa đang phát" in village.get().text
    village.wait(minutes=5)
    page = village.get().text
    assert "17:00, hôm nay, Thứ Hai 23/11" in page
    assert "<audio" in page
    heard = village.get(sound)
    assert (heard.status_code, heard.headers["content-type"]) == (200, "audio/ogg")
    part = village.get(sound, range="bytes=10-19")
    assert (part.status_code, part.content) == (206, heard.content[10:20])
    mp3 = village.get(sound.replace(".ogg", ".mp3"))
    assert (mp3.status_code, mp3.headers["content-type"]) == (200, "audio/mpeg")
    kept = {answer.headers["cache-control"] for answer in (heard, mp3, village.get())}
    assert kept == {"public, max-age=30"}  # what is taken off the page is heard nowhere any more soon after


@pytest.mark.parametrize("until", ["save", "submit", "return"])
def test_what_is_not_approved_is_told_nowhere(village: Village, until: str) -> None:
    village.broadcast(SECRET, until=until)
    village.wait(hours=10)
    assert SECRET not in village.outputs()


@pytest.mark.parametrize("until", ["submit", "approve"])
def test_nobody_puts_another_title_on_the_page_after_it_was_judged(village: Village, until: str) -> None:
    daily = {"kind": "repeat", "starts_local": "2026-11-24T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-26"}
    village.broadcast(when=daily, until=until)
    with village.centre.store.reading() as db:
        made = db.exec(select(Announcement)).one()
    with village.centre.store.writing() as db, pytest.raises(Conflict, match="Copy it"):
        announcements.rename(db, village.official, village.clock.now(), made.id, SECRET, version=made.version)
    village.wait(minutes=61)  # broadcasts that come again are planned anew
    told = village.outputs()
    assert SECRET not in told
    assert (TOLD in told) is (until == "approve")


def test_a_title_is_changed_once_it_is_over_and_the_page_keeps_what_was_approved(village: Village) -> None:
    village.broadcast()
    village.wait(hours=10)
    with village.centre.store.writing() as db:
        made = db.exec(select(Announcement)).one()
        announcements.rename(db, village.official, village.clock.now(), made.id, SECRET, version=made.version)
    village.wait(minutes=61)
    told = village.outputs()
    assert TOLD in told
    assert SECRET not in told


def test_only_what_is_public_there_and_then_is_told(village: Village, places: Any) -> None:
    village.broadcast(f"{SECRET} riêng", public=False)
    village.broadcast(f"{SECRET} nơi khác", zone_ids=[places.leng_2])
    village.broadcast(f"{SECRET} nhạc nền", cls="background")
    village.broadcast(when="2026-11-23T18:00")
    cancelled = village.broadcast(f"{SECRET} hủy", when="2026-11-23T19:00")
    with village.centre.store.writing() as db:
        service.cancel(db, village.official, village.clock.now(), cancelled)
    for _look in ("before", "after"):
        told = village.outputs()
        assert SECRET not in told
        assert TOLD in told
        village.wait(hours=12)


def test_what_is_above_is_told_below_and_not_the_other_way_round(village: Village, places: Any) -> None:
    village.broadcast("Tin của xã", zone_ids=[places.leng])
    village.broadcast("Tin của thôn", when="2026-11-23T18:00")
    assert "Tin của xã" in village.outputs()
    assert "Tin của xã" in village.outputs(places.leng_2)
    assert "Tin của thôn" not in village.outputs(places.leng_2)
    assert "Tin của thôn" not in village.outputs(places.leng)
    assert "Tin của xã" not in village.outputs(places.van_1)


def test_a_place_without_loudspeakers_says_so(village: Village, places: Any) -> None:
    said = "Ở đây chưa có cụm loa"
    assert said in village.get().text
    with village.centre.store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Loa 1", enrolled_at=village.centre.clock.now()))
    assert said not in village.get().text
    assert said not in village.get(zone_id=places.leng).text
    assert said in village.get(zone_id=places.leng_2).text


@pytest.mark.parametrize("hidden", ["village", "commune", "ended", "not_yet"])
def test_a_hidden_or_ended_place_has_no_page_and_is_in_no_list(village: Village, places: Any, hidden: str) -> None:
    village.broadcast()
    village.wait(hours=10)
    notice = f"/{village.publication_id(TOLD)}"
    rests = ["", "/feed.xml", "/calendar.ics", "/widget", "/embed", "/feedback", notice, f"{notice}/vi.ogg"]
    assert {village.get(rest).status_code for rest in rests} == {200}
    with village.centre.store.writing() as db:
        zone = db.get_one(Zone, places.leng if hidden == "commune" else places.leng_1)
        if hidden == "ended":
            zone.valid_until = datetime(2026, 11, 23, tzinfo=UTC).date()
        elif hidden == "not_yet":
            zone.valid_from = datetime(2026, 11, 24, tzinfo=UTC).date()
        else:
            zone.public_page = False
    assert {village.get(rest).status_code for rest in [*rests, f"{notice}/vi.mp3"]} == {404}
    assert village.resident.post(village.path(rest="/feedback"), data={"text": "Không nghe"}).status_code == 404
    assert places.leng_1 not in village.resident.get("/nghe?q=thon").text
    if hidden != "commune":
        assert places.leng_1 not in village.get(zone_id=places.leng).text


def test_an_edited_announcement_shows_what_was_approved(village: Village) -> None:
    village.broadcast()
    village.wait(hours=10)
    with village.centre.store.writing() as db:  # its broadcast is over: the announcement may be changed again
        for row in db.exec(select(Announcement)):
            row.title = SECRET
        for recording in db.exec(select(Recording)):
            recording.text = SECRET
    told = village.outputs() + village.get(f"/{village.publication_id(TOLD)}").text
    assert TOLD in told
    assert SECRET not in told


def test_what_is_hidden_afterwards_is_gone_and_its_sound_too(
    village: Village, browser: Callable[[str], TestClient]
) -> None:
    broadcast_id = village.broadcast()
    village.wait(hours=10)
    sound = f"/{village.publication_id(TOLD)}/vi.ogg"
    assert village.get(sound).status_code == 200
    official = browser("lan")
    assert "Gỡ khỏi trang công khai" in official.get(f"/broadcasts/{broadcast_id}").text
    csrf = {"csrf_token": official.headers["x-csrf-token"]}
    assert official.post(f"/broadcasts/{broadcast_id}/hide", data=csrf).status_code == 200
    assert TOLD not in village.outputs()
    assert village.get(sound).status_code == 404
    assert "hide" not in official.get(f"/api/v1/broadcasts/{broadcast_id}").json()["possible"]


DAILY = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-30"}


def says_another(village: Village, broadcast_id: str, *, public: bool = True) -> None:
    """Next morning the same broadcast is changed to another announcement, and approved."""
    village.wait(hours=14)
    values = {"zone_id": village.places.leng, "zone_ids": [village.places.leng_1], "when": DAILY, "public": public}
    draft = BroadcastIn.model_validate(values | {"announcement_id": village.announce("Họp dân")})
    now = village.clock.now()
    with village.centre.store.writing() as db:
        version = db.get_one(Broadcast, broadcast_id).version
        version = service.edit(db, village.official, now, broadcast_id, draft, version=version).version
        version = service.submit(db, village.official, now, broadcast_id, version=version).version
        service.approve(db, village.leader, now, broadcast_id, version=version)


@pytest.mark.parametrize("how", ["hidden", "left out of the page"])
def test_what_was_taken_off_the_page_does_not_come_back_with_what_is_said_next(village: Village, how: str) -> None:
    broadcast_id = village.broadcast(SECRET, when=DAILY)
    village.wait(hours=10)
    sound = f"/{village.publication_id(SECRET)}/vi.ogg"
    assert village.get(sound).status_code == 200
    if how == "hidden":
        with village.centre.store.writing() as db:
            service.hide(db, village.official, village.clock.now(), broadcast_id)
    else:
        says_another(village, broadcast_id, public=False)
    assert SECRET not in village.outputs()
    says_another(village, broadcast_id)
    told = village.outputs()
    assert SECRET not in told
    assert "Họp dân" in told
    assert village.get(sound).status_code == 404


def test_what_was_deleted_is_not_told_though_its_broadcast_says_another_thing_now(village: Village) -> None:
    deleted = village.announce(SECRET)
    broadcast_id = village.broadcast(announcement_id=deleted, when=DAILY)
    village.wait(hours=10)
    says_another(village, broadcast_id)
    assert SECRET in village.outputs()
    with village.centre.store.writing() as db:
        version = db.get_one(Announcement, deleted).version
        announcements.delete(db, village.official, village.clock.now(), deleted, version=version)
    told = village.outputs()
    assert SECRET not in told
    assert "Họp dân" in told


def test_a_deleted_one_is_not_told(village: Village) -> None:
    broadcast_id = village.broadcast()
    village.wait(hours=10)
    with village.centre.store.writing() as db:
        db.get_one(Announcement, db.get_one(Broadcast, broadcast_id).announcement_id).deleted_at = village.clock.now()
    assert TOLD not in village.outputs()


def test_one_aimed_elsewhere_since_is_not_told_any_more(village: Village, places: Any) -> None:
    broadcast_id = village.broadcast()
    village.wait(hours=10)
    with village.centre.store.writing() as db:
        for target in db.exec(select(BroadcastTarget).where(BroadcastTarget.broadcast_id == broadcast_id)):
            target.zone_id = places.leng_2
    assert TOLD not in village.outputs()


def order(village: Village, purpose: Purpose, text: str, *, state: OrderState = OrderState.ISSUED) -> str:
    now = village.clock.now()
    with village.centre.store.writing() as db:
        made = EmergencyOrder(
            id=new_id(now), purpose=purpose, state=state, parts=[{"kind": "text", "text": text}], reason="Lý do nội bộ",
            asked_at=now, lapses_at=now, issued_at=now if state is OrderState.ISSUED else None, start_us=None,
            until_at=now + timedelta(hours=1),
        )  # fmt: skip
        db.add(made)
        db.flush()
        db.add(OrderTarget(order_id=made.id, zone_id=village.places.leng))
    return made.id


def test_an_emergency_in_force_is_on_top_and_then_told_to_be_over(village: Village) -> None:
    order(village, Purpose.REAL, "Lũ quét, lên chỗ cao ngay")
    order(village, Purpose.DRILL, SECRET)
    order(village, Purpose.TEST, SECRET)
    order(village, Purpose.REAL, SECRET, state=OrderState.ASKED)
    for zone_id in (village.places.leng_1, village.places.leng, village.places.province):
        page = village.get(zone_id=zone_id).text
        assert "Lũ quét, lên chỗ cao ngay" in page
        assert page.index("KHẨN CẤP") < page.index("<h1")
    assert "Lũ quét" in village.get("/widget").text
    assert "Lũ quét" not in village.get(zone_id=village.places.van_1).text
    told = village.outputs()
    assert SECRET not in told
    assert "Lý do nội bộ" not in told
    assert int(re.sub(r"\D", "", village.get().headers["cache-control"])) <= 60
    village.wait(hours=1, minutes=1)
    page = village.get().text
    assert "KHẨN CẤP" not in page
    assert "Đã hết hiệu lực" in page
    village.wait(hours=3)
    assert "Đã hết hiệu lực" not in village.get().text


def test_anybodys_cache_may_keep_it_and_asks_again_by_its_etag(village: Village) -> None:
    village.broadcast()
    for rest in ("", "/feed.xml", "/calendar.ics", "/widget", "/embed", "/feedback"):
        first = village.get(rest)
        assert "set-cookie" not in first.headers
        assert first.headers["cache-control"].startswith("public, max-age=")
        again = village.get(rest, **{"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = village.resident.head(village.path(rest=rest))
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
        english = village.get(f"{rest}?lang=en")
        assert english.headers["etag"] != first.headers["etag"] or rest == "/calendar.ics"
    village.wait(minutes=1)
    assert village.get(**{"if-none-match": village.get().headers["etag"]}).status_code == 304
    page = village.resident.get(village.path(), headers={"cookie": "loa_language=en"}).text
    assert page.startswith('<!doctype html>\n<html lang="vi">')


def test_only_the_widget_may_be_framed_and_no_page_asks_another_host(village: Village) -> None:
    village.broadcast()
    for rest in ("", "/widget", "/embed", "/feedback", f"/{village.publication_id(TOLD)}"):
        page = village.get(rest)
        policy = page.headers["content-security-policy"]
        framed = rest == "/widget"
        assert ("frame-ancestors *" in policy) is framed
        assert ("x-frame-options" in page.headers) is not framed
        assert not re.search(r"<script|\sstyle=|\son\w+=", page.text)
        assert not re.search(r'(?:src|action)="https?:', page.text.replace("&lt;iframe src", ""))


def test_the_feed_is_a_podcast(village: Village) -> None:
    repeat = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-30"}
    village.broadcast(when=repeat)
    village.broadcast("Chưa phát", when="2026-11-27T18:00")
    village.wait(days=2)
    root = ET.fromstring(village.get("/feed.xml").content)  # noqa: S314 -- it is our own
    items = root.findall("channel/item")
    assert [item.findtext("title") for item in items] == [TOLD]  # once, however often; not before it was on
    enclosure = items[0].find("enclosure")
    assert enclosure is not None
    assert enclosure.get("type") == "audio/mpeg"
    assert items[0].findtext(f"{ITUNES}duration") == "2"
    path = enclosure.get("url", "").removeprefix("http://testserver:80")
    made = village.resident.get(path)
    assert abs(len(made.content) - int(enclosure.get("length", "0"))) < 2000


def test_the_calendar_has_every_time(village: Village) -> None:
    repeat = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-26"}
    village.broadcast(when=repeat)
    village.wait(days=1)
    events = Calendar.from_ical(village.get("/calendar.ics").content).walk("VEVENT")
    times = [datetime(2026, 11, day, 10, tzinfo=UTC) for day in (23, 24, 25, 26)]
    assert [found.decoded("dtstart") for found in events] == times
    assert {str(found["summary"]) for found in events} == {TOLD}
    assert len({str(found["uid"]) for found in events}) == 4


def test_what_is_on_the_air_again_is_in_the_feed_once(village: Village) -> None:
    repeat = {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-30"}
    village.broadcast(when=repeat)
    village.wait(hours=9, seconds=1)
    village.wait(days=1)
    assert "Loa đang phát" in village.get().text
    [item] = ET.fromstring(village.get("/feed.xml").content).findall("channel/item")  # noqa: S314 -- it is our own
    assert item.findtext("guid") == village.publication_id(TOLD)
    assert "24 Nov 2026" in (item.findtext("pubDate") or "")


def test_a_calendar_of_long_bulletins_weighs_little_and_says_each_once(village: Village) -> None:
    for number in range(12):
        text = f"Tin {number}: " + " ".join(f"lời {number * 1000 + word}" for word in range(400))
        announcement_id = village.announce(f"Bản tin {number}", text)
        start = f"2026-11-23T{11 + number // 2 * 2}:{number % 2 * 30:02}"
        rule = {"starts_local": start, "rrule": "FREQ=DAILY", "until": "2027-01-31"}
        village.broadcast(announcement_id=announcement_id, when={"kind": "repeat"} | rule)
    for _week in range(5):
        village.clock.step_wall(timedelta(days=7))
        for _round in range(3):
            village.wait()
    answer = village.get("/calendar.ics")
    assert len(gzip.compress(answer.content, 6)) <= WEIGHT_BYTES
    assert max(map(len, answer.content.split(b"\r\n"))) <= 75  # RFC 5545, 3.1
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    assert len(events) > 12 * 36
    said = [str(found["description"]) for found in events if "description" in found]
    assert len(said) == len(set(said)) == 10  # of 2000 letters each
    days = [found.decoded("dtstart").date() for found in events]
    assert {day for day, found in zip(days, events, strict=True) if "description" in found} == {max(days)}
    assert all(str(found["url"]).startswith("http") for found in events)


def test_addresses_that_differ_in_what_is_not_looked_at_cost_one_page(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.broadcast()
    village.wait(hours=10)
    made: list[str] = []
    outlook = residents.outlook

    def counted(db: Session, here: Here, now: datetime) -> residents.Outlook:
        made.append(here.zone.id)
        return outlook(db, here, now)

    monkeypatch.setattr(residents, "outlook", counted)
    zone_id = village.places.leng_1
    for rest in ("", "/feed.xml", "/calendar.ics", "/widget"):
        village.centre.kept.clear()
        made.clear()
        asked = [f"{PREFIX}/{slug}-{zone_id}{rest}{query}" for slug in ("thon-1", "xau-xa") for query in ("", "?x=1")]
        answers = [village.resident.get(one) for one in (*asked, f"{PREFIX}/{zone_id}{rest}?x=2&lang=vi&lang=vi")]
        assert len({answer.content for answer in answers}) == len(made) == 1
        assert answers[0].status_code == 200
    village.centre.kept.clear()
    for rest in ("", "/widget", "/embed", "/feedback", f"/{village.publication_id(TOLD)}"):
        shown = village.resident.get(f"{PREFIX}/xau-xa-{zone_id}{rest}").text
        assert "xau-xa" not in shown  # it would be shown to everybody
        assert f'href="{village.path(rest=rest)}?lang=en"' in shown or rest == "/widget"


def test_pages_of_one_place_that_differ_are_kept_apart(village: Village) -> None:
    for number in range(12):
        village.broadcast(f"Bản tin {number}", when=f"2026-11-23T{11 + number}:00")
    village.wait(days=1)
    notices = [f"/{village.publication_id(f'Bản tin {number}')}" for number in (0, 1)]
    rests = ["", "?p=2", "?lang=en", "/feed.xml", "/calendar.ics", "/widget", "/embed", "/feedback", *notices]
    for _again in range(2):
        shown = {village.resident.get(village.path(rest=rest)).content for rest in (*rests, "/feedback?sent=1")}
        assert len(shown) == len(rests) + 1
    for typed in ("thôn 1", "thôn 2", ""):
        assert f'value="{typed}"' in village.resident.get(PREFIX, params={"q": typed}).text


def test_a_full_page_weighs_little_and_asks_the_database_no_more(village: Village) -> None:
    village.broadcast()
    village.relay("Đài huyện", {"starts_local": "2026-11-24T21:00", "rrule": "FREQ=DAILY"})
    queries: list[str] = []
    event.listen(village.centre.store._engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    village.wait(hours=10)
    queries.clear()
    assert village.get().status_code == 200
    few = len(queries)
    for number in range(24):
        long = f"Tin số {number}: " + " ".join(f"lời {number * 1000 + word}" for word in range(400))
        announcement_id = village.announce(f"Bản tin số {number} về việc chung của thôn", long)
        village.broadcast(announcement_id=announcement_id, when=f"2026-11-24T0{5 + number // 6}:{number % 6 * 10:02}")
    hourly = f"FREQ=DAILY;BYHOUR={','.join(map(str, range(5, 21)))}"
    rule = {"starts_local": "2026-11-25T05:00", "rrule": hourly, "until": "2026-12-04"}
    village.broadcast("Mỗi giờ", when={"kind": "repeat"} | rule)
    for number, station in enumerate(("VOV1 Thời sự", "VOV4 Tiếng Xơ Đăng", "Đài Đà Nẵng")):
        times = f"FREQ=DAILY;BYHOUR=5,11,17;BYMINUTE={30 + number * 10}"
        village.relay(station, {"starts_local": "2026-11-24T05:00", "rrule": times})
    village.wait(days=1)
    queries.clear()
    page = village.get(**{"accept-encoding": "gzip"})
    assert len(queries) == few
    assert page.text.count("<article") == 10
    assert "?p=2" in page.text
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    loaded = [page.content, *(village.resident.get(asset).content for asset in assets)]
    assert page.text.count("VOV4") >= 5
    weight_bytes = sum(len(gzip.compress(content, 6)) for content in loaded)
    assert weight_bytes <= WEIGHT_BYTES


def test_ones_village_is_found_without_accents_and_names_are_never_mixed_up(village: Village, places: Any) -> None:
    with village.centre.store.writing() as db:
        db.get_one(Zone, places.leng).name = "Trà Dơn"
        db.get_one(Zone, places.van).name = "Trà Don"
    found = village.resident.get("/nghe?q=tra+don").text
    assert {places.leng, places.van} <= set(re.findall(r"[0-9A-Z]{26}", found))
    exact = village.resident.get("/nghe?q=Trà Dơn").text
    assert places.leng in exact
    assert places.van not in exact
    near = village.resident.get("/nghe?q=Trà Đòn").text
    assert "Không có tên nào viết đúng dấu như vậy" in near
    assert {places.leng, places.van} <= set(re.findall(r"[0-9A-Z]{26}", near))
    for typed, villages in (("trà dơn, thôn 1", {places.leng_1}), ("thon 1 tra don", {places.leng_1, places.van_1})):
        both = village.resident.get("/nghe", params={"q": typed}).text
        assert set(re.findall(r"[0-9A-Z]{26}", both)) == villages
    paths = public_path(places.leng, "Trà Dơn"), public_path(places.van, "Trà Don")
    assert len({path.rpartition("-")[0] for path in paths}) == 1
    for name in (places.leng, "tra-don", f"tra-don-{places.leng}x", "../../etc", "-"):
        status = village.resident.get(f"/nghe/{name}").status_code
        assert status == (200 if name == places.leng else 404)


def test_a_public_relay_is_told_before_it_comes_and_while_it_is_heard(village: Village) -> None:
    daily = {"rrule": "FREQ=DAILY"}
    village.relay("VOV1 Thời sự", daily | {"starts_local": "2026-11-23T17:00"})
    village.relay("Kênh nội bộ", daily | {"starts_local": "2026-11-23T19:00"}, public=False)
    page, feed = village.get().text, village.get("/feed.xml").text
    assert page.count("VOV1 Thời sự") == 7
    assert "VOV1" not in feed
    assert len(Calendar.from_ical(village.get("/calendar.ics").content).walk("VEVENT")) == 7
    assert "VOV1" in village.get("/widget").text
    assert "Kênh nội bộ" not in village.outputs()
    village.wait(hours=9, seconds=5)
    with village.centre.store.writing() as db:
        passing.tick(db, village.clock.now(), TERMS)
    assert "Trên loa lúc này" not in village.get().text  # it waits for its turn
    with village.centre.store.writing() as db:
        for talk in db.exec(select(LiveTalk)):
            talk.state, talk.began_at = LiveState.ON_AIR, village.clock.now()
    village.wait(seconds=20)
    heard = village.get().text
    assert heard.count("VOV1 Thời sự") == 7
    assert "Kênh nội bộ" not in heard
