"""Which stretches of what sounds are compared with the microphone, and what each piece's record gains by it (pure).

Rules
- Of each cue STRETCH is compared in every EVERY from its beginning on: enough for a verdict, at half the work.
- A stretch is compared when its sound must have come back; one that the microphone has not wholly heard is left out.
- The record of a piece that ended waits for its last stretch, WAIT after that at most, however the wall clock moves.
  Without a microphone at work it does not wait.
- The microphone is wanted a little before a cue, so that it is there and its clock is known, until the last record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from receivers.ear.compare import EAR_HZ, EARLY, LATE, SHORTEST, Comparison, compare, verdict
from receivers.ear.trace import Trace
from receivers.sound.cue import US_PER_S, Cue, Played

STRETCH_US = 4 * US_PER_S
EVERY_US = 8 * US_PER_S
AHEAD_US = 5 * US_PER_S  # a slow board needs seconds to start the recorder
EARLY_US = EARLY * US_PER_S // EAR_HZ
LATE_US = LATE * US_PER_S // EAR_HZ
SHORTEST_US = SHORTEST * US_PER_S // EAR_HZ
WAIT_US = 1_500_000  # for the microphone's last blocks
FORGET_US = 30 * US_PER_S


@dataclass
class _Piece:
    cue: Cue
    next_us: int
    found: list[Comparison] = field(default_factory=list)
    played: Played | None = None
    until_monotonic_us: int = 0

    @property
    def end_us(self) -> int:
        ended_us = self.played.end_us if self.played else None
        return self.cue.end_us if ended_us is None else ended_us

    def next_stretch(self) -> tuple[int, int] | None:
        end_us = min(self.next_us + STRETCH_US, self.end_us)
        return (self.next_us, end_us) if end_us - self.next_us >= SHORTEST_US else None


class Listening:
    """`written` takes what goes to the device; `heard` what the microphone gives, None while there is none."""

    def __init__(self) -> None:
        self.written = Trace()
        self.heard: Trace | None = None
        self._pieces: dict[str, _Piece] = {}

    def set_plan(self, cues: Sequence[Cue], now_us: int) -> None:
        """The plan that the player has; a piece that is no longer in it is remembered until its record comes."""
        for cue in cues:
            piece = self._pieces.setdefault(cue.key, _Piece(cue, cue.start_us))
            piece.cue = cue
        keys = {cue.key for cue in cues}
        for key in self._pieces.keys() - keys:
            cue = self._pieces[key].cue
            if not cue.start_us - FORGET_US <= now_us < cue.end_us + FORGET_US:
                del self._pieces[key]

    def take(self, played: Played, monotonic_us: int) -> Played | None:
        """A piece's record: at once when there is nothing to wait for, else None and it comes out of `step`."""
        piece = self._pieces.get(played.key)
        if piece is None or played.start_us is None or played.end_us is None or self.heard is None:
            self._pieces.pop(played.key, None)
            return replace(played, heard=verdict(piece.found)) if piece else played
        piece.played, piece.until_monotonic_us = played, monotonic_us + LATE_US + 2 * WAIT_US
        return None

    def step(self, now_us: int, monotonic_us: int) -> list[Played]:
        """Compare what is due; the records that are complete."""
        complete = []
        for key, piece in tuple(self._pieces.items()):
            self._compare_due(piece, now_us)
            if piece.played is None:
                continue
            if piece.next_stretch() is None or self.heard is None or monotonic_us >= piece.until_monotonic_us:
                complete.append(replace(piece.played, heard=verdict(piece.found)))
                del self._pieces[key]
        return complete

    def give_up(self) -> list[Played]:
        """All records that were waiting, as complete as they are."""
        held = [piece for piece in self._pieces.values() if piece.played is not None]
        self._pieces.clear()
        return [replace(piece.played, heard=verdict(piece.found)) for piece in held if piece.played is not None]

    def is_wanted(self, now_us: int) -> bool:
        """Whether the microphone should record now."""
        return any(
            piece.played is not None or piece.cue.start_us - AHEAD_US <= now_us < piece.end_us + LATE_US + WAIT_US
            for piece in self._pieces.values()
        )

    def _compare_due(self, piece: _Piece, now_us: int) -> None:
        stretch = piece.next_stretch()
        if stretch is None or now_us < stretch[1] + LATE_US:
            return
        start_us, end_us = stretch
        span = self.heard.span_us() if self.heard is not None else None
        ready = span is not None and span[0] <= start_us - EARLY_US and end_us + LATE_US <= span[1]
        if not ready and now_us < end_us + LATE_US + WAIT_US:
            return
        piece.next_us += EVERY_US
        if ready:
            found = self._compare(start_us, end_us)
            piece.found += [found] if found else []

    def _compare(self, start_us: int, end_us: int) -> Comparison | None:
        samples = (end_us - start_us) * EAR_HZ // US_PER_S
        written = self.written.stretch(start_us, samples)
        heard = self.heard.stretch(start_us - EARLY_US, samples + EARLY + LATE) if self.heard is not None else None
        return None if written is None or heard is None else compare(written, heard)
