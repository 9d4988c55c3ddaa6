"""An order from asking to its end, on both databases."""

import unicodedata
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import to_us
from broadcast.wire import topics
from broadcast.wire.now import Purpose
from scheduler.announcements.models import RecordingState
from scheduler.bank import service as bank
from scheduler.bank.models import BankMedia
from scheduler.bank.schemas import BankChange
from scheduler.emergency import service
from scheduler.emergency.life import TABLE, Event, NotPossible, State, diagram, possible, step
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow
from scheduler.emergency.schemas import OrderIn
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale, TooMany
from scheduler.fleet.models import Receiver
from scheduler.people import signin
from scheduler.people.actor import Actor
from scheduler.people.signin import NotSignedIn
from scheduler.rights import Role
from scheduler.zones import repository as zone_sql
from scheduler.zones import service as zones
from scheduler.zones.groups import create_group
from scheduler.zones.models import SecondPerson, Zone, ZoneKind
from scheduler.zones.schemas import GroupNew, ZoneNew
from tests.scheduler.emergency.conftest import FLOOD, FLOOD_DRILL


def test_an_order_is_silent_until_another_person_has_confirmed_it(desk: Any) -> None:
    asked = desk.asked()
    assert (asked.state, desk.sounding(desk.places.leng), desk.dirty()) == (State.ASKED, [], set())
    done = desk.confirmed(asked, by=desk.leader)
    assert done.state is State.ISSUED
    (order,) = desk.says(desk.places.leng).orders
    assert (order.id, order.purpose, order.parts) == (asked.id, Purpose.REAL, ("siren-rise-fall.1", "flash-flood.1"))
    assert desk.dirty() == {topics.now(desk.places.leng)}
    assert desk.audit() == [("emergency.ask", desk.operator.user_id), ("emergency.confirm", desk.leader.user_id)]


def test_it_starts_when_the_slowest_amplifier_is_on_and_ends_when_it_was_said(desk: Any) -> None:
    now_us = to_us(desk.clock.now())
    desk.issued(desk.draft(minutes=5, every_s=60))
    (order,) = desk.says(desk.places.leng).orders
    assert (order.start_us - now_us, order.until_us - now_us, order.every_us) == (700_000, 300_000_000, 60_000_000)
    with desk.store.writing() as db:
        db.get_one(Receiver, f"R{desk.places.leng_2[1:]}").amplifier_lead_ms = 1500
        db.get_one(Receiver, f"R{desk.places.van_1[1:]}").amplifier_lead_ms = 9000
    second = desk.issued()
    assert desk.says(desk.places.leng).orders[0].start_us - now_us == 1_800_000
    assert desk.sounding(desk.places.leng)[0] == second.id


def test_time_ends_it_and_what_nobody_confirms_lapses(desk: Any) -> None:
    sounding, asked = desk.issued(desk.draft(minutes=10)), desk.asked()
    desk.dirty()
    desk.later(minutes=10)
    assert desk.sounding(desk.places.leng) == []
    assert desk.tick() == (f"emergency:{sounding.id}",)
    assert (desk.shown(sounding.id).state, desk.dirty()) == (State.OVER, {topics.now(desk.places.leng)})
    desk.later(minutes=5)
    assert desk.shown(asked.id).state is State.EXPIRED
    with pytest.raises(NotPossible) as lapsed:
        desk.confirmed(asked)
    assert lapsed.value.code == "lapsed"
    desk.tick()
    assert desk.tick() == ()


def test_nobody_confirms_their_own(desk: Any) -> None:
    asked = desk.asked()
    with pytest.raises(Forbidden) as refused:
        desk.confirmed(asked, by=desk.operator)
    assert refused.value.code == "own_order"
    assert Event.CONFIRM not in desk.shown(asked.id).possible
    assert Event.CONFIRM in desk.shown(asked.id, to=desk.second).possible


