"""What nobody does but time brings: faults that last, and what was not heard yesterday (does I/O).

Rules
- A fault is told once, when it has lasted for so long and is neither over nor silenced; what is found in one look goes
  into one notice for each who is told. What comes and goes within `records.CALM` lasts too.
- What was over for longer and is back is told again when it has lasted for so long again, but once in AGAIN: what fails
  every hour is one mail a day.
- Who was told of faults is told that they are over, once nothing has come back within `records.CALM`, be it as a new
  fault after a reset; then of both as one. Of a receiver that was shut out nobody is told so: it was not mended.
- Yesterday is told to those who asked for it in their zone's morning, once; days that were missed before it too.
  By a centre without mail, and to who has no address, it counts as told: nobody gets old days later.
- What is to be told is worked out while others may write, a day of a zone once for all who asked for it. Then it is
  written in short transactions, which look again whether another process told of it meanwhile.
- While others have it urgent it stands aside: what it did not come to is found in a later look.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, exists, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.fleet.upkeep.records import CALM
from scheduler.notices.models import Channel, Kind, NoticeEvent
from scheduler.notices.spreading import add, hooks, notice, own, people
from scheduler.reports import service as reports
from scheduler.reports.digest import Digest
from scheduler.rights import Action
from scheduler.store.batches import batches
from scheduler.store.engine import Store
from scheduler.zones.models import Zone

AGAIN = timedelta(days=1)
MOST_FAULTS = 50
DIGEST_HOUR = 6


class Found(Struct, frozen=True):
    """A fault to be told of, the path of the zone that its receiver stands in, and whether that was shut out."""

    id: str
    path: str
    shut_out: bool
    said: dict[str, Any]


class _ToldByAnother(Exception):
    """Another process tells of some of these just now."""


def lasting_faults(store: Store, now: datetime, channels: Collection[Channel], lasting: timedelta) -> int:
    """Tell of the faults that have lasted `lasting` and were not told since they hold; how many there were."""
    told, held_since = col(FaultRecord.told_at), col(FaultRecord.held_since)
    untold = or_(told.is_(None), and_(told < held_since, told <= now - AGAIN))
    holds = and_(
        col(FaultRecord.until).is_(None),
        col(FaultRecord.reset_at).is_(None),
        col(FaultRecord.silenced_at).is_(None),
        held_since <= now - lasting,
    )
    then = {"told_at": now, "told_open": True}
    return _tell_of(store, now, channels, Kind.FAULT, due=holds, untold=untold, then=then)


def ended_faults(store: Store, now: datetime, channels: Collection[Channel]) -> int:
    """Tell that faults are over, of which was told that they last; how many there were."""
    calm, waiting = now - CALM, col(FaultRecord.told_open).is_(True)
    other = aliased(FaultRecord)
    same = and_(col(other.receiver_id) == FaultRecord.receiver_id, col(other.code) == FaultRecord.code)
    back = exists().where(same, or_(col(other.until).is_(None), col(other.until) > calm))
    over = and_(col(FaultRecord.until) <= calm, ~back)
    return _tell_of(store, now, channels, Kind.FAULT_OVER, due=over, untold=waiting, then={"told_open": False})


def digests(
    store: Store,
    now: datetime,
    channels: Collection[Channel],
    hears_since: datetime,
    aside: Callable[[], bool] = lambda: False,
) -> int:
    """Tell of a day whoever is to be told of it by now; how many. `hears_since` is as `reports.digests_due` has it."""
    with store.reading() as db:
        due = reports.digests_due(db, now, DIGEST_HOUR, hears_since)
        mailed = people(db, {held.user_id for held, _day in due}) if due and Channel.MAIL in channels else []
    readers = {one.actor.user_id: one.actor for one in mailed}
    together: dict[tuple[str, date], list[reports.Due]] = defaultdict(list)
    for held, day in due:
        together[held.zone_id, day].append((held, day))
    count = 0
    for (zone_id, day), subscribed in together.items():
        if aside():
            break
        with store.reading() as db:
            zone = db.get_one(Zone, zone_id)
            told = {
                held.user_id
                for held, _day in subscribed
                if held.user_id in readers and readers[held.user_id].may(Action.REPORT_READ, zone.path, now)
            }
            data = _digest(reports.digest_of(db, zone, day)) if told else {}
        subject = f"digest:{zone_id}:{day.isoformat()}"
        event = NoticeEvent(kind=Kind.DIGEST, subject=subject, zone_path=zone.path, at=now)
        for held, _day in subscribed:
            if aside():
                break
            with store.writing() as db:
                if reports.digest_sent(db, held, day) and held.user_id in told:
                    add(db, now, event, data, user_id=held.user_id)
                    count += 1
    return count


def _tell_of(
    store: Store,
    now: datetime,
    channels: Collection[Channel],
    kind: Kind,
    *,
    due: ColumnElement[bool],
    untold: ColumnElement[bool],
    then: Mapping[str, object],
) -> int:
    """Tell of the faults that are `due` and `untold`, and no more `then`; how many were told."""
    with store.reading() as db:
        found = _found(db, and_(untold, due))
        telling = _telling(found)
        said = _said(db, now, channels, telling) if telling else {}
    if not found:
        return 0
    event = NoticeEvent(kind=kind, subject=f"faults:{now.isoformat()}", zone_path="", at=now)
    with suppress(_ToldByAnother), store.writing() as db:
        _mark(db, found, untold, then)
        for whom, faults in said.items():
            _tell(db, now, event, faults, whom)
        return len(telling)
    return 0


def _found(db: Session, due: ColumnElement[bool]) -> list[Found]:
    """What is due, the oldest first."""
    fault, until = FaultRecord, col(FaultRecord.until)
    where: tuple[ColumnElement[str], ...] = (
        col(Receiver.name).label("receiver"),
        col(Zone.name).label("zone"),
        col(Zone.path).label("path"),
    )
    shut_out = col(Receiver.revoked_at).is_not(None).label("shut_out")
    query = (
        select(col(fault.id), col(fault.receiver_id), col(fault.code), col(fault.since), until, shut_out, *where)
        .join(Receiver, col(Receiver.id) == col(fault.receiver_id))
        .join(Zone, col(Zone.id) == col(Receiver.zone_id))
        .where(due)
        .order_by(col(fault.since), col(fault.id))
    )
    return [Found(row.id, row.path, row.shut_out, _fault(row)) for row in db.execute(query)]


def _telling(found: Sequence[Found]) -> list[Found]:
    """What of it is told: no receiver's that was shut out, and of what is back after a reset the last only."""
    last = {(fault.said["receiver_id"], fault.said["code"]): fault for fault in found if not fault.shut_out}
    return list(last.values())


