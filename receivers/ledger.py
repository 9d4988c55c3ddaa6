"""What became of each airing: pieces that sounded are put together into one report when the airing is over (pure).

Rules
- A piece is what the sound path played in one go. An airing may have several: cut off and resumed, or a restart of the
  daemon in between.
- Heard: one piece ran from the file's beginning to its last sample, with a level above SILENT_DBFS. Silent: the same
  without the level. Cut: something sounded, but no piece was whole. Failed or skipped: nothing sounded.
- What was written whole and aloud to the device, but not heard by the node's microphone, is silent too, and the reason
  says so: what counts is what people hear. Faint is heard; without a microphone's verdict the device's word counts.
- Levels of pieces add up by their length; the start is the first one's, the end the last one's, the microphone's
  verdict that of the longest piece that has one.
"""

import math
from collections.abc import Sequence

from msgspec import Struct

from broadcast.wire.documents import Airing, AiringId, BroadcastClass, Heard, Hearing, Media, Outcome, PlayReport
from receivers.sound.cue import FLOOR_DBFS, RATE_HZ, US_PER_S, Played

SILENT_DBFS = -60.0  # below this a horn gives out nothing that a person hears
JOIN_TOLERANCE_US = 500_000  # a start this late still counts as the beginning: the chime's first moment
MAX_REASON = 80

NOT_RUNNING = "not_running"  # the daemon was off the whole time
ORDER_LATE = "order_late"  # the programme with this airing came after it was over
MEDIA_MISSING = "media_missing"
MEDIA_LATE = "media_late"
CANCELLED = "cancelled"
INTERRUPTED = "interrupted"  # the daemon ended while it sounded
LATE = "late"
STOPPED = "stopped_locally"  # someone at the node pressed STOP
STOPPED_BY_CENTRE = "stopped_by_centre"  # STOP ALL
CLOCK = "clock_untrusted"  # the node did not know the time
UNKNOWN = "unknown"
NOT_HEARD_BY_MICROPHONE = "not_heard_by_microphone"


Part = tuple[int, int]  # an interval in which something sounded


class Past(Struct, frozen=True):
    """When an airing sounded that is over."""

    cls: BroadcastClass
    parts: tuple[Part, ...]


class Piece(Struct, frozen=True, kw_only=True):
    """One go of sound, as measured at the device; `offset_us` is where in the file its cue began.

    `start_us` is None when nothing sounded, `heard` when there was no microphone.
    """

    airing_id: AiringId
    offset_us: int
    late_us: int
    start_us: int | None
    start_error_us: int | None
    end_us: int | None
    frames: int
    gap_us: int
    underruns: int
    rms_dbfs: float | None
    peak_dbfs: float | None
    finished: bool
    error: str | None = None
    ended_by_us: int | None = None
    clipped_frames: int = 0
    heard: Heard | None = None
    chunks: int = 0
    late_chunks: int = 0
    concealed_us: int = 0

    @property
    def whole(self) -> bool:
        """Whether it ran from the file's beginning to its end."""
        begun = self.start_us is not None and self.offset_us == 0 and self.late_us <= JOIN_TOLERANCE_US
        return begun and self.finished


def lost_piece(airing_id: str, start_us: int, offset_us: int = 0, ended_by_us: int | None = None) -> Piece:
    """A piece that began, and whose measurements were lost with the power; it had ended by `ended_by_us`."""
    return Piece(
        airing_id=airing_id,
        offset_us=offset_us,
        ended_by_us=ended_by_us,
        late_us=0,
        start_us=start_us,
        start_error_us=None,
        end_us=None,
        frames=0,
        gap_us=0,
        underruns=0,
        rms_dbfs=None,
        peak_dbfs=None,
        finished=False,
    )


def piece_of(airing_id: str, anchor_us: int, played: Played) -> Piece:
    """The sound path's record as it is kept."""
    return Piece(
        airing_id=airing_id,
        offset_us=played.planned_start_us - anchor_us,
        late_us=played.late_us,
        start_us=played.start_us,
        start_error_us=played.start_error_us,
        end_us=played.end_us,
        frames=played.frames_played,
        gap_us=played.gap_us,
        underruns=played.underruns,
        rms_dbfs=played.rms_dbfs,
        peak_dbfs=played.peak_dbfs,
        finished=played.finished,
        error=played.error,
        clipped_frames=played.clipped_frames,
        heard=played.heard,
        chunks=played.counts.chunks,
        late_chunks=played.counts.late_chunks,
        concealed_us=played.counts.concealed_us,
    )


