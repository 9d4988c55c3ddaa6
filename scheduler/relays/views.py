"""Relays as people see them (reads the database; a fixed number of queries for any number of relays)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import Airing
from scheduler.broadcasts import airings
from scheduler.broadcasts.rights import acts_for, steps_for
from scheduler.broadcasts.schemas import Repeat
from scheduler.live.asking import Terms, host_allowed
from scheduler.people.actor import Actor
from scheduler.relays import places, repository, timing
from scheduler.relays.models import Relay
from scheduler.relays.schemas import ConflictOut, RelayDetail, RelayOut, RunOut
from scheduler.workflow import Event, State
from scheduler.zones.forest import zones_by_id

LOOKED_AHEAD = timedelta(days=14)
SHOWN, RUNS = 5, 14
OVER = (State.DONE, State.CANCELLED)


def shown(db: Session, actor: Actor, now: datetime, terms: Terms, rows: Sequence[Relay]) -> list[RelayOut]:
    targets, senders = places.targets_of(db, rows), zones_by_id(db, {row.zone_id for row in rows})
    ids = (one for row in rows for one in (row.author_id, row.approver_id, *(row.approved_for or ())) if one)
    names = repository.people(db, set(ids))
    titles = repository.titles(db, {row.fallback_id for row in rows if row.fallback_id})
    live = {key: places.live_zones(found, now) for key, found in targets.items()}
    off = places.days_off(db, rows, live, now)
    found = []
    for row in rows:
        aimed, sender = targets[row.id], senders[row.zone_id]
        coming = () if row.state in OVER or row.paused_at else _coming(row, now, off[row.id])
        found.append(
            RelayOut(
                **row.model_dump(exclude={"skipped"}),
                zone_name=sender.name,
                host_allowed=host_allowed(row.source_url, terms),
                fallback_title=titles.get(row.fallback_id or ""),
                when=when_of(row),
                zone_ids=[target.zones[0].id for target in aimed if target.group is None],
                group_ids=[target.group.id for target in aimed if target.group is not None],
                place_names=[target.group.name if target.group else target.zones[0].name for target in aimed],
                author_name=names.get(row.author_id, ""),
                approver_name=names.get(row.approver_id or ""),
                on_behalf_of=[names[one] for one in row.approved_for or () if one in names],
                coming=[from_us(one.start_us) for one in coming][:SHOWN],
                skipped=[one for text in row.skipped if (one := datetime.fromisoformat(text)) > now],
                possible=_possible(actor, row, [sender.path, *places.paths_of(aimed)], now),
            )
        )
    return found


def detailed(db: Session, actor: Actor, now: datetime, terms: Terms, rows: Sequence[Relay]) -> list[RelayDetail]:
    """With what each meets in the next weeks, and what became of its last occurrences."""
    met, runs = conflicts(db, rows, now), repository.runs(db, [row.id for row in rows], RUNS)
    acting = _acting(db, actor, now, rows)
    return [
        RelayDetail(
            **one.model_dump(),
            acts_for=acting[one.id],
            conflicts=met[one.id],
            runs=[RunOut.model_validate(run.model_dump()) for run in runs[one.id]],
        )
        for one in shown(db, actor, now, terms, rows)
    ]


def _acting(db: Session, actor: Actor, now: datetime, rows: Sequence[Relay]) -> dict[str, list[str]]:
    """The names of those as whose deputy the actor would approve each that waits."""
    waiting = [row for row in rows if row.state == State.SUBMITTED]
    paths = paths_by_id(db, waiting)
    found = {row.id: acts_for(actor, row, paths[row.id], now) for row in waiting}
    names = repository.people(db, {user_id for ids in found.values() for user_id in ids})
    return {row.id: [names[one] for one in found.get(row.id, ()) if one in names] for row in rows}


def paths_by_id(db: Session, rows: Sequence[Relay]) -> dict[str, list[str]]:
    """By relay, where whoever approves it needs the right."""
    targets, senders = places.targets_of(db, rows), zones_by_id(db, {row.zone_id for row in rows})
    return {row.id: [senders[row.zone_id].path, *places.paths_of(targets[row.id])] for row in rows}


def conflicts(db: Session, rows: Sequence[Relay], now: datetime) -> dict[str, list[ConflictOut]]:
    """What the rules of some villages do not let sound whole in the next weeks, by relay."""
    rows = [row for row in rows if row.state not in OVER]
    aimed = places.aimed_at(db, rows, now)
    off = places.days_off(db, rows, aimed, now)
    villages = places.villages(db, [zone for found in aimed.values() for zone in found], now)
    coming = {row.id: [one for one in _coming(row, now, off[row.id]) if one.start_us >= to_us(now)] for row in rows}
    looked_at = places.looked_at(db, villages, [one for found in coming.values() for one in found], now)
    told: dict[str, list[ConflictOut]] = defaultdict(list)
    for row in rows:
        paths = tuple(zone.path for zone in aimed[row.id])
        here = [zone for zone in villages if zone.path.startswith(paths)] if paths else []
        told[row.id] = [
            ConflictOut(start=from_us(one.start_us), kind=kind, zone_names=[zone.name for zone in silent])
            for one, kind, silent in places.forbidden(looked_at, row, here, coming[row.id])
        ]
    return told


def when_of(row: Relay) -> Repeat:
    return Repeat(
        starts_local=row.starts_local,
        rrule=row.rrule,
        until=date.fromisoformat(row.until_local),
        exdates=[airings.exception_from(text) for text in (*row.exdates, *row.skipped)],
        skip_holidays=row.skip_holidays,
    )


def _coming(row: Relay, now: datetime, holidays: Collection[date]) -> list[Airing]:
    return timing.coming(row, (to_us(now), to_us(now + LOOKED_AHEAD)), holidays)


def _possible(
    actor: Actor, row: Relay, paths: Sequence[str], now: datetime
) -> list[Event | Literal["pause", "resume"]]:
    steps = steps_for(actor, row, paths, now)
    if Event.CANCEL not in steps or row.state != State.APPROVED:
        return [*steps]
    return [*steps, "resume" if row.paused_at else "pause"]
