"""Relays that come again, as people plan and approve them. Each function is part of one transaction.

Rules
- They live as broadcasts do (`scheduler.workflow`) and are approved once, by another person, for all their occurrences.
- They have a last day. None is sent or approved that would sound in quiet hours or longer than a place allows within
  the next weeks; each occurrence is looked at again at its moment (`scheduler.relays.passing`).
- They come from hosts that the centre's settings name.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from broadcast.clock import from_us, to_us
from scheduler.announcements import naming
from scheduler.broadcasts import airings, drafts
from scheduler.broadcasts.repository import Target, chosen
from scheduler.broadcasts.rights import WRITE, needed, require_step
from scheduler.broadcasts.schemas import Repeat
from scheduler.clashes import EffectKind
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.live.asking import Terms, allowed_address, host_allowed
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import zone as timezone_of
from scheduler.recurrence import MAX_DAYS, validate
from scheduler.relays import places, repository, timing
from scheduler.relays.models import Relay
from scheduler.relays.schemas import ConflictOut, RelayDetail, RelayIn, RelayOut, RunOut
from scheduler.rights import Action, other_person
from scheduler.store.types import new_id
from scheduler.workflow import Event, State, possible, step
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective

LOOKED_AHEAD = timedelta(days=14)
SHOWN, RUNS = 5, 14
STRICT = frozenset({EffectKind.QUIET_HOURS, EffectKind.MAX_LENGTH})
_STEPS = (Event.EDIT, Event.SUBMIT, Event.APPROVE, Event.RETURN, Event.CANCEL)
_NO_SUCH = "There is no such relay, or it is not in your area."


def index(db: Session, actor: Actor, now: datetime, terms: Terms, *, over: bool = False) -> list[RelayOut]:
    """Those of the zones that the actor sees; `over`: those that do not come any more."""
    paths = zones.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    return _shown(db, actor, now, terms, repository.index(db, paths, over=over))


def view(db: Session, actor: Actor, now: datetime, relay_id: str, terms: Terms) -> RelayDetail:
    row = _readable(db, actor, now, relay_id)
    shown = _shown(db, actor, now, terms, [row])[0]
    runs = [
        RunOut(due_at=run.due_at, talk_id=run.talk_id, trouble=run.trouble, left_out=run.left_out)
        for run in repository.runs(db, row.id, RUNS)
    ]
    return RelayDetail(**shown.model_dump(), conflicts=_conflicts(db, row, now), runs=runs)


def create(db: Session, actor: Actor, now: datetime, asked: RelayIn, terms: Terms) -> RelayDetail:
    """A new draft."""
    row = Relay(
        id=new_id(now), zone_id=asked.zone_id, title="", source_url="", limit_s=0, state=State.DRAFT, starts_local="",
        timezone="", rrule="", until_local="", author_id=actor.user_id, editor_ids=[actor.user_id], created_at=now,
        version=0,
    )  # fmt: skip
    _write(db, actor, now, row, asked, terms=terms)
    return _done(db, actor, now, row, "create", terms=terms)


def edit(
    db: Session, actor: Actor, now: datetime, relay_id: str, asked: RelayIn, *, terms: Terms, version: int
) -> RelayDetail:
    """Another time, place or station; what was approved is approved again."""
    row = _for_step(db, actor, now, relay_id, Event.EDIT, version=version)
    row.state = step(State(row.state), Event.EDIT)
    _write(db, actor, now, row, asked, terms=terms)
    row.editor_ids = sorted({*row.editor_ids, actor.user_id})
    row.approver_id = row.approved_at = row.submitted_at = row.next_at = None
    return _done(db, actor, now, row, "edit", terms=terms)


def submit(db: Session, actor: Actor, now: datetime, relay_id: str, *, terms: Terms, version: int) -> RelayDetail:
    row = _for_step(db, actor, now, relay_id, Event.SUBMIT, version=version)
    row.state = step(State(row.state), Event.SUBMIT)
    _fit(db, row, now, terms)
    row.submitted_at, row.return_reason = now, None
    return _done(db, actor, now, row, "submit", terms=terms)


def approve(db: Session, actor: Actor, now: datetime, relay_id: str, *, terms: Terms, version: int) -> RelayDetail:
    """Release all its occurrences."""
    row = _for_step(db, actor, now, relay_id, Event.APPROVE, version=version)
    row.state = step(State(row.state), Event.APPROVE, other_person=other_person(row.editor_ids, actor.user_id))
    _fit(db, row, now, terms)
    row.approver_id, row.approved_at = actor.user_id, now
    set_next(db, row, now)
    return _done(db, actor, now, row, "approve", terms=terms)


def give_back(
    db: Session, actor: Actor, now: datetime, relay_id: str, reason: str, *, terms: Terms, version: int
) -> RelayDetail:
    """Return it to its author with a reason."""
    row = _for_step(db, actor, now, relay_id, Event.RETURN, version=version)
    said = " ".join(reason.split())[:500]
    if not said:
        raise Invalid("reason_empty", "Say why you return it.", field="reason")
    row.state, row.return_reason = step(State(row.state), Event.RETURN), said
    row.approver_id = row.approved_at = row.next_at = None
    return _done(db, actor, now, row, "return", terms=terms)


def cancel(db: Session, actor: Actor, now: datetime, relay_id: str, terms: Terms) -> RelayDetail:
    """It comes no more; what is on the air of it ends within seconds."""
    row = _for_step(db, actor, now, relay_id, Event.CANCEL)
    row.state, row.next_at = step(State(row.state), Event.CANCEL), None
    return _done(db, actor, now, row, "cancel", terms=terms)


def set_next(db: Session, row: Relay, now: datetime) -> None:
    """Note when it comes next."""
    row.next_at = timing.next_after(row, now, now + timedelta(days=2 * MAX_DAYS), _holidays(db, row, now))


def _write(db: Session, actor: Actor, now: datetime, row: Relay, asked: RelayIn, *, terms: Terms) -> None:
    """Have it say what is asked for, if the actor may and it can be."""
    sender = zones.zone(db, asked.zone_id)
    if sender is None:
        raise Invalid("unknown_zone", "There is no such zone.", field="zone_id")
    for action in WRITE:
        require(actor, action, sender.path, now)
    targets = chosen(db, set(asked.zone_ids), set(asked.group_ids))
    if {target.group.id if target.group else target.zones[0].id for target in targets} != {
        *asked.zone_ids, *asked.group_ids,
    }:  # fmt: skip
        raise Invalid("unknown_zone", "One of the places is not there, or is named twice.", field="zone_ids")
    if not places.live_zones(targets, now):
        raise Invalid("no_targets", "Choose at least one place that there still is.", field="zone_ids")
    require_step(actor, Event.EDIT, asked.cls, _paths(targets), now)
    if asked.when.until is None:
        raise Invalid("never_ends", "Choose the last day.", field="until")
    row.zone_id, row.title, row.cls = sender.id, naming.title(asked.title), asked.cls
    row.source_url, row.limit_s = allowed_address(asked.source_url, terms), asked.limit_min * 60
    row.starts_local = drafts.wall(asked.when.starts_local)
    row.rrule, row.until_local = asked.when.rrule.strip(), asked.when.until.isoformat()
    row.exdates = [_exception(day) for day in asked.when.exdates]
    row.skip_holidays, row.timezone = asked.when.skip_holidays, effective(db, sender.path).rules.timezone
    validate(timing.recurrence_of(row))
    db.add(row)
    db.flush()
    repository.set_targets(db, row.id, asked.zone_ids, asked.group_ids)


def _exception(day: date | datetime) -> str:
    return day.astimezone(UTC).isoformat() if isinstance(day, datetime) else day.isoformat()


def _fit(db: Session, row: Relay, now: datetime, terms: Terms) -> None:
    """Return if it may come as it is; else Invalid or Conflict."""
    allowed_address(row.source_url, terms)
    if timing.next_after(row, now, now + timedelta(days=2 * MAX_DAYS), _holidays(db, row, now)) is None:
        raise Invalid("past", "It does not come any more. Choose a later last day.", field="until")
    if not places.live_zones(repository.targets(db, row.id), now):
        raise Conflict("no_targets", "None of its places is there any more. Choose others.")
    for conflict in _conflicts(db, row, now):
        if conflict.kind in STRICT:
            at = airings.local_text(conflict.start, row.timezone).replace("T", " ")[: len("2026-11-23 17:00")]
            message = "On %(at)s it would sound in quiet hours, or longer than is allowed, in %(places)s."
            raise Invalid("not_allowed_then", message, field="when", at=at, places=", ".join(conflict.zone_names[:5]))


def _conflicts(db: Session, row: Relay, now: datetime) -> list[ConflictOut]:
    """What the rules of some villages do not let sound of the next weeks."""
    if row.state in (State.DONE, State.CANCELLED):
        return []
    aimed = places.live_zones(repository.targets(db, row.id), now)
    window = to_us(now), to_us(now + LOOKED_AHEAD)
    coming = [one for one in timing.coming(row, window, _holidays(db, row, now)) if one.start_us >= window[0]]
    found = places.forbidden(db, places.villages(db, aimed, now), coming)
    return [
        ConflictOut(start=from_us(airing.start_us), kind=kind, zone_names=[zone.name for zone in silent])
        for airing, kind, silent in found
    ]


def _holidays(db: Session, row: Relay, now: datetime) -> frozenset[date]:
    zone = zones.zone(db, row.zone_id)
    if zone is None or not row.skip_holidays:
        return frozenset()
    first = now.astimezone(timezone_of(row.timezone)).date()
    found = zones.holidays(db, zones.ids_of(zone.path), first, first + timedelta(days=2 * MAX_DAYS))
    return frozenset(holiday.day for holiday in found)


def _readable(db: Session, actor: Actor, now: datetime, relay_id: str) -> Relay:
    row = repository.get(db, relay_id)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None:
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.BROADCAST_READ, zone.path, now)
    return row


def _for_step(
    db: Session, actor: Actor, now: datetime, relay_id: str, event: Event, *, version: int | None = None
) -> Relay:
    repository.get(db, relay_id, lock=True)
    row = _readable(db, actor, now, relay_id)
    paths = [db.get_one(Zone, row.zone_id).path, *_paths(repository.targets(db, row.id))]
    require_step(actor, event, row.cls, paths, now, author_ids=row.editor_ids)
    if version is not None and version != row.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return row


def _paths(targets: Sequence[Target]) -> list[str]:
    return [path for target in targets for path in target.paths]


def _done(db: Session, actor: Actor, now: datetime, row: Relay, what: str, *, terms: Terms) -> RelayDetail:
    row.version += 1
    db.add(row)
    db.flush()
    path = db.get_one(Zone, row.zone_id).path
    audit.record(
        db, actor, now, f"relay.{what}", f"relay:{row.id}", zone_path=path, state=row.state, source=row.source_url,
        **({"reason": row.return_reason} if what == "return" else {}),
    )  # fmt: skip
    return view(db, actor, now, row.id, terms)


def _shown(db: Session, actor: Actor, now: datetime, terms: Terms, rows: Sequence[Relay]) -> list[RelayOut]:
    targets = repository.target_ids(db, [row.id for row in rows])
    known = zones.zones(db, {row.zone_id for row in rows} | {one for ids, _groups in targets.values() for one in ids})
    groups = {
        target.group.id: target
        for target in chosen(db, [], {g for _z, ids in targets.values() for g in ids})
        if target.group
    }
    names = repository.people(db, {one for row in rows for one in (row.author_id, row.approver_id) if one})
    found = []
    for row in rows:
        zone_ids, group_ids = targets[row.id]
        aimed = [known[one] for one in zone_ids if one in known]
        paths = [known[row.zone_id].path, *(zone.path for zone in aimed), *_paths([groups[g] for g in group_ids])]
        window = to_us(now), to_us(now + LOOKED_AHEAD)
        coming = [from_us(one.start_us) for one in timing.coming(row, window)] if row.state not in _OVER else []
        found.append(
            RelayOut(
                **row.model_dump(),
                zone_name=known[row.zone_id].name,
                host_allowed=host_allowed(row.source_url, terms),
                when=_when(row),
                zone_ids=zone_ids,
                group_ids=group_ids,
                place_names=[*(zone.name for zone in aimed), *(_name(groups[one]) for one in group_ids)],
                author_name=names.get(row.author_id, ""),
                approver_name=names.get(row.approver_id or ""),
                coming=coming[:SHOWN],
                possible=_possible(actor, row, paths, now),
            )
        )
    return found


_OVER = (State.DONE, State.CANCELLED)


def _name(target: Target) -> str:
    return target.group.name if target.group is not None else target.zones[0].name


def _possible(actor: Actor, row: Relay, paths: Sequence[str], now: datetime) -> list[Event]:
    judge = actor.judging(row.editor_ids)
    return [
        event
        for event in possible(State(row.state))
        if event in _STEPS
        and all(judge.may_everywhere(action, paths, now) for action in needed(event, row.cls))
        and (event is not Event.APPROVE or other_person(row.editor_ids, actor.user_id))
    ]


def _when(row: Relay) -> Repeat:
    return Repeat(
        starts_local=row.starts_local,
        rrule=row.rrule,
        until=date.fromisoformat(row.until_local),
        exdates=[airings.exception_from(text) for text in row.exdates],
        skip_holidays=row.skip_holidays,
    )
