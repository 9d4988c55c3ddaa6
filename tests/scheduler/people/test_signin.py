from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pyotp
import pytest
from sqlmodel import col, select

from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Problem, TooMany
from scheduler.people import account, signin, trail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, User, WebSession
from scheduler.people.schemas import TokenNew
from scheduler.people.signin import Credentials, Known, NotSignedIn, SignedIn
from scheduler.rights import Action, Role
from scheduler.store.engine import Store

PASSWORD = "một mật khẩu đủ dài"
DAY = timedelta(hours=12)


@pytest.fixture
def lan(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("lan", places.leng, Role.EDITOR)


def enter(store: Store, now: datetime, password: str = PASSWORD, address: str = "10.0.0.1", code: str = "") -> SignedIn:
    return signin.sign_in(store, now, Credentials("lan", password, address, code), DAY)


def known(store: Store, now: datetime, cookie: str) -> Known | None:
    with store.reading() as db:
        return signin.known_by_cookie(db, now, cookie)


def refusal(work: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        work()
    return refused.value


def test_the_right_password_opens_a_session_of_which_only_a_hash_is_kept(
    store: Store, lan: Actor, now: datetime
) -> None:
    signed_in = enter(store, now)
    found = known(store, now, signed_in.cookie)
    assert found is not None
    assert found.actor == lan
    with store.reading() as db:
        row = db.exec(select(WebSession)).one()
        assert signed_in.cookie not in repr(row.model_dump())
    assert len(signed_in.cookie) >= 43
    assert known(store, now, signed_in.cookie + "x") is None
    assert known(store, now, row.token_sha256) is None


def test_a_login_name_is_typed_in_any_case_and_with_spaces(store: Store, lan: Actor, now: datetime) -> None:
    assert signin.sign_in(store, now, Credentials(" LAN ", PASSWORD, "10.0.0.1"), DAY).actor == lan


@pytest.mark.parametrize("login", ["lan", "nobody"])
def test_a_wrong_password_and_an_unknown_person_are_told_the_same(
    store: Store, lan: Actor, now: datetime, login: str
) -> None:
    refused = refusal(lambda: signin.sign_in(store, now, Credentials(login, "wrong", "10.0.0.1"), DAY))
    assert (type(refused), refused.code) == (NotSignedIn, "wrong_credentials")


def test_a_disabled_person_is_told_the_same_and_open_sessions_end(store: Store, lan: Actor, now: datetime) -> None:
    cookie = enter(store, now).cookie
    with store.writing() as db:
        db.get_one(User, lan.user_id).disabled = True
    assert known(store, now, cookie) is None
    assert refusal(lambda: enter(store, now)).code == "wrong_credentials"


def test_twenty_wrong_passwords_are_not_twenty_guesses(store: Store, lan: Actor, now: datetime) -> None:
    refused = [refusal(lambda: enter(store, now, "guess")) for _ in range(20)]
    assert [type(problem) for problem in refused[:5]] == [NotSignedIn] * 5
    waits = [problem.retry_after_s for problem in refused[5:] if isinstance(problem, TooMany)]
    assert waits == [1] * 15
    assert isinstance(refusal(lambda: enter(store, now)), TooMany)  # the right one has to wait as well
    assert enter(store, now + timedelta(seconds=1)).actor == lan


def test_guessing_on_makes_the_wait_grow(store: Store, lan: Actor, now: datetime) -> None:
    at, tries = now, 0
    while at < now + timedelta(minutes=14):
        refused = refusal(lambda at=at: enter(store, at, "guess"))  # type: ignore[misc]
        if isinstance(refused, TooMany):
            at += timedelta(seconds=refused.retry_after_s)
        else:
            tries += 1
    assert tries <= 15


def test_many_guesses_at_the_same_instant_are_counted_each(store: Store, lan: Actor, now: datetime) -> None:
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda number: refusal(lambda: enter(store, now, f"guess {number}")), range(16)))
    assert sum(isinstance(problem, NotSignedIn) for problem in refused) == 5


