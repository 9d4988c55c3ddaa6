"""What the documents of a zone and of a receiver say now (reads, decides nothing about when)."""

from datetime import datetime

from sqlmodel import Session

from broadcast.wire.documents import Media, Programme, ReceiverSettings
from scheduler.announcements.models import Recording, RecordingState
from scheduler.broadcasts.planning import programme_for
from scheduler.fleet import repository
from scheduler.fleet.documents import Draft
from scheduler.zones import repository as zones
from scheduler.zones import rules

FULL = (100,) * 24


def programme(db: Session, zone_id: str, now: datetime) -> Draft | None:
    """What the zone plays from the start of its local day on, seven days ahead."""
    zone = zones.zone(db, zone_id)
    if zone is None:
        return None
    airings = tuple(programme_for(db, zone_id, now))
    document = Programme(target=zone_id, number=1, issued_us=0, expires_us=0, airings=airings)
    return Draft(document, rules.effective_rules(db, zone.path).timezone)


def receiver_settings(db: Session, receiver_id: str, _now: datetime) -> Draft | None:
    """How the receiver behaves: its zones, what holds there, its volume and languages, what it plays at need."""
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
    )
    return Draft(document, held.rules.timezone)


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


BUILDERS = {"programme": programme, "settings": receiver_settings}
