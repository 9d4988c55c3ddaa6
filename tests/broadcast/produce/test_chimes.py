import itertools

import numpy as np
import pytest

from broadcast.produce.chimes import RATE_HZ, chime
from broadcast.produce.request import Chime

ALL = list(itertools.product(Chime, (False, True)))


@pytest.mark.parametrize(("kind", "closing"), ALL)
def test_a_chime_starts_and_ends_in_silence_and_never_clips(kind: Chime, closing: bool) -> None:
    samples = chime(kind, closing=closing)
    assert abs(int(samples[0])) < 50
    assert abs(int(samples[-1])) < 50
    assert np.abs(samples.astype(int)).max() <= 32767 * 10 ** (-4 / 20) + 1
    assert 1 < samples.size / RATE_HZ < 4


def test_no_two_chimes_are_alike() -> None:
    assert len({chime(kind, closing=closing).tobytes() for kind, closing in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", Chime)
def test_a_chime_is_the_same_each_time(kind: Chime) -> None:
    assert chime(kind).tobytes() == chime(kind).tobytes()


@pytest.mark.parametrize("kind", Chime)
def test_a_chime_lies_in_the_band_of_a_horn(kind: Chime) -> None:
    power = np.abs(np.fft.rfft(chime(kind))) ** 2
    pitch_hz = np.fft.rfftfreq(chime(kind).size, 1 / RATE_HZ)
    assert power[(pitch_hz > 400) & (pitch_hz < 6000)].sum() > 0.99 * power.sum()
