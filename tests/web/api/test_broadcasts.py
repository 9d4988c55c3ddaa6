from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.fleet.models import Receiver
from scheduler.people.models import ApiToken, RoleGrant, User
from scheduler.people.signin import digest
from scheduler.rights import Action, Role
from scheduler.zones.models import Zone, ZoneKind
from web.centre import Centre

Browser = Callable[[str], TestClient]
NEW = {
    "zone_id": "leng",
    "announcement_id": "tiem",
    "zone_ids": ["leng1"],
    "when": {"kind": "at", "starts_local": "2026-11-23T17:00"},
}
PATH = "/api/v1/broadcasts"


@pytest.fixture
def as_(app: FastAPI, centre: Centre) -> Iterator[Browser]:
    """A client with a token: the official or the leader of Trà Leng, or a stranger of Trà Vân."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with centre.store.writing() as db:
        db.add(Zone(id="leng", path="/leng/", kind=ZoneKind.COMMUNE, name="Trà Leng"))
        db.add(Zone(id="van", path="/van/", kind=ZoneKind.COMMUNE, name="Trà Vân"))
        db.flush()
        db.add(Zone(id="leng1", parent_id="leng", path="/leng/leng1/", kind=ZoneKind.VILLAGE, name="Thôn 1"))
        people = [
            ("official", "leng", Role.EDITOR),
            ("leader", "leng", Role.APPROVER),
            ("stranger", "van", Role.EDITOR),
        ]
        for login, zone_id, role in people:
            db.add(
                User(
                    id=login,
                    login=login,
                    name=login,
                    zone_id=zone_id,
                    password_hash="-",
                    must_change_password=False,
                    created_at=now,
                )
            )
            db.flush()
            db.add(RoleGrant(id=login, user_id=login, zone_id=zone_id, role=role.value))
            db.add(
                ApiToken(
                    id=login,
                    token_sha256=digest(f"loa_{login}"),
                    user_id=login,
                    name="test",
                    created_at=now,
                    scope=[action.value for action in Action],
                    expires_at=datetime(2099, 1, 1, tzinfo=UTC),
                )
            )
        db.add(Receiver(id="r1", zone_id="leng1", name="Loa 1", online=True, enrolled_at=now))
        db.add(Announcement(id="tiem", zone_id="leng", title="Tiêm chủng", author_id="official", created_at=now))
        db.flush()
        db.add(
            Recording(
                id="tiem1",
                announcement_id="tiem",
                language="vi",
                source=Source.TEXT,
                text="x",
                created_at=now,
                state=RecordingState.READY,
                sha256="a" * 64,
                size_bytes=9,
                duration_us=60_000_000,
            )
        )
    with TestClient(app, raise_server_exceptions=False) as client:

        def of(login: str) -> TestClient:
            client.headers["authorization"] = f"Bearer loa_{login}"
            return client

        yield of


def step(client: TestClient, made: Any, name: str, body: Any = None) -> Any:
    return client.post(f"{PATH}/{made['id']}/{name}", json=body, headers={"if-match": f'"{made["version"]}"'})


def test_from_preview_to_the_board(as_: Browser) -> None:
    shown = as_("official").post(f"{PATH}/preview", json=NEW).json()
    assert (shown["occurrences_local"], shown["places"]) == (["2026-11-23T17:00:00"], [])
    made = as_("official").post(PATH, json=NEW)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    waiting = step(as_("official"), made.json(), "submit").json()
    assert waiting["state"] == "submitted"
    assert step(as_("official"), waiting, "approve").status_code == 403
    approved = step(as_("leader"), waiting, "approve").json()
    assert (approved["state"], approved["approver_name"]) == ("approved", "leader")
    [airing] = as_("official").get(f"{PATH}/{approved['id']}/airings").json()
    assert (airing["start"], airing["zone_ids"]) == ("2026-11-23T10:00:00Z", ["leng1"])
    day = as_("official").get("/api/v1/zones/leng1/timeline", params={"day": "2026-11-23"}).json()
    assert [segment["title"] for segment in day["segments"]] == ["Tiêm chủng"]
    [village] = as_("official").get("/api/v1/board").json()["villages"]
    assert [(a["state"], a["count"], a["total"], a["local"]) for a in village["airings"]] == [
        ("fetching", 0, 1, "17:00")
    ]
    assert as_("stranger").get("/api/v1/board").json()["villages"] == []


def test_seven_days_are_rehearsed_and_another_time_is_chosen(as_: Browser) -> None:
    daily = NEW | {"when": {"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY"}}
    daily["when"] = {**daily["when"], "until": "2026-12-31"}  # type: ignore[dict-item]
    tried = as_("official").post(f"{PATH}/rehearsal", json=daily)
    assert tried.status_code == 200
    assert (tried.json()["times"], tried.json()["villages"], tried.json()["places"]) == (7, 1, [])
    assert as_("stranger").post(f"{PATH}/rehearsal", json=daily).status_code in (403, 404)
    made = as_("official").post(PATH, json=NEW)
    path, etag = f"{PATH}/{made.json()['id']}", {"If-Match": made.headers["etag"]}
    moved = as_("official").post(f"{path}/move", json={"starts_local": "2026-11-23T17:30"}, headers=etag)
    assert (moved.status_code, moved.json()["starts_local"]) == (200, "2026-11-23T17:30:00")
    assert (
        as_("official").post(f"{path}/move", json={"starts_local": "2026-11-23T18:00"}, headers=etag).status_code == 412
    )
    assert as_("official").post(f"{path}/move", json={"starts_local": "2026-11-23T18:00"}).status_code == 428
    assert (
        as_("stranger").post(f"{path}/move", json={"starts_local": "2026-11-23T18:00"}, headers=etag).status_code == 404
    )


def test_an_edit_needs_the_version_that_was_read(as_: Browser) -> None:
    client = as_("official")
    made = client.post(PATH, json=NEW).json()
    path = f"{PATH}/{made['id']}"
    assert client.put(path, json=NEW).status_code == 428
    assert client.put(path, json=NEW, headers={"if-match": '"1"'}).status_code == 200
    stale = client.put(path, json=NEW, headers={"if-match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert step(client, made, "submit").status_code == 412


def test_a_commune_s_broadcast_is_not_there_for_another(as_: Browser) -> None:
    made = as_("official").post(PATH, json=NEW).json()
    stranger = as_("stranger")
    for answer in (
        stranger.get(f"{PATH}/{made['id']}"),
        stranger.get(f"{PATH}/{made['id']}/airings"),
        stranger.get(f"{PATH}/{made['id']}/preview"),
        stranger.put(f"{PATH}/{made['id']}", json=NEW, headers={"if-match": '"1"'}),
        step(stranger, made, "submit"),
        step(stranger, made, "cancel"),
        step(stranger, made, "stop"),
        stranger.get("/api/v1/zones/leng1/timeline"),
        stranger.get("/api/v1/board", params={"zone_id": "leng1"}),
    ):
        assert answer.status_code == 404, answer.url
    assert stranger.post(PATH, json=NEW).status_code == 403
    assert stranger.get(PATH).json()["items"] == []


def test_the_same_creation_twice_makes_one_broadcast(as_: Browser) -> None:
    client = as_("official")
    first, second = (client.post(PATH, json=NEW, headers={"idempotency-key": "k"}) for _ in "12")
    assert first.json()["id"] == second.json()["id"]
    assert len(client.get(PATH).json()["items"]) == 1


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ({"kind": "at", "starts_local": "2026-11-22T17:00"}, "past"),
        ({"kind": "repeat", "starts_local": "2026-11-23T17:00", "rrule": "FREQ=DAILY"}, "never_ends"),
        ({"kind": "at", "starts_local": "tomorrow"}, "invalid"),
        ({"kind": "sometime"}, "invalid"),
    ],
)
def test_times_that_are_refused_say_why(as_: Browser, when: Any, code: str) -> None:
    answer = as_("official").post(PATH, json=NEW | {"when": when})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_stop_needs_no_version_and_says_when_there_is_nothing_to_stop(as_: Browser) -> None:
    client = as_("official")
    made = client.post(PATH, json=NEW).json()
    answer = client.post(f"{PATH}/{made['id']}/stop")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_on_air")
    assert client.post(f"{PATH}/{made['id']}/cancel").json()["state"] == "cancelled"
    assert step(client, made, "return", {"reason": "x"}).status_code == 403


def test_filters_and_pages(as_: Browser) -> None:
    client = as_("official")
    for _ in range(3):
        client.post(PATH, json=NEW)
    first = client.get(PATH, params={"limit": 2, "state": ["draft", "returned"]}).json()
    rest = client.get(PATH, params={"limit": 2, "before": first["next"]}).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert client.get(PATH, params={"state": "done"}).json()["items"] == []
    assert client.get(PATH, params={"limit": 0}).status_code == 422
