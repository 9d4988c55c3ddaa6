"""From the fields of a new broadcast to what is asked of the service."""

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from broadcast.clock import to_us
from broadcast.wire.documents import AfterCut, Late, QuietHours, Rules
from scheduler.broadcasts.schemas import At, BroadcastOut, Now, Repeat
from scheduler.policy import is_quiet
from web.i18n import translations
from web.pages import repeating, telling
from web.pages.compose_form import (
    ComposeForm,
    asked_when,
    broadcast_in,
    from_broadcast,
    from_request,
    missing_source,
)
from web.pages.present import Present
from web.pages.slots import next_slots

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "missing"),
    [
        (ComposeForm(when=""), {"when"}),
        (ComposeForm(when="slot:yesterday"), {"when"}),
        (ComposeForm(when="at"), {"date", "time"}),
        (ComposeForm(when="at", date="2026-13-01", time="17:00"), {"date"}),
        (ComposeForm(when="at", date="2026-11-23", time="25:00"), {"time"}),
        (ComposeForm(when="repeat", repeat_time=""), {"weekdays", "repeat_time", "until"}),
    ],
)
def test_what_is_missing_is_named_by_its_field(form: ComposeForm, missing: set[str]) -> None:
    asked, errors = asked_when(form, TODAY)
    assert asked is None
    assert set(errors) == missing


def test_a_time_is_asked_for_as_it_was_chosen() -> None:
    assert asked_when(ComposeForm(when="now"), TODAY)[0] == Now()
    assert asked_when(ComposeForm(when="slot:2026-11-23T17:00"), TODAY)[0] == At(starts_local="2026-11-23T17:00")
    at = ComposeForm(when="at", date="2026-11-24", time="05:30")
    assert asked_when(at, TODAY)[0] == At(starts_local="2026-11-24T05:30")
    repeat = ComposeForm(
        when="repeat", weekdays=["SU", "MO"], repeat_time="17:00", until="2026-12-31", exceptions=["2026-12-25", "x"]
    )
    assert asked_when(repeat, TODAY)[0] == Repeat(
        starts_local="2026-11-23T17:00",
        rrule="FREQ=WEEKLY;BYDAY=MO,SU",
        until=date(2026, 12, 31),
        exdates=[date(2026, 12, 25)],
    )


@given(st.sets(st.sampled_from(repeating.WEEKDAYS), min_size=1))
def test_weekdays_come_back_from_their_rule(days: set[str]) -> None:
    assert set(repeating.days_of(repeating.rule(sorted(days))) or ()) == days


def test_a_rule_made_elsewhere_that_says_more_is_not_shown_as_weekdays() -> None:
    assert repeating.days_of("FREQ=MONTHLY;BYMONTHDAY=1") is None
    assert repeating.days_of("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO") is None


@pytest.mark.parametrize(
    ("clash", "order", "start"),
    [
        ("", 0, "2026-11-23T17:00"),
        ("as_planned", 0, "2026-11-23T17:00"),
        ("replace=-3", -3, "2026-11-23T17:00"),
        ("play_after=2026-11-23T17:02:00", 0, "2026-11-23T17:02:00"),
        ("another_time=2026-11-23T18:00:00", 0, "2026-11-23T18:00:00"),
        ("another_time=rubbish", 0, "2026-11-23T17:00"),
        ("replace=rubbish", 0, "2026-11-23T17:00"),
    ],
)
def test_the_chosen_way_out_of_a_clash_is_what_is_saved(clash: str, order: int, start: str) -> None:
    form = ComposeForm(announcement_id="A", zones=["Z"], clash=clash)
    draft = broadcast_in(form, "Z", At(starts_local="2026-11-23T17:00"))
    assert draft.order == order
    assert isinstance(draft.when, At)
    assert draft.when.starts_local == start


def test_what_was_to_play_now_plays_at_the_other_time_that_was_chosen() -> None:
    form = ComposeForm(announcement_id="A", zones=["Z"], clash="play_after=2026-11-23T17:02:00")
    assert broadcast_in(form, "Z", Now()).when == At(starts_local="2026-11-23T17:02:00")
    form.clash = "as_planned"
    assert broadcast_in(form, "Z", Now()).when == Now()


@given(st.dictionaries(st.sampled_from(["source", "when", "cls", "zone", "speed", "text"]), st.text()))
def test_any_form_can_be_read(fields: dict[str, str]) -> None:
    form = from_request(FormData(list(fields.items())))
    assert form.cls in ("normal", "priority")
    assert form.source in ("text", "file", "microphone", "existing")


