"""Zones on a page: the tree to choose from, and several of them said as one (pure)."""

from collections.abc import Collection, Sequence

from msgspec import Struct

from scheduler.zones.schemas import GroupView, ZoneView
from web.i18n import N_
from web.pages.present import Present

_SAID_ONE_BY_ONE = 3


class ZoneNode(Struct, frozen=True, kw_only=True):
    """A zone with those below it; `place` names the zones above, nearest first."""

    id: str
    name: str
    kind: str
    code: str | None
    place: str
    receivers: int
    online: int
    gone: object = None
    children: tuple["ZoneNode", ...] = ()


class Option(Struct, frozen=True):
    id: str
    label: str


class Chosen(Struct, frozen=True):
    """What a broadcast is aimed at, as people say it, and how many receivers that is."""

    places: str
    receivers: int
    online: int


def tree(zones: Sequence[ZoneView]) -> tuple[ZoneNode, ...]:
    """Zones in tree order as nested nodes; one whose parent is not among them is a root."""
    below: dict[str | None, list[ZoneView]] = {}
    known = {zone.id for zone in zones}
    for zone in zones:
        below.setdefault(zone.parent_id if zone.parent_id in known else None, []).append(zone)

    def node(zone: ZoneView) -> ZoneNode:
        return ZoneNode(
            id=zone.id,
            name=zone.name,
            kind=zone.kind.value,
            code=zone.code,
            place=", ".join(reversed(zone.place)),
            receivers=zone.receivers,
            online=zone.receivers_online,
            gone=zone.valid_until,
            children=tuple(node(child) for child in below.get(zone.id, ())),
        )

    return tuple(node(zone) for zone in below.get(None, ()))


def options(zones: Sequence[ZoneView]) -> list[Option]:
    """For a list to choose one from: each with the places above it, since names repeat."""
    return [Option(zone.id, ", ".join([zone.name, *reversed(zone.place[-2:])])) for zone in zones]


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


def summed(
    show: Present, zones: Sequence[ZoneView], groups: Sequence[GroupView], all_zones: Sequence[ZoneView]
) -> Chosen:
    """All that is aimed at; a zone that is in a group as well counts once."""
    members = {member for group in groups for member in group.member_ids}
    reached = outermost(all_zones, {zone.id for zone in zones} | members)
    return Chosen(
        said(show, zones, groups),
        sum(zone.receivers for zone in reached),
        sum(zone.receivers_online for zone in reached),
    )
