"""All SQL about live talks."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, or_
from sqlmodel import Session, col, select

from broadcast.wire.now import MAX_SESSIONS, Feed, LiveSession
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.live.delay import Listened
from scheduler.live.models import LiveKind, LiveState, LiveTalk, LiveTarget
from scheduler.people.models import User
from scheduler.zones.forest import at_or_below
from scheduler.zones.models import Zone
from scheduler.zones.repository import below

US_PER_MS = 1000
US_PER_S = 1_000_000
TAIL_US = 15 * US_PER_S
"""What chimes and a slow end may add to a talk's limit; a relay has neither, and something is planned behind it."""
MOST_LINKS = 500
AIRING_PREFIX = "live."
"""A receiver's airing of a talk is this and the talk's id."""


def in_force(db: Session, zone_id: str, now: datetime) -> tuple[LiveSession, ...]:  # noqa: ARG001 -- as other parts of it
    """What the `now` document of exactly this zone says of live talks, the latest last."""
    query = (
        select(LiveTalk)
        .join(LiveTarget, col(LiveTarget.talk_id) == LiveTalk.id)
        .where(LiveTarget.zone_id == zone_id, _sounding(), col(LiveTalk.start_us).is_not(None))
        .distinct()
        .order_by(col(LiveTalk.start_us), LiveTalk.id)
    )
    return tuple(_session(talk) for talk in db.exec(query).all())[-MAX_SESSIONS:]


def get(db: Session, talk_id: str, *, lock: bool = False) -> LiveTalk | None:
    return db.get(LiveTalk, talk_id, with_for_update=lock, populate_existing=lock)


def titles(db: Session, talk_ids: Collection[str]) -> dict[str, str]:
    return dict(db.exec(select(LiveTalk.id, LiveTalk.title).where(col(LiveTalk.id).in_(talk_ids))).all())


def not_over(db: Session) -> Sequence[LiveTalk]:
    """Waiting and on the air, in the order in which they were asked for."""
    query = select(LiveTalk).where(LiveTalk.state != LiveState.ENDED)
    return db.exec(query.order_by(col(LiveTalk.asked_at), LiveTalk.id)).all()


def to_withdraw(db: Session, now: datetime) -> Sequence[LiveTalk]:
    """Ended talks whose last words were heard, that receivers still hold."""
    query = select(LiveTalk).where(LiveTalk.state == LiveState.ENDED, col(LiveTalk.withdrawn).is_(False))
    return db.exec(query.where(or_(col(LiveTalk.heard_until).is_(None), col(LiveTalk.heard_until) <= now))).all()


def ending(db: Session, after: datetime) -> Sequence[LiveTalk]:
    """Ended talks that receivers still hold, and do beyond this moment."""
    query = select(LiveTalk).where(LiveTalk.state == LiveState.ENDED, col(LiveTalk.withdrawn).is_(False))
    return db.exec(query.where(col(LiveTalk.heard_until) > after)).all()


def add_targets(db: Session, talk_id: str, zones: Collection[tuple[str, str | None]]) -> None:
    """`zones` are (zone id, id of the group that it was chosen by)."""
    db.add_all(LiveTarget(talk_id=talk_id, zone_id=zone_id, group_id=group_id) for zone_id, group_id in sorted(zones))
    db.flush()


def zones_of(db: Session, talk_ids: Collection[str]) -> dict[str, tuple[Zone, ...]]:
    """The target zones of each talk."""
    found: dict[str, list[Zone]] = defaultdict(list)
    query = (
        select(LiveTarget.talk_id, Zone)
        .join(Zone, col(Zone.id) == LiveTarget.zone_id)
        .where(col(LiveTarget.talk_id).in_(set(talk_ids)))
        .order_by(Zone.path)
    )
    for talk_id, zone in db.exec(query).all():
        found[talk_id].append(zone)
    return {talk_id: tuple(found[talk_id]) for talk_id in talk_ids}


def page(
    db: Session, paths: Collection[str], above: Collection[str], *, before: str | None, limit: int
) -> list[LiveTalk]:
    """Talks heard at or below `paths`, or in one of the zones `above` them; the newest first."""
    heard = select(LiveTarget.talk_id).join(Zone, col(Zone.id) == LiveTarget.zone_id)
    heard = heard.where(or_(below(paths), col(Zone.id).in_(above)))
    query = select(LiveTalk).where(col(LiveTalk.id).in_(heard))
    if before is not None:
        query = query.where(LiveTalk.id < before)
    return list(db.exec(query.order_by(col(LiveTalk.id).desc()).limit(limit)).all())


def until_us(talk: LiveTalk) -> int:
    """When nothing of it sounds any more, whatever its end was."""
    tail_us = 0 if talk.kind is LiveKind.RELAY else TAIL_US
    return (talk.start_us or 0) + talk.delay_ms * US_PER_MS + talk.limit_s * US_PER_S + tail_us


def _sounding() -> ColumnElement[bool]:
    ended_heard = (col(LiveTalk.state) == LiveState.ENDED) & col(LiveTalk.withdrawn).is_(False)
    return (col(LiveTalk.state) == LiveState.ON_AIR) | ended_heard


def _session(talk: LiveTalk) -> LiveSession:
    return LiveSession(
        feed=Feed(id=talk.id, key=talk.key or "", urls=tuple(talk.urls)),
        start_us=talk.start_us or 0,
        until_us=until_us(talk),
        cls=talk.cls,
        delay_us=talk.delay_ms * US_PER_MS,
        frames=talk.frames,
    )


def listened(db: Session, paths: Collection[str], since: datetime, limit: int) -> list[tuple[str, Listened]]:
    """(receiver id, what it told) of the last talks heard at or below `paths`, the newest first."""
    query = (
        select(StoredReport.receiver_id, LiveTalk.delay_ms, StoredReport.chunks, StoredReport.late_chunks)
        .join(LiveTalk, col(StoredReport.airing_id) == literal(AIRING_PREFIX) + col(LiveTalk.id))
        .join(Receiver, col(Receiver.id) == StoredReport.receiver_id)
        .join(Zone, col(Zone.id) == Receiver.zone_id)
        .where(below(paths), col(StoredReport.planned_start_at) >= since, col(StoredReport.chunks) > 0)
        .order_by(col(StoredReport.planned_start_at).desc())
        .limit(limit)
    )
    rows = db.execute(query)
    return [(receiver_id, Listened(delay_ms, chunks, late or 0)) for receiver_id, delay_ms, chunks, late in rows]


def links(db: Session, paths: Collection[str]) -> list[dict[str, Any]]:
    """What the receivers at or below `paths` said last of their way to the network, those that said anything.

    Of many, the MOST_LINKS that were heard of last.
    """
    newest = select(Receiver.id).where(
        at_or_below(db, paths, col(Receiver.zone_id)), col(Receiver.revoked_at).is_(None)
    )
    newest = newest.order_by(col(Receiver.seen_at).desc().nulls_last()).limit(MOST_LINKS)
    signal: Any = col(Receiver.state)
    query: Any = select(signal["signal"]).where(col(Receiver.id).in_(newest))
    return [said for said in db.execute(query).scalars() if said]


def people(db: Session, user_ids: Collection[str]) -> dict[str, str]:
    return {user.id: user.name for user in db.exec(select(User).where(col(User.id).in_(set(user_ids)))).all()}
