"""A program's token that leaked: good for what it was made for, and for nothing of the account that made it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlmodel import select

from scheduler.deputies.models import Deputy
from scheduler.live.models import LiveKind, LiveTalk
from scheduler.notices.models import NoticeChoice
from scheduler.people import account, signin
from scheduler.people.actor import Actor
from scheduler.people.models import User, WebSession
from scheduler.people.schemas import TokenNew
from scheduler.reports.models import ReportSubscription
from scheduler.rights import Action, Role
from scheduler.store.engine import Store

API = "/api/v1"


@pytest.fixture
def owner(add_person: Callable[..., Actor], places: Any) -> Actor:
    """Somebody who may do everything."""
    return add_person("lan", places.province, *Role)


@pytest.fixture
def thief(client: TestClient, store: Store, owner: Actor, clock: Any) -> Callable[..., TestClient]:
    """`thief(action, …)`: a client with a token of the owner's that is for these."""

    def with_token(*scope: Action) -> TestClient:
        new = TokenNew(name="Trạm đo mưa", scope=list(scope), expires_at=clock.now() + timedelta(days=9))
        with store.writing() as db:
            secret = account.create_token(db, owner, clock.now(), new)[1]
        client.headers["authorization"] = f"Bearer {secret}"
        return client

    return with_token


def pages(app: FastAPI) -> list[tuple[str, str]]:
    """Each address of a page, with each way to ask for it."""
    found = [(method, route.path or "") for route in iter_route_contexts(app.routes) for method in route.methods or ()]
    return [(method, path) for method, path in found if not path.startswith((f"{API}/", "/static", "/media", "/nghe"))]


def test_no_page_takes_a_token(
    app: FastAPI, client: TestClient, thief: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_pages = pages(app)
    assert len(all_pages) > 200
    nobody = {
        (method, path): client.request(method, path, follow_redirects=False).status_code for method, path in all_pages
    }
    thief(*Action)
    looked_up: list[str] = []
    monkeypatch.setattr(signin, "known_by_token", lambda _db, _now, token: looked_up.append(token))
    for (method, path), status in nobody.items():
        answer = client.request(method, path, follow_redirects=False)
        assert answer.status_code in (403, status), (method, path)
        assert answer.status_code == 403 or status != 401, (method, path)  # nobody is told to sign in
        assert looked_up == [], (method, path)


def test_a_page_says_to_a_program_that_it_takes_no_token(thief: Callable[..., TestClient]) -> None:
    refused = thief(*Action).get("/account")
    assert (refused.status_code, refused.json()["code"]) == (403, "needs_session")


def test_a_tokens_scope_has_nothing_of_its_owners_account(
    thief: Callable[..., TestClient], *, store: Store, owner: Actor, sign_in: Callable[[str], TestClient], places: Any
) -> None:
    sign_in("lan")
    with store.writing() as db:
        db.add(NoticeChoice(user_id=owner.user_id, address="lan@leng.example", kinds=["fault"]))
    holder = thief(Action.ZONE_READ, Action.REPORT_READ)
    mail = {"address": "thief@x.example", "kinds": ["fault"]}
    answers = {
        "reads the address": holder.get(f"{API}/me/notices"),
        "takes the mail": holder.put(f"{API}/me/notices", json=mail),
        "sends mail": holder.post(f"{API}/me/notices/trial"),
        "has mail sent": holder.put(f"{API}/zones/{places.leng}/digest"),
        "has none sent": holder.delete(f"{API}/zones/{places.leng}/digest"),
        "reads the tokens": holder.get(f"{API}/tokens"),
        "reads the sign-ins": holder.get(f"{API}/sessions"),
        "ends the sign-ins": holder.delete(f"{API}/session/others"),
        "chooses the language": holder.patch(f"{API}/me", json={"language": "en"}),
    }
    assert {what: (one.status_code, one.json()["code"]) for what, one in answers.items()} == dict.fromkeys(
        answers, (403, "needs_session")
    )
    with store.reading() as db:
        assert db.exec(select(NoticeChoice.address)).all() == ["lan@leng.example"]
        assert len(db.exec(select(WebSession)).all()) == 1
        assert db.exec(select(ReportSubscription)).all() == []
        assert db.get_one(User, owner.user_id).language == "vi"


def test_what_is_the_owners_own_is_the_tokens_only_where_it_is_for_that(
    thief: Callable[..., TestClient], *, store: Store, owner: Actor, add_person: Callable[..., Actor], places: Any,
    now: datetime,
) -> None:  # fmt: skip
    other = add_person("other", places.leng, Role.VIEWER)
    with store.writing() as db:
        db.add(
            Deputy(
                id="D1", principal_id=owner.user_id, deputy_id=other.user_id, named_by=owner.user_id,
                zone_id=places.leng, until=now + timedelta(days=9), created_at=now,
            )
        )  # fmt: skip
        db.add(
            LiveTalk(
                id="T1", zone_id=places.leng, kind=LiveKind.MICROPHONE, title="Họp thôn", speaker_id=owner.user_id,
                delay_ms=2000, bitrate_bps=24_000, limit_s=600, asked_at=now, starts_at=now,
            )
        )  # fmt: skip
    paths = (("get", "/live/T1"), ("post", "/live/T1/end"), ("delete", "/deputies/D1"))
    narrow, wide = (Action.ZONE_READ,), (Action.LIVE_SPEAK, Action.DEPUTY_NAME)
    tried = [[getattr(thief(*scope), how)(API + path) for how, path in paths] for scope in (narrow, wide)]
    assert [one.status_code for one in tried[0]] == [404, 404, 403]
    assert [one.status_code for one in tried[1]] == [200, 409, 204]
    assert tried[1][1].json()["code"] == "no_studio"


def test_an_order_is_read_by_its_authors_token_only_where_it_is_for_that(alarm: Any, clock: Any) -> None:
    operator = alarm.sign_in("operator")
    path = f"{API}/emergencies"
    asked = alarm.asked(operator)
    end = clock.now() + timedelta(days=9)
    for scope, status in ((Action.ZONE_READ, 404), (Action.EMERGENCY_ISSUE, 200)):
        with alarm.store.writing() as db:
            new = TokenNew(name="Trạm đo mưa", scope=[scope], expires_at=end)
            secret = account.create_token(db, alarm.operator, clock.now(), new)[1]
        headers = {"authorization": f"Bearer {secret}"}
        assert operator.get(f"{path}/{asked['id']}", headers=headers).status_code == status
        assert len(operator.get(path, headers=headers).json()["items"]) == (status == 200)
