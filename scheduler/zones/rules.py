"""What holds in a zone once its ancestors' settings are taken together (pure but for `effective`, which reads them).

Rules
- The nearest zone that sets a thing settles it; what nobody sets has the default below.
- By default everything needs approval, an emergency too: nothing is approved because nobody thought of it.
- An emergency takes two people unless a zone says that one with a second factor is enough.
- Residents have a page unless a zone says that they have none.
- `quota` set to `{}` lifts the quota of the zones above.
"""

from collections.abc import Iterable
from datetime import date

import msgspec
from msgspec import Struct
from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass, QuietHours, Quota, Rules
from scheduler.policy import RulesOverride, merge
from scheduler.zones import repository
from scheduler.zones.models import SecondPerson, Zone

US_PER_S = 1_000_000
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


def valid_on(zone: Zone, day: date) -> bool:
    """Whether the zone is there on this day."""
    return (zone.valid_from is None or zone.valid_from <= day) and (zone.valid_until is None or day < zone.valid_until)


def _classes(zone: Zone) -> frozenset[BroadcastClass]:
    return frozenset(BroadcastClass(word) for word in zone.approval_classes or ())
