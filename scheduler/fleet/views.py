"""From rows to what is shown of a receiver (pure)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import asdict

from broadcast.clock import from_us
from broadcast.wire.documents import Hearing, ReceiverState, SelfTestResult
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.results import result
from scheduler.fleet.schemas import (
    ClockView,
    Condition,
    DataView,
    FaultView,
    FileView,
    HeardView,
    MessageView,
    PowerView,
    ReceiverDetail,
    ReceiverView,
    ReportOf,
    ReportView,
    SelfTestView,
    SignalView,
)
from scheduler.zones.models import Zone

SILENT_AFTER = timedelta(minutes=25)
"""Two and a half of the intervals between a receiver's beats."""
_OF = {"local": ReportOf.MESSAGE, "lost": ReportOf.LOST}
"""What `broadcast_id` says where there is no broadcast."""
_SAME = set(ReportView.model_fields) - {"of", "message", "result", "heard"}


def said(receiver: Receiver) -> ReceiverState | None:
    """What it last said of itself; None if nothing that this version understands."""
    if receiver.state is None:
        return None
    try:
        return msgspec.convert(receiver.state, ReceiverState)
    except msgspec.ValidationError:
        return None


def condition(receiver: Receiver, now: datetime) -> Condition:
    """The receiver in one word, the most important first."""
    state = said(receiver)
    if receiver.revoked_at is not None:
        return Condition.REVOKED
    if receiver.enrolled_at is None:
        return Condition.UNENROLLED
    if not receiver.online:
        return Condition.OFFLINE if receiver.seen_at is not None else Condition.NEVER
    if receiver.seen_at is None or now - receiver.seen_at > SILENT_AFTER:
        return Condition.SILENT
    if state is not None and state.faults:
        return Condition.FAULT
    return Condition.PLAYING if state is not None and state.airing_id is not None else Condition.ONLINE


def view(receiver: Receiver, zone: Zone, names: Mapping[str, str], now: datetime) -> ReceiverView:
    """`names` has those of the zones on the way to it."""
    state = said(receiver)
    ready, coming = (len(state.ready), len(state.media)) if state is not None else (0, 0)
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
        condition=condition(receiver, now),
        online=receiver.online,
        seen_at=receiver.seen_at,
        heard_at=receiver.heard_at,
        heard_dbfs=receiver.heard_dbfs,
        faults=[
            FaultView(code=fault.code, detail=fault.detail, since=_moment(fault.since_us or None))
            for fault in (state.faults if state is not None else ())
        ],
        files_ready=ready,
        files_needed=ready + coming,
        version=receiver.version,
    )


def _said_view(receiver: Receiver) -> dict[str, object]:
    """The part of a `ReceiverDetail` that the receiver said itself."""
    state = said(receiver) or ReceiverState(online=False, at_us=0)
    known = receiver.state is not None
    return {
        "player": state.player if known else None,
        "airing_id": state.airing_id,
        "level_dbfs": state.level_dbfs,
        "volume_percent": state.volume_percent,
        "clock": ClockView(**asdict(state.clock)) if state.clock else None,
        "power": PowerView(**asdict(state.power)) if state.power else None,
        "signal": SignalView(**asdict(state.signal)) if state.signal else None,
        "temperature_c": state.temperature_c,
        "data": DataView(**asdict(state.data)) if state.data else None,
        "self_test": _self_test(state.self_test),
        "cache_bytes": state.cache_bytes if known else None,
        "free_bytes": state.free_bytes,
        "pending_reports": state.pending_reports if known else None,
        "started_at": _moment(state.started_us),
        "software": state.version or None,
        "refused": state.refused,
        "files": [
            FileView(sha256=file.sha256, done_bytes=file.done_bytes, size_bytes=file.size_bytes) for file in state.media
        ],
    }


def detail(
    receiver: Receiver, zone: Zone, names: Mapping[str, str], messages: Sequence[MessageView], now: datetime
) -> ReceiverDetail:
    return ReceiverDetail(
        **view(receiver, zone, names, now).model_dump(),
        volume_by_hour=receiver.volume_by_hour,
        languages=receiver.languages,
        note=receiver.note,
        amplifier_lead_ms=receiver.amplifier_lead_ms,
        amplifier_tail_ms=receiver.amplifier_tail_ms,
        self_test_at=time_of_day(receiver.self_test_minute),
        self_test_level_dbfs=receiver.self_test_level_dbfs,
        self_test_asked_at=receiver.self_test_asked_at,
        month_budget_mb=receiver.month_budget_mb,
        restart_asked_at=receiver.restart_asked_at,
        photo_at=receiver.photo_at,
        messages=list(messages),
        enrolled_at=receiver.enrolled_at,
        revoked_at=receiver.revoked_at,
        certificate_expires_at=receiver.certificate_expires_at,
        **_said_view(receiver),
    )


def report(row: StoredReport) -> ReportView:
    heard = None
    if row.microphone is not None:
        heard = HeardView(
            verdict=Hearing(row.microphone),
            correlation=row.microphone_correlation or 0.0,
            delay_us=row.microphone_delay_us,
            level_dbfs=row.microphone_dbfs,
        )
    return ReportView(
        **row.model_dump(include=_SAME),
        of=_OF.get(row.broadcast_id, ReportOf.BROADCAST),
        message=_message_of(row),
        result=result(row.outcome, row.microphone),
        heard=heard,
    )


def _message_of(row: StoredReport) -> str | None:
    """`fire` of `local-fire-1763870400000000`."""
    if _OF.get(row.broadcast_id) is not ReportOf.MESSAGE:
        return None
    return row.airing_id.removeprefix("local-").rpartition("-")[0] or None


def time_of_day(minute: int | None) -> str | None:
    """`12:15`."""
    return f"{minute // 60:02d}:{minute % 60:02d}" if minute is not None else None


def _self_test(said: SelfTestResult | None) -> SelfTestView | None:
    if said is None:
        return None
    return SelfTestView(at=from_us(said.at_us), heard=HeardView(**asdict(said.heard)) if said.heard else None)


def _moment(us: int | None) -> datetime | None:
    return from_us(us) if us is not None else None
