"""The usual times of a commune's programmes, which a new broadcast is offered first (pure)."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from broadcast.clock import to_us
from broadcast.wire.documents import Rules
from scheduler.policy import is_quiet

USUAL = (time(5, 0), time(17, 0))
LEAD = timedelta(minutes=10)
"""So long before a slot it is no longer offered: the sound must be produced, approved and fetched by then."""
_DAYS = 8


def next_slots(now: datetime, rules: Rules, count: int, usual: Sequence[time] = USUAL) -> list[datetime]:
    """The next `count` usual times of the zone that are not in its quiet hours, as instants."""
    tz = ZoneInfo(rules.timezone)
    today = now.astimezone(tz).date()
    walls = (datetime.combine(today + timedelta(days=n), at, tz) for n in range(_DAYS) for at in sorted(usual))
    free = [wall for wall in walls if wall - now >= LEAD and not is_quiet(rules, to_us(wall))]
    return free[:count]
