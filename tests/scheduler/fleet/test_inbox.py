import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire import topics
from broadcast.wire.documents import ReceiverState
from scheduler.fleet.inbox import MAX_REPORT_BYTES, MAX_STATE_BYTES, Malformed, ReportSaid, StateSaid, read

REPORT = {
    "number": 1,
    "airing_id": "a1",
    "broadcast_id": "b1",
    "outcome": "heard",
    "planned_start_us": 1,
    "planned_duration_us": 1,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def state(**more: object) -> bytes:
    return json.dumps({"online": True, "at_us": 1, **more}).encode()


def report(**more: object) -> bytes:
    return json.dumps(REPORT | more).encode()


def test_a_state_is_read() -> None:
    said = read(topics.state("r1"), state(player="playing"), retained=True)
    assert isinstance(said, StateSaid)
    assert said.receiver_id == "r1"
    assert said.state == ReceiverState(online=True, at_us=1, player="playing")
    assert said.retained


def test_a_state_that_differs_by_its_time_alone_says_the_same() -> None:
    first, second, third = (
        read(topics.state("r1"), payload, retained=False)
        for payload in (state(), state(at_us=2), state(player="playing"))
    )
    assert isinstance(first, StateSaid)
    assert isinstance(second, StateSaid)
    assert isinstance(third, StateSaid)
    assert first.content == second.content != third.content


def test_a_report_is_the_topics_receivers() -> None:
    said = read(topics.reports("r1"), report(), retained=False)
    assert isinstance(said, ReportSaid)
    assert (said.receiver_id, said.report.number) == ("r1", 1)


@pytest.mark.parametrize(
    "more",
    [
        {"number": 0},
        {"underruns": 2**31},
        {"underruns": -1},
        {"start_error_us": 2**60},
        {"start_error_us": 10**40},
        {"rms_dbfs": 1e300},
        {"planned_start_us": -1},
        {"planned_start_us": 2**60},
        {"outcome": "splendid"},
        {"airing_id": "../../etc"},
        {"reason": "a\x00b"},
        {"reason": "x" * 81},
        {"reason": "\ud800"},
        {"media_sha256": "AB" * 32},
        {"clipped_frames": -1},
        {"clipped_frames": 2**60},
        {"heard": {"verdict": "splendid", "correlation": 1}},
        {"heard": {"verdict": "heard", "correlation": 1e300}},
        {"heard": {"verdict": "heard", "correlation": 1, "delay_us": 2**60}},
        {"heard": {"verdict": "heard", "correlation": 1, "level_dbfs": -1e300}},
        {"more": "x" * MAX_REPORT_BYTES},
    ],
)
def test_a_report_that_a_database_could_choke_on_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read(topics.reports("r1"), report(**more), retained=False)


@pytest.mark.parametrize(
    "more",
    [
        {"online": "yes"},
        {"level_dbfs": 1e300},
        {"pending_reports": 10**30},
        {"numbers": {"t": 10**30}},
        {"refused": {str(number): 1 for number in range(100)}},
        {"clock": {"trusted": True, "error_us": 2**60}},
        {"clock": {"trusted": False, "reason": "x" * 41}},
        {"power": {"battery_percent": 1e300}},
        {"signal": {"kind": "lte", "dbm": 1e300}},
        {"signal": {"kind": "lte", "operator": "x" * 61}},
        {"temperature_c": 1e300},
        {"data": {"month_bytes": -1}},
        {"self_test": {"at_us": 1, "heard": {"verdict": "faint", "correlation": 1, "delay_us": 2**60}}},
        {"faults": [{"code": "x", "detail": "\x00"}]},
        {"faults": [{"code": "x"}] * 51},
        {"more": "x" * MAX_STATE_BYTES},
    ],
)
def test_a_state_that_a_database_could_choke_on_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read(topics.state("r1"), state(**more), retained=False)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e999"])
def test_what_is_no_number_is_refused(literal: str) -> None:
    with pytest.raises(Malformed):
        read(topics.state("r1"), f'{{"online":true,"at_us":1,"level_dbfs":{literal}}}'.encode(), retained=False)


@pytest.mark.parametrize(
    "topic", ["", "loa/v1/zones/z1/programme", topics.ack("r1"), topics.settings("r1"), "loa/v1/centre/mark"]
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(Malformed):
        read(topic, state(), retained=False)


@given(
    st.sampled_from([topics.state("r1"), topics.reports("r1")]),
    st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_whatever_bytes_are_read_or_refused(topic: str, payload: bytes) -> None:
    try:
        said = read(topic, payload, retained=False)
    except Malformed:
        return
    assert said.receiver_id == "r1"


@given(st.dictionaries(st.sampled_from(sorted(ReceiverState.__struct_fields__)), JSON, max_size=4))
def test_whatever_fields_are_read_or_refused(more: dict[str, object]) -> None:
    try:
        said = read(topics.state("r1"), state(**more), retained=False)
    except Malformed:
        return
    assert isinstance(said, StateSaid)
