"""What people do with broadcasts. Each function is part of one transaction and checks the right to it first.

Whatever changes what is to play marks the programmes of all zones concerned, those that were aimed at before too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording, RecordingState
from scheduler.approval import deciding, editions
from scheduler.broadcasts import aiming, airings, drafts, occurring, onair, planning, recorded, repository, views
from scheduler.broadcasts import preview as previews
from scheduler.broadcasts.aiming import Target
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.rights import WRITE, acts_for, may_see, require_step
from scheduler.broadcasts.schemas import (
    ApproveIn,
    BroadcastIn,
    BroadcastOut,
    BroadcastPage,
    CancelIn,
    Notice,
    PreviewOut,
)
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.notices import told
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import zone as zone_of
from scheduler.rights import Action, other_person
from scheduler.store.types import new_id
from scheduler.workflow import Event, State, approval_needed, step
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone
from scheduler.zones.rules import effective

_NO_SUCH = "There is no such thing, or it is not in your area."


@dataclass(frozen=True, slots=True)
class Held:
    """A broadcast in the middle of a change, with where it is aimed at."""

    row: Broadcast
    targets: tuple[Target, ...]

    @property
    def zones(self) -> tuple[Zone, ...]:
        return tuple(zone for target in self.targets for zone in target.zones)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where whoever changes it needs the right."""
        return tuple(path for target in self.targets for path in target.paths)


def view(db: Session, actor: Actor, now: datetime, broadcast_id: str) -> BroadcastOut:
    return views.shown(db, actor, now, [readable(db, actor, now, broadcast_id).row])[0]


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    states: Collection[State] = (),
    before: str | None = None,
    limit: int = 50,
    document: str = "",
    q: str = "",
) -> BroadcastPage:
    """The broadcasts that the actor sees, newest first; `before` is the last page's `next`.

    Those that say `q`, and of a signed paper those in whose number `document` stands; either, if both are given.
    """
    key = deciding.document_key(document) or None
    own = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    above = {zone_id for path in own for zone_id in zone_sql.ids_of(path)}
    judged = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_APPROVE, now)) if own else []
    rows = repository.page(
        db, own, above, states=states, before=before, limit=limit + 1, document=key, q=q.strip(), judged=judged
    )
    items = views.shown(db, actor, now, rows[:limit])
    return BroadcastPage(items=items, next=items[-1].id if len(rows) > limit else None)


def readable(db: Session, actor: Actor, now: datetime, broadcast_id: str) -> Held:
    """The broadcast if the actor sees it; else NotFound."""
    row = repository.get(db, broadcast_id)
    if row is None:
        raise NotFound("not_found", _NO_SUCH)
    held = Held(row, aiming.targets(db, [row.id])[row.id])
    seen = zone_sql.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    sender, aimed = db.get_one(Zone, row.zone_id).path, [zone.path for zone in held.zones]
    if not may_see(actor, State(row.state), now, sender=sender, targets=aimed, seen=seen, judged=held.paths):
        raise NotFound("not_found", _NO_SUCH)
    return held


def create(db: Session, actor: Actor, now: datetime, draft: BroadcastIn) -> BroadcastOut:
    """A new draft."""
    held = _written(db, actor, now, draft)
    row = held.row
    row.created_at, row.author_id, row.editor_ids = now, actor.user_id, [actor.user_id]
    db.add(row)
    db.flush()
    aiming.set_targets(db, row.id, draft.zone_ids, draft.group_ids)
    return _done(db, actor, now, held, "create")


def edit(
    db: Session, actor: Actor, now: datetime, broadcast_id: str, draft: BroadcastIn, *, version: int
) -> BroadcastOut:
    """Another announcement, place or time. What was approved needs approval again, where it needs one."""
    held = _for_step(db, actor, now, broadcast_id, Event.EDIT, version=version)
    before, row = held, held.row
    step(State(row.state), Event.EDIT)
    needed_before = _approval(db, held, now)
    changed = _written(db, actor, now, draft, row)
    aiming.set_targets(db, row.id, draft.zone_ids, draft.group_ids)
    row.state = step(State(row.state), Event.EDIT, approval=needed_before or _approval(db, changed, now))
    row.editor_ids = sorted({*row.editor_ids, actor.user_id})
    if row.state == State.DRAFT:
        deciding.unapprove(row)
        row.submitted_at = None
    else:
        _fit_to_air(db, changed, now)
        onair.begin(db, row, now)
    onair.tell_receivers(db, {zone.id for zone in before.zones}, now)
    return _done(db, actor, now, changed, "edit")


