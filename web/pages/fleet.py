"""All loudspeakers: counts by state, a list in pages, a map; thousands of them as well as forty."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from scheduler.fleet import listing
from scheduler.fleet.listing import Asked, Fleet
from scheduler.fleet.schemas import Condition, ReceiverView
from scheduler.fleet.upkeep import repository as upkeep_sql
from scheduler.fleet.upkeep import service as upkeep
from scheduler.fleet.upkeep import village
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zone_service
from web.auth import ReadDb
from web.i18n import N_
from web.pages import faults, fleet_map, words
from web.pages.frame import Page, ThePage
from web.pages.places import Option

PER_PAGE = 100
MAX_PAGE = 10_000
GROUPS: Mapping[str, Collection[Condition]] = {
    "online": (Condition.ONLINE, Condition.PLAYING, Condition.FAULT),
    "fault": (Condition.FAULT,),
    "offline": (Condition.OFFLINE, Condition.SILENT, Condition.NEVER),
    "waiting": (Condition.UNENROLLED, Condition.REVOKED),
}
_FILTERS = (
    ("", N_("All")),
    ("online", N_("Online")),
    ("fault", N_("Faults")),
    ("offline", N_("Connection lost")),
    ("waiting", N_("Not installed")),
)

router = APIRouter(prefix="/receivers", include_in_schema=False)
Text = Annotated[str, Query(max_length=120)]


@router.get("")
def listed(
    db: ReadDb,
    page: ThePage,
    *,
    show: Text = "",
    zone: Text = "",
    fault: Text = "",
    q: Text = "",
    view: Text = "",
    number: Annotated[int, Query(alias="page", ge=1, le=MAX_PAGE)] = 1,
) -> Response:
    asked = Asked(conditions=frozenset(GROUPS.get(show, ())), zone_id=zone, fault=fault, typed=q)
    part = slice((number - 1) * PER_PAGE, number * PER_PAGE) if view != "map" else None
    found = listing.fleet(db, page.actor, page.now, asked, part)
    given = {"show": show, "zone": zone, "fault": fault, "q": q, "view": view}
    online = _many(found.counts, "online", found.total)
    drawn = fleet_map.drawn(found.found, found.names, page.centre.settings.map_tiles) if view == "map" else None
    shown = found.found if view != "map" else ()
    return page.render(
        "receivers/list.html",
        given=given,
        filters=_filters(page, found, given),
        zones=_zones(db, page),
        kinds=_kinds(db, page),
        places=_by_place(page, listing.shown(db, shown, found.names, page.now)),
        map=drawn,
        matching=found.matching,
        total=found.total,
        pages=_pages(given, number, found.matching),
        views=[(value, _href(given | {"view": value}), value == view) for value in ("", "map")],
        summary_line=page.say(N_("%(online)s/%(total)s loudspeakers online"), online=online, total=found.total),
        calling=upkeep.calling(db, page.actor, page.now),
        reported=len(village.reports(db, page.actor, page.now, limit=PER_PAGE).items),
        may_add=page.can(Action.RECEIVER_EDIT),
    )


def _filters(page: Page, found: Fleet, given: Mapping[str, str]) -> list[dict[str, Any]]:
    filters = [
        {
            "href": _href({**given, "show": value}),
            "label": page.say(label),
            "here": value == given["show"],
            "count": _many(found.counts, value, found.total),
        }
        for value, label in _FILTERS
    ]
    return [one for one in filters if one["count"] or one["here"]]


def _zones(db: Session, page: Page) -> list[Option]:
    """Places above the villages, to choose one: a village of many is found by typing."""
    tree = zone_service.tree(db, page.actor, page.now, Action.RECEIVER_READ)
    parents, names = {zone.parent_id for zone in tree}, {zone.id: zone.name for zone in tree}
    found = []
    for zone in (zone for zone in tree if zone.id in parents):
        above = [names[id_] for id_ in zone_sql.ids_of(zone.path)[:-1] if id_ in names]
        found.append(Option(zone.id, ", ".join([zone.name, *reversed(above[-2:])])))
    return found


def _kinds(db: Session, page: Page) -> list[tuple[str, str, int]]:
    """Faults that hold: code, words and on how many."""
    paths = zone_sql.paths_of(db, page.actor.zones_for(Action.RECEIVER_READ, page.now))
    return [(code, words.fault(page.translations, code), count) for code, count in upkeep_sql.codes(db, paths)]


def _pages(given: Mapping[str, str], number: int, matching: int) -> dict[str, Any]:
    last = max(1, -(-matching // PER_PAGE))
    return {
        "number": number,
        "last": last,
        "before": _href(given, number - 1) if number > 1 else None,
        "after": _href(given, number + 1) if number < last else None,
    }


def _href(given: Mapping[str, str], number: int = 1) -> str:
    said = {name: value for name, value in given.items() if value} | ({"page": str(number)} if number > 1 else {})
    return f"/receivers?{urlencode(said)}" if said else "/receivers"


def _by_place(page: Page, found: Sequence[ReceiverView]) -> list[dict[str, Any]]:
    """Grouped by the zone above the receiver's own, which for villages is the commune."""
    groups: dict[tuple[str, ...], list[ReceiverView]] = {}
    for item in found:
        groups.setdefault(tuple(item.place[:-1] or item.place), []).append(item)
    return [
        {
            "id": number,
            "name": place[-1] if place else "–",
            "online": sum(item.condition in GROUPS["online"] for item in items),
            "total": len(items),
            "receivers": [_line(page, item) for item in items],
        }
        for number, (place, items) in enumerate(groups.items())
    ]


def _line(page: Page, item: ReceiverView) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "village": item.place[-1] if item.place else "–",
        "state": item.condition.value,
        "faults": [faults.said(page, fault).text for fault in item.faults],
        "seen_at": item.seen_at,
        "files": f"{item.files_ready}/{item.files_needed}" if item.files_needed else "–",
        "heard_dbfs": item.heard_dbfs,
        "heard_at": item.heard_at,
    }


def _many(counts: Mapping[Condition, int], group: str, total: int) -> int:
    held = Counter(counts)
    return total if not group else sum(held[condition] for condition in GROUPS[group])