def test_a_strangers_guesses_do_not_keep_the_owner_out(store: Store, lan: Actor, now: datetime) -> None:
    enter(store, now, address="10.0.0.1")
    for number in range(60):
        refusal(lambda number=number: enter(store, now, "guess", address=f"203.0.113.{number}"))  # type: ignore[misc]
    assert isinstance(refusal(lambda: enter(store, now, address="198.51.100.7")), TooMany)
    assert enter(store, now, address="10.0.0.1").actor == lan


def test_one_address_cannot_try_many_logins(
    store: Store, now: datetime, add_person: Callable[..., Actor], places: Any
) -> None:
    for number in range(25):
        add_person(f"person{number}", places.leng)

    def guess(login: str) -> Problem:
        return refusal(lambda: signin.sign_in(store, now, Credentials(login, "wrong", "203.0.113.9"), DAY))

    refused = [guess(f"person{number}") for number in range(25)]
    assert [type(problem) for problem in refused] == [NotSignedIn] * 20 + [TooMany] * 5


def test_the_right_password_clears_earlier_slips(store: Store, lan: Actor, now: datetime) -> None:
    for _ in range(3):
        for _ in range(4):
            refusal(lambda: enter(store, now, "slip"))
        assert enter(store, now).actor == lan


def test_a_session_ends_by_sign_out_by_age_and_when_left_alone(store: Store, lan: Actor, now: datetime) -> None:
    out, old, idle = (enter(store, now).cookie for _ in range(3))
    with store.writing() as db:
        signin.sign_out(db, lan, now, signin.digest(out))
    assert known(store, now, out) is None
    assert known(store, now + DAY / 4 - timedelta(seconds=1), idle) is not None
    assert known(store, now + DAY / 4, idle) is None
    for hours in range(1, 12):
        with store.writing() as db:
            signin.touch(db, now + timedelta(hours=hours), signin.digest(old))
    assert known(store, now + timedelta(hours=11, minutes=59), old) is not None
    assert known(store, now + DAY, old) is None


def test_administrators_see_who_of_theirs_came_and_went(
    store: Store, lan: Actor, add_person: Callable[..., Actor], places: Any, now: datetime
) -> None:
    cookie = enter(store, now).cookie
    with store.writing() as db:
        signin.sign_out(db, lan, now, signin.digest(cookie))
    here = add_person("quản trị", places.leng, Role.ADMINISTRATOR)
    elsewhere = add_person("nơi khác", places.van, Role.ADMINISTRATOR)
    with store.reading() as db:
        seen = [(entry.action, entry.user_name) for entry in trail.page(db, here, now, trail.Asked())]
        assert [entry.action for entry in trail.page(db, elsewhere, now, trail.Asked())].count("session.begin") == 0
    assert {("session.begin", "Lan"), ("session.end", "Lan")} <= set(seen)


def test_a_changed_password_ends_all_other_sessions_and_the_tokens(store: Store, lan: Actor, now: datetime) -> None:
    here, elsewhere = enter(store, now).cookie, enter(store, now).cookie
    secret = token(store, lan, now, 399, Action.ZONE_READ)
    me = known(store, now, here)
    assert me is not None
    assert (
        refusal(lambda: account.change_password(store, me, now, "wrong", "một mật khẩu khác")).field == "old_password"
    )
    assert refusal(lambda: account.change_password(store, me, now, PASSWORD, "ngắn")).code == "password_short"
    assert refusal(lambda: account.change_password(store, me, now, PASSWORD, PASSWORD)).code == "password_same"
    assert by_token(store, now, secret) is not None
    account.change_password(store, me, now, PASSWORD, "một mật khẩu khác")
    assert known(store, now, here) is not None
    assert known(store, now, elsewhere) is None
    assert by_token(store, now, secret) is None
    assert refusal(lambda: enter(store, now)).code == "wrong_credentials"
    assert enter(store, now, "một mật khẩu khác").actor.user_id == lan.user_id
    with store.reading() as db:
        assert "user.change_password" in db.exec(select(AuditEntry.action)).all()


def test_the_old_password_cannot_be_guessed_on_an_open_page(store: Store, lan: Actor, now: datetime) -> None:
    me = known(store, now, enter(store, now).cookie)
    assert me is not None
    refused = [refusal(lambda: account.change_password(store, me, now, "wrong", "một mật khẩu khác")) for _ in range(6)]
    assert [type(problem) for problem in refused] == [Invalid] * 5 + [TooMany]


