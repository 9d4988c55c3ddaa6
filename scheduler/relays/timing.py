"""Relays in a plan (pure): an occurrence is an airing as long as it may last, of a recording that nobody has.

So the rules that hold for broadcasts (quiet hours, quota, longest airing, who interrupts whom) are tried on it by the
same code that receivers play by.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime

from msgspec.structs import replace as with_changes

from broadcast.clock import US_PER_S, from_us, to_us
from broadcast.wire.documents import Airing, Media
from scheduler.broadcasts import airings
from scheduler.clashes import EffectKind, Plan, clashes
from scheduler.policy import Interval
from scheduler.recurrence import Recurrence, expand
from scheduler.relays.models import Relay

PREFIX = "relay."
"""Begins the ids of the airings and broadcasts that are relays."""
FORBIDDEN = frozenset({EffectKind.QUIET_HOURS, EffectKind.QUOTA, EffectKind.MAX_LENGTH})
_NO_SOUND = "0" * 64


def recurrence_of(relay: Relay) -> Recurrence:
    return Recurrence(
        start=datetime.fromisoformat(relay.starts_local),
        timezone=relay.timezone,
        rrule=relay.rrule,
        until=date.fromisoformat(relay.until_local),
        exceptions=_left_out([*relay.exdates, *relay.skipped]),
        skip_holidays=relay.skip_holidays,
    )


def coming(relay: Relay, window: Interval, holidays: Collection[date] = ()) -> list[Airing]:
    """The occurrences that sound within `window`."""
    start_us = max(0, window[0] - relay.limit_s * US_PER_S + 1)
    found = expand(recurrence_of(relay), (from_us(start_us), from_us(window[1])), holidays)
    return [airing_at(relay, to_us(start)) for start in found]


def starts(relay: Relay, after: datetime, until: datetime, holidays: Collection[date] = ()) -> list[datetime]:
    """When it comes in `(after, until]`."""
    return [
        start for start in expand(recurrence_of(relay), (after, from_us(to_us(until) + 1)), holidays) if start > after
    ]


def next_after(relay: Relay, now: datetime, until: datetime, holidays: Collection[date] = ()) -> datetime | None:
    """The first occurrence after `now`."""
    found = expand(recurrence_of(relay), (now, until), holidays)
    return next((start for start in found if start > now), None)


def next_approved(relay: Relay, now: datetime, until: datetime) -> datetime | None:
    """The first after `now` that was approved, also where it is left out now or on a day off."""
    whole = with_changes(recurrence_of(relay), exceptions=_left_out(relay.exdates))
    return next((start for start in expand(whole, (now, until)) if start > now), None)


def airing_at(relay: Relay, start_us: int) -> Airing:
    media = Media(sha256=_NO_SOUND, size_bytes=1, duration_us=relay.limit_s * US_PER_S, language="vi")
    return Airing(
        id=f"{PREFIX}{relay.id}.{start_us}",
        broadcast_id=f"{PREFIX}{relay.id}",
        cls=relay.cls,
        start_us=start_us,
        media=(media,),
    )


def _left_out(texts: Iterable[str]) -> frozenset[date]:
    return frozenset(airings.exception_from(text) for text in texts)


def forbidden(plan: Plan, occurrence: Airing) -> EffectKind | None:
    """Which rule of the place does not let it sound whole; None where it may."""
    effects = clashes(plan, [occurrence])
    return next((effect.kind for effect in effects if effect.proposed and effect.kind in FORBIDDEN), None)
