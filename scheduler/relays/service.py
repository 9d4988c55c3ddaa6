"""Relays that come again, as people plan and approve them. Each function is part of one transaction.

Rules
- They live as broadcasts do (`scheduler.workflow`) and are approved once, by another person, for all their occurrences.
- They have a last day. None is sent or approved that would sound in quiet hours or longer than a place allows within
  the next weeks; each occurrence is looked at again at its moment (`scheduler.relays.passing`).
- They come from hosts that the centre's settings name. What is heard while the source is silent is approved with them.
- Paused, they keep their approval and do not come; whoever may cancel one pauses and resumes it. So it is with a single
  time: it is left out, and until then brought back.
"""

from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from scheduler.announcements import naming
from scheduler.announcements import service as announcements
from scheduler.announcements.models import RecordingState
from scheduler.approval import deciding
from scheduler.broadcasts import airings, drafts
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.broadcasts.rights import WRITE, acts_for, may_see, require_step, steps_for
from scheduler.clashes import EffectKind
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.live.asking import Terms, allowed_address
from scheduler.notices import told
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.recurrence import validate
from scheduler.relays import places, repository, timing, views
from scheduler.relays.models import Relay
from scheduler.relays.schemas import RelayApproveIn, RelayDetail, RelayIn, RelayOut, RelayPage
from scheduler.rights import Action, other_person
from scheduler.store.types import new_id
from scheduler.workflow import Event, State, step
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective

STRICT = frozenset({EffectKind.QUIET_HOURS, EffectKind.MAX_LENGTH})
MOST_WAITING = 200
MOST_LEFT_OUT = 400
"""So many days and single times a `Repeat` may leave out."""
_NO_SUCH = "There is no such relay, or it is not in your area."


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    terms: Terms,
    *,
    over: bool = False,
    before: str | None = None,
    limit: int = 50,
) -> RelayPage:
    """Those of the zones that the actor sees, newest first; `over`: those that do not come any more."""
    paths = zones.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    states = views.OVER if over else [state for state in State if state not in views.OVER]
    rows = repository.index(db, paths, states, before=before, limit=limit + 1)
    items = views.shown(db, actor, now, terms, rows[:limit])
    return RelayPage(items=items, next=items[-1].id if len(rows) > limit else None)


def waiting(db: Session, actor: Actor, now: datetime, terms: Terms) -> list[RelayDetail]:
    """What the actor is to approve and still comes, soonest first."""
    starts = [(start, row.id, row) for row, start in _sent(db, actor, now) if start is not None]
    return views.detailed(db, actor, now, terms, [row for *_first, row in sorted(starts, key=lambda one: one[:2])])


def passed(db: Session, actor: Actor, now: datetime, terms: Terms) -> list[RelayOut]:
    """What the actor was to approve and comes no more."""
    return views.shown(db, actor, now, terms, [row for row, start in _sent(db, actor, now) if start is None])


def waiting_count(db: Session, actor: Actor, now: datetime) -> int:
    """How many the actor is to approve that still come."""
    return sum(start is not None for _row, start in _sent(db, actor, now))


def _sent(db: Session, actor: Actor, now: datetime) -> list[tuple[Relay, datetime | None]]:
    """What the actor could approve, with when it first comes; None for what comes no more."""
    paths = zones.paths_of(db, actor.zones_for(Action.BROADCAST_APPROVE, now))
    yesterday = (now - timedelta(days=1)).date().isoformat()
    rows = repository.submitted(db, paths, yesterday, MOST_WAITING) if paths else []
    needed, off = views.paths_by_id(db, rows), places.days_off(db, rows, places.aimed_at(db, rows, now), now)
    ahead = now + places.KNOWN_AHEAD
    return [
        (row, timing.next_after(row, now, ahead, off[row.id]))
        for row in rows
        if Event.APPROVE in steps_for(actor, row, needed[row.id], now)
    ]


def view(db: Session, actor: Actor, now: datetime, relay_id: str, terms: Terms) -> RelayDetail:
    return views.detailed(db, actor, now, terms, [_readable(db, actor, now, relay_id)])[0]


def saved(db: Session, actor: Actor, now: datetime, relay_id: str, terms: Terms) -> RelayOut:
    """As `view`, without what it meets and what became of it."""
    return views.shown(db, actor, now, terms, [_readable(db, actor, now, relay_id)])[0]


