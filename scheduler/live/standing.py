"""Who is on the air and who waits, read from the database for `scheduler.live.turns`."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.now import MAX_SESSIONS
from scheduler.live import repository, turns
from scheduler.live.models import LiveKind, LiveState, LiveTalk
from scheduler.zones.models import Zone


def as_taking_turns(talk: LiveTalk, zones: Iterable[Zone]) -> turns.Talk:
    """What `turns` must know of a talk that is heard in `zones`."""
    on_air, relay = talk.state is LiveState.ON_AIR, talk.kind is LiveKind.RELAY
    paths = tuple(zone.path for zone in zones)
    return turns.Talk(talk.id, talk.cls.rank, to_us(talk.asked_at), on_air, paths, relay)


class Standing:
    """Who is on the air and who waits, at one moment of a transaction."""

    def __init__(self, db: Session, now: datetime) -> None:
        db.flush()
        rows = repository.not_over(db)
        self._zones = repository.zones_of(db, [talk.id for talk in rows])
        self.rows = {talk.id: talk for talk in rows}
        self.talks = tuple(self.of(talk) for talk in rows if talk.state is LiveState.ON_AIR or talk.starts_at <= now)

    def of(self, talk: LiveTalk) -> turns.Talk:
        return as_taking_turns(talk, self._zones.get(talk.id, ()))

    def zone_ids(self, talk: LiveTalk) -> frozenset[str]:
        return frozenset(zone.id for zone in self._zones[talk.id])

    def waits_for(self, talk: LiveTalk) -> tuple[turns.Talk, ...]:
        mine = self.of(talk)
        return turns.refused_by(mine, self.talks) or turns.ahead(mine, self.talks)

    def full(self, zone_id: str) -> bool:
        on_air = [t for t in self.rows.values() if t.state is LiveState.ON_AIR]
        return sum(zone_id in self.zone_ids(talk) for talk in on_air) >= MAX_SESSIONS
