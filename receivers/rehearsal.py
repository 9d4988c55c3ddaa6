"""A player in virtual time, for simulations: it plays a plan against durations instead of sound (pure).

Rules
- It keeps to the contract of `receivers.sound.player.Player`, and tells `on_played` from within `advance` and `close`.
- A piece that should be sounding already is joined at its place. A path without a duration is an unreadable file, and a
  feed of which nothing comes.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from receivers.sound.cue import FLOOR_DBFS, Cue, Played, PlayerStatus, check_plan

FRAMES_PER_MS = 48
LEVEL_DBFS = -18.0
CREST_DB = 12.0


class VirtualPlayer:
    """Plays files of the lengths in `durations_us`; `advance` lets it catch up with the time."""

    def __init__(self, durations_us: Mapping[Path, int], on_played: Callable[[Played], None], now_us: int) -> None:
        self._durations_us = durations_us
        self._on_played = on_played
        self._now_us = now_us
        self._plan: tuple[Cue, ...] = ()
        self._sounding: Cue | None = None
        self._began_us = 0
        self._done: set[tuple[str, int]] = set()
        self.silent = False
        self.level_dbfs = LEVEL_DBFS
        self.heard: list[tuple[str, int, int]] = []
        """Every piece as (key, start, end)."""
        self.gains: list[tuple[str, int, float]] = []
        """Each beginning and each change of gain as (key, instant, gain in dB)."""

    def start(self) -> None:
        """Nothing needs opening."""

    def set_plan(self, cues: Sequence[Cue]) -> None:
        self._plan = check_plan(cues)
        if self._sounding is not None:
            same = next((cue for cue in self._plan if cue.same_piece(self._sounding)), None)
            if same is None:
                self._end(self._now_us)
            else:
                if same.gain_db != self._sounding.gain_db:
                    self.gains.append((same.key, self._now_us, same.gain_db))
                self._sounding = same
        self._begin()

    def advance(self, now_us: int) -> None:
        """Play on until `now_us`."""
        self._now_us = min(self._now_us, now_us)  # the wall clock may have been set back
        while True:
            end_us = self._sounding.end_us if self._sounding else None
            starts = [cue.start_us for cue in self._plan if self._now_us < cue.start_us <= now_us]
            next_us = min([*starts, *([end_us] if end_us is not None and end_us <= now_us else [])], default=None)
            if next_us is None:
                break
            self._now_us = max(next_us, self._now_us)
            if self._sounding is not None and self._sounding.end_us <= self._now_us:
                self._end(self._sounding.end_us)
            self._begin()
        self._now_us = now_us

    @property
    def next_us(self) -> int | None:
        """When something begins or ends next, if the plan stays."""
        starts = (cue.start_us for cue in self._plan if cue.start_us > self._now_us)
        ends = () if self._sounding is None else (self._sounding.end_us,)
        return min((*starts, *ends), default=None)

    @property
    def sounding(self) -> tuple[str, int] | None:
        """The key of what sounds and since when: what a power cut leaves of it."""
        return None if self._sounding is None else (self._sounding.key, self._began_us)

    def status(self) -> PlayerStatus:
        playing = self._sounding.key if self._sounding else None
        return PlayerStatus(
            playing=playing,
            level_dbfs=self.level_dbfs if playing else FLOOR_DBFS,
            callback_age_us=None if self.silent else 0,
            clock_ready=not self.silent,
            drift_ppm=0.0,
            faults=("device-silent",) if self.silent else (),
            started_us=self._began_us if playing else None,
        )

    def close(self) -> None:
        if self._sounding is not None:
            self._end(self._now_us)

    def _begin(self) -> None:
        if self._sounding is not None or self.silent:
            return
        due = (cue for cue in self._plan if cue.start_us <= self._now_us < cue.end_us and self._may_begin(cue))
        cue = next((cue for cue in due if (cue.key, cue.origin_us) not in self._done), None)
        if cue is None:
            return
        if cue.path not in self._durations_us:
            self._done.add((cue.key, cue.origin_us))
            self._on_played(self._played(cue, None, None, error="unreadable"))
            return
        self._sounding, self._began_us = cue, self._now_us
        self.gains.append((cue.key, self._now_us, cue.gain_db))

    def _may_begin(self, cue: Cue) -> bool:
        in_time = cue.begin_by_us is None or self._now_us <= cue.begin_by_us
        return in_time and (cue.feed_id is None or cue.path in self._durations_us)

    def _end(self, end_us: int) -> None:
        cue = self._sounding
        self._sounding = None
        if cue is None:
            return
        if end_us - cue.origin_us >= self._durations_us[cue.path]:
            self._done.add((cue.key, cue.origin_us))
        self.heard.append((cue.key, self._began_us, end_us))
        self._on_played(self._played(cue, self._began_us, end_us))

    def _played(self, cue: Cue, start_us: int | None, end_us: int | None, error: str | None = None) -> Played:
        length_us = end_us - start_us if start_us is not None and end_us is not None else 0
        level_dbfs = max(self.level_dbfs + cue.gain_db, FLOOR_DBFS) if length_us else FLOOR_DBFS
        return Played(
            key=cue.key,
            planned_start_us=cue.start_us,
            start_us=start_us,
            start_error_us=None if start_us is None else 0,
            late_us=0 if start_us is None else start_us - cue.start_us,
            end_us=end_us,
            frames_played=length_us * FRAMES_PER_MS // 1000,
            gap_us=0,
            underruns=0,
            rms_dbfs=level_dbfs,
            peak_dbfs=level_dbfs + CREST_DB if level_dbfs > FLOOR_DBFS else FLOOR_DBFS,
            clipped_frames=0,
            finished=end_us is not None and end_us - cue.origin_us >= self._durations_us.get(cue.path, 0),
            error=error,
        )
