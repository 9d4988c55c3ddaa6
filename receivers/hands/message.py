"""A prepared message that someone at the node starts, as an airing of this node alone (pure).

Rules
- It keeps its class and passes every rule of the zone: quiet hours, quota and length stop it unless it is an emergency.
- It is played whole, and waits up to WINDOW_US for what goes before it; cut off, it begins again within that time.
- It begins PREPARE_US after it was asked for, or the amplifier's lead where that is longer.
- Asked for again before it is over it is refused: a button that is pressed twice means once.
- It lives in the process: asked for and not yet begun, it does not outlive a power cut.
"""

from collections.abc import Iterable

from broadcast.wire.documents import AfterCut, Airing, Late, ReceiverSettings

PREPARE_US = 500_000  # opening a recording takes less
WINDOW_US = 600_000_000
BROADCAST_ID = "local"
_PREFIX = "local-"


class NotSaid(Exception):
    """The message does not play; says why."""


def airing(settings: ReceiverSettings, name: str, now_us: int, held: Iterable[Airing] = ()) -> Airing:
    """The airing that plays message `name`; `held` are the local airings that are not over. NotSaid if it cannot."""
    message = next((message for message in settings.messages if message.name == name), None)
    if message is None:
        known = ", ".join(message.name for message in settings.messages)
        raise NotSaid(f"there is no message {name!r} here; " + (f"there is {known}" if known else "there is none"))
    if any(message_of(other) == name for other in held):
        raise NotSaid(f"message {name!r} is playing or waiting already")
    start_us = now_us + max(PREPARE_US, settings.amplifier.lead_us)
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


def message_of(started: Airing) -> str | None:
    """The message that a local airing plays; None for any other airing."""
    if started.broadcast_id != BROADCAST_ID or not started.id.startswith(_PREFIX):
        return None
    return started.id.removeprefix(_PREFIX).rpartition("-")[0]