def create(db: Session, actor: Actor, now: datetime, asked: RelayIn, terms: Terms) -> RelayDetail:
    """A new draft."""
    row = _blank(actor, now, asked, new_id(now))
    _write(db, actor, now, row, asked, terms=terms)
    return _done(db, actor, now, row, "create", terms=terms)


def unsaved(
    db: Session, actor: Actor, now: datetime, asked: RelayIn, terms: Terms, *, relay_id: str | None = None
) -> tuple[Relay, tuple[Target, ...]]:
    """A relay as it would be saved (as a new one, or in place of `relay_id`) and its places, if the actor may."""
    if relay_id is not None:
        _readable(db, actor, now, relay_id)
    row = _blank(actor, now, asked, relay_id or new_id(now))
    return row, _fill(db, actor, now, row, asked, terms=terms)


def edit(
    db: Session, actor: Actor, now: datetime, relay_id: str, asked: RelayIn, *, terms: Terms, version: int
) -> RelayDetail:
    """Another time, place or station; what was approved is approved again."""
    row = _for_step(db, actor, now, relay_id, Event.EDIT, version=version)
    row.state = step(State(row.state), Event.EDIT)
    _write(db, actor, now, row, asked, terms=terms)
    row.editor_ids = sorted({*row.editor_ids, actor.user_id})
    _unapprove(row)
    row.submitted_at = None
    return _done(db, actor, now, row, "edit", terms=terms)


def submit(db: Session, actor: Actor, now: datetime, relay_id: str, *, terms: Terms, version: int) -> RelayDetail:
    row = _for_step(db, actor, now, relay_id, Event.SUBMIT, version=version)
    row.state = step(State(row.state), Event.SUBMIT)
    _fit(db, row, now, terms)
    row.submitted_at, row.return_reason = now, None
    return _done(db, actor, now, row, "submit", terms=terms)


def approve(
    db: Session,
    actor: Actor,
    now: datetime,
    relay_id: str,
    asked: RelayApproveIn | None = None,
    *,
    terms: Terms,
    version: int,
) -> RelayDetail:
    """Release all its occurrences."""
    row = _for_step(db, actor, now, relay_id, Event.APPROVE, version=version)
    row.state = step(State(row.state), Event.APPROVE, other_person=other_person(row.editor_ids, actor.user_id))
    _fit(db, row, now, terms)
    row.approver_id, row.approved_at = actor.user_id, now
    row.approved_for = acts_for(actor, row, views.paths_by_id(db, [row])[row.id], now) or None
    row.document_no = deciding.one_line(asked.document_no) if asked else None
    set_next(db, row, now)
    return _done(
        db, actor, now, row, "approve", terms=terms, on_behalf_of=row.approved_for, document_no=row.document_no
    )


def give_back(
    db: Session, actor: Actor, now: datetime, relay_id: str, reason: str, *, terms: Terms, version: int
) -> RelayDetail:
    """Return it to its author with a reason."""
    row = _for_step(db, actor, now, relay_id, Event.RETURN, version=version)
    said = " ".join(reason.split())[:500]
    if not said:
        raise Invalid("reason_empty", "Say why you return it.", field="reason")
    row.state, row.return_reason = step(State(row.state), Event.RETURN), said
    _unapprove(row)
    return _done(db, actor, now, row, "return", terms=terms, reason=said)


def cancel(
    db: Session, actor: Actor, now: datetime, relay_id: str, terms: Terms, *, occurrence: datetime | None = None
) -> RelayDetail:
    """It comes no more, and what is on the air of it ends within seconds; or one occurrence is left out."""
    row = _for_step(db, actor, now, relay_id, Event.CANCEL)
    if occurrence is not None:
        _leave_out(row, now, occurrence)
        set_next(db, row, now)
        return _done(db, actor, now, row, "cancel_one", terms=terms, occurrence=_exception(occurrence))
    row.state, row.next_at = step(State(row.state), Event.CANCEL), None
    return _done(db, actor, now, row, "cancel", terms=terms)