def submit(db: Session, actor: Actor, now: datetime, broadcast_id: str, *, version: int) -> BroadcastOut:
    """Have it approved; it is at once where no approval is needed."""
    held = _for_step(db, actor, now, broadcast_id, Event.SUBMIT, version=version)
    _fit_to_air(db, held, now)
    row = held.row
    _require_known(db, actor, now, row)
    row.editor_ids = sorted({*row.editor_ids, *announcements.writers(db, row.announcement_id)})
    row.state = step(State(row.state), Event.SUBMIT, approval=_approval(db, held, now))
    row.submitted_at, row.return_reason = now, None
    if row.state == State.APPROVED:
        row.approved_at = now
        onair.begin(db, row, now)
    else:
        editions.keep(db, row, held.targets, actor.user_id, now)
    if row.cls is BroadcastClass.EMERGENCY:
        announcements.hurry(db, row.announcement_id)
    return _done(db, actor, now, held, "submit")


def approve(
    db: Session, actor: Actor, now: datetime, broadcast_id: str, *, version: int, asked: ApproveIn | None = None
) -> BroadcastOut:
    """Release what others wrote, perhaps for another time; `version` is what the approver looked at."""
    held = _for_step(db, actor, now, broadcast_id, Event.APPROVE, version=version)
    row, asked = held.row, asked or ApproveIn()
    row.state = step(State(row.state), Event.APPROVE, other_person=other_person(row.editor_ids, actor.user_id))
    retimed = asked.starts_local is not None and deciding.retime(row, drafts.wall(asked.starts_local))
    _fit_to_air(db, held, now)
    if retimed:
        deciding.check_free(_preview(db, held, now))
    deciding.file_under(row, asked.document_no)
    row.approver_id, row.approved_at = actor.user_id, now
    row.approved_for = acts_for(actor, row, held.paths, now) or None
    onair.begin(db, row, now)
    detail = {"on_behalf_of": row.approved_for, "document_no": row.document_no, "asked": row.asked_local}
    detail |= {"starts": row.starts_local if retimed else None}
    return _done(db, actor, now, held, "approve", **{name: value for name, value in detail.items() if value})


def give_back(
    db: Session, actor: Actor, now: datetime, broadcast_id: str, reason: str, *, version: int
) -> BroadcastOut:
    """Return it to its author with a reason."""
    held = _for_step(db, actor, now, broadcast_id, Event.RETURN, version=version)
    said = " ".join(reason.split())
    if not said:
        raise Invalid("reason_empty", "Say why you return it.", field="reason")
    row = held.row
    row.state = step(State(row.state), Event.RETURN)
    row.return_reason = said[:500]
    deciding.give_back(row)
    return _done(db, actor, now, held, "return", reason=row.return_reason)


def cancel(db: Session, actor: Actor, now: datetime, broadcast_id: str, asked: CancelIn | None = None) -> BroadcastOut:
    """Cancel the whole broadcast, or one occurrence of a repeating one."""
    held = _for_step(db, actor, now, broadcast_id, Event.CANCEL)
    row = held.row
    if asked is not None and asked.occurrence is not None:
        if asked.occurrence <= now and not recorded.running_airings(db, now).get(row.id):
            raise Invalid("occurrence_over", "This occurrence is over.", field="occurrence")
        _leave_out(row, asked.occurrence)
        return _done(db, actor, now, held, "cancel_one", occurrence=asked.occurrence.isoformat())
    row.state, row.cancelled_at = step(State(row.state), Event.CANCEL), now
    return _done(db, actor, now, held, "cancel")


def stop(db: Session, actor: Actor, now: datetime, broadcast_id: str, *, whole: bool = False) -> BroadcastOut:
    """Silence what is on the air now; a repeating broadcast goes on with its next occurrence unless `whole`."""
    held = _locked(db, actor, now, broadcast_id)
    for path in [zone.path for zone in held.zones] or held.paths:
        require(actor, Action.BROADCAST_STOP, path, now)
    row = held.row
    running = recorded.running_airings(db, now).get(row.id, set())
    if not running and row.state != State.ON_AIR:
        raise Conflict("not_on_air", "This broadcast is not on the air.")
    if row.state == State.APPROVED:
        row.state = step(State.APPROVED, Event.START)
    if row.rrule is None or whole:
        row.state, row.cancelled_at = step(State(row.state), Event.CANCEL), now
        return _done(db, actor, now, held, "stop")
    for airing_id in running:
        _leave_out(row, airings.start_of(airing_id))
    row.state = step(State(row.state), Event.REST)
    return _done(db, actor, now, held, "stop")


