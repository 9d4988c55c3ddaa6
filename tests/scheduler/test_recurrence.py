"""Repetition against a day-by-day oracle, and what must be refused."""

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduler.recurrence import MAX_DAYS, MAX_TEXT, BadRecurrence, Recurrence, expand, validate

HANOI = "Asia/Ho_Chi_Minh"
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def days_of(recurrence: Recurrence, holidays: frozenset[date] = frozenset()) -> list[date]:
    zone = ZoneInfo(recurrence.timezone)
    return [moment.astimezone(zone).date() for moment in expand(recurrence, EVER, holidays)]


def weekly(start: datetime, rule: str, until: date | None = None, **more: object) -> Recurrence:
    return Recurrence(start=start, timezone=HANOI, rrule=rule, until=until, **more)  # type: ignore[arg-type] # keywords


def wall(*parts: int) -> datetime:
    """Wall-clock time."""
    return datetime(*parts)  # type: ignore[arg-type] # noqa: DTZ001 -- year, month, day, hour, minute


# --- the oracle ------------------------------------------------------------------------------------------------------


class Rule:
    """A rule as its parts, and whether a day meets it, by the calendar alone."""

    def __init__(
        self, step: str, interval: int, by_day: list[int], by_month_day: list[int], by_month: list[int]
    ) -> None:
        self.step, self.interval = step, interval
        self.by_day, self.by_month_day, self.by_month = by_day, by_month_day, by_month

    def __repr__(self) -> str:
        return self.text()

    def text(self) -> str:
        parts = [f"FREQ={self.step}", f"INTERVAL={self.interval}"]
        parts += [f"BYDAY={','.join(WEEKDAYS[day] for day in self.by_day)}"] if self.by_day else []
        parts += [f"BYMONTHDAY={','.join(map(str, self.by_month_day))}"] if self.by_month_day else []
        parts += [f"BYMONTH={','.join(map(str, self.by_month))}"] if self.by_month else []
        return ";".join(parts)

    def meets(self, day: date, start: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        if self.by_month and day.month not in self.by_month:
            return False
        if self.by_month_day and day.day not in self.by_month_day and day.day - length - 1 not in self.by_month_day:
            return False
        if self.by_day and day.weekday() not in self.by_day:
            return False
        return self.in_step(day, start)

    def in_step(self, day: date, start: date) -> bool:
        free = not self.by_day and not self.by_month_day
        months = (day.year - start.year) * 12 + day.month - start.month
        match self.step:
            case "DAILY":
                return (day - start).days % self.interval == 0
            case "WEEKLY":
                weeks = (day - timedelta(day.weekday()) - start + timedelta(start.weekday())).days // 7
                return weeks % self.interval == 0 and (not free or day.weekday() == start.weekday())
            case "MONTHLY":
                return months % self.interval == 0 and (not free or day.day == start.day)
        same_day = day.day == start.day and (bool(self.by_month) or day.month == start.month)
        return (day.year - start.year) % self.interval == 0 and (not free or same_day)


rules = st.builds(
    Rule,
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]),
    st.integers(1, 4),
    st.lists(st.integers(0, 6), max_size=3, unique=True),
    st.lists(st.integers(-31, 31).filter(bool), max_size=3, unique=True),
    st.lists(st.integers(1, 12), max_size=3, unique=True),
).filter(lambda rule: not (rule.step == "WEEKLY" and rule.by_month_day))  # RFC 5545 has no such rule
starts = st.datetimes(wall(2025, 1, 1), wall(2027, 12, 31)).map(lambda moment: moment.replace(microsecond=0))