def test_where_the_zone_lets_one_person_do_they_type_a_code(desk: Any, second_factor: Any) -> None:
    desk.zone_lets(desk.places.province, SecondPerson.SECOND_FACTOR)
    asked = desk.asked()
    with pytest.raises(Forbidden) as without:
        desk.confirmed(asked, by=desk.operator)
    assert without.value.code == "second_factor_needed"
    code = second_factor(desk.operator)
    for typed, why in (("", "code_needed"), ("000000", "wrong_code")):
        with pytest.raises(NotSignedIn) as refused:
            desk.confirmed(asked, by=desk.operator, code=typed)
        assert refused.value.code == why
    assert desk.shown(asked.id).code_needed
    used = code()
    assert desk.confirmed(asked, by=desk.operator, code=used).state is State.ISSUED
    with pytest.raises(NotSignedIn, match="used already"):
        desk.confirmed(desk.asked(), by=desk.operator, code=used)


@pytest.mark.parametrize("strict", ["leng", "leng_1"])
def test_the_strictest_of_its_zones_says_who_must_confirm(desk: Any, second_factor: Any, strict: str) -> None:
    desk.zone_lets(desk.places.province, SecondPerson.SECOND_FACTOR)
    desk.zone_lets(getattr(desk.places, strict), SecondPerson.TWO_PEOPLE)
    code = second_factor(desk.operator)
    asked = desk.asked(desk.draft(zones=[desk.places.leng_1, desk.places.van]))
    assert asked.second_person is SecondPerson.TWO_PEOPLE
    with pytest.raises(Forbidden):
        desk.confirmed(asked, by=desk.operator, code=code())


def test_a_zone_below_the_one_that_was_chosen_keeps_its_two_people(desk: Any, second_factor: Any) -> None:
    desk.zone_lets(desk.places.province, SecondPerson.SECOND_FACTOR)
    desk.zone_lets(desk.places.leng_1, SecondPerson.TWO_PEOPLE)
    code = second_factor(desk.operator)
    asked = desk.asked(desk.draft(zones=[desk.places.province]))
    assert asked.second_person is SecondPerson.TWO_PEOPLE
    with pytest.raises(Forbidden) as refused:
        desk.confirmed(asked, by=desk.operator, code=code())
    assert refused.value.code == "own_order"
    assert desk.asked(desk.draft(zones=[desk.places.van])).second_person is SecondPerson.SECOND_FACTOR
    with desk.store.writing() as db:  # it is no more
        db.get_one(Zone, desk.places.leng_1).valid_until = desk.clock.now().date()
    assert desk.shown(asked.id).second_person is SecondPerson.SECOND_FACTOR
    assert desk.confirmed(asked, by=desk.operator, code=code()).state is State.ISSUED


@pytest.mark.parametrize("first", [date(2026, 11, 24), date(2026, 12, 24)])
def test_a_place_that_begins_today_or_later_is_warned_and_keeps_its_two_people(
    desk: Any, second_factor: Any, first: date
) -> None:
    desk.zone_lets(desk.places.province, SecondPerson.SECOND_FACTOR)
    with desk.store.writing() as db:
        zone = db.get_one(Zone, desk.places.leng_1)
        zone.valid_from, zone.second_person = first, SecondPerson.TWO_PEOPLE
    desk.later(hours=19)  # 3:00 of the 24th there, and still the 23rd in UTC
    code = second_factor(desk.operator)
    beside = [desk.places.leng_1, desk.places.leng_2]
    for several in ([desk.places.leng_1], beside, [desk.places.province]):
        asked = desk.asked(desk.draft(zones=several))
        assert {target.zone_id for target in asked.targets} == set(several)
        assert asked.second_person is SecondPerson.TWO_PEOPLE
        assert desk.shown(asked.id).second_person is SecondPerson.TWO_PEOPLE
        with pytest.raises(Forbidden):
            desk.confirmed(asked, by=desk.operator, code=code())
    desk.issued(desk.draft(zones=beside))
    assert len(desk.sounding(desk.places.leng_1)) == 1


