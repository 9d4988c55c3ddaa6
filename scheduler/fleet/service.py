"""What people do with receivers. Every change that a receiver must know of marks its documents."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from broadcast.clock import from_us, to_us
from broadcast.wire import enrolment_code, topics
from scheduler.emergency.leaving import check_leaving
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.fleet import prepared, repository, views
from scheduler.fleet.enrolment import secret_hash
from scheduler.fleet.models import EnrolmentSecret, Receiver, StoredReport
from scheduler.fleet.outbox import mark_dirty
from scheduler.fleet.schemas import (
    CodeNew,
    EnrolmentCodeView,
    ReceiverChange,
    ReceiverDetail,
    ReceiverList,
    ReceiverMove,
    ReceiverNew,
    ReceiverVolume,
    RecordingChoice,
    ReportList,
    ReportPage,
)
from scheduler.fleet.upkeep import intake as upkeep
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.policy import is_quiet, minute_of_day
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones import names, rules
from scheduler.zones import repository as zones
from scheduler.zones.forest import zone_names
from scheduler.zones.models import Zone

SECRET_BYTES = 7
KEPT_LETTERS = 200
"""Of a long note the record of a change keeps so much."""
_NO_SUCH_RECEIVER = "There is no such receiver, or it is not in your area."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """What is asked for; None is anything. `since` and `until` are about the planned start, `until` exclusive."""

    airing_id: str | None = None
    broadcast_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        start = col(StoredReport.planned_start_at)
        wanted = (
            self.airing_id is not None and col(StoredReport.airing_id) == self.airing_id,
            self.broadcast_id is not None and col(StoredReport.broadcast_id) == self.broadcast_id,
            self.since is not None and start >= self.since,
            self.until is not None and start < self.until,
        )
        return [condition for condition in wanted if condition is not False]


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    zone_id: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> ReceiverList:
    """The receivers that the actor sees, in `zone_id` and below if that is given; all of them without a limit."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    if zone_id is not None:
        zone = _zone(db, zone_id)
        require(actor, Action.RECEIVER_READ, zone.path, now)
        paths = [zone.path]
    rows = repository.receivers_below(db, paths, after=after, limit=limit + 1 if limit is not None else None)
    shown = rows[:limit]
    known = zone_names(db, {zone.path for _receiver, zone in shown})
    items = [views.view(receiver, zone, known, now) for receiver, zone in shown]
    return ReceiverList(items=items, next=items[-1].id if len(rows) > len(shown) else None)


def view(db: Session, actor: Actor, now: datetime, receiver_id: str) -> ReceiverDetail:
    receiver, zone = allowed(db, actor, now, receiver_id, Action.RECEIVER_READ)
    return _shown(db, receiver, zone, now)


def reports(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, before: int | None = None, limit: int = 50
) -> ReportList:
    """What the receiver measured, latest first."""
    allowed(db, actor, now, receiver_id, Action.RECEIVER_READ)
    rows: list[StoredReport] = list(repository.reports(db, receiver_id, before=before, limit=limit + 1))
    items = [views.report(row) for row in rows[:limit]]
    return ReportList(items=items, next=items[-1].number if len(rows) > limit else None)


