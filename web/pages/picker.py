"""Choosing places on a page: a tree of boxes to tick, or one place out of a list; of a few places or of thousands.

Rules
- A few (`places.WHOLE`) stand on the page. Of more, all that have others below do, with what is chosen already; the
  rest is fetched where a place is opened or a name is typed.
- Without script the form itself is sent, with `unfold`: the place to be opened, or the field that a name was typed
  into. The same form comes back with more places on it, nothing is done and nothing lost.
- What a page offers gives no right: whatever is sent is looked at when it is done.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from msgspec import Struct
from sqlmodel import Session
from starlette.datastructures import FormData, QueryParams

from broadcast.wire.now import Purpose
from scheduler.rights import Action
from scheduler.zones import service
from scheduler.zones.forest import zone_names
from scheduler.zones.models import Zone
from scheduler.zones.rules import there_now
from scheduler.zones.schemas import ZoneView
from scheduler.zones.views import with_counts, zone_views
from web.auth import ReadDb
from web.i18n import N_
from web.pages import places
from web.pages.emergency_words import DESKS, mark
from web.pages.frame import Page, ThePage
from web.pages.places import FOUND, WHOLE, Option, ZoneNode

OPEN_UP_TO = 16
"""A tree of at most so many places is shown open."""
UNDER = N_("Villages of %(name)s")
FIELD = "zone-find"
"""Of the tree: what a name is typed into."""
_ORDERS = frozenset({Action.EMERGENCY_ISSUE, Action.DRILL_ISSUE})
"""Where a place that begins later can be chosen already: its loudspeakers are to warn too."""
_SOUNDS = _ORDERS | {Action.BROADCAST_EDIT, Action.LIVE_SPEAK}
"""Where places that are no more cannot be chosen."""

router = APIRouter(prefix="/places", include_in_schema=False)
Typed = Annotated[str, Query(max_length=120)]


class Choices(Struct, frozen=True):
    """Places to choose one from; the rest is asked for at `rest`, if there is more."""

    options: list[Option]
    rest: str = ""
    typed: str = ""
    found: int | None = None


def unfolding(data: FormData) -> bool:
    """Whether the form was sent only to come back with more places on it."""
    return "unfold" in data


def tree(db: Session, page: Page, action: Action, zones: Sequence[ZoneView], chosen: Collection[str]) -> dict[str, Any]:
    """What `places/tree.html` shows: the zones, uncounted, in which the reader may do `action`, `chosen` among them."""
    sent = _sent(page)
    unfold, typed = str(sent.get("unfold") or ""), str(sent.get(FIELD) or "").strip()
    opened = {one for one in (*sent.getlist("open"), unfold) if isinstance(one, str)}
    shown, found = places.at_first(zones, chosen, opened), None
    if shown is not None and unfold == FIELD and typed:
        found = places.named(zones, typed)
        shown = places.with_above(zones, [*chosen, *found[:FOUND]])
    return {
        "zones": places.tree(_counted(db, zones, shown), shown),
        "zone_count": len(zones),
        "open_depth": 1 if len(zones) > OPEN_UP_TO else 9,
        "rest": "" if shown is None else _at("/places", action),
        "opened": opened,
        "unfolded": unfold,
        "typed": typed if found is not None else "",
        "found": None if found is None else len(found),
        "found_at_most": FOUND,
        "place_said": partial(_said, page, many=shown is not None),
        "place_under": partial(page.say, UNDER),
    }


def one_of(db: Session, page: Page, action: Action, element: str, chosen: str) -> Choices:
    """To choose one zone in which the reader may do `action` in the list with the id `element`."""
    sent, field = _sent(page), f"{element}-find"
    typed = str(sent.get(field) or "").strip() if sent.get("unfold") == field else ""
    return _choices(db, page, action, chosen, typed)


@router.get("")
def fetched(db: ReadDb, page: ThePage, of: Action, zone: Annotated[str, Query(max_length=26)] = "",
            typed: Typed = "") -> Response:  # fmt: skip
    """A part of a tree: all right below one place, or what has a name; each with those above it."""
    zones = zone_views(db, _zones(db, page, of), counted=False)
    found = places.named(zones, typed.strip()) if typed else [one.id for one in zones if one.parent_id == zone]
    shown = places.with_above(zones, found[:FOUND] if typed else found)
    return page.render(
        "places/part.html",
        zones=places.tree(_counted(db, zones, shown), shown),
        open_depth=0,
        rest=_at("/places", of),
        opened=(),
        unfolded="",
        many=bool(typed) and len(found) > FOUND,
        mark=mark(page.translations, DESKS[Purpose.DRILL]) if of is Action.DRILL_ISSUE else "",
        form={"zones": ()},
        place_said=partial(_said, page, many=True),
        place_under=partial(page.say, UNDER),
    )


@router.get("/options")
def offered(db: ReadDb, page: ThePage, of: Action, chosen: Annotated[str, Query(max_length=26)] = "",
            typed: Typed = "") -> Response:  # fmt: skip
    """The options of a list to choose one place from."""
    return page.render("places/options.html", choices=_choices(db, page, of, chosen, typed.strip()), chosen=chosen,
                       found_at_most=FOUND)  # fmt: skip


def _choices(db: Session, page: Page, action: Action, chosen: str, typed: str) -> Choices:
    zones = _zones(db, page, action)
    shown = None if len(zones) <= WHOLE else {zone.parent_id for zone in zones} | {chosen}
    found = places.named(zones, typed) if shown is not None and typed else []
    if found:
        shown = {*found[:FOUND], chosen}
    offered = [zone for zone in zones if shown is None or zone.id in shown]
    named_by = zone_names(db, [zone.path for zone in offered])
    rest = "" if shown is None else _at("/places/options", action)
    return Choices(places.options(offered, named_by), rest, typed, len(found) if typed else None)


def _counted(db: Session, zones: Sequence[ZoneView], shown: Collection[str] | None) -> list[ZoneView]:
    """With the receivers of those that are shown."""
    counted = {one.id: one for one in with_counts(db, [one for one in zones if shown is None or one.id in shown])}
    return [counted.get(zone.id, zone) for zone in zones]


def _said(page: Page, zone: ZoneNode, *, many: bool) -> str:
    """What there is in a place; in words here, since a template takes ten times as long for each."""
    found = page.say(N_("no loudspeaker yet"))
    if zone.receivers:
        online = N_("%(online)s/%(total)s loudspeakers online")
        found = page.say(online, online=zone.online, total=zone.receivers)
    if not many or not zone.lowest:
        return found
    return f"{page.count('%(num)s place', '%(num)s places', zone.lowest)} · {found}"


def _zones(db: Session, page: Page, action: Action) -> Sequence[Zone]:
    found = service.tree(db, page.actor, page.now, action)
    return there_now(db, found, page.now, also_coming=action in _ORDERS) if action in _SOUNDS else found


def _at(path: str, action: Action) -> str:
    return f"{path}?{urlencode({'of': action.value})}"


def _sent(page: Page) -> FormData | QueryParams:
    """The form that the page answers, else what its address asks."""
    found: FormData | QueryParams = getattr(page.request.state, "sent", page.request.query_params)
    return found
