"""Talks from asking to the last word, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from broadcast.clock import to_us
from broadcast.wire.documents import BroadcastClass
from broadcast.wire.now import Purpose
from scheduler.announcements import service as announcements
from scheduler.announcements.models import Recording
from scheduler.announcements.schemas import TextRecording
from scheduler.emergency import service as emergencies
from scheduler.emergency.schemas import ConfirmIn, OrderIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound
from scheduler.fleet.models import StoredReport
from scheduler.live import asking, keeping, repository, service
from scheduler.live.models import LiveEnd, LiveState, LiveTalk
from scheduler.live.service import Change
from scheduler.people.models import AuditEntry
from scheduler.reports.spoken import spoken
from scheduler.rights import Role
from tests.scheduler.live.conftest import KEY, Microphones


def test_from_asking_to_the_last_word(air: Microphones) -> None:
    talk = air.ask(delay_ms=1500, limit_min=2)
    assert (talk.state, talk.may_begin, talk.ahead) == (LiveState.WAITING, True, [])
    assert air.in_force() == ()
    air.commune.dirty()
    begun = air.begin(talk.id)
    assert begun.zone_ids == {air.commune.places.leng}
    assert air.commune.dirty() == {f"loa/v1/zones/{air.commune.places.leng}/now"}
    (session,) = air.in_force()
    assert (session.feed.id, session.feed.key, session.start_us) == (talk.id, KEY, to_us(air.now))
    assert (session.delay_us, session.frames, session.cls) == (1_500_000, None, BroadcastClass.PRIORITY)
    assert session.until_us >= session.start_us + session.delay_us + 123_000_000
    assert air.view(talk.id).speak_at == air.later(3)

    ended = air.end(talk.id, LiveEnd.SPEAKER, at=air.later(60), frames=60 * 48_000)
    assert ended.zone_ids
    (session,) = air.in_force()  # its last words are still to be heard
    assert session.frames == 60 * 48_000
    assert air.tick(air.later(62)) == Change()
    assert air.tick(air.later(67)).zone_ids == {air.commune.places.leng}
    assert air.in_force() == ()
    assert air.audited() == ["live.ask", "live.begin", "live.end"]


def test_who_may_speak(air: Microphones) -> None:
    places = air.commune.places
    with pytest.raises(Forbidden):
        air.ask(by=air.commune.official)
    with pytest.raises(Forbidden):
        air.ask(by=air.commune.leader)
    with pytest.raises(Invalid, match="at least one place"):
        air.ask(zone_ids=[])
    with pytest.raises(Invalid, match="not there"):
        air.ask(zone_ids=["nowhere"])
    talk = air.ask(zone_ids=[places.leng_1])
    with pytest.raises(NotFound):
        air.view(talk.id, by=air.commune.stranger)
    with air.store.reading() as db, pytest.raises(Conflict, match="Somebody else"):
        service.speakable(db, air.commune.official, air.now, talk.id)


def test_equals_wait_and_see_who_is_ahead(air: Microphones, add_person: Any) -> None:
    other = add_person("other", air.commune.places.province, Role.OPERATOR)
    first = air.ask()
    air.begin(first.id)
    second = air.ask(by=other, at=air.later(1), zone_ids=[air.commune.places.leng_2], title="Họp thôn")
    third = air.ask(at=air.later(2), title="Nhắc lại")
    beside = air.ask(at=air.later(3), zone_ids=[air.commune.places.van])
    assert [one.id for one in second.ahead] == [first.id]
    assert [one.id for one in third.ahead] == [first.id, second.id]
    assert beside.may_begin
    with pytest.raises(Conflict, match="Others speak"):
        air.begin(second.id)
    change = air.end(first.id, LiveEnd.SPEAKER, at=air.later(30), frames=1000)
    assert f"live:{second.id}" in change.words
    assert air.view(second.id, at=air.later(30)).may_begin
    assert not air.view(third.id, at=air.later(30)).may_begin
    air.tick(air.later(30 + 61))  # the turn was not taken
    assert air.view(second.id).end_reason is LiveEnd.TURN_MISSED
    assert air.view(third.id, at=air.later(91)).may_begin


def test_who_waits_behind_what_another_commune_hears_is_told_that_and_not_what_it_is(
    air: Microphones, add_person: Any
) -> None:
    places, other = air.commune.places, add_person("other", air.commune.places.province, Role.OPERATOR)
    closed = air.ask(zone_ids=[places.van], title="Họp kín Trà Vân")
    both = air.ask(by=other, at=air.later(1), zone_ids=[places.leng, places.van], cls="normal")
    own = air.view(both.id, by=air.commune.official)
    assert [(one.id, one.title, one.speaker_name, one.state) for one in own.ahead] == [(None, None, None, "waiting")]
    assert not own.may_begin
    assert [one.title for one in air.view(both.id, by=air.commune.stranger).ahead] == ["Họp kín Trà Vân"]
    assert [one.title for one in air.view(both.id, by=other).ahead] == ["Họp kín Trà Vân"]
    air.end(closed.id, LiveEnd.SPEAKER, at=air.later(2))
    air.begin(both.id, at=air.later(3))
    air.begin(air.ask(at=air.later(4), zone_ids=[places.van], title="Họp kín Trà Vân").id, at=air.later(5))
    for person, detail in ((air.commune.official, None), (other, "Họp kín Trà Vân")):
        over = air.view(both.id, by=person)
        assert (over.end_reason, over.end_detail) == (LiveEnd.TAKEN_OVER, detail)


def test_a_lower_class_is_refused_and_a_higher_one_takes_over(air: Microphones) -> None:
    low = air.ask(cls="normal")
    air.begin(low.id)
    high = air.ask(at=air.later(1))
    assert high.may_begin
    assert air.view(low.id).state is LiveState.ON_AIR  # until the other begins
    air.begin(high.id, at=air.later(2))
    ended = air.view(low.id)
    assert (ended.state, ended.end_reason, ended.end_detail) == (LiveState.ENDED, LiveEnd.TAKEN_OVER, "Xã nói chuyện")
    assert [session.feed.id for session in air.in_force()] == [high.id]
    with pytest.raises(Conflict, match="more important"):
        air.ask(at=air.later(3), cls="normal")


def test_an_emergency_in_ones_own_voice_takes_an_order(air: Microphones) -> None:
    with pytest.raises(Invalid, match="issued order"):
        air.ask(cls="emergency")
    with pytest.raises(Conflict, match="No emergency order"):
        air.ask(cls="emergency", order_id="01KB3CWZ5M4Q7R8S9TAVBXCYDZ")
    with pytest.raises(Invalid, match="Only an emergency"):
        air.ask(order_id="01KB3CWZ5M4Q7R8S9TAVBXCYDZ")


def test_with_an_order_it_takes_over_and_ends_with_it(air: Microphones, add_person: Any) -> None:
    places, second = air.commune.places, add_person("second", air.commune.places.province, Role.OPERATOR)
    said = {"parts": [{"kind": "live"}], "zone_ids": [places.leng], "minutes": 3, "reason": "Lũ quét"}
    draft = OrderIn.model_validate(said)
    with air.store.writing() as db:
        order = emergencies.ask(db, air.commune.operator, air.now, Purpose.REAL, draft)
    with pytest.raises(Conflict, match="No emergency order"):  # nobody has confirmed it
        air.ask(cls="emergency", order_id=order.id)
    with air.store.writing() as db:
        typed = ConfirmIn(word="KHẨN CẤP")
        emergencies.confirm(db, second, air.now, order.id, typed, purpose=Purpose.REAL, version=1)
    with pytest.raises(Conflict, match="No emergency order"):
        air.ask(cls="emergency", order_id=order.id, by=second)
    with pytest.raises(Conflict, match="not for all"):
        air.ask(cls="emergency", order_id=order.id, zone_ids=[places.leng_1, places.van])
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    stream: dict[str, Any] = {"kind": "relay", "source_url": "https://stream.example/vov1.mp3"}
    for source in (stream, {"kind": "recorded", "recording_id": recording.id}):
        with pytest.raises(Invalid, match="spoken into the microphone"):
            air.ask(cls="emergency", order_id=order.id, **source)
    usual = air.ask()
    air.begin(usual.id)
    talk = air.ask(cls="emergency", order_id=order.id, zone_ids=[places.leng_1], at=air.later(5))
    assert talk.limit_s == 3 * 60 - 5  # as long as the order
    air.begin(talk.id, at=air.later(6))
    spoken_s = 3 * 60 - 6 - 3 - 2 - 4  # less the opening chime, the delay, and the closing chime
    assert (talk.delay_ms, air.view(talk.id).limit_s) == (2000, spoken_s)
    assert air.view(usual.id).end_reason is LiveEnd.TAKEN_OVER
    assert [session.cls for session in air.in_force(places.leng_1)] == [BroadcastClass.EMERGENCY]
    with air.store.writing() as db:
        emergencies.cancel(db, air.commune.operator, air.later(8), order.id, purpose=Purpose.REAL)
    assert air.tick(air.later(8)).zone_ids == {places.leng_1}
    assert air.view(talk.id).end_reason is LiveEnd.STOPPED
    assert air.in_force(places.leng_1) == ()


def test_stop_all_silences_at_once_what_is_heard_there(air: Microphones) -> None:
    places = air.commune.places
    leng, van = air.ask(zone_ids=[places.leng_1]), air.ask(zone_ids=[places.van])
    waiting = air.ask(at=air.later(1), zone_ids=[places.leng_1])
    air.begin(leng.id)
    air.begin(van.id)
    with air.store.writing() as db:
        change = service.stop_below(db, air.later(5), [f"/{places.province}/{places.leng}/"])
    assert change.zone_ids == {places.leng_1}
    assert air.in_force(places.leng_1) == ()
    assert len(air.in_force(places.van)) == 1
    assert {air.view(one.id).end_reason for one in (leng, waiting)} == {LiveEnd.STOPPED}


def test_stop_all_leaves_what_is_planned_for_later(air: Microphones) -> None:
    places, stream = air.commune.places, "https://stream.example/vov1.mp3"
    relay = air.ask(kind="relay", cls="normal", source_url=stream, starts_at=air.later(600))
    with air.store.writing() as db:
        service.stop_below(db, air.later(5), [f"/{places.province}/"])
    assert air.view(relay.id).state is LiveState.WAITING
    with air.store.writing() as db:
        service.stop_below(db, air.later(600), [f"/{places.province}/"])
    assert air.view(relay.id).end_reason is LiveEnd.STOPPED


def test_what_a_process_that_died_carried_is_over_and_says_so(air: Microphones) -> None:
    talk = air.ask()
    air.begin(talk.id)
    with air.store.writing() as db:
        assert service.alive(db, air.later(8), {talk.id: None, "another": None}) == {"another": LiveEnd.STOPPED}
    assert air.tick(air.later(15)) == Change()
    change = air.tick(air.later(19))
    assert change.zone_ids
    assert air.view(talk.id).end_reason is LiveEnd.CENTRE_LEFT
    assert air.in_force() == ()  # nobody can tell how long it is, so receivers do not wait for more of it


def test_the_limit_holds_also_where_whoever_carries_it_forgets(air: Microphones) -> None:
    talk = air.ask(limit_min=1)
    air.begin(talk.id)
    for second in (20, 40, 60, 75):
        with air.store.writing() as db:
            service.alive(db, air.later(second), {talk.id: None})
    assert not air.tick(air.later(74)).zone_ids
    assert air.tick(air.later(76)).zone_ids
    assert air.view(talk.id).end_reason is LiveEnd.LIMIT


def test_a_recording_plays_at_once_as_a_talk_of_its_own_kind(air: Microphones) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    with pytest.raises(Invalid, match="which recording"):
        air.ask(kind="recorded")
    talk = air.ask(kind="recorded", recording_id=recording.id)
    assert talk.announcement_id == recording.announcement_id
    assert air.tick(air.now).begins == (talk.id,)  # nobody has to press anything
    air.begin(talk.id, frames=960)
    assert air.in_force()[0].frames == 960


def test_a_relay_begins_at_its_time_from_an_allowed_host(air: Microphones) -> None:
    url = "https://stream.example/vov1.mp3"
    for wrong in ("ftp://stream.example/", "https://u:p@stream.example/", "https://[", "nonsense"):
        with pytest.raises(Invalid, match="address"):
            air.ask(kind="relay", source_url=wrong)
    with pytest.raises(Invalid, match="not among them"):
        air.ask(kind="relay", source_url="https://other.example/")
    with pytest.raises(Invalid, match="Only a relay"):
        air.ask(starts_at=air.later(60))
    talk = air.ask(kind="relay", cls="normal", source_url=url, starts_at=air.later(600), limit_min=30)
    assert not talk.may_begin
    assert air.tick(air.later(599)).begins == ()
    assert air.tick(air.later(600)).begins == (talk.id,)
    assert air.tick(air.later(600 + 1801)).begins == ()
    assert air.view(talk.id).end_reason is LiveEnd.TURN_MISSED


STREAM: dict[str, Any] = {"kind": "relay", "cls": "normal", "source_url": "https://stream.example/vov1.mp3"}


@pytest.mark.parametrize("where", ["leng_1", "leng", "province"])
def test_a_talk_ends_no_relay_below_it_and_receivers_are_told_of_both(air: Microphones, where: str) -> None:
    place = getattr(air.commune.places, where)
    relay = air.ask(**STREAM, limit_min=15)
    air.begin(relay.id)
    above = air.ask(at=air.later(60), zone_ids=[place], limit_min=1)
    assert above.may_begin
    air.begin(above.id, at=air.later(61))
    assert air.view(relay.id).state is LiveState.ON_AIR
    sessions = [one for zone_id in {place, air.commune.places.leng} for one in air.in_force(zone_id)]
    assert {(one.feed.id, one.cls) for one in sessions} == {
        (relay.id, BroadcastClass.NORMAL), (above.id, BroadcastClass.PRIORITY)
    }  # fmt: skip
    with air.store.reading() as db:
        assert service.heard_in(db, air.commune.operator, air.later(62), air.commune.places.leng_1).id == above.id
    air.end(above.id, LiveEnd.SPEAKER, at=air.later(121), frames=60 * 48_000)
    with air.store.writing() as db:
        assert service.alive(db, air.later(199), {relay.id: None}) == {}
    air.tick(air.later(200))
    assert [one.feed.id for one in air.in_force()] == [relay.id]


def test_a_relay_begins_while_a_higher_talk_is_heard_in_a_village_of_it(air: Microphones) -> None:
    above = air.ask(zone_ids=[air.commune.places.leng_1])
    air.begin(above.id)
    relay = air.ask(**STREAM, at=air.later(1), starts_at=air.later(1))
    assert relay.may_begin
    assert air.tick(air.later(1)).begins == (relay.id,)
    air.begin(relay.id, at=air.later(2))
    assert {air.view(one.id).state for one in (above, relay)} == {LiveState.ON_AIR}


def test_a_relay_and_a_talk_of_its_own_class_wait_for_each_other(air: Microphones) -> None:
    relay = air.ask(**STREAM)
    air.begin(relay.id)
    equal = air.ask(cls="normal", zone_ids=[air.commune.places.leng_1], at=air.later(1))
    assert [one.id for one in equal.ahead] == [relay.id]


def test_a_relay_is_out_of_the_horns_by_its_planned_end_however_late_it_began(air: Microphones) -> None:
    begins, ends = air.later(600), air.later(600 + 60)
    relay = air.ask(**STREAM, starts_at=begins, limit_min=1, delay_ms=2500)
    air.tick(begins)
    air.begin(relay.id, at=air.later(605.5))
    assert air.view(relay.id).limit_s == 60 - 8
    (session,) = air.in_force()
    assert to_us(ends) - 1_000_000 <= session.until_us <= to_us(ends)
    now_or_never = air.ask(**STREAM, starts_at=begins, limit_min=1, delay_ms=2500, zone_ids=[air.commune.places.van])
    assert air.tick(air.later(656)).begins == (now_or_never.id,)
    assert air.tick(air.later(657)).begins == ()  # nothing of it would be heard in time
    assert air.view(now_or_never.id).end_reason is LiveEnd.TURN_MISSED


def test_a_relay_that_nobody_planned_lasts_as_long_as_was_asked_for(air: Microphones) -> None:
    relay = air.ask(**STREAM, limit_min=1)
    air.begin(relay.id, at=air.later(5))
    assert air.view(relay.id).limit_s == 60


def test_what_begins_by_itself_does_so_once_the_last_words_before_it_are_heard(air: Microphones) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    zone_ids = [air.commune.places.leng_1]
    played: dict[str, Any] = {"kind": "recorded", "recording_id": recording.id, "zone_ids": zone_ids}
    first = air.ask(delay_ms=4000)
    air.begin(first.id)
    second = air.ask(at=air.later(1), delay_ms=600, **played)
    assert air.end(first.id, LiveEnd.SPEAKER, at=air.later(60), frames=60 * 48_000).begins == ()
    assert air.tick(air.later(63)).begins == ()
    assert air.tick(air.later(63.4)).begins == (second.id,)  # its first sample is heard behind the last of the other


def test_elsewhere_and_after_a_stop_nobody_waits_for_last_words(air: Microphones) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    played: dict[str, Any] = {"kind": "recorded", "recording_id": recording.id, "delay_ms": 600}
    for reason, place in ((LiveEnd.SPEAKER, air.commune.places.van), (LiveEnd.STOPPED, air.commune.places.leng)):
        first = air.ask(delay_ms=4000)
        air.begin(first.id)
        air.end(first.id, reason, at=air.later(60), frames=60 * 48_000)
        second = air.ask(at=air.later(60), zone_ids=[place], **played)
        assert air.tick(air.later(60)).begins == (second.id,)
        air.end(second.id, LiveEnd.FAILED, at=air.later(60))
        air.tick(air.later(90))


@pytest.mark.parametrize("reason", [LiveEnd.SPEAKER, LiveEnd.CENTRE_LEFT, LiveEnd.ROLE_TAKEN, LiveEnd.FAILED])
def test_a_recording_that_is_cut_short_is_silent_at_once_and_the_right_one_follows(
    air: Microphones, reason: LiveEnd
) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    wrong = air.ask(kind="recorded", recording_id=recording.id, delay_ms=4000)
    air.begin(wrong.id, frames=600 * 48_000)
    told = air.end(wrong.id, reason, at=air.later(20), frames=600 * 48_000)
    assert (set(told.zone_ids), len(air.in_force())) == ({air.commune.places.leng}, 0)
    right = air.ask(at=air.later(21), kind="recorded", recording_id=recording.id, delay_ms=600)
    assert air.tick(air.later(21)).begins == (right.id,)
    with air.store.reading() as db:
        (ended,) = db.exec(select(AuditEntry).where(AuditEntry.action == "live.end"))
        (begun,) = spoken(db, air.now, air.later(21))
    assert (ended.detail["seconds"], begun.duration_us) == (20.0, 20_000_000)


def test_a_recording_that_was_played_to_its_end_is_let_out(air: Microphones) -> None:
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    talk = air.ask(kind="recorded", recording_id=recording.id, delay_ms=4000)
    air.begin(talk.id, frames=20 * 48_000)
    air.end(talk.id, LiveEnd.FINISHED, at=air.later(24), frames=20 * 48_000)
    assert [session.frames for session in air.in_force()] == [20 * 48_000]
    air.tick(air.later(29))
    assert air.in_force() == ()


def test_silence_is_told_once(air: Microphones) -> None:
    talk = air.ask()
    air.begin(talk.id)
    with air.store.writing() as db:
        assert service.warn(db, air.now, talk.id, silent=True).words == {f"live:{talk.id}"}
        assert service.warn(db, air.now, talk.id, silent=True) == Change()
    assert air.view(talk.id).silent


def test_the_delay_follows_what_receivers_reported(air: Microphones) -> None:
    talk = air.ask(zone_ids=[air.commune.places.leng])
    air.begin(talk.id)
    with air.store.writing() as db:
        db.add(
            StoredReport(
                receiver_id=f"R{air.commune.places.leng_1[1:]}", number=1, airing_id=f"live.{talk.id}",
                broadcast_id=talk.id, outcome="heard", planned_start_at=air.now, planned_duration_us=60_000_000,
                played_us=60_000_000, gap_us=0, underruns=0, chunks=250, late_chunks=25, received_at=air.now,
            )
        )  # fmt: skip
    air.end(talk.id, LiveEnd.SPEAKER, at=air.later(60))
    assert (talk.delay_ms, talk.bitrate_bps) == (2000, 24_000)
    assert air.ask(at=air.later(90)).delay_ms == 3000
    assert air.ask(at=air.later(90), zone_ids=[air.commune.places.van]).delay_ms == 2000
    with air.store.reading() as db:
        told = asking.advice(db, air.later(90), [f"/{air.commune.places.province}/"])
    assert (told.delay_ms, told.late_ratio, told.receivers) == (3000, 0.1, 1)


def test_what_went_on_the_air_is_kept_once_and_for_a_time(air: Microphones) -> None:
    talk = air.ask()
    air.begin(talk.id)
    air.end(talk.id, LiveEnd.SPEAKER, at=air.later(60), frames=100)
    with air.store.writing() as db:
        made = keeping.OffAir("ab" * 32, 1000, 60_000_000)
        announcement = keeping.keep(db, air.later(61), talk.id, made, 30)
        assert announcement is not None
        assert keeping.keep(db, air.later(61), talk.id, made, 30) is None
        held = db.get_one(LiveTalk, talk.id)
        assert (held.announcement_id, held.keep_until) == (announcement.id, air.later(61) + timedelta(days=30))


def test_only_a_talk_in_its_own_time_can_begin(air: Microphones) -> None:
    talk = air.ask()
    air.begin(talk.id)
    with pytest.raises(Conflict, match="begun already"):
        air.begin(talk.id)
    air.end(talk.id, LiveEnd.SPEAKER, at=air.later(5))
    with pytest.raises(Conflict, match="begun already"):
        air.begin(talk.id)
    assert air.end(talk.id, LiveEnd.GONE, at=air.later(9)) == Change()  # the first end counts
    assert air.view(talk.id).end_reason is LiveEnd.SPEAKER
    with air.store.reading() as db:
        assert repository.get(db, talk.id, lock=False) == db.get(LiveTalk, talk.id)


def test_what_is_to_be_played_stays_as_it_was_listened_to_until_that_is_over(air: Microphones) -> None:
    """An operator asks and waits behind another talk; an editor of the commune has other words for it meanwhile."""
    with air.store.reading() as db:
        recording = db.exec(select(Recording)).one()
    air.begin(air.ask().id)
    talk = air.ask(at=air.later(1), kind="recorded", recording_id=recording.id, title="Lời Chủ tịch")
    other = TextRecording(text="Lời khác hẳn.")

    def edit(db: Session) -> None:
        announcements.edit_text(db, air.commune.official, air.now, recording.id, other, version=1)

    def delete(db: Session) -> None:
        announcements.delete(db, air.commune.official, air.now, recording.announcement_id, version=1)

    for act in (edit, delete):
        with pytest.raises(Conflict, match="Lời Chủ tịch plays this announcement live"), air.store.writing() as db:
            act(db)
    with air.store.reading() as db:
        assert db.get_one(LiveTalk, talk.id).sha256 == recording.sha256
    air.end(talk.id, LiveEnd.SPEAKER, at=air.later(5))
    with air.store.writing() as db:
        edit(db)
        assert db.get_one(LiveTalk, talk.id).sha256 == recording.sha256
