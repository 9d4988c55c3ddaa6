"""From what the parts of a receiver tell to what its life sees (pure)."""

from collections.abc import Collection

from broadcast.wire.documents import BroadcastClass
from receivers.ear.selftest import is_chirp
from receivers.life import Horn
from receivers.plan import is_stand_in, key_parts
from receivers.sound.cue import PlayerStatus
from scheduler.timeline import Resolution

HUNG = "device-silent"


def horn(status: PlayerStatus | None, resolution: Resolution, over: Collection[str], now_us: int) -> Horn:
    """What sounds. `over` are the airings that have been reported: they do not come back."""
    if status is None or HUNG in status.faults:
        return Horn.NO_DEVICE
    if status.playing is None:
        return Horn.IDLE
    airing_id, _ = key_parts(status.playing)
    if is_chirp(status.playing):
        return Horn.IDLE
    if is_stand_in(airing_id):
        return Horn.FALLBACK
    ids = (segment for segment in resolution.segments if segment.airing_id == airing_id)
    if any(segment.cls is BroadcastClass.EMERGENCY for segment in ids):
        return Horn.EMERGENCY
    return Horn.INTERRUPTED if _one_waits(airing_id, resolution, over, now_us) else Horn.PLAYING


def _one_waits(playing: str, resolution: Resolution, over: Collection[str], now_us: int) -> bool:
    """Whether another airing was cut off and comes back."""
    begun = {segment.airing_id for segment in resolution.segments if segment.start_us <= now_us}
    back = (segment.airing_id for segment in resolution.segments if segment.start_us > now_us)
    return any(key in begun and key not in over and key != playing for key in back)
