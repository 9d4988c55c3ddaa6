"""The sound path as the daemon holds it: there or not, and opened again until it is.

A card whose calls do not return is of use to a new process only. So this one ends: soon when it had sound, as that is
likely to bring it back, and else now and then, so that the centre hears why in between.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from broadcast.clock import US_PER_S, Clock
from receivers.sound.cue import HANGS, Cue, Played, PlayerStatus

if TYPE_CHECKING:
    from receivers.sound.decode import OpenSource

log = logging.getLogger(__name__)

RETRY_S = 5.0
LOST_US = 10 * US_PER_S  # a card that worked may hang so long
NEVER_US = 600 * US_PER_S  # and one that never did


class NoDevice(Exception):
    """The sound device cannot be opened now; the message says which and why."""


class NoAnswer(NoDevice):
    """A call to the sound device has not returned."""


class SoundHangs(Exception):
    """The sound device has hung for too long; the process is to end and be started again."""


class Player(Protocol):
    """What plays a plan: `receivers.sound.player.Player`, or a horn in virtual time."""

    def start(self) -> None: ...

    def set_plan(self, cues: Sequence[Cue]) -> None: ...

    def status(self) -> PlayerStatus: ...

    def close(self) -> None: ...


MakePlayer = Callable[[Callable[[Played], None]], Player]
"""Given where pieces that ended go (called on any thread), a player; its `start` raises NoDevice and is tried again."""


class Horn:
    """A player that may not be there yet."""

    def __init__(self, make: MakePlayer, on_played: Callable[[Played], None]) -> None:
        self._make: Callable[[], Player] = lambda: make(on_played)
        self._made: Player | None = None
        self._player: Player | None = None
        self._plan: tuple[Cue, ...] = ()
        self._no_answer = False
        self._hangs_since_us: int | None = None
        self.error: str | None = "the sound device has not been opened yet"

    async def open(self) -> bool:
        """Try once; whether the device is open."""
        player = self._made = self._made or self._make()
        try:
            await asyncio.to_thread(player.start)
        except NoDevice as error:
            log.log(logging.DEBUG if self.error == str(error) else logging.WARNING, "no sound: %s", error)
            self.error, self._no_answer = str(error), isinstance(error, NoAnswer)
            return False
        self._player, self.error = player, None
        player.set_plan(self._plan)
        return True

    async def keep_open(self, clock: Clock) -> None:
        """For ever: try until the device is open; from then on the player looks after it. Raises SoundHangs."""
        while True:
            if self._player is None:
                await self.open()
            self._look(clock.monotonic_us())
            await clock.sleep(RETRY_S)

    def _look(self, monotonic_us: int) -> None:
        """Raise SoundHangs when the device has been seen to hang for too long."""
        status = self.status()
        if not (self._no_answer if status is None else HANGS in status.faults):
            self._hangs_since_us = None
            return
        if self._hangs_since_us is None:
            self._hangs_since_us = monotonic_us
        if monotonic_us - self._hangs_since_us >= (NEVER_US if status is None else LOST_US):
            raise SoundHangs(self.error or "a call to the sound device has not returned")

    def set_plan(self, cues: tuple[Cue, ...]) -> None:
        if cues == self._plan:
            return
        self._plan = cues
        if self._player is not None:
            self._player.set_plan(cues)

    def status(self) -> PlayerStatus | None:
        return self._player.status() if self._player else None

    async def close(self) -> None:
        if self._player is not None:
            await asyncio.to_thread(self._player.close)


def sound_card(
    device: str | None, clock: Clock, microphone: str | None = None, open_source: "OpenSource | None" = None
) -> MakePlayer:
    """Players on a sound device, heard by `microphone`; ImportError where the sound library is not installed.

    `open_source` finds a cue's sound; without it there are files alone.
    """
    from receivers.sound.decode import open_file  # noqa: PLC0415
    from receivers.sound.device import Device, DeviceError, DeviceHangs  # noqa: PLC0415 - the rest of the node runs without PortAudio
    from receivers.sound.player import Player as SoundPlayer  # noqa: PLC0415
    from receivers.sound.player import Tap  # noqa: PLC0415

    class Opening(SoundPlayer):
        def start(self) -> None:
            try:
                super().start()
            except DeviceHangs as error:
                raise NoAnswer(str(error)) from error
            except DeviceError as error:
                raise NoDevice(str(error)) from error

    if microphone is None:
        return lambda on_played: Opening(Device(device, clock), clock, on_played, None, open_source or open_file)
    from receivers.ear.ear import ListenedPlayer  # noqa: PLC0415 - most nodes have no microphone

    def make(on_played: Callable[[Played], None], tap: Tap) -> Player:
        return Opening(Device(device, clock), clock, on_played, tap, open_source or open_file)

    return lambda on_played: ListenedPlayer(make, microphone, clock, on_played)
