"""Data used, by day and month; and the kernel's account of real connections."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clock import ManualClock
from broadcast.wire.documents import DataUse
from broadcast.wire.fault_codes import FaultCode
from receivers import odometer
from receivers.odometer import Odometer
from receivers.usage import KEPT_DAYS, MB, Moved, Usage, added, data_use, since, warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TODAY = date(2026, 11, 22)
BYTES = st.integers(0, 10**9)
MOVED = st.builds(Moved, BYTES, BYTES)
COUNTED = st.lists(st.tuples(st.integers(-30, 30), MOVED), max_size=40)


def _all(counted: list[tuple[int, Moved]]) -> Usage:
    usage = Usage()
    for days, moved in counted:
        usage = added(usage, TODAY + timedelta(days=days), moved)
    return usage


@given(counted=COUNTED)
def test_nothing_is_lost_whatever_the_clock_does(counted: list[tuple[int, Moved]]) -> None:
    usage = _all(counted)
    assert sum(sum(moved) for moved in usage.days.values()) == sum(sum(moved) for _, moved in counted)
    assert usage == _all(sorted(counted))


@given(counted=COUNTED)
def test_a_month_is_the_sum_of_its_days(counted: list[tuple[int, Moved]]) -> None:
    usage = _all(counted)
    days = (date(2026, 11, day) for day in range(1, 31))
    told = [data_use(usage, day) for day in days]
    assert {use.month_bytes for use in told} == {sum(use.day_up_bytes + use.day_down_bytes for use in told)}


def test_old_days_are_let_go() -> None:
    usage = Usage()
    for day in range(400):
        usage = added(usage, TODAY + timedelta(days=day), Moved(1, 0))
    assert len(usage.days) == KEPT_DAYS
    assert data_use(usage, TODAY + timedelta(days=399)).month_bytes == (TODAY + timedelta(days=399)).day


@given(readings=st.lists(st.tuples(BYTES, BYTES), max_size=20))
def test_the_parts_of_a_counter_that_grows_are_its_whole(readings: list[tuple[int, int]]) -> None:
    whole, before, parts = Moved(), None, Moved()
    for up, down in readings:
        whole = whole.plus(Moved(up, down))
        parts = parts.plus(since(whole, before))
        before = whole
    assert parts == whole
    assert since(Moved(5, 5), Moved(9, 1)) == Moved(5, 5)


@pytest.mark.parametrize(
    ("used", "codes"),
    [
        (799 * MB, []),
        (800 * MB, [FaultCode.DATA_BUDGET_NEAR]),
        (999 * MB, [FaultCode.DATA_BUDGET_NEAR]),
        (1000 * MB, [FaultCode.DATA_BUDGET_OVER]),
    ],
)
def test_a_budget_warns_near_and_over(used: int, codes: list[FaultCode]) -> None:
    assert list(warnings(DataUse(month_bytes=used), 1000 * MB)) == codes
    assert warnings(DataUse(month_bytes=used), None) == {}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        with far:
            yield near, far


def test_a_connection_is_counted_once_however_often_it_is_sampled(
    tmp_path: Path, clock: ManualClock, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, far = ends
    counter = Odometer(tmp_path, clock)
    near.sendall(bytes(5000))
    assert len(far.recv(5000, socket.MSG_WAITALL)) == 5000
    for _ in range(3):
        counter.sample(near)
    far.sendall(bytes(70))
    assert len(near.recv(70, socket.MSG_WAITALL)) == 70
    counter.sample(near)
    use = counter.use(TODAY)
    assert 5000 + 2 * 40 <= use.day_up_bytes < 5000 + 12 * 80
    assert 70 + 2 * 40 <= use.day_down_bytes < 70 + 12 * 80
    assert use == counter.use(TODAY)


def test_a_closed_connection_and_no_connection_count_nothing(tmp_path: Path, clock: ManualClock) -> None:
    counter = Odometer(tmp_path, clock)
    with socket.socket() as closed:
        pass
    one, other = socket.socketpair()
    with one, other:
        counter.sample(closed)
        counter.sample(one)
    assert odometer.read(closed) is None
    assert counter.use(TODAY) == DataUse()


async def test_the_count_outlives_a_restart_and_is_written_hourly(
    tmp_path: Path, clock: ManualClock, ends: tuple[socket.socket, socket.socket]
) -> None:
    counter = Odometer(tmp_path, clock)
    counter.open()
    counter.sample(ends[0])
    use = counter.use(TODAY)
    counter.save()
    assert not (tmp_path / odometer.FILE_NAME).exists()
    await clock.advance(timedelta(hours=1))
    counter.save()
    again = Odometer(tmp_path, clock)
    again.open()
    assert again.use(TODAY) == use != DataUse()


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"[]", b'{"days":{"yesterday":[1,2]}}', b'{"days":{"2026-11-22":["x",1]}}']
)
def test_a_file_that_cannot_be_used_is_put_aside(tmp_path: Path, clock: ManualClock, content: bytes) -> None:
    (tmp_path / odometer.FILE_NAME).write_bytes(content)
    counter = Odometer(tmp_path, clock)
    counter.open()
    assert counter.use(TODAY) == DataUse()
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [content]
