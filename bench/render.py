"""What a block costs in the audio thread: `python -m bench.render`.

The stage and the anchor alone, without a device: processor time for a block, and as a share of a core. What PortAudio
and the sound server's client spend on waking up comes on top of it, see bench/receiver.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import report
from broadcast.clock import SystemClock
from receivers.lab.trial.signals import murmur
from receivers.sound.anchor import US_PER_FRAME, Anchor, Timebase
from receivers.sound.cue import NO_CHUNKS, RATE_HZ, US_PER_S, Cue
from receivers.sound.mixer import Samples
from receivers.sound.moment import read_both
from receivers.sound.stage import Stage
from receivers.sound.voice import Lost

BLOCKS_FRAMES = (960, 1_920)
START_US = 1_800_000_000_000_000
SOUND = murmur(2.0, seed=1)


class Loop:
    """A Source (see decode) that never ends."""

    first_frame = 0
    ready = True
    error = None
    counts = NO_CHUNKS
    end_frame = None

    def fill(self, position: int, out: Samples) -> int:
        at = position % (len(SOUND) - RATE_HZ)
        out[:] = SOUND[at : at + len(out)]
        return len(out)

    def close(self) -> None: ...


def main() -> int:
    count = 500 if report.is_quick() else 5_000
    rows = []
    for block in BLOCKS_FRAMES:
        works = {
            "idle": _rendering(block, None),
            "playing": _rendering(block, 0.0),
            "playing, corrected by 80 ppm": _rendering(block, 80.0),
            "learning the card's time": _learning(block),
        }
        for name, work in works.items():
            took_us = _took_us(work, count)
            row = {"what": name, "block_frames": block, "us": took_us, "core_percent": took_us * RATE_HZ / block / 1e4}
            rows.append(row)
    report.table("processor time of a block", rows)
    report.write("render", {"blocks": rows})
    return 0


def _rendering(block: int, drift_ppm: float | None) -> Callable[[int], object]:
    """Render the block of a number; None for a drift: nothing is planned."""
    stage = Stage()
    us_per_frame = US_PER_FRAME * (1 + (drift_ppm or 0.0) / 1e6)
    if drift_ppm is not None:
        cue = Cue("long", Path("long"), START_US, 0, START_US + 24 * 3_600 * US_PER_S)
        stage.set_plan([cue], START_US)
        stage.attach(cue, Loop())
    lost = Lost()

    def work(number: int) -> object:
        frame = number * block
        return stage.render(frame, block, Timebase(frame, START_US + frame * us_per_frame, us_per_frame), lost)

    return work


def _learning(block: int) -> Callable[[int], object]:
    anchor, clock = Anchor(), SystemClock()
    wrong_us = np.random.default_rng(1).uniform(-800, 100, 1_000)

    def work(number: int) -> object:
        read_both(clock)
        anchor.add(number * block, number * block * US_PER_FRAME + float(wrong_us[number % 1_000]))
        return anchor.timebase

    return work


def _took_us(work: Callable[[int], object], count: int) -> float:
    """Median of ten stretches, so that what else the machine does counts little."""
    stretches = []
    for stretch in range(10):
        began_ns = time.thread_time_ns()
        for number in range(stretch * count // 10, (stretch + 1) * count // 10):
            work(number)
        stretches.append((time.thread_time_ns() - began_ns) / 1_000 / (count / 10))
    return float(np.median(stretches))


if __name__ == "__main__":
    sys.exit(main())
