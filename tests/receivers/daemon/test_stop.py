from datetime import timedelta
from pathlib import Path

import pytest

from broadcast.clock import ManualClock
from receivers.stop import FILE_NAME, Stop

HOLD_US = 600_000_000
HOLD = timedelta(microseconds=HOLD_US)
MOMENT = timedelta(microseconds=1)


def _stop(folder: Path, clock: ManualClock) -> Stop:
    stop = Stop(folder, HOLD_US, clock)
    stop.open()
    return stop


async def test_it_holds_for_its_time_and_longer_when_pressed_again(tmp_path: Path, clock: ManualClock) -> None:
    stop = _stop(tmp_path, clock)
    assert not stop.is_held()
    stop.press()
    await clock.advance(HOLD - MOMENT)
    assert stop.is_held()
    stop.press()
    await clock.advance(HOLD - MOMENT)
    assert stop.is_held()
    await clock.advance(MOMENT)
    assert not stop.is_held()
    assert not (tmp_path / FILE_NAME).exists()


def test_let_go_it_holds_no_more_not_even_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    stop = _stop(tmp_path, clock)
    stop.press()
    stop.let_go()
    assert not stop.is_held()
    assert not _stop(tmp_path, clock).is_held()


async def test_it_outlives_the_process_for_the_rest_of_its_time(tmp_path: Path, clock: ManualClock) -> None:
    _stop(tmp_path, clock).press()
    await clock.advance(HOLD / 2)
    again = _stop(tmp_path, clock)
    assert again.is_held()
    await clock.advance(HOLD / 2)
    assert not again.is_held()
    assert not _stop(tmp_path, clock).is_held()


async def test_a_clock_that_is_back_in_1970_makes_it_hold_no_longer_than_once_more(
    tmp_path: Path, clock: ManualClock
) -> None:
    _stop(tmp_path, clock).press()
    clock.step_wall(timedelta(days=-20_000))
    again = _stop(tmp_path, clock)
    await clock.advance(HOLD - MOMENT)
    assert again.is_held()
    await clock.advance(MOMENT)
    assert not again.is_held()


@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"until_us": "soon"}'])
def test_a_broken_file_holds_nothing(tmp_path: Path, clock: ManualClock, raw: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(raw)
    assert not _stop(tmp_path, clock).is_held()


def test_it_holds_where_nothing_can_be_written(tmp_path: Path, clock: ManualClock) -> None:
    stop = _stop(tmp_path / "missing", clock)
    stop.press()
    assert stop.is_held()
