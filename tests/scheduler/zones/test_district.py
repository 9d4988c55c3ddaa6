from datetime import date, datetime, timedelta

from sqlmodel import select, update

from scheduler.fleet.models import Receiver
from scheduler.people.models import AuditEntry
from scheduler.people.signin import machine
from scheduler.store.engine import Store
from scheduler.zones import repository, rules, service, views
from scheduler.zones.district import seed_district
from scheduler.zones.models import Zone, ZoneKind


def test_the_district_is_whole(store: Store, now: datetime) -> None:
    with store.writing() as db:
        district = seed_district(db, now)
        db.execute(update(Receiver).values(enrolled_at=now))
    with store.reading() as db:
        tree = views.zone_views(db, service.tree(db, machine(db), now))
        counted = {kind: sum(view.kind is kind for view in tree) for kind in ZoneKind}
        assert counted == {
            ZoneKind.PROVINCE: 1,
            ZoneKind.DISTRICT: 1,
            ZoneKind.COMMUNE: 10,
            ZoneKind.VILLAGE: 35,
            ZoneKind.HAMLET: counted[ZoneKind.HAMLET],
            ZoneKind.OTHER: 0,
        }
        assert counted[ZoneKind.HAMLET] > 5
        communes = {view.name: view.receivers for view in tree if view.kind is ZoneKind.COMMUNE and view.receivers}
        assert communes == {"Trà Vân": 10, "Trà Tập": 10, "Trà Leng": 10, "Trà Nam": 10}
        receivers = db.exec(select(Receiver)).all()
        assert len(receivers) == 40
        assert all(row.latitude and row.longitude and row.horns and row.watts and row.code for row in receivers)
        homes = repository.zones(db, {row.zone_id for row in receivers})
        assert {zone.kind for zone in homes.values()} == {ZoneKind.VILLAGE}
        assert len(repository.members(db, district.groups.values())) == 5
        don = service.search(db, machine(db), now, "tra don")
        assert {(zone.name, zone.code) for zone in don} == {("Trà Don", "20956"), ("Trà Dơn", "20938")}
        held = rules.effective_rules(db, db.get_one(Zone, district.villages["20935", "Thôn 1"]).path)
        assert [(quiet.start_minute, quiet.end_minute) for quiet in held.quiet_hours] == [(1290, 285)]
        assert held.quota is not None
        assert held.timezone == "Asia/Ho_Chi_Minh"


def test_filling_again_adds_nothing_and_keeps_what_people_changed(store: Store, now: datetime) -> None:
    with store.writing() as db:
        first = seed_district(db, now)
        village = db.get_one(Zone, first.villages["20935", "Thôn 1"])
        village.name = "Thôn Một"
        db.add(village)
    with store.writing() as db:
        assert seed_district(db, now + timedelta(days=1)) == first
        assert len(db.exec(select(Zone)).all()) == len(db.exec(select(Zone.id)).unique().all())
        assert db.get_one(Zone, village.id).name == "Thôn Một"
        assert len(db.exec(select(AuditEntry)).all()) == 1


def test_what_was_missing_is_added(store: Store, now: datetime) -> None:
    with store.writing() as db:
        first = seed_district(db, now)
        db.delete(db.get_one(Receiver, first.receivers["20935-01"]))
    with store.writing() as db:
        again = seed_district(db, now)
        assert again.receivers["20935-01"] != first.receivers["20935-01"]
        assert len(db.exec(select(Receiver)).all()) == 40
        assert rules.valid_on(db.get_one(Zone, again.district_id), date(2026, 11, 23))
