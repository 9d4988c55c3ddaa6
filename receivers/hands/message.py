"""A prepared message that someone at the node starts, as an airing of this node alone (pure).

Rules
- It keeps its class and passes every rule of the zone: quiet hours, quota and length stop it unless it is an emergency.
- It is played whole, and waits up to WINDOW_US for what goes before it; cut off, it begins again within that time.
- It begins PREPARE_US after it was asked for, or when the amplifier is warm where that is later.
- One that would not sound is refused with the reason (`against`): who pressed the button must know it, and can press
  it again.
- Asked for again before it is over it is refused: a button that is pressed twice means once.
- It lives in the process: asked for and not yet begun, it does not outlive a power cut.
"""

from collections.abc import Collection, Iterable

from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, ReceiverSettings
from receivers.life import Hold
from scheduler.timeline import Reason, Resolution

PREPARE_US = 500_000  # opening a recording takes less
WINDOW_US = 600_000_000
BROADCAST_ID = "local"
_PREFIX = "local-"
_AIR_TAKEN = "others have the air for too long"
_WORDS = {
    Reason.MEDIA_MISSING: "its recording is not here",
    Reason.QUIET_HOURS: "these are quiet hours",
    Reason.QUOTA: "what may sound in a day is used up",
    Reason.MAX_LENGTH: "nothing may sound here",
}


class NotSaid(Exception):
    """The message does not play; says why."""


def airing(settings: ReceiverSettings, name: str, now_us: int, held: Iterable[Airing] = (), lead_us: int = 0) -> Airing:
    """The airing that plays message `name`; NotSaid if it cannot.

    `held` are the local airings that are not over, `lead_us` is how long the amplifier takes to be warm.
    """
    message = next((message for message in settings.messages if message.name == name), None)
    if message is None:
        known = ", ".join(message.name for message in settings.messages)
        raise NotSaid(f"there is no message {name!r} here; " + (f"there is {known}" if known else "there is none"))
    if any(message_of(other) == name for other in held):
        raise NotSaid(f"message {name!r} is playing or waiting already")
    start_us = now_us + max(PREPARE_US, lead_us)
    return Airing(
        id=f"{_PREFIX}{name}-{start_us}",
        broadcast_id=BROADCAST_ID,
        cls=message.cls,
        start_us=start_us,
        media=(message.media,),
        late=Late.WHOLE,
        after_cut=AfterCut.RESTART,
        window_us=WINDOW_US,
    )


def against(started: Airing, ready: Collection[str], hold: Hold, resolution: Resolution) -> str | None:
    """Why a message does not sound by the plan that it is in; None if it does."""
    if started.media[0].sha256 not in ready:
        return _WORDS[Reason.MEDIA_MISSING]
    if hold is not Hold.NOTHING and (
        hold is not Hold.ALL_BUT_EMERGENCIES or started.cls is not BroadcastClass.EMERGENCY
    ):
        return "the time is not known here" if hold is Hold.ALL_BUT_EMERGENCIES else "STOP holds"
    if any(segment.airing_id == started.id for segment in resolution.segments):
        return None
    dropped = next((dropped for dropped in resolution.dropped if dropped.airing_id == started.id), None)
    return _WORDS.get(dropped.reason, _AIR_TAKEN) if dropped is not None else _AIR_TAKEN


def message_of(started: Airing) -> str | None:
    """The message that a local airing plays; None for any other airing."""
    if started.broadcast_id != BROADCAST_ID or not started.id.startswith(_PREFIX):
        return None
    return started.id.removeprefix(_PREFIX).rpartition("-")[0]
