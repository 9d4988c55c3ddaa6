"""What the sound path is told to play, and what it tells of what it played (pure).

- A cue is one piece of one file on the timeline: at UTC instant `t` in `[start_us, end_us)` the horn gives out the
  file at `offset_us + (t - start_us)`. Whoever comes late joins at that place.
- A plan is the whole desired state: cues in order, none overlapping another, each key once.
- Two cues with equal key, path and `start_us - offset_us` are the same piece: re-planning it while it sounds changes
  nothing but its end and its gain.
- Where `feed_id` is set the sound is taken from that feed's chunks, which the node has told `receivers.live.feeds` to
  follow, and `path` only names the piece. So a sound made for an order is planned with the path that its file will
  have, with `feed_id` until the file is verified and without it from then on: what sounds meanwhile goes on from the
  feed, and the next repetition takes the file. A live session has no file: its path is `Path(feed id)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from broadcast.wire.documents import Heard

RATE_HZ = 48_000  # every file and every horn
US_PER_S = 1_000_000
HANGS = "device-hangs"  # a fault: a call to the sound device has not returned
FLOOR_DBFS = -120.0  # silence; a number, so that it can be sent, stored and drawn


@dataclass(frozen=True, slots=True)
class Cue:
    """One piece to sound. `key` names it in the plan and in the `Played` record. None begins after `begin_by_us`."""

    key: str
    path: Path
    start_us: int
    offset_us: int
    end_us: int
    gain_db: float = 0.0
    feed_id: str | None = None
    begin_by_us: int | None = None

    @property
    def origin_us(self) -> int:
        """UTC instant at which the file's first sample would sound."""
        return self.start_us - self.offset_us

    def same_piece(self, other: "Cue") -> bool:
        return (self.key, self.path, self.origin_us) == (other.key, other.path, other.origin_us)


class Counts(NamedTuple):
    """What became of a feed's chunks while a piece sounded, as the play report has it; a file has none."""

    chunks: int = 0
    late_chunks: int = 0
    concealed_us: int = 0


NO_CHUNKS = Counts()


@dataclass(frozen=True, slots=True)
class Played:
    """What became of one piece, measured on what was written to the device.

    `start_us` and `end_us` are UTC instants by the sound card's own clock, None when nothing sounded. `start_error_us`
    is how far the first sample heard was from its place on the timeline (positive: late); `late_us` is how much of
    the piece had gone by when its first sample was heard. `finished`: the file was heard to its last sample. `heard` is
    the microphone's verdict, where there is one.
    """

    key: str
    planned_start_us: int
    start_us: int | None
    start_error_us: int | None
    late_us: int
    end_us: int | None
    frames_played: int
    gap_us: int
    underruns: int
    rms_dbfs: float
    peak_dbfs: float
    clipped_frames: int
    finished: bool
    error: str | None
    heard: Heard | None = None
    counts: Counts = NO_CHUNKS


@dataclass(frozen=True, slots=True)
class PlayerStatus:
    """The player at this moment; silence is FLOOR_DBFS; `faults` are short English codes, empty when all is well.

    `started_us` is when the first sample of what is `playing` was heard, by the sound card's clock. `microphone` says
    why it gives nothing; `turns` counts on as long as the player's thread moves.
    """

    playing: str | None
    level_dbfs: float
    callback_age_us: int | None
    clock_ready: bool
    drift_ppm: float | None
    faults: tuple[str, ...]
    microphone: str | None = None
    turns: int = 0
    started_us: int | None = None


def check_plan(cues: Sequence[Cue]) -> tuple[Cue, ...]:
    """The plan as a tuple; ValueError for a key used twice, an empty cue, or cues out of order or overlapping."""
    plan = tuple(cues)
    if len({cue.key for cue in plan}) != len(plan):
        raise ValueError("a key stands twice in the plan")
    for cue in plan:
        if cue.end_us <= cue.start_us or cue.offset_us < 0:
            raise ValueError(f"cue {cue.key} ends before it starts, or starts before its file")
    for earlier, later in pairwise(plan):
        if later.start_us < earlier.end_us:
            raise ValueError(f"cue {later.key} starts before {earlier.key} has ended")
    return plan
