"""What systemd is told, on the sockets it would listen on; and a real process whose loop stands still."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from broadcast.clock import ManualClock, SystemClock
from receivers.tasks import end
from receivers.watchdog import Pulse, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """NOTIFY_SOCKET, and the socket behind it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(60)
        if request.param == "path":
            listening.bind(str(tmp_path / "notify"))
            yield str(tmp_path / "notify"), listening
        else:
            listening.bind(f"\0loa-test-{os.getpid()}")
            yield f"@loa-test-{os.getpid()}", listening


def test_every_word_is_as_systemd_wants_it(systemd: tuple[str, socket.socket]) -> None:
    address, listening = systemd
    watchdog = Watchdog(SystemClock(), {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
    assert watchdog.interval_s == 20
    watchdog.ready("plays")
    watchdog.beat(True)
    watchdog.beat(False, "the player stands still")
    watchdog.beat(False)
    watchdog.stopping()
    told = [listening.recv(200).decode() for _ in range(4)]
    assert told == ["READY=1\nSTATUS=plays", "WATCHDOG=1", "STATUS=the player stands still", "STOPPING=1"]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "60000000"},
        {"NOTIFY_SOCKET": "/nowhere"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
    ],
)
def test_where_nobody_waits_for_beats_none_is_due_and_words_cost_nothing(environ: dict[str, str]) -> None:
    watchdog = Watchdog(SystemClock(), environ)
    assert watchdog.interval_s is None
    watchdog.ready()
    watchdog.beat(True)


async def test_it_beats_three_times_within_the_limit_and_only_while_alive(systemd: tuple[str, socket.socket]) -> None:
    address, listening = systemd
    clock = ManualClock(datetime(2027, 1, 15, tzinfo=UTC))
    watchdog = Watchdog(clock, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    alive = [True]
    running = asyncio.create_task(watchdog.run(lambda: alive[0]))
    await clock.advance(timedelta(seconds=29))
    alive[0] = False
    await clock.advance(timedelta(seconds=60))
    await end([running])
    listening.setblocking(False)
    beats = []
    while True:
        try:
            beats.append(listening.recv(200))
        except BlockingIOError:
            break
    assert beats == [b"WATCHDOG=1"] * 3


STANDS_STILL = """
import asyncio, sys, threading
from broadcast.clock import SystemClock
from receivers.watchdog import Watchdog

async def main():
    asyncio.create_task(Watchdog(SystemClock()).run(lambda: True))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    threading.Event().wait()  # the loop stands still

asyncio.run(main())
"""


def test_a_process_whose_loop_stands_still_beats_no_more(systemd: tuple[str, socket.socket]) -> None:
    address, listening = systemd
    environ = {**os.environ, "NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"}
    with subprocess.Popen([sys.executable, "-c", STANDS_STILL], env=environ, stdin=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None
            assert listening.recv(200) == b"WATCHDOG=1"
            assert listening.recv(200) == b"WATCHDOG=1"
            process.stdin.write(b"\n")
            process.stdin.flush()
            listening.settimeout(1.5)  # five times the limit: systemd would have ended it
            with pytest.raises(TimeoutError):
                _hear_all(listening)
            assert process.poll() is None
        finally:
            process.kill()


def _hear_all(listening: socket.socket) -> None:
    while listening.recv(200):
        pass


def test_a_pulse_is_a_count_that_changes() -> None:
    pulse = Pulse()
    assert [pulse.moves(count) for count in (0, 1, 1, 2, 2, 0)] == [True, True, False, True, False, True]
