"""Emergencies, drills and STOP ALL over HTTP."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from broadcast.clock import ManualClock
from scheduler.emergency.models import EmergencyOrder
from scheduler.people.models import ApiToken
from scheduler.people.signin import digest
from scheduler.rights import Action, Role
from scheduler.store.engine import Store

API = "/api/v1"


def test_from_asking_to_who_heard(alarm: Any) -> None:
    one, two = alarm.sign_in("operator"), alarm.sign_in("second")
    asked = alarm.asked(one)
    assert (asked["state"], asked["second_person"], asked["word"]) == ("asked", "two_people", "KHẨN CẤP")
    assert [part["title"] for part in asked["parts"]] == ["Còi báo động: lên xuống", "Lũ quét"]
    assert asked["possible"] == ["withdraw"]
    seen = two.get(f"{API}/emergencies/{asked['id']}")
    assert (seen.headers["etag"], seen.json()["possible"]) == ('"1"', ["confirm", "withdraw"])
    done = alarm.confirm(two, seen.json())
    assert (done.status_code, done.json()["state"], done.headers["etag"]) == (200, "issued", '"2"')
    assert [order["id"] for order in one.get(f"{API}/emergencies?state=issued").json()["items"]] == [asked["id"]]
    heard = one.get(f"{API}/emergencies/{asked['id']}/heard").json()
    assert set(heard["counts"]) == {"heard", "playing", "received", "sent", "failed", "unreachable"}
    ended = one.post(f"{API}/emergencies/{asked['id']}/cancel")
    assert (ended.json()["state"], ended.json()["ender_name"]) == ("cancelled", "Operator")


def test_a_correction_and_stop_all_are_one_request_each(alarm: Any) -> None:
    one, two = alarm.sign_in("operator"), alarm.sign_in("second")
    order = alarm.confirm(two, alarm.asked(one)).json()
    body = {"bank_id": "false-alarm.1", "reason": "Cảm biến hỏng"}
    done = one.post(f"{API}/emergencies/{order['id']}/correct", json=body)
    assert done.status_code == 201
    correction = done.json()["correction"]
    assert (correction["state"], correction["corrects_id"]) == ("issued", order["id"])
    stopped = one.post(f"{API}/stop", json={"zone_ids": [alarm.places.province]}).json()
    assert stopped["cancelled"] == [correction["id"]]
    assert alarm.places.leng_1 in stopped["zone_ids"]


@pytest.mark.parametrize("path", ["/emergencies", "/drills"])
def test_the_same_request_again_asks_for_nothing_twice(alarm: Any, path: str) -> None:
    client = alarm.sign_in("operator")
    body = alarm.draft(*(["drill-flash-flood.1"] if path == "/drills" else ()))
    answers = [client.post(API + path, json=body, headers={"Idempotency-Key": "one"}) for _time in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = client.post(API + path, json=body | {"reason": "x"}, headers={"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    with alarm.store.reading() as db:
        assert len(db.exec(select(EmergencyOrder)).all()) == 1


@pytest.mark.parametrize("kind", ["Application/JSON", "application/vnd.loa+json"])
def test_one_key_for_two_orders_is_refused_however_they_are_sent(alarm: Any, kind: str) -> None:
    client, body = alarm.sign_in("operator"), alarm.draft()
    headers = {"Idempotency-Key": "one", "Content-Type": kind}
    same, again, other = (
        client.post(f"{API}/emergencies", content=json.dumps(sent).encode(), headers=headers)
        for sent in (body, body, body | {"reason": "x"})
    )
    assert same.status_code == 201, same.text
    assert again.json() == same.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [({}, 428, "if_match_needed"), ({"If-Match": '"7"'}, 412, "stale"), ({"If-Match": "x"}, 422, "bad_etag")],
)
def test_a_confirmation_names_what_was_looked_at(alarm: Any, headers: Any, status: int, code: str) -> None:
    asked = alarm.asked(alarm.sign_in("operator"))
    path = f"{API}/emergencies/{asked['id']}/confirm"
    answer = alarm.sign_in("second").post(path, json={"word": "KHẨN CẤP"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


RIGHTS = {
    Role.VIEWER: (403, 403, 404, 403),
    Role.EDITOR: (403, 403, 404, 200),
    Role.APPROVER: (403, 403, 200, 200),
    Role.OPERATOR: (201, 201, 200, 200),
    Role.ADMINISTRATOR: (403, 403, 404, 200),
}


@pytest.mark.parametrize("role", Role)
def test_who_may_ask_drill_confirm_and_stop(alarm: Any, add_person: Any, role: Role) -> None:
    add_person("someone", alarm.places.province, role)
    someone, asked = alarm.sign_in("someone"), alarm.asked(alarm.sign_in("operator"))
    found = (
        someone.post(f"{API}/emergencies", json=alarm.draft()).status_code,
        someone.post(f"{API}/drills", json=alarm.draft("drill-flash-flood.1")).status_code,
        alarm.confirm(someone, asked).status_code,
        someone.post(f"{API}/stop", json={"zone_ids": [alarm.places.leng]}).status_code,
    )
    assert found == RIGHTS[role]


@pytest.mark.parametrize(
    ("path", "body", "action"),
    [
        ("/emergencies", None, Action.EMERGENCY_ISSUE),
        ("/drills", "drill-flash-flood.1", Action.DRILL_ISSUE),
        ("/stop", "stop", Action.BROADCAST_STOP),
    ],
)
def test_a_token_does_what_its_scope_says_and_no_more(
    alarm: Any, client: Any, path: str, body: str | None, action: Action
) -> None:
    sent = {"zone_ids": [alarm.places.leng]} if body == "stop" else alarm.draft(*([body] if body else ()))
    for scope in ({*Action} - {action}, {action, Action.BROADCAST_READ}):
        headers = {"Authorization": f"Bearer {token(alarm, scope)}"}
        answer = client.post(API + path, json=sent, headers=headers)
        assert answer.is_success is (action in scope), answer.text


def token(alarm: Any, scope: set[Action]) -> str:
    secret = f"loa_{len(scope)}"
    with alarm.store.writing() as db:
        now = alarm.app.state.centre.clock.now()
        row = ApiToken(
            id=secret,
            token_sha256=digest(secret),
            user_id=alarm.operator.user_id,
            name="x",
            scope=sorted(scope),
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        db.add(row)
    return secret


def test_who_is_not_known_or_comes_from_another_page_gets_nowhere(alarm: Any, client: Any) -> None:
    assert client.post(f"{API}/stop", json={"zone_ids": ["x"]}).status_code == 401
    browser = alarm.sign_in("operator")
    browser.headers["X-CSRF-Token"] = "another"
    answer = browser.post(f"{API}/emergencies", json=alarm.draft())
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    answer = browser.post(f"{API}/emergencies", json=alarm.draft(), headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")


def test_codes_cannot_be_guessed(alarm: Any, second_factor: Any, clock: ManualClock, store: Store) -> None:
    asked, second = alarm.asked(alarm.sign_in("operator")), alarm.sign_in("second")
    code = second_factor(alarm.second)
    codes = [alarm.confirm(second, asked, code=f"{guess:06}").status_code for guess in range(20)]
    assert (codes[:5], set(codes[6:])) == ([401] * 5, {429})
    assert alarm.confirm(second, asked, code=code()).status_code == 429
    clock.step_wall(timedelta(minutes=14))
    assert alarm.confirm(second, asked, code=code()).json()["state"] == "issued"


def test_a_wrong_word_or_version_costs_no_try_and_no_code(alarm: Any, second_factor: Any) -> None:
    asked, second = alarm.asked(alarm.sign_in("operator")), alarm.sign_in("second")
    code = second_factor(alarm.second)
    for _try in range(6):
        assert alarm.confirm(second, asked, code=code(), word="KHẨN").json()["code"] == "wrong_word"
        assert alarm.confirm(second, asked | {"version": 7}, code=code()).json()["code"] == "stale"
    assert alarm.confirm(second, asked, code=code()).json()["state"] == "issued"


def test_a_code_of_somebody_who_needs_none_is_no_wrong_one(alarm: Any) -> None:
    operator, second = alarm.sign_in("operator"), alarm.sign_in("second")
    for _time in range(7):
        assert alarm.confirm(second, alarm.asked(operator), code="123456").json()["state"] == "issued"
