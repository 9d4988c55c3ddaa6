"""What the receiver's ear makes of a sound in noise, how often it is wrong, and what it costs: `python -m bench.ear`.

Voices are noise in syllables with pauses, a seed each (`receivers.lab.trial.signals`); the noise is in speech's band
and is there all the time. The cost is CPU time of a player with a microphone (its process and its recorder's) less that
of the same player without, on a virtual horn, in seconds per second of sound.
"""

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from bench import report
from broadcast.clock import SystemClock
from broadcast.wire.documents import Hearing
from receivers.ear.compare import BAND_HZ, EAR_HZ, EARLY, LATE, Signal, compare, verdict
from receivers.ear.selftest import chirp
from receivers.lab.horns import VirtualHorns
from receivers.lab.trial.play import PlayerProcess
from receivers.lab.trial.signals import murmur, write_opus
from receivers.sound.cue import US_PER_S, Cue

SNRS_DB = (20, 10, 5, 0, -3, -5, -8, -10, -15, -20, -25, -30)
SEEDS, QUICK_SEEDS = 100, 20
PAIRS, QUICK_PAIRS = 20_000, 1_000
PLAY_S, QUICK_PLAY_S = 120, 24
SETTLED_S = 4  # the recorder has started
GOAL_OWN = 0.01  # of a core, in the player's process
GOAL_ALL = 0.02  # with the recorder, which is PortAudio's work
VOICES = 60


def main() -> int:
    quick = report.is_quick()
    rows = [_row(name, snr_db, QUICK_SEEDS if quick else SEEDS) for name in ("voice", "chirp") for snr_db in SNRS_DB]
    report.table("verdicts by signal to noise ratio", rows)
    pairs = QUICK_PAIRS if quick else PAIRS
    wrong = [_unrelated(seconds, pairs // 4) for seconds in (4.0, 2.0, 1.0, 0.5)]
    report.table("another voice, noise or a tone in its place", wrong)
    cost = _cost(QUICK_PLAY_S if quick else PLAY_S)
    report.table("CPU time in hundredths of a core", [{name: 100 * part for name, part in cost.items()}])
    errors = sum(int(str(row["faint"])) + int(str(row["heard"])) for row in wrong)
    reached = errors == 0 and cost["ear"] - cost["its recorder"] <= GOAL_OWN and cost["ear"] <= GOAL_ALL
    goal = f"nothing unrelated recognised; at most {GOAL_OWN} of a core, {GOAL_ALL} with the recorder"
    print(f"\ngoal: {goal}: {'reached' if reached else 'MISSED'}")
    report.write("ear", {"verdicts": rows, "unrelated": wrong, "cost": cost})
    return 0 if reached else 1


@cache
def _voice(seed: int, seconds: float = 4.0) -> Signal:
    sound = murmur(seconds, seed, level=1.0)[::6]
    words = np.repeat(np.random.default_rng(seed).random(int(seconds * 5) + 1) > 0.25, EAR_HZ // 5)
    words[: EAR_HZ // 5] = True
    return _level(sound * words[: len(sound)])


def _level(sound: Signal, dbfs: float = -20.0) -> Signal:
    rms = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    return np.asarray(sound * (10 ** (dbfs / 20) / max(rms, 1e-12)), dtype=np.float32)


def _noise(seed: int, samples: int) -> Signal:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / EAR_HZ)
    spectrum *= (hertz > BAND_HZ[0]) & (hertz < BAND_HZ[1])
    return _level(np.fft.irfft(spectrum, samples).astype(np.float32))


def _row(name: str, snr_db: float, seeds: int) -> Mapping[str, object]:
    told: Counter[str] = Counter()
    correlations, errors_ms = [], []
    for seed in range(seeds):
        written = _voice(seed % VOICES) if name == "voice" else _level((chirp()[::6] / 32_768).astype(np.float32))
        ear = _noise(seed, len(written) + EARLY + LATE) * np.float32(10 ** (-snr_db / 20))
        first = EARLY + 37 * seed
        ear[first : first + len(written)] += written
        found = compare(written, ear)
        heard = verdict([found] if found else [])
        if heard is None:
            continue
        told[heard.verdict] += 1
        correlations.append(heard.correlation)
        if heard.delay_us is not None:
            errors_ms.append(abs(heard.delay_us / 1000 - 37 * seed * 1000 / EAR_HZ))
    verdicts = {hearing.value: told[hearing] for hearing in Hearing}
    worst_ms = round(max(errors_ms), 2) if errors_ms else "-"
    return {"sound": name, "snr_db": snr_db, **verdicts, "correlation": np.mean(correlations), "delay_off_ms": worst_ms}


def _unrelated(seconds: float, pairs: int) -> Mapping[str, object]:
    told: Counter[str] = Counter()
    for number in range(pairs):
        written = _voice(number % VOICES, seconds)
        samples = len(written) + EARLY + LATE
        tone = np.sin(2 * np.pi * (300 + number * 7.3 % 3000) / EAR_HZ * np.arange(samples))
        voice = np.roll(np.resize(_voice(VOICES + number % 61, 7.0), samples), 131 * number)
        others = (voice, _noise(number, samples), _level(tone.astype(np.float32)))
        found = compare(written, others[number % 3])
        heard = verdict([found] if found else [])
        told[heard.verdict if heard else "none"] += 1
    return {"seconds": seconds, "pairs": pairs, **{hearing.value: told[hearing] for hearing in Hearing}}


def _cost(seconds: int) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory(prefix="loa-bench-") as folder:
        path = write_opus(Path(folder) / "voice.opus", murmur(seconds, seed=1))
        with VirtualHorns(["horn1", "horn2"], Path(folder)) as horns:
            deaf = _cpu(PlayerProcess("horn2", horns.environment), path, seconds)
            hearing = _cpu(PlayerProcess("horn1", horns.environment, "horn1_monitor"), path, seconds)
    both = sum(hearing)
    return {"player": sum(deaf), "with microphone": both, "its recorder": hearing[1], "ear": both - sum(deaf)}


def _cpu(player: PlayerProcess, path: Path, seconds: int) -> tuple[float, float]:
    """CPU seconds a second of it and of its children while it plays `path`, without the start."""
    clock = SystemClock()
    with player:
        start_us = clock.now_us() + SETTLED_S * US_PER_S
        player.set_plan([Cue("a", path, start_us, 0, start_us + seconds * US_PER_S)])
        time.sleep(SETTLED_S + 1)
        before_s, since_us = _used_s(player.pid), clock.monotonic_us()
        time.sleep(seconds - 2)
        after_s, took_s = _used_s(player.pid), (clock.monotonic_us() - since_us) / US_PER_S
        return (after_s[0] - before_s[0]) / took_s, (after_s[1] - before_s[1]) / took_s


def _used_s(pid: int) -> tuple[float, float]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for listed in threads for child in listed.read_text().split()]
    return _used_by_s(pid), sum(map(_used_by_s, children))


def _used_by_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
