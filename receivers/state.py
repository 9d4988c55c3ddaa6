"""From what is known about this receiver to the state it publishes (pure).

Rules
- A fault holds as long as its condition does, and keeps the time since when; what was not measured is absent.
- Lists are cut to what the wire allows, the most urgent first.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from broadcast.wire.documents import (
    MAX_AIRINGS,
    MAX_FAULT_DETAIL,
    SHORT_SHA_CHARS,
    ClockState,
    DataUse,
    Fault,
    MediaProgress,
    OrderProgress,
    PowerState,
    ReceiverState,
    SelfTestResult,
    SignalState,
)
from broadcast.wire.fault_codes import FaultCode
from receivers.ear.selftest import is_chirp
from receivers.needs import Need, Stored
from receivers.plan import is_stand_in, key_parts
from receivers.sound.cue import PlayerStatus

MAX_FAULTS = 50
REFUSAL_SHOWN_US = 3600 * 1_000_000  # an order that was refused stays a fault this long


class Senses(Struct, frozen=True, kw_only=True):
    """What the node's parts beside the sound path have measured, and the faults that they tell of."""

    clock: ClockState | None = None
    power: PowerState | None = None
    signal: SignalState | None = None
    temperature_c: float | None = None
    data: DataUse | None = None
    self_test: SelfTestResult | None = None
    faults: Mapping[FaultCode, str] = {}


class Facts(Struct, frozen=True, kw_only=True):
    """All that goes into a state but the faults."""

    player: str
    status: PlayerStatus | None
    numbers: Mapping[str, int]
    needs: Sequence[Need]
    ready: Mapping[str, Stored]
    done_bytes: Mapping[str, int]
    refused: Mapping[str, int]
    pending_reports: int
    acknowledged: int
    cache_bytes: int
    free_bytes: int | None
    senses: Senses
    volume_percent: int | None
    started_us: int
    version: str
    orders: tuple[OrderProgress, ...] = ()


class Troubles(Struct, frozen=True, kw_only=True):
    """Where faults come from; empty or None where all is well."""

    configured: bool
    settings_good: bool
    missing: Sequence[str]
    corrupt: Sequence[str]
    refused_media: str | None
    unfetched: str | None
    refusal: tuple[int, str] | None
    device: str | None
    disk: str | None
    disk_full: str | None
    bank_missing: Sequence[str] = ()


def conditions(troubles: Troubles, now_us: int) -> dict[FaultCode, str]:
    """The faults that hold, with their details."""
    recent = troubles.refusal is not None and 0 <= now_us - troubles.refusal[0] < REFUSAL_SHOWN_US
    found = {
        FaultCode.AUDIO_DEVICE: troubles.device,
        FaultCode.MEDIA_MISSING: _listed(troubles.missing),
        FaultCode.BANK_MISSING: _listed(troubles.bank_missing),
        FaultCode.MEDIA_CORRUPT: _listed(troubles.corrupt),
        FaultCode.MEDIA_REFUSED: troubles.refused_media,
        FaultCode.MEDIA_UNFETCHED: troubles.unfetched,
        FaultCode.ORDER_REFUSED: troubles.refusal[1] if troubles.refusal and recent else None,
        FaultCode.DISK: troubles.disk,
        FaultCode.DISK_FULL: troubles.disk_full,
        FaultCode.SETTINGS_MISSING: None if troubles.configured else "no settings have come from the centre yet",
        FaultCode.SETTINGS_BAD: None if troubles.settings_good else "the settings name an unknown time zone",
    }
    return {code: detail[:MAX_FAULT_DETAIL] for code, detail in found.items() if detail}


def faults(held: Mapping[FaultCode, str], before: Sequence[Fault], now_us: int) -> tuple[Fault, ...]:
    """`held` as faults, each since it began."""
    since_us = {fault.code: fault.since_us for fault in before}
    return tuple(
        Fault(code=code, detail=detail, since_us=since_us.get(code, now_us)) for code, detail in sorted(held.items())
    )[:MAX_FAULTS]


def state(facts: Facts, held: Sequence[Fault], now_us: int, *, online: bool) -> ReceiverState:
    """The state to publish."""
    airing_id = _airing(facts.status)
    sounding = facts.status is not None and airing_id is not None
    senses = facts.senses
    told = [need for need in facts.needs if need.told][:MAX_AIRINGS]
    return ReceiverState(
        online=online,
        at_us=now_us,
        player=facts.player,
        airing_id=airing_id,
        level_dbfs=round(facts.status.level_dbfs, 1) if facts.status and sounding else None,
        orders=facts.orders,
        numbers=dict(facts.numbers),
        ready=tuple(need.sha256[:SHORT_SHA_CHARS] for need in told if need.sha256 in facts.ready),
        media=tuple(_progress(need, facts) for need in told if need.sha256 not in facts.ready),
        faults=tuple(held),
        refused=dict(facts.refused),
        pending_reports=facts.pending_reports,
        acknowledged=facts.acknowledged,
        cache_bytes=facts.cache_bytes,
        free_bytes=facts.free_bytes,
        clock=senses.clock,
        volume_percent=facts.volume_percent,
        power=senses.power,
        signal=senses.signal,
        temperature_c=senses.temperature_c,
        data=senses.data,
        self_test=senses.self_test,
        started_us=facts.started_us,
        version=facts.version,
    )


def gone(started_us: int, now_us: int, version: str) -> ReceiverState:
    """The last will, and the last word of a daemon that ends."""
    return ReceiverState(online=False, at_us=now_us, player="off", started_us=started_us, version=version)


def _airing(status: PlayerStatus | None) -> str | None:
    if status is None or status.playing is None or is_chirp(status.playing):
        return None
    airing_id, _ = key_parts(status.playing)
    return None if is_stand_in(airing_id) else airing_id


def _progress(need: Need, facts: Facts) -> MediaProgress:
    done_bytes = min(facts.done_bytes.get(need.sha256, 0), need.size_bytes)
    return MediaProgress(sha256=need.sha256, done_bytes=done_bytes, size_bytes=need.size_bytes)


def _listed(names: Sequence[str]) -> str | None:
    return ", ".join(names) or None
