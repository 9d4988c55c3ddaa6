"""How far horns of one zone are apart, beside Snapcast: `python -m bench.unison`.

Three virtual horns with crystals of 0, +100 and -100 ppm. On each play, in the same run, one of Loa's players (a
process of its own, as the receiver runs it) and a snapclient, with chirps every three seconds: Loa's on the three
seconds, Snapcast's half way between, falling where Loa's rise, so that each is found by correlation. The spread is the
time between the first and the last of the three horns. In Loa's part are the start of the file, a horn that learns of
it late and joins, and an interruption by another file after which the first comes back at its place; Snapcast's stream
is left alone. Both have been up for `SETTLE_S` when the first chirp is due. The goal is reached when every chirp of
Loa's was heard and neither median nor maximum of its spread is larger than Snapcast's.

The time of the recordings comes from when their bytes arrived (see receivers/lab/listen.py). How exact that is shows in
a second recording of the first horn.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

import numpy as np

from bench import report
from broadcast.clock import Clock, SystemClock
from receivers.lab.correlate import align
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener, Recording
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import Sound, chirp, murmur, write_opus
from receivers.sound.cue import RATE_HZ, US_PER_S, Cue
from receivers.sound.urgency import make_urgent

SKEW_PPM = {"true": 0.0, "fast": 100.0, "slow": -100.0}
AIM_MEDIAN_MS, AIM_MAX_MS = 0.1, 0.5
RUN_S, QUICK_RUN_S = 1_800, 45
SETTLE_S = 25
EVERY_S = 3
CHIRP_S = 0.25
LATE_S = 12  # the slow horn learns of the file so long after its start
CUT_S, BACK_S = 22, 29  # another file sounds between
SNAP_BUFFER_S = 1.0
MARGIN_S = 0.6  # how far from its instant a chirp is looked for
HEARD = 0.8  # correlation below which a chirp was not heard
UP = chirp(CHIRP_S, 400, 3_000, level=0.3)
DOWN = UP[::-1].copy()
MURMUR = 0.03  # under the chirps: Opus makes a mess of what comes out of silence
APT = "apt install faketime snapserver snapclient"

Onsets = list[float]  # UTC in us of each chirp, not a number where it was not heard


def main() -> int:
    missing = [name for name in ("faketime", "snapserver", "snapclient") if shutil.which(name) is None]
    if missing:
        sys.exit(f"{', '.join(missing)}: not installed; {APT}")
    run_s = QUICK_RUN_S if report.is_quick() else RUN_S
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        heard, start_us = _run(Path(folder), run_s, SystemClock())
    loa = {name: onsets for name, (onsets, _) in heard.items() if name in SKEW_PPM}
    snapcast = {name: onsets for name, (_, onsets) in heard.items() if name in SKEW_PPM}
    rows, each = _rows(loa, snapcast)
    ratio = {key: float(str(rows[0][key])) / float(str(rows[-1][key])) for key in ("median", "p95", "max")}
    report.table("spread of Loa by spread of Snapcast", [ratio])
    report.table(f"spread of the horns in ms, {run_s} s with crystals of 0, +100, -100 ppm", rows)
    checks = [
        row("two recordings of one horn", apart_ms([heard["true"][0], heard["again"][0]])),
        *(row(f"{name} horn off its instant", _errors_ms(onsets, start_us)) for name, onsets in loa.items()),
    ]
    report.table("how exact, in ms", checks)
    reached = _judge(rows[0], rows[-1])
    result = {
        "reached": reached,
        "seconds": run_s,
        "ratio": ratio,
        "spread_ms": rows,
        "checks_ms": checks,
        "each_ms": each,
    }
    report.write("unison", {**result, "snapcast": report.version_of("snapserver", "--version")})
    return 0 if reached else 1


def _judge(loa: dict[str, object], snapcast: dict[str, object]) -> bool:
    """Print and return whether the goal holds."""
    median, largest = float(str(loa["median"])), float(str(loa["max"]))
    tighter = median <= float(str(snapcast["median"])) and largest <= float(str(snapcast["max"]))
    aimed = median <= AIM_MEDIAN_MS and largest <= AIM_MAX_MS
    whole = loa["heard"] == loa["chirps"]
    print(f"\ngoal: every chirp heard: {_told(whole)}; spread no larger than Snapcast's: {_told(tighter)}")
    print(f"aim: median <= {AIM_MEDIAN_MS} ms and max <= {AIM_MAX_MS} ms: {_told(aimed)}")
    return whole and tighter


def _told(reached: bool) -> str:
    return "reached" if reached else "MISSED"


def _rows(loa: dict[str, Onsets], snapcast: dict[str, Onsets]) -> tuple[list[dict[str, object]], dict[str, Onsets]]:
    joined = -(-(LATE_S + 1) // EVERY_S)
    spread, before = apart_ms(list(loa.values())), apart_ms([loa["true"], loa["fast"]])
    spread[:joined] = before[:joined]  # the third horn knew of nothing yet
    peer = apart_ms(list(snapcast.values()))
    cut, back = -(-CUT_S // EVERY_S), -(-BACK_S // EVERY_S)
    rows = [
        row("loa", spread),
        row("  steady", spread[joined + 1 : cut] + spread[back + 1 :]),
        row("  start of the file", spread[:1]),
        row("  first after a late join", spread[joined : joined + 1]),
        row("  in the interruption", spread[cut:back]),
        row("  first after it", spread[back : back + 1]),
        row("snapcast", peer),
    ]
    return rows, {"loa": spread, "snapcast": peer}


def _run(folder: Path, run_s: int, clock: Clock) -> tuple[dict[str, tuple[Onsets, Onsets]], int]:
    """Play it all; for each recording the onsets of Loa's and of Snapcast's chirps, and when the first was due."""
    file = write_opus(
        folder / "chirps.opus", every(UP, run_s) + np.tile(murmur(EVERY_S, seed=1, level=MURMUR), run_s // EVERY_S)
    )
    with ExitStack() as stack:
        horns = stack.enter_context(VirtualHorns(list(SKEW_PPM), folder / "horns", SKEW_PPM))
        listeners = {
            name: stack.enter_context(Listener(horns, horn, folder / f"{name}.raw", clock))
            for name, horn in (*((name, name) for name in SKEW_PPM), ("again", "true"))
        }
        start_us = clock.now_us() + SETTLE_S * US_PER_S
        players = {name: stack.enter_context(PlayerProcess(name, horns.environment)) for name in SKEW_PPM}
        stack.enter_context(Snapcast(folder, horns, start_us + EVERY_S * US_PER_S // 2, run_s, clock))
        plan = _plan(file, start_us, run_s)
        for name, player in players.items():
            player.set_plan(plan if name != "slow" else [])
        sleep_until(start_us + LATE_S * US_PER_S, clock)
        players["slow"].set_plan(plan)
        sleep_until(start_us + (run_s + 2) * US_PER_S, clock)
        heard = {}
        for name, listener in listeners.items():
            heard[name] = _onsets(listener.stop(), start_us, run_s)
    return heard, start_us


def _plan(file: Path, start_us: int, run_s: int) -> list[Cue]:
    """The file from `start_us` on, another in its middle (the same sound again, from its own beginning)."""
    cut_us, back_us = start_us + CUT_S * US_PER_S, start_us + BACK_S * US_PER_S
    # The other file's chirps are to fall on the five seconds too.
    into_us = (CUT_S % EVERY_S) * US_PER_S
    return [
        Cue("before", file, start_us, 0, cut_us),
        Cue("interruption", file, cut_us, into_us, back_us),
        Cue("after", file, back_us, back_us - start_us, start_us + run_s * US_PER_S),
    ]


def every(sound: Sound, seconds: int) -> Sound:
    period = np.zeros(EVERY_S * RATE_HZ, dtype=np.float32)
    period[: len(sound)] = sound
    return np.tile(period, seconds // EVERY_S)


def sleep_until(us: int, clock: Clock) -> None:
    time.sleep(max(0, us - clock.now_us()) / US_PER_S)


def _onsets(recording: Recording, start_us: int, run_s: int) -> tuple[Onsets, Onsets]:
    due = [start_us + at_s * US_PER_S for at_s in range(0, run_s, EVERY_S)]
    half_us = EVERY_S * US_PER_S // 2
    return [onset(recording, UP, us) for us in due], [onset(recording, DOWN, us + half_us) for us in due]


def onset(recording: Recording, sound: Sound, due_us: int) -> float:
    low = max(0, recording.frame_at(due_us - MARGIN_S * US_PER_S))
    heard = recording.samples[low : low + round((2 * MARGIN_S + CHIRP_S) * RATE_HZ)]
    found = align(sound, heard, RATE_HZ) if heard.any() else None
    if found is None or found.correlation < HEARD:
        return float("nan")
    return recording.utc_us_at(low + found.offset_frames)


def apart_ms(onsets: Sequence[Onsets]) -> Onsets:
    """The time between the first and the last of each chirp; not a number where one did not hear it."""
    return [
        (max(chirps) - min(chirps)) / 1_000 if not np.isnan(chirps).any() else float("nan")
        for chirps in zip(*onsets, strict=True)
    ]


def _errors_ms(onsets: Onsets, start_us: int) -> Onsets:
    return [(us - start_us) / 1_000 - number * EVERY_S * 1_000 for number, us in enumerate(onsets)]


def row(name: str, values_ms: Sequence[float]) -> dict[str, object]:
    heard = np.array([value for value in values_ms if not np.isnan(value)])
    row: dict[str, object] = {"what": name, "chirps": len(values_ms), "heard": len(heard)}
    if not len(heard):
        return {**row, "median": "nan", "p95": "nan", "max": "nan"}
    largest = float(heard[np.argmax(np.abs(heard))])
    return {**row, "median": float(np.median(heard)), "p95": float(np.percentile(heard, 95)), "max": largest}


class Snapcast:
    """Context manager: a snapserver fed with chirps, the first heard about `first_us`, and a client for each horn."""

    def __init__(self, folder: Path, horns: VirtualHorns, first_us: int, run_s: int, clock: Clock) -> None:
        self._folder = folder / "snapcast"
        self._horns = horns
        self._first_us = first_us
        self._run_s = run_s
        self._clock = clock
        self._programs = ExitStack()
        self._closing = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name="snapcast feed", daemon=True)

    def __enter__(self) -> Self:
        self._folder.mkdir()
        fifo = self._folder / "fifo"
        os.mkfifo(fifo)
        port = _free_port()
        (self._folder / "conf").write_text(
            f"[server]\ndatadir = {self._folder}\n[http]\nenabled = false\n[tcp]\nenabled = false\n"
            f"[stream]\nport = {port}\nbuffer = {round(SNAP_BUFFER_S * 1_000)}\ncodec = pcm\n"
            f"source = pipe://{fifo}?name=loa&sampleformat={RATE_HZ}:16:2&mode=read\n[logging]\nsink = stderr\n"
        )
        self._start("snapserver", "-c", str(self._folder / "conf"))
        self._feeder.start()
        for number, name in enumerate(self._horns.names, start=1):
            client = ("snapclient", "-h", "127.0.0.1", "-p", str(port), "-i", str(number), "--hostID", name)
            self._start(*client, "-s", name, "--logsink", "stderr")
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._programs.close()
        self._feeder.join()

    def _start(self, *command: str) -> None:
        log = self._programs.enter_context((self._folder / f"{command[-3]}.log").open("wb"))
        process = subprocess.Popen(command, env={**os.environ, **self._horns.environment}, stdout=log, stderr=log)
        make_urgent(process.pid)  # as Loa's players are
        self._programs.callback(process.wait)
        self._programs.callback(process.terminate)

    def _feed(self) -> None:
        """Write to the server's pipe: silence, then a chirp each period. The server takes it at its own pace."""
        period = np.repeat(np.rint(every(DOWN, EVERY_S) * 32_767).astype(np.int16), 2).tobytes()
        with suppress(BrokenPipeError), (self._folder / "fifo").open("wb") as pipe:
            silent_us = self._first_us - self._clock.now_us() - SNAP_BUFFER_S * US_PER_S
            pipe.write(bytes(4 * round(silent_us * RATE_HZ / US_PER_S)))
            for _ in range(self._run_s // EVERY_S + 1):
                if self._closing.is_set():
                    return
                pipe.write(period)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
