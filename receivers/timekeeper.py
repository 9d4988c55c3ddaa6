"""The receiver's own judgement of its clock (asks kernel and centre, keeps `clock.json`); `clock_trust` decides.

Rules
- What another clock said is kept as its distance from the monotonic clock: setting the wall clock leaves it true.
- Of the centre's last answers the one counts whose error is smallest by now: half the way there and back, and more as
  the crystal drifts. An answer that contradicts it replaces all before.
- The file is written when the proof changes, and each hour for when the clock was believed last: flash wears.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from broadcast.clock import Clock
from broadcast.wire.documents import Beat, ClockState, TimeTold
from broadcast.wire.fault_codes import FaultCode
from receivers import kernel_clock
from receivers.clock_trust import DOUBTS, OFF_US, SET_US, US_PER_S, Doubt, Facts, Measured, Memory, Proof, judge
from receivers.kernel_clock import Discipline
from receivers.quarantine import read_json, write_json

FILE_NAME = "clock.json"
KEEP_US = 3600 * US_PER_S
BATTERY_US = 60 * US_PER_S  # how often the clock on the battery is read while the system's is in doubt
BATTERY_STEP_US = US_PER_S  # it tells whole seconds
ROUND_TRIP_MAX_US = 60 * US_PER_S  # an answer that took longer says nothing
ANSWERS = 8
QUESTIONS = 4
CRYSTAL_PPM = 100


class Witness(Struct, frozen=True):
    """Another clock: `ahead_us` of our monotonic one, right within `error_us` at monotonic `at_us`."""

    ahead_us: int
    error_us: int
    at_us: int

    def error_now_us(self, monotonic_us: int) -> int:
        return self.error_us + (monotonic_us - self.at_us) * CRYSTAL_PPM // 1_000_000

    def contradicts(self, other: "Witness", monotonic_us: int) -> bool:
        """Both cannot be right."""
        room_us = self.error_now_us(monotonic_us) + other.error_now_us(monotonic_us)
        return abs(self.ahead_us - other.ahead_us) > room_us


class Timekeeper:
    """The clock's state, kept in `folder`. `discipline` asks whether a time server keeps the clock."""

    def __init__(
        self, folder: Path, clock: Clock, discipline: Callable[[], Discipline] = kernel_clock.discipline
    ) -> None:
        self._path = folder / FILE_NAME
        self._clock = clock
        self._discipline = discipline
        self._boot_id = kernel_clock.boot_id()
        self._memory = self._kept = Memory()
        self._asked_us: dict[int, int] = {}
        self._answers: deque[Witness] = deque(maxlen=ANSWERS)
        self._battery: Witness | None = None
        self._battery_read_us = 0
        self._doubt: Doubt | None = Doubt.UNPROVEN
        self._astray = False
        self.state = ClockState(trusted=False, reason=Doubt.UNPROVEN)

    def open(self) -> None:
        """Take in what was kept. Never raises."""
        self._memory = self._kept = read_json(self._path, Memory, self._clock.now_us()) or Memory()
        self._read_battery()

    def beat(self) -> Beat:
        """The next question to the centre."""
        at_us = self._clock.now_us()
        self._asked_us[at_us] = self._clock.monotonic_us()
        for oldest in list(self._asked_us)[:-QUESTIONS]:
            del self._asked_us[oldest]
        return Beat(at_us=at_us)

    def told(self, told: TimeTold) -> None:
        """Take in the centre's answer; one to no question of ours is left alone."""
        answered_us, asked_us = self._clock.monotonic_us(), self._asked_us.pop(told.at_us, None)
        if asked_us is None or answered_us - asked_us > ROUND_TRIP_MAX_US:
            return
        ahead_us = told.centre_us - (asked_us + answered_us) // 2
        fresh = Witness(ahead_us, (answered_us - asked_us + 1) // 2, answered_us)
        best = self._best(answered_us)
        if best is not None and fresh.contradicts(best, answered_us):
            self._answers.clear()
        self._answers.append(fresh)

    def look(self, documents_us: int) -> ClockState:
        """The clock as it is now; `documents_us` is when the newest document held was issued."""
        now_us, monotonic_us = self._clock.now_us(), self._clock.monotonic_us()
        kernel = self._discipline()
        if self._doubt and monotonic_us - self._battery_read_us >= BATTERY_US:
            self._read_battery()
        facts = Facts(
            now_us=now_us,
            monotonic_us=monotonic_us,
            boot_id=self._boot_id,
            disciplined=kernel.disciplined,
            documents_us=documents_us,
            centre=_measured(self._best(monotonic_us), now_us, monotonic_us),
            battery=_measured(self._battery, now_us, monotonic_us),
        )
        verdict = judge(facts, self._memory)
        self._doubt, self._memory = verdict.doubt, verdict.memory
        self._keep()
        self._astray = not kernel.disciplined and self._strays(facts.centre)
        self.state = ClockState(
            trusted=verdict.doubt is None,
            reason=verdict.doubt or "",
            error_us=kernel.error_us,
            offset_us=facts.centre.offset_us if facts.centre else None,
            offset_error_us=facts.centre.error_us if facts.centre else None,
        )
        return self.state

    @property
    def keeps_centre_time(self) -> bool:
        """Whether orders and sessions may go by this clock, as of the last `look`."""
        return self.state.trusted and not self._astray

    def faults(self) -> dict[FaultCode, str]:
        """What is wrong with the clock, by code, as of the last `look`."""
        state, found = self.state, dict[FaultCode, str]()
        if self._doubt is not None:
            found[FaultCode.CLOCK_UNTRUSTED] = DOUBTS[self._doubt]
        if state.offset_us is not None and Measured(state.offset_us, state.offset_error_us or 0).is_off(OFF_US):
            side = "behind" if state.offset_us > 0 else "ahead of"
            found[FaultCode.CLOCK_OFF_CENTRE] = f"{abs(state.offset_us) / US_PER_S:.1f} s {side} the centre's clock"
        return found

    def _strays(self, centre: Measured | None) -> bool:
        """Once it does for certain it goes on to until it is near for certain: not knowing ends nothing."""
        if centre is None:
            return self._astray
        return not centre.is_near(OFF_US // 2) if self._astray else centre.is_off(OFF_US)

    def _best(self, monotonic_us: int) -> Witness | None:
        return min(self._answers, key=lambda answer: answer.error_now_us(monotonic_us), default=None)

    def _read_battery(self) -> None:
        told_us, at_us = kernel_clock.battery_clock_us(), self._clock.monotonic_us()
        self._battery_read_us = at_us
        if told_us is not None:
            half_us = BATTERY_STEP_US // 2
            self._battery = Witness(told_us + half_us - at_us, half_us, at_us)

    def _keep(self) -> None:
        """Write what must outlive the process; a disk that does not take it is told of by others."""
        new, kept = self._memory, self._kept
        if _is_same(new.proof, kept.proof) and abs(new.seen_us - kept.seen_us) < KEEP_US:
            return
        self._kept = new
        try:
            write_json(self._path, new)
        except OSError:
            return


def _measured(witness: Witness | None, now_us: int, monotonic_us: int) -> Measured | None:
    if witness is None:
        return None
    return Measured(witness.ahead_us + monotonic_us - now_us, witness.error_now_us(monotonic_us))


def _is_same(proof: Proof | None, kept: Proof | None) -> bool:
    """Whether the kept proof does as well; the kernel moves the clock by less than a second's worth all the time."""
    if proof is None or kept is None:
        return proof is kept
    near = abs(proof.ahead_us - kept.ahead_us) < SET_US // 4
    return near and (proof.boot_id, proof.by_kernel) == (kept.boot_id, kept.by_kernel)
