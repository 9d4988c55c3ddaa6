"""What the documents of a zone and of a receiver say now (reads, decides nothing about when)."""

from collections.abc import Iterator
from datetime import datetime

from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import Amplifier, LocalMessage, Media, Programme, ReceiverSettings, SelfTest
from scheduler.announcements.models import Recording, RecordingState
from scheduler.bank.document import bank
from scheduler.broadcasts.planning import programme_for
from scheduler.emergency.document import now_document
from scheduler.fleet import repository
from scheduler.fleet.documents import Draft
from scheduler.fleet.models import Receiver
from scheduler.zones import repository as zones
from scheduler.zones import rules

FULL = (100,) * 24
US_PER_MS = 1000
BYTES_PER_MB = 1_000_000


def programme(db: Session, zone_id: str, now: datetime) -> Draft | None:
    """What the zone plays from the start of its local day on, seven days ahead."""
    zone = zones.zone(db, zone_id)
    if zone is None:
        return None
    airings = tuple(programme_for(db, zone_id, now))
    document = Programme(target=zone_id, number=1, issued_us=0, expires_us=0, airings=airings)
    return Draft(document, rules.effective_rules(db, zone.path).timezone)


def receiver_settings(db: Session, receiver_id: str, _now: datetime) -> Draft | None:
    """How the receiver behaves: its zones, what holds there, and what was set for it alone."""
    found = repository.receiver(db, receiver_id)
    if found is None:
        return None
    receiver, zone = found
    held = rules.effective(db, zone.path)
    document = ReceiverSettings(
        target=receiver_id,
        number=1,
        issued_us=0,
        expires_us=0,
        zone_path=tuple(zones.ids_of(zone.path)),
        rules=held.rules,
        languages=tuple(receiver.languages or held.languages),
        volume_by_hour=tuple(receiver.volume_by_hour or FULL),
        fallback=_media(repository.recording(db, held.fallback_recording_id) if held.fallback_recording_id else None),
        messages=tuple(_messages(db, receiver)),
        amplifier=Amplifier(
            lead_us=receiver.amplifier_lead_ms * US_PER_MS, tail_us=receiver.amplifier_tail_ms * US_PER_MS
        ),
        self_test=_self_test(receiver),
        month_budget_bytes=receiver.month_budget_mb * BYTES_PER_MB if receiver.month_budget_mb is not None else None,
        restart_asked_us=to_us(receiver.restart_asked_at) if receiver.restart_asked_at is not None else None,
    )
    return Draft(document, held.rules.timezone)


def _messages(db: Session, receiver: Receiver) -> Iterator[LocalMessage]:
    for message, recording, _title in repository.messages(db, receiver.id):
        media = _media(recording)
        if media is not None:
            yield LocalMessage(name=message.name, media=media, cls=message.broadcast_class)


def _self_test(receiver: Receiver) -> SelfTest | None:
    asked_at = receiver.self_test_asked_at
    if receiver.self_test_minute is None and asked_at is None:
        return None
    return SelfTest(
        minute=receiver.self_test_minute,
        asked_us=to_us(asked_at) if asked_at is not None else None,
        level_dbfs=receiver.self_test_level_dbfs,
    )


def _media(recording: Recording | None) -> Media | None:
    if recording is None or recording.state is not RecordingState.READY:
        return None
    if recording.sha256 is None or recording.size_bytes is None or recording.duration_us is None:
        return None
    return Media(
        sha256=recording.sha256,
        size_bytes=recording.size_bytes,
        duration_us=recording.duration_us,
        language=recording.language,
    )


BUILDERS = {"programme": programme, "settings": receiver_settings, "bank": bank, "now": now_document}