@pytest.mark.parametrize(("first", "end"), [(date.min, date.max), (date.max, None)])
def test_no_day_of_a_place_keeps_it_from_being_warned(desk: Any, first: date, end: date | None) -> None:
    with desk.store.writing() as db:
        zone = db.get_one(Zone, desk.places.leng_1)
        zone.valid_from, zone.valid_until = first, end
    assert desk.asked(desk.draft(zones=[desk.places.leng_1])).state is State.ASKED


def test_a_place_is_warned_no_more_from_the_midnight_at_which_it_ends(desk: Any) -> None:
    with desk.store.writing() as db:
        db.get_one(Zone, desk.places.leng_1).valid_until = date(2026, 11, 24)
    desk.later(hours=15, minutes=59)
    assert desk.asked(desk.draft(zones=[desk.places.leng_1])).state is State.ASKED
    desk.later(minutes=1)  # 0:00 of the 24th there
    with pytest.raises(Invalid) as refused:
        desk.asked(desk.draft(zones=[desk.places.leng_1]))
    assert refused.value.code == "no_targets"


def test_who_has_a_second_factor_shows_it_also_as_the_second_person(desk: Any, second_factor: Any) -> None:
    code, asked = second_factor(desk.second), desk.asked()
    with pytest.raises(NotSignedIn):
        desk.confirmed(asked)
    assert desk.confirmed(asked, code=code()).state is State.ISSUED


@pytest.mark.parametrize(
    ("change", "refusal"),
    [({"word": "DIỄN TẬP"}, Invalid), ({"word": ""}, Invalid), ({"word": "khẩn"}, Invalid), ({"version": 2}, Stale)],
)
def test_what_is_confirmed_is_what_was_seen_with_the_word_for_it(desk: Any, change: Any, refusal: Any) -> None:
    asked = desk.asked()
    with pytest.raises(refusal):
        desk.confirmed(asked, **change)
    assert desk.sounding(desk.places.leng) == []
    assert desk.confirmed(asked, word="  khẩn   cấp ").state is State.ISSUED


def test_the_word_counts_however_a_keyboard_puts_its_accents_together(desk: Any) -> None:
    typed = unicodedata.normalize("NFD", "KHẨN CẤP")
    assert typed != "KHẨN CẤP"
    assert desk.confirmed(desk.asked(), word=typed).state is State.ISSUED


@pytest.mark.parametrize(
    ("who", "where", "may"),
    [
        ("operator", "province", True),
        ("local", "leng", True),
        ("local", "van", False),
        ("local", "province", False),
        ("leader", "leng", False),
        ("official", "leng", False),
    ],
)
def test_who_may_ask_where(desk: Any, who: str, where: str, may: bool) -> None:
    draft = desk.draft(zones=[getattr(desk.places, where)])
    if may:
        assert desk.asked(draft, by=getattr(desk, who)).state is State.ASKED
    else:
        with pytest.raises(Forbidden):
            desk.asked(draft, by=getattr(desk, who))


@pytest.mark.parametrize(("who", "refusal"), [("leader", Forbidden), ("local", Forbidden), ("official", NotFound)])
def test_who_confirms_has_the_right_in_every_place(desk: Any, who: str, refusal: Any) -> None:
    asked = desk.asked(desk.draft(zones=[desk.places.leng, desk.places.van]))
    with pytest.raises(refusal):
        desk.confirmed(asked, by=getattr(desk, who))


def test_a_place_within_another_is_not_told_twice_and_groups_are_as_they_were(desk: Any, add_person: Any) -> None:
    places = desk.places
    draft = desk.draft(zones=[places.leng_1, places.leng, places.van_2])
    assert sorted(target.zone_id for target in desk.asked(draft).targets) == sorted([places.leng, places.van_2])
    admin = add_person("admin", places.province, Role.ADMINISTRATOR)
    with desk.store.writing() as db:
        members = [places.leng_1, places.van_1]
        new = GroupNew(zone_id=places.province, name="Lưu vực", member_ids=members)
        group_id = create_group(db, admin, desk.clock.now(), new).id
    asked = desk.asked(desk.draft(zones=[], group_ids=[group_id]))
    assert {target.zone_id: target.group_id for target in asked.targets} == dict.fromkeys(members, group_id)


