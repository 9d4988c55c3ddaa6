"""One feed over HTTP into its buffer: one long answer, and a new one whenever that stands still (does I/O).

Rules
- The transport is not trusted, the feed's key is: each chunk is verified before it is anything. The first bad one ends
  the connection that brought it, and the feed's next address is asked. So do many one after another that are of no use.
- The old connection is closed before the new one is opened: two would share what little the link carries.
- What came and was not taken is counted by reason, what a cache in between may do included.
"""

import asyncio
import logging
from collections import Counter
from http import HTTPStatus
from http.client import HTTPResponse
from random import SystemRandom

from broadcast.clock import US_PER_S, Clock
from broadcast.wire.chunks import BadChunk, ChunkReader
from broadcast.wire.enrolment import order_key
from receivers.fetch import Client
from receivers.line import Line
from receivers.live import decide
from receivers.live.buffer import ChunkBuffer
from receivers.live.decide import Taken
from receivers.live.places import Places
from receivers.opener import NoAnswer, asked
from receivers.tasks import end

log = logging.getLogger(__name__)

BAD = "chunk_bad_signature"
PAGE = "chunk_web_page"
LOOK_S = 0.25
STEP_US = 200_000


class _TooLong(NoAnswer):
    """It may come yet, by a link that is bad."""


class Fetcher:
    """Fills `buffer` from its feed, by `client`; `refused` counts what was not taken."""

    def __init__(
        self, buffer: ChunkBuffer, client: Client, clock: Clock, places: Places, refused: Counter[str]
    ) -> None:
        self._buffer = buffer
        self._client = client
        self._clock = clock
        self._places = places
        self._refused = refused
        self._random = SystemRandom()
        self._failures = 0
        self._slow = False
        self._came = False
        self._useless = 0
        self._barren_us: int | None = None

    async def run(self) -> None:
        """Until all that is of use has come."""
        self._buffer.moved_us = self._clock.monotonic_us()
        while True:
            number = self._buffer.ask_from(self._clock.now_us())
            if number is None and not self._buffer.may_grow:
                return
            early_us = decide.opens_us(self._buffer.growing) - self._clock.now_us()
            if number is None or early_us > 0:
                await self._clock.sleep(LOOK_S)  # its times may be changed meanwhile
                continue
            begun_us, self._came = self._clock.monotonic_us(), False
            try:
                await self._listen(number)
            except NoAnswer as error:
                await self._rest(error, self._clock.monotonic_us() - begun_us)

    async def _rest(self, error: NoAnswer, took_us: int) -> None:
        """After a connection that took `took_us`."""
        self._buffer.turned_away = not self._came and not isinstance(error, _TooLong)
        if self._came and took_us >= decide.STEADY_US:
            self._failures = 0
        level = logging.DEBUG if self._failures else logging.WARNING
        log.log(level, "feed %s: %s", self._buffer.growing.feed.id, error)
        self._failures += 1
        rest_us = decide.rest_us(self._failures, took_us, self._random.random())
        await self._clock.sleep(rest_us / US_PER_S)

    async def _listen(self, number: int) -> None:
        """One connection, from its opening to its end; NoAnswer when that came too soon."""
        feed = self._buffer.growing.feed
        line = self._client.line(self._places.find, haste=True)
        url = feed.urls[self._failures % len(feed.urls)]
        try:
            await self._open(line, f"{url}?from={number}")
            self._buffer.opened_us = self._buffer.opened_us or self._clock.monotonic_us()
            reader = ChunkReader(feed.id, order_key(feed.key))
            self._useless, self._barren_us = 0, None
            while block := await self._next_block(line, number):
                self._take(reader, block)
                left = self._buffer.ask_from(self._clock.now_us())
                if left is None:
                    return
                if decide.opens_us(self._buffer.growing) > self._clock.now_us():
                    return  # something else has the air
                number = left
        finally:
            line.leave()
        raise NoAnswer("the answer ended")

    async def _open(self, line: Line, url: str) -> None:
        opening = asyncio.create_task(line.open(asked(url, {}), self._client.trust, self._client.proxy))
        try:
            await self._patience(line, opening)
            answer = await opening
        except NoAnswer:
            self._places.doubt()
            raise
        finally:
            await end((opening,))
        if answer.status != HTTPStatus.OK:
            raise NoAnswer(f"answered {answer.status}")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            self._refused[PAGE] += 1
            raise NoAnswer("a web page instead of sound; is a sign-in page in between?")

    async def _patience(self, line: Line, opening: asyncio.Task[HTTPResponse]) -> None:
        """Until `opening` is done; NoAnswer when it takes too long."""
        knocked_us = waited_us = 0
        while not (await asyncio.wait({opening}, timeout=STEP_US / US_PER_S))[0]:
            if line.connected:
                waited_us += STEP_US
            else:
                knocked_us += STEP_US
            if waited_us >= decide.open_us(slow=self._slow) or knocked_us >= decide.KNOCKING_US:
                self._slow = line.connected
                raise _TooLong(f"no answer within {(knocked_us + waited_us) / US_PER_S:g} s")

    async def _next_block(self, line: Line, number: int) -> bytes:
        quiet_us = decide.quiet_us(self._buffer.growing, number, self._clock.now_us(), self._random.random())
        try:
            async with asyncio.timeout(quiet_us / US_PER_S):
                return await line.read_block()
        except TimeoutError:
            raise _TooLong(f"nothing came for {quiet_us / US_PER_S:.1f} s") from None

    def _take(self, reader: ChunkReader, block: bytes) -> None:
        """Take in bytes; NoAnswer for what the feed's key has not signed, and for too much that is of no use."""
        now_us = self._clock.monotonic_us()
        if self._barren_us is None:
            self._barren_us = now_us
        try:
            for chunk in reader.feed(block):
                became = self._buffer.put(chunk, self._clock.now_us())
                if became is Taken.TAKEN:
                    self._came, self._barren_us, self._useless = True, None, 0
                    self._buffer.moved_us, self._buffer.turned_away = now_us, False
                    continue
                self._refused[became] += 1
                self._useless += 1
                if self._useless > decide.USELESS_CHUNKS:
                    raise NoAnswer("it brings what is of no use")
        except BadChunk as error:
            self._refused[BAD] += 1
            raise NoAnswer(str(error)) from None
        if self._barren_us is not None and now_us - self._barren_us > decide.BARREN_US:
            raise NoAnswer("what comes becomes no sound")
