import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, delete, select

from broadcast.wire.documents import BroadcastClass
from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Stale
from scheduler.fleet.models import DirtyTopic, Receiver
from scheduler.people.actor import Actor
from scheduler.people.signin import machine
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones import repository, rules, service, views
from scheduler.zones.models import Zone, ZoneKind
from scheduler.zones.schemas import QuietTimes, QuotaLimits, ZoneChange, ZoneNew, ZoneSettings

AddPerson = Callable[..., Actor]
MINUTE_US = 60_000_000


@pytest.fixture
def admin(add_person: AddPerson, places: Any) -> Actor:
    return add_person("admin", places.leng, Role.ADMINISTRATOR)


@pytest.fixture
def root(store: Store, places: Any) -> Actor:
    with store.reading() as db:
        return machine(db)


def refused(store: Store, work: Callable[[Session], object]) -> Problem:
    with pytest.raises(Problem) as caught, store.writing() as db:
        work(db)
    return caught.value


def path(store: Store, zone_id: str) -> str:
    with store.reading() as db:
        return db.get_one(Zone, zone_id).path


def receiver(store: Store, now: datetime, zone_id: str, *, online: bool = False) -> str:
    with store.writing() as db:
        row = Receiver(id=new_id(now), zone_id=zone_id, name="Cụm loa", online=online, enrolled_at=now)
        db.add(row)
        return row.id


def marked(store: Store) -> set[str]:
    with store.writing() as db:
        found = set(db.exec(select(DirtyTopic.topic)).all())
        db.exec(delete(DirtyTopic))
        return found


def test_a_zone_is_made_below_ones_own_and_a_root_by_nobody_but_the_machine(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    def make(parent_id: str | None) -> Callable[[Session], Zone]:
        new = ZoneNew(parent_id=parent_id, kind=ZoneKind.HAMLET, name="Nóc Ông Đề")
        return lambda db: service.create_zone(db, admin, now, new)

    with store.writing() as db:
        made = make(places.leng_1)(db)
        assert made.path == f"/{places.province}/{places.leng}/{places.leng_1}/{made.id}/"
    for outside in (places.van, places.province, None):
        assert isinstance(refused(store, make(outside)), Forbidden)
    assert isinstance(refused(store, make("nowhere")), NotFound)


def test_every_role_sees_and_only_an_administrator_changes(
    store: Store, now: datetime, places: Any, add_person: AddPerson
) -> None:
    change = ZoneChange(name="Thôn mới")
    for role in Role:
        actor = add_person(role.value, places.leng, role)
        with store.reading() as db:
            assert service.zone_for(db, actor, now, places.leng_1).name.startswith("Thôn")
            with pytest.raises(NotFound):
                service.zone_for(db, actor, now, places.van_1)
            assert {zone.id for zone in service.tree(db, actor, now)} == {places.leng, places.leng_1, places.leng_2}

        def rename(db: Session, actor: Actor = actor) -> Zone:
            return service.change_zone(db, actor, now, places.leng_1, version=1, change=change)

        if role is Role.ADMINISTRATOR:
            with store.writing() as db:
                assert rename(db).version == 2
        else:
            assert isinstance(refused(store, rename), Forbidden)


def test_two_people_do_not_overwrite_each_other(store: Store, admin: Actor, now: datetime, places: Any) -> None:
    with store.writing() as db:
        service.change_zone(db, admin, now, places.leng_1, version=1, change=ZoneChange(code="20935-99"))
    late = ZoneChange(name="Thôn Một")
    stale = refused(store, lambda db: service.change_zone(db, admin, now, places.leng_1, version=1, change=late))
    assert isinstance(stale, Stale)


def test_of_many_who_edit_one_version_at_once_one_succeeds(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    def rename(number: int) -> str:
        try:
            with store.writing() as db:
                change = ZoneChange(name=f"Thôn {number}")
                return service.change_zone(db, admin, now, places.leng_1, version=1, change=change).name
        except Stale:
            return "stale"

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(rename, range(6)))
    assert outcomes.count("stale") == 5
    with store.reading() as db:
        assert db.get_one(Zone, places.leng_1).name in outcomes


def test_zones_made_while_their_parent_moves_have_its_new_path(
    store: Store, root: Actor, now: datetime, places: Any
) -> None:
    def move(parent_id: str) -> None:
        with store.writing() as db:
            zone = db.get_one(Zone, places.leng_1)
            service.move_zone(db, root, now, zone.id, version=zone.version, parent_id=parent_id)

    def make(number: int) -> None:
        with store.writing() as db:
            new = ZoneNew(parent_id=places.leng_1, kind=ZoneKind.HAMLET, name=f"Nóc {number}")
            service.create_zone(db, root, now, new)

    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(make, number) for number in range(12)]
        moved = pool.submit(move, places.van)
        for work in (*made, moved):
            work.result()
    new_path = path(store, places.leng_1)
    assert places.van in new_path
    with store.reading() as db:
        children = repository.children(db, places.leng_1)
    assert [zone.path for zone in children] == [f"{new_path}{zone.id}/" for zone in children]
    assert len(children) == 12


