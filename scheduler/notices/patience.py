"""When what could not be delivered is tried again, and when it is given up (pure).

Rules
- Each failure doubles the wait, from a minute to an hour.
- After three days nobody wants to know any more.
- A try without an end (its centre was killed) is taken for failed after a while; a mail then has the same Message-ID
  and a call the same Loa-Delivery, so that who got it knows it again.
"""

from datetime import datetime, timedelta

FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=3)
SILENT_AFTER = timedelta(minutes=5)
_DOUBLINGS = 10


def next_try(created_at: datetime, tries: int, now: datetime) -> datetime | None:
    """When to try again after so many `tries`, or None for never."""
    at = now + min(FIRST * 2 ** min(max(tries, 1) - 1, _DOUBLINGS), LONGEST)
    return at if at <= created_at + GIVEN_UP_AFTER else None
