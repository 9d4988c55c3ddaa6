"""What receivers say of an order, and what is shown of it."""

from typing import Any

import pytest

from broadcast.clock import to_us
from broadcast.wire.documents import Heard, OrderProgress
from broadcast.wire.documents import Hearing as Microphone
from broadcast.wire.fault_codes import FaultCode
from scheduler.emergency import service
from scheduler.emergency.hearing import merged
from scheduler.emergency.schemas import Hearing, WhoHeard
from scheduler.errors import NotFound
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.live.models import LiveKind, LiveState, LiveTalk
from scheduler.people.models import User
from scheduler.rights import Role


def says(desk: Any, receiver_id: str, order_id: str, **said: Any) -> set[str]:
    now = desk.clock.now()
    progress = OrderProgress(id=order_id, received_us=to_us(now), **said)
    with desk.store.writing() as db:
        return merged(db, {receiver_id: [progress]}, now)


def who(desk: Any, order_id: str, actor: Any = None) -> WhoHeard:
    with desk.store.reading() as db:
        return service.who_heard(db, actor or desk.operator, desk.clock.now(), order_id)


def receiver(desk: Any, village: str) -> str:
    return f"R{getattr(desk.places, village)[1:]}"


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, Hearing.RECEIVED),
        ({"sounding_us": 5}, Hearing.PLAYING),
        ({"sounding_us": 5, "ended_us": 9}, Hearing.HEARD),
        ({"reason": "no_device"}, Hearing.FAILED),
        ({"sounding_us": 5, "heard": Heard(verdict=Microphone.NOT_HEARD, correlation=0.1)}, Hearing.FAILED),
        ({"sounding_us": 5, "heard": Heard(verdict=Microphone.FAINT, correlation=0.4)}, Hearing.PLAYING),
    ],
)
def test_what_is_said_is_shown(desk: Any, said: Any, state: Hearing) -> None:
    order = desk.issued()
    assert says(desk, receiver(desk, "leng_1"), order.id, **said) == {order.id}
    found = {one.receiver_id: one for village in who(desk, order.id).villages for one in village.receivers}
    assert found[receiver(desk, "leng_1")].state is state


def test_a_horn_stopped_by_hand_is_not_said_to_sound_until_the_order_is_over(desk: Any) -> None:
    order, stopped = desk.issued(), receiver(desk, "leng_1")
    says(desk, stopped, order.id, sounding_us=5)
    with desk.store.writing() as db:
        held = FaultRecord(id="F1", receiver_id=stopped, code=FaultCode.STOPPED_LOCALLY, since=desk.clock.now())
        db.add(held)
    found = {one.receiver_id: one for village in who(desk, order.id).villages for one in village.receivers}
    assert (found[stopped].state, found[stopped].reason) == (Hearing.HEARD, "stopped_locally")
    with desk.store.writing() as db:
        db.get_one(FaultRecord, "F1").until = desk.clock.now()
    assert who(desk, order.id).counts[Hearing.PLAYING] == 1


@pytest.mark.parametrize(
    ("said", "partly"),
    [
        ({"sounding_us": 5, "reason": "unknown_message"}, True),
        ({"sounding_us": 5, "ended_us": 9, "reason": "media_missing, fallback heard"}, True),
        ({"sounding_us": 5, "ended_us": 9, "reason": "cancelled"}, False),
        ({"reason": "unknown_message"}, False),
        ({"sounding_us": 5}, False),
    ],
)
def test_who_lacked_a_part_is_told_from_who_heard_it_whole(desk: Any, said: Any, partly: bool) -> None:
    order = desk.issued()
    says(desk, receiver(desk, "leng_1"), order.id, **said)
    heard = who(desk, order.id)
    found = {one.receiver_id: one for village in heard.villages for one in village.receivers}
    assert (found[receiver(desk, "leng_1")].partly, heard.partly) == (partly, int(partly))
    (village,) = (one for one in heard.villages if one.zone_id == desk.places.leng_1)
    assert village.partly == int(partly)


def test_the_same_again_is_no_news(desk: Any) -> None:
    order = desk.issued()
    assert says(desk, receiver(desk, "leng_1"), order.id, level_dbfs=-20.0) == {order.id}
    assert says(desk, receiver(desk, "leng_1"), order.id, level_dbfs=-20.0) == set()
    assert says(desk, receiver(desk, "leng_1"), order.id, level_dbfs=-20.0, ended_us=9) == {order.id}