def restore(
    db: Session, actor: Actor, now: datetime, relay_id: str, occurrence: datetime, *, terms: Terms, version: int
) -> RelayDetail:
    """One occurrence that was left out comes as it was approved."""
    row = _for_step(db, actor, now, relay_id, Event.CANCEL, version=version)
    text = _exception(occurrence)
    if row.state != State.APPROVED or text not in row.skipped:
        raise Conflict("not_left_out", "This time is not left out.")
    if occurrence <= now:
        raise Invalid("occurrence_over", "This occurrence is over.", field="occurrence")
    row.skipped = [one for one in row.skipped if one != text]
    set_next(db, row, now)
    return _done(db, actor, now, row, "restore", terms=terms, occurrence=text)


def pause(db: Session, actor: Actor, now: datetime, relay_id: str, *, terms: Terms, version: int) -> RelayDetail:
    """It does not come until it is resumed; what is on the air of it goes on, its approval stays."""
    row = _for_step(db, actor, now, relay_id, Event.CANCEL, version=version)
    if row.state != State.APPROVED or row.paused_at is not None:
        raise Conflict("not_coming", "Only what is approved and comes can be paused.")
    row.paused_at, row.next_at = now, None
    return _done(db, actor, now, row, "pause", terms=terms)


def resume(db: Session, actor: Actor, now: datetime, relay_id: str, *, terms: Terms, version: int) -> RelayDetail:
    """It comes again as it was approved, or is over where its last day has passed."""
    row = _for_step(db, actor, now, relay_id, Event.CANCEL, version=version)
    if row.paused_at is None:
        raise Conflict("not_paused", "This relay is not paused.")
    row.paused_at = None
    set_next(db, row, now)
    if row.next_at is None:
        row.state = step(State(row.state), Event.FINISH)
    return _done(db, actor, now, row, "resume", terms=terms)


def _unapprove(row: Relay) -> None:
    """The approval is gone, with what was written along with it; what was left out since stays so."""
    row.exdates, row.skipped = [*row.exdates, *row.skipped], []
    row.approver_id = row.approved_at = row.approved_for = row.document_no = row.paused_at = row.next_at = None


def set_next(db: Session, row: Relay, now: datetime) -> None:
    """Note when it comes next; where all are left out or on days off, the next of these: it may be brought back."""
    if row.paused_at is None:
        row.next_at = _next(db, row, now) or timing.next_approved(row, now, now + places.KNOWN_AHEAD)


def _leave_out(row: Relay, now: datetime, occurrence: datetime) -> None:
    if row.state != State.APPROVED:
        raise Conflict("not_coming", "Only of what is approved can single times be left out.")
    if occurrence <= now:
        raise Invalid("occurrence_over", "This occurrence is over.", field="occurrence")
    if occurrence not in timing.starts(row, occurrence - timedelta(microseconds=1), occurrence):
        raise Invalid("no_occurrence", "This relay does not come at that time.", field="occurrence")
    yesterday = _exception(now - timedelta(days=1))
    skipped = sorted([*(one for one in row.skipped if one > yesterday), _exception(occurrence)])
    if len(row.exdates) + len(skipped) > MOST_LEFT_OUT:
        raise Conflict("too_many_left_out", "Too many single times are left out. Change the relay instead.")
    row.skipped = skipped


def _blank(actor: Actor, now: datetime, asked: RelayIn, relay_id: str) -> Relay:
    return Relay(
        id=relay_id, zone_id=asked.zone_id, title="", source_url="", limit_s=0, state=State.DRAFT, starts_local="",
        timezone="", rrule="", until_local="", author_id=actor.user_id, editor_ids=[actor.user_id], created_at=now,
        version=0,
    )  # fmt: skip


def _write(db: Session, actor: Actor, now: datetime, row: Relay, asked: RelayIn, *, terms: Terms) -> None:
    """Have it say and keep what is asked for, if the actor may and it can be."""
    _fill(db, actor, now, row, asked, terms=terms)
    db.add(row)
    db.flush()
    repository.set_targets(db, row.id, asked.zone_ids, asked.group_ids)


