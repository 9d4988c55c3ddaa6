"""From rows to what is shown of a receiver (pure)."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from broadcast.clock import from_us
from broadcast.wire.documents import ReceiverState
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.schemas import Condition, FaultView, FileView, ReceiverDetail, ReceiverView, ReportView
from scheduler.zones.models import Zone

IDLE = "idle"


def said(receiver: Receiver) -> ReceiverState | None:
    """What it last said of itself; None if nothing that this version understands."""
    if receiver.state is None:
        return None
    try:
        return msgspec.convert(receiver.state, ReceiverState)
    except msgspec.ValidationError:
        return None


def condition(receiver: Receiver) -> Condition:
    """The receiver in one word, the most important first."""
    state = said(receiver)
    if receiver.revoked_at is not None:
        return Condition.REVOKED
    if receiver.enrolled_at is None:
        return Condition.UNENROLLED
    if not receiver.online:
        return Condition.OFFLINE if receiver.seen_at is not None else Condition.NEVER
    if state is not None and state.faults:
        return Condition.FAULT
    return Condition.PLAYING if state is not None and state.airing_id is not None else Condition.ONLINE


def view(receiver: Receiver, zone: Zone, names: Mapping[str, str]) -> ReceiverView:
    """`names` has those of the zones on the way to it."""
    state = said(receiver)
    media = state.media if state is not None else ()
    return ReceiverView(
        id=receiver.id,
        zone_id=receiver.zone_id,
        place=[names[zone_id] for zone_id in zone.path.split("/") if zone_id in names],
        name=receiver.name,
        code=receiver.code,
        latitude=receiver.latitude,
        longitude=receiver.longitude,
        horns=receiver.horns,
        watts=receiver.watts,
        condition=condition(receiver),
        online=receiver.online,
        seen_at=receiver.seen_at,
        heard_at=receiver.heard_at,
        heard_dbfs=receiver.heard_dbfs,
        faults=[
            FaultView(code=fault.code, detail=fault.detail, since=_moment(fault.since_us or None))
            for fault in (state.faults if state is not None else ())
        ],
        files_ready=sum(1 for file in media if file.ready_us is not None),
        files_needed=len(media),
        version=receiver.version,
    )


def detail(receiver: Receiver, zone: Zone, names: Mapping[str, str]) -> ReceiverDetail:
    state = said(receiver) or ReceiverState(online=False, at_us=0)
    known = receiver.state is not None
    return ReceiverDetail(
        **view(receiver, zone, names).model_dump(),
        volume_by_hour=receiver.volume_by_hour,
        languages=receiver.languages,
        note=receiver.note,
        enrolled_at=receiver.enrolled_at,
        revoked_at=receiver.revoked_at,
        certificate_expires_at=receiver.certificate_expires_at,
        player=state.player if known else None,
        airing_id=state.airing_id,
        level_dbfs=state.level_dbfs,
        volume_percent=state.volume_percent,
        clock_error_us=state.clock.error_us if state.clock else None,
        cache_bytes=state.cache_bytes if known else None,
        free_bytes=state.free_bytes,
        pending_reports=state.pending_reports if known else None,
        started_at=_moment(state.started_us),
        software=state.version or None,
        refused=state.refused,
        files=[
            FileView(
                sha256=file.sha256,
                done_bytes=file.done_bytes,
                size_bytes=file.size_bytes,
                ready_at=_moment(file.ready_us),
            )
            for file in state.media
        ],
    )


def report(row: StoredReport) -> ReportView:
    return ReportView.model_validate(row, from_attributes=True)


def _moment(us: int | None) -> datetime | None:
    return from_us(us) if us is not None else None
