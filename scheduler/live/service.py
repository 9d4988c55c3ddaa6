"""What people and time do to live talks. Each function is part of one transaction.

Rules
- Asking takes the right to speak in every place, and in the zone in whose name it is. An emergency takes an issued
  order besides: two people stand behind it, or one with a second factor.
- Whatever changes what receivers are told marks their `now` documents; the caller has them sent at once (`Change`).
- Who speaks is looked at again and again: without the right to it, or the sign-in, the talk ends with its chime.
- A talk that ends stays announced with its length until its last words were heard. One that is stopped does not, nor a
  recording that is cut short: all the rest of it would be let out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlmodel import Session

from broadcast.clock import US_PER_S, from_us
from broadcast.wire import topics
from broadcast.wire.documents import BroadcastClass
from scheduler.emergency import repository as emergencies
from scheduler.errors import Conflict, NotFound
from scheduler.fleet.outbox import mark_dirty
from scheduler.live import lasting, licence, repository, turns, views
from scheduler.live.apart import apart
from scheduler.live.models import LiveEnd, LiveKind, LiveState, LiveTalk
from scheduler.live.repository import US_PER_MS
from scheduler.live.schemas import LiveOut, LivePage
from scheduler.live.standing import Standing, as_taking_turns
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

HEARD_OUT = timedelta(seconds=5)
"""Receivers that join late, or are late, still hear the last words so long after they were due."""
AT_ONCE = frozenset({LiveEnd.STOPPED, LiveEnd.TAKEN_OVER})
"""Ends that silence the horns instead of letting the last words out, whatever is on the air."""
NOT_WAITING = "not_waiting"
_NO_SUCH = "There is no such thing, or it is not in your area."
RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Air:
    """Where receivers find a talk that begins: what `broadcast.live.desk` made for it."""

    start_us: int
    key: str
    urls: tuple[str, ...]
    opening_ms: int = 0
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """`zone_ids` are to be sent their `now` documents; `words` are for `Changes`."""

    zone_ids: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    begins: tuple[str, ...] = field(default=())
    """Talks that no person begins, whose turn it is."""

    def __or__(self, other: "Change") -> "Change":
        return Change(self.zone_ids | other.zone_ids, self.words | other.words, self.begins + other.begins)


def view(db: Session, actor: Actor, now: datetime, talk_id: str) -> LiveOut:
    return views.shown(db, actor, now, [readable(db, actor, now, talk_id)])[0]


def index(db: Session, actor: Actor, now: datetime, *, before: str | None = None, limit: int = 50) -> LivePage:
    """The talks that are heard where the actor sees, newest first; `before` is the last page's `next`."""
    own = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    above = {zone_id for path in own for zone_id in zone_sql.ids_of(path)}
    rows = repository.page(db, own, above, before=before, limit=limit + 1)
    items = views.shown(db, actor, now, rows[:limit])
    return LivePage(items=items, next=items[-1].id if len(rows) > limit else None)


def readable(db: Session, actor: Actor, now: datetime, talk_id: str) -> LiveTalk:
    """The talk if it is heard where the actor sees; else NotFound."""
    talk = repository.get(db, talk_id)
    if talk is None:
        raise NotFound("not_found", _NO_SUCH)
    if not views.is_own(actor, talk) and not views.may_see(db, actor, now, talk):
        raise NotFound("not_found", _NO_SUCH)
    return talk


def speakable(db: Session, actor: Actor, now: datetime, talk_id: str) -> LiveTalk:
    """The talk if the actor is who asked for it, still may speak there, and it is not over; else a Problem."""
    talk = readable(db, actor, now, talk_id)
    if talk.speaker_id != actor.user_id:
        raise Conflict("not_speaker", "Somebody else asked for this talk.")
    for zone in repository.zones_of(db, [talk.id])[talk.id]:
        require(actor, Action.LIVE_SPEAK, zone.path, now)
    if talk.state is LiveState.ENDED:
        raise Conflict("talk_over", "This talk is over.")
    return talk


def heard_in(db: Session, actor: Actor, now: datetime, zone_id: str) -> LiveTalk:
    """What is said live in a zone at this moment, by its own document or one above; Conflict where nothing is."""
    zone = zone_sql.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", _NO_SUCH)
    if not actor.may(Action.BROADCAST_READ, zone.path, now):
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.LIVE_LISTEN, zone.path, now)
    ids = set(zone_sql.ids_of(zone.path))
    standing = Standing(db, now)
    found = [t for t in standing.rows.values() if t.state is LiveState.ON_AIR and standing.zone_ids(t) & ids]
    if not found:
        raise Conflict("nothing_live", "Nobody speaks there live. Listen to the recording of what is on the air.")
    return max(found, key=lambda talk: (talk.cls.rank, talk.start_us or 0))


