"""Broadcasts as the API and the pages show them (reads the database; a fixed number of queries for any number)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from sqlmodel import Session

from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts import aiming, airings, drafts, recorded, repository
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.rights import steps_for
from scheduler.broadcasts.schemas import BroadcastOut, Notice, TargetOut
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.workflow import Event, State
from scheduler.zones.views import zones_served

HEARD = (State.APPROVED, State.ON_AIR, State.DONE)
_COMING = (State.DRAFT, State.SUBMITTED, State.RETURNED, State.APPROVED, State.ON_AIR)


def shown(db: Session, actor: Actor, now: datetime, broadcasts: Sequence[Broadcast]) -> list[BroadcastOut]:
    """These broadcasts as `actor` sees them."""
    targets = aiming.targets(db, [broadcast.id for broadcast in broadcasts])
    recordings = repository.recordings_of(db, {broadcast.announcement_id for broadcast in broadcasts})
    titles, people, places = repository.names(db, broadcasts)
    paths = {zone.path for found in targets.values() for target in found for zone in target.live(now)}
    served = zones_served(db, paths)
    unaired = recorded.unaired(db, [broadcast.id for broadcast in broadcasts if broadcast.state == State.DONE])
    return [
        _shown(b, actor, now, targets[b.id], recordings[b.announcement_id]).model_copy(
            update={
                "title": titles[b.announcement_id],
                "author_name": people[b.author_id],
                "approver_name": people.get(b.approver_id or ""),
                "on_behalf_of": [people[user_id] for user_id in b.approved_for or () if user_id in people],
                "zone_name": places[b.zone_id],
                "unaired": b.id in unaired,
                "notices": notices(b, targets[b.id], recordings[b.announcement_id], served, now),
            }
        )
        for b in broadcasts
    ]


def notices(
    broadcast: Broadcast,
    targets: Collection[Target],
    recordings: Collection[Recording],
    served: Collection[str],
    now: datetime,
) -> list[Notice]:
    """What the author should know although nothing forbids it; `served` are ids of zones with receivers in them."""
    if broadcast.state not in _COMING:
        return []
    ended = [zone.name for target in targets for zone in target.zones if zone not in target.live(now)]
    live = [zone for target in targets for zone in target.live(now)]
    silent = [zone.name for zone in live if zone.id not in served]
    found: list[Notice] = []
    if silent:
        message = "There is no receiver in %(zones)s."
        found.append(Notice(code="no_receivers", message=message, params={"zones": ", ".join(silent)}))
    if ended:
        message = "%(zones)s is no more and is left out."
        found.append(Notice(code="zone_ended", message=message, params={"zones": ", ".join(ended)}))
    states = {recording.state for recording in recordings}
    if RecordingState.FAILED in states:
        found.append(Notice(code="sound_failed", message="A recording could not be produced."))
    if states & {RecordingState.QUEUED, RecordingState.PRODUCING}:
        message = "The sound is still being produced; the broadcast goes on the air only with it."
        found.append(Notice(code="sound_not_ready", message=message))
    if broadcast.immediate and broadcast.starts_local is None:
        message = "It starts %(seconds)s seconds after it is approved and its sound is ready: receivers fetch it first."
        found.append(Notice(code="starts_after", message=message, params={"seconds": airings.LEAD_S}))
    return found


def _shown(
    broadcast: Broadcast, actor: Actor, now: datetime, targets: Collection[Target], recordings: Collection[Recording]
) -> BroadcastOut:
    """All but the names."""
    media = airings.media_of(recordings)
    coming = broadcast.state in _COMING
    return BroadcastOut(
        **broadcast.model_dump(include=_SAME),
        state=State(broadcast.state),
        title="",
        zone_name="",
        author_name="",
        approver_name=None,
        targets=[_target(target, now) for target in targets],
        when=drafts.when_of(broadcast),
        next_start=airings.next_start(broadcast, now) if coming else None,
        duration_us=max((item.duration_us for item in media), default=None),
        sound_ready=bool(media),
        possible=possible_for(broadcast, actor, targets, now),
    )


def possible_for(
    broadcast: Broadcast, actor: Actor, targets: Collection[Target], now: datetime
) -> list[Event | Literal["stop", "hide"]]:
    """What `actor` could do with it now."""
    paths = [path for target in targets for path in target.paths]
    heard = [zone.path for target in targets for zone in target.zones] or paths
    steps: list[Event | Literal["stop", "hide"]] = [*steps_for(actor, broadcast, paths, now)]
    if broadcast.state == State.ON_AIR and actor.may_everywhere(Action.BROADCAST_STOP, heard, now):
        steps.append("stop")
    if broadcast.public and broadcast.state in HEARD and actor.may_everywhere(Action.BROADCAST_CANCEL, paths, now):
        steps.append("hide")
    return steps


def _target(target: Target, now: datetime) -> TargetOut:
    live = target.live(now)
    if target.group is not None:
        zone_ids = [zone.id for zone in live]
        return TargetOut(group_id=target.group.id, name=target.group.name, zone_ids=zone_ids, ended=not live)
    zone = target.zones[0]
    return TargetOut(zone_id=zone.id, name=zone.name, zone_ids=[zone.id], ended=not live)


_SAME = {
    "id", "zone_id", "announcement_id", "cls", "origin", "timezone", "starts_local", "order", "late", "after_cut",
    "window_s", "public", "author_id", "return_reason", "created_at", "submitted_at", "approved_at", "cancelled_at",
    "asked_local", "document_no", "version",
}  # fmt: skip
