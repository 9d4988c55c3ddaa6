from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from scheduler.errors import Forbidden, NotFound
from scheduler.people.actor import Actor, require
from scheduler.rights import TABLE, Action, Grant, Role

INSIDE = ("/p/a/", "/p/a/v/")
OUTSIDE = ("/p/", "/p/b/", "/", "", "/p/ab/", "a")


def someone(*grants: Grant) -> Actor:
    return Actor(user_id="u", login="u", name="U", grants=grants)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", list(Action))
def test_role_and_place_settle_what_is_refused_and_how(role: Role, action: Action, now: datetime) -> None:
    actor = someone(Grant(role, "a"))
    for path in INSIDE:
        if action in TABLE[role]:
            require(actor, action, path, now)
        else:
            with pytest.raises(Forbidden):
                require(actor, action, path, now)
    hidden = NotFound if action.value.endswith(".read") else Forbidden
    for path in OUTSIDE:
        with pytest.raises(hidden):
            require(actor, action, path, now)


def test_nobody_may_do_nothing_at_all(now: datetime) -> None:
    assert not any(someone().may(action, path, now) for action in Action for path in INSIDE + OUTSIDE)


def test_a_scope_and_an_unchanged_password_only_narrow(now: datetime) -> None:
    actor = someone(Grant(Role.EDITOR, "a"))
    scoped = replace(actor, scope=frozenset({Action.ZONE_READ, Action.USER_EDIT}))
    assert [action for action in Action if scoped.may(action, "/p/a/", now)] == [Action.ZONE_READ]
    assert scoped.zones_for(Action.ZONE_READ, now) == ("a",)
    assert scoped.zones_for(Action.BROADCAST_EDIT, now) == ()
    fresh = replace(actor, must_change_password=True)
    assert not any(fresh.may(action, "/p/a/", now) or fresh.zones_for(action, now) for action in Action)


def test_a_grant_ends_at_its_instant(now: datetime) -> None:
    actor = someone(Grant(Role.EDITOR, "a", now))
    assert actor.may(Action.BROADCAST_EDIT, "/p/a/", now - timedelta(microseconds=1))
    assert not actor.may(Action.BROADCAST_EDIT, "/p/a/", now)


def test_several_zones_need_the_right_in_each_and_no_zones_give_none(now: datetime) -> None:
    actor = someone(Grant(Role.EDITOR, "a"), Grant(Role.VIEWER, "b"))
    assert actor.may_everywhere(Action.BROADCAST_EDIT, ["/p/a/", "/p/a/v/"], now)
    assert not actor.may_everywhere(Action.BROADCAST_EDIT, ["/p/a/", "/p/b/"], now)
    assert not actor.may_everywhere(Action.BROADCAST_EDIT, [], now)
