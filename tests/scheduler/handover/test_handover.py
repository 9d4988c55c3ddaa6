"""An official leaves: nothing is lost, and nobody gets what they may not have."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from scheduler.announcements.models import Announcement
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.models import Broadcast
from scheduler.deputies import service as deputies
from scheduler.deputies.schemas import DeputyIn
from scheduler.errors import Conflict, NotFound, Problem
from scheduler.handover import service
from scheduler.handover.schemas import HandoverIn, ItemName, Kind
from scheduler.handover.service import NotTheirs
from scheduler.live.models import LiveKind, LiveTalk
from scheduler.people import service as people
from scheduler.people import signin, trail
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant, User
from scheduler.people.schemas import GrantNew, UserChange
from scheduler.rights import Role
from scheduler.store.types import new_id

AddPerson = Callable[..., Actor]


@pytest.fixture
def admin(commune: Any, add_person: AddPerson, places: Any) -> Actor:
    return add_person("admin", places.province, Role.ADMINISTRATOR)


@pytest.fixture
def heir(commune: Any, add_person: AddPerson, places: Any) -> Actor:
    return add_person("heir", places.leng, Role.EDITOR)


def items(commune: Any, admin: Actor) -> list[ItemName]:
    with commune.store.writing() as db:
        found = service.view(db, admin, commune.now, commune.official.user_id)
    return [ItemName(kind=item.kind, id=item.id) for item in found.items]


def hand_over(commune: Any, admin: Actor, **asked: Any) -> None:
    with commune.store.writing() as db:
        service.hand_over(db, admin, commune.now, commune.official.user_id, HandoverIn(**asked))


def lend(commune: Any, principal: Actor, deputy: Actor) -> None:
    until = commune.now + timedelta(days=300)
    asked = DeputyIn(deputy_id=deputy.user_id, zone_id=commune.places.leng, until=until)
    with commune.store.writing() as db:
        deputies.name(db, principal, commune.now, asked)


def row(commune: Any, broadcast_id: str) -> Broadcast:
    with commune.store.reading() as db:
        found: Broadcast = db.get_one(Broadcast, broadcast_id)
        return found


def test_everything_goes_to_the_heir_and_the_access_ends(commune: Any, admin: Actor, heir: Actor) -> None:
    draft, waiting, planned = commune.saved(), commune.submitted(), commune.approved()
    unused = commune.announce("Chưa phát")
    names = items(commune, admin)
    assert {name.id for name in names} == {draft.id, waiting.id, planned.id, unused}
    hand_over(commune, admin, to=heir.user_id, items=names, end_access=True)
    for made in (draft, waiting, planned):
        moved = row(commune, made.id)
        assert (moved.author_id, moved.state) == (heir.user_id, made.state)
        assert {commune.official.user_id, heir.user_id} <= set(moved.editor_ids)
    with commune.store.reading() as db:
        assert db.get_one(Announcement, unused).author_id == heir.user_id
        gone = db.get_one(User, commune.official.user_id)
        assert gone.disabled
        assert signin.actor_of(db, gone).grants == ()
        said = {entry.action for entry in trail.page(db, admin, commune.now, trail.Asked(text="chưa phát"))}
    assert said == {"announcement.hand_over"}
    assert items(commune, admin) == []


def test_neither_who_wrote_it_nor_who_took_it_approves_it(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    both = add_person("both", places.leng, Role.EDITOR, Role.APPROVER)
    made = commune.submitted()
    hand_over(commune, admin, to=both.user_id, items=items(commune, admin))
    for person in (both, commune.official):
        with commune.store.writing() as db, pytest.raises(Problem) as why:
            broadcasts.approve(db, person, commune.now, made.id, version=made.version + 1)
        assert why.value.code in {"own_broadcast", "forbidden"}
    with commune.store.writing() as db:
        done = broadcasts.approve(db, commune.leader, commune.now, made.id, version=made.version + 1)
    assert done.state == "approved"


def test_who_lacks_the_right_to_one_item_takes_none(commune: Any, admin: Actor, heir: Actor) -> None:
    made = commune.saved()
    names = items(commune, admin)
    with pytest.raises(NotTheirs) as refused:
        hand_over(commune, admin, to=commune.stranger.user_id, items=names, end_access=True)
    assert refused.value.reasons == {made.id: "no_right"}
    assert row(commune, made.id).author_id == commune.official.user_id
    with commune.store.reading() as db:
        assert not db.get_one(User, commune.official.user_id).disabled


def test_who_approved_it_does_not_take_it(commune: Any, admin: Actor) -> None:
    made = commune.approved()
    with pytest.raises(NotTheirs) as refused:
        hand_over(commune, admin, to=commune.leader.user_id, items=items(commune, admin), give_roles=True)
    assert refused.value.reasons == {made.id: "approved_it"}


def test_roles_go_with_the_items_where_that_is_asked(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    new = add_person("new", places.leng)
    made = commune.saved()
    hand_over(commune, admin, to=new.user_id, items=items(commune, admin), give_roles=True, end_access=True)
    assert row(commune, made.id).author_id == new.user_id
    with commune.store.reading() as db:
        grants = signin.actor_of(db, db.get_one(User, new.user_id)).grants
    assert [(grant.role, grant.zone_id) for grant in grants] == [(Role.EDITOR, places.leng)]


@pytest.mark.parametrize("had_until_days", [-1, 30])
@pytest.mark.parametrize("given_until_days", [60, None])
def test_a_role_that_the_taker_has_for_less_long_lasts_as_the_givers(
    commune: Any, admin: Actor, heir: Actor, had_until_days: int, given_until_days: int | None
) -> None:
    until = commune.later(days=given_until_days) if given_until_days is not None else None
    with commune.store.writing() as db:
        for who, at in ((heir, commune.later(days=had_until_days)), (commune.official, until)):
            db.exec(select(RoleGrant).where(RoleGrant.user_id == who.user_id)).one().until = at
    hand_over(commune, admin, to=heir.user_id, items=items(commune, admin), give_roles=True, end_access=True)
    with commune.store.reading() as db:
        grants = signin.actor_of(db, db.get_one(User, heir.user_id)).grants
        said = [entry.action for entry in trail.page(db, admin, commune.now, trail.Asked(action="role.until"))]
    assert [(grant.role, grant.until) for grant in grants] == [(Role.EDITOR, until)]
    assert said == ["role.until"]


def test_a_role_that_the_taker_has_for_longer_stays_so(commune: Any, admin: Actor, heir: Actor) -> None:
    with commune.store.writing() as db:
        held = db.exec(select(RoleGrant).where(RoleGrant.user_id == commune.official.user_id)).one()
        held.until = commune.later(days=30)
    hand_over(commune, admin, to=heir.user_id, items=items(commune, admin), give_roles=True)
    with commune.store.reading() as db:
        [grant] = signin.actor_of(db, db.get_one(User, heir.user_id)).grants
    assert grant.until is None


def test_the_last_administrator_without_an_end_hands_over_to_one_for_good(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    other = add_person("other", places.province, Role.ADMINISTRATOR)
    asked = HandoverIn(to=other.user_id, give_roles=True, end_access=True)
    with commune.store.writing() as db:
        db.exec(select(RoleGrant).where(RoleGrant.user_id == other.user_id)).one().until = commune.later(days=30)
        machine = signin.machine(db)
        with pytest.raises(Conflict, match="last administrator"):
            service.hand_over(db, machine, commune.now, admin.user_id, HandoverIn(end_access=True))
    with commune.store.writing() as db:
        service.hand_over(db, machine, commune.now, admin.user_id, asked)
        [grant] = signin.actor_of(db, db.get_one(User, other.user_id)).grants
    assert grant.until is None


def test_access_does_not_end_over_items_that_nobody_took(commune: Any, admin: Actor) -> None:
    commune.saved()
    with pytest.raises(Conflict, match="nobody"):
        hand_over(commune, admin, end_access=True)
    hand_over(commune, admin, end_access=True, leave_rest=True)
    assert len(items(commune, admin)) == 1


def test_a_talk_that_waits_goes_to_who_may_speak_there(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    speaker = add_person("speaker", places.leng, Role.OPERATOR)
    talk_id = new_id(commune.now)
    with commune.store.writing() as db:
        talk = LiveTalk(
            id=talk_id, zone_id=places.leng, kind=LiveKind.MICROPHONE, title="Họp thôn", delay_ms=2000,
            speaker_id=commune.official.user_id, bitrate_bps=24_000, limit_s=600, asked_at=commune.now,
            starts_at=commune.now + timedelta(hours=1),
        )  # fmt: skip
        db.add(talk)
    names = [ItemName(kind=Kind.LIVE, id=talk_id)]
    with pytest.raises(NotTheirs):
        hand_over(commune, admin, to=commune.stranger.user_id, items=names)
    hand_over(commune, admin, to=speaker.user_id, items=names)
    with commune.store.reading() as db:
        assert db.get_one(LiveTalk, talk_id).speaker_id == speaker.user_id


def test_what_waits_for_an_approver_says_who_else_can(commune: Any, admin: Actor) -> None:
    made = commune.submitted()
    with commune.store.writing() as db:
        view = service.view(db, admin, commune.now, commune.leader.user_id)
    assert [(one.id, one.others) for one in view.approvals] == [(made.id, [])]


def test_a_deputy_who_stays_can_approve_and_one_of_who_leaves_cannot(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    commune.submitted()
    other = add_person("other", places.province, Role.APPROVER)
    for principal, deputy in ((other, "stays"), (commune.leader, "goes")):
        person = add_person(deputy, places.leng, Role.VIEWER)
        lend(commune, principal, person)
    with commune.store.writing() as db:
        view = service.view(db, admin, commune.now, commune.leader.user_id)
    assert [one.others for one in view.approvals] == [["Other", "Stays"]]


def test_an_account_that_is_opened_again_approves_as_nobodys_deputy(
    commune: Any, admin: Actor, add_person: AddPerson, places: Any
) -> None:
    both, helper = add_person("both", places.leng, Role.APPROVER), add_person("helper", places.leng)
    lend(commune, commune.leader, commune.official)
    lend(commune, both, helper)
    for leaver in (commune.official, both):
        with commune.store.writing() as db:
            service.hand_over(db, admin, commune.now, leaver.user_id, HandoverIn(end_access=True, leave_rest=True))
        with commune.store.writing() as db:
            user = db.get_one(User, leaver.user_id)
            people.change_user(db, admin, commune.now, user.id, version=user.version, change=UserChange(disabled=False))
            for role in (Role.APPROVER,) if leaver is both else ():
                people.give_role(
                    db, admin, commune.now, GrantNew(user_id=leaver.user_id, zone_id=places.leng, role=role)
                )
    with commune.store.reading() as db:
        assert set(signin.grants_of(db, [commune.official.user_id, helper.user_id]).values()) == {()}
        ended = trail.page(db, admin, commune.now, trail.Asked(action="deputy.end"))
        assert {entry.subject for entry in ended} == {
            f"user:{commune.official.user_id}", f"user:{helper.user_id}"
        }  # fmt: skip


@pytest.mark.parametrize("role", Role)
def test_only_who_manages_the_account_hands_over(role: Role, commune: Any, add_person: AddPerson, places: Any) -> None:
    actor = add_person("me", places.leng, role)
    if role is Role.ADMINISTRATOR:
        hand_over(commune, actor, end_access=True, leave_rest=True)
        return
    with pytest.raises(NotFound):
        hand_over(commune, actor, end_access=True, leave_rest=True)
    stranger = add_person("other", places.van, Role.ADMINISTRATOR)
    with pytest.raises(NotFound):
        hand_over(commune, stranger, end_access=True, leave_rest=True)


def test_the_last_administrator_does_not_go(commune: Any, admin: Actor) -> None:
    with commune.store.writing() as db:
        machine = signin.machine(db)
        with pytest.raises(Conflict, match="last administrator"):
            service.hand_over(db, machine, commune.now, admin.user_id, HandoverIn(end_access=True))


def test_looking_takes_the_same_queries_however_much_there_is(commune: Any, admin: Actor, now: datetime) -> None:
    def queries() -> int:
        asked: list[str] = []
        with commune.store.writing() as db:
            event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
            service.view(db, admin, now, commune.official.user_id)
        return len(asked)

    def more(title: str) -> None:
        commune.saved()
        commune.submitted()
        commune.announce(title)

    more("một")
    few = queries()
    for number in range(4):
        more(f"số {number}")
    assert queries() == few
