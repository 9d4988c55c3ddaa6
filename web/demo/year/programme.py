"""What was planned, day by day: announcements, broadcasts and their airings (rows only).

Rules
- A commune has a bulletin at five in the morning and at five in the afternoon, written and approved the day before.
- On Mondays the district speaks everywhere; each weekend a commune has something of its own.
- Days are made from the newest backwards, so that a smaller year is the end of a larger one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import msgspec

from broadcast.clock import to_us
from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import finding
from scheduler.announcements.models import Announcement, Category, Recording, RecordingState, Source
from scheduler.broadcasts.airings import local_text
from scheduler.broadcasts.models import Broadcast, BroadcastTarget, PlannedAiring
from scheduler.store.types import new_id
from scheduler.workflow import State
from web.demo.year import words
from web.demo.year.area import Area, Commune
from web.demo.year.crew import Crew, Staff
from web.demo.year.lots import Lots
from web.demo.year.sound import VOICE, Sound
from web.demo.year.words import Item

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOURS = (time(5, 0), time(17, 0))
_REPEATED_FOR = timedelta(days=60)
_RETURNED_ONCE, _NUMBERED = 0.04, 0.15
_REASONS = ("Ghi rõ ngày giờ, bà con dễ nhầm.", "Đọc lại số điện thoại chậm hơn.", "Thiếu tên người liên hệ.")


@dataclass(frozen=True, slots=True)
class Year:
    """What everything is made with."""

    lots: Lots
    dice: Random
    area: Area
    crew: Crew
    sounds: dict[str, Sound]
    now: datetime


class Aired(msgspec.Struct, frozen=True):
    """An airing and the receivers that were to play it; `broadcast_id` is a talk's where it is a relay."""

    id: str
    broadcast_id: str
    start_at: datetime
    duration_us: int
    sha256: str | None
    receivers: tuple[str, ...]


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Who says something where; `cls` and `state` as those of a broadcast."""

    zone_id: str
    path: str
    staff: Staff
    targets: tuple[str, ...]
    cls: BroadcastClass = BroadcastClass.NORMAL
    state: State = State.DONE


def local(day: date, at: time) -> datetime:
    return datetime.combine(day, at, ZONE)


def of_commune(year: Year, commune: Commune, *villages: int, cls: BroadcastClass = BroadcastClass.NORMAL) -> Placed:
    """Everywhere in a commune, or in the villages with these numbers."""
    targets = tuple(commune.villages[number].id for number in villages) or (commune.id,)
    staff = year.crew.staff[commune.number]
    return Placed(zone_id=commune.id, path=commune.path, staff=staff, targets=targets, cls=cls)


def day(year: Year, of: date) -> Iterator[Aired]:
    """All that aired on a day, or is to air later today."""
    for commune in year.area.communes:
        for part, at in enumerate(HOURS):
            items = words.of_day(of, part)
            name = f"{words.MORNING if part == 0 else words.EVENING} {of:%d/%m/%Y}"
            title, tags = f"{name}: {items[0].title}", tuple(dict.fromkeys(tag for one in items for tag in one.tags))
            said = Item(title, Category.NEWS, tags[:4], words.spoken(items))
            yield from _once(year, of_commune(year, commune), said, local(of, at), commune.receivers)
        if of.weekday() == 5 + commune.number % 2:
            village = year.dice.randrange(len(commune.villages))
            said = words.ITEMS[(of.toordinal() // 7 + commune.number) % len(words.ITEMS)]
            cls = (
                BroadcastClass.PRIORITY
                if said.category in (Category.DISASTER, Category.SAFETY)
                else BroadcastClass.NORMAL
            )
            here = of_commune(year, commune, village, cls=cls)
            yield from _once(year, here, said, local(of, time(18, 0)), commune.villages[village].receivers)


def _once(year: Year, where: Placed, said: Item, start: datetime, receivers: tuple[str, ...]) -> Iterator[Aired]:
    """Something that is heard once; what is still to come is approved and planned by the centre's own code."""
    coming = start > year.now
    state = State.APPROVED if coming else State.DONE
    announcement_id = announce(year, where, said, min(start, year.now) - timedelta(hours=20))
    where = msgspec.structs.replace(where, state=state)
    broadcast_id = broadcast(year, where, announcement_id, start)
    if not coming:
        yield aired(year, where.targets, (broadcast_id, start, year.sounds[said.text]), receivers)


