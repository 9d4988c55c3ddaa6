"""What people do about faults; `records` has what a fault is."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session

from scheduler.errors import Conflict, NotFound
from scheduler.fleet import repository as fleet
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep import daily, repository
from scheduler.fleet.upkeep.models import FaultRecord, ReceiverSampleDay
from scheduler.fleet.upkeep.schemas import (
    MAX_ACTS,
    Act,
    ActsOut,
    DoneBy,
    FaultOut,
    FaultPage,
    SampleDayList,
    SampleDayOut,
    SampleList,
    SampleOut,
    Show,
    Spread,
)
from scheduler.people import audit
from scheduler.people import repository as people
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zones
from scheduler.zones.forest import zone_names

TREND = timedelta(days=7)
YEAR = timedelta(days=365)
_NO_SUCH = "There is no such fault, or it is not in your area."
_DONE = {Act.ACKNOWLEDGE: "acknowledged_at", Act.SILENCE: "silenced_at", Act.RESET: "reset_at"}


def faults(
    db: Session,
    actor: Actor,
    now: datetime,
    show: Show = Show.OPEN,
    *,
    receiver_id: str | None = None,
    code: str | None = None,
    page: int = 1,
    limit: int = 50,
) -> FaultPage:
    """The faults of the actor's receivers, those that need somebody first."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    rows = repository.faults(
        db, paths, show, receiver_id=receiver_id, code=code, offset=(page - 1) * limit, limit=limit + 1
    )
    holding, over, calling = repository.counts(db, paths)
    items = _shown(db, actor, now, rows[:limit])
    following = page + 1 if len(rows) > limit else None
    return FaultPage(items=items, holding=holding, over=over, calling=calling, next=following)


def calling(db: Session, actor: Actor, now: datetime) -> int:
    """How many faults call for somebody who may do something about them."""
    held = actor.zones_for(Action.RECEIVER_CONTROL, now)
    return repository.counts(db, zones.paths_of(db, held))[2] if held else 0


def act(db: Session, actor: Actor, now: datetime, fault_ids: Collection[str], what: Act) -> ActsOut:
    """Do it to all of these or to none; where it was done before, whoever did it first stays.

    Conflict where one is to be reset that holds.
    """
    wanted = set(fault_ids)
    rows = repository.faults_named(db, wanted)
    for _fault, _receiver, zone in rows:
        require(actor, Action.RECEIVER_READ, zone.path, now)
        require(actor, Action.RECEIVER_CONTROL, zone.path, now)
    if len(rows) < len(wanted):
        raise NotFound("not_found", _NO_SUCH)
    if what is Act.RESET and any(fault.until is None for fault, _receiver, _zone in rows):
        raise Conflict("holds", "What holds still cannot be reset. Acknowledge it, and silence it meanwhile.")
    fresh = [row for row in rows if getattr(row[0], _DONE[what]) is None]
    repository.mark(db, [fault.id for fault, _receiver, _zone in fresh], what, actor.user_id or None, now)
    for fault, receiver, zone in fresh:
        subject, detail = f"receiver:{receiver.id}", {"code": fault.code, "fault_id": fault.id}
        audit.record(db, actor, now, f"fault.{what}", subject, zone_path=zone.path, **detail)
    return ActsOut(changed=len(fresh))


def reset_over(db: Session, actor: Actor, now: datetime) -> ActsOut:
    """Reset what is over, as much at once as is done at once."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_CONTROL, now))
    found = repository.over(db, paths, MAX_ACTS)
    return act(db, actor, now, found, Act.RESET) if found else ActsOut(changed=0)


def samples(db: Session, actor: Actor, now: datetime, receiver_id: str, since: datetime | None = None) -> SampleList:
    """What the receiver measured, oldest first; of the last week unless `since` says otherwise."""
    _readable(db, actor, now, receiver_id)
    rows = repository.samples(db, receiver_id, since or now - TREND)
    return SampleList(items=[SampleOut(**row.model_dump(exclude={"receiver_id"})) for row in rows])


def sample_days(db: Session, actor: Actor, now: datetime, receiver_id: str, since: date | None = None) -> SampleDayList:
    """What the receiver measured by days that are over, oldest first; a year of them unless `since` says otherwise."""
    _readable(db, actor, now, receiver_id)
    rows = daily.days(db, receiver_id, since or (now - YEAR).date())
    return SampleDayList(items=[_day(row) for row in rows])


def _day(row: ReceiverSampleDay) -> SampleDayOut:
    values = row.model_dump()
    spreads: dict[str, Spread | None] = {}
    for name in daily.MEASURED:
        least, mean, most = (values[f"{name}_{part}"] for part in ("min", "mean", "max"))
        spreads[name] = None if mean is None else Spread(min=least, mean=mean, max=most)
    return SampleDayOut(day=row.day, samples=row.samples, month_bytes=row.month_bytes, **spreads)


def _readable(db: Session, actor: Actor, now: datetime, receiver_id: str) -> None:
    found = fleet.receiver(db, receiver_id)
    if found is None:
        raise NotFound("not_found", "There is no such receiver, or it is not in your area.")
    require(actor, Action.RECEIVER_READ, found[1].path, now)


def _shown(db: Session, actor: Actor, now: datetime, rows: Sequence[repository.FaultRow]) -> list[FaultOut]:
    known = zone_names(db, {zone.path for _fault, _receiver, zone in rows})
    who = {by for fault, *_ in rows for by in (fault.acknowledged_by, fault.silenced_by, fault.reset_by) if by}
    names = people.names_of(db, who)
    return [
        _fault(
            fault,
            receiver,
            [known[zone_id] for zone_id in zones.ids_of(zone.path) if zone_id in known],
            names,
            may_act=actor.may(Action.RECEIVER_CONTROL, zone.path, now),
        )
        for fault, receiver, zone in rows
    ]


def _fault(row: FaultRecord, receiver: Receiver, place: list[str], names: dict[str, str], *, may_act: bool) -> FaultOut:
    return FaultOut(
        **row.model_dump(include={"id", "receiver_id", "code", "detail", "since", "until", "times"}),
        receiver_name=receiver.name,
        place=place,
        acknowledged=done_by(row.acknowledged_at, row.acknowledged_by, names),
        silenced=done_by(row.silenced_at, row.silenced_by, names),
        reset=done_by(row.reset_at, row.reset_by, names),
        may_act=may_act,
    )


def done_by(at: datetime | None, user_id: str | None, names: dict[str, str]) -> DoneBy | None:
    return DoneBy(at=at, name=names.get(user_id or "")) if at is not None else None
