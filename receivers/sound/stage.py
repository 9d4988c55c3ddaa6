"""Which piece sounds in which of the device's frames (pure: time comes as a line from frames to UTC).

- A piece starts at the frame that its place on the timeline falls on, also in the middle of a block.
- A piece whose sound is ready only later, or that was planned late, joins at the place due then, fading in.
- A piece that left the plan fades out from the next block on; at its cue's end a longer file has faded out.
- A piece that ended by itself is done: it does not start again while it stays in the plan.
- What is off its place by more than `RESYNC_US` jumps there; less is taken away by the pace, see drift. Where time
  jumps back to before the piece's start, the piece fades out and sounds again when it is due.

Three parties hold a Stage: `render` is the audio thread's, the rest is the player's thread's, and they share only
replaced tuples, single dict operations and deques, so that neither waits for the other.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from receivers.sound.anchor import Timebase
from receivers.sound.cue import FLOOR_DBFS, RATE_HZ, US_PER_S, Cue, Played
from receivers.sound.decode import Source
from receivers.sound.drift import RESYNC_US
from receivers.sound.mixer import Pcm, to_pcm
from receivers.sound.voice import Lost, Voice, due_position

LEAD_US = 2_000_000  # a file is opened this long before it is due
JOIN_LEAD_US = 250_000  # opening and seeking a file takes less than this; a late piece joins this much ahead
MISSED_US = 2_000_000  # a cue this far past that never began has been missed
DEVICE_AWAY = "the sound device was not playing at its time"
NOTHING_CAME = "nothing of it had come at its time"


class Stage:
    def __init__(self) -> None:
        self.ended: deque[tuple[Played, Source]] = deque()
        self._plan: tuple[Cue, ...] = ()
        self._followed: tuple[Cue, ...] = ()
        self._waiting: dict[str, tuple[Cue, Source]] = {}
        self._voices: tuple[Voice, ...] = ()
        self._done: dict[str, Cue] = {}

    # The player's thread

    def set_plan(self, plan: Sequence[Cue], now_us: int) -> None:
        """`plan` as `check_plan` passed it; what is wholly past at `now_us` is not played and not reported."""
        sounding = {voice.cue.key for voice in self._voices}
        known = {cue.key for cue in self._plan}
        for cue in plan:
            if cue.end_us <= now_us and cue.key not in sounding | known:
                self._done[cue.key] = cue
        keys = {cue.key for cue in plan}
        self._done = {key: cue for key, cue in self._done.items() if key in keys}
        self._plan = tuple(plan)

    def due(self, now_us: int) -> list[tuple[Cue, int]]:
        """Cues whose file is to be opened now, each with the position to open it at."""
        return [
            (cue, _position(cue, now_us))
            for cue in self._open_cues(now_us)
            if not self._is_settled(cue) and not self._is_waiting(cue)
        ]

    def next_us(self, now_us: int) -> int | None:
        """UTC instant of the next thing to do here: `now_us` while a piece sounds or is about to; None: nothing."""
        if self._voices or self._waiting or self.ended:
            return now_us
        plan = self._plan
        coming = (cue for cue in plan[bisect_right(plan, now_us, key=_end_us) :] if not self._is_settled(cue))
        return next((cue.start_us - LEAD_US for cue in coming), None)

    def attach(self, cue: Cue, source: Source) -> None:
        self._waiting[cue.key] = (cue, source)

    def take_unwanted(self) -> list[Source]:
        """Sources that wait for a cue which is no longer planned, given up to be closed."""
        planned = {cue.key: cue for cue in self._plan}
        gone = [k for k, (cue, _) in tuple(self._waiting.items()) if k not in planned or not planned[k].same_piece(cue)]
        taken = [self._waiting.pop(key, None) for key in gone]
        return [entry[1] for entry in taken if entry is not None]

    def take_failures(self, now_us: int) -> list[Played]:
        """Pieces known never to sound: the file yields nothing, or the time is past. Each is told once."""
        failures = []
        for key, (cue, source) in tuple(self._waiting.items()):
            ends = source.end_frame
            if source.error is not None and ends is not None and ends <= source.first_frame:
                if self._waiting.pop(key, None) is None:
                    continue
                source.close()
                self._done[key] = cue
                failures.append(_unheard(cue, source.error))
        for cue in self._plan:
            if cue.end_us + MISSED_US < now_us and not self._is_settled(cue):
                self._done[cue.key] = cue
                waiting = self._waiting.get(cue.key)
                came = waiting is None or waiting[1].ready
                failures.append(_unheard(cue, DEVICE_AWAY if came else NOTHING_CAME))
        return failures

    def sounding(self) -> tuple[str | None, float]:
        """Key of the piece that sounds now, and its level in dBFS."""
        return self.sounding_since()[:2]

    def sounding_since(self) -> tuple[str | None, float, int | None]:
        """The same, and the UTC instant at which its first sample was heard, once that is known."""
        voices = self._voices
        if not voices:
            return None, FLOOR_DBFS, None
        last, started_us = voices[-1], voices[-1].started_us
        return last.cue.key, last.meter.now_dbfs(), None if started_us is None else round(started_us)

    def _open_cues(self, now_us: int) -> list[Cue]:
        plan = self._plan
        index = bisect_right(plan, now_us + JOIN_LEAD_US, key=_end_us)
        opened = []
        while index < len(plan) and plan[index].start_us - LEAD_US <= now_us:
            opened.append(plan[index])
            index += 1
        return opened

    def _is_waiting(self, cue: Cue) -> bool:
        entry = self._waiting.get(cue.key)
        return entry is not None and entry[0].same_piece(cue)

    def _is_settled(self, cue: Cue) -> bool:
        """Whether the piece sounds or is over."""
        done = self._done.get(cue.key)
        if done is not None and done.same_piece(cue):
            return True
        return any(voice.cue.same_piece(cue) and not voice.is_cut for voice in self._voices)

    # The audio thread

    def is_idle(self) -> bool:
        """Whether `render` would give silence and change nothing."""
        return not self._voices and not self._waiting

    def render(self, first: int, count: int, timebase: Timebase | None, lost: Lost) -> Pcm | None:
        """Sound for device frames `[first, first + count)`; None is silence. `timebase` maps frames to UTC us.

        Without a timebase nothing starts, and what was sounding holds still.
        """
        plan = self._plan
        if plan is not self._followed:
            self._follow_plan(plan, first)
            self._followed = plan
        if timebase is not None:
            self._steer(first, timebase)
            self._start_voices(plan, first, count, timebase, lost)
        if not self._voices:
            return None
        pcm = None
        if timebase is not None:
            pcm = self._mix(first, count)
        else:
            self._hold(count)
        self._retire(first + count, timebase, lost)
        return pcm

    def give_up(self, error: str, lost: Lost) -> None:
        """End what sounds, at once, with `error` in its record."""
        voices, self._voices = self._voices, ()
        for voice in voices:
            self._done[voice.cue.key] = voice.cue
            self.ended.append((replace(voice.played(None, lost), finished=False, error=error), voice.source))

    def _follow_plan(self, plan: tuple[Cue, ...], first: int) -> None:
        for voice in self._voices:
            cue = next((cue for cue in plan if cue.same_piece(voice.cue)), None)
            if voice.is_cut:
                continue
            if cue is None:
                voice.cut(first)
            else:
                voice.cue = cue

    def _steer(self, first: int, timebase: Timebase) -> None:
        for voice in self._voices:
            if voice.is_cut or voice.is_leaving:
                continue
            if abs(voice.late_us(timebase)) <= RESYNC_US:
                voice.steer(timebase)
            elif timebase.us_at(first) < voice.cue.start_us:
                voice.cut(first)
            else:
                voice.jump(first, timebase)

    def _start_voices(self, plan: tuple[Cue, ...], first: int, count: int, timebase: Timebase, lost: Lost) -> None:
        index = bisect_right(plan, timebase.us_at(first), key=_end_us)
        while index < len(plan) and plan[index].start_us < timebase.us_at(first + count):
            self._start(plan[index], first, count, timebase, lost)
            index += 1

    def _start(self, cue: Cue, first: int, count: int, timebase: Timebase, lost: Lost) -> None:
        entry = self._waiting.get(cue.key)
        if entry is None or not entry[0].same_piece(cue) or not entry[1].ready or self._is_settled(cue):
            return
        opened_at = entry[1].first_frame
        start = max(first, round(timebase.frame_at(cue.origin_us + opened_at * US_PER_S / RATE_HZ)))
        if cue.begin_by_us is not None and timebase.us_at(start) > cue.begin_by_us:
            return
        if start >= first + count or self._waiting.pop(cue.key, None) is None:
            return
        position = max(opened_at, round(due_position(cue, timebase.us_at(start))))
        self._voices = (*self._voices, Voice(cue, entry[1], start, position, lost))

    def _mix(self, first: int, count: int) -> Pcm:
        mix = np.zeros(count, dtype=np.float32)
        spans = [(voice, *voice.add_to(mix, first)) for voice in self._voices]
        pcm, clipped = to_pcm(mix)
        for voice, span, missing in spans:
            voice.measure(pcm[span], clipped, missing)
        return pcm

    def _hold(self, count: int) -> None:
        silence = np.zeros(count, dtype=np.int16)
        for voice in self._voices:
            voice.measure(silence, 0, count)

    def _retire(self, frame: int, timebase: Timebase | None, lost: Lost) -> None:
        """Take out what ends before device frame `frame`."""
        for voice in self._voices:
            last, _ = voice.last_frame()
            over = frame >= last if timebase is not None else voice.is_cut
            if timebase is not None:
                voice.clock(frame, timebase, lost)
            if not over:
                continue
            if not voice.is_cut:
                self._done[voice.cue.key] = voice.cue
            self._voices = tuple(other for other in self._voices if other is not voice)
            ended_us = timebase.us_at(last) if timebase is not None else None
            self.ended.append((voice.played(ended_us, lost), voice.source))


def _end_us(cue: Cue) -> int:
    return cue.end_us


def _position(cue: Cue, now_us: int) -> int:
    """File position at which to open: the cue's own start, or what is due in a moment when that is past."""
    at_us = cue.offset_us if now_us + JOIN_LEAD_US <= cue.start_us else now_us + JOIN_LEAD_US - cue.origin_us
    return round(max(cue.offset_us, at_us) * RATE_HZ / US_PER_S)


def _unheard(cue: Cue, error: str) -> Played:
    return Played(
        key=cue.key,
        planned_start_us=cue.start_us,
        start_us=None,
        start_error_us=None,
        late_us=0,
        end_us=None,
        frames_played=0,
        gap_us=cue.end_us - cue.start_us,
        underruns=0,
        rms_dbfs=FLOOR_DBFS,
        peak_dbfs=FLOOR_DBFS,
        clipped_frames=0,
        finished=False,
        error=error,
    )
