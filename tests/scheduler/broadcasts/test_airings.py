from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import AfterCut, BroadcastClass, Late, Media
from scheduler.announcements.models import Recording, RecordingState, Source
from scheduler.broadcasts import airings
from scheduler.broadcasts.models import Broadcast

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
MINUTE_US = 60_000_000
SOUND = (Media(sha256="a" * 64, size_bytes=10, duration_us=2 * MINUTE_US),)


def broadcast(cls_: BroadcastClass = BroadcastClass.NORMAL, **values: Any) -> Broadcast:
    usual: dict[str, Any] = {
        "id": "B1",
        "zone_id": "z",
        "announcement_id": "a",
        "state": "approved",
        "starts_local": "2026-11-23T17:00:00",
        "timezone": "Asia/Ho_Chi_Minh",
        "author_id": "u",
        "created_at": NOW,
        "approved_at": NOW,
    }
    made = Broadcast(**usual | values)
    made.cls = cls_
    return made


def window(days: float, start: datetime = NOW) -> tuple[int, int]:
    return to_us(start), to_us(start + timedelta(days=days))


def recording(id_: str, language: str, state: RecordingState) -> Recording:
    return Recording(
        id=id_, announcement_id="a", language=language, source=Source.FILE, state=state, sha256="b" * 64,
        size_bytes=5, duration_us=7, created_at=NOW + timedelta(microseconds=int(id_)),
    )  # fmt: skip


def test_the_local_time_becomes_an_instant_and_its_id() -> None:
    [airing] = airings.airings_of(broadcast(), SOUND, window(1))
    assert from_us(airing.start_us) == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    assert airing.id == f"B1.{airing.start_us}"
    assert airings.start_of(airing.id) == from_us(airing.start_us)


def test_what_still_runs_when_the_window_opens_belongs_to_it() -> None:
    opens = datetime(2026, 11, 23, 10, 1, 59, tzinfo=UTC)
    assert len(airings.airings_of(broadcast(), SOUND, window(1, opens))) == 1
    assert airings.airings_of(broadcast(), SOUND, window(1, opens + timedelta(seconds=1))) == []


def test_without_sound_nothing_is_aired() -> None:
    assert airings.airings_of(broadcast(), (), window(1)) == []


def test_an_immediate_broadcast_without_a_start_is_not_aired() -> None:
    assert airings.airings_of(broadcast(immediate=True, starts_local=None), SOUND, window(1)) == []


def test_only_produced_recordings_are_aired_in_the_order_of_their_making() -> None:
    found = airings.media_of(
        [
            recording("3", "xtd", RecordingState.READY),
            recording("1", "vi", RecordingState.READY),
            recording("2", "en", RecordingState.PRODUCING),
        ]
    )
    assert [media.language for media in found] == ["vi", "xtd"]


def test_a_repetition_leaves_out_exceptions_and_holidays() -> None:
    daily = broadcast(rrule="FREQ=DAILY", until_local="2026-11-29", exdates=["2026-11-25"], skip_holidays=True)
    days = [from_us(a.start_us).day for a in airings.airings_of(daily, SOUND, window(30), {date(2026, 11, 27)})]
    assert days == [23, 24, 26, 28, 29]


def test_an_exception_may_be_one_of_two_occurrences_of_a_day() -> None:
    twice = broadcast(
        starts_local="2026-11-23T05:00:00",
        rrule="FREQ=DAILY;BYHOUR=5,17;COUNT=4",
        exdates=["2026-11-23T10:00:00+00:00"],
    )
    found = airings.airings_of(twice, SOUND, window(30, NOW - timedelta(days=1)))
    assert [from_us(a.start_us).strftime("%d %H") for a in found] == ["22 22", "23 22", "24 10"]


def test_five_o_clock_stays_five_o_clock_over_a_clock_change() -> None:
    berlin = broadcast(
        timezone="Europe/Berlin", starts_local="2026-10-24T05:00:00", rrule="FREQ=DAILY;COUNT=2", approved_at=NOW
    )
    start = datetime(2026, 10, 20, tzinfo=UTC)
    assert [from_us(a.start_us).hour for a in airings.airings_of(berlin, SOUND, window(30, start))] == [3, 4]


def test_policies_go_with_the_airing() -> None:
    whole = broadcast(late=Late.WHOLE, after_cut=AfterCut.DROP, window_s=90, order=-3, cls_=BroadcastClass.PRIORITY)
    [airing] = airings.airings_of(whole, SOUND, window(1))
    assert (airing.late, airing.after_cut, airing.window_us) == (Late.WHOLE, AfterCut.DROP, 90_000_000)
    assert (airing.order, airing.cls) == (-3, BroadcastClass.PRIORITY)
    assert airings.end_us(airing) == airing.start_us + 2 * MINUTE_US + 90_000_000


def test_over_once_the_last_occurrence_has_sounded() -> None:
    end = datetime(2026, 11, 23, 10, 2, tzinfo=UTC)
    assert not airings.over(broadcast(), SOUND, end - timedelta(microseconds=1))
    assert airings.over(broadcast(), SOUND, end)
    weekly = broadcast(rrule="FREQ=WEEKLY;COUNT=2")
    assert not airings.over(weekly, SOUND, end)
    assert airings.over(weekly, SOUND, end + timedelta(days=7))


def test_a_broadcast_whose_sound_never_comes_is_over_after_an_hour() -> None:
    waiting = broadcast(immediate=True, starts_local=None)
    assert not airings.over(waiting, (), NOW + timedelta(hours=1))
    assert airings.over(waiting, (), NOW + timedelta(hours=1, seconds=1))
    planned = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    assert not airings.over(broadcast(), (), planned + timedelta(minutes=59))
    assert airings.over(broadcast(), (), planned + timedelta(hours=1))


def test_local_text_rounds_a_part_of_a_second_up() -> None:
    assert airings.local_text(NOW, "Asia/Ho_Chi_Minh") == "2026-11-23T08:00:00"
    assert airings.local_text(NOW + timedelta(microseconds=1), "Asia/Ho_Chi_Minh") == "2026-11-23T08:00:01"


@given(st.integers(0, 20), st.integers(1, 10 * 24 * 60), st.integers(0, 10 * 24 * 60))
def test_any_window_shows_the_part_of_the_whole_that_lies_in_it(count: int, length_min: int, offset_min: int) -> None:
    daily = broadcast(rrule=f"FREQ=DAILY;BYHOUR=5,17;COUNT={count + 1}")
    start_us = to_us(NOW) + offset_min * MINUTE_US
    end_us = start_us + length_min * MINUTE_US
    whole = airings.airings_of(daily, SOUND, window(40))
    inside = [a for a in whole if airings.end_us(a) > start_us and a.start_us < end_us]
    assert airings.airings_of(daily, SOUND, (start_us, end_us)) == inside
