"""What was to sound, as the book takes it down (pure)."""

from datetime import datetime, timedelta

from msgspec import Struct, field

from broadcast.wire.documents import BroadcastClass
from scheduler.reports.figures import Kind

REPORTS_WITHIN = timedelta(seconds=60)
"""How long after the end a report may take before it is missed; the board waits as long."""
LIVE = "live."


class Begun(Struct, frozen=True, kw_only=True):
    """As `ReportAiring` has it."""

    id: str
    broadcast_id: str
    kind: Kind
    cls: BroadcastClass
    title: str
    start_at: datetime
    duration_us: int
    zone_ids: list[str]
    stopped_at: datetime | None
    due_at: datetime
    reason: str | None = None
    silent: dict[str, str] = field(default_factory=dict)
