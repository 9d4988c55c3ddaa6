"""Quiet hours, local days and inherited rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import QuietHours, Quota, Rules
from scheduler import policy
from scheduler.policy import BadRules, QuietCalendar, RulesOverride, merge, quiet_intervals

MINUTE = 60_000_000
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
PARIS = ZoneInfo("Europe/Paris")
NIGHT = QuietHours(start_minute=21 * 60, end_minute=5 * 60)

quiet_hours = st.builds(
    QuietHours,
    start_minute=st.integers(0, 1439),
    end_minute=st.integers(0, 1440),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)
rules = st.builds(Rules, quiet_hours=st.lists(quiet_hours, max_size=3).map(tuple))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)).map(to_us)  # noqa: DTZ001


def by_wall_clock(rules: Rules, at_us: int, zone: ZoneInfo) -> bool:
    """What the clock on the wall says."""
    wall = from_us(at_us).astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    for quiet in rules.quiet_hours:
        over_midnight = quiet.end_minute <= quiet.start_minute
        before_end = minute < quiet.end_minute
        if wall.weekday() in quiet.weekdays and minute >= quiet.start_minute and (over_midnight or before_end):
            return True
        if (wall.weekday() - 1) % 7 in quiet.weekdays and over_midnight and before_end:
            return True
    return False


@given(rules, moments)
def test_quiet_is_what_the_clock_on_the_wall_says(rules: Rules, at_us: int) -> None:
    assert policy.is_quiet(rules, at_us) == by_wall_clock(rules, at_us, HANOI)


@given(rules, moments)
def test_the_next_quiet_hours_begin_at_the_first_quiet_instant(rules: Rules, at_us: int) -> None:
    next_us = QuietCalendar(rules).next_start(at_us)
    if next_us is None:
        assert not rules.quiet_hours
        return
    assert at_us <= next_us <= at_us + 8 * 24 * 60 * MINUTE
    assert by_wall_clock(rules, next_us, HANOI)
    assert not quiet_intervals(rules, at_us, next_us)


@given(rules, moments, st.integers(0, 20 * 24 * 60), st.data())
def test_quiet_intervals_are_the_quiet_instants_of_the_window(
    rules: Rules, from_us_: int, minutes: int, data: st.DataObject
) -> None:
    to_us_ = from_us_ + minutes * MINUTE
    found = quiet_intervals(rules, from_us_, to_us_)
    assert all(from_us_ <= start < end <= to_us_ for start, end in found)
    assert found == policy.merged(found)
    if from_us_ < to_us_:
        at_us = data.draw(st.integers(from_us_, to_us_ - 1))
        assert any(start <= at_us < end for start, end in found) == policy.is_quiet(rules, at_us)


@given(st.builds(Rules, timezone=st.just("Europe/Paris"), quiet_hours=st.tuples(quiet_hours)), moments)
def test_a_clock_change_makes_no_quiet_minute_loud(rules: Rules, at_us: int) -> None:
    if by_wall_clock(rules, at_us, PARIS):
        assert policy.is_quiet(rules, at_us)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (datetime(2025, 3, 29, 21, tzinfo=PARIS), datetime(2025, 3, 30, 5, tzinfo=PARIS), 7),
        (datetime(2025, 10, 25, 21, tzinfo=PARIS), datetime(2025, 10, 26, 5, tzinfo=PARIS), 9),
    ],
)
def test_a_night_with_a_clock_change_lasts_from_wall_to_wall(start: datetime, end: datetime, hours: int) -> None:
    night = Rules(timezone="Europe/Paris", quiet_hours=(NIGHT,))
    noon_us = to_us(start.replace(hour=12))
    assert quiet_intervals(night, noon_us, to_us(end.replace(hour=12))) == ((to_us(start), to_us(end)),)
    assert to_us(end) - to_us(start) == hours * 60 * MINUTE


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    rules = Rules(timezone="Europe/Paris", quiet_hours=(QuietHours(start_minute=120, end_minute=180),))
    found = quiet_intervals(
        rules, to_us(datetime(2025, 10, 26, tzinfo=PARIS)), to_us(datetime(2025, 10, 27, tzinfo=PARIS))
    )
    assert [(end - start) // MINUTE for start, end in found] == [120]


def test_sunday_s_quiet_hours_reach_into_monday() -> None:
    sunday = Rules(quiet_hours=(QuietHours(start_minute=22 * 60, end_minute=4 * 60, weekdays=(6,)),))
    assert policy.is_quiet(sunday, to_us(datetime(2025, 12, 8, 3, 59, tzinfo=HANOI)))
    assert not policy.is_quiet(sunday, to_us(datetime(2025, 12, 8, 4, 0, tzinfo=HANOI)))
    assert not policy.is_quiet(sunday, to_us(datetime(2025, 12, 7, 3, 0, tzinfo=HANOI)))


def test_equal_start_and_end_silence_the_whole_day() -> None:
    always = Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=0),))
    day = policy.day_bounds("Asia/Ho_Chi_Minh", date(2025, 12, 5))
    assert quiet_intervals(always, *day) == (day,)


@given(moments, st.sampled_from(["Asia/Ho_Chi_Minh", "Europe/Paris", "America/New_York", "Australia/Lord_Howe"]))
def test_an_instant_lies_within_its_local_day(at_us: int, timezone: str) -> None:
    start_us, end_us = policy.day_bounds(timezone, policy.local_day(timezone, at_us))
    assert start_us <= at_us < end_us


def test_a_day_with_a_clock_change_has_23_or_25_hours() -> None:
    for day, hours in ((date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 12, 5), 24)):
        start_us, end_us = policy.day_bounds("Europe/Paris", day)
        assert from_us(end_us) - from_us(start_us) == timedelta(hours=hours)


def test_a_child_inherits_all_that_it_does_not_set() -> None:
    parent = Rules(quiet_hours=(NIGHT,), quota=Quota(sessions_per_day=3, session_us=MINUTE), max_airing_us=5 * MINUTE)
    assert merge(parent, RulesOverride()) == parent
    assert merge(parent, RulesOverride(quiet_hours=())).quiet_hours == ()
    assert merge(parent, RulesOverride(quota_lifted=True)).quota is None
    assert merge(parent, RulesOverride(max_airing_us=MINUTE)).max_airing_us == MINUTE
    assert merge(parent, RulesOverride(timezone="Europe/Paris")).timezone == "Europe/Paris"
    assert merge(parent, RulesOverride(max_airing_us=MINUTE)).quiet_hours == (NIGHT,)


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        *((Rules(timezone=name), "timezone") for name in ("Mars/Olympus", "../../etc/passwd", "Asia", "", "\0")),
        (Rules(quiet_hours=(QuietHours(start_minute=-1, end_minute=300),)), "rules"),
        (Rules(quiet_hours=(QuietHours(start_minute=1440, end_minute=300),)), "rules"),
        (Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=1441),)), "rules"),
        (Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=60, weekdays=(7,)),)), "rules"),
        (Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=60, weekdays=()),)), "quiet_hours"),
        (Rules(quiet_hours=(QuietHours(start_minute=0, end_minute=60, weekdays=(1, 1)),)), "quiet_hours"),
        (Rules(quiet_hours=(NIGHT,) * 33), "rules"),
        (Rules(quota=Quota(sessions_per_day=-1, session_us=1)), "rules"),
        (Rules(max_airing_us=-1), "rules"),
    ],
)
def test_bad_rules_are_refused_by_name(rules: Rules, field: str) -> None:
    with pytest.raises(BadRules) as refusal:
        policy.checked(rules)
    assert refusal.value.field == field


@pytest.mark.parametrize(("text", "minute"), [("0:00", 0), ("05:30", 330), (" 21:00 ", 1260), ("24:00", 1440)])
def test_a_time_of_day_is_read(text: str, minute: int) -> None:
    assert policy.minute_of_day(text) == minute


@pytest.mark.parametrize("text", ["", "5", "5:3", "25:00", "24:01", "12:60", "-1:00", "a:bc", "123:00", "٣:00", "5h30"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadRules, match="quiet_from"):
        policy.minute_of_day(text, "quiet_from")
