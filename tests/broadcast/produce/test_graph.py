import math

from hypothesis import given
from hypothesis import strategies as st

from broadcast.produce.graph import CEILING_DBFS, MAX_GAIN_DB, TARGET_LUFS, Loudness, plan, pre_gain_db, read_loudness
from broadcast.produce.probe import Scan

LEVELS_DB = st.floats(-90, 0)
LOUDNESS = st.floats(-60, -5)


def report(number: int, integrated: float, peak: float) -> str:
    return (
        f"[Parsed_ebur128_{number} @ 0x1] [info] Summary:\n  Integrated loudness:\n    I:  {integrated:.1f} LUFS\n"
        f"  True peak:\n    Peak:  {peak:.1f} dBFS\n"
    )


@given(LEVELS_DB, LEVELS_DB, LOUDNESS, st.floats(0, 8))
def test_no_sound_is_ever_lifted_past_the_bound(mean: float, peak: float, high: float, taken: float) -> None:
    scan = Scan(1_000_000, min(mean, peak), peak, damaged=False)
    numbers = plan(scan, report(1, high, 0) + report(2, high - taken, 0))
    assert numbers.pre_gain_db <= MAX_GAIN_DB
    assert numbers.pre_gain_db + numbers.gain_db <= MAX_GAIN_DB + 0.02
    assert all(map(math.isfinite, (numbers.pre_gain_db, numbers.gain_db, numbers.ceiling_db)))


@given(LOUDNESS, st.floats(0, 4))
def test_the_ceiling_is_lifted_to_at_most_the_last_limiter_where_both_measures_allow(high: float, taken: float) -> None:
    scan = Scan(1_000_000, -20.0, -3.0, damaged=False)
    numbers = plan(scan, report(1, high, 0) + report(2, high - taken, 0))
    if -20 < numbers.ceiling_db < -15 and not numbers.bounded:
        assert abs(numbers.ceiling_db + numbers.gain_db - CEILING_DBFS) < 0.15


@given(LOUDNESS, st.floats(0, 4))
def test_the_order_of_the_measures_does_not_matter(high: float, taken: float) -> None:
    scan = Scan(1_000_000, -20.0, -3.0, damaged=False)
    one, two = report(1, high, 0), report(2, high - taken, 0)
    assert plan(scan, one + two) == plan(scan, two + one)


def test_silence_is_left_alone() -> None:
    silent = Scan(1_000_000, -90.0, -70.0, damaged=False)
    assert pre_gain_db(silent) == 0
    assert plan(silent, report(1, -70, -90) + report(2, -70, -90)).gain_db == 0


def test_only_the_last_report_of_a_filter_counts() -> None:
    log = report(3, -70, -math.inf) + report(3, TARGET_LUFS, -3)
    assert read_loudness(log) == [Loudness(TARGET_LUFS, -3.0)]
    assert read_loudness("nothing") == []
