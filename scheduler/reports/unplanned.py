"""What sounded beside the plan: emergencies, drills, tests and live talks, as the book has them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import exists, select
from sqlmodel import Session, col

from scheduler.relays.timing import PREFIX
from scheduler.reports.figures import Kind
from scheduler.reports.models import ReportAiring, ReportLine

AT_MOST = 20


def unplanned(db: Session, zone_ids: Collection[str], start: datetime, end: datetime) -> list[ReportAiring]:
    """The first of what began in `[start, end)` in exactly these zones; relays are a part of the plan."""
    here = exists().where(col(ReportLine.airing_id) == col(ReportAiring.id), col(ReportLine.zone_id).in_(zone_ids))
    query = (
        select(ReportAiring)
        .where(col(ReportAiring.start_at) >= start, col(ReportAiring.start_at) < end)
        .where(col(ReportAiring.kind) != Kind.BULLETIN, col(ReportAiring.broadcast_id).not_like(f"{PREFIX}%"), here)
        .order_by(col(ReportAiring.start_at), col(ReportAiring.id))
        .limit(AT_MOST)
    )
    return list(db.scalars(query))
