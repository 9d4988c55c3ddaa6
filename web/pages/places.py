"""Zones on a page: the tree to choose from, which of thousands stand in it, and several of them said as one (pure)."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from scheduler.zones.models import Zone
from scheduler.zones.names import fold, matches, together
from scheduler.zones.repository import ids_of
from scheduler.zones.schemas import GroupView, ZoneView
from web.i18n import N_
from web.pages.present import Present

WHOLE = 80
"""So many places stand on a page whole: a district does, a province does not."""
FOUND = 50
"""So many that have a name are shown."""
_SAID_ONE_BY_ONE = 3


class ZoneNode(Struct, frozen=True, kw_only=True):
    """A zone with those below it; `place` names the zones above, nearest first.

    `lowest` is how many zones lie under it that have none below; `more`: not all right below it are in `children`.
    """

    id: str
    name: str
    kind: str
    code: str | None
    place: str
    receivers: int
    online: int
    gone: object = None
    lowest: int = 0
    more: bool = False
    children: tuple["ZoneNode", ...] = ()


class Option(Struct, frozen=True):
    id: str
    label: str


class Chosen(Struct, frozen=True):
    """What a broadcast is aimed at, as people say it, and how many receivers that is."""

    places: str
    receivers: int
    online: int


def tree(zones: Sequence[ZoneView], shown: Collection[str] | None = None) -> tuple[ZoneNode, ...]:
    """Zones in tree order as nested nodes; one whose parent is not among them is a root.

    Only those of `shown` where it is given, which has with each all that are above it.
    """
    below: dict[str | None, list[ZoneView]] = {}
    known = {zone.id for zone in zones}
    for zone in zones:
        below.setdefault(zone.parent_id if zone.parent_id in known else None, []).append(zone)
    lowest: dict[str | None, int] = {}
    for zone in reversed(zones):
        lowest[zone.parent_id] = lowest.get(zone.parent_id, 0) + (lowest.get(zone.id) or 1)

    def here(parent: str | None) -> list[ZoneView]:
        return [zone for zone in below.get(parent, ()) if shown is None or zone.id in shown]

    def node(zone: ZoneView) -> ZoneNode:
        children = here(zone.id)
        return ZoneNode(
            id=zone.id,
            name=zone.name,
            kind=zone.kind.value,
            code=zone.code,
            place=", ".join(reversed(zone.place)),
            receivers=zone.receivers,
            online=zone.receivers_online,
            gone=zone.valid_until,
            lowest=lowest.get(zone.id, 0),
            more=len(children) < len(below.get(zone.id, ())),
            children=tuple(node(child) for child in children),
        )

    return tuple(node(zone) for zone in here(None))


def at_first(zones: Sequence[Zone | ZoneView], chosen: Collection[str], opened: Collection[str]) -> set[str] | None:
    """Which stand on a page before anything is fetched; None for all of them, if they are few.

    Of many all that have others below; and whole villages' lists where one is chosen or the place was opened.
    """
    if len(zones) <= WHOLE:
        return None
    known = {zone.id for zone in zones}
    parents = {zone.parent_id for zone in zones}
    laden = {*opened, *(zone.parent_id for zone in zones if zone.id in chosen)}
    return {z.id for z in zones if z.id in parents or z.parent_id in laden or z.parent_id not in known}


def with_above(zones: Sequence[Zone | ZoneView], wanted: Iterable[str]) -> set[str]:
    """These zones and all above them, as far as they are among `zones`."""
    parents = {zone.id: zone.parent_id for zone in zones}
    kept: set[str] = set()
    for zone_id in wanted:
        up: str | None = zone_id
        while up in parents and up not in kept:
            kept.add(up)
            up = parents[up]
    return kept


def named(zones: Sequence[Zone | ZoneView], typed: str) -> list[str]:
    """The zones with this name or code, in tree order as `zones` are; else those that it names with places above them.

    Where none is written so, those that only differ in diacritics.
    """
    exact = [zone.id for zone in zones if matches(typed, zone.name) or zone.code == typed]
    return exact or _named_with_above(zones, typed) or [zone.id for zone in zones if matches(fold(typed), zone.name)]


def _named_with_above(zones: Sequence[Zone | ZoneView], typed: str) -> list[str]:
    fits, above = together(typed), dict[str | None, tuple[str, ...]]()
    found = []
    for zone in zones:
        here = above.get(zone.parent_id, ())
        above[zone.id] = (*here, zone.name)
        if fits(zone.name, here):
            found.append(zone.id)
    return found


def options(zones: Iterable[Zone], named_by: Mapping[str, str]) -> list[Option]:
    """For a list to choose one from: each with the places above it, since names repeat."""
    found = []
    for zone in zones:
        above = [named_by[one] for one in ids_of(zone.path)[:-1] if one in named_by]
        found.append(Option(zone.id, ", ".join([zone.name, *reversed(above[-2:])])))
    return found


def outermost(zones: Sequence[ZoneView], chosen: Collection[str]) -> list[ZoneView]:
    """The chosen zones without those that lie below another chosen one."""
    parents = {zone.id: zone.parent_id for zone in zones}

    def covered(zone_id: str | None) -> bool:
        return zone_id is not None and (zone_id in chosen or covered(parents.get(zone_id)))

    return [zone for zone in zones if zone.id in chosen and not covered(zone.parent_id)]


def said(show: Present, zones: Sequence[ZoneView], groups: Sequence[GroupView]) -> str:
    """`Thôn 1, Thôn 2 (Xã Trà Leng)`, `5 villages of Xã Trà Leng`, or the names in a row."""
    t = show.translations
    names = [group.name for group in groups]
    parents = {tuple(zone.place) for zone in zones}
    if len(zones) > _SAID_ONE_BY_ONE and len(parents) == 1 and zones[0].place:
        many = t.ngettext("%(num)s place in %(name)s", "%(num)s places in %(name)s", len(zones))
        return ", ".join([many % {"num": len(zones), "name": zones[0].place[-1]}, *names])
    first = [zone.name for zone in zones[:_SAID_ONE_BY_ONE]]
    if zones and len(parents) == 1 and zones[0].place and len(zones[0].place) > 1:
        first[-1] += f" ({zones[0].place[-1]})"
    rest = len(zones) - _SAID_ONE_BY_ONE
    if rest > 0:
        names.append(t.ngettext("%(num)s other place", "%(num)s other places", rest) % {"num": rest})
    return ", ".join([*first, *names]) or t.gettext(N_("no place"))


def reached(zones: Sequence[ZoneView], groups: Sequence[GroupView], all_zones: Sequence[ZoneView]) -> list[ZoneView]:
    """All that is aimed at; a zone that is in a group as well is there once."""
    members = {member for group in groups for member in group.member_ids}
    return outermost(all_zones, {zone.id for zone in zones} | members)


def summed(
    show: Present, zones: Sequence[ZoneView], groups: Sequence[GroupView], reached: Sequence[ZoneView]
) -> Chosen:
    """The places that were chosen, and the receivers of all that they reach."""
    return Chosen(
        said(show, zones, groups),
        sum(zone.receivers for zone in reached),
        sum(zone.receivers_online for zone in reached),
    )
