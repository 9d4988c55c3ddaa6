"""Live talks as the API and the pages show them (reads the database)."""

from collections.abc import Collection, Iterable, Sequence
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
    seen = _paths_seen(db, actor, now)
    return [_shown(actor, now, talk, zones[talk.id], standing=standing, names=names, seen=seen) for talk in talks]


def is_own(actor: Actor, talk: LiveTalk) -> bool:
    """Whether the actor asked for it; with a token, one that is for speaking."""
    return actor.user_id == talk.speaker_id and actor.covers(Action.LIVE_SPEAK)


def may_see(db: Session, actor: Actor, now: datetime, talk: LiveTalk) -> bool:
    """Whether it is heard in, above or below a zone that the actor sees."""
    heard = [zone.path for zone in repository.zones_of(db, [talk.id])[talk.id]]
    return _touch(heard, _paths_seen(db, actor, now))


def _paths_seen(db: Session, actor: Actor, now: datetime) -> list[str]:
    return zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))


def _touch(heard: Iterable[str], seen: Collection[str]) -> bool:
    return any(path.startswith(own) or own.startswith(path) for path in heard for own in seen)


def _shown(
    actor: Actor,
    now: datetime,
    talk: LiveTalk,
    zones: Sequence[Zone],
    *,
    standing: Standing,
    names: dict[str, str],
    seen: Collection[str],
) -> LiveOut:
    waiting = talk.state is LiveState.WAITING
    before = standing.waits_for(talk) if waiting else ()
    began = talk.began_at
    own = is_own(actor, talk)
    paths = [zone.path for zone in zones]
    stops = actor.may_everywhere(Action.BROADCAST_STOP, paths, now)
    told = own or actor.may_everywhere(Action.BROADCAST_READ, paths, now)  # it may name what took over in one of them
    return LiveOut(
        **talk.model_dump(exclude={"key", "urls", "start_us", "end_detail"}),
        speaker_name=names.get(talk.speaker_id, ""),
        zone_ids=[zone.id for zone in zones],
        zone_names=[zone.name for zone in zones],
        speak_at=began + timedelta(milliseconds=talk.opening_ms) if began else None,
        ends_at=began + timedelta(milliseconds=talk.opening_ms, seconds=talk.limit_s) if began else None,
        may_begin=waiting and not before and talk.starts_at <= now,
        turn_until=talk.turn_at + _TURN if talk.turn_at and talk.kind is LiveKind.MICROPHONE else None,
        ahead=[_ahead(standing.rows[other.id], names, told=_touch(other.paths, seen)) for other in before],
        end_detail=talk.end_detail if told else None,
        may_end=talk.state is not LiveState.ENDED and (own or stops),
    )


def _ahead(talk: LiveTalk, names: dict[str, str], *, told: bool) -> AheadOut:
    if not told:
        return AheadOut(id=None, title=None, cls=talk.cls, state=talk.state, speaker_name=None)
    speaker = names.get(talk.speaker_id, "")
    return AheadOut(id=talk.id, title=talk.title, cls=talk.cls, state=talk.state, speaker_name=speaker)
