"""What delay and bit rate are suggested by what receivers missed."""

from hypothesis import given
from hypothesis import strategies as st

from scheduler.live.delay import (
    DEFAULT_MS,
    ENOUGH_CHUNKS,
    MAX_MS,
    MIN_MS,
    STEP_MS,
    USUAL_BPS,
    WEAK_BPS,
    Listened,
    late_ratio,
    suggested_bps,
    suggested_ms,
)

reports = st.lists(
    st.builds(
        lambda delay_ms, chunks, part: Listened(delay_ms, chunks, int(chunks * part)),
        delay_ms=st.integers(MIN_MS, MAX_MS),
        chunks=st.integers(0, 3000),
        part=st.floats(0, 1),
    ),
    max_size=8,
)


def heard(delay_ms: int = 2000, *, chunks: int = 500, late: int = 0) -> Listened:
    return Listened(delay_ms, chunks, late)


def test_without_reports_it_is_the_usual_one() -> None:
    assert suggested_ms([]) == DEFAULT_MS
    assert late_ratio([]) is None
    assert suggested_bps([], weak=False) == USUAL_BPS
    assert suggested_bps([], weak=True) == WEAK_BPS


def test_who_misses_chunks_is_given_more_and_far_more_where_it_missed_many() -> None:
    assert suggested_ms([heard(), heard(late=10)]) == 2000 + STEP_MS
    assert suggested_ms([heard(), heard(late=50)]) == 2000 + 2 * STEP_MS


def test_one_chunk_in_minutes_changes_nothing() -> None:
    assert suggested_ms([heard(), heard(late=1)]) == 2000


def test_only_long_clean_listening_makes_it_less() -> None:
    assert suggested_ms([heard(chunks=900)]) == 2000
    assert suggested_ms([heard(chunks=900), heard(chunks=900)]) == 2000 - STEP_MS


def test_who_joined_for_a_moment_does_not_count() -> None:
    assert suggested_ms([heard(), heard(chunks=ENOUGH_CHUNKS - 1, late=ENOUGH_CHUNKS - 1)]) == 2000


def test_late_at_the_longest_delay_takes_less_bits() -> None:
    assert suggested_bps([heard(MAX_MS, late=30)], weak=False) == WEAK_BPS
    assert suggested_bps([heard(MAX_MS)], weak=False) == USUAL_BPS


@given(reports)
def test_it_stays_within_the_limits_and_more_trouble_never_makes_it_less(told: list[Listened]) -> None:
    before = suggested_ms(told)
    assert MIN_MS <= before <= MAX_MS
    worse = [Listened(one.delay_ms, one.chunks, one.chunks) for one in told]
    assert suggested_ms(worse) >= before
