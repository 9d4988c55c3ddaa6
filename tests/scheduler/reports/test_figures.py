"""Figures of an airing in a village add up, whatever was reported."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.fleet.results import HEARD, Result
from scheduler.reports.figures import (
    NO_REPORT,
    NOT_HEARD_BY_MICROPHONE,
    Said,
    Sums,
    figures,
    mean_db,
    total,
    worst,
)
from scheduler.reports.spans import Length, Span, span_of

MINUTE_US = 60_000_000
IDS = [f"R{number}" for number in range(6)]

levels = st.none() | st.floats(-90, 0)
said = st.builds(
    Said,
    result=st.sampled_from(Result),
    reason=st.sampled_from(["", "late", "not_running"]),
    fetched=st.booleans(),
    started=st.booleans(),
    error_us=st.none() | st.integers(-10_000_000, 10_000_000),
    level_dbfs=levels,
    microphone=st.booleans(),
    microphone_dbfs=levels,
    planned_us=st.none() | st.integers(0, 3 * MINUTE_US),
    played_us=st.integers(-5, 4 * MINUTE_US),
)
reports = st.dictionaries(st.sampled_from([*IDS, "stranger"]), st.lists(said, max_size=3))
whole = st.integers(0, 10**12)
sums = st.builds(
    Sums,
    **{name: whole for name in Sums.__struct_fields__ if name != "error_us"},
    error_us=st.none() | st.integers(-10_000_000, 10_000_000),
)


@given(ids=st.lists(st.sampled_from(IDS), unique=True), told=reports, settled=st.booleans())
def test_receivers_are_heard_or_missed_or_waited_for(
    ids: list[str], told: dict[str, list[Said]], settled: bool
) -> None:
    made = figures(ids, MINUTE_US, told, settled=settled)
    silent = sum(not told.get(key) for key in ids)
    assert made.receivers == len(ids) == made.heard + made.missed + made.waiting
    assert made.waiting == (0 if settled else silent)
    assert made.missed_by.get(NO_REPORT, 0) == (silent if settled else 0)
    assert made.heard == sum(any(one.result in HEARD for one in told.get(key, ())) for key in ids)
    assert max(made.fetched, made.started, made.microphones) <= len(ids)
    assert 0 <= made.played_us <= made.requested_us <= MINUTE_US * len(ids)
    assert (made.reason is None) == (made.missed == 0)


@given(ids=st.lists(st.sampled_from(IDS), unique=True, min_size=1), told=reports, data=st.data())
def test_a_report_that_comes_twice_or_in_another_order_changes_nothing(
    ids: list[str], told: dict[str, list[Said]], data: st.DataObject
) -> None:
    again = {key: data.draw(st.permutations([*ones, *ones])) for key, ones in told.items()}
    plain, doubled = (figures(ids, MINUTE_US, one, settled=True) for one in (told, again))
    for name in ("receivers", "heard", "missed", "started"):
        assert getattr(plain, name) == getattr(doubled, name), name


@given(ids=st.lists(st.sampled_from(IDS), unique=True), told=reports)
def test_a_village_is_the_sum_of_its_receivers(ids: list[str], told: dict[str, list[Said]]) -> None:
    together = figures(ids, MINUTE_US, told, settled=True)
    apart = [figures([key], MINUTE_US, told, settled=True) for key in ids]
    for name in ("receivers", "fetched", "started", "heard", "missed", "microphones", "requested_us", "played_us"):
        assert getattr(together, name) == sum(getattr(one, name) for one in apart), name
    assert together.error_us == worst(one.error_us for one in apart)


@given(parts=st.lists(st.lists(sums, max_size=4), max_size=4))
def test_sums_of_sums_are_the_sum(parts: list[list[Sums]]) -> None:
    flat = [one for some in parts for one in some]
    assert total(total(some) for some in parts) == total(flat)
    assert total(reversed(flat)) == total(flat)


def test_a_microphone_that_heard_nothing_outweighs_the_device() -> None:
    told = {"R0": [Said(result=Result.UNHEARD, started=True, microphone=True, played_us=MINUTE_US)]}
    made = figures(["R0"], MINUTE_US, told, settled=True)
    assert (made.heard, made.missed_by, made.microphones) == (0, {NOT_HEARD_BY_MICROPHONE: 1}, 1)


def test_a_shorter_recording_in_another_language_is_asked_for_no_longer_than_it_is() -> None:
    told = {"R0": [Said(result=Result.HEARD, planned_us=40_000_000, played_us=41_000_000)]}
    made = figures(["R0", "R1"], MINUTE_US, told, settled=True)
    assert (made.requested_us, made.played_us) == (100_000_000, 40_000_000)


def test_levels_are_means_of_power_and_nothing_is_no_level() -> None:
    assert mean_db([-20.0, -20.0, None]) == -20.0
    assert round(mean_db([-20.0, -200.0]) or 0, 2) == -23.01
    assert mean_db([None]) is None
    assert worst([None, -3, 2]) == -3


@given(length=st.sampled_from(Length), day=st.dates(date(2001, 1, 1), date(2198, 12, 31)))
def test_spans_follow_each_other_without_gap_or_overlap(length: Length, day: date) -> None:
    span = span_of(length, day)
    assert day in span
    assert span.after.first == span.end
    assert span.before.end == span.first
    assert all(span_of(length, one) == span for one in (span.first, span.last))
    assert span.first - timedelta(days=1) not in span
    assert sum(1 for _day in span.days()) == (span.end - span.first).days


def test_spans_have_names_for_files() -> None:
    day = date(2027, 1, 2)
    assert [span_of(length, day).key for length in Length] == ["2027-01-02", "2026-W53", "2027-01", "2027"]
    assert span_of(Length.MONTH, date(2026, 12, 31)) == Span(Length.MONTH, date(2026, 12, 1), date(2027, 1, 1))
