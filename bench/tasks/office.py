"""A commune's office in the middle of its day: the district, six people, what was announced and what waits.

Everything is made by the services that the pages use, two days ago and now, so that it is what people could have made.
"""

import math
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from broadcast.clock import Clock, to_us
from broadcast.media import MediaStore
from broadcast.wire.documents import (
    DataUse,
    Fault,
    Heard,
    Hearing,
    PowerState,
    ReceiverState,
    SelfTestResult,
    SignalState,
)
from scheduler.announcements.models import Announcement, Category, Recording, RecordingState, Source
from scheduler.bank import entries
from scheduler.bank.models import BankMedia
from scheduler.broadcasts import onair
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import PlannedAiring
from scheduler.broadcasts.schemas import BroadcastIn
from scheduler.fleet import intake as states
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.upkeep import intake as upkeep
from scheduler.people import passwords, signin, totp
from scheduler.people.actor import Actor
from scheduler.people.models import RecoveryCode, RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.district import District, seed_district
from web.demo import cast

PASSWORD = "suối nước trong veo"  # noqa: S105 - of people who live as long as the bench
COMMUNE = cast.COMMUNE
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OFFICIAL, LEADER, DUTY, SECOND, HELPER, KEEPER = "bientap", "lanhdao", "trucban", "truccap", "toso", "quantri"
LEAVING = "nghiviec"
TITLES = (
    ("Lịch cúp điện thôn 1 và thôn 2", Category.UTILITIES),
    ("Tiêm chủng mở rộng cho trẻ dưới 5 tuổi", Category.HEALTH),
    ("Họp dân bàn việc làm đường bê tông liên thôn", Category.NOTICE),
    ("Phòng chống sốt xuất huyết mùa mưa", Category.HEALTH),
    ("Lịch cấy vụ đông xuân và mở nước kênh nội đồng", Category.FARMING),
)
TEXT = "Ủy ban nhân dân xã thông báo: {title}. Đề nghị bà con chú ý theo dõi và thực hiện đúng thời gian."
TONE_S = 4
CODES = 500
"""That each who has a second factor has instead of a telephone."""
SAID_WELL, SAID_ILL = 30, 36
"""Of forty receivers the first thirty are well, the next six have a fault, the others were lost."""


@dataclass
class Office:
    """`ids` names what pages are about."""

    district: District
    people: dict[str, Actor] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    codes: dict[str, list[str]] = field(default_factory=dict)

    def code(self, login: str) -> str:
        """What proves the second factor of somebody who has one, another each time; else nothing."""
        return self.codes[login].pop() if login in self.codes else ""

    @property
    def commune(self) -> str:
        return self.district.communes[COMMUNE]

    def village(self, name: str = "Thôn 1") -> str:
        return self.district.villages[COMMUNE, name]


def furnish(folder: Path, store: Store, clock: Clock) -> Office:
    """Fill an empty data folder; the centre is started afterwards."""
    store.migrate()
    now = clock.now()
    before = now - timedelta(days=2)
    sha256 = MediaStore(folder / "media").put(_tone(folder))
    with store.writing() as db:
        office = Office(seed_district(db, before))
        cast.lift_limits(db, before, office.commune)
        office.people = _people(db, office, before)
        _bank(db, before)
    with store.writing() as db:
        _fleet(db, now)
        made = [_announcement(db, office, before, title, about=about, sha256=sha256) for title, about in TITLES]
        office.ids["announcement"] = made[0]
    with store.writing() as db:
        _broadcasts(db, office, made, now)
    with store.writing() as db:
        onair.tick(db, now)
        _heard(db, now)
    return office


def _tone(folder: Path) -> Path:
    path = folder / "tone.ogg"
    tone = ["-f", "lavfi", "-i", f"sine=440:duration={TONE_S}", "-ac", "1", "-c:a", "libopus", "-b:a", "24k"]
    subprocess.run(["ffmpeg", "-v", "error", *tone, str(path)], check=True)
    return path


