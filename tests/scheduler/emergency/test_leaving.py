"""Who moves while an order is aimed at where they are."""

from typing import Any

import pytest

from scheduler.errors import Conflict
from scheduler.fleet import service as fleet
from scheduler.fleet.models import Receiver
from scheduler.fleet.schemas import ReceiverMove
from scheduler.people import signin
from scheduler.zones import ending
from scheduler.zones import service as zones
from scheduler.zones.models import Zone


def move_receiver(desk: Any, to_id: str) -> None:
    receiver_id = f"R{desk.places.leng_1[1:]}"
    with desk.store.writing() as db:
        version = db.get_one(Receiver, receiver_id).version
        move = ReceiverMove(zone_id=to_id)
        fleet.move(db, signin.machine(db), desk.clock.now(), receiver_id, version=version, move=move)


def move_village(desk: Any, to_id: str) -> None:
    with desk.store.writing() as db:
        village, admin = db.get_one(Zone, desk.places.leng_2), signin.machine(db)
        zones.move_zone(db, admin, desk.clock.now(), village.id, version=village.version, parent_id=to_id)


def merge_villages(desk: Any, from_id: str, into_id: str) -> None:
    with desk.store.writing() as db:
        village, admin = db.get_one(Zone, from_id), signin.machine(db)
        ending.end_zone(db, admin, desk.clock.now(), from_id, version=village.version, into_id=into_id)


def test_nothing_is_moved_away_from_an_order_that_is_not_over(desk: Any) -> None:
    places = desk.places
    order = desk.asked()
    for issue in (False, True):
        if issue:
            desk.confirmed(order)
        for move in (move_receiver, move_village):
            with pytest.raises(Conflict, match="asked for or in force") as refused:
                move(desk, places.van)
            assert refused.value.code == "order_there"
    move_receiver(desk, places.leng_2)  # in the same commune, to which all of it is said
    desk.later(minutes=16)
    move_receiver(desk, places.van_1)
    move_village(desk, places.van)


def test_no_village_is_merged_away_from_an_order_of_its_own(desk: Any) -> None:
    places = desk.places
    order = desk.issued(desk.draft(zones=[places.leng_1]))
    with pytest.raises(Conflict, match="asked for or in force"):
        merge_villages(desk, places.leng_1, places.leng_2)
    desk.cancelled(order)
    merge_villages(desk, places.leng_1, places.leng_2)


def test_a_village_that_moves_with_an_order_of_its_own_keeps_it(desk: Any) -> None:
    order = desk.issued(desk.draft(zones=[desk.places.leng_2]))
    move_village(desk, desk.places.van)
    assert desk.sounding(desk.places.leng_2) == [order.id]
