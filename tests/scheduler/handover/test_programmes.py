"""Bulletins, playlists, relays and the morning's word of what was not heard change hands too."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from scheduler.announcements import parts
from scheduler.announcements.models import Announcement
from scheduler.announcements.schemas import NewPlaylist
from scheduler.bulletins import service as bulletins
from scheduler.bulletins.models import Bulletin
from scheduler.bulletins.schemas import BulletinIn
from scheduler.handover import service
from scheduler.handover.schemas import HandoverIn, ItemName, Kind
from scheduler.handover.service import NotTheirs
from scheduler.live.asking import Terms
from scheduler.notices import service as notices
from scheduler.notices.models import NoticeChoice
from scheduler.notices.schemas import ChoiceIn
from scheduler.people.actor import Actor
from scheduler.relays import service as relays
from scheduler.relays.models import Relay
from scheduler.relays.schemas import RelayIn
from scheduler.reports import service as reports
from scheduler.reports.models import ReportSubscription
from scheduler.rights import Role

TERMS = Terms(frozenset({"stream.example"}))


@pytest.fixture
def admin(commune: Any, add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("admin", places.province, Role.ADMINISTRATOR)


@pytest.fixture
def heir(commune: Any, add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("heir", places.leng, Role.EDITOR)


def programme(commune: Any, name: str) -> dict[Kind, str]:
    """A bulletin, a playlist and an approved relay of the official's, who is told of what was not heard."""
    leng, who, now = commune.places.leng, commune.official, commune.now
    when = {"starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY", "until": "2026-11-24"}
    relay = {
        "zone_id": leng, "title": name, "source_url": "https://stream.example/a", "limit_min": 15, "when": when,
        "zone_ids": [leng],
    }  # fmt: skip
    daily = {"zone_id": leng, "name": name, "slots": [{"name": "Tin"}], "times": ["17:00"], "zone_ids": [leng]}
    with commune.store.writing() as db:
        listed = NewPlaylist(zone_id=leng, title=name, announcement_ids=[commune.announcement_id])
        made = relays.create(db, who, now, RelayIn.model_validate(relay), TERMS)
        made = relays.submit(db, who, now, made.id, terms=TERMS, version=made.version)
        made = relays.approve(db, commune.leader, now, made.id, terms=TERMS, version=made.version)
        reports.subscribe(db, who, now, leng, wanted=True)
        notices.choose(db, who, now, ChoiceIn(address="lan@leng.example"))
        return {
            Kind.RELAY: made.id,
            Kind.BULLETIN: bulletins.create(db, who, now, BulletinIn.model_validate(daily)).id,
            Kind.PLAYLIST: parts.create(db, who, now, listed).id,
            Kind.REPORT: leng,
        }


def hand_over(commune: Any, admin: Actor, **asked: Any) -> None:
    with commune.store.writing() as db:
        service.hand_over(db, admin, commune.now, commune.official.user_id, HandoverIn(**asked))


def test_they_go_to_the_heir_and_no_mail_goes_to_who_left(commune: Any, admin: Actor, heir: Actor) -> None:
    made = programme(commune, "VOV1")
    with commune.store.writing() as db:
        found = service.view(db, admin, commune.now, commune.official.user_id).items
    assert {(one.kind, one.id) for one in found if one.kind is not Kind.ANNOUNCEMENT} == set(made.items())
    names = [ItemName(kind=one.kind, id=one.id) for one in found]
    hand_over(commune, admin, to=heir.user_id, items=names, end_access=True)
    with commune.store.reading() as db:
        relay = db.get_one(Relay, made[Kind.RELAY])
        assert (relay.author_id, relay.state) == (heir.user_id, "approved")
        assert {commune.official.user_id, heir.user_id} <= set(relay.editor_ids)
        assert db.get_one(Bulletin, made[Kind.BULLETIN]).author_id == heir.user_id
        assert db.get_one(Announcement, made[Kind.PLAYLIST]).author_id == heir.user_id
        assert db.get(ReportSubscription, (heir.user_id, commune.places.leng)) is not None
        assert db.get(ReportSubscription, (commune.official.user_id, commune.places.leng)) is None
        assert db.get(NoticeChoice, commune.official.user_id) is None


def test_who_approved_a_relay_or_has_no_right_there_takes_none(commune: Any, admin: Actor) -> None:
    made = programme(commune, "VOV1")
    names = [ItemName(kind=Kind.RELAY, id=made[Kind.RELAY])]
    for who, why in ((commune.stranger, "no_right"), (commune.leader, "approved_it")):
        with pytest.raises(NotTheirs) as refused:
            hand_over(commune, admin, to=who.user_id, items=names, give_roles=who is commune.leader)
        assert refused.value.reasons == {made[Kind.RELAY]: why}


def test_looking_takes_the_same_queries_however_many_there_are(commune: Any, admin: Actor) -> None:
    def queries() -> int:
        asked: list[str] = []
        with commune.store.writing() as db:
            event.listen(db.connection(), "before_cursor_execute", lambda *args: asked.append(args[2]))
            service.view(db, admin, commune.now, commune.official.user_id)
        return len(asked)

    programme(commune, "một")
    few = queries()
    for name in ("hai", "ba"):
        programme(commune, name)
    assert queries() == few
