"""Zones and groups as people see them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlmodel import Session, col

from broadcast.wire.documents import QuietHours, Quota, Rules
from scheduler.fleet.models import Receiver
from scheduler.zones import repository
from scheduler.zones.forest import Forest, at_or_below, forest
from scheduler.zones.models import Group, Zone
from scheduler.zones.rules import US_PER_S, Effective, inherited, override_of
from scheduler.zones.schemas import (
    MINUTE_US,
    GroupView,
    QuietTimes,
    QuotaLimits,
    RulesView,
    ZoneDetail,
    ZoneSettings,
    ZoneView,
)


def zone_views(db: Session, zones: Sequence[Zone], *, counted: bool = True) -> list[ZoneView]:
    """The zones with the names above them and the receivers in and below them, in the order given.

    Where nobody reads the receivers, not `counted`, they may be 0.
    """
    held = forest(db)
    if held is not None:
        drawn = _drawn(held)
        uncounted = [drawn[zone.id] for zone in zones]
        return with_counts(db, uncounted) if counted else uncounted
    total, online = _counts_below(db, {zone.id: zone.path for zone in zones}, held)
    above = {zone_id for zone in zones for zone_id in repository.ids_of(zone.path)}
    names = {zone_id: zone.name for zone_id, zone in repository.zones(db, above).items()}
    return [_view(zone, names, total[zone.id], online[zone.id]) for zone in zones]


def with_counts(db: Session, views: Sequence[ZoneView]) -> list[ZoneView]:
    """What `zone_views` gave uncounted, with the receivers in and below each."""
    held = forest(db)
    if held is None:
        return list(views)
    above = {view.id: held.above.get(view.id, (view.id,)) for view in views}
    total, online = _counts_below(db, {zone_id: f"/{'/'.join(way)}/" for zone_id, way in above.items()}, held)
    counts = ({"receivers": total[view.id], "receivers_online": online[view.id]} for view in views)
    return [view.model_copy(update=count) for view, count in zip(views, counts, strict=True)]


def zones_served(db: Session, paths: Collection[str]) -> set[str]:
    """Of the zones with these paths and those below them, the ones with receivers in them or below; and those above."""
    homes = repository.with_receivers(db, at_or_below(db, _topmost(paths), col(Receiver.zone_id))) if paths else set()
    held = forest(db)
    ways = held.above if held is not None else _ways(db, homes)
    return {zone_id for home in homes for zone_id in ways[home]}


def receivers_in(db: Session, aimed: Sequence[Collection[str]]) -> list[int]:
    """How many receivers each of these sets of zones reaches, one that lies in several of its zones once."""
    paths = [zone.path for zone in repository.zones(db, {zone_id for one in aimed for zone_id in one}).values()]
    tops = _topmost(paths)
    counts, _online = repository.receiver_counts(db, tops, at_or_below(db, tops, col(Receiver.zone_id)))
    held = forest(db)
    ways = held.above if held is not None else _ways(db, counts)
    return [sum(count for home, count in counts.items() if not one.isdisjoint(ways[home])) for one in map(set, aimed)]


def zone_detail(db: Session, zone: Zone) -> ZoneDetail:
    """One zone with what it sets and what holds in it."""
    view = zone_views(db, [zone])[0]
    held = inherited(repository.lineage(db, zone.path))
    return ZoneDetail(**view.model_dump(), settings=settings_of(zone), rules=rules_view(held))


def settings_of(zone: Zone) -> ZoneSettings:
    """What the zone sets itself, with only that marked as set."""
    own = override_of(zone)
    return ZoneSettings(
        timezone=zone.timezone,
        quiet_hours=None if own.quiet_hours is None else [_quiet_times(quiet) for quiet in own.quiet_hours],
        quota=_quota_limits(own.quota),
        quota_lifted=own.quota_lifted,
        max_airing_s=zone.max_airing_s,
        approval_classes=None if zone.approval_classes is None else msgspec.convert(zone.approval_classes, list),
        languages=zone.languages,
        fallback_recording_id=zone.fallback_recording_id,
        second_person=zone.second_person,
        public_page=zone.public_page,
    )


def rules_view(held: Effective) -> RulesView:
    rules: Rules = held.rules
    return RulesView(
        timezone=rules.timezone,
        quiet_hours=[_quiet_times(quiet) for quiet in rules.quiet_hours],
        quota=_quota_limits(rules.quota),
        max_airing_s=rules.max_airing_us // US_PER_S,
        approval_classes=sorted(held.approval_classes, key=lambda cls: -cls.rank),
        languages=list(held.languages),
        second_person=held.second_person,
        public_page=held.public_page,
    )


def group_views(db: Session, groups: Iterable[Group]) -> list[GroupView]:
    rows = list(groups)
    members = repository.members(db, [group.id for group in rows])
    return [
        GroupView(
            id=group.id,
            zone_id=group.zone_id,
            name=group.name,
            code=group.code,
            valid_from=group.valid_from,
            valid_until=group.valid_until,
            member_ids=members[group.id],
            version=group.version,
        )
        for group in rows
    ]


def _drawn(held: Forest) -> dict[str, ZoneView]:
    """Each zone as it is shown but for its receivers, made once for all requests."""
    if not held.drawn:
        held.drawn.update({zone.id: _view(zone, held.names, 0, 0) for zone in held.zones})
    return held.drawn


def _view(zone: Zone, names: Mapping[str, str], receivers: int, online: int) -> ZoneView:
    path = repository.ids_of(zone.path)
    return ZoneView(
        **_columns(zone),
        place=[names[zone_id] for zone_id in path[:-1] if zone_id in names],
        depth=len(path) - 1,
        receivers=receivers,
        receivers_online=online,
    )


def _columns(zone: Zone) -> dict[str, Any]:
    kept = ("id", "parent_id", "kind", "name", "code", "valid_from", "valid_until", "latitude", "longitude", "version")
    return {name: getattr(zone, name) for name in kept}


def _counts_below(db: Session, paths: Mapping[str, str], held: Forest | None) -> tuple[dict[str, int], dict[str, int]]:
    """Receivers in each zone of these paths, by id, and all below it, summed along the paths in one pass."""
    total, online = dict.fromkeys(paths, 0), dict.fromkeys(paths, 0)
    tops = _topmost(paths.values())
    own_total, own_online = repository.receiver_counts(db, tops, at_or_below(db, tops, col(Receiver.zone_id)))
    ways = held.above if held is not None else _ways(db, own_total)
    for zone_id, count in own_total.items():
        for above in ways[zone_id]:
            if above in total:
                total[above] += count
                online[above] += own_online[zone_id]
    return total, online


def _ways(db: Session, zone_ids: Collection[str]) -> dict[str, tuple[str, ...]]:
    return {zone_id: tuple(repository.ids_of(zone.path)) for zone_id, zone in repository.zones(db, zone_ids).items()}


def _topmost(paths: Iterable[str]) -> list[str]:
    """The paths that no other of them is above."""
    kept: list[str] = []
    for path in sorted(paths):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return kept


def _quiet_times(quiet: QuietHours) -> QuietTimes:
    return QuietTimes(
        start=_clock(quiet.start_minute), end=_clock(quiet.end_minute), weekdays=sorted(set(quiet.weekdays))
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _quota_limits(quota: Quota | None) -> QuotaLimits | None:
    if quota is None:
        return None
    return QuotaLimits(
        sessions_per_day=quota.sessions_per_day,
        session_minutes=max(1, quota.session_us // MINUTE_US),
        gap_minutes=quota.gap_us // MINUTE_US,
    )
