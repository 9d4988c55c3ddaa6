import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clock import SystemClock
from receivers.lab.horns import VirtualHorns
from receivers.lab.listen import US_PER_FRAME, Listener, Recording


@given(
    ways_us=st.lists(st.integers(100, 250), min_size=60, max_size=60),
    odd_us=st.lists(st.integers(-10_000, 20_000), min_size=40, max_size=40),
    frame=st.integers(0, 96_000),
    wall_us=st.integers(0, 2 * 10**15),
)
def test_the_bulk_of_the_arrivals_tells_the_time(
    ways_us: list[int], odd_us: list[int], frame: int, wall_us: int
) -> None:
    ways = [way for pair in zip(ways_us, odd_us, strict=False) for way in pair] + ways_us[len(odd_us) :]
    arrivals = [(960 * n, 7_000_000 + 20_000 * n + way_us) for n, way_us in enumerate(ways)]
    recording = Recording(np.zeros(96_000, dtype=np.int16), arrivals, wall_us)
    error_us = recording.utc_us_at(frame) - (7_000_000 + frame * US_PER_FRAME + wall_us)
    assert -200 <= error_us <= 250
    assert abs(recording.frame_at(recording.utc_us_at(frame)) - frame) <= 48


@given(ppm=st.floats(-300, 300), ways_us=st.lists(st.integers(100, 250), min_size=50, max_size=50))
def test_the_time_of_a_horn_with_a_skewed_crystal_is_right_at_every_frame(ppm: float, ways_us: list[int]) -> None:
    period_us = 20_000 * (1 - ppm / 1e6)
    arrivals = [(960 * n, round(7_000_000 + period_us * n) + ways_us[n % 50]) for n in range(1_500)]
    recording = Recording(np.zeros(0, dtype=np.int16), arrivals, 0)
    for n in (0, 10, 700, 1_499):
        assert -50 <= recording.utc_us_at(960 * n) - (7_000_000 + period_us * n) <= 250


@pytest.mark.flaky(reruns=2)  # a starved machine loses sound
def test_a_silent_horn_is_recorded_as_silence_of_the_time_that_passed(horns: VirtualHorns, tmp_path: Path) -> None:
    clock = SystemClock()
    with Listener(horns, "horn3", tmp_path / "horn3.raw", clock) as listener:
        before_us = clock.now_us()
        time.sleep(0.4)
        recording = listener.stop()
    heard = recording.between(before_us, before_us + 250_000)
    assert len(heard) == 12_000
    assert not recording.samples.any()
    recording.write_wav(tmp_path / "horn3.wav")
    assert (tmp_path / "horn3.wav").stat().st_size == 44 + 2 * len(recording.samples)
