from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.sound.drift import CAP_PPM, DEAD_BAND_US, Mark, drift_ppm, pace_ppm

LATE_US = st.floats(-20_000, 20_000)
PPM = st.floats(-300, 300)
NOISE = st.lists(st.floats(-300, 300), min_size=3, max_size=40)


def _marks(late_us: list[float], epoch: int = 0, first_s: float = 0.0) -> list[Mark]:
    return [Mark(epoch, first_s + at_s, late) for at_s, late in enumerate(late_us)]


def _drifting(seconds: int, ppm: float) -> list[float]:
    return [at_s * ppm for at_s in range(seconds)]


@given(late_us=NOISE)
def test_negated_marks_give_the_negated_drift(late_us: list[float]) -> None:
    assert drift_ppm(_marks([-late for late in late_us])) == pytest.approx(-drift_ppm(_marks(late_us)), abs=1e-9)


@given(late_us=NOISE, factor=st.floats(0.01, 1.0))
def test_marks_times_k_give_the_drift_times_k(late_us: list[float], factor: float) -> None:
    whole = drift_ppm(_marks(late_us))
    assert abs(whole) < CAP_PPM
    assert drift_ppm(_marks([late * factor for late in late_us])) == pytest.approx(whole * factor, abs=1e-6)


@given(late_us=NOISE, offset_us=st.floats(-1e6, 1e6), order=st.randoms())
def test_only_differences_count_and_in_any_order(late_us: list[float], offset_us: float, order: object) -> None:
    marks = _marks([late + offset_us for late in late_us])
    order.shuffle(marks)  # type: ignore[attr-defined]
    assert drift_ppm(marks) == pytest.approx(drift_ppm(_marks(late_us)), abs=1e-3)


@given(ppm=PPM, wrong_us=st.lists(st.floats(-4_000, 4_000), min_size=12, max_size=12), start=st.integers(0, 48))
def test_a_fifth_of_the_marks_may_be_wrong_by_anything(ppm: float, wrong_us: list[float], start: int) -> None:
    late_us = _drifting(60, ppm)
    for at_s, wrong in enumerate(wrong_us, start):
        late_us[at_s] += wrong
    assert drift_ppm(_marks(late_us)) == pytest.approx(ppm, abs=15)


@given(ppm=PPM, lost_us=st.floats(-1e6, 1e6))
def test_time_lost_between_epochs_is_no_drift(ppm: float, lost_us: float) -> None:
    late_us = _drifting(60, ppm)
    marks = _marks(late_us[:25]) + _marks([late + lost_us for late in late_us[25:]], epoch=1, first_s=25)
    assert drift_ppm(marks) == pytest.approx(ppm, abs=1)


@given(late_us=st.lists(st.floats(-1e9, 1e9), max_size=30))
def test_the_drift_is_never_past_the_cap(late_us: list[float]) -> None:
    assert abs(drift_ppm(_marks(late_us))) <= CAP_PPM


@given(ppm=PPM)
def test_the_first_seconds_say_little_and_half_a_minute_all(ppm: float) -> None:
    believed = [abs(drift_ppm(_marks(_drifting(seconds, ppm)))) for seconds in (1, 2, 5, 9, 15, 30)]
    assert believed[:2] == [0, 0]
    assert all(earlier <= later + 1e-9 for earlier, later in pairwise(believed))
    assert believed[2] <= abs(ppm) / 10
    assert believed[-1] == pytest.approx(abs(ppm), rel=0.002)


@given(late_us=LATE_US, doubt_us=st.floats(0, 400))
def test_the_pull_opposes_the_error_and_is_nothing_in_the_dead_band(late_us: float, doubt_us: float) -> None:
    pull = pace_ppm(late_us, 0.0, doubt_us)
    assert pull * late_us >= 0
    assert (pull == 0) == (abs(late_us) <= DEAD_BAND_US + doubt_us)
    assert pace_ppm(-late_us, 0.0, doubt_us) == -pull


@given(late_us=LATE_US, card_ppm=st.floats(-1_000, 1_000))
def test_the_pace_is_never_past_the_cap(late_us: float, card_ppm: float) -> None:
    assert abs(pace_ppm(late_us, card_ppm)) <= CAP_PPM


@pytest.mark.parametrize("card_ppm", [200.0, -200.0])
@pytest.mark.parametrize("known", [True, False])
def test_a_piece_settles_on_a_card_that_is_off(card_ppm: float, known: bool) -> None:
    """Blocks of 20 ms for a minute, from 5 ms off; where the drift is not known the pull holds it near."""
    late_us = 5_000.0
    seen = []
    for _ in range(3_000):
        pace = pace_ppm(late_us, card_ppm if known else 0.0)
        late_us += (card_ppm - pace) * 0.02
        seen.append(late_us)
    assert abs(seen[-1]) <= (DEAD_BAND_US + 1 if known else 450)
    assert np.ptp(seen[-500:]) < 1