def all_reports(
    db: Session, actor: Actor, now: datetime, asked: ReportFilter, *, limit: int, after: str | None = None
) -> ReportPage:
    """What the receivers of the actor's zones measured, latest planned start first; `after` is the last page's next."""
    paths = zones.paths_of(db, actor.zones_for(Action.RECEIVER_READ, now))
    place = _place(after) if after is not None else None
    rows = repository.reports_below(db, paths, asked.conditions(), after=place, limit=limit + 1)
    items = [views.report(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return ReportPage(
        items=items, next=f"{to_us(last.planned_start_at)}.{last.number}.{last.receiver_id}" if last else None
    )


def _place(after: str) -> tuple[datetime, str, int]:
    """The planned start, receiver and number in a page's `next`; Invalid if it is none."""
    try:
        start_us, number, receiver_id = after.split(".", 2)
        return from_us(int(start_us)), receiver_id, int(number)
    except (ValueError, OverflowError) as error:
        raise Invalid("bad_cursor", "This is no page that was given.", field="after") from error


def create(db: Session, actor: Actor, now: datetime, new: ReceiverNew) -> ReceiverDetail:
    """A place for a speaker node; the machine itself is enrolled with a code."""
    zone = _zone(db, new.zone_id)
    require(actor, Action.RECEIVER_EDIT, zone.path, now)
    _check_code(db, zone.id, new.code)
    values = new.model_dump() | {"name": names.clean(new.name)}
    receiver = Receiver(id=new_id(now), **values)
    db.add(receiver)
    db.flush()
    mark_dirty(db, [topics.settings(receiver.id), *_programmes(zone)], now)
    _note(db, actor, now, "receiver.create", receiver=receiver, zone=zone, name=receiver.name)
    return _shown(db, receiver, zone, now)


def change(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, version: int, change: ReceiverChange
) -> ReceiverDetail:
    receiver, zone = _for_change(db, actor, now, receiver_id, Action.RECEIVER_EDIT, version=version)
    values = change.model_dump(exclude_unset=True)
    if "name" in values:
        values["name"] = names.clean(change.name)
    if values.get("code") != receiver.code:
        _check_code(db, zone.id, values.get("code"))
    if "self_test_at" in values:
        at = values.pop("self_test_at")
        values["self_test_minute"] = minute_of_day(at) if at is not None else None
    if values.pop("messages", None) is not None:
        prepared.replace(db, actor, now, receiver, change.messages)
        said = [f"{message.name} {message.cls} {message.recording_id}" for message in change.messages]
        _note(db, actor, now, "receiver.messages", receiver=receiver, zone=zone, messages=said)
    return _apply(db, actor, now, "receiver.change", receiver=receiver, zone=zone, values=values)


def set_volume(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, version: int, volume: ReceiverVolume
) -> ReceiverDetail:
    receiver, zone = _for_change(db, actor, now, receiver_id, Action.RECEIVER_CONTROL, version=version)
    return _apply(db, actor, now, "receiver.volume", receiver=receiver, zone=zone, values=volume.model_dump())


def test_now(db: Session, actor: Actor, now: datetime, receiver_id: str) -> ReceiverDetail:
    """Ask for a self-test; the receiver does it once, as soon as nothing sounds. No edit: the version stays.

    Raises Conflict in quiet hours, in which none is done.
    """
    _receiver, zone = allowed(db, actor, now, receiver_id, Action.RECEIVER_CONTROL)
    if is_quiet(rules.effective_rules(db, zone.path), to_us(now)):
        raise Conflict("quiet_hours", "These are quiet hours there: nothing but an emergency sounds.")
    return _ask(db, actor, now, receiver_id, field="self_test_asked_at", action="receiver.self_test")


def restart(db: Session, actor: Actor, now: datetime, receiver_id: str) -> ReceiverDetail:
    """Ask the receiver's program to start again; it does so once, within the hour, when nothing sounds."""
    return _ask(db, actor, now, receiver_id, field="restart_asked_at", action="receiver.restart")


def _ask(db: Session, actor: Actor, now: datetime, receiver_id: str, *, field: str, action: str) -> ReceiverDetail:
    receiver, zone = allowed(db, actor, now, receiver_id, Action.RECEIVER_CONTROL)
    if receiver.enrolled_at is None or receiver.revoked_at is not None:
        raise Conflict("not_enrolled", "No machine was enrolled as this receiver yet.")
    setattr(receiver, field, now)
    db.add(receiver)
    db.flush()
    mark_dirty(db, [topics.settings(receiver.id)], now)
    _note(db, actor, now, action, receiver=receiver, zone=zone)
    return _shown(db, receiver, zone, now)


def message_choices(db: Session, actor: Actor, now: datetime, receiver_id: str) -> list[RecordingChoice]:
    """What the actor may have prepared on the receiver."""
    allowed(db, actor, now, receiver_id, Action.RECEIVER_READ)
    return prepared.choices(db, actor, now)


def move(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, version: int, move: ReceiverMove
) -> ReceiverDetail:
    """Put it into another zone: it obeys that one and those above it from then on."""
    receiver, zone = _for_change(db, actor, now, receiver_id, Action.RECEIVER_EDIT, version=version)
    target = _zone(db, move.zone_id)
    require(actor, Action.RECEIVER_EDIT, target.path, now)
    if target.id != zone.id:
        _check_code(db, target.id, receiver.code)
    check_leaving(db, now, zone.path, target.path)
    mark_dirty(db, _programmes(target), now)
    said = {"from": zone.name, "to": target.name}
    if target.id != zone.id:  # also where it is missed
        _note(db, actor, now, "receiver.move", receiver=receiver, zone=zone, name=receiver.name, **said)
    values = {"zone_id": target.id}
    return _apply(db, actor, now, "receiver.move", receiver=receiver, zone=target, values=values, **said)


def new_code(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, order_key: Ed25519PublicKey, asked: CodeNew
) -> EnrolmentCodeView:
    """A one-time code with which a machine becomes this receiver; an older one that was not used is worth nothing."""
    receiver, zone = allowed(db, actor, now, receiver_id, Action.RECEIVER_ENROL)
    code = enrolment_code.make(secrets.token_bytes(SECRET_BYTES), order_key)
    expires_at = now + timedelta(hours=asked.hours)
    repository.drop_secrets(db, receiver.id)
    db.add(
        EnrolmentSecret(
            secret_sha256=secret_hash(enrolment_code.parse(code)),
            receiver_id=receiver.id,
            created_by=actor.user_id,
            expires_at=expires_at,
        )
    )
    _note(db, actor, now, "receiver.code", receiver=receiver, zone=zone, expires_at=expires_at.isoformat())
    return EnrolmentCodeView(code=code, expires_at=expires_at)


def taken(db: Session, receiver_id: str) -> bool:
    """Whether a machine is or was this receiver, which another one would take over."""
    found = repository.receiver(db, receiver_id)
    return found is not None and found[0].enrolled_at is not None


def revoke(db: Session, actor: Actor, now: datetime, receiver_id: str, *, version: int | None = None) -> ReceiverDetail:
    """Shut the machine out that was enrolled as this receiver; a new code lets another one in."""
    receiver, zone = _for_change(db, actor, now, receiver_id, Action.RECEIVER_ENROL, version=version)
    if receiver.enrolled_at is None:
        raise Conflict("not_enrolled", "No machine was enrolled as this receiver yet.")
    repository.drop_secrets(db, receiver.id)
    repository.revoke_certificate(db, receiver, now)
    upkeep.end_all(db, receiver.id, now)
    return _apply(
        db,
        actor,
        now,
        "receiver.revoke",
        receiver=receiver,
        zone=zone,
        values={"revoked_at": receiver.revoked_at or now},
    )


def remove(db: Session, actor: Actor, now: datetime, receiver_id: str, *, version: int) -> None:
    """Take out a receiver that no machine ever was, such as one entered by mistake; any other is shut out instead."""
    receiver, zone = _for_change(db, actor, now, receiver_id, Action.RECEIVER_EDIT, version=version)
    repository.let_go(db, receiver.id)
    if receiver.enrolled_at is not None or zones.uses_of_receiver(db, receiver.id):
        message = "A machine was installed as this receiver, so its record stays. Shut it out instead."
        raise Conflict("receiver_in_use", message)
    db.delete(receiver)
    mark_dirty(db, [topics.settings(receiver.id)], now)
    _note(db, actor, now, "receiver.delete", receiver=receiver, zone=zone, name=receiver.name, code=receiver.code)


def _apply(
    db: Session,
    actor: Actor,
    now: datetime,
    action: str,
    *,
    receiver: Receiver,
    zone: Zone,
    values: dict[str, Any],
    **said: object,
) -> ReceiverDetail:
    """Set `values`; the record has what each was `before` and is `after`, where that differs."""
    said |= {"name": receiver.name} | _difference({name: (getattr(receiver, name), values[name]) for name in values})
    for name, value in values.items():
        setattr(receiver, name, value)
    receiver.version += 1
    db.add(receiver)
    db.flush()
    mark_dirty(db, [topics.settings(receiver.id)], now)
    _note(db, actor, now, action, receiver=receiver, zone=zone, **said)
    return _shown(db, receiver, zone, now)


def _difference(values: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    changed = {name: pair for name, pair in values.items() if pair[0] != pair[1]}
    before = {name: _in_short(old) for name, (old, _new) in changed.items()}
    return {"before": before, "after": {name: _in_short(new) for name, (_old, new) in changed.items()}}


def _in_short(value: Any) -> Any:
    """What the record keeps of a value."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value[:KEPT_LETTERS] if isinstance(value, str) else value


def allowed(db: Session, actor: Actor, now: datetime, receiver_id: str, action: Action) -> tuple[Receiver, Zone]:
    """The receiver and its zone; it is locked for whatever changes it. Raises NotFound, Forbidden."""
    found = repository.receiver(db, receiver_id, lock=action is not Action.RECEIVER_READ)
    if found is None:
        raise NotFound("not_found", _NO_SUCH_RECEIVER)
    require(actor, Action.RECEIVER_READ, found[1].path, now)
    require(actor, action, found[1].path, now)
    return found


def _for_change(
    db: Session, actor: Actor, now: datetime, receiver_id: str, action: Action, *, version: int | None
) -> tuple[Receiver, Zone]:
    receiver, zone = allowed(db, actor, now, receiver_id, action)
    if version is not None and receiver.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return receiver, zone


def _zone(db: Session, zone_id: str) -> Zone:
    zone = zones.zone(db, zone_id)
    if zone is None:
        raise NotFound("not_found", "There is no such zone, or it is not in your area.")
    return zone


def _check_code(db: Session, zone_id: str, code: str | None) -> None:
    if code is not None and repository.receiver_by_code(db, zone_id, code) is not None:
        raise Invalid("code_taken", "Another receiver of this zone has this code.", field="code")


def _programmes(zone: Zone) -> list[str]:
    return [topics.programme(zone_id) for zone_id in zones.ids_of(zone.path)]


def _note(
    db: Session, actor: Actor, now: datetime, action: str, *, receiver: Receiver, zone: Zone, **detail: object
) -> None:
    audit.record(db, actor, now, action, f"receiver:{receiver.id}", zone_path=zone.path, **detail)


def _shown(db: Session, receiver: Receiver, zone: Zone, now: datetime) -> ReceiverDetail:
    names = zone_names(db, [zone.path])
    return views.detail(receiver, zone, names, prepared.shown(db, receiver.id), now)