@pytest.mark.parametrize("ended", [{"ended_us": 9}, {}])
def test_what_was_heard_stays_heard_when_the_board_is_started_anew(desk: Any, ended: Any) -> None:
    """Its memory of what sounded is gone with the process; the order's document is there still."""
    order, node = desk.issued(), receiver(desk, "leng_1")
    says(desk, node, order.id, sounding_us=5, level_dbfs=-18.0, **ended)
    says(desk, node, order.id)
    found = {one.receiver_id: one for village in who(desk, order.id).villages for one in village.receivers}
    assert (found[node].state, found[node].level_dbfs) == (Hearing.HEARD, -18.0)
    says(desk, node, order.id, sounding_us=20)
    found = {one.receiver_id: one for village in who(desk, order.id).villages for one in village.receivers}
    assert found[node].state is Hearing.PLAYING


def test_an_order_in_ones_own_voice_tells_of_its_talk(desk: Any) -> None:
    order = desk.issued(desk.draft({"kind": "live"}))
    now = desk.clock.now()
    with desk.store.writing() as db:
        db.add(
            LiveTalk(
                id="TALK", zone_id=desk.places.leng, kind=LiveKind.MICROPHONE, state=LiveState.ON_AIR, title="–",
                speaker_id=desk.operator.user_id, order_id=order.id, delay_ms=500, bitrate_bps=24000, limit_s=60,
                asked_at=now, starts_at=now, start_us=to_us(now),
            )
        )  # fmt: skip
    assert says(desk, receiver(desk, "leng_1"), "TALK", sounding_us=5, level_dbfs=-20.0) == {"TALK", order.id}
    says(desk, receiver(desk, "leng_2"), "TALK", reason="no_device")
    heard = who(desk, order.id)
    assert (heard.counts[Hearing.PLAYING], heard.counts[Hearing.FAILED], heard.partly) == (1, 1, 0)
    villages = {one.zone_id: one for one in heard.villages}
    near, far = villages[desk.places.leng_1], villages[desk.places.leng_2]
    assert (near.receivers[0].level_dbfs, near.call, far.call) == (-20.0, False, True)
    for village in ("leng_1", "leng_2"):
        says(desk, receiver(desk, village), order.id, sounding_us=1, ended_us=3)  # the siren before it
    villages = {one.zone_id: one for one in who(desk, order.id).villages}
    near, far = villages[desk.places.leng_1], villages[desk.places.leng_2]
    assert (near.receivers[0].state, near.partly, far.heard, far.partly) == (Hearing.PLAYING, 0, 1, 1)


def test_orders_that_nobody_gave_leave_no_row(desk: Any) -> None:
    assert says(desk, receiver(desk, "leng_1"), "invented") == set()


def test_villages_are_counted_and_those_that_did_not_hear_are_to_be_called(desk: Any, add_person: Any) -> None:
    head = add_person("head", desk.places.leng_2, Role.VIEWER)
    with desk.store.writing() as db:
        db.get_one(User, head.user_id).phone = "0905 123 456"
        db.get_one(Receiver, receiver(desk, "leng_2")).online = False
    order = desk.issued()
    says(desk, receiver(desk, "leng_1"), order.id, sounding_us=5)
    heard = who(desk, order.id)
    villages = {village.zone_id: village for village in heard.villages}
    assert (heard.counts[Hearing.PLAYING], heard.counts[Hearing.UNREACHABLE]) == (1, 1)
    near, far = villages[desk.places.leng_1], villages[desk.places.leng_2]
    assert (near.heard, near.total, near.call, near.contacts) == (1, 1, False, [])
    assert (far.heard, far.total, far.call) == (0, 1, True)
    assert [(contact.name, contact.phone) for contact in far.contacts] == [("Head", "0905 123 456")]
    seen = {village.zone_id: village for village in who(desk, order.id, desk.official).villages}
    assert seen[desk.places.leng_2].contacts == []


def test_each_sees_the_receivers_of_their_own_zones(desk: Any, add_person: Any) -> None:
    order = desk.issued(desk.draft(zones=[desk.places.province]))
    assert len(who(desk, order.id).villages) == 3
    assert {village.zone_id for village in who(desk, order.id, desk.official).villages} == {
        desk.places.leng_1,
        desk.places.leng_2,
    }
    elsewhere = desk.issued(desk.draft(zones=[desk.places.van]))
    with pytest.raises(NotFound):
        who(desk, elsewhere.id, desk.official)


def test_what_was_never_installed_is_not_said_to_have_missed_it(desk: Any) -> None:
    with desk.store.writing() as db:
        db.add(Receiver(id="RPLANNED", zone_id=desk.places.leng_1, name="Mai lắp"))
    order = desk.issued()
    says(desk, receiver(desk, "leng_1"), order.id, sounding_us=5, ended_us=9)
    near = next(one for one in who(desk, order.id).villages if one.zone_id == desk.places.leng_1)
    assert (near.heard, near.total, near.call) == (1, 1, False)
