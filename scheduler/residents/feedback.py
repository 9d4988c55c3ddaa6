"""What residents write to the people of their place, and what becomes of it.

Rules
- Whoever writes needs no account. One address may send PER_HOUR in an hour and PER_DAY in a day, to whatever places;
  one place takes at most PLACE_PER_DAY from all addresses, so that a flood does not bury the messages that matter.
- The address is kept only as a hash and forgotten after a day. A name and a number are seen by staff alone.
"""

import hashlib
import unicodedata
from datetime import datetime, timedelta

from sqlmodel import Session

from scheduler.errors import Invalid, NotFound, Stale, TooMany
from scheduler.people import audit
from scheduler.people import repository as people
from scheduler.people.actor import Actor, require
from scheduler.people.limits import place_of
from scheduler.residents import repository
from scheduler.residents.models import Feedback, FeedbackState
from scheduler.residents.places import Here
from scheduler.residents.schemas import MIN_TEXT, AnswerIn, FeedbackIn, FeedbackOut, FeedbackPage
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones import repository as zone_sql
from scheduler.zones.models import Zone

PER_HOUR, PER_DAY, PLACE_PER_DAY = 5, 20, 300
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_NO_SUCH = "There is no such thing, or it is not in your area."
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SENDER_LETTERS = 40


def leave(db: Session, here: Here, now: datetime, asked: FeedbackIn, address: str) -> str:
    """Keep what a resident of the place wrote; its id. Raises TooMany, Invalid."""
    text = _visible(asked.text)
    if len(text) < MIN_TEXT:
        raise Invalid("text_too_short", "Write a few words.", field="text")
    sender = hashlib.sha256(place_of(address).encode()).hexdigest()[:_SENDER_LETTERS]
    repository.forget_senders(db, now - DAY)
    _check(db, here, now, sender)
    row = Feedback(
        id=new_id(now),
        zone_id=here.zone.id,
        about=asked.about,
        text=text,
        name=_line(asked.name),
        phone=_line(asked.phone),
        created_at=now,
        sender=sender,
    )
    db.add(row)
    db.flush()
    return row.id


def index(
    db: Session,
    actor: Actor,
    now: datetime,
    *,
    state: FeedbackState | None = None,
    before: str | None = None,
    limit: int = 50,
) -> FeedbackPage:
    """What residents of the actor's places wrote, newest first; `before` is the last page's `next`."""
    paths = zone_sql.paths_of(db, actor.zones_for(Action.FEEDBACK_READ, now))
    rows = repository.feedback_page(db, paths, state, before=before, limit=limit + 1)
    items = _shown(db, actor, now, rows[:limit])
    return FeedbackPage(items=items, next=items[-1].id if len(rows) > limit else None)


def view(db: Session, actor: Actor, now: datetime, feedback_id: str) -> FeedbackOut:
    return _shown(db, actor, now, [_found(db, actor, now, feedback_id)])[0]


def answer(db: Session, actor: Actor, now: datetime, feedback_id: str, asked: AnswerIn, *, version: int) -> FeedbackOut:
    """Note that it was seen to, and what was done."""
    row, zone = _found(db, actor, now, feedback_id, lock=True)
    require(actor, Action.FEEDBACK_ANSWER, zone.path, now)
    if row.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    row.state, row.note = FeedbackState.ANSWERED, _visible(asked.note) or None
    row.answered_by, row.answered_at = actor.user_id or None, now
    row.version += 1
    db.add(row)
    db.flush()
    audit.record(db, actor, now, "feedback.answer", f"feedback:{row.id}", zone_path=zone.path)
    return _shown(db, actor, now, [(row, zone)])[0]


def remove(db: Session, actor: Actor, now: datetime, feedback_id: str, *, version: int) -> None:
    """Take out what is abuse, or names somebody who should not be named."""
    row, zone = _found(db, actor, now, feedback_id, lock=True)
    require(actor, Action.FEEDBACK_ANSWER, zone.path, now)
    if row.version != version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    db.delete(row)
    audit.record(db, actor, now, "feedback.delete", f"feedback:{row.id}", zone_path=zone.path)


def _found(db: Session, actor: Actor, now: datetime, feedback_id: str, *, lock: bool = False) -> tuple[Feedback, Zone]:
    found = repository.feedback(db, feedback_id, lock=lock)
    if found is None:
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.FEEDBACK_READ, found[1].path, now)
    return found


def _check(db: Session, here: Here, now: datetime, sender: str) -> None:
    message = "Many messages have come from your network. Wait a while, or telephone the commune."
    sent = repository.sent_since(db, sender, now - DAY)
    for limit, span in ((PER_HOUR, HOUR), (PER_DAY, DAY)):
        recent = [at for at in sent if at > now - span]
        if len(recent) >= limit:
            left = recent[limit - 1] + span - now
            raise TooMany("too_many_messages", message, retry_after_s=max(1, round(left.total_seconds())))
    if repository.count_since(db, here.zone.id, now - DAY) >= PLACE_PER_DAY:
        message = "Very many messages have come for this place today. Telephone the commune, or write tomorrow."
        raise TooMany("too_many_messages", message, retry_after_s=round(HOUR.total_seconds()))


def _shown(db: Session, actor: Actor, now: datetime, rows: list[tuple[Feedback, Zone]]) -> list[FeedbackOut]:
    above = zone_sql.zones(db, {zone_id for _row, zone in rows for zone_id in zone_sql.ids_of(zone.path)})
    names = people.names_of(db, {row.answered_by for row, _zone in rows if row.answered_by})
    return [
        FeedbackOut(
            **row.model_dump(exclude={"sender", "answered_by", "about", "state"}),
            about=row.about,
            state=row.state,
            zone_name=zone.name,
            place=[above[zone_id].name for zone_id in zone_sql.ids_of(zone.path)[:-1] if zone_id in above],
            answered_by=names.get(row.answered_by or ""),
            may_answer=actor.may(Action.FEEDBACK_ANSWER, zone.path, now),
        )
        for row, zone in rows
    ]


def _visible(typed: str) -> str:
    """Without what cannot be seen or turns the direction of writing; line breaks stay."""
    lines = (
        "".join(c for c in unicodedata.normalize("NFC", line) if unicodedata.category(c) not in _UNSEEN).strip()
        for line in typed.splitlines()
    )
    return "\n".join(lines).strip()


def _line(typed: str) -> str | None:
    return " ".join(_visible(typed).split()) or None