def test_a_zone_does_not_end_before_it_begins(store: Store, admin: Actor, now: datetime, places: Any) -> None:
    with store.writing() as db:
        first = ZoneChange(valid_from=date(2025, 7, 1))
        service.change_zone(db, admin, now, places.leng_1, version=1, change=first)

    def end(db: Session, day: date) -> Zone:
        change = ZoneChange(valid_until=day)
        return service.change_zone(db, admin, now, places.leng_1, version=2, change=change)

    early = refused(store, lambda db: end(db, date(2025, 7, 1)))
    assert (early.code, early.field) == ("ends_before_it_begins", "valid_until")
    with store.writing() as db:
        ended = end(db, date(2027, 1, 1))
        assert rules.valid_on(ended, date(2026, 12, 31))
        assert not rules.valid_on(ended, date(2027, 1, 1))
        assert not rules.valid_on(ended, date(2025, 6, 30))


@pytest.mark.parametrize(
    ("timezone", "midnight"),
    [
        (None, datetime(2026, 11, 23, 17, tzinfo=UTC)),
        ("Pacific/Kiritimati", datetime(2026, 11, 23, 10, tzinfo=UTC)),
        ("Etc/GMT+12", datetime(2026, 11, 24, 12, tzinfo=UTC)),
    ],
)
def test_a_zone_begins_and_ends_at_midnight_there(
    store: Store, places: Any, timezone: str | None, midnight: datetime
) -> None:
    with store.writing() as db:
        zone = db.get_one(Zone, places.leng_1)
        db.get_one(Zone, places.leng).timezone = timezone  # its own is that of the place above
        zone.valid_from, zone.valid_until = date(2026, 11, 24), date(2026, 11, 25)
        db.flush()
        before, last = midnight - timedelta(seconds=1), midnight + timedelta(hours=24, seconds=-1)
        moments = (before, midnight, last, midnight + timedelta(hours=24))
        assert [bool(rules.there_now(db, [zone], at)) for at in moments] == [False, True, True, False]
        later = [bool(rules.there_now(db, [zone], at, also_coming=True)) for at in moments]
        assert later == [True, True, True, False]


def test_moving_takes_everything_below_along(store: Store, root: Actor, now: datetime, places: Any) -> None:
    receiver_id = receiver(store, now, places.leng_2)
    marked(store)
    with store.writing() as db:
        service.move_zone(db, root, now, places.leng, version=1, parent_id=places.van)
    assert path(store, places.leng_2) == f"/{places.province}/{places.van}/{places.leng}/{places.leng_2}/"
    programmes = {f"loa/v1/zones/{zone_id}/programme" for zone_id in vars(places).values()}  # holidays move along
    assert marked(store) == {*programmes, f"loa/v1/receivers/{receiver_id}/settings"}
    with store.reading() as db:
        paths = {zone.id: zone.path for zone in db.exec(select(Zone)).all()}
        for zone in db.exec(select(Zone)).all():
            above = paths[zone.parent_id] if zone.parent_id else "/"
            assert zone.path == f"{above}{zone.id}/"


