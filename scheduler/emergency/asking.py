"""From what was asked for to an order that could sound: its places, its parts, its time; else Invalid."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from broadcast.wire.now import Purpose
from scheduler.announcements import naming as texts
from scheduler.announcements.models import RecordingState
from scheduler.bank import naming
from scheduler.bank import repository as bank
from scheduler.bank.shipped import framed, spoken_languages
from scheduler.broadcasts import aiming
from scheduler.emergency import repository
from scheduler.emergency.life import ASKED_FOR, State
from scheduler.emergency.models import EmergencyOrder, OrderSound, OrderTarget
from scheduler.emergency.rights import ISSUE, require_everywhere
from scheduler.emergency.schemas import MAX_MINUTES, BankPart, LivePart, OrderIn, PartIn, RecordingPart, TextPart
from scheduler.errors import Invalid
from scheduler.people.actor import Actor
from scheduler.rights import Action
from scheduler.store.types import new_id
from scheduler.zones.models import Zone
from scheduler.zones.repository import ids_of

MINUTES = 15
DRILL_MINUTES = 60
SEEN_AFTER = timedelta(days=1)
WRONG_PURPOSE = "A drill and an emergency have messages of their own. Nothing of one can be used for the other."
_NO_PLACE = "One of the places is not there, or is named twice."


def make(db: Session, actor: Actor, now: datetime, purpose: Purpose, draft: OrderIn) -> EmergencyOrder:
    """The order in the state asked, with its places and sounds, in the session."""
    if draft.purpose not in (None, purpose):
        raise Invalid("wrong_purpose", WRONG_PURPOSE, field="purpose")
    places = places_of(db, draft, now)
    require_everywhere(actor, ISSUE[purpose], [zone.path for zone, _group in places], now)
    _check_end(draft, purpose, now)
    order = EmergencyOrder(
        id=new_id(now),
        purpose=purpose,
        state=State.ASKED,
        zone_path=common_path([zone.path for zone, _group in places]),
        parts=[_stored(part, purpose) for part in draft.parts],
        every_s=draft.every_s,
        minutes=None if draft.until is not None else draft.minutes or MINUTES,
        until_at=draft.until,
        reason=" ".join(draft.reason.split()),
        author_id=actor.user_id or None,
        asked_at=now,
        lapses_at=now + ASKED_FOR,
    )
    sounds = [_sound(db, actor, now, part, purpose) for part in draft.parts]
    add(db, order, [(zone.id, group_id) for zone, group_id in places])
    for place, sound in enumerate(sounds):
        if sound is not None:
            sound.order_id, sound.place = order.id, place
            db.add(sound)
    db.flush()
    return order


def add(db: Session, order: EmergencyOrder, places: Sequence[tuple[str, str | None]]) -> None:
    """Put an order for these (zone, group) into the session."""
    db.add(order)
    db.flush()
    db.add_all(OrderTarget(order_id=order.id, zone_id=zone_id, group_id=group_id) for zone_id, group_id in places)
    db.flush()


def places_of(db: Session, draft: OrderIn, now: datetime) -> list[tuple[Zone, str | None]]:
    """The zones that are to hear it, each with the group that named it: none that lies in another of them."""
    named = Counter((*draft.zone_ids, *draft.group_ids))
    found = aiming.chosen(db, draft.zone_ids, draft.group_ids)
    known = {target.group.id if target.group is not None else target.zones[0].id for target in found}
    if known != set(named) or any(count > 1 for count in named.values()):
        raise Invalid("unknown_zone", _NO_PLACE, field="zone_ids")
    wanted = {
        zone.path: (zone, target.group.id if target.group is not None else None)
        for target in reversed(found)
        for zone in target.live(now)
    }
    if not wanted:
        raise Invalid("no_targets", "Choose at least one place that there still is.", field="zone_ids")
    return [wanted[path] for path in outermost(wanted)]


def outermost(paths: Collection[str]) -> list[str]:
    """Those of `paths` that lie below none of the others, each once."""
    kept: list[str] = []
    for path in sorted(paths):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return kept


def common_path(paths: Sequence[str]) -> str | None:
    """The path of the nearest zone in which all of `paths` lie."""
    shared: list[str] = []
    for ids in zip(*map(ids_of, paths), strict=False):
        if len(set(ids)) > 1:
            break
        shared.append(ids[0])
    return f"/{'/'.join(shared)}/" if shared else None


def check_bank(db: Session, bank_id: str, purpose: Purpose) -> None:
    """Return if receivers hold this message and it is for `purpose`; else Invalid."""
    if naming.purpose_of(bank_id) is not purpose:
        raise Invalid("wrong_purpose", WRONG_PURPOSE, field="parts")
    held = bank.entry(db, bank_id)
    if held is None or held.entry.dropped_at is not None or not held.ready:
        raise Invalid("no_such_message", "The bank has no such message, or it is not produced yet.", field="parts")


def are_fresh_words_of(db: Session, bank_id: str, user_id: str, now: datetime) -> bool:
    """Whether this person made the revision so lately that nobody else need have seen what it says."""
    held = bank.entry(db, bank_id)
    made = held.entry if held is not None else None
    return made is not None and made.made_by == user_id and bool(user_id) and now - made.made_at < SEEN_AFTER


def _check_end(draft: OrderIn, purpose: Purpose, now: datetime) -> None:
    longest = DRILL_MINUTES if purpose is Purpose.DRILL else MAX_MINUTES
    if draft.until is not None and not now < draft.until <= now + timedelta(minutes=longest):
        message = "Choose an end within the next %(minutes)s minutes."
        raise Invalid("bad_end", message, field="until", minutes=longest)
    if draft.minutes is not None and draft.minutes > longest:
        raise Invalid("too_long", "This can last %(minutes)s minutes.", field="minutes", minutes=longest)


def _stored(part: PartIn, purpose: Purpose) -> dict[str, Any]:
    kept = part.model_dump()
    if isinstance(part, TextPart):
        if part.language not in spoken_languages():
            message = "A text can be read aloud in these languages: %(languages)s. Choose a recording."
            raise Invalid("no_voice", message, field="parts", languages=", ".join(sorted(spoken_languages())))
        text = texts.text(part.text)
        kept["text"] = text if purpose is Purpose.REAL else framed(text, part.language)
    return kept


def _sound(db: Session, actor: Actor, now: datetime, part: PartIn, purpose: Purpose) -> OrderSound | None:
    """What must be made or kept for a part; None for one that receivers hold, or that is spoken live."""
    if isinstance(part, BankPart):
        check_bank(db, part.id, purpose)
        return None
    if isinstance(part, TextPart):
        return OrderSound(order_id="", place=0, language=part.language)
    if purpose is not Purpose.REAL:
        message = "A drill is made of the bank's drills and of texts, which are spoken between two “diễn tập”."
        raise Invalid("not_in_a_drill", message, field="parts")
    return None if isinstance(part, LivePart) else _recorded(db, actor, now, part)


def _recorded(db: Session, actor: Actor, now: datetime, part: RecordingPart) -> OrderSound:
    found = repository.recording(db, part.id)
    if found is None or not actor.may(Action.ANNOUNCEMENT_READ, found[2], now):
        raise Invalid("no_such_recording", "There is no such finished recording.", field="parts")
    recording = found[0]
    if recording.state is not RecordingState.READY or found[1].deleted_at is not None:
        raise Invalid("no_such_recording", "There is no such finished recording.", field="parts")
    return OrderSound(
        order_id="",
        place=0,
        state=RecordingState.READY,
        language=recording.language,
        sha256=recording.sha256,
        size_bytes=recording.size_bytes,
        duration_us=recording.duration_us,
    )
