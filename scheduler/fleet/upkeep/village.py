"""What people in the villages say: what is wrong at their loudspeakers, and whether they heard an airing.

Rules
- Whoever may report faults in a zone speaks for it; one person reports PER_DAY things a day at most.
- Staff who look after its receivers close a report; what was reported stays.
- Of an airing each person says once for each village whether it was heard there, and may change it. It stands beside
  what receivers measured and never in place of it. What has not begun yet nobody has heard.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.broadcasts.models import PlannedAiring
from scheduler.errors import Conflict, Invalid, NotFound, TooMany
from scheduler.fleet import repository as fleet
from scheduler.fleet.upkeep import repository
from scheduler.fleet.upkeep.models import HeardConfirmation, VillageReport
from scheduler.fleet.upkeep.schemas import (
    Confirmed,
    DoneBy,
    HeardIn,
    HeardOut,
    VillageReportClose,
    VillageReportIn,
    VillageReportOut,
    VillageReportPage,
)
from scheduler.fleet.upkeep.service import done_by
from scheduler.people import audit
from scheduler.people import repository as people
from scheduler.people.actor import Actor, require
from scheduler.reports.models import ReportAiring, ReportLine
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones import repository as zones
from scheduler.zones.forest import zone_names
from scheduler.zones.models import Zone

PER_DAY = 20
DAY = timedelta(days=1)
_NO_ZONE = "There is no such zone, or it is not in your area."


def report(db: Session, actor: Actor, now: datetime, asked: VillageReportIn) -> VillageReportOut:
    """Say that something is wrong in a zone, or at one receiver there."""
    zone = _zone(db, actor, now, asked.zone_id)
    name = None
    if asked.receiver_id is not None:
        found = fleet.receiver(db, asked.receiver_id)
        if found is None or not found[1].path.startswith(zone.path):
            raise Invalid("not_there", "This loudspeaker is not in this place.", field="receiver_id")
        name = found[0].name
    if repository.reports_since(db, actor.user_id, now - DAY) >= PER_DAY:
        message = "You have reported many things today. Telephone the commune, or go on tomorrow."
        raise TooMany("too_many_reports", message, retry_after_s=3600)
    row = VillageReport(
        id=new_id(now),
        zone_id=zone.id,
        receiver_id=asked.receiver_id,
        text=asked.text,
        reported_by=actor.user_id,
        reported_at=now,
    )
    db.add(row)
    db.flush()
    audit.record(db, actor, now, "village.report", f"report:{row.id}", zone_path=zone.path)
    return _shown(db, actor, now, [(row, zone, name)])[0]


def reports(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    closed: bool | None = False,
    zone_id: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> VillageReportPage:
    """What was reported in the actor's places, or in one of them, newest first."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if zone_id is not None:
        zone = zones.zone(db, zone_id)
        if zone is None:
            raise NotFound("not_found", _NO_ZONE)
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    rows = repository.village_reports(db, paths, closed=closed, before=before, limit=limit + 1)
    items = _shown(db, actor, now, rows[:limit])
    return VillageReportPage(items=items, next=items[-1].id if len(rows) > limit else None)


def close(db: Session, actor: Actor, now: datetime, report_id: str, asked: VillageReportClose) -> VillageReportOut:
    """It was seen to; whoever closed it first stays."""
    found = repository.village_report(db, report_id)
    if found is None:
        raise NotFound("not_found", "There is no such report, or it is not in your area.")
    row, zone, _name = found
    require(actor, Action.RECEIVER_READ, zone.path, now)
    require(actor, Action.RECEIVER_CONTROL, zone.path, now)
    if row.closed_at is not None:
        raise Conflict("closed", "Somebody has seen to this already.")
    row.closed_at, row.closed_by, row.answer = now, actor.user_id, asked.answer
    db.add(row)
    db.flush()
    audit.record(db, actor, now, "village.close", f"report:{row.id}", zone_path=zone.path)
    return _shown(db, actor, now, [found])[0]


def say_heard(db: Session, actor: Actor, now: datetime, airing_id: str, asked: HeardIn) -> HeardOut:
    """Whether an airing was heard in a village, by one who was there."""
    zone = _zone(db, actor, now, asked.zone_id)
    start = _start(db, airing_id, zone)
    if start is None:
        raise NotFound("not_found", "There is no such airing in this place.")
    if start > now:
        raise Conflict("not_begun", "This has not begun yet.")
    row = repository.confirmation(db, airing_id, zone.id, actor.user_id)
    row = row or HeardConfirmation(airing_id=airing_id, zone_id=zone.id, user_id=actor.user_id, heard=True, at=now)
    row.heard, row.at = asked.heard, now
    db.add(row)
    db.flush()
    audit.record(db, actor, now, "village.heard", f"airing:{airing_id}", zone_path=zone.path, heard=asked.heard)
    return HeardOut(airing_id=airing_id, zone_id=zone.id, heard=row.heard, by=DoneBy(at=now, name=actor.name))


def confirmed(db: Session, airing_ids: Collection[str]) -> dict[tuple[str, str], Confirmed]:
    """What people said of airings, by airing and zone, for reports; one question to the database.

    Who may see the airing may see it: that is the caller's to check.
    """
    return {key: Confirmed(yes=yes, no=no) for key, (yes, no) in repository.confirmed(db, airing_ids).items()}


def said_by(db: Session, actor: Actor, airing_ids: Collection[str]) -> dict[tuple[str, str], bool]:
    """What the actor said of airings, by airing and zone."""
    return repository.confirmations_of(db, airing_ids, actor.user_id)


def _start(db: Session, airing_id: str, zone: Zone) -> datetime | None:
    """When an airing began in a zone, by what was planned or the book of what was."""
    planned = db.get(PlannedAiring, airing_id)
    if planned is not None and planned.withdrawn_at is None and set(planned.zone_ids) & set(zones.ids_of(zone.path)):
        return planned.start_at
    booked = db.get(ReportAiring, airing_id) if db.get(ReportLine, (airing_id, zone.id)) is not None else None
    return booked.start_at if booked is not None else None


def _zone(db: Session, actor: Actor, now: datetime, zone_id: str) -> Zone:
    zone = zones.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_ZONE)
    require(actor, Action.FAULT_REPORT, zone.path, now)
    return zone


def _shown(db: Session, actor: Actor, now: datetime, rows: Sequence[repository.ReportRow]) -> list[VillageReportOut]:
    known = zone_names(db, {zone.path for _row, zone, _name in rows})
    names = people.names_of(db, {by for row, *_ in rows for by in (row.reported_by, row.closed_by) if by})
    return [
        VillageReportOut(
            **row.model_dump(include={"id", "zone_id", "receiver_id", "text", "answer"}),
            place=[known[zone_id] for zone_id in zones.ids_of(zone.path) if zone_id in known],
            receiver_name=name,
            reported=DoneBy(at=row.reported_at, name=names.get(row.reported_by)),
            closed=done_by(row.closed_at, row.closed_by, names),
            may_close=row.closed_at is None and actor.may(Action.RECEIVER_CONTROL, zone.path, now),
        )
        for row, zone, name in rows
    ]
