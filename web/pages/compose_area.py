"""Where the reader may broadcast, and in whose name."""

from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlmodel import Session

from scheduler.errors import Forbidden
from scheduler.rights import Action
from scheduler.zones import groups as group_service
from scheduler.zones import service as zone_service
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective, there_now
from scheduler.zones.schemas import GroupView, ZoneView
from scheduler.zones.views import group_views, zone_views
from web.pages import places
from web.pages.compose_form import (
    ComposeForm,
)
from web.pages.frame import Page


class Area(Struct, frozen=True):
    """Where the reader may broadcast, and in whose name: that of `home`; `zones` uncounted."""

    zones: list[ZoneView]
    groups: list[GroupView]
    home: Zone
    timezone: str

    def chosen(self, form: ComposeForm) -> tuple[list[ZoneView], list[GroupView]]:
        """What is ticked; a place below another ticked one is in it already."""
        picked = places.outermost(self.zones, set(form.zones))
        return picked, [group for group in self.groups if group.id in form.groups]


def aimable(db: Session, page: Page, rows: Sequence[Zone]) -> tuple[list[Zone], list[ZoneView], list[GroupView]]:
    """Of these zones those that are there today, uncounted views of them, and the groups that lie within them.

    Forbidden where none is.
    """
    there = there_now(db, rows, page.now)
    if not there:
        raise Forbidden("forbidden", "You do not have the right to do this here.")
    views = zone_views(db, there, counted=False)
    known = {zone.id for zone in views}
    found = group_views(db, group_service.list_groups(db, page.actor, page.now))
    return there, views, [group for group in found if group.member_ids and known >= set(group.member_ids)]


def area_for(db: Session, page: Page, chosen: Collection[str] = (), sender_id: str = "") -> Area:
    """For these places and groups; of what is edited, the sender stays. Forbidden for those who may broadcast nowhere.

    In whose name: of the zones in which the reader holds a role, the deepest one that all that is chosen lies in; where
    none is so, the first of them.
    """
    own = page.actor.zones_for(Action.BROADCAST_EDIT, page.now)
    rows = zone_service.tree(db, page.actor, page.now, Action.BROADCAST_EDIT)
    there, views, usable = aimable(db, page, rows)
    grouped = {zone_id for group in usable if group.id in chosen for zone_id in (group.zone_id, *group.member_ids)}
    paths = [zone.path for zone in there if zone.id in grouped or zone.id in chosen]
    holding = [zone for zone in there if zone.id in own and all(path.startswith(zone.path) for path in paths)]
    kept = next((zone for zone in rows if zone.id == sender_id), None)
    deepest = max(holding, key=lambda zone: len(zone.path)) if paths and holding else None
    home = kept or deepest or next((zone for zone in there if zone.id in own), there[0])
    return Area(views, usable, home, effective(db, home.path).rules.timezone)


def deduplicated(area: Area, form: ComposeForm) -> ComposeForm:
    zones, groups = area.chosen(form)
    form.zones, form.groups = [zone.id for zone in zones], [group.id for group in groups]
    return form
