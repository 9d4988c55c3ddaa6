from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from scheduler.errors import Invalid
from scheduler.fleet.schemas import ReceiverChange
from web.pages import receiver_form
from web.pages.receiver_form import change_of, own_fields, volume_of, volume_rows

HOURS = st.lists(st.integers(0, 100), min_size=24, max_size=24)


@given(HOURS | HOURS.map(lambda hours: hours[:1] * 24))
def test_the_volume_of_a_day_survives_the_form(hours: list[int]) -> None:
    assert volume_of([(str(hour), str(percent)) for hour, percent in volume_rows(hours)]) == hours


@given(HOURS)
def test_rows_stand_only_where_something_changes(hours: list[int]) -> None:
    rows = volume_rows(hours)
    assert len(rows) == max(1, sum(hours[hour] != hours[hour - 1] for hour in range(24)))


def test_the_last_row_holds_through_the_night() -> None:
    assert volume_of([("21", "40"), ("", ""), ("5", "80")]) == [40] * 5 + [80] * 16 + [40] * 3
    assert volume_of([("", " ")]) is None


@pytest.mark.parametrize(
    "rows", [[("5", "")], [("", "80")], [("5", "80"), ("5", "70")], [("24", "5")], [("5", "loud")]]
)
def test_half_a_row_is_refused(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as refused:
        volume_of(rows)
    assert refused.value.field == "volume"


def form(**fields: str) -> FormData:
    return FormData(list(({"name": "Loa"} | fields).items()))


def test_numbers_are_written_as_people_do() -> None:
    asked = form(latitude="15,25", lead_s="0,3", tail_s="5.5", self_test_level_dbfs="\u221230", self_test_at="05:45")
    change = ReceiverChange.model_validate(change_of(asked))
    assert (change.latitude, change.amplifier_lead_ms, change.amplifier_tail_ms) == (15.25, 300, 5500)
    assert (change.self_test_level_dbfs, change.self_test_at, change.month_budget_mb) == (-30.0, "05:45", None)


@pytest.mark.parametrize("seconds", ["11", "-1", "soon", "nan", "inf", "1e999"])
def test_seconds_that_are_none_are_refused_beside_their_field(seconds: str) -> None:
    with pytest.raises(Invalid) as refused:
        change_of(form(lead_s=seconds))
    assert refused.value.field == "lead_s"


def test_rows_of_messages_that_are_empty_are_none() -> None:
    rows: list[tuple[str, Any]] = [
        *(("message_name", name) for name in ("fire", "", " ")),
        *(("message_recording", recording) for recording in ("R1", "", "R2")),
        *(("message_class", "priority") for _row in range(3)),
    ]
    asked = change_of(FormData([("name", "Loa"), *rows]))["messages"]
    assert [(message["name"], message["recording_id"]) for message in asked] == [("fire", "R1"), ("", "R2")]
    assert len(receiver_form.typed(FormData(rows))["messages"]) == 2 + receiver_form.SPARE_ROWS


def test_errors_stand_beside_the_fields_of_the_form() -> None:
    errors = {"messages.0.name": "first", "messages.1.name": "second", "volume_by_hour.7": "loud", "code": "taken"}
    assert own_fields(errors) == {"messages": "first", "volume": "loud", "code": "taken"}
