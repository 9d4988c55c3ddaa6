"""Documents keep their meaning over the wire."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.wire.documents import (
    Ack,
    Airing,
    BroadcastClass,
    Fault,
    Late,
    Media,
    MediaProgress,
    PlayReport,
    Programme,
    QuietHours,
    Quota,
    ReceiverSettings,
    ReceiverState,
    Rules,
)

MEDIA = Media(sha256="a" * 64, size_bytes=1, duration_us=1)


us = st.integers(0, 2**53)
ids = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")
levels = st.none() | st.floats(-120, 0)
media = st.builds(
    Media, sha256=st.binary(min_size=32, max_size=32).map(bytes.hex), size_bytes=st.integers(0, 2**40), duration_us=us
)
airings = st.builds(
    Airing,
    id=st.from_regex(r"\A[A-Za-z0-9_.-]{1,96}\Z"),
    broadcast_id=ids,
    start_us=us,
    media=st.lists(media, min_size=1, max_size=3).map(tuple),
    window_us=us,
)
head = {"target": ids, "number": st.integers(1, 2**53), "issued_us": us, "expires_us": us}
rules = st.builds(
    Rules,
    timezone=st.text(max_size=64),
    quiet_hours=st.lists(
        st.builds(
            QuietHours, start_minute=st.integers(0, 1439), end_minute=st.integers(0, 1440), weekdays=st.just((0,))
        )
    ).map(tuple),
    quota=st.none() | st.builds(Quota, sessions_per_day=st.integers(0, 96), session_us=us, gap_us=us),
    max_airing_us=us,
)
written = st.one_of(
    st.builds(Programme, airings=st.lists(airings, max_size=3).map(tuple), **head),
    st.builds(
        ReceiverSettings,
        zone_path=st.lists(ids, min_size=1, max_size=3).map(tuple),
        rules=rules,
        languages=st.just(("vi", "sed-Latn")),
        volume_by_hour=st.lists(st.integers(0, 100), min_size=24, max_size=24).map(tuple),
        fallback=st.none() | media,
        **head,
    ),
    st.builds(
        ReceiverState,
        online=st.booleans(),
        at_us=us,
        player=st.text(max_size=20),
        airing_id=st.none() | ids,
        level_dbfs=levels,
        numbers=st.dictionaries(st.text(), st.integers(), max_size=2),
        ready=st.just(("b" * 12,)),
        media=st.just((MediaProgress(sha256="a" * 64, done_bytes=1, size_bytes=2),)),
        faults=st.builds(Fault, code=st.text(max_size=40), detail=st.text(max_size=200), since_us=us).map(
            lambda f: (f,)
        ),
        refused=st.dictionaries(st.text(), st.integers(), max_size=2),
        cache_bytes=st.integers(0, 2**40),
        free_bytes=st.none(),
        started_us=st.none() | us,
        version=st.text(max_size=40),
    ),
    st.builds(
        PlayReport,
        number=st.integers(1, 2**53),
        airing_id=ids,
        broadcast_id=ids,
        planned_start_us=us,
        planned_duration_us=us,
        start_us=st.none() | us,
        end_us=st.none() | us,
        played_us=us,
        gap_us=us,
        rms_dbfs=levels,
        peak_dbfs=levels,
        media_sha256=st.none(),
        media_ready_us=st.none() | us,
        reason=st.text(max_size=80),
    ),
    st.builds(Ack, number=st.integers(0, 2**53)),
)


@given(written)
def test_what_is_written_is_read(document: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(document), type=type(document)) == document


@given(st.builds(ReceiverState, online=st.just(value=True), at_us=us, level_dbfs=st.just(float("-inf"))))
def test_a_level_that_is_no_number_is_absent_on_the_wire(state: ReceiverState) -> None:
    assert msgspec.json.decode(msgspec.json.encode(state), type=ReceiverState).level_dbfs is None


def test_the_classes_rank_as_the_circular_has_them() -> None:
    falling = sorted(BroadcastClass, key=lambda cls: -cls.rank)
    assert [cls.value for cls in falling] == ["emergency", "priority", "normal", "background"]


def test_the_first_language_there_is_else_the_first_recording() -> None:
    cadong = Media(sha256="b" * 64, size_bytes=1, duration_us=1, language="sed")
    airing = Airing(id="a", broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=0, media=(MEDIA, cadong))
    assert airing.media_for(("sed", "vi")) == cadong
    assert airing.media_for(("vi", "sed")) == MEDIA
    assert airing.media_for(("en",)) == MEDIA
    assert airing.media_for(()) == MEDIA


def test_a_receiver_is_harmless_by_default() -> None:
    airing = Airing(id="a", broadcast_id="b", cls=BroadcastClass.NORMAL, start_us=0, media=(MEDIA,))
    assert (airing.late, airing.window_us, airing.order) == (Late.JOIN, 0, 0)
    assert Rules().max_airing_us == 2 * 3600 * 1_000_000


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (Media, {"sha256": "A" * 64, "size_bytes": 1, "duration_us": 1}),
        (Media, {"sha256": "a" * 64 + "\n", "size_bytes": 1, "duration_us": 1}),
        (Media, {"sha256": "a" * 64, "size_bytes": -1, "duration_us": 1}),
        (Media, {"sha256": "a" * 64, "size_bytes": 1, "duration_us": 1.5}),
        (Media, {"sha256": "a" * 64, "size_bytes": 1, "duration_us": 1, "language": "../vi"}),
        (QuietHours, {"start_minute": 1440, "end_minute": 0}),
        (QuietHours, {"start_minute": 0, "end_minute": 0, "weekdays": [7]}),
        (Quota, {"sessions_per_day": 97, "session_us": 1}),
        (Rules, {"timezone": "x" * 65}),
        (Ack, {"number": -1}),
        (Fault, {"code": "x" * 41}),
        (PlayReport, {"number": 1}),
        (ReceiverState, {"online": "yes", "at_us": 1}),
    ],
)
def test_what_is_out_of_range_is_refused(kind: type[msgspec.Struct], raw: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(raw), type=kind)
