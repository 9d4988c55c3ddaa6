"""Live talks as the API and the pages show them (reads the database)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.live import repository, turns
from scheduler.live.models import LiveKind, LiveState, LiveTalk
from scheduler.live.schemas import AheadOut, LiveOut
from scheduler.live.standing import Standing
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

_TURN = timedelta(microseconds=turns.TURN_US)


def shown(db: Session, actor: Actor, now: datetime, talks: Sequence[LiveTalk]) -> list[LiveOut]:
    """These talks as `actor` sees them."""
    zones = repository.zones_of(db, [talk.id for talk in talks])
    standing = Standing(db, now)
    speakers = {talk.speaker_id for talk in [*talks, *standing.rows.values()]}
    names = repository.people(db, speakers)
    return [_shown(actor, now, talk, zones[talk.id], standing=standing, names=names) for talk in talks]


def is_own(actor: Actor, talk: LiveTalk) -> bool:
    """Whether the actor asked for it; with a token, one that is for speaking."""
    return actor.user_id == talk.speaker_id and actor.covers(Action.LIVE_SPEAK)


def may_see(db: Session, actor: Actor, now: datetime, talk: LiveTalk) -> bool:
    """Whether it is heard in, above or below a zone that the actor sees."""
    seen = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    heard = [zone.path for zone in repository.zones_of(db, [talk.id])[talk.id]]
    return any(path.startswith(own) or own.startswith(path) for path in heard for own in seen)


def _shown(
    actor: Actor,
    now: datetime,
    talk: LiveTalk,
    zones: Sequence[Zone],
    *,
    standing: Standing,
    names: dict[str, str],
) -> LiveOut:
    waiting = talk.state is LiveState.WAITING
    before = [standing.rows[other.id] for other in standing.waits_for(talk)] if waiting else []
    began = talk.began_at
    own = is_own(actor, talk)
    stops = actor.may_everywhere(Action.BROADCAST_STOP, [zone.path for zone in zones], now)
    return LiveOut(
        **talk.model_dump(exclude={"key", "urls", "start_us"}),
        speaker_name=names.get(talk.speaker_id, ""),
        zone_ids=[zone.id for zone in zones],
        zone_names=[zone.name for zone in zones],
        speak_at=began + timedelta(milliseconds=talk.opening_ms) if began else None,
        ends_at=began + timedelta(milliseconds=talk.opening_ms, seconds=talk.limit_s) if began else None,
        may_begin=waiting and not before and talk.starts_at <= now,
        turn_until=talk.turn_at + _TURN if talk.turn_at and talk.kind is LiveKind.MICROPHONE else None,
        ahead=[
            AheadOut(id=t.id, title=t.title, cls=t.cls, state=t.state, speaker_name=names.get(t.speaker_id, ""))
            for t in before
        ],
        may_end=talk.state is not LiveState.ENDED and (own or stops),
    )
