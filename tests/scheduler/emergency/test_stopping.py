"""STOP ALL: what it silences, what it leaves, who may."""

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from broadcast.clock import to_us
from broadcast.wire import topics
from broadcast.wire.documents import BroadcastClass
from broadcast.wire.now import Purpose
from scheduler.emergency import service
from scheduler.emergency.life import State
from scheduler.emergency.schemas import WORDS, ConfirmIn
from scheduler.emergency.stopping import MAX_STOPS
from scheduler.errors import Conflict, Forbidden, NotFound, TooMany
from scheduler.live.models import LiveKind, LiveState, LiveTalk, LiveTarget
from scheduler.people import trail
from scheduler.people.models import User


def test_everything_at_and_below_the_place_is_over(desk: Any) -> None:
    places = desk.places
    orders = [desk.issued(desk.draft(zones=[zone_id])) for zone_id in (places.leng, places.leng_1)]
    elsewhere = desk.issued(desk.draft(zones=[places.van]))
    desk.dirty()
    done = desk.stopped(places.leng)
    below = {places.leng, places.leng_1, places.leng_2}
    assert (set(done.zone_ids), set(done.cancelled)) == (below, {order.id for order in orders})
    assert desk.dirty() == {topics.now(zone_id) for zone_id in below}
    for zone_id in below:
        assert (desk.says(zone_id).stop_us, desk.sounding(zone_id)) == (to_us(desk.clock.now()), [])
    assert (desk.says(places.van).stop_us, desk.sounding(places.van)) == (0, [elsewhere.id])
    assert desk.audit()[-1] == ("stop_all", desk.official.user_id)


def test_who_stopped_what_where_and_when_is_in_the_record(desk: Any) -> None:
    order = desk.issued()
    desk.later(seconds=1)
    desk.stopped(desk.places.leng)
    entry = desk.noted()
    assert (entry.user_id, entry.action, entry.at) == (desk.official.user_id, "stop_all", desk.clock.now())
    assert (entry.subject, entry.zone_path) == (
        f"zone:{desk.places.leng}", f"/{desk.places.province}/{desk.places.leng}/",
    )  # fmt: skip
    assert entry.detail == {"reason": "", "orders": [order.id], "where": ["Trà Leng"]}


def test_whose_zones_fell_silent_reads_of_it_though_it_was_said_above_them(desk: Any) -> None:
    desk.stopped(desk.places.province, by=desk.operator)
    desk.stopped(desk.places.van, by=desk.operator)
    asked = trail.Asked(action="stop_all", zone_id=desk.places.leng)
    with desk.store.reading() as db:
        (seen,) = trail.page(db, desk.local, desk.clock.now(), asked)
    assert seen.subject == f"zone:{desk.places.province}"


def test_what_sounds_elsewhere_too_goes_on_there(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng_1, places.van_1]))
    desk.stopped(places.leng)
    assert (desk.sounding(places.leng_1), desk.sounding(places.van_1)) == ([], [order.id])
    shown = desk.shown(order.id)
    assert (shown.state, [target.ended_at is not None for target in shown.targets].count(True)) == (State.ISSUED, 1)
    desk.stopped(places.province, by=desk.operator)
    assert desk.shown(order.id).state is State.CANCELLED


def test_what_a_zone_above_sends_goes_on_and_is_named(desk: Any) -> None:
    order = desk.issued(desk.draft(zones=[desk.places.province]))
    _on_air(desk, desk.places.province, by=desk.second.user_id)
    with desk.store.writing() as db:
        db.get_one(User, desk.second.user_id).phone = "0905 123 456"
    done = desk.stopped(desk.places.leng_1, desk.places.leng)
    assert (done.cancelled, desk.sounding(desk.places.province)) == ([], [order.id])
    emergency, talk = done.above
    assert (emergency.kind, emergency.id, emergency.title) == ("real", order.id, "Còi báo động: lên xuống, Lũ quét")
    assert [(one.name, one.phone) for one in emergency.contacts] == [("Operator", None), ("Second", "0905 123 456")]
    assert (talk.kind, talk.id, talk.title, talk.places) == ("live", "T1", "Chủ tịch nói", emergency.places)
    assert [one.name for one in talk.contacts] == ["Second"]
    assert desk.stopped(desk.places.province, desk.places.leng, by=desk.operator).above == []


