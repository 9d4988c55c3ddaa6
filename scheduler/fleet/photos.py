"""What a receiver looks like where it hangs: which picture is whose; the files are `web.photos`'."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import event
from sqlmodel import Session, select

from scheduler.errors import NotFound
from scheduler.fleet import service
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import ReceiverDetail
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.rights import Action


def check(db: Session, actor: Actor, now: datetime, receiver_id: str) -> None:
    """Return where the actor may change the photo: before work is done for it."""
    _receiver, zone = service.allowed(db, actor, now, receiver_id, Action.RECEIVER_READ)
    require(actor, Action.RECEIVER_CONTROL, zone.path, now)


def photo(db: Session, actor: Actor, now: datetime, receiver_id: str) -> str:
    """The SHA-256 of the receiver's photo. NotFound without one."""
    receiver, _zone = service.allowed(db, actor, now, receiver_id, Action.RECEIVER_READ)
    if receiver.photo_sha256 is None:
        raise NotFound("no_photo", "There is no photo of it.")
    return receiver.photo_sha256


def set_photo(
    db: Session, actor: Actor, now: datetime, receiver_id: str, *, sha256: str | None, forget: Callable[[str], object]
) -> ReceiverDetail:
    """Put another picture in the place of the one before, or none; `forget` is told, once it holds, what to delete.

    No edit of what the receiver is told: its version stays.
    """
    receiver, zone = service.allowed(db, actor, now, receiver_id, Action.RECEIVER_CONTROL)
    before = receiver.photo_sha256
    if before != sha256:
        receiver.photo_sha256, receiver.photo_at = sha256, now if sha256 is not None else None
        db.add(receiver)
        db.flush()
        action = "receiver.photo" if sha256 is not None else "receiver.photo_delete"
        audit.record(db, actor, now, action, f"receiver:{receiver.id}", zone_path=zone.path)
        if before is not None and db.exec(select(Receiver.id).where(Receiver.photo_sha256 == before)).first() is None:
            _after(db, lambda: forget(before))
    return service.view(db, actor, now, receiver_id)


def _after(db: Session, work: Callable[[], object]) -> None:
    def done(_session: Any) -> None:
        work()

    event.listen(db, "after_commit", done, once=True)