@settings(max_examples=200)
@given(rules, starts, st.integers(0, 399), st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.booleans())
@example(Rule("WEEKLY", 1, [6], [], []), wall(2025, 12, 3, 5), 60, set(), set(), False)
@example(Rule("DAILY", 1, [], [], []), wall(2025, 12, 3, 23, 59), 3, {1}, {2}, True)
def test_equals_going_through_the_calendar_day_by_day(  # noqa: PLR0917 -- as it is drawn
    rule: Rule, start: datetime, length: int, exceptions: set[int], holidays: set[int], skip: bool
) -> None:
    first = start.date()
    until = first + timedelta(length)
    excepted = frozenset(first + timedelta(n) for n in exceptions)
    free = frozenset(first + timedelta(n) for n in holidays)
    recurrence = weekly(start, rule.text(), until, exceptions=excepted, skip_holidays=skip)
    calendar_days = (first + timedelta(n) for n in range(length + 1))
    expected = [
        day for day in calendar_days if rule.meets(day, first) and day not in excepted and not (skip and day in free)
    ]
    assert days_of(recurrence, free) == expected
    assert all(m.astimezone(ZoneInfo(HANOI)).time() == start.time() for m in expand(recurrence, EVER, free))


@given(rules, starts, st.integers(0, 399), st.integers(0, 400), st.integers(0, 60))
def test_any_window_shows_the_same(rule: Rule, start: datetime, length: int, skipped: int, days: int) -> None:
    recurrence = weekly(start, rule.text(), start.date() + timedelta(length))
    from_ = start.replace(tzinfo=UTC) + timedelta(skipped)
    to = from_ + timedelta(days)
    everything = list(expand(recurrence, EVER))
    assert list(expand(recurrence, (from_, to))) == [moment for moment in everything if from_ <= moment < to]


# --- one by one ------------------------------------------------------------------------------------------------------


def test_weekly_sunday_plays() -> None:
    recurrence = weekly(wall(2025, 12, 1, 5), "FREQ=WEEKLY;BYDAY=SU;COUNT=2")
    assert days_of(recurrence) == [date(2025, 12, 7), date(2025, 12, 14)]


@pytest.mark.parametrize("rule", ["FREQ=DAILY;UNTIL=20251203", "FREQ=DAILY;UNTIL=20251203T220000", "FREQ=DAILY"])
def test_the_last_day_of_a_range_plays(rule: str) -> None:
    recurrence = weekly(wall(2025, 12, 1, 22), rule, until=date(2025, 12, 3))
    assert days_of(recurrence) == [date(2025, 12, day) for day in (1, 2, 3)]


def test_until_with_a_z_is_an_instant_and_includes_it() -> None:
    at_22_in_hanoi = "FREQ=DAILY;UNTIL=20251203T150000Z"
    assert days_of(weekly(wall(2025, 12, 1, 22), at_22_in_hanoi))[-1] == date(2025, 12, 3)
    assert days_of(weekly(wall(2025, 12, 1, 22, 1), at_22_in_hanoi))[-1] == date(2025, 12, 2)


def test_several_times_a_day() -> None:
    recurrence = weekly(wall(2025, 12, 1, 5, 30), "FREQ=DAILY;BYHOUR=5,17;BYMINUTE=30;COUNT=4")
    times = [m.astimezone(ZoneInfo(HANOI)).strftime("%d %H:%M") for m in expand(recurrence, EVER)]
    assert times == ["01 05:30", "01 17:30", "02 05:30", "02 17:30"]


def test_one_time_of_a_day_can_be_excepted() -> None:
    for exception in (wall(2025, 12, 1, 17), datetime(2025, 12, 1, 10, tzinfo=UTC)):
        recurrence = weekly(wall(2025, 12, 1, 5), "FREQ=DAILY;BYHOUR=5,17;COUNT=3", exceptions=frozenset({exception}))
        assert days_of(recurrence) == [date(2025, 12, 1), date(2025, 12, 2)]