def _people(db: Session, office: Office, now: datetime) -> dict[str, Actor]:
    known = passwords.hashed(PASSWORD)
    root = office.district.district_id
    people = {
        OFFICIAL: ("Hồ Thị Lan", Role.EDITOR, office.commune),
        LEADER: ("Nguyễn Văn Minh", Role.APPROVER, office.commune),
        DUTY: ("Phạm Thị Hoa", Role.OPERATOR, root),
        SECOND: ("Trịnh Quang Vinh", Role.OPERATOR, office.district.province_id),
        HELPER: ("Zơ Râm Nhung", Role.VIEWER, office.village()),
        KEEPER: ("Trần Quốc Bảo", Role.ADMINISTRATOR, root),
        LEAVING: ("Đinh Văn Thắng", Role.EDITOR, office.commune),
    }
    for login, (name, role, zone_id) in people.items():
        user = User(
            id=new_id(now), login=login, name=name, zone_id=zone_id, password_hash=known, must_change_password=False,
            created_at=now,
        )  # fmt: skip
        db.add(user)
        db.flush()
        db.add(RoleGrant(id=new_id(now), user_id=user.id, zone_id=zone_id, role=role.value))
        office.ids[login] = user.id
    _second_factor(db, office)
    db.flush()
    return {login: signin.actor_of(db, db.get_one(User, office.ids[login])) for login in people}


def _second_factor(db: Session, office: Office) -> None:
    for login in (KEEPER, DUTY):
        user = db.get_one(User, office.ids[login])
        user.totp_secret, user.totp_confirmed = totp.new_secret(), True
        codes = office.codes[login] = [passwords.one_time() for _ in range(CODES)]
        db.add_all(RecoveryCode(user_id=user.id, sha256=signin.recovery_digest(code)) for code in codes)


def _bank(db: Session, now: datetime) -> None:
    """As if all of it were produced."""
    entries.seed(db, now)
    for number, media in enumerate(db.exec(select(BankMedia)).all()):
        media.state, media.sha256 = RecordingState.READY, f"{number:064x}"
        media.size_bytes, media.duration_us = 48_000, 14_000_000


def _fleet(db: Session, now: datetime) -> None:
    """What forty receivers said of themselves over a day."""
    rows = db.exec(select(Receiver).order_by(Receiver.code)).all()
    for number, row in enumerate(rows):
        row.enrolled_at, row.horns, row.watts = now - timedelta(days=200), 3, 100
        row.seen_at = now - (timedelta(minutes=1) if number < SAID_ILL else timedelta(hours=5 * number))
        row.heard_at, row.heard_dbfs = min(now - timedelta(hours=3), row.seen_at), -19.4
    db.flush()
    for hours in range(24, -1, -3):
        at = now - timedelta(hours=hours)
        said = {row.id: _said(number, hours, at) for number, row in enumerate(rows) if number < SAID_ILL}
        states.write_states(db, said)
        upkeep.write_said(db, said, at)
    for row in rows[SAID_ILL:]:
        row.online = False
    upkeep.write_unreachable(db, now)


def _said(number: int, hours: int, at: datetime) -> ReceiverState:
    faults = {
        0: Fault(code="horn_not_heard", since_us=to_us(at)),
        1: Fault(code="contact_stuck", since_us=to_us(at)),
        2: Fault(code="data_budget_over", since_us=to_us(at)),
    }
    ill = number >= SAID_WELL and hours < 12
    wave = math.sin(hours / 4 + number)
    return ReceiverState(
        online=True,
        at_us=to_us(at),
        player="idle",
        volume_percent=80,
        faults=(faults[number % 3],) if ill else (),
        power=PowerState(on_mains=not ill, battery_percent=90 + round(5 * wave), battery_v=13.2),
        signal=SignalState(kind="lte", percent=60 + round(20 * wave), dbm=-87, operator="Viettel"),
        temperature_c=38 + round(6 * wave, 1),
        data=DataUse(day_up_bytes=210_000, day_down_bytes=9_000_000, month_bytes=150_000_000 + (24 - hours) * 400_000),
        self_test=SelfTestResult(
            at_us=to_us(at), heard=Heard(verdict=Hearing.HEARD, correlation=0.93, level_dbfs=-31.2)
        ),
        free_bytes=11_400_000_000,
        started_us=to_us(at - timedelta(days=19)),
        version="loa/0.1.0",
    )


