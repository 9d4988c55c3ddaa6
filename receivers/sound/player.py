"""The sound path as the receiver's daemon sees it: a desired plan goes in, records of what was played come out."""

from collections.abc import Callable, Sequence

from broadcast.clock import Clock
from receivers.sound.cue import Cue, Played, PlayerStatus
from receivers.sound.device import Device


class Player:
    """Plays a plan of cues through one device, each at its instant by the device's own clock.

    `on_played` is called once for each piece that sounded or failed, on the player's own thread: an asyncio program
    passes `lambda played: loop.call_soon_threadsafe(queue.put_nowait, played)`.

    Use as a context manager, or call `start` and `close`. No method blocks for longer than a few milliseconds
    but `start` and `close` (opening and closing the sound card: up to a second). All are safe from any thread.
    """

    def __init__(self, device: Device, clock: Clock, on_played: Callable[[Played], None]) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Open the device and play silence; raises DeviceError when there is no such device."""
        raise NotImplementedError

    def set_plan(self, cues: Sequence[Cue]) -> None:
        """Make this the whole plan; the same plan again changes nothing. ValueError as `check_plan`.

        A piece that is no longer in it fades out within 30 ms and is reported. One that should be sounding already is
        joined at its place within about 0.3 s. Cues wholly in the past are ignored.
        """
        raise NotImplementedError

    def status(self) -> PlayerStatus:
        raise NotImplementedError

    def close(self) -> None:
        """Fade out, report what was sounding, release the device."""
        raise NotImplementedError

    def __enter__(self) -> "Player":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
