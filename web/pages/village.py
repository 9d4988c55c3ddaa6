"""What a village helper needs, on one light page that an old phone shows; it plays nothing.

The state of the own loudspeakers, what was on the air and whether it was heard, and a line to say what is wrong.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from scheduler.broadcasts import board
from scheduler.broadcasts.schemas import BoardAiring
from scheduler.fleet import listing
from scheduler.fleet.listing import Asked
from scheduler.fleet.upkeep import village as service
from scheduler.fleet.upkeep.schemas import HeardIn, VillageReportIn
from scheduler.people.actor import require
from scheduler.relays.timing import PREFIX
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from scheduler.zones.forest import zone_names
from scheduler.zones.models import Zone
from web.auth import ReadDb, WriteDb
from web.i18n import N_
from web.pages import faults, words
from web.pages.frame import Errors, Page, ThePage
from web.pages.places import Option, options
from web.telling import tell_after

SHOWN = 20
"""Loudspeakers and reports on one page; a village has few."""
PLACES = 200
BACK = timedelta(hours=24)
_SILENT = frozenset({"not_played", "stopped"})

router = APIRouter(prefix="/village", include_in_schema=False)
ZoneId = Annotated[str, Query(alias="zone", max_length=26)]


@router.get("")
def shown(db: ReadDb, page: ThePage, zone_id: ZoneId = "") -> Response:
    return _page(db, page, zone_id)


@router.post("/report")
def report(
    db: WriteDb,
    page: ThePage,
    *,
    zone_id: Annotated[str, Form(alias="zone", max_length=26)],
    receiver: Annotated[str, Form(max_length=26)] = "",
    text: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    with page.attempt(db) as errors:
        asked = VillageReportIn.model_validate({"zone_id": zone_id, "receiver_id": receiver or None, "text": text})
        service.report(db, page.actor, page.now, asked)
        tell_after(db, page.centre.changes, "fault:")
    typed = {"receiver": receiver, "text": text}
    return _page(db, page, zone_id, errors, typed) if errors else _back(page, zone_id, "reported")


@router.post("/heard")
def heard(
    db: WriteDb,
    page: ThePage,
    *,
    zone_id: Annotated[str, Form(alias="zone", max_length=26)],
    airing: Annotated[str, Form(max_length=96)],
    heard_it: Annotated[str, Form(alias="heard", max_length=3)],
) -> Response:
    with page.attempt(db) as errors:
        service.say_heard(db, page.actor, page.now, airing, HeardIn(zone_id=zone_id, heard=heard_it == "yes"))
        tell_after(db, page.centre.changes, f"airing:{airing}")
    return _page(db, page, zone_id, errors) if errors else _back(page, zone_id, "heard-said")


def _back(page: Page, zone_id: str, said: str) -> Response:
    answer = page.go("/village", said)
    answer.headers["location"] += f"&zone={zone_id}"
    return answer


def _page(
    db: Session, page: Page, zone_id: str, errors: Errors | None = None, typed: Mapping[str, str] | None = None
) -> Response:
    places = _places(db, page)
    zone = _zone(db, page, zone_id or (places[0].id if len(places) == 1 else ""))
    about = _about(db, page, zone) if zone is not None else {}
    return page.render(
        "receivers/village.html",
        422 if errors else 200,
        places=places,
        zone=zone,
        typed=typed or {"receiver": "", "text": ""},
        errors=errors or {},
        **about,
    )


def _zone(db: Session, page: Page, zone_id: str) -> Zone | None:
    if not zone_id:
        return None
    zone = zone_service.zone_for(db, page.actor, page.now, zone_id)
    require(page.actor, Action.FAULT_REPORT, zone.path, page.now)
    return zone


def _places(db: Session, page: Page) -> list[Option]:
    """Villages for which the reader may speak: those without places below them."""
    tree = zone_service.tree(db, page.actor, page.now, Action.FAULT_REPORT)
    parents = {zone_sql.ids_of(zone.path)[-2] for zone in tree if len(zone_sql.ids_of(zone.path)) > 1}
    found = [zone for zone in tree if zone.id not in parents][:PLACES]
    return options(found, zone_names(db, [zone.path for zone in found]))


def _about(db: Session, page: Page, zone: Zone) -> dict[str, Any]:
    found = listing.fleet(db, page.actor, page.now, Asked(zone_id=zone.id), slice(0, SHOWN))
    receivers = listing.shown(db, found.found, found.names, page.now)
    seen = board.board(db, page.actor, page.now, zone_id=zone.id, back=1).villages
    rows = [row for village in seen if village.zone_id == zone.id for row in village.airings]
    own = [row for row in rows if not row.broadcast_id.startswith(PREFIX)]  # of relays there is nothing to confirm
    begun = {row.airing_id: row for row in own if page.now - BACK < row.start <= page.now}
    ahead = {row.airing_id: row for row in rows if row.start > page.now and row.state not in _SILENT}
    coming = sorted(ahead.values(), key=lambda row: row.start)
    mine = service.said_by(db, page.actor, begun.keys())
    return {
        "receivers": [
            {"item": item, "faults": [faults.said(page, fault).text for fault in item.faults]} for item in receivers
        ],
        "begun": [
            _airing(row, mine.get((row.airing_id, zone.id)))
            for row in sorted(begun.values(), key=lambda row: row.start, reverse=True)
        ],
        "coming": coming[:SHOWN],
        "reports": service.reports(db, page.actor, page.now, closed=None, zone_id=zone.id, limit=5).items,
    }


def _airing(row: BoardAiring, mine: bool | None) -> dict[str, Any]:
    said = {None: "", True: N_("You said: heard"), False: N_("You said: not heard")}[mine]
    return {"row": row, "look": words.look(words.AIRING, row.state), "said": said, "mine": mine}
