"""Whether a receiver can be left alone: `python -m bench.soak [HOURS]`, a day by default.

A real daemon plays an announcement every minute and a half on a virtual horn, over a link that is cut for a minute and
a half in every ten. Memory and descriptors are read each minute; at the end they must not have grown, and every airing
must have been reported heard, once, in order. Ctrl-C ends it early and judges what there is.
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import centre as bench_centre
from bench import report
from bench.centre import Centre
from bench.receiver import resident_mb
from broadcast.broker.lab import HOST
from broadcast.clock import US_PER_S, SystemClock
from broadcast.wire.documents import Airing, Outcome
from receivers import config
from receivers.lab.horns import VirtualHorns
from receivers.lab.trial.relay import Relay, listening
from receivers.lab.trial.signals import murmur, write_opus

HOURS, QUICK_HOURS = 24.0, 0.1
EVERY_S = 90  # so that a day's airings fit into one programme
SOUND_S = 20
SAMPLE_S = 60
FIRST_S = 30
CUT_EVERY_S, CUT_S = 600, 90
SETTLE_SHARE = 0.2  # of the run, before memory is judged
GOAL_MB_A_DAY = 5.0
GOAL_DESCRIPTORS = 2


class Sample(NamedTuple):
    """At `at_s` of the run."""

    at_s: float
    resident_mb: float
    descriptors: int


def main() -> int:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else QUICK_HOURS if report.is_quick() else HOURS
    with tempfile.TemporaryDirectory(prefix="loa-soak-") as folder:
        samples, airings, centre = asyncio.run(_soak(Path(folder), hours * 3600))
    reports = centre.reports
    heard = [told.airing_id for told in reports if told.outcome is Outcome.HEARD]
    once_in_order = [told.number for told in reports] == list(range(1, len(reports) + 1))
    settled = [sample for sample in samples if sample.at_s >= SETTLE_SHARE * samples[-1].at_s]
    slope_mb = _slope(settled) * 86_400
    grown = settled[-1].descriptors - settled[0].descriptors
    rows: list[dict[str, object]] = [
        {"what": "hours", "value": samples[-1].at_s / 3600},
        {"what": "airings due", "value": len(airings)},
        {"what": "reported heard", "value": len(set(heard))},
        {"what": "reports once and in order", "value": once_in_order},
        {"what": "resident MB at the end", "value": samples[-1].resident_mb},
        {"what": "resident MB a day", "value": slope_mb},
        {"what": "descriptors at the end", "value": samples[-1].descriptors},
        {"what": "descriptors more than after the first fifth", "value": grown},
    ]
    report.table("a receiver left alone", rows)
    complete = once_in_order and sorted(heard) == sorted(airing.id for airing in airings)
    reached = complete and slope_mb <= GOAL_MB_A_DAY and grown <= GOAL_DESCRIPTORS
    goal = f"every airing heard and reported once, <= {GOAL_MB_A_DAY} MB a day"
    print(f"\ngoal: {goal}: {'reached' if reached else 'MISSED'}")
    others = [(told.airing_id, told.outcome, told.reason) for told in reports if told.outcome is not Outcome.HEARD]
    report.write("soak", {"reached": reached, "rows": rows, "others": others, "samples": samples})
    return 0 if reached else 1


async def _soak(where: Path, seconds: float) -> tuple[list[Sample], list[Airing], Centre]:
    state, clock = where / "state", SystemClock()
    state.mkdir()
    (state / config.FILE_NAME).write_text("clock_kept_by_host = true\n")
    sound = write_opus(where / "sound.opus", murmur(SOUND_S, seed=1)).read_bytes()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with bench_centre.centre(where / "centre", [sound]) as centre:
        relay = Relay(centre.lab.port)
        await relay.mend()
        server = await asyncio.start_server(centre.serve, sock=listening(host=HOST))
        bench_centre.enrol(centre.lab, state, relay.port, server.sockets[0].getsockname()[1])
        airings = _airings(centre, clock.now_us() + FIRST_S * US_PER_S, seconds)
        await centre.publish(airings)
        with VirtualHorns(["horn"], where / "horns") as horns:
            async with bench_centre.daemon(state, "horn", horns.environment) as pid:
                await centre.until(lambda: centre.is_ready)
                cutting = asyncio.create_task(_cut_now_and_then(relay))
                samples = await _watch(pid, seconds, clock, stopping, centre)
                cutting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await cutting
                await relay.mend()
                now_us = clock.now_us()
                due = [airing for airing in airings if airing.start_us + SOUND_S * US_PER_S < now_us]
                with contextlib.suppress(TimeoutError):
                    await centre.until(lambda: len(centre.reports) >= len(due))
        server.close()
        relay.cut()
    return samples, due, centre


def _airings(centre: Centre, first_us: int, seconds: float) -> list[Airing]:
    (sha256,) = centre.bodies
    count = max(1, int((seconds - FIRST_S) // EVERY_S))
    starts = (first_us + number * EVERY_S * US_PER_S for number in range(count))
    return [centre.airing(f"a{number}", sha256, start_us, SOUND_S * US_PER_S) for number, start_us in enumerate(starts)]


async def _watch(pid: int, seconds: float, clock: SystemClock, stopping: asyncio.Event, centre: Centre) -> list[Sample]:
    """A sample a minute, and a line about it."""
    begun_us, samples = clock.monotonic_us(), []
    while not stopping.is_set():
        at_s = (clock.monotonic_us() - begun_us) / US_PER_S
        samples.append(Sample(at_s, resident_mb(pid), _descriptors(pid)))
        said = f"{at_s / 60:7.1f} of {seconds / 60:.0f} min  {samples[-1].resident_mb:6.1f} MB"
        print(f"{said}  {samples[-1].descriptors} descriptors  {len(centre.reports)} reports", flush=True)
        if at_s >= seconds:
            break
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(SAMPLE_S, seconds - at_s)):
                await stopping.wait()
    return samples


async def _cut_now_and_then(relay: Relay) -> None:
    while True:
        await asyncio.sleep(CUT_EVERY_S - CUT_S)
        relay.cut()
        await asyncio.sleep(CUT_S)
        await relay.mend()


def _descriptors(pid: int) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def _slope(samples: Sequence[Sample]) -> float:
    """MB a second, by least squares; 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    return float(np.polyfit([sample.at_s for sample in samples], [sample.resident_mb for sample in samples], 1)[0])


if __name__ == "__main__":
    sys.exit(main())