def with_second_factor(store: Store, now: datetime) -> tuple[Known, pyotp.TOTP]:
    me = known(store, now, enter(store, now).cookie)
    assert me is not None
    secret = account.begin_totp(store, me, now, PASSWORD).secret
    telephone = pyotp.TOTP(secret)
    account.confirm_totp(store, me, now, telephone.at(now))
    return me, telephone


def test_the_second_factor_is_asked_for_once_it_was_confirmed(store: Store, lan: Actor, now: datetime) -> None:
    _me, telephone = with_second_factor(store, now)
    later = now + timedelta(minutes=1)
    assert refusal(lambda: enter(store, later)).code == "code_needed"
    assert refusal(lambda: enter(store, later, code="000000")).code == "wrong_code"
    assert refusal(lambda: enter(store, later, "wrong", code=telephone.at(later))).code == "wrong_credentials"
    signed_in = enter(store, later, code=telephone.at(later))
    assert signed_in.actor.second_factor


def test_a_code_that_was_used_is_refused(store: Store, lan: Actor, now: datetime) -> None:
    _me, telephone = with_second_factor(store, now)
    assert refusal(lambda: enter(store, now, code=telephone.at(now))).code == "wrong_code"  # used to confirm
    later = now + timedelta(minutes=1)
    enter(store, later, code=telephone.at(later))
    assert refusal(lambda: enter(store, later, code=telephone.at(later))).code == "wrong_code"


def test_codes_cannot_be_guessed_through(store: Store, lan: Actor, now: datetime) -> None:
    with_second_factor(store, now)
    later = now + timedelta(minutes=1)
    refused = [refusal(lambda n=n: enter(store, later, code=f"{n:06d}")) for n in range(6)]  # type: ignore[misc]
    assert [problem.code for problem in refused] == ["wrong_code"] * 5 + ["too_many_sign_ins"]


def test_asking_for_the_code_is_no_failure(store: Store, lan: Actor, now: datetime) -> None:
    _me, telephone = with_second_factor(store, now)
    later = now + timedelta(minutes=1)
    assert {refusal(lambda: enter(store, later)).code for _ in range(8)} == {"code_needed"}
    assert enter(store, later, code=telephone.at(later)).actor.second_factor


def test_an_unconfirmed_second_factor_locks_nobody_out(store: Store, lan: Actor, now: datetime) -> None:
    me = known(store, now, enter(store, now).cookie)
    assert me is not None
    account.begin_totp(store, me, now, PASSWORD)
    assert not enter(store, now).actor.second_factor


def begun(store: Store, now: datetime) -> tuple[Known, pyotp.TOTP]:
    """Its owner has typed the password, and whoever has the cookie is there too."""
    me = known(store, now, enter(store, now).cookie)
    assert me is not None
    return me, pyotp.TOTP(account.begin_totp(store, me, now, PASSWORD).secret)


def test_the_first_code_cannot_be_guessed_either(store: Store, lan: Actor, now: datetime) -> None:
    thief, telephone = begun(store, now)
    refused = [refusal(lambda: account.confirm_totp(store, thief, now, "000000")).code for _ in range(7)]
    assert refused == ["wrong_code"] * 5 + ["too_many_sign_ins"] * 2
    assert refusal(lambda: account.confirm_totp(store, thief, now, telephone.at(now))).code == "too_many_sign_ins"
    with store.reading() as db:
        refusals = select(AuditEntry.detail).where(AuditEntry.action == "proof.refused")
        kept = db.exec(refusals.order_by(col(AuditEntry.number))).all()
        assert not db.get_one(User, lan.user_id).totp_confirmed
    assert [one["code"] for one in kept] == ["wrong_code"] * 5 + ["too_many_sign_ins"]
    assert {one["act"] for one in kept} == {"totp.confirm"}
    later = now + timedelta(seconds=1)
    assert len(account.confirm_totp(store, thief, later, telephone.at(later))) == 10  # its owner, who mistyped


