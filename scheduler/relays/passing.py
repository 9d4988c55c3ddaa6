"""What time does to relays that come again: each occurrence becomes a live talk (part of one transaction).

Rules
- A talk is asked for at its moment, in the places whose rules let all of it sound; where none does, why not is noted.
- Whether a day is off is asked at its moment too, whatever it was before. Where it is, nothing was due.
- Each that the centre slept through is noted as missed; the last one is joined as long as it lasts.
- It ends when it was to end, however late it began. Its host must be one that the settings name at that moment.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcast.clock import to_us
from scheduler.broadcasts import airings
from scheduler.live import asking, service
from scheduler.live.asking import Terms
from scheduler.live.models import LiveKind, LiveTalk
from scheduler.live.repository import add_targets
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.relays import places, repository, timing
from scheduler.relays.models import Relay, RelayRun
from scheduler.relays.service import set_next
from scheduler.store.types import new_id
from scheduler.workflow import Event, State, step
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone

MOST_DUE = 400
"""So many occurrences are noted after the centre was away; those before them are years old."""
MACHINE = Actor(user_id="", login="", name="")


def tick(db: Session, now: datetime, terms: Terms) -> tuple[str, ...]:
    """Begin what is due; the words for those who watch."""
    words = []
    for relay in repository.due(db, now):
        runs = [run for due in _dues(db, relay, now) if (run := _run(db, relay, due, now, terms)) is not None]
        db.add_all(runs)
        set_next(db, relay, now)
        if relay.next_at is None:
            relay.state = step(State(relay.state), Event.FINISH)
        db.flush()
        zone = zones.zone(db, relay.zone_id)
        path = zone.path if zone is not None else None
        for run in runs:
            audit.record(
                db, MACHINE, now, "relay.run", f"relay:{relay.id}", zone_path=path, due=run.due_at.isoformat(),
                talk=run.talk_id, trouble=run.trouble, left_out=run.left_out,
            )  # fmt: skip
        words += [f"relay:{relay.id}", *(f"live:{run.talk_id}" for run in runs if run.talk_id)]
    return tuple(words)


def _dues(db: Session, relay: Relay, now: datetime) -> list[datetime]:
    """Each occurrence that has come since it was looked at last, the oldest first."""
    first, last = relay.next_at or now, repository.last_due(db, relay.id)
    off = places.days_off(db, [relay], places.aimed_at(db, [relay], now), first)[relay.id]
    before = first - timedelta(microseconds=1)
    return timing.starts(relay, max(before, last or before), now, off)[-MOST_DUE:]  # a clock may have been put back


def _run(db: Session, relay: Relay, due: datetime, now: datetime, terms: Terms) -> RelayRun | None:
    """What becomes of an occurrence; None where all who would hear it have a day off."""
    aimed = places.live_zones(repository.targets(db, relay.id), now)
    heard_in = places.villages(db, aimed, now)
    awake = _awake(db, relay, heard_in, due)
    if heard_in and not awake:
        return None
    aimed = places.allowed(aimed, heard_in, {zone.id for zone in heard_in} - {zone.id for zone in awake})
    run = RelayRun(relay_id=relay.id, due_at=due, noted_at=now, zone_ids=[zone.id for zone in aimed])
    if now >= due + timedelta(seconds=relay.limit_s):
        run.trouble = "centre_was_away"
    elif not asking.host_allowed(relay.source_url, terms):
        run.trouble = "host_not_allowed"
    else:
        _ask(db, relay, run, now, aimed, heard_in=awake)
    return run


def _awake(db: Session, relay: Relay, heard_in: Sequence[Zone], due: datetime) -> list[Zone]:
    """The villages that have no day off then."""
    if not relay.skip_holidays or not heard_in:
        return [*heard_in]
    occurrence = timing.airing_at(relay, to_us(due))
    kept = places.kept(db, heard_in, (occurrence.start_us, occurrence.start_us + 1))
    return [zone for zone in heard_in if not kept.rests(relay, occurrence, zone)]


def _ask(
    db: Session, relay: Relay, run: RelayRun, now: datetime, aimed: Sequence[Zone], *, heard_in: Sequence[Zone]
) -> None:
    occurrence = timing.airing_at(relay, to_us(run.due_at))
    around = places.looked_at(db, heard_in, [occurrence], now, airings.media_of)  # what has no sound now takes no air
    found = places.forbidden(around, relay, heard_in, [occurrence])
    by_path = {zone.path: kind for _airing, kind, there in found for zone in there}
    silent = [(zone, kind) for zone in heard_in for path, kind in by_path.items() if path.startswith(zone.path)]
    run.silent = {zone.id: kind.value for zone, kind in silent}
    run.left_out = sorted({zone.id: zone.name for zone, _kind in silent}.values())
    where = places.allowed(aimed, heard_in, run.silent) if heard_in else []
    if not where:
        run.trouble = "nowhere_free" if run.silent else "no_receivers"
        return
    advised = asking.advice(db, now, [zone.path for zone in where])
    fallback = repository.sound_of(db, relay.fallback_id) if relay.fallback_id else None
    talk = LiveTalk(
        id=new_id(now), zone_id=relay.zone_id, kind=LiveKind.RELAY, title=relay.title, speaker_id=relay.author_id,
        relay_id=relay.id, source_url=relay.source_url, delay_ms=advised.delay_ms, bitrate_bps=advised.bitrate_bps,
        limit_s=relay.limit_s, asked_at=now, starts_at=run.due_at, recording_id=fallback.id if fallback else None,
        sha256=fallback.sha256 if fallback else None,
    )  # fmt: skip
    talk.cls = relay.cls
    db.add(talk)
    db.flush()
    add_targets(db, talk.id, [(zone.id, None) for zone in where])
    service.note(db, now, talk, "ask", by="", relay=relay.id, zones=[zone.name for zone in where])
    run.talk_id = talk.id
