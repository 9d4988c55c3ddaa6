"""A drill, an emergency and a test are never one another, whatever is asked for."""

from itertools import product
from typing import Any

import pytest

from broadcast.wire.now import Purpose
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.emergency import service
from scheduler.emergency.models import OrderSound
from scheduler.errors import Forbidden, Invalid, NotFound
from scheduler.fleet.repository import is_produced

REAL, DRILL, TEST = "flash-flood.1", "drill-flash-flood.1", "test-announcement.1"
OF = {REAL: Purpose.REAL, DRILL: Purpose.DRILL, TEST: Purpose.TEST}


@pytest.mark.parametrize(("bank_id", "purpose"), list(product(OF, (Purpose.REAL, Purpose.DRILL))))
def test_a_message_goes_only_into_an_order_of_its_own_purpose(desk: Any, bank_id: str, purpose: Purpose) -> None:
    draft = desk.draft(bank_id)
    if OF[bank_id] is purpose:
        assert desk.asked(draft, purpose=purpose).purpose is purpose
    else:
        with pytest.raises(Invalid) as refused:
            desk.asked(draft, purpose=purpose)
        assert refused.value.code == "wrong_purpose"


def test_one_message_of_another_purpose_among_others_is_enough(desk: Any) -> None:
    with pytest.raises(Invalid):
        desk.asked(desk.draft(DRILL, DRILL, REAL), purpose=Purpose.DRILL)


@pytest.mark.parametrize("sent", [Purpose.REAL, Purpose.DRILL, Purpose.TEST])
def test_a_purpose_that_is_sent_must_be_the_address_s(desk: Any, sent: Purpose) -> None:
    draft = desk.draft(DRILL, purpose=sent)
    if sent is Purpose.DRILL:
        assert desk.asked(draft, purpose=Purpose.DRILL).purpose is Purpose.DRILL
    else:
        with pytest.raises(Invalid, match="messages of their own"):
            desk.asked(draft, purpose=Purpose.DRILL)


def test_a_drill_takes_its_own_word_and_its_own_right(desk: Any) -> None:
    asked = desk.asked(desk.draft(DRILL), purpose=Purpose.DRILL)
    with pytest.raises(Invalid, match="DIỄN TẬP"):
        desk.confirmed(asked, word="KHẨN CẤP")
    done = desk.confirmed(asked)
    (order,) = desk.says(desk.places.leng).orders
    assert (done.word, order.purpose) == ("DIỄN TẬP", Purpose.DRILL)
    with pytest.raises(Forbidden):
        desk.asked(desk.draft(DRILL), purpose=Purpose.DRILL, by=desk.leader)


@pytest.mark.parametrize("act", ["get", "cancel", "withdraw"])
def test_a_drill_is_not_there_under_the_address_of_emergencies(desk: Any, act: str) -> None:
    asked = desk.asked(desk.draft(DRILL), purpose=Purpose.DRILL)
    with desk.store.writing() as db, pytest.raises(NotFound):
        getattr(service, act)(db, desk.operator, desk.clock.now(), asked.id, purpose=Purpose.REAL)


def test_a_text_in_a_drill_is_spoken_between_two_drill_calls(desk: Any) -> None:
    text = {"kind": "text", "text": "Nước lên nhanh."}
    drill = desk.asked(desk.draft(text), purpose=Purpose.DRILL).parts[0]
    assert drill.text == "Diễn tập, diễn tập.\nNước lên nhanh.\nDiễn tập, diễn tập."
    assert desk.asked(desk.draft(text)).parts[0].text == "Nước lên nhanh."


def test_sounds_of_unknown_words_are_not_for_drills(desk: Any) -> None:
    recording_id = recorded(desk, RecordingState.READY)
    for part in ({"kind": "recording", "id": recording_id}, {"kind": "live"}):
        with pytest.raises(Invalid) as refused:
            desk.asked(desk.draft(part), purpose=Purpose.DRILL)
        assert refused.value.code == "not_in_a_drill"
        assert desk.asked(desk.draft(part)).parts[0].kind == part["kind"]


def test_a_recording_sounds_as_it_was_when_it_was_asked_for(desk: Any) -> None:
    recording_id = recorded(desk, RecordingState.READY)
    asked = desk.asked(desk.draft({"kind": "recording", "id": recording_id}))
    with desk.store.writing() as db:
        db.get_one(Recording, recording_id).sha256 = "b" * 64
    desk.confirmed(asked)
    (made,) = desk.says(desk.places.leng).orders[0].parts
    assert made.media[0].sha256 == "a" * 64


def test_what_is_not_produced_yet_is_refused(desk: Any) -> None:
    with pytest.raises(Invalid):
        desk.asked(desk.draft({"kind": "recording", "id": recorded(desk, RecordingState.PRODUCING)}))


def test_a_test_is_the_machine_s_alone_and_nothing_but_tests(desk: Any) -> None:
    with desk.store.writing() as db:
        for bank_id in (REAL, DRILL):
            with pytest.raises(Invalid):
                service.rehearse(
                    db, desk.clock.now(), zone_ids=[desk.places.leng], bank_ids=[bank_id], minutes=1, reason=""
                )
        service.rehearse(db, desk.clock.now(), zone_ids=[desk.places.leng], bank_ids=[TEST], minutes=1, reason="")
    (order,) = desk.says(desk.places.leng).orders
    assert (order.purpose, order.parts) == (Purpose.TEST, (TEST,))


def test_a_live_order_lets_its_author_speak_and_says_nothing_by_itself(desk: Any) -> None:
    asked = desk.asked(desk.draft({"kind": "live"}))

    def may(actor: Any) -> bool:
        with desk.store.reading() as db:
            return service.may_speak(db, actor, desk.clock.now(), asked.id) is not None

    assert not may(desk.operator)
    desk.confirmed(asked)
    assert (may(desk.operator), may(desk.second), desk.sounding(desk.places.leng)) == (True, False, [])
    desk.cancelled(asked)
    assert not may(desk.operator)


def test_an_emergency_goes_before_drills_and_the_latest_before_the_others(desk: Any) -> None:
    drill = desk.confirmed(desk.asked(desk.draft(DRILL), purpose=Purpose.DRILL))
    first = desk.issued()
    desk.later(seconds=1)
    second = desk.issued()
    assert desk.sounding(desk.places.leng) == [second.id, first.id, drill.id]


def recorded(desk: Any, state: RecordingState) -> str:
    with desk.store.writing() as db:
        db.add(
            Announcement(
                id=f"A{state}",
                zone_id=desk.places.leng,
                title="Giọng nói",
                author_id=desk.operator.user_id,
                created_at=desk.clock.now(),
            )
        )
        db.flush()
        row = Recording(
            id=f"R{state}",
            announcement_id=f"A{state}",
            language="vi",
            source=Source.MICROPHONE,
            state=state,
            created_at=desk.clock.now(),
        )
        row.sha256, row.size_bytes, row.duration_us = "a" * 64, 1000, 5_000_000
        db.add(row)
        return row.id


def test_a_sound_made_for_an_order_can_be_fetched(desk: Any) -> None:
    asked = desk.asked(desk.draft({"kind": "text", "text": "Nước lên nhanh."}))
    with desk.store.writing() as db:
        assert not is_produced(db, "c" * 64)
        db.get_one(OrderSound, (asked.id, 0)).sha256 = "c" * 64
        db.flush()
        assert is_produced(db, "c" * 64)
