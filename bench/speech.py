"""From mouth to horn, and how far horns are apart while somebody speaks: `python -m bench.speech`.

Three virtual horns with crystals of 0, +100 and -100 ppm, and Loa's players as in `bench.unison`. A sound with a chirp
every three seconds is written into the centre's own live feed, 20 ms at a time as a microphone brings it, and comes by
its server to the players' fetchers, at the default delay. A file holds the same sound. The horns play the two in turns
of TURN_S on one timeline, so that both meet what the machine does meanwhile. A chirp's delay is from when its first
sample was spoken to when it was heard, by the recording. The spread is the time between the first and the last of the
three horns. The goal is reached when every chirp was heard, half of them within NEAR_MS of the delay that was set, and
the live spread's median and p95 are no larger than the file's by more than what two recordings of one horn differ.
"""

import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import Sound, murmur, write_opus
from receivers.live.decide import of_session
from receivers.sound.cue import RATE_HZ, US_PER_S, Cue
from receivers.tasks import end

NEAR_MS = 5.0
RUN_S, QUICK_RUN_S, TURN_S = 300, 120, 15
SETTLE_S = 25
HOST = "127.0.0.1"
PACKET_US = PACKET_FRAMES * US_PER_S // RATE_HZ


def main() -> int:
    print(report.machine())
    run_s = QUICK_RUN_S if report.is_quick() else RUN_S
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        report.progress(f"file and talk in turns, {run_s} s in all, after {SETTLE_S} s")
        recordings, heard_us = _run(Path(folder), run_s, SystemClock())
        report.progress("recorded; what is heard is looked for")
    onsets = {name: _onsets(recording, heard_us, run_s) for name, recording in recordings.items()}
    file, live = ({name: _of(onsets[name], kind) for name in onsets} for kind in (0, 1))
    spreads = {"file": apart_ms([file[name] for name in SKEW_PPM]), "live": apart_ms([live[name] for name in SKEW_PPM])}
    same = apart_ms([live["true"], live["again"]])
    delays = {name: _of(_delays_ms(onsets[name], heard_us - DELAY_US), 1) for name in SKEW_PPM}
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


def _run(folder: Path, run_s: int, clock: Clock) -> tuple[dict[str, Recording], int]:
    """Play file and talk in turns; what was recorded of each horn, of the first once more, and since when."""
    sound = every(UP, run_s) + np.tile(murmur(EVERY_S, seed=1, level=MURMUR), run_s // EVERY_S)
    file = write_opus(folder / "chirps.opus", sound)
    with ExitStack() as stack:
        horns = stack.enter_context(VirtualHorns(list(SKEW_PPM), folder / "horns", SKEW_PPM))
        listeners = {
            name: stack.enter_context(Listener(horns, horn, folder / f"{name}.raw", clock))
            for name, horn in (*((name, name) for name in SKEW_PPM), ("again", "true"))
        }
        players = [stack.enter_context(PlayerProcess(name, horns.environment)) for name in SKEW_PPM]
        heard_us = clock.now_us() + SETTLE_S * US_PER_S
        session = stack.enter_context(_spoken(sound, heard_us - DELAY_US, run_s, clock))
        for player in players:
            player.follow([of_session(session)])
            player.set_plan([_turn(number, heard_us, file, session.feed.id) for number in range(run_s // TURN_S)])
        sleep_until(heard_us + (run_s + 2) * US_PER_S, clock)
        return {name: listener.stop() for name, listener in listeners.items()}, heard_us


def _turn(number: int, heard_us: int, file: Path, feed_id: str) -> Cue:
    """The file's, or the talk's."""
    into_us, live = number * TURN_S * US_PER_S, number % 2
    start_us, end_us = heard_us + into_us, heard_us + into_us + TURN_S * US_PER_S
    if live:
        return Cue(f"live {number}", Path(feed_id), start_us, into_us, end_us, feed_id=feed_id)
    return Cue(f"file {number}", file, start_us, into_us, end_us)


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
    until_us = start_us + DELAY_US + (run_s + 5) * US_PER_S
    try:
        yield LiveSession(feed=desk.announced(feed), start_us=start_us, until_us=until_us, delay_us=DELAY_US)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def _of(chirps: Onsets, kind: int) -> Onsets:
    """Of all chirps those in turns of the file (0), or of the talk (1)."""
    return [chirp for number, chirp in enumerate(chirps) if number * EVERY_S // TURN_S % 2 == kind]


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
