"""Prepared messages: what somebody at a receiver can start without the centre.

Rules
- Only what was approved is prepared, as it was approved: in no higher class, and nobody changes what it says while a
  receiver holds it. So nothing sounds by a contact at the pole that could not be broadcast.
- A message that stays as it is is not asked about again: an end of its broadcast takes nothing off the pole.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.service import hold
from scheduler.errors import Invalid
from scheduler.fleet import repository
from scheduler.fleet.models import PreparedMessage, Receiver
from scheduler.fleet.schemas import MessageIn, MessageView, RecordingChoice
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.zones import repository as zones

MAX_CHOICES = 200


def shown(db: Session, receiver_id: str) -> list[MessageView]:
    """What is prepared on the receiver."""
    return [
        MessageView(
            name=message.name,
            cls=message.broadcast_class,
            recording_id=recording.id,
            title=title,
            language=recording.language,
            sha256=recording.sha256,
            duration_us=recording.duration_us,
        )
        for message, recording, title in repository.messages(db, receiver_id)
    ]


def choices(db: Session, actor: Actor, now: datetime) -> list[RecordingChoice]:
    """What the actor may choose from, the newest first."""
    paths = zones.paths_of(db, actor.zones_for(Action.ANNOUNCEMENT_READ, now))
    found: dict[str, RecordingChoice] = {}
    for recording, announcement, cls in repository.approved(db, paths=paths, limit=MAX_CHOICES):
        known = found.get(recording.id)
        if known is None:
            found[recording.id] = RecordingChoice(
                recording_id=recording.id,
                title=announcement.title,
                language=recording.language,
                duration_us=recording.duration_us or 0,
                cls=cls,
            )
        elif cls.rank > known.cls.rank:
            known.cls = cls
    return list(found.values())


def replace(db: Session, actor: Actor, now: datetime, receiver: Receiver, asked: Sequence[MessageIn]) -> None:
    """Have these prepared on the receiver and no others."""
    names = [message.name for message in asked]
    for name in names:
        if names.count(name) > 1:
            raise Invalid("message_twice", "The name %(name)s is there twice.", field="messages", name=name)
    held = {(row.recording_id, row.broadcast_class) for row, _recording, _title in repository.messages(db, receiver.id)}
    for message in asked:
        if (message.recording_id, message.cls) not in held:
            _check(db, actor, now, message)
    rows = [
        PreparedMessage(
            receiver_id=receiver.id,
            name=message.name,
            recording_id=message.recording_id,
            broadcast_class=message.cls,
        )
        for message in asked
    ]
    repository.set_messages(db, receiver.id, rows)


def _check(db: Session, actor: Actor, now: datetime, message: MessageIn) -> None:
    path = zones.recording_path(db, message.recording_id)
    found = repository.approved(db, recording_ids=[message.recording_id])
    if path is None or not found or not actor.may(Action.ANNOUNCEMENT_READ, path, now):
        raise Invalid("not_approved", "Choose a finished recording of an approved announcement.", field="messages")
    hold(db, found[0][1].id)
    highest = max((cls for _recording, _announcement, cls in found), key=_rank)
    if message.cls.rank > highest.rank:
        raise Invalid(
            "class_too_high",
            "“%(title)s” was approved for a lower class than this. Choose a lower one.",
            field="messages",
            title=found[0][1].title,
        )


def _rank(cls: BroadcastClass) -> int:
    return cls.rank