def begin(db: Session, now: datetime, talk_id: str, air: Air) -> Change:
    """Put a talk on the air whose turn it is, with the limit that it has by now; lower ones that it meets end.

    Conflict where it is not its turn.
    """
    talk = _locked(db, talk_id)
    if talk.state is not LiveState.WAITING:
        raise Conflict(NOT_WAITING, "This talk has begun already, or is over.")
    standing = Standing(db, now)
    mine = standing.of(talk)
    if standing.waits_for(talk):
        raise Conflict("not_your_turn", "Others speak there. Wait until it is your turn.")
    if any(standing.full(zone_id) for zone_id in standing.zone_ids(talk)):
        raise Conflict("too_many_talks", "Too many talks are heard there at once.")
    change = Change()
    for lower in turns.displaced(mine, standing.talks):
        change |= over(db, now, standing.rows[lower.id], LiveEnd.TAKEN_OVER, detail=talk.title)
    talk.state, talk.began_at, talk.seen_at, talk.turn_at = LiveState.ON_AIR, now, now, None
    talk.start_us, talk.key, talk.urls = air.start_us, air.key, list(air.urls)
    talk.opening_ms, talk.frames = air.opening_ms, air.frames
    order = emergencies.get(db, talk.order_id) if talk.order_id is not None else None
    talk.limit_s = lasting.limit_s(talk, from_us(air.start_us), order.until_at if order is not None else None)
    note(db, now, talk, "begin", delay_ms=talk.delay_ms, bitrate_bps=talk.bitrate_bps)
    return change | told(db, now, talk)


def alive(db: Session, now: datetime, carried: Mapping[str, str | None]) -> dict[str, LiveEnd]:
    """Note that these are carried, each by the sign-in of its microphone; those of them that must end, and why."""
    found = {talk.id: talk for talk in repository.not_over(db) if talk.state is LiveState.ON_AIR}
    ends: dict[str, LiveEnd | None] = dict.fromkeys(carried.keys() - found.keys(), LiveEnd.STOPPED)
    for talk in (found[talk_id] for talk_id in carried if talk_id in found):
        talk.seen_at = now
        lost = partial(licence.lost, db, now, talk, carried[talk.id])
        ends[talk.id] = apart(db, talk.id, lost, lambda: LiveEnd.FAILED)
    return {talk_id: reason for talk_id, reason in ends.items() if reason is not None}


def warn(db: Session, now: datetime, talk_id: str, *, silent: bool) -> Change:
    """Nothing has been heard of it for a while, or something is again."""
    talk = _locked(db, talk_id)
    if talk.state is not LiveState.ON_AIR or talk.silent is silent:
        return Change()
    talk.silent = silent
    note(db, now, talk, "silent" if silent else "heard_again")
    return Change(words=frozenset({f"live:{talk.id}"}))


def end(
    db: Session, now: datetime, talk_id: str, reason: LiveEnd, *, frames: int | None = None, detail: str | None = None
) -> Change:
    """A talk is over, `frames` long; nothing where it was already."""
    talk = _locked(db, talk_id)
    if talk.state is LiveState.ENDED:
        if frames is not None and talk.frames is None:
            talk.frames = frames  # it was ended over the head of whoever carried it
        return Change()
    return over(db, now, talk, reason, frames=frames, detail=detail) | give_turns(db, now)


def may_end(db: Session, actor: Actor, now: datetime, talk_id: str) -> LiveTalk:
    """The talk if the actor may end it: it is their own, or they may stop broadcasts wherever it is heard."""
    talk = readable(db, actor, now, talk_id)
    if not views.is_own(actor, talk):
        for zone in repository.zones_of(db, [talk.id])[talk.id]:
            require(actor, Action.BROADCAST_STOP, zone.path, now)
    return talk


def stop(db: Session, actor: Actor, now: datetime, talk_id: str) -> Change:
    """End it for a person who may; its own speaker lets the last words out, if it is spoken, others silence it."""
    talk = may_end(db, actor, now, talk_id)
    own = talk.speaker_id == actor.user_id
    audit.record(db, actor, now, "live.stop", f"live:{talk.id}", zone_path=_path(db, talk))
    return end(db, now, talk_id, LiveEnd.SPEAKER if own else LiveEnd.STOPPED)


def stop_below(db: Session, now: datetime, paths: list[str]) -> Change:
    """STOP ALL: end every talk that is heard at or below one of `paths`. The caller has checked the right to it.

    A relay planned for later is none of what sounds, and stays.
    """
    change = Change()
    rows = [talk for talk in repository.not_over(db) if talk.state is LiveState.ON_AIR or talk.starts_at <= now]
    zones = repository.zones_of(db, [talk.id for talk in rows])
    for talk in rows:
        if any(zone.path.startswith(path) for zone in zones[talk.id] for path in paths):
            change |= over(db, now, talk, LiveEnd.STOPPED)
    return change | give_turns(db, now)