def hide(db: Session, actor: Actor, now: datetime, broadcast_id: str) -> BroadcastOut:
    """Take it and what it said off the pages for residents, also when it is over; on the air nothing changes."""
    held = _locked(db, actor, now, broadcast_id)
    for path in held.paths:
        require(actor, Action.BROADCAST_CANCEL, path, now)
    held.row.public = False
    return _done(db, actor, now, held, "hide")


def preview(
    db: Session, actor: Actor, now: datetime, draft: BroadcastIn, *, broadcast_id: str | None = None
) -> PreviewOut:
    """What saving `draft` (as a new broadcast, or in place of `broadcast_id`) would change, and the ways out."""
    return _preview(db, unsaved(db, actor, now, draft, broadcast_id=broadcast_id), now)


def unsaved(db: Session, actor: Actor, now: datetime, draft: BroadcastIn, *, broadcast_id: str | None = None) -> Held:
    """`draft` as it would be saved (as a new broadcast, or in place of `broadcast_id`), if the actor may."""
    saved = readable(db, actor, now, broadcast_id).row if broadcast_id else None
    return _written(db, actor, now, draft, saved.unsaved_copy() if saved is not None else None)


def free_starts(db: Session, actor: Actor, now: datetime, zone_id: str, wished: Sequence[datetime]) -> list[datetime]:
    """Near which of the wished starts something new can be heard in all of that zone, and when, each once."""
    sender = db.get(Zone, zone_id)
    if sender is None:
        raise Invalid("unknown_zone", "There is no such zone.", field="zone_id")
    require(actor, Action.BROADCAST_EDIT, sender.path, now)
    return previews.free_starts(db, sender, wished, now)


def preview_saved(db: Session, actor: Actor, now: datetime, broadcast_id: str) -> PreviewOut:
    """The same for a broadcast as it is saved: what its approver sees."""
    return _preview(db, readable(db, actor, now, broadcast_id), now)


def _preview(db: Session, held: Held, now: datetime) -> PreviewOut:
    row = held.row
    title = repository.titles(db, [row.announcement_id])[row.announcement_id]
    found = previews.preview(db, row, title, held.targets, now)
    recordings = repository.recordings_of(db, {row.announcement_id})[row.announcement_id]
    served = {zone.id for zone in held.zones if zone.path not in found.silent_paths}
    notices = views.notices(row, held.targets, recordings, served, now)
    if found.left_out:
        message = "%(count)s more places were not looked at."
        notices.append(Notice(code="places_left_out", message=message, params={"count": found.left_out}))
    starts = [airings.start_of(airing.id) for airing in found.proposed]
    return PreviewOut(
        occurrences=starts,
        occurrences_local=[airings.local_text(start, row.timezone) for start in starts],
        estimated=any(recording.state is not RecordingState.READY for recording in recordings),
        places=found.places,
        days_off=found.days_off,
        choices=found.choices,
        notices=notices,
    )


def _written(db: Session, actor: Actor, now: datetime, draft: BroadcastIn, row: Broadcast | None = None) -> Held:
    """`row`, or a new one, saying what `draft` says, once that is possible and the actor may; not saved yet."""
    sender = db.get(Zone, draft.zone_id)
    if sender is None:
        raise Invalid("unknown_zone", "There is no such zone.", field="zone_id")
    for action in WRITE:
        require(actor, action, sender.path, now)
    targets = _targets(db, draft, now)
    require_step(actor, Event.EDIT, draft.cls, [path for target in targets for path in target.paths], now)
    announcement = announcements.readable(db, actor, now, draft.announcement_id)
    made = row or Broadcast(
        id=new_id(now), zone_id=sender.id, announcement_id=announcement.id, state=State.DRAFT, timezone="",
        author_id=actor.user_id, created_at=now, version=0,
    )  # fmt: skip
    drafts.write(made, draft)
    made.timezone = effective(db, sender.path).rules.timezone
    made.origin = drafts.origin_of(sender.kind)
    drafts.check_time(made, now)
    return Held(made, targets)


def _targets(db: Session, draft: BroadcastIn, now: datetime) -> tuple[Target, ...]:
    zone_ids, group_ids = set(draft.zone_ids), set(draft.group_ids)
    found = aiming.chosen(db, zone_ids, group_ids)
    known = {target.group.id if target.group else target.zones[0].id for target in found}
    if known != zone_ids | group_ids or len(draft.zone_ids) != len(zone_ids) or len(draft.group_ids) != len(group_ids):
        raise Invalid("unknown_zone", "One of the places is not there, or is named twice.", field="zone_ids")
    if not any(target.live(now) for target in found):
        raise Invalid("no_targets", "Choose at least one place that there still is.", field="zone_ids")
    return found


