"""What lies on the desks today: drafts, what waits, what is planned, bulletins, what residents wrote (rows only)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from msgspec.structs import replace
from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Announcement, Category, Recording, RecordingPart, RecordingState, Source
from scheduler.approval import editions
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.bulletins.models import Bulletin, BulletinEdition, BulletinTarget
from scheduler.notices.models import Kind as NoticeKind
from scheduler.residents.models import Feedback, FeedbackState, Subject
from scheduler.store.types import new_id
from scheduler.workflow import State
from web.demo.year import words
from web.demo.year.area import Commune
from web.demo.year.crew import tell
from web.demo.year.programme import ZONE, Year, announce, broadcast, local, of_commune

_HOURS = tuple(time(hour, minute) for hour, minute in ((9, 30), (10, 45), (15, 0), (18, 15), (19, 30)))
_SLOTS = (
    {"key": "news", "name": "Tin trong xã"},
    {"key": "notice", "name": "Thông báo"},
    {"key": "weather", "name": "Thời tiết"},
)
_REACHED = (
    State.DRAFT, State.DRAFT, State.SUBMITTED, State.SUBMITTED, State.SUBMITTED, State.RETURNED, State.APPROVED,
    State.APPROVED, State.CANCELLED,
)  # fmt: skip
_FEEDBACK_EACH = 9


def papers(year: Year) -> None:
    """Of every kind and state in each commune of the district; one thing that waits in every other one."""
    today = year.now.astimezone(ZONE).date()
    for commune in year.area.communes:
        here = commune in year.area.of_district()
        for number, state in enumerate(_REACHED if here else _REACHED[2:3]):
            said = words.ITEMS[(commune.number * 5 + number * 3) % len(words.ITEMS)]
            urgent = said.category in (Category.DISASTER, Category.SAFETY)
            cls = BroadcastClass.PRIORITY if urgent else BroadcastClass.NORMAL
            at = local(today + timedelta(days=1 + number // 3), _HOURS[number % len(_HOURS)])
            villages = () if number % 2 else (number % len(commune.villages),)
            where = replace(of_commune(year, commune, *villages, cls=cls), state=state)
            announcement_id = announce(year, where, said, year.now - timedelta(hours=30, minutes=number))
            rule = "FREQ=WEEKLY;BYDAY=MO,TH" if number in (3, 7) else None
            broadcast_id = broadcast(year, where, announcement_id, at, rule)
            if state is State.SUBMITTED:
                leader = year.crew.staff[commune.number].leader_id
                subject, told = f"broadcast:{broadcast_id}", year.now - timedelta(hours=3)
                tell(
                    year.lots, leader, NoticeKind.WAITING, subject=subject, path=commune.path, at=told, title=said.title
                )
        if here:
            bulletin(year, commune, today)
            feedback(year, commune)
    playlist(year)


def weekly(year: Year) -> str:
    """The district's own, each Monday everywhere; its id."""
    commune = year.area.communes[0]
    first = year.now.astimezone(ZONE).date() - timedelta(days=366)
    first += timedelta(days=-first.weekday() % 7)
    where = replace(
        of_commune(year, commune), zone_id=year.area.district_id, path=year.area.district_path,
        targets=(year.area.district_id,), state=State.APPROVED,
    )  # fmt: skip
    announcement_id = announce(year, where, words.ITEMS[11], local(first, time(8, 0)))
    return broadcast(year, where, announcement_id, local(first, time(17, 30)), "FREQ=WEEKLY;BYDAY=MO")


