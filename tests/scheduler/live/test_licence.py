"""Who speaks may do so for as long as they speak."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from scheduler.live import service
from scheduler.live.models import LiveEnd
from scheduler.people import repository as people
from scheduler.people import service as accounts
from scheduler.people import signin
from scheduler.people.account import create_token
from scheduler.people.models import WebSession
from scheduler.people.schemas import TokenNew, UserChange
from scheduler.people.signin import Credentials
from scheduler.rights import Action
from tests.conftest import PASSWORD
from tests.scheduler.live.conftest import Microphones

DAY = timedelta(days=1)
Deed = Callable[[Session, Microphones], object]


@pytest.fixture
def sign_in(air: Microphones) -> str:
    """The operator's, as a stage keeps it."""
    credentials = Credentials(air.commune.operator.login, PASSWORD, "127.0.0.1")
    return signin.digest(signin.sign_in(air.store, air.now, credentials, timedelta(hours=2)).cookie)


def alive(air: Microphones, carried: dict[str, str | None], seconds: float = 1) -> dict[str, LiveEnd]:
    with air.store.writing() as db:
        return service.alive(db, air.later(seconds), carried)


def take_role(db: Session, air: Microphones) -> None:
    machine = signin.machine(db)
    (role,) = accounts.roles_of(db, machine, air.now, air.commune.operator.user_id)
    accounts.take_role(db, machine, air.now, role.id)


def let_role_run_out(db: Session, air: Microphones) -> None:
    ((row, _zone),) = people.grants_of(db, [air.commune.operator.user_id])
    row.until = air.later(0.5)


def lock(db: Session, air: Microphones) -> None:
    user = people.user(db, air.commune.operator.user_id)
    assert user is not None
    accounts.change_user(
        db, signin.machine(db), air.now, user.id, version=user.version, change=UserChange(disabled=True)
    )


def sign_out(db: Session, air: Microphones) -> None:
    people.end_sessions_of(db, air.commune.operator.user_id)


def reset_password(db: Session, air: Microphones) -> None:
    accounts.reset_password(db, signin.machine(db), air.now, air.commune.operator.user_id, "hash")


def let_sign_in_run_out(db: Session, air: Microphones) -> None:
    db.exec(select(WebSession)).one().expires_at = air.later(0.5)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (take_role, LiveEnd.ROLE_TAKEN),
        (let_role_run_out, LiveEnd.ROLE_TAKEN),
        (lock, LiveEnd.ACCOUNT_LOCKED),
        (sign_out, LiveEnd.SIGNED_OUT),
        (reset_password, LiveEnd.SIGNED_OUT),
        (let_sign_in_run_out, LiveEnd.SIGNED_OUT),
    ],
)
def test_who_may_not_speak_any_more_is_ended(air: Microphones, sign_in: str, deed: Deed, reason: LiveEnd) -> None:
    talk, carried = air.ask(), dict[str, str | None]()
    air.begin(talk.id)
    carried[talk.id] = sign_in
    assert alive(air, carried, 0) == {}
    with air.store.writing() as db:
        deed(db, air)
    assert alive(air, carried) == {talk.id: reason}
    air.end(talk.id, reason, at=air.later(3), frames=3 * 48_000)
    assert air.ends() == [(None, reason.value)]  # the machine's act, not the speaker's
    (session,) = air.in_force()
    assert session.frames == 3 * 48_000  # its last words and the chime are still heard


def test_a_token_that_is_taken_away_ends_what_it_speaks(air: Microphones) -> None:
    operator = air.commune.operator
    with air.store.writing() as db:
        new = TokenNew(name="Mixer", scope=[Action.LIVE_SPEAK], expires_at=air.now + DAY)
        row, _secret = create_token(db, operator, air.now, new)
    talk = air.ask()
    air.begin(talk.id)
    assert alive(air, {talk.id: row.token_sha256}) == {}
    with air.store.writing() as db:
        people.end_tokens_of(db, operator.user_id)
    assert alive(air, {talk.id: row.token_sha256}) == {talk.id: LiveEnd.SIGNED_OUT}


def test_a_relay_needs_nobody_signed_in_but_whoever_asked_must_still_have_the_right(
    air: Microphones, sign_in: str
) -> None:
    assert sign_in
    now = air.ask(kind="relay", source_url="https://stream.example/1", zone_ids=[air.commune.places.van])
    later = air.ask(kind="relay", source_url="https://stream.example/2", starts_at=air.later(600))
    air.begin(now.id)
    waiting = air.ask(zone_ids=[air.commune.places.van])
    with air.store.writing() as db:
        sign_out(db, air)
    assert alive(air, {now.id: None}) == {}
    air.tick(air.later(1))
    assert air.ends() == []
    with air.store.writing() as db:
        take_role(db, air)
    assert alive(air, {now.id: None}, 2) == {now.id: LiveEnd.ROLE_TAKEN}
    air.tick(air.later(2))
    assert air.view(later.id).end_reason is LiveEnd.ROLE_TAKEN
    assert air.view(waiting.id).end_reason is LiveEnd.ROLE_TAKEN


def test_one_speaker_s_loss_is_nobody_else_s(air: Microphones, add_person: Any) -> None:
    other = add_person("other", air.commune.places.province, *(grant.role for grant in air.commune.operator.grants))
    mine, theirs = air.ask(), air.ask(by=other, zone_ids=[air.commune.places.van])
    air.begin(mine.id)
    air.begin(theirs.id)
    with air.store.writing() as db:
        take_role(db, air)
    assert alive(air, {mine.id: None, theirs.id: None}) == {mine.id: LiveEnd.ROLE_TAKEN}
