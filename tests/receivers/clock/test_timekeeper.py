from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadcast.clock import ManualClock
from broadcast.wire.documents import TimeTold
from broadcast.wire.fault_codes import FaultCode
from receivers import kernel_clock
from receivers.clock_trust import NEAR_US, Doubt
from receivers.kernel_clock import Discipline
from receivers.timekeeper import FILE_NAME, Timekeeper

TODAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
ISSUED_US = int(datetime(2026, 11, 23, 5, tzinfo=UTC).timestamp()) * 1_000_000
MS = 1000
S = 1_000_000


class Machine:
    """A node whose kernel and battery say what the test wants, in virtual time; `restart` is a power cut."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.boots = 0
        self.disciplined = False
        self._boot_id, self._rtc = folder / "boot_id", folder / "rtc"
        monkeypatch.setattr(kernel_clock, "BOOT_ID", self._boot_id)
        monkeypatch.setattr(kernel_clock, "RTC", self._rtc)
        self.restart(TODAY)

    def set_battery(self, says: datetime) -> None:
        (self._rtc / "rtc0").mkdir(parents=True, exist_ok=True)
        (self._rtc / "rtc0" / "since_epoch").write_text(f"{_us(says) // S}\n")

    def restart(self, wall: datetime) -> None:
        self.boots += 1
        self._boot_id.write_text(f"boot {self.boots}\n")
        self.clock = ManualClock(wall)
        self.begin()

    def begin(self) -> None:
        """The process starts, in the same boot."""
        kernel = Discipline(disciplined=True, error_us=40)
        self.keeper = Timekeeper(
            self.folder, self.clock, lambda: kernel if self.disciplined else Discipline(disciplined=False)
        )
        self.keeper.open()

    @property
    def doubt(self) -> str:
        state = self.keeper.look(ISSUED_US)
        assert state.trusted == (not state.reason)
        return state.reason

    async def ask(self, centre: datetime, trip_ms: int = 100, share: float = 0.5) -> None:
        """A beat and its answer, written at `centre` after `share` of the trip."""
        beat = self.keeper.beat()
        await self.clock.advance(timedelta(milliseconds=trip_ms))
        written = centre + timedelta(milliseconds=trip_ms * share)
        self.keeper.told(TimeTold(at_us=beat.at_us, centre_us=_us(written)))


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


async def test_the_offset_is_right_within_half_the_trip(machine: Machine) -> None:
    for share in (0.0, 0.5, 1.0):
        machine.restart(TODAY)
        ahead = timedelta(milliseconds=700)
        await machine.ask(TODAY + ahead, trip_ms=400, share=share)
        state = machine.keeper.look(ISSUED_US)
        assert state.offset_us is not None
        assert state.offset_error_us == 200 * MS
        assert abs(state.offset_us - 700 * MS) <= state.offset_error_us
        assert state.trusted


async def test_the_quickest_answer_counts_until_it_has_aged(machine: Machine) -> None:
    await machine.ask(TODAY, trip_ms=20)
    await machine.ask(machine.clock.now(), trip_ms=3000, share=0.9)
    assert machine.keeper.look(ISSUED_US).offset_error_us == 10 * MS + 300
    await machine.clock.advance(timedelta(hours=6))
    await machine.ask(machine.clock.now(), trip_ms=1000)
    assert machine.keeper.look(ISSUED_US).offset_error_us == 500 * MS


async def test_a_centre_whose_clock_was_mended_is_heard_at_once(machine: Machine) -> None:
    await machine.ask(TODAY + timedelta(hours=1), trip_ms=20)
    assert machine.doubt == Doubt.OFF_CENTRE
    await machine.ask(machine.clock.now(), trip_ms=2000)
    assert machine.doubt == ""


async def test_answers_to_no_question_of_ours_and_late_ones_say_nothing(machine: Machine) -> None:
    beat = machine.keeper.beat()
    machine.keeper.told(TimeTold(at_us=beat.at_us + 1, centre_us=beat.at_us))
    await machine.clock.advance(timedelta(seconds=61))
    machine.keeper.told(TimeTold(at_us=beat.at_us, centre_us=beat.at_us))
    await machine.ask(machine.clock.now())
    answered = machine.keeper.look(ISSUED_US)
    machine.keeper.told(TimeTold(at_us=beat.at_us, centre_us=0))
    assert machine.keeper.look(ISSUED_US) == answered
    assert answered.offset_us is not None
    assert abs(answered.offset_us) < S


async def test_booted_in_1970_it_waits_for_the_time_and_is_right_at_once(machine: Machine) -> None:
    machine.restart(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    assert machine.doubt == Doubt.BEFORE_DOCUMENTS
    await machine.ask(TODAY)
    assert machine.doubt == Doubt.BEFORE_DOCUMENTS
    assert FaultCode.CLOCK_OFF_CENTRE in machine.keeper.faults()
    machine.clock.step_wall(TODAY - datetime(1970, 1, 1, 0, 1, tzinfo=UTC))  # the centre's answer still holds
    assert machine.doubt == ""
    assert machine.keeper.faults() == {}


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(days=3650)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("asks", [True, False])
async def test_a_clock_that_jumps_is_doubted_at_once_and_believed_when_it_is_back(
    machine: Machine, step: timedelta, sign: int, asks: bool
) -> None:
    machine.disciplined = True
    if asks:
        await machine.ask(machine.clock.now())
    assert machine.doubt == ""
    machine.disciplined = False
    machine.clock.step_wall(sign * step)
    assert machine.doubt
    await machine.clock.advance(timedelta(hours=2))
    assert machine.doubt
    machine.begin()
    assert machine.doubt
    machine.clock.step_wall(-sign * step)
    assert machine.doubt == ""


async def test_trust_outlives_the_process_but_not_the_machine(machine: Machine) -> None:
    machine.disciplined = True
    assert machine.doubt == ""
    machine.disciplined = False
    for _day in range(7):
        await machine.clock.advance(timedelta(days=1))
        machine.begin()
        assert machine.doubt == ""
    machine.restart(machine.clock.now())
    assert machine.doubt == Doubt.UNPROVEN


async def test_a_clock_on_a_battery_carries_it_over_a_power_cut(machine: Machine) -> None:
    machine.disciplined = True
    assert machine.doubt == ""
    machine.disciplined = False
    machine.set_battery(TODAY + timedelta(days=5))
    machine.restart(TODAY + timedelta(days=5))
    assert machine.doubt == ""


async def test_a_flat_battery_does_not_even_where_the_system_goes_on_from_a_file(machine: Machine) -> None:
    machine.disciplined = True
    assert machine.doubt == ""
    machine.disciplined = False
    machine.set_battery(datetime(2000, 1, 1, tzinfo=UTC))
    machine.restart(datetime(2000, 1, 1, tzinfo=UTC))
    assert machine.doubt == Doubt.BEFORE_DOCUMENTS
    machine.restart(TODAY + timedelta(minutes=1))
    assert machine.doubt == Doubt.UNPROVEN


async def test_a_battery_set_right_later_is_seen(machine: Machine) -> None:
    machine.set_battery(datetime(2000, 1, 1, tzinfo=UTC))
    assert machine.doubt == Doubt.UNPROVEN
    machine.disciplined = True
    assert machine.doubt == ""
    machine.disciplined = False
    machine.restart(TODAY)
    assert machine.doubt == Doubt.UNPROVEN
    await machine.clock.advance(timedelta(minutes=2))
    machine.set_battery(machine.clock.now())
    assert machine.doubt == ""


async def test_a_little_off_the_centre_is_a_fault_and_no_doubt(machine: Machine) -> None:
    machine.disciplined = True
    await machine.ask(machine.clock.now() + timedelta(seconds=5))
    state = machine.keeper.look(ISSUED_US)
    assert (state.trusted, state.error_us) == (True, 40)
    assert machine.keeper.faults() == {FaultCode.CLOCK_OFF_CENTRE: "5.0 s behind the centre's clock"}
    machine.disciplined = False
    await machine.ask(machine.clock.now() - timedelta(microseconds=NEAR_US * 2))
    state = machine.keeper.look(ISSUED_US)
    assert (state.trusted, state.error_us) == (True, None)


async def test_orders_go_by_the_centres_time_where_a_clock_that_nobody_disciplines_is_seconds_off(
    machine: Machine,
) -> None:
    machine.disciplined = True
    assert machine.doubt == ""
    await machine.ask(machine.clock.now() + timedelta(seconds=20))
    assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", True)  # the kernel's word goes before the centre's
    machine.disciplined = False
    assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", False)
    for off_ms, keeps in ((1500, False), (500, True), (1500, True), (2500, False)):
        await machine.ask(machine.clock.now() + timedelta(milliseconds=off_ms), trip_ms=20)
        assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", keeps), off_ms


async def test_a_clock_that_is_off_is_not_taken_for_right_because_little_is_known_of_it(machine: Machine) -> None:
    machine.disciplined = True
    assert machine.doubt == ""
    machine.disciplined = False
    off = timedelta(milliseconds=2600)
    await machine.ask(machine.clock.now() + off, trip_ms=20)
    for trip_ms in (3400, 20):
        assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", False)
        await machine.clock.advance(timedelta(hours=10))
        assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", False)
        await machine.ask(machine.clock.now() + off, trip_ms=trip_ms)
    assert (machine.doubt, machine.keeper.keeps_centre_time) == ("", False)


async def test_the_file_is_written_once_an_hour_at_most(machine: Machine) -> None:
    machine.disciplined = True
    written = set[int]()
    for _second in range(3 * 3600):
        machine.keeper.look(ISSUED_US)
        written.add((machine.folder / FILE_NAME).stat().st_mtime_ns)
        await machine.clock.advance(timedelta(seconds=1))
    assert len(written) == 3


async def test_a_file_that_cannot_be_read_or_written_costs_no_more_than_itself(machine: Machine) -> None:
    (machine.folder / FILE_NAME).write_bytes(b'{"seen_us": "')
    machine.begin()
    assert machine.doubt == Doubt.UNPROVEN
    (machine.folder / FILE_NAME).mkdir()
    machine.disciplined = True
    assert machine.doubt == ""


def test_what_this_machine_says() -> None:
    kernel = kernel_clock.discipline()
    assert (kernel.error_us is not None) == kernel.disciplined
    assert kernel_clock.boot_id() == kernel_clock.boot_id() != ""
    battery_us = kernel_clock.battery_clock_us()
    assert battery_us is None or battery_us >= 0


def test_the_battery_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_clock, "RTC", tmp_path)
    assert kernel_clock.battery_clock_us() is None
    for name, said in (("rtc0", "broken"), ("rtc1", "1700000000\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "since_epoch").write_text(said)
    assert kernel_clock.battery_clock_us() == 1_700_000_000 * S
