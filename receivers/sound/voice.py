"""One piece while it sounds: its place among the device's frames, its fades, what came of it (pure)."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from receivers.sound.anchor import Timebase
from receivers.sound.cue import RATE_HZ, US_PER_S, Cue, Played
from receivers.sound.decode import Source
from receivers.sound.drift import pace_ppm
from receivers.sound.meter import Meter
from receivers.sound.mixer import FADE_FRAMES, Pcm, Samples, envelope, from_db
from receivers.sound.track import Track

SETTLE_FRAMES = RATE_HZ  # the start is known best when this much has been heard since
END_TOLERANCE_FRAMES = RATE_HZ * 10 // 1000  # a file that outlasts its cue by less is heard out, not faded


@dataclass(frozen=True, slots=True)
class Lost:
    """The device's running counts of what it failed to play."""

    underruns: int = 0
    slipped_us: float = 0.0


def due_position(cue: Cue, us: float) -> float:
    """The place in its file that a piece is to be at, at UTC instant `us`."""
    return (us - cue.origin_us) * RATE_HZ / US_PER_S


class Voice:
    """Sound of one cue from device frame `start` on, which gets the file's sample `position`.

    `steer` keeps it to its place by the pace at which the file is read; `jump` is for what is too far off.
    """

    def __init__(self, cue: Cue, source: Source, start: int, position: int, lost: Lost) -> None:
        self.cue = cue
        self.source = source
        self.start = start
        self.first_position = position
        self.meter = Meter()
        self.started_us: float | None = None
        self._cut_to: int | None = None
        self._lost_before = lost
        self._track = Track(source, start, position)
        self._rises = position > 0  # a file's own beginning is not faded
        self._level = 0.0  # of the fades, 0..1, at the last frame that sounded
        self._jump: tuple[int, int] | None = None  # (device frame, file position)
        self._gain = from_db(cue.gain_db)
        self._frames_played = 0

    @property
    def is_cut(self) -> bool:
        return self._cut_to is not None

    def cut(self, frame: int) -> None:
        """Fade out from device frame `frame` on."""
        self._cut_to = frame + FADE_FRAMES

    def late_us(self, timebase: Timebase) -> float:
        """How far the sound lags behind its place; negative: it is early."""
        place_us = self.cue.origin_us + self._track.position * US_PER_S / RATE_HZ
        return timebase.us_at(self._track.frame) - place_us

    def steer(self, timebase: Timebase) -> None:
        """Read on at the pace that keeps the file to its place."""
        self._track.set_pace(pace_ppm(self.late_us(timebase), timebase.drift_ppm, timebase.doubt_us))

    @property
    def is_leaving(self) -> bool:
        """Whether it fades out to jump elsewhere."""
        return self._jump is not None

    def jump(self, frame: int, timebase: Timebase) -> None:
        """Fade out from device frame `frame` on, then in again with what is due there."""
        frame = self._silent_from(frame)
        self._jump = (frame, round(due_position(self.cue, timebase.us_at(frame))))

    def last_frame(self) -> tuple[int, int | None]:
        """Device frame past the last that will sound as far as is known now, and the same if it is to fade there."""
        cue_end = self._track.frame_of((self.cue.end_us - self.cue.origin_us) * RATE_HZ // US_PER_S)
        cue_end = max(cue_end, self._silent_from(self._track.frame))  # an end that was moved is faded to all the same
        file_end = None if self.source.end_frame is None else self._track.frame_of(self.source.end_frame)
        if self._cut_to is not None and self._cut_to < cue_end:
            cue_end = self._cut_to
            tolerance = 0
        else:
            tolerance = END_TOLERANCE_FRAMES
        if file_end is not None and file_end <= cue_end + tolerance:
            return max(self.start, file_end), None
        return max(self.start, cue_end), cue_end

    def add_to(self, mix: Samples, first: int) -> tuple[slice, int]:
        """Add own sound to `mix`, whose first sample is device frame `first`.

        Returns where in `mix` this voice was on, and how many frames of that were silent for want of sound.
        """
        last, fall_to = self.last_frame()
        low = min(max(0, self.start - first), len(mix))
        high = min(max(low, last - first), len(mix))
        if high == low:
            return slice(low, low), 0
        turn = high if self._jump is None else min(high, max(low, self._jump[0] - first))
        missing = self._add(mix[low:turn], first + low, fall_to)
        if self._jump is not None and turn < high:
            self._track.jump(*self._jump)
            self._jump, self._level = None, 0.0
            missing += self._add(mix[turn:high], first + turn, fall_to)
        return slice(low, high), missing

    def _add(self, mix: Samples, first: int, fall_to: int | None) -> int:
        """Add own sound to all of `mix`; returns how much of it was silent for want of sound."""
        if not len(mix):
            return 0
        if self._jump is not None:
            fall_to = min(self._jump[0], self._jump[0] if fall_to is None else fall_to)
        rise_from = first - 1 - round(self._level * FADE_FRAMES) if self._rises else None
        gain = envelope(first, len(mix), rise_from, fall_to)
        sound, missing = self._track.read(first, len(mix))
        self._frames_played += len(mix) - missing
        self._rises = True
        # Whenever sound that was missing comes back, it comes back softly.
        self._level = 0.0 if missing else 1.0 if gain is None else float(gain[-1])
        if gain is not None:
            sound *= gain
        mix += sound * self._gains(len(sound))
        return missing

    def _silent_from(self, frame: int) -> int:
        """The earliest device frame at which it can have faded out when it begins to at `frame`."""
        return max(frame, frame - 1 + ceil(self._level * FADE_FRAMES - 0.01))  # but for rounding

    def clock(self, frame: int, timebase: Timebase, lost: Lost) -> None:
        """Measure when the first frame was heard, better as more is known, until the card loses time."""
        undisturbed = frame <= self.start + SETTLE_FRAMES and lost.slipped_us == self._lost_before.slipped_us
        if self.started_us is None or undisturbed:
            self.started_us = timebase.us_at(self.start)

    def _gains(self, count: int) -> Samples | float:
        """The cue's gain for the next `count` frames; a new one is reached at the pace of a fade."""
        gain = from_db(self.cue.gain_db)
        if gain == self._gain:
            return gain
        way = np.arange(1, count + 1, dtype=np.float32) / FADE_FRAMES
        ramp = np.minimum(self._gain + way, gain) if gain > self._gain else np.maximum(self._gain - way, gain)
        self._gain = float(ramp[-1]) if len(ramp) and way[-1] < abs(gain - self._gain) else gain
        return np.asarray(ramp, dtype=np.float32)

    def measure(self, written: Pcm, clipped_frames: int, missing_frames: int) -> None:
        self.meter.add(written, clipped_frames, missing_frames)

    def played(self, ended_us: float | None, lost: Lost) -> Played:
        """The record of this piece, which ended at UTC `ended_us`."""
        level = self.meter.level()
        sounded = self._frames_played > 0
        place_us = self.cue.origin_us + self.first_position * US_PER_S / RATE_HZ
        started_us = self.started_us if sounded else None
        return Played(
            key=self.cue.key,
            planned_start_us=self.cue.start_us,
            start_us=None if started_us is None else round(started_us),
            start_error_us=None if started_us is None else round(started_us - place_us),
            late_us=max(0, round(place_us - self.cue.start_us)),
            end_us=None if ended_us is None or not sounded else round(ended_us),
            frames_played=self._frames_played,
            gap_us=self._gap_us(ended_us, lost),
            underruns=lost.underruns - self._lost_before.underruns,
            rms_dbfs=level.rms_dbfs,
            peak_dbfs=level.peak_dbfs,
            clipped_frames=level.clipped_frames,
            finished=self._heard_out(),
            error=self.source.error,
            counts=self.source.counts,
        )

    def _gap_us(self, ended_us: float | None, lost: Lost) -> int:
        """Time without sound between the first frame heard and the end."""
        gap_us = self.meter.level().gap_us + lost.slipped_us - self._lost_before.slipped_us
        if ended_us is not None and self.started_us is not None:
            # A card that was away until after the end has lost more time than this piece had.
            sounded_us = self._frames_played * US_PER_S / RATE_HZ
            gap_us = min(gap_us, max(0.0, ended_us - self.started_us - sounded_us))
        return round(gap_us)

    def _heard_out(self) -> bool:
        return self.source.error is None and self._frames_played > 0 and self.last_frame()[1] is None
