"""From the fields of a new broadcast to what is asked of the service."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from broadcast.clock import to_us
from broadcast.wire.documents import QuietHours, Rules
from scheduler.broadcasts.schemas import At, Now, Repeat
from scheduler.policy import is_quiet
from web.pages import repeating
from web.pages.compose_form import ComposeForm, asked_when, broadcast_in, from_request, missing_source
from web.pages.slots import next_slots

TODAY = date(2026, 11, 23)


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
