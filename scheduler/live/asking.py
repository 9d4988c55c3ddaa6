"""Asking to speak: who may, where, with what delay and bit rate (part of one transaction)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from broadcast.wire.now import Purpose
from scheduler.announcements import naming
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.emergency import service as emergencies
from scheduler.errors import Conflict, Invalid, TooMany
from scheduler.live import delay, repository, service, turns, views
from scheduler.live.models import LiveKind, LiveState, LiveTalk
from scheduler.live.schemas import LiveAdvice, LiveIn, LiveOut
from scheduler.live.standing import Standing
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones.models import Zone

MAX_WAITING = 5
"""Talks of one person that wait at once."""
LOOKED_BACK = timedelta(days=30)
REPORTS = 2000
RELAY_AHEAD = timedelta(days=31)
WEAK_KINDS = frozenset({"gsm", "gprs", "edge", "2g", "umts", "3g"})
WEAK_PERCENT = 30.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What the centre's settings say of live talks. An empty `relay_hosts` allows no relay."""

    relay_hosts: frozenset[str] = frozenset()


def takes_code(asked: LiveIn) -> bool:
    """Whether it is one person's own doing: behind an emergency's own voice stands the order, and its confirmation."""
    return asked.order_id is None


def ask(db: Session, actor: Actor, now: datetime, asked: LiveIn, terms: Terms) -> LiveOut:
    """A talk that waits for its turn, which may be at once (`may_begin`).

    Raises Forbidden, Invalid, or Conflict where a higher class has the air.
    """
    targets = _targets(db, actor, now, asked)
    zones = {zone.id: zone for target in targets for zone in target.live(now)}
    advised = advice(db, now, [zone.path for zone in zones.values()])
    talk = LiveTalk(
        id=new_id(now), zone_id=asked.zone_id, kind=asked.kind, title=naming.title(asked.title),
        speaker_id=actor.user_id, order_id=asked.order_id, delay_ms=asked.delay_ms or advised.delay_ms,
        bitrate_bps=asked.bitrate_bps or advised.bitrate_bps, limit_s=asked.limit_min * 60,
        asked_at=now, starts_at=_start(asked, now),
    )  # fmt: skip
    talk.cls = asked.cls
    _check_source(db, actor, now, talk, asked=asked, terms=terms)
    ends = _check_class(db, actor, now, asked, [zone.path for zone in zones.values()])
    if ends is not None:
        talk.limit_s = min(talk.limit_s, math.ceil((ends - now).total_seconds()))
    db.add(talk)
    db.flush()
    repository.add_targets(db, talk.id, _placed(targets, now))
    standing = Standing(db, now)
    _refuse(talk, standing, now)
    service.note(db, now, talk, "ask", cls=talk.cls.value, kind=talk.kind.value, zones=[z.name for z in zones.values()])
    service.give_turns(db, now)
    return views.shown(db, actor, now, [talk])[0]


def advice(db: Session, now: datetime, paths: list[str]) -> LiveAdvice:
    """The delay and bit rate that suit the receivers at or below `paths`, by what they told of the last talks."""
    rows = repository.listened(db, paths, now - LOOKED_BACK, REPORTS)
    told = [listened for _receiver_id, listened in rows]
    weak = any(_weak(link) for link in repository.links(db, paths))
    return LiveAdvice(
        delay_ms=delay.suggested_ms(told),
        bitrate_bps=delay.suggested_bps(told, weak=weak),
        late_ratio=delay.late_ratio(told),
        chunks=sum(one.chunks for one in told),
        receivers=len({receiver_id for receiver_id, _listened in rows}),
    )


def _targets(db: Session, actor: Actor, now: datetime, asked: LiveIn) -> tuple[Target, ...]:
    sender = db.get(Zone, asked.zone_id)
    if sender is None:
        raise Invalid("unknown_zone", "There is no such zone.", field="zone_id")
    require(actor, Action.LIVE_SPEAK, sender.path, now)
    zone_ids, group_ids = set(asked.zone_ids), set(asked.group_ids)
    found = chosen(db, zone_ids, group_ids)
    if {target.group.id if target.group else target.zones[0].id for target in found} != zone_ids | group_ids:
        raise Invalid("unknown_zone", "One of the places is not there, or is named twice.", field="zone_ids")
    if not any(target.live(now) for target in found):
        raise Invalid("no_targets", "Choose at least one place that there still is.", field="zone_ids")
    for target in found:
        for path in target.paths:
            require(actor, Action.LIVE_SPEAK, path, now)
    return found