def test_one_person_takes_it_back(desk: Any) -> None:
    order = desk.issued()
    desk.dirty()
    assert desk.cancelled(order, by=desk.local).state is State.CANCELLED
    assert (desk.sounding(desk.places.leng), desk.dirty()) == ([], {topics.now(desk.places.leng)})
    with pytest.raises(NotPossible):
        desk.cancelled(order)
    assert desk.audit()[-1] == ("emergency.cancel", desk.local.user_id)


def test_a_correction_silences_and_says_so_in_one_act(desk: Any) -> None:
    order = desk.issued(desk.draft(zones=[desk.places.leng, desk.places.van_1]))
    done = desk.corrected(order)
    assert (done.cancelled.state, done.correction.corrects_id) == (State.CANCELLED, order.id)
    for zone_id in (desk.places.leng, desk.places.van_1):
        (said,) = desk.says(zone_id).orders
        assert (said.id, said.parts) == (done.correction.id, ("false-alarm.1",))
    assert done.cancelled.corrected_by == [done.correction.id]


def test_also_what_is_over_is_corrected_but_only_with_a_correction_and_soon(desk: Any) -> None:
    order = desk.issued(desk.draft(minutes=1))
    desk.later(minutes=2)
    for bank_id in ("flash-flood.1", "drill-false-alarm.1"):
        with pytest.raises(Invalid):
            desk.corrected(order, bank_id)
    with pytest.raises(Forbidden):
        desk.corrected(order, by=desk.leader)
    assert desk.corrected(order, "all-clear.1").correction.state is State.ISSUED
    desk.later(hours=25)
    with pytest.raises(Conflict):
        desk.corrected(order)


def test_a_new_correction_takes_the_place_of_the_last(desk: Any) -> None:
    order = desk.issued(desk.draft(zones=[desk.places.leng, desk.places.van_1]))
    first = desk.corrected(order)
    assert first.replaced == []
    desk.later(minutes=1)
    desk.stopped(desk.places.van, by=desk.operator)
    second = desk.corrected(order, "all-clear.1", by=desk.second)
    assert second.replaced == [first.correction.id]
    ended = desk.shown(first.correction.id)
    assert (ended.state, ended.ender_name, ended.version) == (State.CANCELLED, "Second", first.correction.version + 2)
    for zone_id in (desk.places.leng, desk.places.van_1):
        assert desk.sounding(zone_id) == [second.correction.id]
    third = desk.corrected(order)
    assert (third.replaced, desk.sounding(desk.places.leng)) == ([second.correction.id], [third.correction.id])


def test_corrections_are_never_too_many_and_take_nothing_from_alarms(desk: Any) -> None:
    order = desk.issued()
    for _one in range(service.MAX_ASKED + 1):
        last = desk.corrected(order)
    assert desk.sounding(desk.places.leng) == [last.correction.id]
    for _one in range(service.MAX_ASKED - 1):
        desk.asked()
    with pytest.raises(TooMany):
        desk.asked()