def give_turns(db: Session, now: datetime) -> Change:
    """Let those begin that wait for nobody any more, nor for the last words of one that is over."""
    standing, words, begins = Standing(db, now), set(), []
    for talk in standing.rows.values():
        if talk.state is not LiveState.WAITING or talk.starts_at > now or standing.waits_for(talk):
            continue
        if _would_be_covered(db, now, talk, standing.of(talk)):
            continue
        if talk.turn_at is None:
            talk.turn_at = now
            words.add(f"live:{talk.id}")
        if talk.kind is not LiveKind.MICROPHONE:
            begins.append(talk.id)
    db.flush()
    return Change(words=frozenset(words), begins=tuple(begins))


def note(db: Session, now: datetime, talk: LiveTalk, what: str, *, by: str | None = None, **detail: Any) -> None:
    """Put it in the audit record, in the speaker's name unless `by` says whose."""
    who = Actor(user_id=talk.speaker_id if by is None else by, login="", name="")
    audit.record(db, who, now, f"live.{what}", f"live:{talk.id}", zone_path=_path(db, talk), **detail)


def silences(kind: LiveKind, reason: LiveEnd) -> bool:
    """Whether horns fall silent with this end at once, as no last words are to be let out."""
    return reason in AT_ONCE or (kind is LiveKind.RECORDED and reason is not LiveEnd.FINISHED)


def over(
    db: Session, now: datetime, talk: LiveTalk, reason: LiveEnd, *, frames: int | None = None, detail: str | None = None
) -> Change:
    """Note that a talk is over; what is to be told of it."""
    was_on_air = talk.state is LiveState.ON_AIR
    talk.state, talk.ended_at, talk.end_reason, talk.end_detail = LiveState.ENDED, now, reason, detail
    talk.turn_at, talk.silent = None, False
    talk.frames = frames if frames is not None else talk.frames
    silent = not was_on_air or silences(talk.kind, reason)
    talk.heard_until = now if silent else max(now, _heard_us(talk)) + HEARD_OUT
    lost = reason is LiveEnd.CENTRE_LEFT and talk.frames is None  # how long it is will never be told
    talk.withdrawn = silent or lost
    machine = reason not in (LiveEnd.SPEAKER, LiveEnd.GONE)
    note(db, now, talk, "end", by="" if machine else None, reason=reason.value, seconds=_seconds(talk))
    db.flush()
    return told(db, now, talk) if was_on_air else Change(words=frozenset({f"live:{talk.id}"}))


def give_up(db: Session, now: datetime, talk: LiveTalk) -> Change:
    """End a talk of which something is damaged, as it is: it is silent at once."""
    if talk.state is not LiveState.ENDED:
        talk.state, talk.ended_at, talk.end_reason = LiveState.ENDED, now, LiveEnd.FAILED
        note(db, now, talk, "end", by="", reason=LiveEnd.FAILED.value)
    talk.turn_at, talk.silent, talk.heard_until, talk.withdrawn = None, False, now, True
    return told(db, now, talk)


def _would_be_covered(db: Session, now: datetime, talk: LiveTalk, mine: turns.Talk) -> bool:
    """Whether the last words of one that ended there would be heard over the first of this one, if it began now."""
    if talk.cls is BroadcastClass.EMERGENCY:  # the latest has the air
        return False
    heard_from = now + timedelta(milliseconds=talk.delay_ms) + HEARD_OUT
    late = [t for t in repository.ending(db, heard_from) if t.cls.rank >= talk.cls.rank]
    zones = repository.zones_of(db, [other.id for other in late])
    return any(turns.meet(mine, as_taking_turns(other, zones[other.id])) for other in late)


def _heard_us(talk: LiveTalk) -> datetime:
    """When its last sample is heard, or as far as it can be told."""
    if talk.frames is None or talk.start_us is None:
        return (talk.ended_at or talk.asked_at) + timedelta(milliseconds=talk.delay_ms)
    return from_us(talk.start_us + talk.delay_ms * US_PER_MS + talk.frames * US_PER_S // RATE_HZ)


def _seconds(talk: LiveTalk) -> float:
    if talk.began_at is None or talk.ended_at is None:
        return 0.0
    return round((talk.ended_at - talk.began_at).total_seconds(), 1)


def told(db: Session, now: datetime, talk: LiveTalk) -> Change:
    """Its zones' documents are to be made anew."""
    talk.version += 1
    db.add(talk)
    db.flush()
    zone_ids = frozenset(zone.id for zone in repository.zones_of(db, [talk.id])[talk.id])
    mark_dirty(db, [topics.now(zone_id) for zone_id in zone_ids], now)
    return Change(zone_ids, frozenset({f"live:{talk.id}"}))


def _locked(db: Session, talk_id: str) -> LiveTalk:
    talk = repository.get(db, talk_id, lock=True)
    if talk is None:
        raise NotFound("not_found", _NO_SUCH)
    return talk


def _path(db: Session, talk: LiveTalk) -> str:
    return db.get_one(Zone, talk.zone_id).path
