from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.people.limits import ADDRESS, LOGIN, PAIR, WINDOW, Limit, subjects, wait_s

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
ages = st.lists(st.integers(0, 3600).map(lambda seconds: NOW - timedelta(seconds=seconds)), max_size=80)
limits = st.sampled_from([PAIR, ADDRESS, LOGIN])


@pytest.mark.parametrize(("failures", "wait"), [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (15, 900), (99, 900)])
def test_each_failure_past_the_free_ones_doubles_the_wait(failures: int, wait: int) -> None:
    assert wait_s(PAIR, [NOW] * failures, NOW) == wait


@given(limit=limits, failures=ages)
def test_nobody_waits_longer_than_the_limits_longest_nor_for_what_is_long_past(
    limit: Limit, failures: list[datetime]
) -> None:
    assert 0 <= wait_s(limit, failures, NOW) <= limit.longest_s
    assert wait_s(limit, failures, NOW + WINDOW) == 0


@given(limit=limits, failures=ages)
def test_after_the_wait_one_may_try(limit: Limit, failures: list[datetime]) -> None:
    assert wait_s(limit, failures, NOW + timedelta(seconds=wait_s(limit, failures, NOW))) == 0


@given(limit=limits, failures=ages, more=ages)
def test_more_failures_never_shorten_the_wait(limit: Limit, failures: list[datetime], more: list[datetime]) -> None:
    assert wait_s(limit, failures + more, NOW) >= wait_s(limit, failures, NOW)


def test_one_household_is_one_address_and_case_is_no_other_login() -> None:
    assert subjects("Lan", "2001:db8:1:2::5").address == subjects("x", "2001:db8:1:2:ffff::1").address
    assert subjects("lan", "2001:db8:1:2::5").address != subjects("lan", "2001:db8:1:3::5").address
    assert subjects("lan", "::ffff:10.0.0.1").address != subjects("lan", "::ffff:10.0.0.2").address
    assert subjects("Lan", "10.0.0.1") == subjects("lan", "10.0.0.1")
    assert max(map(len, (subjects("l" * 500, "a" * 500).address, subjects("l" * 500, "a" * 500).login))) <= 120