def test_one_person_does_not_put_new_words_into_a_correction_and_let_them_sound(desk: Any) -> None:
    order = desk.issued()
    with desk.store.writing() as db:
        made = bank.revise(
            db, desk.operator, desk.clock.now(), "false-alarm", revision=1, change=BankChange(texts={"vi": "Lời lạ"})
        )
        for media in db.exec(select(BankMedia).where(BankMedia.entry_id == made.id)):
            media.state, media.size_bytes, media.duration_us = RecordingState.READY, 1000, 5_000_000
            media.sha256 = "f" * 64
    with pytest.raises(Forbidden) as refused:
        desk.corrected(order, made.id)
    assert (refused.value.code, desk.sounding(desk.places.leng)) == ("own_words", [order.id])
    assert desk.corrected(order, "all-clear.1").correction.state is State.ISSUED
    assert desk.corrected(order, made.id, by=desk.second).correction.state is State.ISSUED
    desk.later(hours=24)
    with desk.store.writing() as db:
        db.get_one(EmergencyOrder, order.id).issued_at = desk.clock.now()
    assert desk.corrected(order, made.id).correction.state is State.ISSUED


VILLAGES = ["Trà Leng › Thôn 1", "Trà Vân › Thôn 1"]  # whoever reads of two called alike knows which


def noted(desk: Any) -> tuple[str | None, str, Any, list[str], list[str]]:
    """Who, on what, when, with which parts, where: of the newest entry, which is found from the zone of them all."""
    entry = desk.noted()
    assert entry.zone_path == f"/{desk.places.province}/"
    return (
        entry.user_id,
        f"{entry.action} {entry.subject}",
        entry.at,
        entry.detail["parts"],
        sorted(entry.detail["where"]),
    )


@pytest.mark.parametrize(
    ("purpose", "name", "correction"),
    [(Purpose.REAL, "emergency", "false-alarm.1"), (Purpose.DRILL, "drill", "drill-false-alarm.1")],
)
def test_who_did_what_where_and_when_is_in_the_record_at_every_step(
    desk: Any, purpose: Purpose, name: str, correction: str
) -> None:
    places, began = desk.places, desk.clock.now()
    flood = FLOOD_DRILL if purpose is Purpose.DRILL else FLOOD
    text = {"kind": "text", "text": "Nước lên nhanh"}
    asked = desk.asked(desk.draft(flood, text, zones=[places.leng_1, places.van_1]), purpose=purpose)
    said, about = [flood, asked.parts[1].text], f"order:{asked.id}"  # a drill's text is wrapped
    assert noted(desk) == (desk.operator.user_id, f"{name}.ask {about}", began, said, VILLAGES)
    assert desk.noted().detail["reason"] == "Lũ quét"
    for number, (act, actor) in enumerate((("confirm", desk.second), ("cancel", desk.operator)), start=1):
        desk.later(seconds=1)
        {"confirm": desk.confirmed, "cancel": desk.cancelled}[act](asked, by=actor)
        when = began + timedelta(seconds=number)
        assert noted(desk) == (actor.user_id, f"{name}.{act} {about}", when, said, VILLAGES)
    desk.later(seconds=1)
    corrected = desk.corrected(asked, correction, by=desk.second)
    when = began + timedelta(seconds=3)
    assert noted(desk) == (desk.second.user_id, f"{name}.correct {about}", when, [correction], VILLAGES)
    assert desk.noted().detail.items() >= {"reason": "Báo nhầm", "correction": corrected.correction.id}.items()


def test_a_correction_is_said_and_noted_also_where_a_stop_was_before(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng_1, places.van_1]))
    desk.later(seconds=5)
    desk.stopped(places.van, by=desk.operator)
    said = desk.corrected(order)
    assert [desk.sounding(zone_id) for zone_id in (places.leng_1, places.van_1)] == [[said.correction.id]] * 2
    assert desk.says(places.van_1).orders[0].start_us > desk.says(places.van_1).stop_us
    assert (sorted(desk.noted().detail["where"]), said.left_out) == (VILLAGES, [])


