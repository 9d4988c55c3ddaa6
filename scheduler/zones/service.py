"""What people do with the tree of zones. Every change marks the documents that it makes untrue."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlmodel import Session

from broadcast.wire import topics
from scheduler.broadcasts.recorded import plan_place_anew
from scheduler.emergency.leaving import check_leaving
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import BadRules, checked
from scheduler.relays.repository import look_again
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import names, repository, rules
from scheduler.zones.forest import forest, in_tree_order, zone_names
from scheduler.zones.models import Zone
from scheduler.zones.schemas import ZoneChange, ZoneNew, ZoneSettings

MAX_DEPTH = 16  # as long as a receiver's `zone_path` may be
SEARCH_LIMIT = 50
WEIGHTY = frozenset(
    {
        "valid_from", "valid_until", "timezone", "quiet_hours", "quota", "max_airing_s", "approval_classes",
        "fallback_recording_id", "second_person",
    }
)  # fmt: skip
"""What of a zone decides what may sound there, when, and by whom."""
_TREE = "zones"  # paths of parents and children are read and written together
_NO_SUCH_ZONE = "There is no such zone, or it is not in your area."


def zone_for(db: Session, actor: Actor, now: datetime, zone_id: str, action: Action = Action.ZONE_READ) -> Zone:
    """The zone if the actor may do `action` there; else NotFound or Forbidden."""
    zone = repository.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_SUCH_ZONE)
    require(actor, action, zone.path, now)
    return zone


def visible_paths(db: Session, actor: Actor, now: datetime, action: Action = Action.ZONE_READ) -> list[str]:
    """The paths on whose subtrees the actor may do `action`."""
    return repository.paths_of(db, actor.zones_for(action, now))


def tree(db: Session, actor: Actor, now: datetime, action: Action = Action.ZONE_READ) -> Sequence[Zone]:
    """Every zone in which the actor may do `action`, each after its parent and beside its siblings by name."""
    held = forest(db)
    if held is not None:
        return held.below(actor.zones_for(action, now))
    return in_tree_order(repository.subtrees(db, visible_paths(db, actor, now, action)))


def search(db: Session, actor: Actor, now: datetime, typed: str, limit: int = SEARCH_LIMIT) -> list[Zone]:
    """Every zone the actor sees whose name or code fits, the closest first; `scheduler.zones.names` says what fits."""
    wanted, zones = typed.strip(), tree(db, actor, now)
    found = [zone for zone in zones if names.matches(wanted, zone.name) or (wanted and zone.code == wanted)]
    if wanted and not found:
        fits, known = names.together(wanted), zone_names(db, [zone.path for zone in zones])
        found = [z for z in zones if fits(z.name, (known[above] for above in repository.ids_of(z.path)[:-1]))]
    return sorted(found, key=lambda zone: (*names.closeness(wanted, zone.name), zone.name, zone.path))[:limit]


def create_zone(db: Session, actor: Actor, now: datetime, new: ZoneNew) -> Zone:
    """A new zone under its parent; only the machine makes a root."""
    alone(db, _TREE)
    path = "/"
    if new.parent_id is not None:
        path = zone_for(db, actor, now, new.parent_id, Action.ZONE_EDIT).path
    elif actor.user_id:
        raise Forbidden("root_zone", "Only the command line on the centre's machine makes a zone without a parent.")
    if len(repository.ids_of(path)) >= MAX_DEPTH:
        raise Invalid("too_deep", "Zones can be nested %(depth)s deep.", field="parent_id", depth=MAX_DEPTH)
    check_dates(new.valid_from, new.valid_until)
    zone_id = new_id(now)
    values = new.model_dump() | {"id": zone_id, "path": f"{path}{zone_id}/", "name": names.clean(new.name)}
    zone = Zone(**values)
    db.add(zone)
    db.flush()
    if zone.parent_id is None:
        mark_dirty(db, [topics.bank(zone_id)], now)
    audit.record(db, actor, now, "zone.create", f"zone:{zone_id}", zone_path=zone.path, name=zone.name)
    return zone


def change_zone(db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int, change: ZoneChange) -> Zone:
    """Rename, recode, date or place the zone; setting `valid_until` ends it."""
    zone = _for_change(db, actor, now, zone_id, version=version, action=Action.ZONE_EDIT)
    values = change.model_dump(exclude_unset=True)
    if "name" in values:
        values["name"] = names.clean(change.name)
    check_dates(values.get("valid_from", zone.valid_from), values.get("valid_until", zone.valid_until))
    _apply(db, actor, now, zone, action="zone.change", values=values)
    if values.keys() & {"valid_from", "valid_until"}:
        mark_around(db, zone.path, now)
    return zone


def change_settings(
    db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int, settings: ZoneSettings
) -> Zone:
    """Set what the zone rules itself; null takes what holds above it again."""
    zone = _for_change(db, actor, now, zone_id, version=version, action=Action.SETTINGS_EDIT)
    _check_fallback(db, actor, now, settings.fallback_recording_id)
    _apply(db, actor, now, zone, action="zone.settings", values=_settings_columns(settings))
    try:
        checked(rules.effective_rules(db, zone.path))
    except BadRules as bad:
        if bad.field == "timezone":
            raise Invalid("bad_timezone", "There is no time zone of this name.", field="timezone") from bad
        raise Invalid("bad_rules", "This cannot hold: %(why)s", field=bad.field, why=bad.message) from bad
    except msgspec.ValidationError as bad:
        raise Invalid("bad_rules", "This cannot hold: %(why)s", field="quiet_hours", why=str(bad)) from bad
    mark_subtree(db, zone.path, now)
    if "timezone" in settings.model_fields_set:  # whether a zone is there is a matter of its own days
        plan_place_anew(db, zone.path, now)
    return zone


def weighs(db: Session, zone_id: str, *changes: ZoneChange | ZoneSettings) -> bool:
    """Whether one of these changes what protects the zone, or silences it, so that it takes a code."""
    zone = repository.zone(db, zone_id)
    if zone is None:
        return False
    wanted: dict[str, Any] = {}
    for change in changes:
        sent = _settings_columns(change) if isinstance(change, ZoneSettings) else change.model_dump(exclude_unset=True)
        wanted |= sent
    return any(getattr(zone, name) != value for name, value in wanted.items() if name in WEIGHTY)


def move_zone(db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int, parent_id: str) -> Zone:
    """Put the zone and all below it under another parent; rights and settings from above change with it."""
    alone(db, _TREE)
    zone = _for_change(db, actor, now, zone_id, version=version, action=Action.ZONE_EDIT)
    parent = zone_for(db, actor, now, parent_id, Action.ZONE_EDIT)
    if zone.parent_id is None:
        raise Conflict("root_zone", "A zone without a parent cannot be moved.")
    require(actor, Action.ZONE_EDIT, zone.path.removesuffix(f"{zone.id}/"), now)
    if parent.path.startswith(zone.path):
        raise Invalid("move_into_itself", "A zone cannot be moved into itself.", field="parent_id")
    old_path, new_path = zone.path, f"{parent.path}{zone.id}/"
    deepest = max(len(repository.ids_of(below.path)) for below in repository.subtrees(db, [old_path]))
    if deepest - len(repository.ids_of(old_path)) + len(repository.ids_of(new_path)) > MAX_DEPTH:
        raise Invalid("too_deep", "Zones can be nested %(depth)s deep.", field="parent_id", depth=MAX_DEPTH)
    check_leaving(db, now, old_path, new_path)
    mark_around(db, old_path, now, for_holidays=True)
    _apply(db, actor, now, zone, action="zone.move", values={"parent_id": parent.id})
    db.flush()
    repository.rebase(db, old_path, new_path)
    mark_around(db, new_path, now)
    return zone


def delete_zone(db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int) -> None:
    """Take out a zone that nothing refers to, such as one made by mistake; any other can only be ended."""
    zone = _for_change(db, actor, now, zone_id, version=version, action=Action.ZONE_EDIT)
    if repository.uses_of_zone(db, zone.id):
        message = "This zone is in use and cannot be deleted. Give it a last day instead."
        raise Conflict("zone_in_use", message)
    audit.record(db, actor, now, "zone.delete", f"zone:{zone.id}", zone_path=zone.path, name=zone.name)
    repository.forget_past(db, zone.id)
    db.delete(zone)


def mark_subtree(db: Session, path: str, now: datetime) -> None:
    """Have the programmes of the zone and all below it, and the settings of their receivers, made anew."""
    programmes = [topics.programme(zone_id) for zone_id in repository.subtree_ids(db, [path])]
    settings = [topics.settings(receiver_id) for receiver_id in repository.receivers_below(db, path)]
    mark_dirty(db, [*programmes, *settings], now)


def mark_around(db: Session, path: str, now: datetime, *, for_holidays: bool = False) -> None:
    """As `mark_subtree`, with what is aimed above and, where holidays are kept, may be said beside the zone.

    Relays are looked at again, and the broadcasts planned anew; with `for_holidays`, those that leave holidays out.
    """
    mark_subtree(db, path, now)
    lineage = repository.ids_of(path)
    beside = [row.id for row in repository.children_of(db, lineage[:-1])]
    mark_dirty(db, [topics.programme(zone_id) for zone_id in (*lineage, *beside)], now)
    plan_place_anew(db, path, now, for_holidays=for_holidays)
    look_again(db, now)


def _for_change(db: Session, actor: Actor, now: datetime, zone_id: str, *, version: int, action: Action) -> Zone:
    zone = repository.zone(db, zone_id, lock=True)
    if zone is None or not actor.may(Action.ZONE_READ, zone.path, now):
        raise NotFound("not_found", _NO_SUCH_ZONE)
    require(actor, action, zone.path, now)
    if zone.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return zone


def _apply(db: Session, actor: Actor, now: datetime, zone: Zone, *, action: str, values: dict[str, Any]) -> None:
    if any(values.get(name, getattr(zone, name)) != getattr(zone, name) for name in ("name", "code", "parent_id")):
        repository.keep_past(db, zone, rules.today(db, now, zone))
    for name, value in values.items():
        setattr(zone, name, value)
    zone.version += 1
    db.add(zone)
    db.flush()
    plain = msgspec.to_builtins(values)
    audit.record(db, actor, now, action, f"zone:{zone.id}", zone_path=zone.path, **plain)


def _check_fallback(db: Session, actor: Actor, now: datetime, recording_id: str | None) -> None:
    if recording_id is not None:
        path = repository.recording_path(db, recording_id)
        if path is None or not actor.may(Action.ANNOUNCEMENT_READ, path, now):
            raise Invalid("no_such_recording", "There is no such finished recording.", field="fallback_recording_id")


def check_dates(first: date | None, end: date | None) -> None:
    """Raises Invalid where it would end before it begins."""
    if first is not None and end is not None and end <= first:
        raise Invalid("ends_before_it_begins", "It would end before it begins.", field="valid_until")


def _settings_columns(settings: ZoneSettings) -> dict[str, Any]:
    """The columns of what was sent, in the wire's own form."""
    sent = settings.model_fields_set
    values: dict[str, Any] = {}
    for name in ("timezone", "max_airing_s", "languages", "fallback_recording_id", "second_person", "public_page"):
        if name in sent:
            values[name] = getattr(settings, name)
    if "approval_classes" in sent:
        classes = settings.approval_classes
        values["approval_classes"] = None if classes is None else sorted({cls.value for cls in classes})
    if "quiet_hours" in sent:
        times = settings.quiet_hours
        values["quiet_hours"] = None if times is None else [quiet.stored for quiet in times]
    if sent & {"quota", "quota_lifted"}:
        values["quota"] = {} if settings.quota_lifted else None if settings.quota is None else settings.quota.stored
    return values
