from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from sqlmodel import Session, delete, select

from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Stale
from scheduler.fleet.models import DirtyTopic
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones import calendar, groups, repository, rules
from scheduler.zones.models import Group, Zone
from scheduler.zones.schemas import GroupChange, GroupNew, HolidayNew

AddPerson = Callable[..., Actor]


@pytest.fixture
def admin(add_person: AddPerson, places: Any) -> Actor:
    return add_person("admin", places.leng, Role.ADMINISTRATOR)


@pytest.fixture
def basin(store: Store, admin: Actor, now: datetime, places: Any) -> Group:
    with store.writing() as db:
        new = GroupNew(zone_id=places.leng, name="Lưu vực", member_ids=[places.leng_1])
        return groups.create_group(db, admin, now, new)


def refused(store: Store, work: Callable[[Session], object]) -> Problem:
    with pytest.raises(Problem) as caught, store.writing() as db:
        work(db)
    return caught.value


def marked(store: Store) -> set[str]:
    with store.writing() as db:
        found = set(db.exec(select(DirtyTopic.topic)).all())
        db.exec(delete(DirtyTopic))
        return found


def test_a_group_holds_only_zones_that_its_maker_administers(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    for member_id in (places.van_1, places.province, "nowhere"):
        new = GroupNew(zone_id=places.leng, name="Lưu vực", member_ids=[places.leng_1, member_id])
        problem = refused(store, lambda db: groups.create_group(db, admin, now, new))  # noqa: B023
        assert (type(problem), problem.field) == (Invalid, "member_ids")
    elsewhere = GroupNew(zone_id=places.van, name="Lưu vực")
    assert isinstance(refused(store, lambda db: groups.create_group(db, admin, now, elsewhere)), Forbidden)


def test_changing_the_members_makes_both_old_and_new_programmes_anew(
    store: Store, admin: Actor, now: datetime, places: Any, basin: Group
) -> None:
    marked(store)
    with store.writing() as db:
        change = GroupChange(member_ids=[places.leng_2])
        groups.change_group(db, admin, now, basin.id, version=1, change=change)
        assert repository.members(db, [basin.id]) == {basin.id: [places.leng_2]}
    assert marked(store) == {f"loa/v1/zones/{zone}/programme" for zone in (places.leng_1, places.leng_2)}
    late = GroupChange(name="Khác")
    stale = refused(store, lambda db: groups.change_group(db, admin, now, basin.id, version=1, change=late))
    assert isinstance(stale, Stale)


def test_a_group_is_seen_and_changed_only_in_its_own_area(
    store: Store, now: datetime, places: Any, basin: Group, add_person: AddPerson
) -> None:
    stranger = add_person("stranger", places.van, Role.ADMINISTRATOR)
    editor = add_person("editor", places.leng, Role.EDITOR)
    with store.reading() as db:
        assert [group.id for group in groups.list_groups(db, editor, now)] == [basin.id]
        assert list(groups.list_groups(db, stranger, now)) == []
    delete_by = [lambda db, a=a: groups.delete_group(db, a, now, basin.id, version=1) for a in (stranger, editor)]
    assert [type(refused(store, work)) for work in delete_by] == [NotFound, Forbidden]


def test_an_unused_group_can_be_deleted(store: Store, admin: Actor, now: datetime, basin: Group) -> None:
    with store.writing() as db:
        groups.delete_group(db, admin, now, basin.id, version=1)
    with store.reading() as db:
        assert repository.group(db, basin.id) is None


def test_a_year_of_public_holidays_has_tet_and_is_filled_once(
    store: Store, admin: Actor, now: datetime, places: Any
) -> None:
    with store.writing() as db:
        own = HolidayNew(zone_id=places.leng, day=date(2027, 9, 2), name="Ngày hội của xã")
        calendar.add_holiday(db, admin, now, own)
        added = calendar.fill_public_holidays(db, admin, now, places.leng, 2027)
        assert calendar.fill_public_holidays(db, admin, now, places.leng, 2027) == []
    days = {row.day: row.name for row in added}
    assert "Tết" in days[date(2027, 2, 6)]
    assert {date(2027, 1, 1), date(2027, 4, 30), date(2027, 5, 1)} <= days.keys()
    assert date(2027, 9, 2) not in days
    with store.reading() as db:
        below = db.get_one(Zone, places.leng_1).path
        beside = db.get_one(Zone, places.van_1).path
        kept = rules.days_off(db, below, date(2027, 1, 1), date(2027, 12, 31))
        assert kept == days.keys() | {date(2027, 9, 2)}
        assert rules.days_off(db, below, date(2027, 2, 6), date(2027, 2, 6)) == {date(2027, 2, 6)}
        assert rules.days_off(db, beside, date(2027, 1, 1), date(2027, 12, 31)) == frozenset()
        listed = calendar.list_holidays(db, admin, now, places.leng_1, 2027)
        assert [row.name for row in listed if row.day == date(2027, 9, 2)] == ["Ngày hội của xã"]


def test_a_holiday_is_set_once_removed_once_and_in_ones_own_area(
    store: Store, admin: Actor, now: datetime, places: Any, add_person: AddPerson
) -> None:
    day = HolidayNew(zone_id=places.leng, day=date(2027, 3, 8), name="Ngày hội")
    marked(store)
    with store.writing() as db:
        calendar.add_holiday(db, admin, now, day)
    assert f"loa/v1/zones/{places.leng_2}/programme" in marked(store)
    assert isinstance(refused(store, lambda db: calendar.add_holiday(db, admin, now, day)), Conflict)
    editor = add_person("editor", places.leng, Role.EDITOR)
    remove = refused(store, lambda db: calendar.remove_holiday(db, editor, now, places.leng, day.day))
    assert isinstance(remove, Forbidden)
    outside = day.model_copy(update={"zone_id": places.van})
    assert isinstance(refused(store, lambda db: calendar.add_holiday(db, admin, now, outside)), Forbidden)
    with store.writing() as db:
        calendar.remove_holiday(db, admin, now, places.leng, day.day)
    gone = refused(store, lambda db: calendar.remove_holiday(db, admin, now, places.leng, day.day))
    assert isinstance(gone, NotFound)