def test_a_zone_is_moved_neither_into_itself_nor_across_ones_border(
    store: Store, admin: Actor, root: Actor, now: datetime, places: Any
) -> None:
    def move(actor: Actor, zone_id: str, parent_id: str) -> Problem:
        return refused(store, lambda db: service.move_zone(db, actor, now, zone_id, version=1, parent_id=parent_id))

    assert move(root, places.leng, places.leng_2).code == "move_into_itself"
    assert move(root, places.leng, places.leng).code == "move_into_itself"
    assert isinstance(move(root, places.province, places.leng), Conflict)
    assert isinstance(move(admin, places.leng_1, places.van), Forbidden)
    assert isinstance(move(admin, places.van_1, places.leng), NotFound)
    assert isinstance(move(admin, places.leng, places.leng), Forbidden)  # out of the hands of who is above


def test_the_tree_is_as_deep_as_a_receivers_path_may_be(store: Store, root: Actor, now: datetime, places: Any) -> None:
    with store.writing() as db:
        parent = places.leng
        for level in range(service.MAX_DEPTH - 2):
            new = ZoneNew(parent_id=parent, kind=ZoneKind.OTHER, name=f"{level}")
            parent = service.create_zone(db, root, now, new).id
    new = ZoneNew(parent_id=parent, kind=ZoneKind.OTHER, name="too deep")
    assert refused(store, lambda db: service.create_zone(db, root, now, new)).code == "too_deep"
    deeper = refused(store, lambda db: service.move_zone(db, root, now, places.leng, version=1, parent_id=places.van))
    assert deeper.code == "too_deep"


def test_what_is_referred_to_is_ended_not_deleted(
    store: Store, admin: Actor, root: Actor, now: datetime, places: Any
) -> None:
    receiver(store, now, places.leng_1)
    for used in (places.leng, places.leng_1):
        problem = refused(store, lambda db: service.delete_zone(db, root, now, used, version=1))  # noqa: B023
        assert (type(problem), problem.code) == (Conflict, "zone_in_use")
    with store.writing() as db:
        service.delete_zone(db, admin, now, places.leng_2, version=1)
    with store.reading() as db:
        assert repository.zone(db, places.leng_2) is None


QUIET = ZoneSettings(
    quiet_hours=[QuietTimes(start="21:30", end="04:45")], quota=QuotaLimits(sessions_per_day=3, session_minutes=45)
)


def test_settings_come_from_the_nearest_zone_that_sets_them(
    store: Store, root: Actor, now: datetime, places: Any
) -> None:
    with store.writing() as db:
        service.change_settings(db, root, now, places.province, version=1, settings=QUIET)
        own = ZoneSettings(
            max_airing_s=600, quota_lifted=True, approval_classes=[BroadcastClass.NORMAL], languages=["vi", "cdo"]
        )
        service.change_settings(db, root, now, places.leng, version=1, settings=own)
        village = ZoneSettings(quiet_hours=[], timezone="Asia/Tokyo")
        service.change_settings(db, root, now, places.leng_1, version=1, settings=village)
    with store.reading() as db:
        top = rules.effective(db, path(store, places.van_1))
        assert [(q.start_minute, q.end_minute) for q in top.rules.quiet_hours] == [(21 * 60 + 30, 4 * 60 + 45)]
        assert top.rules.quota is not None
        assert (top.rules.quota.sessions_per_day, top.rules.quota.session_us) == (3, 45 * MINUTE_US)
        assert top.approval_classes == frozenset(BroadcastClass)
        commune = rules.effective(db, path(store, places.leng_2))
        assert (commune.rules.quota, commune.rules.max_airing_us) == (None, 600_000_000)
        assert commune.rules.quiet_hours == top.rules.quiet_hours
        assert (commune.approval_classes, commune.languages) == (frozenset({BroadcastClass.NORMAL}), ("vi", "cdo"))
        village_rules = rules.effective_rules(db, path(store, places.leng_1))
        assert (village_rules.quiet_hours, village_rules.timezone) == ((), "Asia/Tokyo")
        assert village_rules.max_airing_us == 600_000_000


