"""What holds in a zone once its ancestors' settings are taken together (pure but for `effective`, which reads them).

Rules
- The nearest zone that sets a thing settles it; what nobody sets has the default below.
- By default everything needs approval, an emergency too: nothing is approved because nobody thought of it.
- An emergency takes two people unless a zone says that one with a second factor is enough.
- Residents have a page unless a zone says that they have none.
- `quota` set to `{}` lifts the quota of the zones above.
- A zone begins and ends with a day of its own: at midnight there, not in UTC.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

import msgspec
from msgspec import Struct
from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import BroadcastClass, QuietHours, Quota, Rules
from scheduler.policy import RulesOverride, local_day, merge
from scheduler.zones import repository
from scheduler.zones.models import SecondPerson, Zone

US_PER_S = 1_000_000
_DAY = timedelta(days=1)
"""At most so far from the day in UTC is the day anywhere."""
NEEDS_APPROVAL = frozenset(BroadcastClass)
LANGUAGES = ("vi",)


class Effective(Struct, frozen=True):
    """What holds in one zone."""

    rules: Rules = Rules()
    approval_classes: frozenset[BroadcastClass] = NEEDS_APPROVAL
    languages: tuple[str, ...] = LANGUAGES
    fallback_recording_id: str | None = None
    second_person: SecondPerson = SecondPerson.TWO_PEOPLE
    public_page: bool = True


def effective(db: Session, path: str) -> Effective:
    """What holds in the zone with this path."""
    return inherited(repository.lineage(db, path))


def effective_rules(db: Session, path: str) -> Rules:
    """The wire form of quiet hours, quota, longest airing and time zone of the zone with this path."""
    return effective(db, path).rules


def inherited(lineage: Iterable[Zone], start: Effective | None = None) -> Effective:
    """What holds below `lineage`, which runs from the root down; `start` is what holds above it."""
    held = start or Effective()
    for zone in lineage:
        held = Effective(
            rules=merge(held.rules, override_of(zone)),
            approval_classes=held.approval_classes if zone.approval_classes is None else _classes(zone),
            languages=held.languages if zone.languages is None else tuple(zone.languages),
            fallback_recording_id=zone.fallback_recording_id or held.fallback_recording_id,
            second_person=zone.second_person or held.second_person,
            public_page=held.public_page if zone.public_page is None else zone.public_page,
        )
    return held


def override_of(zone: Zone) -> RulesOverride:
    """What the zone sets itself."""
    quiet_hours = zone.quiet_hours
    return RulesOverride(
        timezone=zone.timezone,
        quiet_hours=None if quiet_hours is None else msgspec.convert(quiet_hours, tuple[QuietHours, ...]),
        quota=msgspec.convert(zone.quota, Quota) if zone.quota else None,
        quota_lifted=zone.quota == {},
        max_airing_us=None if zone.max_airing_s is None else zone.max_airing_s * US_PER_S,
    )


def days_off(db: Session, path: str, first: date, last: date) -> frozenset[date]:
    """The holidays from `first` to `last`, both included, kept in the zone with this path or in one above it."""
    return frozenset(row.day for row in repository.holidays(db, repository.ids_of(path), first, last))


def valid_on(zone: Zone, day: date, *, also_coming: bool = False) -> bool:
    """Whether the zone is there on this day of its own; with `also_coming`, or will be."""
    begun = also_coming or zone.valid_from is None or zone.valid_from <= day
    return begun and (zone.valid_until is None or day < zone.valid_until)


def today(db: Session, now: datetime, zone: Zone) -> date:
    """The local day in a zone."""
    return local_day(effective_rules(db, zone.path).timezone, to_us(now))


def there_now(db: Session, zones: Collection[Zone], now: datetime, *, also_coming: bool = False) -> list[Zone]:
    """Those of `zones` that are there on the day that it is in each; with `also_coming`, or will be.

    It reads only where one of them begins or ends about now.
    """
    day = now.date()
    near = [zone for zone in zones if any(abs(day - one) <= _DAY for one in (zone.valid_from, zone.valid_until) if one)]
    days = {zone_id: local_day(timezone, to_us(now)) for zone_id, timezone in timezones(db, near).items()}
    return [zone for zone in zones if valid_on(zone, days.get(zone.id, day), also_coming=also_coming)]


def timezones(db: Session, zones: Iterable[Zone]) -> dict[str, str]:
    """The time zone that holds in each, by id; in one query, or none for no zones."""
    ids = {zone.id: repository.ids_of(zone.path) for zone in zones}
    found = repository.zones(db, {one for path in ids.values() for one in path}) if ids else {}
    return {
        zone_id: inherited(found[one] for one in path if one in found).rules.timezone for zone_id, path in ids.items()
    }


def _classes(zone: Zone) -> frozenset[BroadcastClass]:
    return frozenset(BroadcastClass(word) for word in zone.approval_classes or ())
