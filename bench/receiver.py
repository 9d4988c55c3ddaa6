"""What a receiver takes of a small board: `python -m bench.receiver`.

A real daemon with its link up on a virtual horn: resident memory and processor time while idle and while playing, by
the kernel's own count; the time from the process's start to sound at the horn, where an airing is on at that moment and
its recording is on the disk; and how much memory each library brings, imported one after another in a fresh process.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import centre as bench_centre
from bench import report
from bench.centre import Centre
from broadcast.broker.lab import HOST
from broadcast.clock import US_PER_S, SystemClock
from receivers import config
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener
from receivers.lab.trial.relay import listening
from receivers.lab.trial.signals import murmur, write_opus

GOAL_PLAYING_MB, GOAL_IDLE_PERCENT, GOAL_PLAYING_PERCENT, GOAL_START_S = 90.0, 1.0, 5.0, 2.0
MEASURE_S, QUICK_MEASURE_S = 60.0, 12.0
STARTS, QUICK_STARTS = 5, 2
SETTLE_S = 12.0
LEARNED_S = 45.0  # by then the sound card's clock is known, and states are looked at calmly
SOUND_S = 240
LEAD_US = 4 * US_PER_S
SOUNDS = 300  # of 32,767: what is quieter is not yet the recording
TICK_S = os.sysconf("SC_CLK_TCK")
LIBRARIES = ("asyncio", "ssl", "msgspec", "aiomqtt", "cryptography.x509", "numpy", "av", "pyaudio")
OWN = ("receivers.run", "receivers.daemon", "receivers.sound.player")
IMPORTING = """
import importlib, sys
def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
before = resident_kib()
print("an interpreter", before)
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(name, resident_kib() - before)
    before = resident_kib()
"""


class Taken(NamedTuple):
    """Resident memory in MB, and the share of one core in per cent."""

    resident_mb: float
    percent: float


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        idle, playing, starts_s = asyncio.run(_measure(Path(folder)))
    rows = [
        {"what": "idle", "resident MB": idle.resident_mb, "% of a core": idle.percent},
        {"what": "playing", "resident MB": playing.resident_mb, "% of a core": playing.percent},
    ]
    report.table("a receiver's daemon, link up", rows)
    start_s = statistics.median(starts_s)
    report.table("process start to sound at the horn, in seconds", [{"median": start_s, "longest": max(starts_s)}])
    imports = list(_imports())
    report.table("resident memory that each import adds, in MB", imports)
    goals = {
        f"playing <= {GOAL_PLAYING_MB:.0f} MB": playing.resident_mb <= GOAL_PLAYING_MB,
        f"idle <= {GOAL_IDLE_PERCENT} %": idle.percent <= GOAL_IDLE_PERCENT,
        f"playing <= {GOAL_PLAYING_PERCENT} %": playing.percent <= GOAL_PLAYING_PERCENT,
        f"start <= {GOAL_START_S} s": start_s <= GOAL_START_S,
    }
    for goal, reached in goals.items():
        print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    report.write("receiver", {"goals": goals, "taken": rows, "starts_s": starts_s, "imports": imports})
    return 0 if all(goals.values()) else 1


async def _measure(where: Path) -> tuple[Taken, Taken, list[float]]:
    state, clock = where / "state", SystemClock()
    state.mkdir()
    (state / config.FILE_NAME).write_text("clock_kept_by_host = true\n")
    sound = write_opus(where / "sound.opus", murmur(SOUND_S, seed=1)).read_bytes()
    measure_s = QUICK_MEASURE_S if report.is_quick() else MEASURE_S
    async with bench_centre.centre(where / "centre", [sound]) as centre:
        server = await asyncio.start_server(centre.serve, sock=listening(host=HOST))
        bench_centre.enrol(centre.lab, state, centre.lab.port, server.sockets[0].getsockname()[1])
        with ExitStack() as stack:
            horns = stack.enter_context(VirtualHorns(["horn"], where / "horns"))
            tomorrow_us = clock.now_us() + bench_centre.US_PER_DAY
            await _publish(centre, tomorrow_us)
            async with bench_centre.daemon(state, "horn", horns.environment) as pid:
                await centre.until(lambda: centre.is_ready)
                await asyncio.sleep(LEARNED_S)
                idle = await _taken(pid, measure_s)
                await _publish(centre, clock.now_us() + LEAD_US)
                await centre.until(lambda: centre.state is not None and centre.state.player == "playing")
                await asyncio.sleep(SETTLE_S)
                playing = await _taken(pid, measure_s)
            starts_s = []
            for number in range(QUICK_STARTS if report.is_quick() else STARTS):
                await _publish(centre, clock.now_us() - LEAD_US)
                starts_s.append(await _start(where / f"start{number}.raw", state, horns, clock))
        server.close()
    return idle, playing, starts_s


async def _publish(centre: Centre, start_us: int) -> None:
    (sha256,) = centre.bodies
    await centre.publish([centre.airing(f"long.{start_us}", sha256, start_us, SOUND_S * US_PER_S)])


async def _taken(pid: int, seconds: float) -> Taken:
    before = _processor_s(pid)
    await asyncio.sleep(seconds)
    percent = 100 * (_processor_s(pid) - before) / seconds
    return Taken(resident_mb(pid), percent)


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024 / 1e6


def _processor_s(pid: int) -> float:
    """Processor time of a process so far, of all its threads, by the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_S


async def _start(recorded: Path, state: Path, horns: VirtualHorns, clock: SystemClock) -> float:
    """Seconds from the start of a daemon to sound, with an airing on."""
    listener = Listener(horns, "horn", recorded, clock)
    with listener:
        begun_us = clock.now_us()
        async with bench_centre.daemon(state, "horn", horns.environment):
            await asyncio.sleep(8)
        recording = listener.stop()
    sounding = np.flatnonzero(np.abs(recording.samples[max(0, recording.frame_at(begun_us)) :]) > SOUNDS / 32_767)
    if not len(sounding):
        return float("inf")
    first = max(0, recording.frame_at(begun_us)) + int(sounding[0])
    return (recording.utc_us_at(first) - begun_us) / US_PER_S


def _imports() -> Iterator[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-OO", "-c", IMPORTING, *LIBRARIES, *OWN], capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        name, _, kib = line.rpartition(" ")
        yield {"import": name, "MB": int(kib) * 1024 / 1e6}


if __name__ == "__main__":
    sys.exit(main())
