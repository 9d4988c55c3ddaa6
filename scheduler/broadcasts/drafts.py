"""From what was sent to a broadcast that can be saved, or a refusal (pure).

Rules
- Times are wall time in the time zone of the zone in whose name it is sent.
- What lies in the past is refused, with what time it is there now; so is what never comes, never ends, or ends late.
- Where a thing is from follows from the kind of the zone that sends it.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from scheduler import days
from scheduler.broadcasts import airings
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.schemas import At, BroadcastIn, Now, Repeat, When
from scheduler.errors import Invalid
from scheduler.policy import zone
from scheduler.recurrence import MAX_DAYS, validate
from scheduler.zones.models import ZoneKind

_ORIGINS = {
    ZoneKind.PROVINCE: "province",
    ZoneKind.DISTRICT: "district",
    ZoneKind.COMMUNE: "commune",
    ZoneKind.VILLAGE: "village",
    ZoneKind.HAMLET: "village",
}


def origin_of(kind: ZoneKind) -> str:
    """Where a broadcast comes from that is sent in the name of such a zone."""
    return _ORIGINS.get(kind, "central")


def write(broadcast: Broadcast, draft: BroadcastIn) -> None:
    """Have `broadcast` say what `draft` says; zones, time zone and people aside."""
    broadcast.zone_id, broadcast.announcement_id = draft.zone_id, draft.announcement_id
    broadcast.cls, broadcast.order = draft.cls, draft.order
    broadcast.late, broadcast.after_cut, broadcast.window_s = draft.late, draft.after_cut, draft.window_s
    broadcast.public = draft.public
    when = draft.when
    broadcast.immediate = isinstance(when, Now)
    broadcast.starts_local = None if isinstance(when, Now) else wall(when.starts_local)
    repeat = when if isinstance(when, Repeat) else None
    broadcast.rrule = repeat.rrule.strip() if repeat else None
    broadcast.until_local = repeat.until.isoformat() if repeat and repeat.until else None
    broadcast.exdates = [_exception(day) for day in repeat.exdates] if repeat else []
    broadcast.skip_holidays = not isinstance(when, Now) and when.skip_holidays


def when_of(broadcast: Broadcast) -> When:
    """The time of a broadcast as it was sent."""
    if broadcast.immediate or broadcast.starts_local is None:
        return Now()
    if broadcast.rrule is None:
        return At(starts_local=broadcast.starts_local, skip_holidays=broadcast.skip_holidays)
    return Repeat(
        starts_local=broadcast.starts_local,
        rrule=broadcast.rrule,
        until=date.fromisoformat(broadcast.until_local) if broadcast.until_local else None,
        exdates=[airings.exception_from(text) for text in broadcast.exdates],
        skip_holidays=broadcast.skip_holidays,
    )


def check_time(broadcast: Broadcast, now: datetime, holidays: Collection[date] = ()) -> None:
    """Return if it still comes, and ends; else Invalid."""
    recurrence = airings.recurrence_of(broadcast)
    if recurrence is None:
        return
    validate(recurrence, holidays)
    start = airings.next_start(broadcast, now, holidays)
    if start is None:
        message = "That time has passed: it is %(now)s there now. Choose a later one."
        raise Invalid("past", message, field="starts_local", now=now.astimezone(zone(broadcast.timezone)))
    if start > now + timedelta(days=MAX_DAYS):
        message = "A broadcast is planned at most %(days)s days ahead."
        raise Invalid("too_far", message, field="starts_local", days=MAX_DAYS)


def wall(text: str) -> str:
    """Wall time as it is kept, `2026-11-23T17:00:00`; else Invalid."""
    try:
        return days.checked(datetime.fromisoformat(text), "starts_local").isoformat(timespec="seconds")
    except ValueError as error:
        raise Invalid("bad_time", "There is no such day or time.", field="starts_local") from error


def _exception(day: date | datetime) -> str:
    return day.astimezone(UTC).isoformat() if isinstance(day, datetime) else day.isoformat()
