import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.sound.cue import FLOOR_DBFS
from receivers.sound.meter import NOW_FRAMES, Meter

SAMPLES = st.lists(st.integers(-32_767, 32_767), min_size=1, max_size=300)


@given(samples=SAMPLES, cuts=st.lists(st.integers(0, 300), max_size=5))
def test_level_does_not_depend_on_the_blocks(samples: list[int], cuts: list[int]) -> None:
    pcm = np.array(samples, dtype=np.int16)
    meter = Meter()
    for part in np.split(pcm, sorted(min(cut, len(pcm)) for cut in cuts)):
        meter.add(part)
    level = meter.level()
    rms = float(np.sqrt(np.mean(pcm.astype(float) ** 2)))
    assert level.frames == len(samples)
    assert 10 ** (level.rms_dbfs / 20) * 32_767 == pytest.approx(rms, abs=0.04)
    assert 10 ** (level.peak_dbfs / 20) * 32_767 == pytest.approx(max(abs(s) for s in samples), abs=0.04)


def test_a_full_scale_sine_reads_minus_three() -> None:
    meter = Meter()
    meter.add(np.rint(32_767 * np.sin(2 * np.pi * np.arange(48_000) / 48)).astype(np.int16))
    assert meter.level().rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert meter.level().peak_dbfs == pytest.approx(0.0, abs=0.01)


def test_level_now_forgets_what_is_long_past() -> None:
    meter = Meter()
    meter.add(np.full(4_800, 20_000, dtype=np.int16))
    loud = meter.now_dbfs()
    for _ in range(NOW_FRAMES // 960 + 1):
        meter.add(np.zeros(960, dtype=np.int16))
    assert loud > -5
    assert meter.now_dbfs() == FLOOR_DBFS
    assert meter.level().rms_dbfs > -30


def test_gaps_and_clipping_add_up() -> None:
    meter = Meter()
    meter.add(np.zeros(960, dtype=np.int16), clipped_frames=3, gap_frames=480)
    meter.add(np.zeros(960, dtype=np.int16), clipped_frames=4, gap_frames=0)
    assert (meter.level().clipped_frames, meter.level().gap_us) == (7, 10_000)


def test_digital_silence_is_the_floor() -> None:
    meter = Meter()
    meter.add(np.zeros(NOW_FRAMES, dtype=np.int16))
    assert (meter.level().rms_dbfs, meter.level().peak_dbfs, meter.now_dbfs()) == (FLOOR_DBFS,) * 3


def test_nothing_heard_is_the_floor() -> None:
    assert Meter().level().rms_dbfs == FLOOR_DBFS
    assert Meter().now_dbfs() == FLOOR_DBFS
