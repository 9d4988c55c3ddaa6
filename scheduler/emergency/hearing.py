"""Who heard an order: what each receiver said of it, by village, and whom to telephone for the rest."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from broadcast.clock import from_us
from broadcast.wire.documents import OrderProgress
from broadcast.wire.fault_codes import FaultCode
from scheduler.emergency import reading, repository
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow
from scheduler.emergency.schemas import Contact, Hearing, ReceiverHearing, VillageHearing, WhoHeard
from scheduler.fleet.models import Receiver
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones.models import Zone
from scheduler.zones.views import zone_views

MOST_CONTACTS = 20
SOUNDED = (Hearing.HEARD, Hearing.PLAYING)
STOPPED = FaultCode.STOPPED_LOCALLY.value
LACKING_A_PART = frozenset({"unknown_message", "media_missing", "media_late"})
"""What a receiver says of an order of which it has the other parts."""


def who_heard(db: Session, actor: Actor, now: datetime, order_id: str) -> WhoHeard:
    """What became of it at each receiver that the actor sees, by village."""
    held = reading.readable(db, actor, now, order_id)
    said, missed = _said(db, held.row)
    stopped = repository.stopped_by_hand(db)
    paths = [zone.path for _target, zone in held.placed]
    found = [
        (receiver, zone)
        for receiver, zone in repository.receivers(db, paths)
        if actor.may(Action.RECEIVER_READ, zone.path, now)
    ]
    by_zone: dict[str, list[ReceiverHearing]] = defaultdict(list)
    for receiver, zone in found:
        one = hearing(receiver, said.get(receiver.id), missed=receiver.id in missed)
        by_zone[zone.id].append(_stopped(one) if receiver.id in stopped else one)
    counts = Counter(one.state for heard in by_zone.values() for one in heard)
    zones = {zone.id: zone for _receiver, zone in found}
    return WhoHeard(
        order_id=order_id,
        at=now,
        counts={state: counts[state] for state in Hearing},
        partly=sum(one.partly for heard in by_zone.values() for one in heard),
        villages=_villages(db, actor, now, by_zone, list(zones.values())),
    )


def hearing(receiver: Receiver, said: OrderProgressRow | None, *, missed: bool = False) -> ReceiverHearing:
    """How far an order has come at one receiver; `missed` says that a talk of it did not sound there."""
    shown = ReceiverHearing(
        receiver_id=receiver.id,
        name=receiver.name,
        zone_id=receiver.zone_id,
        state=_state(receiver, said),
        seen_at=receiver.seen_at,
    )
    if said is None:
        return shown
    kept = ("received_at", "sounding_at", "ended_at", "level_dbfs", "microphone", "reason")
    lacks = missed or said.reason.partition(",")[0] in LACKING_A_PART
    partly = lacks and shown.state in SOUNDED
    return shown.model_copy(update={name: getattr(said, name) for name in kept} | {"partly": partly})


def _stopped(one: ReceiverHearing) -> ReceiverHearing:
    """At a receiver where somebody pressed STOP: it says that it has ended only once the last repetition would have."""
    after = {Hearing.PLAYING: Hearing.HEARD, Hearing.RECEIVED: Hearing.FAILED}.get(one.state)
    return one.model_copy(update={"state": after, "reason": STOPPED}) if after is not None else one


def _said(db: Session, order: EmergencyOrder) -> tuple[dict[str, OrderProgressRow], set[str]]:
    """What each receiver last said of the order and of the talks that it was spoken in; where a talk did not sound."""
    rows: dict[str, list[OrderProgressRow]] = defaultdict(list)
    talks = repository.talks(db, order.id) if any(part["kind"] == "live" for part in order.parts) else ()
    for piece in (order.id, *talks):
        for receiver_id, row in repository.progress(db, piece).items():
            rows[receiver_id].append(row)
    sounded = {key: {row.order_id for row in found if row.sounding_at is not None} for key, found in rows.items()}
    missed = {key for key, pieces in sounded.items() if not pieces.issuperset(talks)}
    return {key: _whole(found) for key, found in rows.items()}, missed


def _whole(rows: Sequence[OrderProgressRow]) -> OrderProgressRow:
    """What was said of one piece after the other as of one: from the first sample to the end of the last."""
    if len(rows) == 1:
        return rows[0]
    sounded = [row for row in rows if row.sounding_at is not None] or list(rows[-1:])
    last = sounded[-1]
    return OrderProgressRow(
        order_id=last.order_id,
        receiver_id=last.receiver_id,
        received_at=min(row.received_at for row in rows),
        sounding_at=sounded[0].sounding_at,
        ended_at=last.ended_at,
        level_dbfs=last.level_dbfs,
        microphone=last.microphone,
        reason=rows[-1].reason,
        told_at=rows[-1].told_at,
    )


def merged(db: Session, said: Mapping[str, Sequence[OrderProgress]], now: datetime) -> set[str]:
    """Keep what receivers say of orders and live sessions; the ids of those of which something new was said.

    Of a talk in an order's own voice, the order's too.
    """
    ids = repository.known_ids(db, {progress.id for orders in said.values() for progress in orders})
    if not ids:
        return set()
    known = repository.progress_of(db, said.keys(), ids)
    news: dict[tuple[str, str], dict[str, Any]] = {}
    for receiver_id, orders in said.items():
        for progress in (one for one in orders if one.id in ids):
            key = (progress.id, receiver_id)
            held = known.get(key)
            values = _values(progress, held, now)
            if held is None or any(held[name] != value for name, value in values.items()):
                news[key] = {"order_id": progress.id, "receiver_id": receiver_id, "told_at": now, **values}
    repository.keep_progress(db, list(news.values()))
    return {told for key, _receiver_id in news for told in (key, ids[key])}


def _values(progress: OrderProgress, held: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """What to keep. A receiver that was started anew knows only that the order came: what it heard stays heard."""
    values = _told(progress)
    if held is not None and values["sounding_at"] is None and held["sounding_at"] is not None:
        values |= {name: held[name] for name in ("sounding_at", "level_dbfs", "microphone", "reason")}
        values["ended_at"] = held["ended_at"] or now
    return values


def _told(progress: OrderProgress) -> dict[str, Any]:
    return {
        "received_at": from_us(progress.received_us),
        "sounding_at": from_us(progress.sounding_us) if progress.sounding_us is not None else None,
        "ended_at": from_us(progress.ended_us) if progress.ended_us is not None else None,
        "level_dbfs": progress.level_dbfs,
        "microphone": progress.heard.verdict.value if progress.heard is not None else None,
        "reason": progress.reason,
    }


def _state(receiver: Receiver, said: OrderProgressRow | None) -> Hearing:
    """A microphone that heard nothing says more than a device that took the samples."""
    if said is None:
        return Hearing.SENT if receiver.online else Hearing.UNREACHABLE
    if said.microphone == "not_heard":
        return Hearing.FAILED
    if said.sounding_at is not None:
        return Hearing.HEARD if said.ended_at is not None else Hearing.PLAYING
    return Hearing.FAILED if said.reason else Hearing.RECEIVED


def _villages(
    db: Session, actor: Actor, now: datetime, by_zone: Mapping[str, list[ReceiverHearing]], zones: list[Zone]
) -> list[VillageHearing]:
    """Whom to telephone is told to those who may let an emergency sound there."""
    heard = {zone_id: sum(one.state in SOUNDED for one in rows) for zone_id, rows in by_zone.items()}
    calls = (Action.EMERGENCY_ISSUE, Action.EMERGENCY_CONFIRM)
    told = {zone.id for zone in zones if any(actor.may(action, zone.path, now) for action in calls)}
    silent = [zone_id for zone_id in told if heard[zone_id] < len(by_zone[zone_id])]
    people = repository.contacts(db, silent, now)
    return [
        VillageHearing(
            zone_id=view.id,
            name=view.name,
            place=view.place,
            heard=heard[view.id],
            partly=sum(one.partly for one in by_zone[view.id]),
            total=len(by_zone[view.id]),
            call=heard[view.id] < len(by_zone[view.id]),
            receivers=by_zone[view.id],
            contacts=[Contact(name=user.name, phone=user.phone) for user in people.get(view.id, [])[:MOST_CONTACTS]],
        )
        for view in zone_views(db, zones)
    ]
