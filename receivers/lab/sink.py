"""A horn that gives out nothing and notes when it would have: the sound device of simulated receivers.

Rules
- A piece begins when Loa's own sound path would begin it: at its instant when it is known early enough, and else as
  late as opening a file and joining in the middle takes there (`JOIN_LEAD_US`). A piece from a feed begins at the first
  place from which its packets are there, LEAD_FRAMES after they came at the soonest.
- What it says of itself follows from the clock alone, so a machine that is busy with a thousand others does not move a
  first sample; it moves when the plan that has it came, as it should.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from broadcast.clock import US_PER_S, Clock
from receivers.live.buffer import Buffers, ChunkBuffer
from receivers.live.reel import LEAD_FRAMES, packet_at
from receivers.sound.cue import FLOOR_DBFS, RATE_HZ, Cue, Played, PlayerStatus, check_plan
from receivers.sound.stage import JOIN_LEAD_US

LEAD_US = LEAD_FRAMES * US_PER_S // RATE_HZ
LEVEL_DBFS, PEAK_DBFS = -18.0, -6.0


class Sounded(NamedTuple):
    """A piece, by its key: when it was handed over, when it was due, its first sample and its end, all UTC in us."""

    key: str
    told_us: int
    due_us: int
    first_us: int
    end_us: int


class _Bell(threading.Event):
    """Rings through to a function, in whose thread it is set."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__()
        self._act = act

    def set(self) -> None:
        self._act()


class Sink:
    """A `receivers.horn.Player`, to be used in the loop that it was made in; `note` gets each piece once it ended."""

    def __init__(
        self, on_played: Callable[[Played], None], clock: Clock, buffers: Buffers, note: Callable[[Sounded], None]
    ) -> None:
        self._on_played = on_played
        self._clock = clock
        self._buffers = buffers
        self._note = note
        self._loop = asyncio.get_running_loop()
        self._plan: tuple[Cue, ...] = ()
        self._told_us: dict[str, int] = {}
        self._began: dict[str, tuple[Cue, Sounded]] = {}
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._bell = _Bell(self._look)
        self._heard: set[ChunkBuffer] = set()
        self._turns = 0

    def start(self) -> None:
        """Nothing needs opening."""

    def set_plan(self, cues: Sequence[Cue]) -> None:
        """Called on the loop."""
        now_us = self._clock.now_us()
        self._plan = check_plan(cues)
        kept = {cue.key: cue for cue in self._plan}
        self._told_us = {key: self._told_us.get(key, now_us) for key in kept}
        for key, (cue, sounded) in list(self._began.items()):
            if key not in kept or not kept[key].same_piece(cue):
                self._end(key, now_us)
            elif kept[key].end_us != cue.end_us:
                self._follow(kept[key], sounded, now_us)
        self._listen({cue.feed_id for cue in self._plan if cue.feed_id is not None})
        self._look()

    def _listen(self, feed_ids: set[str]) -> None:
        """To these feeds and no others: what is listened to is fetched on."""
        wanted = {buffer for feed_id in feed_ids if (buffer := self._buffers.get(feed_id)) is not None}
        for buffer in self._heard - wanted:
            buffer.ring_no_more(self._bell)
        for buffer in wanted - self._heard:
            buffer.ring(self._bell)
        self._heard = wanted

    def _look(self) -> None:
        """Begin what can be begun."""
        now_us = self._clock.now_us()
        for cue in self._plan:
            if cue.key not in self._began and cue.end_us > now_us:
                first_us = self._first_us(cue, now_us)
                if first_us is not None and first_us < cue.end_us:
                    sounded = Sounded(cue.key, self._told_us[cue.key], cue.start_us, first_us, cue.end_us)
                    self._follow(cue, sounded, now_us)

    def _first_us(self, cue: Cue, now_us: int) -> int | None:
        """When the first sample would sound; None while it is not known."""
        told_us = self._told_us[cue.key]
        ready_us = max(cue.start_us, told_us + JOIN_LEAD_US)
        if cue.feed_id is None:
            return ready_us
        buffer = self._buffers.get(cue.feed_id)
        first_us = max(ready_us, now_us + LEAD_US)
        place = (first_us - cue.origin_us) * RATE_HZ // US_PER_S
        in_time = cue.begin_by_us is None or first_us <= cue.begin_by_us
        return first_us if in_time and buffer is not None and buffer.packet(packet_at(place)) is not None else None

    def status(self) -> PlayerStatus:
        now_us = self._clock.now_us()
        self._turns += 1
        playing = next((key for key, (_, one) in self._began.items() if one.first_us <= now_us < one.end_us), None)
        return PlayerStatus(
            playing=playing,
            level_dbfs=LEVEL_DBFS if playing else FLOOR_DBFS,
            callback_age_us=0,
            clock_ready=True,
            drift_ppm=0.0,
            faults=(),
            turns=self._turns,
        )

    def sounding(self) -> list[Sounded]:
        """What has begun and not ended."""
        now_us = self._clock.now_us()
        return [one for _, one in self._began.values() if one.first_us <= now_us]

    def close(self) -> None:
        """Called on any thread: what sounds is not told of any more."""
        for timer in self._ends.values():
            timer.cancel()

    def _follow(self, cue: Cue, sounded: Sounded, now_us: int) -> None:
        self._began[cue.key] = cue, sounded._replace(end_us=cue.end_us)
        if cue.key in self._ends:
            self._ends[cue.key].cancel()
        left_s = max(0, cue.end_us - now_us) / US_PER_S
        self._ends[cue.key] = self._loop.call_later(left_s, self._end, cue.key, cue.end_us)

    def _end(self, key: str, end_us: int) -> None:
        cue, sounded = self._began.pop(key)
        self._ends.pop(key).cancel()
        if end_us <= sounded.first_us:
            return  # it was taken back before it began
        self._note(sounded._replace(end_us=end_us))
        self._on_played(_played(cue, sounded.first_us, end_us))


def _played(cue: Cue, first_us: int, end_us: int) -> Played:
    return Played(
        key=cue.key,
        planned_start_us=cue.start_us,
        start_us=first_us,
        start_error_us=0,
        late_us=first_us - cue.start_us,
        end_us=end_us,
        frames_played=(end_us - first_us) * RATE_HZ // US_PER_S,
        gap_us=0,
        underruns=0,
        rms_dbfs=LEVEL_DBFS,
        peak_dbfs=PEAK_DBFS,
        clipped_frames=0,
        finished=end_us >= cue.end_us,
        error=None,
    )
