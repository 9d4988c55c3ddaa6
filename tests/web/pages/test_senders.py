"""In whose name pages send: what is edited stays with its sender, what is new is of the place that it is for."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.broadcasts.models import Broadcast
from scheduler.bulletins.models import Bulletin
from scheduler.people.actor import Actor
from scheduler.people.models import RoleGrant
from scheduler.relays.models import Relay
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.types import new_id
from scheduler.zones.models import Group, GroupMember
from web.auth import CSRF_HEADER
from web.centre import Centre

Browser = Callable[[str], TestClient]
BULLETIN = {"name": "Bản tin chiều", "slot_key": "", "slot_name": "Thời sự", "slot_stand_in": "", "times": "17:00"}
RELAY = {
    "title": "Thời sự VOV1", "source_url": "https://stream.example/vov1.mp3", "limit_min": "15", "first": "2026-11-24",
    "time": "05:00", "until": "2026-12-31",
}  # fmt: skip


@pytest.fixture
def people(centre: Centre, browser: Browser, add_person: Callable[..., Actor], places: Any) -> dict[str, TestClient]:
    """Of Trà Leng an official and its leader, the leader of Trà Vân, and an operator of all above them."""
    centre.settings = centre.settings.model_copy(update={"live_relay_hosts": "stream.example"})
    add_person("official", places.leng, Role.EDITOR)
    add_person("leader", places.leng, Role.APPROVER)
    add_person("other", places.van, Role.APPROVER)
    add_person("operator", places.province, Role.OPERATOR)
    return {name: browser(name) for name in ("official", "leader", "other", "operator")}


@pytest.fixture
def both(  # noqa: PLR0917 -- fixtures
    people: dict[str, TestClient], browser: Browser, store: Store, now: Any, places: Any, add_person: Any
) -> TestClient:
    """An official of both communes; Trà Leng stands first in the tree."""
    person = add_person("both", places.leng, Role.EDITOR)
    with store.writing() as db:
        grant = RoleGrant(id=new_id(now), user_id=person.user_id, zone_id=places.van, role=Role.EDITOR.value)
        db.add(grant)
        for group_id, member in (("G1", places.van_1), ("G2", places.leng_1)):
            db.add(Group(id=group_id, zone_id=places.van, name=group_id))
            db.flush()
            db.add(GroupMember(group_id=group_id, zone_id=member))
    return browser("both")


def post(client: TestClient, path: str, fields: dict[str, Any]) -> str:
    """Where it led."""
    token = {"csrf_token": client.headers[CSRF_HEADER]}
    answer = client.post(path, data=fields | token, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    location: str = answer.headers["location"]
    return location.partition("?")[0]


def composed(text: str, **where: Any) -> dict[str, Any]:
    when = {"when": "at", "date": "2026-11-24", "time": "17:00", "cls": "normal", "intent": "send"}
    return {"source": "text", "text": text} | when | where


def row(store: Store, path: str) -> Broadcast:
    with store.reading() as db:
        return db.get_one(Broadcast, path.rpartition("/")[2])


def test_a_word_corrected_from_above_leaves_it_with_the_commune(
    people: dict[str, TestClient], store: Store, places: Any
) -> None:
    path = post(people["official"], "/broadcasts/new", composed("Họp thôn.", zone=places.leng))
    before = row(store, path)
    assert (before.zone_id, before.origin, before.state) == (places.leng, "commune", "submitted")
    corrected = composed("Họp các thôn.", zone=places.leng, version=str(before.version))
    shown = people["operator"].post(f"{path}/preview", data=corrected | {"step": "check"})
    assert shown.status_code == 200
    post(people["operator"], f"{path}/edit", corrected)
    after = row(store, path)
    assert (after.zone_id, after.origin, after.state) == (places.leng, "commune", "submitted")
    assert after.announcement_id != before.announcement_id
    for name in ("official", "leader"):
        assert "Họp các thôn." in people[name].get(path).text
    post(people["leader"], f"{path}/approve", {"version": str(after.version)})


def test_what_is_new_is_sent_by_the_deepest_own_place_that_holds_all_of_it(
    people: dict[str, TestClient], both: TestClient, store: Store, places: Any
) -> None:
    sent = {
        (places.van_1,): places.van,
        (places.van_1, places.van_2): places.van,
        (places.leng_2,): places.leng,
        (places.van_1, places.leng_1): places.leng,
    }
    for zones, sender in sent.items():
        path = post(both, "/broadcasts/new", composed("Họp thôn.", zone=list(zones)))
        assert row(store, path).zone_id == sender
    by_group = {"G1": places.van, "G2": places.leng}
    for group, sender in by_group.items():
        path = post(both, "/broadcasts/new", composed("Họp thôn.", group=group))
        assert row(store, path).zone_id == sender
    above = post(people["operator"], "/broadcasts/new", composed("Họp thôn.", zone=places.leng_1))
    assert row(store, above).zone_id == places.province


def test_who_may_approve_it_reads_it_whoever_s_announcement_it_is(
    people: dict[str, TestClient], both: TestClient, store: Store, places: Any
) -> None:
    """Its announcement was made before the place was chosen, in the name of the first commune."""
    made = both.post("/broadcasts/new/announcement", data=composed("Họp thôn Vân."))
    announcement_id = made.text.partition('data-announcement-id="')[2].partition('"')[0]
    fields = composed("Họp thôn Vân.", zone=places.van_1, announcement_id=announcement_id)
    path = post(both, "/broadcasts/new", fields)
    assert row(store, path).announcement_id == announcement_id
    assert "Họp thôn Vân." in people["other"].get(path).text
    assert people["leader"].get(path).status_code == 404
    assert path in people["other"].get("/broadcasts").text
    assert "Họp thôn Vân." in people["other"].get("/inbox").text


def test_another_text_is_saved_where_the_former_one_was_read_only_through_the_broadcast(
    both: TestClient, browser: Browser, store: Store, places: Any, add_person: Callable[..., Actor]
) -> None:
    """It was made in the name of the first commune; the editors of the second see it only in what names it."""
    made = both.post("/broadcasts/new/announcement", data=composed("Họp thôn Vân."))
    had = made.text.partition('data-announcement-id="')[2].partition('"')[0]
    draft = {"zone": places.van_1, "announcement_id": had, "intent": "draft"}
    path = post(both, "/broadcasts/new", composed("Họp thôn Vân.") | draft)
    add_person("editor", places.van, Role.EDITOR)
    editor, opened = browser("editor"), {"version": str(row(store, path).version)}
    post(editor, f"{path}/edit", composed("Họp thôn Vân lúc năm giờ.") | draft | opened)
    assert "Họp thôn Vân lúc năm giờ." in editor.get(path).text
    late = composed("Họp thôn Vân lúc sáu giờ.") | draft | opened | {"csrf_token": editor.headers[CSRF_HEADER]}
    refused = editor.post(f"{path}/edit", data=late)
    assert refused.status_code == 422
    assert "Họp thôn Vân lúc sáu giờ." in refused.text


def test_what_one_may_not_send_for_its_sender_is_sent_in_one_s_own_name(
    people: dict[str, TestClient], store: Store, places: Any
) -> None:
    path = post(people["operator"], "/broadcasts/new", composed("Họp thôn.", zone=places.leng_1))
    post(people["leader"], f"{path}/approve", {"version": str(row(store, path).version)})
    edited = composed("Họp thôn Một.", zone=places.leng_1, version=str(row(store, path).version))
    post(people["official"], f"{path}/edit", edited)
    assert row(store, path).zone_id == places.leng


def test_templates_and_relays_stay_with_the_commune_too(
    people: dict[str, TestClient], store: Store, places: Any
) -> None:
    aimed = {"zone": places.leng, "weekday": ["MO", "TU"]}
    bulletin = post(people["official"], "/bulletins/new", BULLETIN | aimed)
    relay = post(people["official"], "/relays/new", RELAY | aimed)
    post(people["operator"], f"{bulletin}/edit", BULLETIN | aimed | {"name": "Tin tối", "version": "1"})
    post(people["operator"], f"{relay}/edit", RELAY | aimed | {"title": "Thời sự VOV2", "version": "1"})
    assert "Tin tối" in people["official"].get("/bulletins").text
    assert "Thời sự VOV2" in people["official"].get("/relays").text


def test_templates_and_relays_are_of_the_place_that_they_are_for(both: TestClient, store: Store, places: Any) -> None:
    aimed = {"zone": places.van_1, "weekday": ["MO", "TU"]}
    post(both, "/bulletins/new", BULLETIN | aimed)
    post(both, "/relays/new", RELAY | aimed)
    with store.reading() as db:
        assert db.exec(select(Bulletin)).one().zone_id == places.van
        assert db.exec(select(Relay)).one().zone_id == places.van