def test_the_last_friday_and_the_second_sunday_of_a_month() -> None:
    start = wall(2025, 12, 1, 5)
    assert days_of(weekly(start, "FREQ=MONTHLY;BYDAY=-1FR;COUNT=2")) == [date(2025, 12, 26), date(2026, 1, 30)]
    assert days_of(weekly(start, "FREQ=MONTHLY;BYDAY=2SU;COUNT=2")) == [date(2025, 12, 14), date(2026, 1, 11)]
    assert days_of(weekly(start, "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=1")) == [date(2025, 12, 31)]


@pytest.mark.parametrize("skips", [True, False])
def test_without_a_rule_there_is_one_occurrence_that_only_a_holiday_takes_away(skips: bool) -> None:
    day = date(2026, 1, 1)
    once = Recurrence(start=wall(2026, 1, 1, 5), timezone=HANOI, skip_holidays=skips, exceptions=frozenset({day}))
    validate(once, [day])
    assert days_of(once) == [day]
    assert days_of(once, frozenset({day})) == ([] if skips else [day])


def test_an_aware_start_is_shown_in_the_zone() -> None:
    recurrence = weekly(datetime(2025, 12, 1, 22, tzinfo=UTC), "FREQ=DAILY;COUNT=1")
    assert list(expand(recurrence, EVER)) == [datetime(2025, 12, 1, 22, tzinfo=UTC)]


def paris(start: datetime, rule: str) -> Iterator[str]:
    moments = expand(Recurrence(start=start, timezone="Europe/Paris", rrule=rule), EVER)
    return (moment.astimezone(ZoneInfo("Europe/Paris")).strftime("%d %H:%M %z") for moment in moments)


def test_wall_clock_time_is_kept_over_a_clock_change() -> None:
    assert list(paris(wall(2025, 3, 29, 5), "FREQ=DAILY;COUNT=2")) == ["29 05:00 +0100", "30 05:00 +0200"]


def test_a_time_that_is_skipped_moves_on_and_one_that_comes_twice_is_the_first() -> None:
    spring = list(paris(wall(2025, 3, 29, 2, 30), "FREQ=DAILY;COUNT=3"))
    assert spring == ["29 02:30 +0100", "30 03:30 +0200", "31 02:30 +0200"]
    autumn = list(paris(wall(2025, 10, 25, 2, 30), "FREQ=DAILY;COUNT=3"))
    assert autumn == ["25 02:30 +0200", "26 02:30 +0200", "27 02:30 +0100"]


def test_times_that_fall_together_count_once_and_in_order() -> None:
    spring = list(paris(wall(2025, 3, 30, 2), "FREQ=DAILY;BYHOUR=2,3;BYMINUTE=15,45;UNTIL=20250330"))
    assert spring == ["30 03:15 +0200", "30 03:45 +0200"]


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("FREQ=DAILY", "never_ends"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "never_ends"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31;COUNT=1", "never_occurs"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=31;COUNT=1", "never_occurs"),
        ("FREQ=DAILY;UNTIL=20251130", "never_occurs"),
        ("FREQ=WEEKLY;BYDAY=SU;UNTIL=20251206", "never_occurs"),
        ("FREQ=DAILY;COUNT=402", "ends_too_late"),
        ("FREQ=YEARLY;COUNT=3", "ends_too_late"),
        ("FREQ=DAILY;UNTIL=20991231", "ends_too_late"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=1", "ends_too_late"),
        ("FREQ=SECONDLY;COUNT=2", "too_frequent"),
        ("FREQ=MINUTELY;COUNT=2", "too_frequent"),
        ("FREQ=HOURLY;COUNT=2", "too_frequent"),
        ("FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6;BYMINUTE=0,1,2,3,4,5,6;COUNT=2", "too_frequent"),
        ("FREQ=DAILY;BYDAY=" + ",".join(["MO"] * 200), "too_long"),
        ("", "malformed"),
        ("every day", "malformed"),
        ("FREQ=DAILY;COUNT=0", "malformed"),
        ("FREQ=DAILY;INTERVAL=0", "malformed"),
        ("FREQ=DAILY;INTERVAL=99999", "malformed"),
        ("FREQ=DAILY;COUNT=2;COUNT=3", "malformed"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20251231", "malformed"),
        ("FREQ=DAILY;UNTIL=20250231", "malformed"),
        ("FREQ=WEEKLY;BYDAY=1MO;COUNT=2", "malformed"),
        ("FREQ=DAILY;BYSETPOS=1;COUNT=2", "malformed"),
        ("FREQ=MONTHLY;BYSETPOS=1,2,3,4,5,6,7,8,9,10,11,12,13;BYDAY=MO;COUNT=2", "malformed"),
        ("FREQ=DAILY;BYEASTER=0;COUNT=2", "malformed"),
        ("FREQ=DAILY;BYSECOND=0,1,2;COUNT=2", "malformed"),
        ("FREQ=DAILY;COUNT=2;", "malformed"),
        ("FREQ=DAILY;COUNT=٢", "malformed"),
        ("DTSTART:20250101T000000\nRRULE:FREQ=DAILY;COUNT=2", "malformed"),
    ],
)
def test_what_cannot_be_is_refused_by_code(rule: str, code: str) -> None:
    with pytest.raises(BadRecurrence) as refusal:
        validate(weekly(wall(2025, 12, 1, 5), rule))
    assert (refusal.value.code, refusal.value.field) == (code, "rrule")


