"""A year of one loudspeaker's measurements."""

from fastapi import APIRouter, Response

from scheduler.fleet import service
from scheduler.fleet.upkeep import service as upkeep
from web.auth import ReadDb
from web.pages.frame import ThePage
from web.pages.year_trends import year_trends

router = APIRouter(prefix="/receivers", include_in_schema=False)


@router.get("/{receiver_id}/year")
def year(db: ReadDb, page: ThePage, receiver_id: str) -> Response:
    """Drawn from the sums of days, so a year is read as quickly as a week."""
    found = service.view(db, page.actor, page.now, receiver_id)
    days = upkeep.sample_days(db, page.actor, page.now, receiver_id).items
    trends = year_trends(page.show, days)
    months = sorted({month for trend in trends for month in trend.months}, reverse=True)
    return page.render("receivers/year.html", item=found, trends=trends, months=months)
