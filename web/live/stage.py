"""One talk as this process carries it: who sits at the microphone, and whether it is on the air."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from broadcast.clock import US_PER_S, Clock
from broadcast.live.feed import LiveFeed
from scheduler.live.models import LiveEnd, LiveTalk
from web.live.booth import Booth
from web.live.line import Line
from web.live.microphone import Microphone
from web.live.placing import RtpPacket


@dataclass(eq=False)
class Stage:
    """Belongs to the event loop. `refused` says why it could not go on the air."""

    talk: LiveTalk
    line: Line | None = None
    feed: LiveFeed | None = None
    booth: Booth | None = None
    on_air: bool = False
    refused: str | None = None
    _begun: bool = False
    _came: set[str] = field(default_factory=set)
    _microphones: dict[str, Microphone] = field(default_factory=dict)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _end: LiveEnd | None = None

    def seat(self, line: Line, begin: Callable[[], None]) -> Callable[[RtpPacket], None]:
        """What takes the packets of `line`; the first of the talk calls `begin`."""

        def put(packet: RtpPacket) -> None:
            self._came.add(line.id)
            if not self._begun:
                self._begun = True
                begin()
            booth = self.booth
            if booth is None or line is not self.line:
                return
            if line.id not in self._microphones:
                self._microphones = {line.id: Microphone(booth.timeline, booth.heard)}
            self._microphones[line.id].put(packet)

        return put

    def has_come(self, line: Line) -> bool:
        """Whether a packet came over this line."""
        return line.id in self._came

    def end(self, reason: LiveEnd) -> None:
        """End it, however it is carried."""
        self._end = self._end or reason
        self._ended.set()
        if self.booth is not None:
            self.booth.end(reason)

    async def wait(self, clock: Clock, until_us: int) -> LiveEnd:
        """Why it ended: FINISHED at `until_us` (monotonic) if nothing ended it before."""
        rest = asyncio.create_task(clock.sleep((until_us - clock.monotonic_us()) / US_PER_S))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait((rest, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (rest, ended):
                task.cancel()
        return self._end or LiveEnd.FINISHED