def _placed(targets: tuple[Target, ...], now: datetime) -> list[tuple[str, str | None]]:
    """Each zone once, by itself where it was chosen by itself too."""
    found: dict[str, str | None] = {}
    for target in targets:
        for zone in target.live(now):
            group_id = target.group.id if target.group else None
            found[zone.id] = group_id if zone.id not in found else None
    return list(found.items())


def _start(asked: LiveIn, now: datetime) -> datetime:
    if asked.starts_at is None:
        return now
    if asked.kind is not LiveKind.RELAY:
        raise Invalid("starts_now", "Only a relay is planned ahead.", field="starts_at")
    if not now - timedelta(minutes=1) <= asked.starts_at <= now + RELAY_AHEAD:
        raise Invalid("past", "A relay begins between now and a month from now.", field="starts_at")
    return max(asked.starts_at, now)


def _check_source(db: Session, actor: Actor, now: datetime, talk: LiveTalk, *, asked: LiveIn, terms: Terms) -> None:
    """Return with the source of `talk` set if it is one that its kind has; else Invalid or Conflict."""
    if (asked.source_url is not None) is not (asked.kind is LiveKind.RELAY):
        raise Invalid("source_url", "A relay has the address of a stream, other talks have none.", field="source_url")
    if (asked.recording_id is not None) is not (asked.kind is LiveKind.RECORDED):
        raise Invalid("recording_id", "Say which recording is to be played.", field="recording_id")
    if asked.source_url is not None:
        talk.source_url = allowed_address(asked.source_url, terms)
    if asked.recording_id is not None:
        recording = _ready(announcements.listenable(db, actor, now, asked.recording_id, lock=True))
        talk.recording_id, talk.announcement_id = recording.id, recording.announcement_id
        talk.sha256 = recording.sha256


def host_allowed(url: str, terms: Terms) -> bool:
    """Whether the settings name its host."""
    try:
        allowed_address(url, terms)
    except Invalid:
        return False
    return True


def allowed_address(url: str, terms: Terms) -> str:
    """`url` if it is the address of a stream that may be relayed; else Invalid."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username is not None:
        raise Invalid(
            "bad_address", "Write the stream's address, beginning with http:// or https://.", field="source_url"
        )
    if host not in terms.relay_hosts:
        message = "Streams are relayed only from hosts that the centre's settings name; %(host)s is not among them."
        raise Invalid("host_not_allowed", message, field="source_url", host=host)
    return url


def _ready(recording: Recording) -> Recording:
    if recording.state is not RecordingState.READY:
        raise Conflict("not_ready", "This recording is not produced yet.", field="recording_id")
    return recording


def _check_class(db: Session, actor: Actor, now: datetime, asked: LiveIn, paths: list[str]) -> datetime | None:
    """When the order ends that it is spoken for; Invalid or Conflict where the class may not be asked for."""
    if asked.cls is not BroadcastClass.EMERGENCY:
        if asked.order_id is not None:
            raise Invalid("order_id", "Only an emergency belongs to an order.", field="order_id")
        return None
    if asked.order_id is None:
        raise Invalid("order_needed", "An emergency in one's own voice needs an issued order.", field="order_id")
    if asked.kind is not LiveKind.MICROPHONE:
        raise Invalid("own_voice", "An emergency in one's own voice is spoken into the microphone.", field="kind")
    held = emergencies.may_speak(db, actor, now, asked.order_id)
    ordered = [zone.path for target, zone in held.placed if target.ended_at is None] if held is not None else []
    if held is None or held.row.purpose is not Purpose.REAL:
        raise Conflict("no_such_order", "No emergency order of yours in force lets you speak.", field="order_id")
    if not all(any(path.startswith(place) for place in ordered) for path in paths):
        raise Conflict("outside_order", "The emergency order is not for all of these places.", field="zone_ids")
    return held.row.until_at


def _refuse(talk: LiveTalk, standing: Standing, now: datetime) -> None:
    waiting = [t for t in standing.rows.values() if t.speaker_id == talk.speaker_id and t.state is LiveState.WAITING]
    if len(waiting) > MAX_WAITING:
        raise TooMany(
            "too_many_waiting", "You have asked for several talks already. Begin or end those first.", retry_after_s=60
        )
    above = turns.refused_by(standing.of(talk), standing.talks) if talk.starts_at <= now else ()
    if above:
        title = standing.rows[above[0].id].title
        raise Conflict("air_taken", "Something more important is on the air there: %(title)s.", title=title)


def _weak(link: dict[str, object]) -> bool:
    percent = link.get("percent")
    return str(link.get("kind", "")).lower() in WEAK_KINDS or (
        isinstance(percent, (int, float)) and percent < WEAK_PERCENT
    )
