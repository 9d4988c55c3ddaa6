"""A track over a source in memory whose sound is a wave known everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.sound.cue import NO_CHUNKS, RATE_HZ
from receivers.sound.mixer import Samples
from receivers.sound.resample import RIPPLE, Positions
from receivers.sound.track import Track

HERTZ = 700
BLOCK = 960


def _wave(position: Positions) -> Positions:
    return np.asarray(np.sin(2 * np.pi * HERTZ * position / RATE_HZ))


class Wave:
    """A Source (see decode) of a tone; what was asked for is kept."""

    first_frame = 0
    ready = True
    error = None
    counts = NO_CHUNKS

    def __init__(self, frames: int = 1_000_000, hole: range = range(0)) -> None:
        self.end_frame = frames
        self.hole = hole
        self.asked: list[int] = []

    def fill(self, position: int, out: Samples) -> int:
        self.asked.append(position)
        ends = self.hole.start if position < self.hole.start < self.hole.stop else self.end_frame
        count = 0 if position in self.hole else min(len(out), max(0, ends - position))
        out[:count] = _wave(np.arange(position, position + count, dtype=np.float64))
        return count

    def close(self) -> None: ...


@given(paces=st.lists(st.floats(-500, 500), min_size=1, max_size=30), start=st.integers(0, 10_000))
@settings(max_examples=40)
def test_every_frame_is_the_wave_at_its_position_at_any_pace(paces: list[float], start: int) -> None:
    track, frame, position = Track(Wave(), 5_000, start), 5_000, float(start)
    for number, ppm in enumerate(paces):
        track.set_pace(ppm)
        sound, missing = track.read(frame, BLOCK)
        due = _wave(position + np.arange(BLOCK) * (1 + ppm / 1e6))
        from_edge = 16 if number == 0 else 0  # what comes before the start is silent
        assert missing == 0
        assert np.abs(sound - due)[from_edge:].max() <= 2 * RIPPLE
        frame, position = frame + BLOCK, position + BLOCK * (1 + ppm / 1e6)
    assert track.position == pytest.approx(position, abs=1e-6)


@given(blocks=st.lists(st.integers(1, 3_000), min_size=1, max_size=20))
def test_in_step_the_file_comes_out_bit_by_bit(blocks: list[int]) -> None:
    track, at = Track(Wave(), 0, 77), 0
    for count in blocks:
        sound, _ = track.read(at, count)
        assert np.array_equal(sound, _wave(np.arange(77 + at, 77 + at + count, dtype=np.float64)).astype(np.float32))
        at += count


@pytest.mark.parametrize("ppm", [0.0, 200.0])
def test_what_is_not_there_is_silent_and_counted_and_the_rest_is_in_its_place(ppm: float) -> None:
    track = Track(Wave(hole=range(2_000, 6_500)), 0, 0)
    track.set_pace(ppm)
    missed, sounds = [], []
    for frame in range(0, 10 * BLOCK, BLOCK):
        sound, missing = track.read(frame, BLOCK)
        missed.append(missing)
        sounds.append(sound)
    heard = np.concatenate(sounds)
    assert not heard[2_001 : 6 * BLOCK].any()
    assert 6_500 - 2_000 - 2 <= sum(missed) <= 6_500 - 2_000 + BLOCK
    due = _wave(np.arange(8 * BLOCK, 10 * BLOCK) * (1 + ppm / 1e6))
    assert np.abs(heard[8 * BLOCK :] - due).max() <= 2 * RIPPLE


def test_the_end_of_the_file_is_told_at_the_pace_of_now() -> None:
    track = Track(Wave(), 0, 0)
    assert track.frame_of(480_000) == 480_000
    track.set_pace(100.0)
    assert track.frame_of(480_000) == 479_952
    track.read(0, 240_000)
    assert track.frame_of(480_000) == 479_952


def test_frames_that_were_not_read_are_passed_over() -> None:
    track = Track(Wave(), 0, 0)
    track.read(0, BLOCK)
    sound, missing = track.read(10 * BLOCK, BLOCK)
    assert missing == 0
    assert np.array_equal(sound, _wave(np.arange(10.0 * BLOCK, 11.0 * BLOCK)).astype(np.float32))


def test_the_source_is_asked_for_each_sample_once_and_in_order() -> None:
    source = Wave()
    track = Track(source, 0, 0)
    track.set_pace(-300.0)
    for frame in range(0, 20 * BLOCK, BLOCK):
        track.read(frame, BLOCK)
    assert source.asked == sorted(set(source.asked))