def _fault(row: Row[Any]) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in ("receiver_id", "receiver", "zone", "code")}
    times = {name: getattr(row, name) for name in ("since", "until")}
    return said | {name: at.isoformat() for name, at in times.items() if at is not None}


def _said(
    db: Session, now: datetime, channels: Collection[Channel], found: Sequence[Found]
) -> dict[tuple[str, str], list[Found]]:
    """What is told to whom."""
    said: dict[tuple[str, str], list[Found]] = {}
    for listener in people(db) if Channel.MAIL in channels else ():
        if Kind.FAULT in listener.kinds:
            said["user_id", listener.actor.user_id] = _below(found, own(listener, Action.RECEIVER_READ, now))
    for hook, path in hooks(db) if Channel.HOOK in channels else ():
        if Kind.FAULT in hook.kinds:
            said["hook_id", hook.id] = _below(found, [path])
    return {whom: faults for whom, faults in said.items() if faults}


def _below(found: Sequence[Found], paths: Iterable[str]) -> list[Found]:
    tops = tuple(paths)
    return [fault for fault in found if fault.path.startswith(tops)]


def _mark(db: Session, found: Sequence[Found], untold: ColumnElement[bool], values: Mapping[str, object]) -> None:
    """Note that they are told; _ToldByAnother where one is already."""
    for some in batches(found):
        ids = [fault.id for fault in some]
        change = update(FaultRecord).where(col(FaultRecord.id).in_(ids), untold).values(**values)
        if db.connection().execute(change).rowcount != len(ids):
            raise _ToldByAnother


def _tell(db: Session, now: datetime, event: NoticeEvent, faults: Sequence[Found], whom: tuple[str, str]) -> None:
    event.zone_path = faults[0].path
    data = {"faults": [fault.said for fault in faults[:MOST_FAULTS]], "more": max(0, len(faults) - MOST_FAULTS)}
    db.add(notice(now, event, data, **dict([whom])))


def _digest(found: Digest) -> dict[str, Any]:
    missed = [
        {
            "station": one.station,
            "village": one.village,
            "title": one.title,
            "kind": one.kind.value,
            "start": one.start.isoformat(),
            "timezone": one.timezone,
            "missed": one.missed,
            "receivers": one.receivers,
            "reasons": one.reasons,
        }
        for one in found.missed
    ]
    counts = found.counts
    return {
        "zone": found.zone_name,
        "day": found.day.isoformat(),
        "airings": counts.airings,
        "heard": counts.heard,
        "villages": counts.villages,
        "silent_villages": counts.silent_villages,
        "missed": missed,
        "more": found.left_out,
    }
