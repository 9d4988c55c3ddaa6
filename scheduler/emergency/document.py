"""What a zone's `now` document says (reads)."""

from datetime import datetime

from msgspec import convert
from sqlmodel import Session

from broadcast.clock import US_PER_S, from_us, to_us
from broadcast.wire.documents import Media
from broadcast.wire.now import MAX_ORDERS, Feed, Made, Now, Order, Part
from scheduler.announcements.models import RecordingState
from scheduler.emergency import repository
from scheduler.emergency.models import EmergencyOrder, OrderSound
from scheduler.fleet.documents import Draft
from scheduler.live import repository as live
from scheduler.zones import repository as zones
from scheduler.zones import rules


def now_document(db: Session, zone_id: str, now: datetime) -> Draft | None:
    """The orders and live sessions in force in exactly this zone, and since when all before is over."""
    zone = zones.zone(db, zone_id)
    if zone is None:
        return None
    stop_us = repository.stop_us(db, zone_id)  # first: a stop that is told of is one whose orders are gone
    rows = repository.in_force(db, zone_id, now)
    sounds = repository.sounds(db, [row.id for row in rows])
    orders = tuple(order for row in rows if (order := wire(row, sounds[row.id])) is not None)[:MAX_ORDERS]
    sessions = live.in_force(db, zone_id, now)
    document = Now(
        target=zone_id, number=1, issued_us=0, expires_us=0,
        orders=orders, sessions=sessions, stop_us=stop_us,
    )  # fmt: skip
    ends = [*(order.until_us for order in orders), *(session.until_us for session in sessions)]
    ends_at = from_us(max(ends)) if ends else None
    return Draft(document, rules.effective_rules(db, zone.path).timezone, ends_at)


def wire(row: EmergencyOrder, sounds: dict[int, OrderSound]) -> Order | None:
    """An issued order with those of its parts that can sound by now; None while none can."""
    if row.start_us is None or row.until_at is None:
        return None
    found = ((place, _part(part, sounds.get(place))) for place, part in enumerate(row.parts))
    ready = {place: part for place, part in found if part is not None}
    if not ready:
        return None
    return Order(
        id=row.id,
        purpose=row.purpose,
        start_us=row.start_us,
        until_us=to_us(row.until_at),
        parts=tuple(ready.values()),
        every_us=row.every_s * US_PER_S,
        places=tuple(ready) if max(ready) >= len(ready) else (),
    )


def _part(part: dict[str, str], sound: OrderSound | None) -> Part | None:
    if part["kind"] == "bank":
        return part["id"]
    if sound is None or sound.state is not RecordingState.READY:
        return None
    media = Media(
        sha256=sound.sha256 or "",
        size_bytes=sound.size_bytes or 0,
        duration_us=sound.duration_us or 0,
        language=sound.language,
    )
    return Made(media=(media,), feed=convert(sound.feed, Feed) if sound.feed is not None else None)
