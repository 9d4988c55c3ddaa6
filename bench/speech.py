"""From mouth to horn, and how far horns are apart while somebody speaks: `python -m bench.speech`.

Three virtual horns with crystals of 0, +100 and -100 ppm, and Loa's players as in `bench.unison`. First a file with a
chirp every three seconds; then the same sound is written into the centre's own live feed, 20 ms at a time as a
microphone brings it, and comes by its server to the players' fetchers, at the default delay. A chirp's delay is from
when its first sample was spoken to when it was heard, by the recording. The spread is the time between the first and
the last of the three horns. The goal is reached when every chirp was heard, half of them within NEAR_MS of the delay
that was set, and the live spread's median and p95 are no larger than the file's by more than what two recordings of
one horn differ.
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import report
from bench.unison import EVERY_S, MURMUR, SKEW_PPM, UP, Onsets, apart_ms, every, onset, row, sleep_until
from broadcast.clock import Clock, SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.server import FeedServer
from broadcast.wire.chunks import PACKET_FRAMES
from broadcast.wire.now import DELAY_US, LiveSession
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import Listener, Recording
from receivers.lab.play import PlayerProcess
from receivers.lab.signals import Sound, murmur, write_opus
from receivers.live.decide import of_session
from receivers.sound.cue import RATE_HZ, US_PER_S, Cue
from receivers.tasks import end

NEAR_MS = 5.0
RUN_S, QUICK_RUN_S = 600, 30
SETTLE_S = 25
BETWEEN_S = 5
HOST = "127.0.0.1"
PACKET_US = PACKET_FRAMES * US_PER_S // RATE_HZ


@dataclass(frozen=True)
class Times:
    """When the file's first sample was due, and when the talk's was spoken and due, UTC in us."""

    file_us: int
    spoken_us: int

    @property
    def live_us(self) -> int:
        return self.spoken_us + DELAY_US


def main() -> int:
    print(report.machine())
    run_s = QUICK_RUN_S if report.is_quick() else RUN_S
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        report.progress(f"a file for {run_s} s, then a talk as long, after {SETTLE_S} s")
        recordings, times = _run(Path(folder), run_s, SystemClock())
        report.progress("recorded; what is heard is looked for")
    file = {name: _onsets(recording, times.file_us, run_s) for name, recording in recordings.items()}
    live = {name: _onsets(recording, times.live_us, run_s) for name, recording in recordings.items()}
    spreads = {"file": apart_ms([file[name] for name in SKEW_PPM]), "live": apart_ms([live[name] for name in SKEW_PPM])}
    same = apart_ms([live["true"], live["again"]])
    delays = {name: _delays_ms(live[name], times.spoken_us) for name in SKEW_PPM}
    each = [delay for some in delays.values() for delay in some]
    delay_rows = [_delay_row(name, some) for name, some in {**delays, "all": each}.items()]
    report.table(f"mouth to horn in ms at a delay of {DELAY_US / 1_000:.0f} ms", delay_rows)
    spread_rows = [row(name, spread) for name, spread in spreads.items()]
    report.table("spread of three horns in ms", [*spread_rows, row("two recordings of one horn", same)])
    goals = _goals(each, spreads, same)
    for goal, reached in goals.items():
        print(f"goal: {goal}: {'reached' if reached else 'MISSED'}")
    report.write("speech", {"goals": goals, "seconds": run_s, "delay_ms": delay_rows, "spread_ms": spread_rows})
    return 0 if all(goals.values()) else 1


def _goals(each_ms: Sequence[float], spreads: dict[str, Onsets], same: Onsets) -> dict[str, bool]:
    heard = not np.isnan([*each_ms, *spreads["file"]]).any()
    room_ms = float(np.nanpercentile(same, 95))
    no_larger = all(
        np.nanpercentile(spreads["live"], share) <= np.nanpercentile(spreads["file"], share) + room_ms
        for share in (50, 95)
    )
    near = abs(float(np.nanmedian(each_ms)) - DELAY_US / 1_000) <= NEAR_MS
    return {
        "every chirp heard": bool(heard),
        f"median delay within {NEAR_MS:.0f} ms of what was set": near,
        "live spread no larger than the file's": bool(no_larger),
    }


def _run(folder: Path, run_s: int, clock: Clock) -> tuple[dict[str, Recording], Times]:
    """Play the file, then the talk; what was recorded of each horn, and of the first once more."""
    sound = every(UP, run_s) + np.tile(murmur(EVERY_S, seed=1, level=MURMUR), run_s // EVERY_S)
    file = write_opus(folder / "chirps.opus", sound)
    with ExitStack() as stack:
        horns = stack.enter_context(VirtualHorns(list(SKEW_PPM), folder / "horns", SKEW_PPM))
        listeners = {
            name: stack.enter_context(Listener(horns, horn, folder / f"{name}.raw", clock))
            for name, horn in (*((name, name) for name in SKEW_PPM), ("again", "true"))
        }
        players = [stack.enter_context(PlayerProcess(name, horns.environment)) for name in SKEW_PPM]
        file_us = clock.now_us() + SETTLE_S * US_PER_S
        times = Times(file_us, file_us + (run_s + BETWEEN_S) * US_PER_S)
        session = stack.enter_context(_spoken(sound, times.spoken_us, run_s, clock))
        live_cue = Cue(
            "live", Path(session.feed.id), times.live_us, 0, times.live_us + run_s * US_PER_S, feed_id=session.feed.id
        )
        for player in players:
            player.follow([of_session(session)])
            player.set_plan([Cue("file", file, file_us, 0, file_us + run_s * US_PER_S), live_cue])
        sleep_until(live_cue.end_us + 2 * US_PER_S, clock)
        return {name: listener.stop() for name, listener in listeners.items()}, times


@contextmanager
def _spoken(sound: Sound, start_us: int, run_s: int, clock: Clock) -> Iterator[LiveSession]:
    """The centre's end: `sound` is spoken into a feed from `start_us` on, and served."""
    loop = asyncio.new_event_loop()
    desk = LiveDesk(f"http://{HOST}")
    server = FeedServer(desk, HOST, 0, clock)
    desk.url = f"http://{HOST}:{server.port}"
    feed = desk.open("speech", delay_us=DELAY_US)

    async def speak() -> None:
        for at_frame in range(0, len(sound), PACKET_FRAMES):
            spoken_us = start_us + (at_frame + PACKET_FRAMES) * US_PER_S // RATE_HZ
            await clock.sleep((spoken_us - clock.now_us()) / US_PER_S)
            feed.write(sound[at_frame : at_frame + PACKET_FRAMES], at_frame)

    async def serve(over: asyncio.Event) -> None:
        tasks = [asyncio.create_task(server.run()), asyncio.create_task(speak())]
        await over.wait()
        await end(tasks)

    over = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(over)), name="centre", daemon=True)
    thread.start()
    until_us = start_us + DELAY_US + (run_s + BETWEEN_S) * US_PER_S
    try:
        yield LiveSession(feed=desk.announced(feed), start_us=start_us, until_us=until_us, delay_us=DELAY_US)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def _onsets(recording: Recording, start_us: int, run_s: int) -> Onsets:
    return [onset(recording, UP, start_us + at_s * US_PER_S) for at_s in range(0, run_s, EVERY_S)]


def _delays_ms(onsets: Onsets, spoken_us: int) -> Onsets:
    return [(us - spoken_us) / 1_000 - number * EVERY_S * 1_000 for number, us in enumerate(onsets)]


def _delay_row(name: str, delays_ms: Onsets) -> dict[str, object]:
    heard = np.array([delay for delay in delays_ms if not np.isnan(delay)] or [np.inf])
    return {
        "horn": name,
        "chirps": len(delays_ms),
        "heard": len(heard),
        **{f"p{share}": float(np.percentile(heard, share)) for share in (1, 50, 99)},
        "max": float(heard.max()),
    }


if __name__ == "__main__":
    sys.exit(main())