def test_a_second_factor_that_was_begun_lapses(store: Store, lan: Actor, now: datetime) -> None:
    me, telephone = begun(store, now)
    lapsed = now + account.CONFIRM_WITHIN
    assert refusal(lambda: account.confirm_totp(store, me, lapsed, telephone.at(lapsed))).code == "totp_not_begun"
    anew = pyotp.TOTP(account.begin_totp(store, me, lapsed, PASSWORD).secret)
    last = lapsed + account.CONFIRM_WITHIN - timedelta(seconds=1)
    assert account.confirm_totp(store, me, last, anew.at(last))


def test_turning_the_second_factor_off_asks_for_the_password_and_a_code(
    store: Store, lan: Actor, now: datetime
) -> None:
    me, telephone = with_second_factor(store, now)
    code = telephone.at(now + timedelta(minutes=1))
    now += timedelta(minutes=1)
    assert refusal(lambda: account.end_totp(store, me, now, "", code)).code == "password_missing"
    assert refusal(lambda: account.end_totp(store, me, now, "wrong", code)).code == "password_wrong"
    assert refusal(lambda: account.end_totp(store, me, now, PASSWORD)).code == "code_needed"
    account.end_totp(store, me, now, PASSWORD, code)
    assert enter(store, now).actor.user_id == lan.user_id


def token(store: Store, actor: Actor, now: datetime, days: float, *scope: Action) -> str:
    with store.writing() as db:
        new = TokenNew(name="Trạm đo mưa", scope=list(scope), expires_at=now + timedelta(days=days))
        return account.create_token(db, actor, now, new)[1]


def by_token(store: Store, now: datetime, secret: str) -> Known | None:
    with store.reading() as db:
        return signin.known_by_token(db, now, secret)


def test_a_token_has_its_scope_its_owners_rights_and_an_end(
    store: Store, lan: Actor, now: datetime, places: Any
) -> None:
    secret = token(store, lan, now, 30, Action.ZONE_READ, Action.USER_EDIT)
    assert secret.startswith("loa_")
    found = by_token(store, now, secret)
    assert found is not None
    path = f"/{places.province}/{places.leng}/"
    assert [action for action in Action if found.actor.may(action, path, now)] == [Action.ZONE_READ]
    assert by_token(store, now + timedelta(days=30), secret) is None
    assert by_token(store, now, secret[:-1]) is None
    assert by_token(store, now, signin.digest(secret)) is None


def test_a_token_can_neither_make_tokens_nor_touch_the_password(store: Store, lan: Actor, now: datetime) -> None:
    found = by_token(store, now, token(store, lan, now, 30, *Action))
    assert found is not None
    assert isinstance(refusal(lambda: token(store, found.actor, now, 1, Action.ZONE_READ)), Forbidden)
    assert isinstance(
        refusal(lambda: account.change_password(store, found, now, PASSWORD, "một mật khẩu khác")), Forbidden
    )


@pytest.mark.parametrize("days", [0, -1, 400.1])
def test_a_token_ends_within_400_days(store: Store, lan: Actor, now: datetime, days: float) -> None:
    assert refusal(lambda: token(store, lan, now, days, Action.ZONE_READ)).code == "bad_expiry"


def test_a_token_can_be_ended_by_its_owner_only(
    store: Store, lan: Actor, now: datetime, add_person: Callable[..., Actor], places: Any
) -> None:
    secret = token(store, lan, now, 400, Action.ZONE_READ)
    other = add_person("hoa", places.leng, Role.ADMINISTRATOR)
    with store.reading() as db:
        token_id = account.list_tokens(db, lan)[0].id
        assert account.list_tokens(db, other) == []
    with pytest.raises(NotFound), store.writing() as db:
        account.delete_token(db, other, now, token_id)
    with store.writing() as db:
        account.delete_token(db, lan, now, token_id)
    assert by_token(store, now, secret) is None


def test_beginning_the_second_factor_twice_is_refused_once_it_is_on(store: Store, lan: Actor, now: datetime) -> None:
    me, _telephone = with_second_factor(store, now)
    with pytest.raises(Conflict):
        account.begin_totp(store, me, now, PASSWORD)