def _for_step(
    db: Session, actor: Actor, now: datetime, broadcast_id: str, event: Event, *, version: int | None = None
) -> Held:
    """The broadcast, locked, if the actor may take this step with what they saw of it."""
    held = _locked(db, actor, now, broadcast_id)
    require_step(actor, event, held.row.cls, held.paths, now, author_ids=held.row.editor_ids)
    if version is not None and version != held.row.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return held


def _locked(db: Session, actor: Actor, now: datetime, broadcast_id: str) -> Held:
    """It, kept from others; what came of it while the centre was away is recorded as it was until now."""
    repository.locked(db, broadcast_id)
    held = readable(db, actor, now, broadcast_id)
    onair.catch_up(db, held.row, now)
    return held


def _approval(db: Session, held: Held, now: datetime) -> bool:
    """Whether one of its zones wants it approved."""
    zones = [zone for target in held.targets for zone in target.live(now)]
    places = planning.places(db, zones)
    return any(approval_needed(held.row.cls, places[zone.id].effective.approval_classes) for zone in zones)


def _fit_to_air(db: Session, held: Held, now: datetime) -> None:
    """Return if it could go on the air as it is, its sound from now on held as it is; else Invalid or Conflict."""
    announcements.hold(db, held.row.announcement_id)
    drafts.check_time(held.row, now)
    if not any(target.live(now) for target in held.targets):
        raise Conflict("no_targets", "None of its places is there any more. Choose others.")
    recordings = repository.recordings_of(db, {held.row.announcement_id})[held.row.announcement_id]
    _check_day(db, held, recordings, now)
    if recordings and all(recording.state is RecordingState.EXPIRED for recording in recordings):
        raise Conflict("sound_expired", "Its sound is kept no more. Make it again, or choose another announcement.")
    if all(recording.state in (RecordingState.FAILED, RecordingState.EXPIRED) for recording in recordings):
        raise Conflict("sound_failed", "Its sound could not be produced. Mend the announcement first.")


def _require_known(db: Session, actor: Actor, now: datetime, row: Broadcast) -> None:
    """Return if what is sent is what was chosen, or the actor's own; of another place's later words nobody knows."""
    announcement = announcements.hold(db, row.announcement_id)
    changed_at, chosen_at = announcement.changed_at, row.submitted_at or row.created_at
    home = db.get_one(Zone, announcement.zone_id).path
    if changed_at is None or chosen_at > changed_at or actor.may(Action.BROADCAST_SUBMIT, home, now):
        return
    try:
        announcements.readable(db, actor, now, announcement.id)
    except (NotFound, Forbidden):
        message = "Its announcement is another place's, which has changed it since. Choose another one."
        raise Conflict("changed_elsewhere", message) from None


def _check_day(db: Session, held: Held, recordings: Collection[Recording], now: datetime) -> None:
    """Return if what comes once comes on a day that is not off in all its places, or is for days off too."""
    row = held.row
    if row.rrule is not None or not row.skip_holidays:
        return
    tried = occurring.tried(db, row, held.zones, airings.expected_media(recordings), now)
    if tried.every and not tried.coming:
        message = "It would be heard nowhere: %(start)s is a day off, and it leaves days off out. Choose another day."
        start = airings.start_of(tried.every[0].id).astimezone(zone_of(row.timezone))
        raise Invalid("day_off", message, field="starts_local", start=start)


def _leave_out(row: Broadcast, occurrence: datetime) -> None:
    recurrence = airings.recurrence_of(row)
    if row.rrule is None or recurrence is None or airings.next_start(row, occurrence) != occurrence:
        raise Invalid("no_occurrence", "This broadcast does not come at that time.", field="occurrence")
    row.exdates = [*row.exdates, occurrence.astimezone(UTC).isoformat()]


def _done(db: Session, actor: Actor, now: datetime, held: Held, what: str, **detail: Any) -> BroadcastOut:
    """Count the version, plan anew, have receivers told, note it in the audit record, and show the outcome."""
    row = held.row
    row.version += 1
    db.add(row)
    db.flush()
    told.act_on(db, row, what, actor.user_id, now)
    if not row.public:
        recorded.unpublish(db, row.id)
    onair.tell_receivers(db, {zone.id for zone in held.zones} | onair.replan(db, row, now), now)
    path = db.get_one(Zone, row.zone_id).path
    audit.record(db, actor, now, f"broadcast.{what}", f"broadcast:{row.id}", zone_path=path, state=row.state, **detail)
    return views.shown(db, actor, now, [row])[0]
