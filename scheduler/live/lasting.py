"""How long a talk may last once it begins (pure).

Rules
- A relay that was planned is over when it was to be over, however late it begins: its last sound leaves the horns by
  then, which is a delay after the centre has sent it. What is planned behind it has its whole time.
- What is spoken for an order is over, with its closing chime, before the order is.
"""

from datetime import datetime, timedelta

from scheduler.live.models import LiveKind, LiveTalk

CLOSING = timedelta(seconds=4)
"""For the last words and the closing chime of a talk before the order that it is spoken for is over."""
SHORTEST_S = 1


def limit_s(talk: LiveTalk, begins: datetime, order_until: datetime | None) -> int:
    """Of a talk whose first sample is made at `begins`, so many seconds after its opening chime, whole ones."""
    found = [timedelta(seconds=talk.limit_s)]
    delay = timedelta(milliseconds=talk.delay_ms)
    if _is_planned(talk):
        found.append(talk.starts_at + found[0] - begins - delay)
    if order_until is not None:  # with it all of it falls silent
        found.append(order_until - begins - delay - timedelta(milliseconds=talk.opening_ms) - CLOSING)
    return max(SHORTEST_S, int(min(found).total_seconds()))


def is_missed(talk: LiveTalk, now: datetime) -> bool:
    """Whether it can begin by itself no more, as its time is over, or would be before it was heard."""
    late = timedelta(seconds=SHORTEST_S, milliseconds=talk.delay_ms) if _is_planned(talk) else timedelta()
    return now + late > talk.starts_at + timedelta(seconds=talk.limit_s)


def _is_planned(talk: LiveTalk) -> bool:
    """Whether it is a relay that others can count on to be over in time."""
    return talk.kind is LiveKind.RELAY and (talk.relay_id is not None or talk.starts_at > talk.asked_at)