def playlist(year: Year) -> None:
    """Three announcements one after the other."""
    where, at = of_commune(year, year.area.communes[0]), year.now - timedelta(days=3)
    parts = [announce(year, where, words.ITEMS[number], at) for number in (2, 5, 15)]
    announcement_id, recording_id, author = new_id(at), new_id(at), where.staff.editor_id
    year.lots.add(
        Announcement, id=announcement_id, zone_id=where.zone_id, title="Chương trình phát thanh cuối tuần",
        author_id=author, editor_ids=[author], category=Category.CULTURE, tags=["cuối tuần"], created_at=at,
        words=" chương trình phát thanh cuối tuần\nchuong\ntrinh\nphat\nthanh\ncuoi\ntuan#cuối tuần#",
    )  # fmt: skip
    sound = year.sounds[words.spoken(words.of_day(date(2025, 6, 1), 0))]
    year.lots.add(
        Recording, id=recording_id, announcement_id=announcement_id, language="vi", source=Source.PARTS,
        recipe={"opening": "normal", "between": "normal", "pause_ms": 1500}, state=RecordingState.READY, progress=1.0,
        created_at=at, produced_at=at, **{name: getattr(sound, name) for name in sound.__struct_fields__},
    )  # fmt: skip
    recordings = {row["announcement_id"]: row["id"] for row in year.lots.rows(Recording)}
    for place, part in enumerate(parts):
        year.lots.add(RecordingPart, recording_id=recording_id, place=place, part_id=recordings[part])


def bulletin(year: Year, commune: Commune, today: date) -> None:
    """The template of the daily bulletins, and what is filled in for the coming days."""
    staff, began = year.crew.staff[commune.number], year.now - timedelta(days=200)
    where, bulletin_id = of_commune(year, commune), new_id(began)
    stand_in = announce(year, where, words.ITEMS[9], began)
    slots = [{**slot, "stand_in_id": stand_in if slot["key"] == "weather" else None} for slot in _SLOTS]
    year.lots.add(
        Bulletin, id=bulletin_id, zone_id=commune.id, name=f"Bản tin hằng ngày xã {commune.name}", slots=slots,
        times=["05:00", "17:00"], weekdays=list(range(7)), opening="normal", between="normal",
        author_id=staff.editor_id, created_at=began, cls=BroadcastClass.NORMAL,
    )  # fmt: skip
    year.lots.add(BulletinTarget, bulletin_id=bulletin_id, zone_id=commune.id)
    year.lots.act(
        began, staff.editor_id, "bulletin.create", f"bulletin:{bulletin_id}", commune.path, name="Bản tin hằng ngày"
    )
    for ahead in range(1, 4):
        filled = {
            slot["key"]: announce(year, where, words.ITEMS[(ahead * 4 + place) % 21], year.now - timedelta(hours=ahead))
            for place, slot in enumerate(_SLOTS[: 4 - ahead])
        }
        day = today + timedelta(days=ahead)
        year.lots.add(BulletinEdition, id=new_id(year.now), bulletin_id=bulletin_id, day=day, at="05:00", filled=filled)


def feedback(year: Year, commune: Commune) -> None:
    for number in range(_FEEDBACK_EACH):
        about, text = words.FEEDBACK[(number + commune.number) % len(words.FEEDBACK)]
        at: datetime = year.now - timedelta(hours=6 + 170 * number)
        answered = number > 2
        year.lots.add(
            Feedback, id=new_id(at), zone_id=commune.villages[number % len(commune.villages)].id, about=Subject(about),
            text=text, name=words.PEOPLE[number] if number % 2 else None,
            phone=f"0905 55{number} 21{commune.number}" if number % 3 else None, created_at=at,
            state=FeedbackState.ANSWERED if answered else FeedbackState.NEW,
            note="Đã gọi lại, hẹn thợ đến xem." if answered else None,
            answered_by=year.crew.staff[commune.number].editor_id if answered else None,
            answered_at=at + timedelta(days=1) if answered else None,
        )  # fmt: skip


def show_twice(db: Session, row: Broadcast, targets: Sequence[Target]) -> None:
    """Approvers were shown what waits; every third was sent once before, for another time."""
    if row.submitted_at is None or row.starts_local is None:
        return
    wanted = row.starts_local
    if int(row.submitted_at.timestamp()) % 3 == 0:
        row.starts_local = f"{wanted[:11]}08:00:00"
        editions.keep(db, row, targets, row.author_id, row.submitted_at - timedelta(hours=2))
        db.flush()
        row.starts_local = wanted
    editions.keep(db, row, targets, row.author_id, row.submitted_at)