def _fill(db: Session, actor: Actor, now: datetime, row: Relay, asked: RelayIn, *, terms: Terms) -> tuple[Target, ...]:
    """Have it say what is asked for, if the actor may and it can be; its places."""
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
    require_step(actor, Event.EDIT, asked.cls, places.paths_of(targets), now)
    if asked.when.until is None:
        raise Invalid("never_ends", "Choose the last day.", field="until")
    row.zone_id, row.title, row.cls, row.public = sender.id, naming.title(asked.title), asked.cls, asked.public
    row.source_url, row.limit_s = allowed_address(asked.source_url, terms), asked.limit_min * 60
    row.starts_local = drafts.wall(asked.when.starts_local)
    row.rrule, row.until_local = asked.when.rrule.strip(), asked.when.until.isoformat()
    row.exdates, row.skipped = [_exception(day) for day in asked.when.exdates], []
    row.skip_holidays, row.timezone = asked.when.skip_holidays, effective(db, sender.path).rules.timezone
    validate(timing.recurrence_of(row))
    _set_fallback(db, actor, now, row, asked.fallback_id)
    return targets


def _set_fallback(db: Session, actor: Actor, now: datetime, row: Relay, announcement_id: str | None) -> None:
    """Whoever wrote it wrote a part of the relay: they do not approve it."""
    row.fallback_id = announcement_id
    if announcement_id is None:
        return
    writers = announcements.writers(db, announcement_id)
    found = announcements.view(db, actor, now, announcement_id)
    if all(recording.state in (RecordingState.FAILED, RecordingState.EXPIRED) for recording in found.recordings):
        raise Invalid("sound_failed", "This announcement has no sound. Choose another.", field="fallback_id")
    row.editor_ids = sorted({*row.editor_ids, *writers})


def _exception(day: date | datetime) -> str:
    return day.astimezone(UTC).isoformat() if isinstance(day, datetime) else day.isoformat()


def _fit(db: Session, row: Relay, now: datetime, terms: Terms) -> None:
    """Return if it may come as it is; else Invalid or Conflict."""
    allowed_address(row.source_url, terms)
    if _next(db, row, now) is None:
        raise Invalid("past", "It does not come any more. Choose a later last day.", field="until")
    if not places.live_zones(repository.targets(db, row.id), now):
        raise Conflict("no_targets", "None of its places is there any more. Choose others.")
    for conflict in views.conflicts(db, [row], now)[row.id]:
        if conflict.kind in STRICT:
            at = airings.local_text(conflict.start, row.timezone).replace("T", " ")[: len("2026-11-23 17:00")]
            message = "On %(at)s it would sound in quiet hours, or longer than is allowed, in %(places)s."
            raise Invalid("not_allowed_then", message, field="when", at=at, places=", ".join(conflict.zone_names[:5]))


def _next(db: Session, row: Relay, now: datetime) -> datetime | None:
    off = places.days_off(db, [row], places.aimed_at(db, [row], now), now)
    return timing.next_after(row, now, now + places.KNOWN_AHEAD, off[row.id])


def _readable(db: Session, actor: Actor, now: datetime, relay_id: str) -> Relay:
    """The relay if the actor sees it: as with a broadcast, who sees a place that hears it may see it."""
    row = repository.get(db, relay_id)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None:
        raise NotFound("not_found", _NO_SUCH)
    seen = zones.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    aimed = [found.path for target in repository.targets(db, row.id) for found in target.zones]
    if not may_see(actor, State(row.state), now, sender=zone.path, targets=aimed, seen=seen):
        raise NotFound("not_found", _NO_SUCH)
    return row


def _for_step(
    db: Session, actor: Actor, now: datetime, relay_id: str, event: Event, *, version: int | None = None
) -> Relay:
    repository.get(db, relay_id, lock=True)
    row = _readable(db, actor, now, relay_id)
    paths = [db.get_one(Zone, row.zone_id).path, *places.paths_of(repository.targets(db, row.id))]
    require_step(actor, event, row.cls, paths, now, author_ids=row.editor_ids)
    if version is not None and version != row.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return row


def _done(
    db: Session, actor: Actor, now: datetime, row: Relay, what: str, *, terms: Terms, **detail: object
) -> RelayDetail:
    row.version += 1
    db.add(row)
    db.flush()
    path = db.get_one(Zone, row.zone_id).path
    told.act_on(db, row, what, actor.user_id, now)
    audit.record(
        db, actor, now, f"relay.{what}", f"relay:{row.id}", zone_path=path, state=row.state, source=row.source_url,
        **{name: value for name, value in detail.items() if value},
    )  # fmt: skip
    return view(db, actor, now, row.id, terms)