def test_where_a_stop_was_before_and_the_corrector_may_say_nothing_is_left_out_and_named(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng_1, places.van_1]))
    with pytest.raises(Forbidden):
        desk.corrected(order, by=desk.local)
    desk.later(seconds=5)
    desk.stopped(places.van, by=desk.operator)
    assert "correct" in desk.shown(order.id, to=desk.local).possible
    said = desk.corrected(order, by=desk.local)
    assert [target.zone_id for target in said.correction.targets] == [places.leng_1]
    assert [(one.zone_id, one.name) for one in said.left_out] == [(places.van_1, VILLAGES[1])]
    assert desk.noted().detail["left_out"] == VILLAGES[1:]
    whole = desk.corrected(order)
    assert (len(whole.correction.targets), whole.left_out) == (2, [])
    with pytest.raises(Forbidden):  # what is said elsewhere by now is not theirs to end
        desk.corrected(order, "all-clear.1", by=desk.local)


def had_it(desk: Any, order_id: str, receiver_id: str, *, now_in: str) -> None:
    """A receiver said that it has the order; it stands in the zone `now_in` by now."""
    now = desk.clock.now()
    with desk.store.writing() as db:
        db.add(OrderProgressRow(order_id=order_id, receiver_id=receiver_id, received_at=now, told_at=now))
        db.get_one(Receiver, receiver_id).zone_id = now_in


def test_a_correction_follows_receivers_that_had_it_to_where_they_were_moved(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng]))
    had_it(desk, order.id, f"R{places.leng_1[1:]}", now_in=places.van_1)
    had_it(desk, order.id, f"R{places.leng_2[1:]}", now_in=places.leng_2)
    mine = desk.corrected(order, by=desk.local)
    assert [target.zone_id for target in mine.correction.targets] == [places.leng]
    assert [one.name for one in mine.left_out] == VILLAGES[1:]
    assert {target.zone_id for target in desk.corrected(order).correction.targets} == {places.leng, places.van_1}


@pytest.mark.parametrize(("depot", "name"), [("leng", "Trà Leng"), ("van", "Trà Vân"), ("province", "Đà Nẵng")])
def test_a_correction_does_not_follow_a_receiver_to_a_place_where_all_below_would_hear_it(
    desk: Any, depot: str, name: str
) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng_2]))
    had_it(desk, order.id, f"R{places.leng_2[1:]}", now_in=getattr(places, depot))
    desk.later(minutes=20)
    said = desk.corrected(order)
    assert [target.zone_id for target in said.correction.targets] == [places.leng_2]
    assert [(one.zone_id, one.name) for one in said.left_out] == [(getattr(places, depot), name)]
    assert desk.sounding(getattr(places, depot)) == []
    assert desk.noted().detail["left_out"] == [name]


def test_of_places_of_which_one_was_moved_below_another_the_correction_is_said_to_the_outer(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng, places.van_1]))
    desk.later(minutes=20)
    with desk.store.writing() as db:
        old, new = db.get_one(Zone, places.van_1), db.get_one(Zone, places.leng)
        old.parent_id = new.id
        db.flush()
        zone_sql.rebase(db, old.path, f"{new.path}{old.id}/")
    said = desk.corrected(order)
    assert ([target.zone_id for target in said.correction.targets], said.left_out) == ([places.leng], [])


def test_every_place_of_many_is_in_the_record(desk: Any) -> None:
    names = [f"Thôn {number}" for number in range(3, 103)]
    with desk.store.writing() as db:
        admin = signin.machine(db)
        made = [
            zones.create_zone(
                db, admin, desk.clock.now(),
                ZoneNew(parent_id=desk.places.van, kind=ZoneKind.VILLAGE, name=name, code=f"20959-{name[5:]}"),
            ).id
            for name in names
        ]  # fmt: skip
    desk.asked(desk.draft(zones=made))
    assert set(desk.noted().detail["where"]) == {f"Trà Vân › {name}" for name in names}


def test_asked_for_it_is_withdrawn_by_its_author_or_refused_by_the_second_person(desk: Any) -> None:
    def withdraw(order_id: str, actor: Actor) -> State:
        with desk.store.writing() as db:
            return service.withdraw(db, actor, desk.clock.now(), order_id, purpose=Purpose.REAL).state

    assert withdraw(desk.asked().id, desk.operator) is State.WITHDRAWN
    asked = desk.asked()
    with pytest.raises(NotFound):
        withdraw(asked.id, desk.official)
    assert withdraw(asked.id, desk.leader) is State.WITHDRAWN
    with pytest.raises(NotPossible):
        desk.confirmed(asked, version=2)


