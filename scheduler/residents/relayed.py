"""Relays of another station that residents may know of (a fixed number of queries).

Rules
- Only what is approved, comes by itself at fixed times and was left public.
- It comes when the timeline of the place has it; it is on the air only while its sound is sent.
- Nothing of it is kept: afterwards there is nothing to hear again and nothing is told.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from broadcast.clock import from_us
from scheduler.live.models import LiveState, LiveTalk
from scheduler.relays import timing
from scheduler.relays.models import Relay
from scheduler.residents.notice import Notice, Time
from scheduler.timeline import Segment
from scheduler.zones.models import Zone


def relayed(db: Session, segments: Sequence[Segment], now: datetime) -> tuple[list[Notice], list[Notice]]:
    """Those of `segments` that are relays: what is on the air, and each that comes."""
    found: dict[str, tuple[Segment, Segment]] = {}
    for segment in segments:
        if segment.broadcast_id.startswith(timing.PREFIX):
            found[segment.airing_id] = found.get(segment.airing_id, (segment,))[0], segment
    ids = {first.broadcast_id.removeprefix(timing.PREFIX) for first, _last in found.values()}
    public = select(Relay, col(Zone.name)).join(Zone, col(Zone.id) == col(Relay.zone_id))
    rows = {
        relay.id: (relay, name) for relay, name in db.execute(public.where(col(Relay.id).in_(ids), col(Relay.public)))
    }
    sent = col(LiveTalk.state) == LiveState.ON_AIR
    on_air = set(db.scalars(select(col(LiveTalk.relay_id)).where(col(LiveTalk.relay_id).in_(ids), sent)))
    told: tuple[list[Notice], list[Notice]] = [], []
    for first, last in found.values():
        relay_id = first.broadcast_id.removeprefix(timing.PREFIX)
        begun = from_us(first.start_us) <= now
        if relay_id in rows and (relay_id in on_air or not begun):
            told[0 if begun else 1].append(_notice(*rows[relay_id], first, last))
    return told


def _notice(relay: Relay, sender: str, first: Segment, last: Segment) -> Notice:
    time = Time(first.airing_id, from_us(first.start_us), from_us(last.end_us))
    return Notice(id="", title=relay.title, recordings=(), cls=relay.cls, sender=sender, times=(time,), relay=True)
