"""What waits for an approver, on both databases: what still comes, the soonest first, and what passed."""

from typing import Any

import pytest

from scheduler.approval import inbox
from scheduler.people.actor import Actor
from scheduler.rights import Grant, Role


def waits(commune: Any, actor: Actor | None = None, **later: float) -> tuple[list[str], list[str]]:
    with commune.store.reading() as db:
        found = inbox.look(db, actor or commune.leader, commune.later(**later))
    assert found.total == len(found.items)
    return [one.item.id for one in found.items], [one.id for one in found.passed]


def sent(commune: Any, when: Any) -> str:
    made: str = commune.submitted(commune.draft(when=when)).id
    return made


def test_what_still_comes_stands_first_and_what_passed_apart(commune: Any) -> None:
    daily = {"kind": "repeat", "rrule": "FREQ=DAILY"}
    soon, later = sent(commune, "2026-11-25T06:00"), sent(commune, "2026-11-26T06:00")
    over, long_over = sent(commune, "2026-11-24T17:00"), sent(commune, "2026-11-23T17:00")
    going_on = sent(commune, daily | {"starts_local": "2026-11-23T19:00", "until": "2026-12-20"})
    ended = sent(commune, daily | {"starts_local": "2026-11-23T18:00", "until": "2026-11-24"})
    at_once = sent(commune, {"kind": "now"})
    assert waits(commune)[1] == []
    # in the evening of the next day, at half past eight there
    assert waits(commune, hours=36, minutes=30) == ([at_once, soon, going_on, later], [over, ended, long_over])
    assert waits(commune, days=60) == ([at_once], [later, soon, over, going_on, ended, long_over])


def test_the_soonest_are_looked_at_however_many_wait(commune: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_LOOKED_AT", 2)
    soon = sent(commune, "2026-11-24T06:00")
    for day in (26, 27, 28):
        sent(commune, f"2026-11-{day}T06:00")
    assert waits(commune)[0][0] == soon


def test_what_passed_goes_back_so_much_at_once(commune: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MOST_PASSED", 2)
    older, old, last = (sent(commune, f"2026-11-{day}T17:00") for day in (23, 24, 25))
    for back, more in (([last, old], True), ([older], False), ([], False)):
        with commune.store.writing() as db:
            now = commune.later(days=10)
            found = inbox.look(db, commune.leader, now)
            assert ([one.id for one in found.passed], found.more_passed) == (back, more)
            assert inbox.give_back_passed(db, commune.leader, now, "Đã qua") == back


def test_what_passed_is_nobodys_who_may_not_approve(commune: Any) -> None:
    sent(commune, "2026-11-23T17:00")
    viewer = Actor(user_id="v", login="v", name="V", grants=(Grant(Role.VIEWER, commune.places.leng),))
    for actor in (commune.official, commune.stranger, viewer):
        assert waits(commune, actor, days=2) == ([], [])
        with commune.store.writing() as db:
            assert inbox.give_back_passed(db, actor, commune.later(days=2), "Đã qua") == []
            assert inbox.count(db, actor, commune.now) == 0