def test_what_is_only_asked_for_is_seen_by_those_who_could_let_it_sound(desk: Any) -> None:
    def seen(actor: Actor) -> set[str]:
        with desk.store.reading() as db:
            return {order.id for order in service.index(db, actor, desk.clock.now()).items}

    asked, sounding = desk.asked(), desk.issued()
    assert seen(desk.leader) == seen(desk.second) == {asked.id, sounding.id}
    assert seen(desk.official) == {sounding.id}


def test_ten_in_a_quarter_of_an_hour_is_what_one_person_asks_for(desk: Any) -> None:
    for _one in range(service.MAX_ASKED):
        desk.asked()
    with pytest.raises(TooMany) as refused:
        desk.asked()
    assert refused.value.retry_after_s == 900
    assert desk.asked(by=desk.second).state is State.ASKED
    drill = desk.draft("drill-flash-flood.1")
    for _one in range(service.MAX_ASKED):
        assert desk.asked(drill, purpose=Purpose.DRILL).state is State.ASKED  # counted apart: drills delay no alarm
    desk.later(minutes=15)
    assert desk.asked().state is State.ASKED


@pytest.mark.parametrize(
    "wrong",
    [
        {"parts": []},
        {"parts": [{"kind": "bank", "id": "Siren.1"}]},
        {"parts": [{"kind": "text", "text": " "}]},
        {"parts": [{"kind": "bank", "id": "siren-steady.1"}] * 9},
        {"every_s": 9},
        {"every_s": 3601},
        {"minutes": 0},
        {"minutes": 5, "until": "2026-11-23T02:00:00Z"},
        {"reason": " "},
        {"zone_ids": ["x"] * 501},
        {"sound": "siren"},
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_door(desk: Any, wrong: Any) -> None:
    good = {"parts": [{"kind": "bank", "id": "siren-steady.1"}], "zone_ids": [desk.places.leng], "reason": "Lũ"}
    OrderIn.model_validate(good)
    with pytest.raises(ValueError, match="validation error"):
        OrderIn.model_validate(good | wrong)


def test_what_is_not_there_or_has_no_end_is_refused(desk: Any) -> None:
    now = desk.clock.now()
    for draft, code in (
        (desk.draft("nothing.1"), "no_such_message"),
        (desk.draft(zones=["nowhere"]), "unknown_zone"),
        (desk.draft(zones=[]), "no_targets"),
        (desk.draft(until=now), "bad_end"),
        (desk.draft(until=now + timedelta(hours=25)), "bad_end"),
        (desk.draft({"kind": "recording", "id": "none"}), "no_such_recording"),
        (desk.draft({"kind": "text", "text": "x", "language": "zz"}), "no_voice"),
    ):
        with pytest.raises(Invalid) as refused:
            desk.asked(draft)
        assert refused.value.code == code


def test_what_the_table_does_not_list_changes_nothing() -> None:
    for state in State:
        for event in Event:
            if (state, event) in TABLE:
                assert event in possible(state)
                assert step(state, event) is TABLE[state, event]
            else:
                with pytest.raises(NotPossible):
                    step(state, event)


def test_the_drawing_of_its_life_is_up_to_date() -> None:
    drawn = (Path(__file__).parents[3] / "docs" / "emergency.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{diagram()}```" in drawn


def test_a_long_text_is_named_by_its_first_whole_words(desk: Any) -> None:
    (part,) = desk.asked(desk.draft({"kind": "text", "text": "Nước sông lên " * 10})).parts
    assert part.title == "Nước sông lên Nước sông lên Nước sông lên Nước sông lên Nước…"
