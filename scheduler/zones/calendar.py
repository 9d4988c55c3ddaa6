"""Holidays: days on which broadcasts that skip them are silent, in a zone and all below it."""

from collections.abc import Sequence
from datetime import date, datetime

import holidays
from sqlmodel import Session

from scheduler.errors import Conflict, NotFound
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.zones import names, repository
from scheduler.zones.models import Holiday, Zone
from scheduler.zones.schemas import HolidayNew
from scheduler.zones.service import mark_around, zone_for

COUNTRY = "VN"
LANGUAGE = "vi"


def list_holidays(db: Session, actor: Actor, now: datetime, zone_id: str, year: int) -> Sequence[Holiday]:
    """The days of `year` kept in the zone, those of the zones above included."""
    zone = zone_for(db, actor, now, zone_id)
    return repository.holidays(db, repository.ids_of(zone.path), date(year, 1, 1), date(year, 12, 31))


def add_holiday(db: Session, actor: Actor, now: datetime, new: HolidayNew) -> Holiday:
    zone = zone_for(db, actor, now, new.zone_id, Action.SETTINGS_EDIT)
    alone(db, f"holidays:{zone.id}")
    if repository.holiday(db, zone.id, new.day) is not None:
        raise Conflict("holiday_there", "This day is a holiday here already.")
    row = Holiday(zone_id=zone.id, day=new.day, name=names.clean(new.name))
    db.add(row)
    _changed(db, actor, now, zone, "holiday.add", days=[str(new.day)])
    return row


def remove_holiday(db: Session, actor: Actor, now: datetime, zone_id: str, day: date) -> None:
    zone = zone_for(db, actor, now, zone_id, Action.SETTINGS_EDIT)
    row = repository.holiday(db, zone.id, day)
    if row is None:
        raise NotFound("not_found", "This day is no holiday here.")
    db.delete(row)
    _changed(db, actor, now, zone, "holiday.remove", days=[str(day)])


def fill_public_holidays(db: Session, actor: Actor, now: datetime, zone_id: str, year: int) -> list[Holiday]:
    """Add the country's public holidays of `year`, Tết and days off in lieu included; days there already stay."""
    zone = zone_for(db, actor, now, zone_id, Action.SETTINGS_EDIT)
    alone(db, f"holidays:{zone.id}")
    there = {row.day for row in repository.holidays(db, [zone.id], date(year, 1, 1), date(year, 12, 31))}
    public = holidays.country_holidays(COUNTRY, years=year, language=LANGUAGE)
    added = [Holiday(zone_id=zone.id, day=day, name=name[:120]) for day, name in sorted(public.items())]
    added = [row for row in added if row.day not in there]
    db.add_all(added)
    if added:
        _changed(db, actor, now, zone, "holiday.fill", days=[str(row.day) for row in added])
    return added


def _changed(db: Session, actor: Actor, now: datetime, zone: Zone, action: str, *, days: list[str]) -> None:
    db.flush()
    mark_around(db, zone.path, now, for_holidays=True)
    audit.record(db, actor, now, action, f"zone:{zone.id}", zone_path=zone.path, days=days)
