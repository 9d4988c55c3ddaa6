import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.sound.mixer import FADE_FRAMES, FULL_SCALE, envelope, to_pcm

EDGES = st.none() | st.integers(-2_000, 6_000)


def _whole(first: int, count: int, rise: int | None, fall: int | None) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    gain = envelope(first, count, rise, fall)
    return np.ones(count, dtype=np.float32) if gain is None else gain.reshape(count)


@given(rise=EDGES, fall=EDGES, blocks=st.lists(st.integers(1, 1_500), min_size=1, max_size=8))
def test_an_envelope_is_the_same_in_any_blocks(rise: int | None, fall: int | None, blocks: list[int]) -> None:
    whole = _whole(0, sum(blocks), rise, fall)
    starts = np.concatenate(([0], np.cumsum(blocks)))
    parts = [_whole(int(start), count, rise, fall) for start, count in zip(starts, blocks, strict=False)]
    assert np.array_equal(np.concatenate(parts), whole)


@given(rise=EDGES, fall=EDGES)
def test_no_step_of_a_fade_is_larger_than_a_fade_needs(rise: int | None, fall: int | None) -> None:
    gain = _whole(-3_000, 12_000, rise, fall)
    assert np.abs(np.diff(gain)).max() <= 2.001 / FADE_FRAMES
    assert gain.min() >= 0.0
    assert gain.max() <= 1.0


@given(fall=st.integers(0, 5_000))
def test_nothing_is_left_when_a_fade_is_over(fall: int) -> None:
    gain = _whole(0, 8_000, None, fall)
    assert not gain[fall:].any()
    assert (gain[: max(0, fall - FADE_FRAMES)] == 1.0).all()


@given(st.lists(st.floats(width=32), min_size=1, max_size=200))
@settings(max_examples=200)
def test_any_float_becomes_a_sample_within_full_scale(values: list[float]) -> None:
    pcm, clipped = to_pcm(np.array(values, dtype=np.float32))
    assert np.abs(pcm.astype(int)).max() <= FULL_SCALE
    assert clipped >= sum(abs(value) > 1.001 for value in values if value == value)  # noqa: PLR0124 not a number


@given(st.lists(st.integers(-FULL_SCALE, FULL_SCALE), min_size=1, max_size=200))
def test_sixteen_bits_survive_the_way_through_float(values: list[int]) -> None:
    pcm, clipped = to_pcm(np.array(values, dtype=np.float32) / np.float32(FULL_SCALE))
    assert (pcm.tolist(), clipped) == (values, 0)
