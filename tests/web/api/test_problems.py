import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.app import create_app
from web.centre import Centre
from web.middleware import BODY_LIMIT_BYTES, CONTENT_SECURITY_POLICY

AddPerson = Callable[..., Actor]
SignIn = Callable[[str], TestClient]
PROBLEM = "application/problem+json"


def test_an_unknown_page_and_a_wrong_method_are_problems(client: TestClient) -> None:
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/session", 405)):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["instance"] == answer.headers["x-request-id"]


def test_each_field_says_what_is_wrong_with_it(client: TestClient) -> None:
    answer = client.post("/api/v1/session", json={"password": ["x"], "colour": "red"})
    assert answer.status_code == 422
    assert {(error["field"], error["code"]) for error in answer.json()["errors"]} == {
        ("login", "missing"),
        ("password", "string_type"),
        ("colour", "extra_forbidden"),
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff\xfe", b"[" * 10000])
def test_a_body_that_cannot_be_read_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v1/session", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == PROBLEM
    assert "Traceback" not in answer.text


def test_problems_are_told_in_the_askers_language(client: TestClient) -> None:
    english = client.get("/api/v1/me", headers={"accept-language": "en"}).json()["detail"]
    vietnamese = client.get("/api/v1/me", headers={"accept-language": "vi,en;q=0.5"}).json()["detail"]
    assert english == "Sign in first."
    assert vietnamese != english


def test_a_person_is_told_in_their_own_language(sign_in: SignIn, add_person: AddPerson, places: Any) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    client = sign_in("lan")
    assert client.patch("/api/v1/me", json={"language": "en"}).status_code == 200
    answer = client.get("/api/v1/zones/nowhere", headers={"accept-language": "vi"})
    assert answer.json()["detail"] == "There is no such zone, or it is not in your area."


@pytest.fixture
def breaking(centre: Centre) -> Iterator[TestClient]:
    app = create_app(centre)

    @app.get("/api/v1/breaks")
    def breaks() -> None:
        raise RuntimeError("the secret is 4711")

    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def test_a_surprise_is_a_number_for_the_person_and_a_trace_for_the_log(
    breaking: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = breaking.get("/api/v1/breaks")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "4711" not in answer.text
    assert answer.json()["instance"] == answer.headers["x-request-id"]
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["instance"] in answer.json()["detail"]
    assert answer.json()["instance"] in caplog.text
    assert "4711" in caplog.text


def test_a_body_past_the_limit_is_refused_whether_it_says_its_length_or_not(client: TestClient) -> None:
    declared = client.post("/api/v1/session", content=b"x" * (BODY_LIMIT_BYTES + 1))
    assert declared.status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT_BYTES // 65536 + 1):
            yield b"x" * 65536

    chunked = client.post("/api/v1/session", content=chunks(), headers={"content-type": "application/json"})
    assert chunked.status_code == 413
    assert chunked.headers["content-type"] == PROBLEM


def test_every_answer_binds_the_browser(client: TestClient) -> None:
    for path in ("/api/v1/me", "/api/v1/nothing", "/api/v1/openapi.json"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers


def test_over_https_the_cookie_is_secure_and_http_is_given_up(
    centre: Centre, add_person: AddPerson, places: Any
) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    centre.settings.public_url = "https://loa.example"
    with TestClient(create_app(centre), base_url="https://loa.example") as client:
        answer = client.post("/api/v1/session", json={"login": "lan", "password": "một mật khẩu đủ dài"})
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" in answer.headers


def test_long_answers_are_compressed(client: TestClient) -> None:
    answer = client.get("/api/v1/openapi.json", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


def test_static_files_are_kept_for_ever_under_their_own_hash_only(app: FastAPI, client: TestClient) -> None:
    url = app.state.assets.url("loa.css")
    kept = client.get(url)
    assert (kept.status_code, kept.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    other = client.get("/static/000000000000/loa.css")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    for path in ("/static/loa.css", "/static/", f"{url}/../../../settings.py", "/static/x/%2e%2e/%2e%2e/settings.py"):
        assert client.get(path).status_code == 404


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_the_description_of_the_api_is_whole(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    mine = {"session", "tokens", "people", "audit", "zones", "groups", "holidays"}
    own = [(name, operation) for name, operation in operations(document) if set(operation["tags"]) & mine]
    assert len(own) > 30
    assert len({operation["operationId"] for _name, operation in own}) == len(own)
    for name, operation in own:
        assert operation.get("security") == expected_security(name), name
        assert "application/problem+json" in operation["responses"]["401"]["content"], name
        answer = next(value for status, value in operation["responses"].items() if status.startswith("2"))
        assert "content" in answer or name.split()[0] in {"delete", "put"}, name
    assert {"session", "token", "csrf"} <= document["components"]["securitySchemes"].keys()


def expected_security(name: str) -> list[dict[str, list[str]]] | None:
    if name in {"post /api/v1/session", "post /api/v1/join"}:
        return None
    session: dict[str, list[str]] = {"session": []} if name.startswith("get ") else {"session": [], "csrf": []}
    return [session, {"token": []}]


def test_each_operation_is_described_and_what_it_needs_has_an_example(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    schemas, missing = document["components"]["schemas"], set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not (operation.get("description") and operation.get("tags")):
                missing.add(f"{method} {path}")
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = body.get("$ref", "").rpartition("/")[2]
            asked = schemas[name] if name else {}
            missing |= {
                f"{name}.{field}" for field in asked.get("required", ()) if "examples" not in asked["properties"][field]
            }
    assert missing == set()


def test_what_postgresql_cannot_keep_is_a_problem_of_who_sent_it(centre: Centre, postgresql_store: Store) -> None:
    with TestClient(create_app(replace(centre, store=postgresql_store)), raise_server_exceptions=False) as client:
        answer = client.post("/api/v1/session", json={"login": "a\0", "password": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unstorable")


@pytest.mark.parametrize("year", ["0001", "1999", "2200", "9999"])
def test_days_at_the_ends_of_the_calendar_are_refused(
    sign_in: SignIn, add_person: AddPerson, places: Any, year: str
) -> None:
    person = add_person("lan", places.leng, Role.EDITOR, Role.ADMINISTRATOR)
    client, moment = sign_in("lan"), f"{year}-12-31T23:59:59-12:00"
    send = {"zone_id": places.leng, "announcement_id": "A", "zone_ids": [places.leng]}
    daily = {"kind": "repeat", "starts_local": "2026-11-24T05:00", "rrule": "FREQ=DAILY;COUNT=3"}
    asked: list[tuple[str, str, Any]] = [
        ("GET", f"/board?day={year}-12-31", None),
        ("GET", f"/zones/{places.leng}/timeline?day={year}-01-01", None),
        ("GET", f"/reports?since={moment}", None),
        ("POST", "/holidays", {"zone_id": places.leng, "day": f"{year}-12-31", "name": "x"}),
        ("POST", "/grants", {"user_id": person.user_id, "zone_id": places.leng, "role": "viewer", "until": moment}),
        ("POST", "/tokens", {"name": "x", "scope": ["zone.read"], "expires_at": moment}),
        ("POST", "/broadcasts/x/cancel", {"occurrence": moment}),
        ("POST", "/broadcasts", send | {"when": daily | {"exdates": [moment]}}),
    ]
    for method, path, body in asked:
        answer = client.request(method, f"/api/v1{path}", json=body)
        assert (path, answer.status_code) == (path, 422)
        assert "day_out_of_range" in [error["code"] for error in answer.json()["errors"]]


def test_a_page_may_reach_its_own_centre_by_websocket_and_no_other(client: TestClient) -> None:
    policy = client.get("/api/v1/me").headers["content-security-policy"]
    assert "connect-src 'self' ws://testserver:80;" in policy
    assert policy.count("ws://") == 1
