"""What nobody does but time brings: faults that last, and what was not heard yesterday (does I/O).

Rules
- A fault is told once, when it has lasted for so long and is neither over nor silenced; what is found in one look goes
  into one notice for each who is told. What comes and goes within `records.CALM` lasts too.
- What was over for longer and is back is told again when it has lasted for so long again, but once in AGAIN: what fails
  every hour is one mail a day.
- Yesterday is told to those who asked for it in their zone's morning, once; days that were missed before it too.
  By a centre without mail, and to who has no address, it counts as told: nobody gets old days later.
"""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from scheduler.errors import Problem
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.notices.models import Channel, Kind, NoticeChoice, NoticeEvent
from scheduler.notices.spreading import add, hooks, people
from scheduler.people import signin
from scheduler.people.models import User
from scheduler.reports import service as reports
from scheduler.reports.digest import Digest
from scheduler.rights import Action
from scheduler.zones.models import Zone

AGAIN = timedelta(days=1)
MOST_FAULTS, MOST_MISSED = 50, 50
DIGEST_HOUR = 6


def lasting_faults(db: Session, now: datetime, channels: Collection[Channel], lasting: timedelta) -> int:
    """Tell of the faults that have lasted `lasting` and were not told since they hold; how many there were."""
    told, held_since = col(FaultRecord.told_at), col(FaultRecord.held_since)
    query = (
        select(FaultRecord, Receiver, Zone)
        .join(Receiver, col(Receiver.id) == FaultRecord.receiver_id)
        .join(Zone, col(Zone.id) == Receiver.zone_id)
        .where(
            col(FaultRecord.until).is_(None),
            col(FaultRecord.reset_at).is_(None),
            col(FaultRecord.silenced_at).is_(None),
            held_since <= now - lasting,
            or_(told.is_(None), and_(told < held_since, told <= now - AGAIN)),
        )
        .order_by(col(FaultRecord.since), FaultRecord.id)
    )
    rows = db.exec(query.with_for_update(of=FaultRecord)).all()
    if rows:
        for fault, _receiver, _zone in rows:
            fault.told_at = now
        found = [(zone.path, _fault(fault, receiver, zone)) for fault, receiver, zone in rows]
        event = NoticeEvent(kind=Kind.FAULT, subject=f"faults:{now.isoformat()}", zone_path="", at=now)
        _tell_faults(db, now, channels, found, event)
    return len(rows)


def digests(db: Session, now: datetime, channels: Collection[Channel], hears_since: datetime) -> int:
    """Tell of a day whoever is to be told of it by now; how many. `hears_since` is as `reports.digests_due` has it."""
    count = 0
    for held, day in reports.digests_due(db, now, DIGEST_HOUR, hears_since):
        reports.digest_sent(db, held, day)
        user = db.get(User, held.user_id)
        if Channel.MAIL not in channels or user is None or db.get(NoticeChoice, held.user_id) is None:
            continue
        try:
            found = reports.digest_of(db, signin.actor_of(db, user), now, held.zone_id, day)
        except Problem:  # the right to it is gone
            continue
        path = db.get_one(Zone, held.zone_id).path
        subject = f"digest:{held.zone_id}:{day.isoformat()}"
        event = NoticeEvent(kind=Kind.DIGEST, subject=subject, zone_path=path, at=now)
        add(db, now, event, _digest(found), user_id=user.id)
        count += 1
    return count


def _tell_faults(
    db: Session,
    now: datetime,
    channels: Collection[Channel],
    found: list[tuple[str, dict[str, Any]]],
    event: NoticeEvent,
) -> None:
    said: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    listeners = [one for one in people(db) if Kind.FAULT in one.kinds] if Channel.MAIL in channels else []
    programs = [one for one in hooks(db) if Kind.FAULT in one[0].kinds] if Channel.HOOK in channels else []
    for path, fault in found:
        for listener in listeners:
            if listener.actor.may(Action.RECEIVER_READ, path, now):
                said["user_id", listener.actor.user_id].append((path, fault))
        for hook, hook_path in programs:
            if path.startswith(hook_path):
                said["hook_id", hook.id].append((path, fault))
    for (which, whom), faults in said.items():
        event.zone_path = faults[0][0]
        data = {"faults": [fault for _path, fault in faults[:MOST_FAULTS]], "more": max(0, len(faults) - MOST_FAULTS)}
        add(db, now, event, data, **{which: whom})


def _fault(fault: FaultRecord, receiver: Receiver, zone: Zone) -> dict[str, Any]:
    return {
        "receiver_id": receiver.id,
        "receiver": receiver.name,
        "zone": zone.name,
        "code": fault.code,
        "since": fault.since.isoformat(),
    }


def _digest(found: Digest) -> dict[str, Any]:
    missed = [
        {
            "station": one.station,
            "village": one.village,
            "title": one.title,
            "start": one.start.isoformat(),
            "timezone": one.timezone,
            "missed": one.missed,
            "receivers": one.receivers,
            "reason": one.reasons[0][0] if one.reasons else "",
        }
        for one in found.missed[:MOST_MISSED]
    ]
    more = found.left_out + max(0, len(found.missed) - MOST_MISSED)
    return {
        "zone": found.zone_name,
        "day": found.day.isoformat(),
        "airings": found.airings,
        "heard": found.heard,
        "villages": found.villages,
        "silent_villages": found.silent_villages,
        "missed": missed,
        "more": more,
    }