def test_the_first_step_says_what_it_lacks() -> None:
    assert set(missing_source(ComposeForm(source="text", text=" \n"), has_file=False)) == {"text"}
    assert set(missing_source(ComposeForm(source="file"), has_file=False)) == {"file"}
    assert set(missing_source(ComposeForm(source="microphone"), has_file=False)) == {"recording"}
    assert set(missing_source(ComposeForm(source="existing"), has_file=False)) == {"existing"}
    assert missing_source(ComposeForm(source="file"), has_file=True) == {}


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_offered_slots_are_usual_times_to_come_that_are_not_quiet(now: datetime) -> None:
    rules = Rules(quiet_hours=(QuietHours(start_minute=21 * 60, end_minute=5 * 60 + 30),))
    slots = next_slots(now, rules, 3)
    assert len(slots) == 3
    for slot in slots:
        assert slot > now
        assert slot.time() == time(17, 0)  # 5:00 is quiet here
        assert not is_quiet(rules, to_us(slot))


def _daily(**changes: Any) -> BroadcastOut:
    """A daily one at five, of which Thursday's is cancelled by itself."""
    fields: dict[str, Any] = {
        "id": "01KB3CWZ5M4Q7R8S9TAVBXCYDZ", "zone_id": "01KB3CWZ5M4Q7R8S9TAVBXCYDA", "zone_name": "Xã Trà Leng",
        "announcement_id": "01KB3CWZ5M4Q7R8S9TAVBXCYDB", "title": "Bản tin sáng", "cls": "normal", "origin": "commune",
        "state": "approved", "targets": [], "timezone": "Asia/Ho_Chi_Minh", "starts_local": None, "next_start": None,
        "duration_us": None, "sound_ready": True, "order": -2, "late": "whole", "after_cut": "restart", "window_s": 600,
        "public": True, "author_id": "01KB3CWZ5M4Q7R8S9TAVBXCYDC", "author_name": "Lan", "approver_name": None,
        "return_reason": None, "created_at": NOW, "submitted_at": None, "approved_at": None, "cancelled_at": None,
        "version": 1, "possible": [],
        "when": {
            "kind": "repeat", "starts_local": "2026-11-23T05:00", "rrule": "FREQ=DAILY", "until": "2026-12-31",
            "exdates": ["2026-11-25T22:00:00Z", "2026-12-24"],
        },
    }  # fmt: skip
    return BroadcastOut.model_validate(fields | changes)


def test_an_occurrence_that_was_cancelled_by_itself_is_left_out_on_its_own_local_day() -> None:
    item = _daily()
    show = Present("en", item.timezone, NOW, translations("en"))
    assert "except Thursday 26/11, Thursday 24/12" in telling.when(show, item.when).text
    form = from_broadcast(item)
    assert form.exceptions == ["2026-11-26", "2026-12-24"]
    again, missing = asked_when(form, TODAY)
    assert missing == {}
    assert isinstance(again, Repeat)
    assert again.exdates == [date(2026, 11, 26), date(2026, 12, 24)]


@pytest.mark.parametrize(
    ("rrule", "language", "said"),
    [
        ("FREQ=DAILY;COUNT=5", "vi", "Hằng ngày lúc 05:00, từ Thứ Ba 1/12, 5 lần"),
        ("FREQ=WEEKLY;COUNT=1;BYDAY=TU", "en", "Tuesday at 05:00, from Tuesday 1/12, 1 time"),
        ("FREQ=DAILY;UNTIL=20261203T180000Z", "en", "Every day at 05:00, from Tuesday 1/12 to Friday 4/12"),
    ],
)
def test_a_rule_that_says_itself_when_it_ends_is_told_so(rrule: str, language: str, said: str) -> None:
    item = _daily(when={"kind": "repeat", "starts_local": "2026-12-01T05:00", "rrule": rrule})
    show = Present(language, item.timezone, NOW, translations(language))
    assert telling.when(show, item.when).text == said
    assert from_broadcast(item).weekdays == []


def test_what_the_page_has_no_field_for_stays_when_something_else_is_edited() -> None:
    item = _daily()
    form = from_broadcast(item)
    again, _missing = asked_when(form, TODAY)
    assert again is not None
    kept = broadcast_in(form, item.zone_id, again, item)
    assert (kept.order, kept.late, kept.after_cut, kept.window_s) == (-2, Late.WHOLE, AfterCut.RESTART, 600)
    form.clash = "replace=-3"
    assert broadcast_in(form, item.zone_id, again, item).order == -3


def test_the_days_of_a_rule_that_says_more_are_not_guessed() -> None:
    item = _daily(when={"kind": "repeat", "starts_local": "2026-12-01T05:00", "rrule": "FREQ=MONTHLY;BYMONTHDAY=1"})
    assert from_broadcast(item).weekdays == []


def test_what_comes_once_and_leaves_days_off_out_says_so_and_goes_on_to_when_it_is_edited() -> None:
    item = _daily(when={"kind": "at", "starts_local": "2026-12-01T05:00", "skip_holidays": True})
    show = Present("en", item.timezone, NOW, translations("en"))
    assert telling.when(show, item.when).text.endswith("05:00, not on public holidays")
    again, _missing = asked_when(from_broadcast(item), TODAY)
    assert isinstance(again, At)
    assert broadcast_in(from_broadcast(item), item.zone_id, again, item).when == item.when
    assert broadcast_in(from_broadcast(item), item.zone_id, again).when == again
