"""How times, spans and measures look."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.i18n import translations
from web.pages.present import DASH, Present, shortened

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def show(language: str = "vi") -> Present:
    return Present(language, "Asia/Ho_Chi_Minh", NOW, translations(language))


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 11, 23, 10, 0, tzinfo=UTC), "Thứ Hai 23/11, 17:00"),
        (datetime(2026, 11, 28, 22, 0, tzinfo=UTC), "Chủ Nhật 29/11, 05:00"),  # the day is the zone's, not UTC's
        (datetime(2027, 1, 1, 0, 0, tzinfo=UTC), "Thứ Sáu 1/1/2027, 07:00"),
    ],
)
def test_a_time_has_its_day_s_name(moment: datetime, said: str) -> None:
    assert show().moment(moment) == said


@pytest.mark.parametrize(
    ("ahead", "vietnamese", "english"),
    [
        (timedelta(seconds=20), "ngay bây giờ", "now"),
        (timedelta(minutes=25), "sau 25 phút nữa", "in 25 minutes"),
        (timedelta(hours=2, minutes=10), "sau 2 giờ 10 phút nữa", "in 2 hours 10 minutes"),
        (timedelta(hours=9), "hôm nay, sau 9 giờ nữa", "today, in 9 hours"),
        (timedelta(hours=21), "ngày mai, sau 21 giờ nữa", "tomorrow, in 21 hours"),
        (timedelta(hours=46), "sau 2 ngày nữa", "in 2 days"),
        (timedelta(days=3), "sau 3 ngày nữa", "in 3 days"),
        (-timedelta(minutes=3), "3 phút trước", "3 minutes ago"),
        (-timedelta(hours=20), "hôm qua", "yesterday"),
    ],
)
def test_how_far_from_now(ahead: timedelta, vietnamese: str, english: str) -> None:
    assert show("vi").from_now(NOW + ahead) == vietnamese
    assert show("en").from_now(NOW + ahead) == english


@pytest.mark.parametrize(
    ("us", "said", "clock"),
    [
        (130_000_000, "2 phút 10 giây", "2:10"),
        (1, "1 giây", "0:00"),
        (0, "0 giây", "0:00"),
        (3_660_000_000, "1 giờ 1 phút", "1:01:00"),
        (None, DASH, DASH),
    ],
)
def test_durations(us: int | None, said: str, clock: str) -> None:
    assert (show().duration(us), show().clock(us)) == (said, clock)


def test_measures_use_the_language_s_comma_and_a_true_minus() -> None:
    vi, en = show("vi"), show("en")
    assert (vi.dbfs(-21.44), en.dbfs(-21.44)) == ("−21,4 dBFS", "−21.4 dBFS")
    assert (vi.error_ms(3_240), vi.error_ms(-40), vi.error_ms(0)) == ("+3,2 ms", "0,0 ms", "0,0 ms")
    assert (vi.size(999), vi.size(1_260_000), vi.size(234_000_000)) == ("999 B", "1,3 MB", "234 MB")


def test_what_was_not_measured_is_a_dash_never_zero() -> None:
    vi = show()
    shown = [vi.dbfs(None), vi.lufs(None), vi.dbtp(None), vi.error_ms(None), vi.ms(None), vi.size(None), vi.time(None)]
    assert {*shown, vi.moment(None), vi.from_now(None), vi.day(None), vi.number(None)} == {DASH}


def test_another_zone_s_time_is_shown_in_its_own_zone() -> None:
    assert show().within("Europe/Berlin").time(NOW) == "02:00"
    assert show().day(date(2026, 11, 24)) == "Thứ Ba 24/11"


@given(st.text(), st.integers(min_value=5, max_value=80))
def test_a_shortened_text_is_one_line_of_bounded_length(text: str, limit: int) -> None:
    line = shortened(text, limit)
    assert len(line) <= limit + 1
    assert "\n" not in line
