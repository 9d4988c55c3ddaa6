"""The feeds in force at this node, each fetched as long as it is (does I/O).

The node says with `follow` what is in force, before it gives the sound path cues that name a feed: what
`decide.of_session` and `decide.of_made` make of its documents, in the node's own time. What is in force no longer is
left at once, and its chunks are let go.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from broadcast.clock import Clock
from receivers.fetch import open_client
from receivers.live import decide
from receivers.live.buffer import Buffers, ChunkBuffer
from receivers.live.decide import Growing, Taken
from receivers.live.fetcher import Fetcher
from receivers.live.places import Places
from receivers.odometer import Connection, read
from receivers.tasks import end

TIMEOUT_S = 10.0  # of a step; the fetcher's own patience ends sooner
THREADS = 2  # of a feed: one may be stuck in looking up a name


class Feeds:
    """Fills `buffers`, by `proxy` where there is one; `count` is shown the connections as they move."""

    def __init__(
        self,
        buffers: Buffers,
        clock: Clock,
        proxy: str | None = None,
        count: Callable[[Connection], object] = read,
    ) -> None:
        self._buffers = buffers
        self._clock = clock
        self._proxy = proxy
        self._count = count
        self._places = Places()
        self._refused: Counter[str] = Counter()
        self._changed = asyncio.Event()

    @property
    def refused(self) -> Mapping[str, int]:
        """How many chunks and pages came that the centre cannot have sent so, by reason; what is late is no offence."""
        return {reason: count for reason, count in self._refused.items() if reason != Taken.PAST}

    @property
    def sure(self) -> frozenset[str]:
        """The recordings of which everything is here, or comes in time if they begin now."""
        return self._buffers.sure(self._clock.monotonic_us())

    @property
    def hurry_us(self) -> int | None:
        """Recordings that are not needed before this shall leave the link to a feed; None: there is room for them."""
        return min((buffer.growing.plays_us for buffer in self._buffers.all() if self._hurries(buffer)), default=None)

    def _hurries(self, buffer: ChunkBuffer) -> bool:
        now_us = self._clock.monotonic_us()
        quiet_us = 0 if buffer.moved_us is None else now_us - buffer.moved_us
        missing = buffer.ask_from(self._clock.now_us()) is not None
        return not buffer.turned_away and decide.hurries(buffer.growing, missing=missing, quiet_us=quiet_us)

    def follow(self, growing: Iterable[Growing]) -> None:
        """These feeds are in force now, and no others. The same again changes nothing."""
        if self._buffers.follow({one.feed.id: one for one in growing}):
            self._changed.set()

    async def run(self) -> None:
        """For ever."""
        fetching: dict[ChunkBuffer, asyncio.Task[None]] = {}
        changed = asyncio.create_task(self._changed.wait(), name="feeds changed")
        try:
            while True:
                running = {task for task in fetching.values() if not task.done()}
                ended, _ = await asyncio.wait({changed, *running}, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
                if changed.done():
                    self._changed.clear()
                    changed = asyncio.create_task(self._changed.wait(), name="feeds changed")
                    wanted = self._buffers.all()
                    await end([task for buffer, task in fetching.items() if buffer not in wanted])
                    fetching = {buffer: fetching.get(buffer) or self._fetch(buffer) for buffer in wanted}
        finally:
            await end((changed, *fetching.values()))

    def _fetch(self, buffer: ChunkBuffer) -> asyncio.Task[None]:
        async def fetch() -> None:
            async with open_client(self._proxy, self._count, TIMEOUT_S, THREADS) as client:
                await Fetcher(buffer, client, self._clock, self._places, self._refused).run()

        return asyncio.create_task(fetch(), name=f"feed {buffer.growing.feed.id}")
