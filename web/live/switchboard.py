"""The connections of microphones and of those who listen in, from the offer until they are lost (does I/O)."""

import asyncio
from collections.abc import Awaitable, Callable

from broadcast.clock import Clock
from scheduler.errors import TooMany
from web import i18n
from web.live.acts import either
from web.live.booth import Booth
from web.live.line import Line
from web.live.listening import FeedTrack, ListeningLine
from web.live.microphone import Microphone
from web.live.placing import RtpPacket
from web.live.pouring import PouredMicrophone
from web.live.socket import SocketLine
from web.live.stage import Stage

MAX_LINES, MAX_LISTENERS = 16, 10
"""Connections at once, each costs two sockets and a decoder; those who listen leave room for microphones."""
CONNECT_S = 15.0
"""For a connection to bring its first packet."""

Begin = Callable[[], None]
"""Called with a talk's first packet."""


class Switchboard:
    """`lines` by their id. `start` runs what waits for them; `left` is told of each that is no more."""

    def __init__(
        self,
        clock: Clock,
        start: Callable[[Awaitable[None]], None],
        left: Callable[[Line | SocketLine | ListeningLine], None],
    ) -> None:
        self.lines: dict[str, Line | SocketLine | ListeningLine] = {}
        self._clock = clock
        self._start = start
        self._left = left

    def check_room(self, *, listening: bool = False) -> None:
        """Raises TooMany where there is no place for one more."""
        listeners = sum(isinstance(line, ListeningLine) for line in self.lines.values())
        if len(self.lines) >= MAX_LINES or (listening and listeners >= MAX_LISTENERS):
            message = i18n.N_("Too many are connected. Try again in a moment.")
            raise TooMany("too_many_lines", message, retry_after_s=5)

    async def connect(self, stage: Stage, offer_sdp: str, sign_in: str, begin: Begin) -> tuple[Line, str]:
        """A microphone's connection and our answer to its offer. Raises BadOffer."""
        line = Line()
        self.lines[line.id] = line
        try:
            answer = await line.answer(offer_sdp, stage.seat(line, begin, _by_rtp))
        except BaseException:
            await self.hang_up(line.id)
            raise
        await self._take(stage, line, sign_in)
        return line, answer

    async def plug(self, stage: Stage, sign_in: str, begin: Begin) -> tuple[SocketLine, Callable[[bytes], None]]:
        """A microphone's connection by WebSocket, and what takes its Opus packets."""
        line = SocketLine()
        self.lines[line.id] = line
        put = stage.seat(line, begin, _by_socket)
        await self._take(stage, line, sign_in)
        return line, put

    async def listen(self, track: FeedTrack, offer_sdp: str) -> tuple[ListeningLine, str]:
        """A connection over which `track` is heard, and our answer to its offer. Raises BadOffer."""
        line = ListeningLine()
        self.lines[line.id] = line
        try:
            answer = await line.answer(offer_sdp, track)
        except BaseException:
            await self.hang_up(line.id)
            raise
        self._start(self._until_lost(line))
        return line, answer

    async def hang_up(self, line_id: str) -> None:
        """End a connection."""
        line = self.lines.pop(line_id, None)
        if line is not None:
            await line.close()
            self._left(line)

    async def close(self) -> None:
        """End them all."""
        await asyncio.gather(*(line.close() for line in self.lines.values()), return_exceptions=True)

    async def _take(self, stage: Stage, line: Line | SocketLine, sign_in: str) -> None:
        """From now on this one is the talk's microphone; an earlier one is closed."""
        stage.sign_in = sign_in
        before, stage.line = stage.line, line
        if before is not None:
            await self.hang_up(before.id)
        self._start(self._expect(stage, line))

    async def _expect(self, stage: Stage, line: Line | SocketLine) -> None:
        """Close a connection that brings nothing in time, or that is lost."""
        patience = asyncio.create_task(self._clock.sleep(CONNECT_S))
        lost = asyncio.create_task(line.lost.wait())
        await asyncio.wait((patience, lost), return_when=asyncio.FIRST_COMPLETED)
        if not lost.done() and stage.has_come(line):
            await lost
        patience.cancel()
        lost.cancel()
        await self.hang_up(line.id)

    async def _until_lost(self, line: ListeningLine) -> None:
        """Close a connection that is not made in time, or that is lost."""
        await either(self._clock, CONNECT_S, line.connected)
        if line.connected.is_set():
            await line.lost.wait()
        await self.hang_up(line.id)


def _by_rtp(booth: Booth) -> Callable[[RtpPacket], None]:
    return Microphone(booth.timeline, booth.heard).put


def _by_socket(booth: Booth) -> Callable[[bytes], None]:
    return PouredMicrophone(booth.timeline, lambda: booth.feed.frames, booth.heard).put