def announce(year: Year, where: Placed, said: Item, at: datetime, copied_from_id: str | None = None) -> str:
    """An announcement with its recording; its id."""
    announcement_id, sound, author = new_id(at), year.sounds[said.text], where.staff.editor_id
    year.lots.add(
        Announcement,
        id=announcement_id,
        zone_id=where.zone_id,
        title=said.title,
        author_id=author,
        editor_ids=[author],
        copied_from_id=copied_from_id,
        category=said.category,
        tags=list(said.tags),
        words=finding.words_of(said.title, said.tags),
        created_at=at,
    )
    year.lots.add(
        Recording,
        id=new_id(at),
        announcement_id=announcement_id,
        language="vi",
        source=Source.TEXT,
        text=said.text,
        words=finding.words_of(said.text),
        voice=VOICE,
        recipe={"opening": "normal"},
        state=RecordingState.READY,
        progress=1.0,
        attempts=1,
        created_at=at,
        produced_at=at + timedelta(seconds=9),
        **{name: getattr(sound, name) for name in sound.__struct_fields__},
    )
    year.lots.act(at, author, "announcement.create", f"announcement:{announcement_id}", where.path, title=said.title)
    return announcement_id


def broadcast(year: Year, where: Placed, announcement_id: str, start: datetime, rrule: str | None = None) -> str:
    """A broadcast with its targets and what people did to it; its id."""
    decided = where.state not in (State.DRAFT, State.SUBMITTED, State.RETURNED)
    at = min(start, year.now) - timedelta(hours=18, minutes=year.dice.randrange(50))
    broadcast_id, dice = new_id(at), year.dice
    submitted, approved = at + timedelta(minutes=12), at + timedelta(minutes=12 + dice.randrange(20, 300))
    year.lots.add(
        Broadcast,
        id=broadcast_id,
        zone_id=where.zone_id,
        announcement_id=announcement_id,
        cls=where.cls,
        state=where.state.value,
        starts_local=local_text(start, ZONE.key),
        timezone=ZONE.key,
        rrule=rrule,
        until_local=local_text(start + _REPEATED_FOR, ZONE.key)[:10] if rrule else None,
        public=True,
        author_id=where.staff.editor_id,
        editor_ids=[where.staff.editor_id],
        approver_id=where.staff.leader_id if decided else None,
        return_reason=dice.choice(_REASONS) if where.state is State.RETURNED else None,
        created_at=at,
        submitted_at=None if where.state is State.DRAFT else submitted,
        approved_at=approved if decided else None,
        cancelled_at=approved + timedelta(hours=1) if where.state is State.CANCELLED else None,
        document_no=f"{dice.randrange(1, 400)}/TB-UBND" if dice.random() < _NUMBERED else None,
        planned_until=year.now if decided else None,
        version=3,
    )
    for zone_id in where.targets:
        year.lots.add(BroadcastTarget, broadcast_id=broadcast_id, zone_id=zone_id)
    _history(year, where, broadcast_id, (at, submitted, approved))
    return broadcast_id


def _history(year: Year, where: Placed, broadcast_id: str, times: tuple[datetime, datetime, datetime]) -> None:
    subject, staff, reached = f"broadcast:{broadcast_id}", where.staff, where.state
    acts = [(times[0], staff.editor_id, "create", "draft"), (times[1], staff.editor_id, "submit", "submitted")]
    if reached is State.RETURNED or year.dice.random() < _RETURNED_ONCE:
        acts.append((times[1] + timedelta(minutes=5), staff.leader_id, "return", "returned"))
        acts.append((times[1] + timedelta(minutes=9), staff.editor_id, "submit", "submitted"))
    if reached not in (State.DRAFT, State.SUBMITTED, State.RETURNED):
        acts.append((times[2], staff.leader_id, "approve", "approved"))
    if reached is State.CANCELLED:
        acts.append((times[2] + timedelta(hours=1), staff.editor_id, "cancel", "cancelled"))
    shown = {State.DRAFT: acts[:1], State.RETURNED: acts[:3]}.get(reached, acts)
    for at, user_id, what, state in shown:
        year.lots.act(at, user_id, f"broadcast.{what}", subject, where.path, state=state)


def aired(year: Year, targets: tuple[str, ...], what: tuple[str, datetime, Sound], receivers: tuple[str, ...]) -> Aired:
    """An airing as it was planned."""
    broadcast_id, start, sound = what
    airing_id = f"{broadcast_id}.{to_us(start)}"
    year.lots.add(
        PlannedAiring,
        id=airing_id,
        broadcast_id=broadcast_id,
        start_at=start,
        end_at=start + timedelta(microseconds=sound.duration_us),
        zone_ids=sorted(targets),
    )
    return Aired(airing_id, broadcast_id, start, sound.duration_us, sound.sha256, receivers)