def test_what_is_only_asked_for_waits_on_and_can_sound_after(desk: Any) -> None:
    asked = desk.asked()
    desk.stopped(desk.places.leng)
    desk.later(milliseconds=1)
    desk.confirmed(asked)
    said = desk.says(desk.places.leng)
    assert said.orders[0].start_us > said.stop_us


def test_an_instant_of_silence_never_goes_back(desk: Any) -> None:
    desk.stopped(desk.places.leng)
    later_us = desk.says(desk.places.leng).stop_us
    desk.later(minutes=-1)
    desk.stopped(desk.places.leng)
    assert desk.says(desk.places.leng).stop_us == later_us


def _on_air(desk: Any, zone_id: str, *, by: str) -> None:
    """Somebody speaks live there, in talk T1."""
    with desk.store.writing() as db:
        talk = LiveTalk(
            id="T1", zone_id=zone_id, kind=LiveKind.MICROPHONE, state=LiveState.ON_AIR, title="Chủ tịch nói",
            speaker_id=by, delay_ms=2000, bitrate_bps=24_000, limit_s=600, start_us=1, key="k" * 43,
            asked_at=desk.clock.now(), starts_at=desk.clock.now(), began_at=desk.clock.now(),
            urls=["http://127.0.0.1/live/T1"],
        )  # fmt: skip
        talk.cls = BroadcastClass.PRIORITY
        db.add(talk)
        db.flush()
        db.add(LiveTarget(talk_id="T1", zone_id=zone_id))


def test_live_talks_are_over_too(desk: Any) -> None:
    _on_air(desk, desk.places.leng_1, by=desk.official.user_id)
    assert len(desk.says(desk.places.leng_1).sessions) == 1
    desk.stopped(desk.places.leng)
    with desk.store.reading() as db:
        assert db.get_one(LiveTalk, "T1").state is LiveState.ENDED


def test_who_may_stop_where(desk: Any) -> None:
    for zone_id in (desk.places.van, desk.places.province):
        with pytest.raises(Forbidden):
            desk.stopped(desk.places.leng, zone_id)
    with pytest.raises(NotFound):
        desk.stopped("nowhere")
    assert desk.says(desk.places.leng).stop_us == 0


def test_a_flood_of_stops_is_refused_and_one_with_many_zones_is_one_act(desk: Any) -> None:
    for _one in range(MAX_STOPS):
        desk.stopped(desk.places.leng_1, desk.places.leng_2)
        desk.later(milliseconds=1)
    with pytest.raises(TooMany):
        desk.stopped(desk.places.leng_1)
    assert desk.stopped(desk.places.leng_1, by=desk.operator).zone_ids == [desk.places.leng_1]


def test_the_documents_of_the_named_zones_go_first_and_of_those_outside_that_a_talk_was_heard_in(desk: Any) -> None:
    _on_air(desk, desk.places.leng_1, by=desk.official.user_id)
    with desk.store.writing() as db:
        db.add(LiveTarget(talk_id="T1", zone_id=desk.places.van_1))
    assert desk.stopped(desk.places.leng).silenced_by == [desk.places.leng, desk.places.van_1]


def test_an_order_that_is_being_confirmed_as_the_stop_comes_is_stopped_too(desk: Any) -> None:
    order, word = desk.asked(), ConfirmIn(word=WORDS[Purpose.REAL])
    with ThreadPoolExecutor(1) as other:
        with desk.store.writing() as db:
            service.confirm(
                db, desk.second, desk.clock.now(), order.id, word, purpose=Purpose.REAL, version=order.version
            )
            stopping = other.submit(desk.stopped, desk.places.leng)
            wait([stopping], timeout=1)  # it has read what it can by then
        assert stopping.result().cancelled == [order.id]
    assert desk.sounding(desk.places.leng) == []


def test_a_clock_that_was_set_back_puts_no_order_before_the_stop_that_would_silence_it(desk: Any) -> None:
    places = desk.places
    desk.stopped(places.leng)
    stop_us = to_us(desk.clock.now())
    desk.later(seconds=-5)
    order = desk.issued()
    (said,) = desk.says(places.leng).orders
    assert (said.id, said.start_us) == (order.id, stop_us)
    desk.cancelled(order)
    desk.later(minutes=-1)
    with pytest.raises(Conflict) as refused:
        desk.issued()
    assert refused.value.code == "clock_set_back"
    elsewhere = desk.issued(desk.draft(zones=[places.van]))
    assert desk.sounding(places.van) == [elsewhere.id]
