"""Recovery codes, and where a person is signed in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import ManualClock
from scheduler.errors import Conflict, NotFound, TooMany
from scheduler.people import account, service, sessions, signin
from scheduler.people.actor import Actor
from scheduler.people.models import RecoveryCode
from scheduler.people.schemas import TokenNew
from scheduler.people.signin import Credentials, Known, NotSignedIn
from scheduler.rights import Action, Role
from scheduler.store.engine import Store

PASSWORD = "một mật khẩu đủ dài"
DAY = timedelta(hours=12)


@pytest.fixture
def lan(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("lan", places.leng, Role.EDITOR)


@pytest.fixture
def admin(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("admin", places.leng, Role.ADMINISTRATOR)


@pytest.fixture
def strangers(add_person: Callable[..., Actor], places: Any) -> list[Actor]:
    """An administrator elsewhere, and a colleague who administers nobody."""
    there = add_person("stranger", places.van, Role.ADMINISTRATOR)
    return [there, add_person("colleague", places.leng, Role.OPERATOR)]


def enter(store: Store, now: datetime, code: str = "", device: str = "Firefox") -> Known:
    signed_in = signin.sign_in(store, now, Credentials("lan", PASSWORD, "10.0.0.1", code, device), DAY)
    with store.reading() as db:
        found = signin.known_by_cookie(db, now, signed_in.cookie)
    assert found is not None
    return found


def lasts(store: Store, now: datetime, known: Known) -> bool:
    with store.reading() as db:
        return signin.lasts(db, now, known.token_sha256)


def test_each_recovery_code_stands_once_for_the_telephone(
    store: Store, lan: Actor, second_factor: Callable[[Actor], Callable[[], str]], now: datetime, *, clock: ManualClock
) -> None:
    telephone = second_factor(lan)
    known = enter(store, now, telephone())
    clock.step_wall(timedelta(minutes=1))
    with pytest.raises(NotSignedIn):
        account.renew_recovery_codes(store, known, now, PASSWORD)
    codes = account.renew_recovery_codes(store, known, clock.now(), PASSWORD, telephone())
    assert len(set(codes)) == 10
    with store.reading() as db:
        assert codes[0].replace("-", "") not in repr(db.get(RecoveryCode, 1))
    assert enter(store, now, f" {codes[3].upper()} ").actor.second_factor
    with pytest.raises(NotSignedIn):
        enter(store, now, codes[3])
    again = account.renew_recovery_codes(store, known, now, PASSWORD, codes[4])
    with pytest.raises(NotSignedIn):
        enter(store, now, codes[0])
    assert enter(store, now, again[0])


def test_wrong_recovery_codes_make_one_wait_as_wrong_codes_do(
    store: Store, lan: Actor, second_factor: Callable[[Actor], Callable[[], str]], now: datetime
) -> None:
    second_factor(lan)
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            enter(store, now, "kf3m-9wqp-x2td-vn7c")
    with pytest.raises(TooMany):
        enter(store, now, "kf3m-9wqp-x2td-vn7c")


def test_without_a_second_factor_there_are_no_codes(store: Store, lan: Actor, now: datetime) -> None:
    known = enter(store, now)
    with pytest.raises(Conflict):
        account.renew_recovery_codes(store, known, now, PASSWORD)


def test_an_end_of_the_second_factor_ends_its_codes(
    store: Store,
    lan: Actor,
    admin: Actor,
    *,
    second_factor: Callable[[Actor], Callable[[], str]],
    now: datetime,
    clock: ManualClock,
) -> None:
    telephone = second_factor(lan)
    known = enter(store, now, telephone())
    clock.step_wall(timedelta(minutes=1))
    account.renew_recovery_codes(store, known, clock.now(), PASSWORD, telephone())
    with store.writing() as db:
        service.reset_password(db, admin, now, lan.user_id, "x")
    with store.reading() as db:
        assert db.exec(select(RecoveryCode)).all() == []


def test_one_sign_in_is_ended_at_once_and_the_others_go_on(store: Store, lan: Actor, now: datetime) -> None:
    here, there = enter(store, now), enter(store, now + timedelta(minutes=5), device="Chrome Android")
    with store.reading() as db:
        mine = sessions.own(db, here, now)
    assert [(one.device, one.this, one.address) for one in mine] == [
        ("Chrome Android", False, "10.0.0.1"),
        ("Firefox", True, "10.0.0.1"),
    ]
    with store.writing() as db:
        sessions.end_own(db, here, now, mine[0].id)
    assert (lasts(store, now, here), lasts(store, now, there)) == (True, False)
    with store.writing() as db, pytest.raises(NotFound):
        sessions.end_own(db, here, now, mine[0].id)


def test_nobody_ends_the_sign_in_of_another_but_who_manages_the_account(
    store: Store, lan: Actor, admin: Actor, strangers: list[Actor], now: datetime
) -> None:
    known = enter(store, now)
    with store.reading() as db:
        session_id = sessions.own(db, known, now)[0].id
    for actor in strangers:
        with store.writing() as db, pytest.raises(NotFound):
            sessions.end(db, actor, now, lan.user_id, session_id)
        with store.writing() as db, pytest.raises(NotFound):
            sessions.of(db, actor, now, lan.user_id)
    with store.writing() as db:
        sessions.end(db, admin, now, lan.user_id, session_id)
    assert not lasts(store, now, known)


def test_all_sign_ins_and_tokens_end_in_one_act(store: Store, lan: Actor, admin: Actor, now: datetime) -> None:
    known = enter(store, now)
    with store.writing() as db:
        new = TokenNew(name="Trạm", scope=[Action.ZONE_READ], expires_at=now + timedelta(days=9))
        _row, secret = account.create_token(db, lan, now, new)
    with store.writing() as db:
        signed_in, tokens = sessions.of(db, admin, now, lan.user_id)
        assert (len(signed_in), [token.name for token in tokens]) == (1, ["Trạm"])
        sessions.end_all(db, admin, now, lan.user_id)
    assert not lasts(store, now, known)
    with store.reading() as db:
        assert signin.known_by_token(db, now, secret) is None
