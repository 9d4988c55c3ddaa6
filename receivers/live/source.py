"""A growing recording as the sound path's source: decoded a little ahead in a thread of its own."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from broadcast.clock import US_PER_S, Clock
from broadcast.wire.chunks import PACKETS, RATE_HZ
from receivers.live.buffer import Buffers, ChunkBuffer
from receivers.live.decoder import open_decoder
from receivers.live.reel import AHEAD_FRAMES, Block, Reel, packet_at
from receivers.sound.cue import Counts, Cue
from receivers.sound.decode import OpenSource, Source, open_file
from receivers.sound.mixer import Samples

log = logging.getLogger(__name__)

LOOK_S, NEAR_S = 0.1, 0.02  # between two looks at what is due, and where a packet is about to be given up
WAITING_BLOCKS = 50  # a second, decoded for a piece that has not begun


def opener(buffers: Buffers, clock: Clock) -> OpenSource:
    """Finds the sound of cues with a `feed_id` in `buffers`, of all others in their files."""

    def open_source(cue: Cue, position: int) -> Source:
        if cue.feed_id is None:
            return open_file(cue, position)
        buffer = buffers.get(cue.feed_id)
        return Nothing(position) if buffer is None else LiveSource(buffer, position, lambda: _due(cue, clock))

    return open_source


def _due(cue: Cue, clock: Clock) -> int:
    return (clock.now_us() - cue.origin_us) * RATE_HZ // US_PER_S


class Nothing:
    """A Source for a feed that is not in force."""

    counts = Counts()
    ready = True
    error = "its feed is not in force"

    def __init__(self, first_frame: int) -> None:
        self.first_frame = self.end_frame = first_frame

    def fill(self, position: int, out: Samples) -> int:  # noqa: ARG002 - a Source
        return 0

    def close(self) -> None: ...


class LiveSource:
    """A Source of a feed's chunks in `buffer`. `due` tells by the clock which position should be heard now.

    The clock counts until `fill` is called first; from then on the device's own time does.
    """

    def __init__(self, buffer: ChunkBuffer, first_frame: int, due: Callable[[], int]) -> None:
        self._buffer = buffer
        self._opened_at = first_frame
        self._due = due
        self._wanted = first_frame
        self._filled_from: int | None = None
        self._concealed_frames = 0
        self._blocks: deque[Block] = deque()
        self._error: str | None = None
        self._reel = Reel(buffer, open_decoder, first_frame)
        self._bell = threading.Event()
        self._closed = False
        buffer.ring(self._bell)
        self._thread = threading.Thread(target=self._run, name=f"live {buffer.growing.feed.id[:8]}", daemon=True)
        self._thread.start()

    @property
    def first_frame(self) -> int:
        try:
            return max(self._opened_at, self._blocks[0].start)
        except IndexError:
            return self._opened_at

    @property
    def ready(self) -> bool:
        return bool(self._blocks) or self._error is not None

    @property
    def end_frame(self) -> int | None:
        return self._wanted if self._error is not None else self._buffer.end_frame

    @property
    def error(self) -> str | None:
        return self._error

    @property
    def counts(self) -> Counts:
        if self._filled_from is None:
            return Counts()
        first, last = packet_at(self._filled_from) // PACKETS, packet_at(max(0, self._wanted - 1)) // PACKETS
        late = sum(first <= number <= last for number in tuple(self._reel.late))
        return Counts(last - first + 1, late, self._concealed_frames * US_PER_S // RATE_HZ)

    def fill(self, position: int, out: Samples) -> int:
        if self._filled_from is None:
            self._filled_from = position
        self._wanted = position
        done = 0
        while done < len(out):
            try:
                block = self._blocks[0]
                at = position + done - block.start
                if at >= len(block.sound):
                    self._blocks.popleft()
                    continue
            except IndexError:
                break
            if at < 0:
                break
            count = min(len(out) - done, len(block.sound) - at)
            out[done : done + count] = block.sound[at : at + count]
            self._concealed_frames += count if block.made_up else 0
            done += count
        self._wanted = position + done
        return done

    def close(self) -> None:
        self._closed = True
        self._bell.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        # Whatever packets can do to a decoder ends this piece and is reported; it must not end the player.
        try:
            while not self._closed:
                self._bell.clear()
                self._work()
                self._bell.wait(self._rest_s())
        except (ValueError, OSError, MemoryError, IndexError) as error:
            log.warning("a feed cannot be decoded: %s", error)
            self._error = f"cannot be decoded: {error}"
        finally:
            self._buffer.ring_no_more(self._bell)

    def _work(self) -> None:
        if self._filled_from is not None and self._wanted + 2 * AHEAD_FRAMES < self._reel.next_frame:
            self._blocks.clear()  # time was set back
            self._reel.seek(self._wanted)
        while not self._closed and (block := self._reel.turn(self._place())) is not None:
            self._blocks.append(block)
            while self._filled_from is None and len(self._blocks) > WAITING_BLOCKS:
                self._blocks.popleft()

    def _place(self) -> int:
        """The position that is to be heard next; negative before the feed's first is due."""
        return self._due() if self._filled_from is None else self._wanted

    def _rest_s(self) -> float:
        if self._reel.is_over:
            return LOOK_S
        return min(LOOK_S, max(NEAR_S, self._reel.rest_frames(self._place()) / RATE_HZ))