def _announcement(db: Session, office: Office, now: datetime, title: str, *, about: Category, sha256: str) -> str:
    row = Announcement(
        id=new_id(now), zone_id=office.commune, title=title, author_id=office.ids[OFFICIAL], created_at=now
    )
    row.category, row.tags = about, ["thôn 1", "tháng 11"]
    db.add(row)
    db.flush()
    recording = Recording(
        id=new_id(now), announcement_id=row.id, language="vi", source=Source.TEXT, text=TEXT.format(title=title),
        state=RecordingState.READY, sha256=sha256, size_bytes=12_000, duration_us=TONE_S * 1_000_000, created_at=now,
    )  # fmt: skip
    db.add(recording)
    db.flush()
    return row.id


def _broadcasts(db: Session, office: Office, announcements: list[str], now: datetime) -> None:
    """One that was heard, one at an hour to come, one every day; two that wait, a draft and one that was returned."""
    before, today = now - timedelta(days=2), now.astimezone(ZONE)
    past = (now - timedelta(hours=2)).astimezone(ZONE)
    at = {"kind": "at"}
    daily = {
        "kind": "repeat",
        "starts_local": f"{today - timedelta(days=1):%Y-%m-%d}T17:00",
        "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "until": f"{today + timedelta(days=60):%Y-%m-%d}",
    }
    tomorrow = f"{today + timedelta(days=1):%Y-%m-%d}"
    plans = {
        "heard": (at | {"starts_local": f"{past:%Y-%m-%dT%H:%M}"}, "approve"),
        "daily": (daily, "approve"),
        "waiting": (at | {"starts_local": f"{tomorrow}T17:00"}, "submit"),
        "waiting-too": (at | {"starts_local": f"{tomorrow}T17:30"}, "submit"),
        "draft": (at | {"starts_local": f"{tomorrow}T18:30"}, "save"),
        "returned": (at | {"starts_local": f"{tomorrow}T05:30"}, "return"),
        "planned": (at | {"starts_local": f"{tomorrow}T19:00"}, "approve"),
    }
    for number, (name, (when, until)) in enumerate(plans.items()):
        villages = [office.village(), office.village("Thôn 2")]
        draft = {
            "zone_id": office.commune,
            "announcement_id": announcements[number % len(announcements)],
            "zone_ids": villages,
            "when": when,
        }
        author, leader = office.people[OFFICIAL], office.people[LEADER]
        made = broadcasts.create(db, author, before, BroadcastIn.model_validate(draft))
        office.ids[name] = made.id
        if until != "save":
            made = broadcasts.submit(db, author, before, made.id, version=made.version)
        if until == "approve":
            broadcasts.approve(db, leader, before, made.id, version=made.version)
        if until == "return":
            reason = "Ghi rõ ngày và giờ cắt điện của từng thôn."
            broadcasts.give_back(db, leader, before, made.id, reason, version=made.version)


def _heard(db: Session, now: datetime) -> None:
    """What receivers report of all that began: two in three heard it whole."""
    receivers = db.exec(select(Receiver)).all()
    begun = [row for row in db.exec(select(PlannedAiring)).all() if row.start_at < now - timedelta(minutes=5)]
    for airing in begun:
        for number, receiver in enumerate(r for r in receivers if r.zone_id in airing.zone_ids):
            missed = number % 3 == 1
            db.add(
                StoredReport(
                    receiver_id=receiver.id, number=to_us(airing.start_at) // 1_000_000, airing_id=airing.id,
                    broadcast_id=airing.broadcast_id, outcome="failed" if missed else "heard",
                    planned_start_at=airing.start_at, planned_duration_us=TONE_S * 1_000_000,
                    start_at=None if missed else airing.start_at, start_error_us=None if missed else 260,
                    end_at=airing.end_at, played_us=0 if missed else TONE_S * 1_000_000, gap_us=0, underruns=0,
                    rms_dbfs=None if missed else -19.4, reason="not_running" if missed else "", received_at=now,
                )
            )  # fmt: skip