def test_null_takes_what_holds_above_again_and_what_is_not_sent_stays(
    store: Store, root: Actor, now: datetime, places: Any
) -> None:
    with store.writing() as db:
        service.change_settings(db, root, now, places.leng, version=1, settings=QUIET)
        service.change_settings(db, root, now, places.leng, version=2, settings=ZoneSettings(quota=None))
        zone = db.get_one(Zone, places.leng)
        assert zone.quota is None
        assert zone.quiet_hours is not None
        assert views.settings_of(zone).quiet_hours == QUIET.quiet_hours


def test_settings_change_what_their_receivers_hold_and_nobody_elses(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    mine, other = receiver(store, now, places.leng_1), receiver(store, now, places.van_1)
    marked(store)
    with store.writing() as db:
        service.change_settings(db, admin, now, places.leng_1, version=1, settings=QUIET)
    topics = marked(store)
    assert f"loa/v1/receivers/{mine}/settings" in topics
    assert f"loa/v1/zones/{places.leng_1}/programme" in topics
    assert not any(other in topic or places.van_1 in topic or places.leng_2 in topic for topic in topics)


@pytest.mark.parametrize(
    "settings",
    [
        ZoneSettings(timezone="Asia/Nowhere"),
        ZoneSettings(timezone="../../etc/passwd"),
        ZoneSettings(fallback_recording_id="nothing"),
    ],
)
def test_settings_that_cannot_hold_change_nothing(
    store: Store, admin: Actor, now: datetime, places: Any, settings: ZoneSettings
) -> None:
    problem = refused(
        store, lambda db: service.change_settings(db, admin, now, places.leng, version=1, settings=settings)
    )
    assert isinstance(problem, Invalid)
    with store.reading() as db:
        zone = db.get_one(Zone, places.leng)
        assert (zone.timezone, zone.fallback_recording_id, zone.version) == (None, None, 1)


def test_counts_are_of_a_zone_and_all_below_it(store: Store, root: Actor, now: datetime, places: Any) -> None:
    rng = random.Random(7)  # noqa: S311
    homes = [rng.choice(list(vars(places).values())) for _ in range(20)]
    for number, home in enumerate(homes):
        receiver(store, now, home, online=number % 3 == 0)
    with store.reading() as db:
        shown = views.zone_views(db, service.tree(db, root, now))
        paths = {zone_id: db.get_one(Zone, zone_id).path for zone_id in homes}
    for view in shown:
        below = [number for number, home in enumerate(homes) if f"/{view.id}/" in paths[home]]
        assert view.receivers == len(below)
        assert view.receivers_online == sum(number % 3 == 0 for number in below)
    assert [view.name for view in shown] == ["Đà Nẵng", "Trà Leng", "Thôn 1", "Thôn 2", "Trà Vân", "Thôn 1", "Thôn 2"]
    assert shown[2].place == ["Đà Nẵng", "Trà Leng"]


def test_search_shows_all_candidates_of_ones_own_area(
    store: Store, admin: Actor, root: Actor, now: datetime, places: Any
) -> None:
    with store.writing() as db:
        for name in ("Trà Don", "Trà Dơn"):
            new = ZoneNew(parent_id=places.province, kind=ZoneKind.COMMUNE, name=name)
            service.create_zone(db, root, now, new)
    with store.reading() as db:
        assert [zone.name for zone in service.search(db, root, now, "tra don")] == ["Trà Don", "Trà Dơn"]
        assert [zone.name for zone in service.search(db, root, now, "trà dơn")] == ["Trà Dơn"]
        assert [zone.id for zone in service.search(db, root, now, "20935")] == [places.leng]
        assert service.search(db, admin, now, "tra don") == []
        assert len(service.search(db, root, now, "thôn 1")) == 2
        assert len(service.search(db, root, now, "thôn", limit=3)) == 3