def test_a_repetition_that_holidays_and_exceptions_eat_up_never_occurs() -> None:
    days = [date(2025, 12, 1), date(2025, 12, 2)]
    rule = weekly(wall(2025, 12, 1, 5), "FREQ=DAILY;COUNT=2", exceptions=frozenset(days[:1]), skip_holidays=True)
    validate(rule)
    with pytest.raises(BadRecurrence) as refusal:
        validate(rule, days[1:])
    assert refusal.value.code == "never_occurs"


def test_the_longest_that_may_be_is_allowed() -> None:
    start = wall(2025, 12, 1, 5)
    validate(weekly(start, "FREQ=DAILY", until=start.date() + timedelta(MAX_DAYS)))
    with pytest.raises(BadRecurrence):
        validate(weekly(start, "FREQ=DAILY", until=start.date() + timedelta(MAX_DAYS + 1)))


def test_what_was_never_validated_still_ends() -> None:
    assert len(days_of(weekly(wall(2025, 12, 1, 5), "FREQ=DAILY"))) == MAX_DAYS + 1


names = st.sampled_from(
    ["FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "BYHOUR", "BYYEARDAY"]
)
values = st.one_of(
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY", "MO", "-1SU", "5FR", "20251231", "20260101T050000Z", ""]),
    st.integers(-400, 400).map(str),
    st.lists(st.integers(-31, 31).map(str), max_size=5).map(",".join),
)
parts = st.lists(st.tuples(names, values).map("=".join), max_size=5)
nearly = parts.map(lambda found: ";".join(["FREQ=MONTHLY", *found]))


@given(st.one_of(st.text(max_size=MAX_TEXT + 1), nearly), starts)
def test_any_text_is_either_a_repetition_or_refused(text: str, start: datetime) -> None:
    recurrence = weekly(start, text)
    try:
        validate(recurrence)
    except BadRecurrence:
        return
    found = days_of(recurrence)
    assert found
    assert found == sorted(found)
    assert found[-1] <= start.date() + timedelta(MAX_DAYS)


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2399, 2400, 9000])
def test_the_calendar_far_away_is_the_calendar_here(year: int) -> None:
    recurrence = Recurrence(start=wall(year, 2, 27, 5), timezone="UTC", rrule="FREQ=DAILY;BYDAY=MO,TU;COUNT=6")
    window = (datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    days = (date(year, 2, 27) + timedelta(n) for n in range(60))
    assert [m.date() for m in expand(recurrence, window)] == [day for day in days if day.weekday() <= 1][:6]