class Planned(Struct, frozen=True):
    """An airing as it was when it was planned to sound: it is still reported when the programme has lost it."""

    airing: Airing
    media: Media
    media_ready_us: int | None = None


class Ending(Struct, frozen=True):
    """How an airing ended by the plan: an outcome for when nothing sounded, and the reason for whatever is missing."""

    outcome: Outcome
    reason: str


def report(number: int, planned: Planned, pieces: Sequence[Piece], ending: Ending) -> PlayReport:
    """The one report of an airing that is over. `ending` is what the plan made of it, used where sound does not say."""
    airing, media = planned.airing, planned.media
    sounded = [piece for piece in pieces if piece.start_us is not None]
    outcome, reason = _judge(pieces, ending)
    rms_dbfs = level_dbfs(sounded)
    return PlayReport(
        number=number,
        airing_id=airing.id,
        broadcast_id=airing.broadcast_id,
        outcome=outcome,
        planned_start_us=airing.start_us,
        planned_duration_us=media.duration_us,
        start_us=sounded[0].start_us if sounded else None,
        start_error_us=sounded[0].start_error_us if sounded else None,
        end_us=sounded[-1].end_us if sounded else None,
        played_us=sum(piece.frames for piece in sounded) * US_PER_S // RATE_HZ,
        gap_us=sum(piece.gap_us for piece in sounded),
        underruns=sum(piece.underruns for piece in sounded),
        rms_dbfs=rms_dbfs,
        peak_dbfs=max((piece.peak_dbfs for piece in sounded if piece.peak_dbfs is not None), default=None),
        clipped_frames=sum(piece.clipped_frames for piece in sounded),
        heard=_heard(sounded),
        chunks=sum(piece.chunks for piece in sounded),
        late_chunks=sum(piece.late_chunks for piece in sounded),
        concealed_us=sum(piece.concealed_us for piece in sounded),
        media_sha256=media.sha256,
        media_ready_us=planned.media_ready_us,
        reason=reason[:MAX_REASON],
    )


def _judge(pieces: Sequence[Piece], ending: Ending) -> tuple[Outcome, str]:
    whole = [piece for piece in pieces if piece.whole]
    if whole:
        loud = [piece for piece in whole if piece.rms_dbfs is not None and piece.rms_dbfs > SILENT_DBFS]
        if not loud:
            return Outcome.SILENT, ""
        unheard = all(piece.heard is not None and piece.heard.verdict is Hearing.NOT_HEARD for piece in loud)
        return (Outcome.SILENT, NOT_HEARD_BY_MICROPHONE) if unheard else (Outcome.HEARD, "")
    error = next((piece.error for piece in reversed(pieces) if piece.error), None)
    if any(piece.start_us is not None for piece in pieces):
        return Outcome.CUT, error or ending.reason
    return (Outcome.FAILED, error) if error else (ending.outcome, ending.reason)


def _heard(pieces: Sequence[Piece]) -> Heard | None:
    judged = [piece for piece in pieces if piece.heard is not None]
    return max(judged, key=lambda piece: piece.frames).heard if judged else None


def parts(pieces: Sequence[Piece], duration_us: int) -> tuple[Part, ...]:
    """When an airing sounded. A piece whose end is not known counts as long as it can have been."""
    found: list[Part] = []
    for piece in pieces:
        if piece.start_us is not None:
            longest_us = piece.start_us + duration_us - piece.offset_us
            by_us = longest_us if piece.ended_by_us is None else min(longest_us, piece.ended_by_us)
            found.append((piece.start_us, by_us if piece.end_us is None else piece.end_us))
    return tuple((start_us, end_us) for start_us, end_us in found if start_us < end_us)


def level_dbfs(pieces: Sequence[Piece]) -> float | None:
    """The level of pieces one after another; None when nothing was measured."""
    measured = [(piece.frames, piece.rms_dbfs) for piece in pieces if piece.rms_dbfs is not None]
    frames = sum(count for count, _ in measured)
    energy = sum(count * 10 ** (level / 10) for count, level in measured)
    if not frames or energy <= 0:
        return None
    return max(10 * math.log10(energy / frames), FLOOR_DBFS)
