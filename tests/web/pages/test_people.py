"""Inviting, joining, recovery codes, sign-ins, handing over and the audit log as pages."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Engine, event
from sqlmodel import select

from scheduler.people import anchors, chain, exporting
from scheduler.people.models import RoleGrant, User
from scheduler.rights import Role
from scheduler.store.engine import Store

Browser = Callable[[str], TestClient]
Code = Callable[[str], str]
PASSWORD = "bốn từ thường nối nhau"


@pytest.fixture
def administrator(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("quan", places.province, Role.ADMINISTRATOR)
    return browser("quan")


@pytest.fixture
def official(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("lan", places.leng, Role.EDITOR)
    return browser("lan")


def send(client: TestClient, path: str, **fields: Any) -> Any:
    return client.post(path, data={"csrf_token": client.headers["x-csrf-token"]} | fields)


def code_of(administrator: TestClient, places: Any, code: str) -> str:
    fields = {"name": "Hồ Thị Lan", "role": "editor", "zone_id": places.leng, "until": "2027-06-30", "code": code}
    page = send(administrator, "/people/invite", **fields)
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    found = re.search(r'id="code-once">([a-z0-9]{4}-[a-z0-9]{6})<', page.text)
    assert found is not None
    return found[1]


def test_a_newcomer_joins_with_a_code_and_is_signed_in(
    administrator: TestClient, client: TestClient, typed_code: Code, places: Any
) -> None:
    code = code_of(administrator, places, typed_code("quan"))
    assert "Hồ Thị Lan" in administrator.get("/people").text
    assert code not in administrator.get("/people").text
    client.headers["accept"] = "text/html"
    wrong = client.post("/join", data={"code": "aaaa-bbbbbb"})
    assert wrong.status_code == 422
    assert 'value="aaaa-bbbbbb"' in wrong.text
    page = client.post("/join", data={"code": code})
    assert "30/6/2027" in page.text
    assert "Trà Leng" in page.text
    form = {"code": code, "name": "Hồ Thị Lan", "login": "lan.ho", "password": "short"}
    again = client.post("/join/account", data=form)
    assert again.status_code == 422
    assert 'value="lan.ho"' in again.text
    assert "short" not in again.text
    assert not any(code in str(answer.url) for answer in (page, again))
    home = client.post("/join/account", data=form | {"password": PASSWORD})
    assert home.url.path == "/"
    assert "Hồ Thị Lan" in home.text
    assert "lan.ho" in administrator.get("/people").text


def test_a_role_that_ends_soon_is_said_ahead(
    administrator: TestClient, official: TestClient, typed_code: Code, places: Any
) -> None:
    user_id = re.search(r'href="/people/(\w{26})">Lan<', administrator.get("/people").text)[1]  # type: ignore[index]
    role = {"role": "viewer", "zone_id": places.leng_1, "until": "2026-11-28"}
    send(administrator, f"/people/{user_id}/roles", **role, code=typed_code("quan"))
    for page in (administrator.get("/people"), administrator.get(f"/people/{user_id}"), official.get("/account")):
        assert "hết hạn sau" in page.text
    page_text = administrator.get(f"/people/{user_id}").text
    grant_id = re.findall(r'id="until-(\w{26})" name="until" value="2026-11-28"', page_text)[0]
    past = send(administrator, f"/people/{user_id}/roles/{grant_id}/until", until="2026-11-01")
    assert past.status_code == 422
    send(administrator, f"/people/{user_id}/roles/{grant_id}/until", until="2027-12-31", code=typed_code("quan"))
    assert "hết hạn sau" not in administrator.get("/people").text


def test_the_recovery_codes_are_shown_once_and_open_the_door(
    administrator: TestClient, official: TestClient, client: TestClient, clock: Any
) -> None:
    page = send(official, "/account/second-factor", on_password="một mật khẩu đủ dài")
    secret = re.search(r'class="secret long">(\w{32})<', page.text)[1]  # type: ignore[index]
    shown = send(official, "/account/second-factor/confirm", code=pyotp.TOTP(secret).at(clock.now()))
    codes = re.findall(r"<li><code>([a-z0-9-]{19})</code>", shown.text)
    assert len(codes) == 10
    assert codes[0] not in official.get("/account").text
    client.headers["accept"] = "text/html"
    form = {"login": "lan", "password": "một mật khẩu đủ dài", "code": codes[0]}
    assert client.post("/sign-in", data=form).url.path == "/"
    assert "Còn 9 mã" in official.get("/account").text
    shown = administrator.get("/audit", params={"action": "recovery.use"}).text
    assert "<dt>Còn lại <small><code>left</code></small></dt><dd>9</dd>" in shown


def test_what_a_token_may_do_is_said_in_words(official: TestClient) -> None:
    sent = {"name": "Mưa", "scope": ["zone.read", "report.read"], "token_password": "một mật khẩu đủ dài"}
    assert "· xem báo cáo, xem các nơi<" in send(official, "/account/tokens", **sent).text


def test_a_second_step_that_nobody_confirmed_is_begun_anew(official: TestClient, clock: Any) -> None:
    confirm = "/account/second-factor/confirm"
    send(official, "/account/second-factor", on_password="một mật khẩu đủ dài")
    tried = [send(official, confirm, code="000000") for _ in range(6)]
    assert [(one.status_code, "thử lại sau" in one.text) for one in tried] == [(422, False)] * 5 + [(422, True)]
    assert f'action="{confirm}"' in official.get("/account").text
    clock.step_wall(timedelta(minutes=15))
    assert f'action="{confirm}"' not in official.get("/account").text
    assert "bắt đầu thiết lập xác thực" in send(official, confirm, code="000000").text


def test_what_a_question_lacks_is_said_without_its_question_mark(official: TestClient) -> None:
    page = send(official, "/account/tokens").text
    assert '<a href="#name">Dùng để làm gì: cần nhập mục này.</a>' in page


def test_a_sign_in_is_ended_from_the_account(official: TestClient, browser: Browser) -> None:
    other = browser("lan")
    page = official.get("/account").text
    ends = re.findall(r"/account/sessions/(\w+)/end", page)
    assert len([one for one in ends if one != "others"]) == 1
    send(official, f"/account/sessions/{ends[0]}/end")
    assert other.get("/account").url.path == "/sign-in"
    assert official.get("/account").url.path == "/account"


def test_handing_over_keeps_what_was_ticked_and_says_why_not(
    administrator: TestClient, official: TestClient, add_person: Callable[..., Any], typed_code: Code, places: Any
) -> None:
    other = add_person("khac", places.van, Role.EDITOR)
    fields = {
        "source": "text", "text": "Cúp điện sáng mai.", "zone": [places.leng_1], "when": "at", "date": "2026-11-24",
        "time": "17:00", "cls": "normal", "intent": "draft",
    }  # fmt: skip
    assert send(official, "/broadcasts/new", **fields).status_code == 200
    user_id = re.search(r'href="/people/(\w{26})">Lan<', administrator.get("/people").text)[1]  # type: ignore[index]
    page = administrator.get(f"/people/{user_id}/handover").text
    items = re.findall(r'name="item" value="([\w:]+)"', page)
    assert len(items) == 1
    refused = send(administrator, f"/people/{user_id}/handover", item=items, to=other.user_id, end_access="1")
    assert refused.status_code == 422
    assert "không có quyền" in refused.text
    assert f'value="{other.user_id}" selected' in refused.text
    all_of_it = {"item": items, "to": other.user_id, "give_roles": "1", "end_access": "1"}
    uncoded = send(administrator, f"/people/{user_id}/handover", **all_of_it)
    assert (uncoded.status_code, "chưa có. Hãy bật" in uncoded.text) == (422, True)
    done = send(administrator, f"/people/{user_id}/handover", **all_of_it, code=typed_code("quan"))
    assert done.url.path == f"/people/{user_id}"
    assert official.get("/").url.path == "/sign-in"


@pytest.fixture
def entries(administrator: TestClient, typed_code: Code, places: Any) -> None:
    for name in ("Trà Dơn", "Trà Don"):
        fields = {"name": name, "role": "viewer", "zone_id": places.leng, "code": typed_code("quan")}
        assert send(administrator, "/people/invite", **fields).status_code == 200


@pytest.mark.parametrize(("typed", "found"), [("Trà Dơn", 1), ("tra don", 2), ("Quan Trà Don", 2), ("nobody", 0)])
def test_the_log_is_searched_in_vietnamese(administrator: TestClient, entries: None, typed: str, found: int) -> None:
    page = administrator.get("/audit", params={"text": typed, "action": "invitation"}).text
    assert page.count("audit-row") == found


def test_the_log_is_paged_and_filtered(administrator: TestClient, entries: None, places: Any) -> None:
    for query in ({"zone": places.van}, {"since": "2026-11-24"}, {"until": "2026-11-22"}, {"who": "loa"}):
        assert administrator.get("/audit", params={"action": "invitation", **query}).text.count("audit-row") == 0
    today = {"since": "2026-11-23", "until": "2026-11-23", "zone": places.leng, "action": "invitation.make"}
    assert administrator.get("/audit", params=today).text.count("audit-row") == 2


def test_an_export_proves_itself_and_a_selection_too(
    administrator: TestClient, entries: None, centre: Any, store: Store
) -> None:
    whole = administrator.get("/audit/loa-audit.jsonl").content
    read = exporting.check(whole.splitlines(keepends=True), None)
    assert (read.whole, read.found) == (True, None)
    part = administrator.get("/audit/loa-audit.jsonl", params={"action": "invitation"}).content
    assert exporting.check(part.splitlines(keepends=True), None).found is None
    lines = whole.splitlines(keepends=True)
    said = json.loads(lines[1])
    changed = json.dumps(said | {"action": "session.end"}).encode() + b"\n"
    found = {
        "changed": exporting.check([lines[0], changed, *lines[2:]], None).found,
        "left out": exporting.check([*lines[:2], *lines[3:]], None).found,
        "cut off": exporting.check(lines[:-1], None).found,
        "rubbish": exporting.check([*lines[:2], b"\xff\n", *lines[2:]], None).found,
    }
    assert {what: fault.fault if fault else None for what, fault in found.items()} == {
        "changed": chain.Fault.CHANGED,
        "left out": chain.Fault.MISSING,
        "cut off": chain.Fault.CUT_OFF,
        "rubbish": chain.Fault.UNREADABLE,
    }
    table = administrator.get("/audit/loa-audit.csv").text
    assert table.startswith("\ufeffnumber,at,")


def test_who_may_not_read_the_log_reads_none_of_it(official: TestClient) -> None:
    for path in ("/audit", "/audit/loa-audit.csv", "/audit/loa-audit.jsonl"):
        assert official.get(path).status_code == 403


def test_an_approver_of_one_commune_sees_its_entries_alone(
    browser: Browser, add_person: Callable[..., Any], entries: None, places: Any
) -> None:
    add_person("minh", places.van, Role.APPROVER)
    leader = browser("minh")
    assert leader.get("/audit", params={"action": "invitation"}).text.count("audit-row") == 0
    lines = leader.get("/audit/loa-audit.jsonl").content.splitlines(keepends=True)
    assert json.loads(lines[0])["whole"] is False


@pytest.fixture
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/people", "/audit"])
def test_a_page_takes_the_same_queries_however_many_there_are(
    administrator: TestClient, entries: None, *, typed_code: Code, places: Any, statements: list[str], path: str
) -> None:
    def queries() -> int:
        statements.clear()
        assert administrator.get(path).status_code == 200
        return len(statements)

    queries()
    few = queries()
    for number in range(4):
        fields = {"name": f"Người {number}", "role": "viewer", "zone_id": places.leng, "until": "2026-11-30"}
        send(administrator, "/people/invite", **fields, code=typed_code("quan"))
    assert queries() == few


def test_an_anchor_is_dropped_when_the_record_has_grown(
    administrator: TestClient, entries: None, store: Store, centre: Any, now: Any
) -> None:
    key = Ed25519PrivateKey.generate()
    made = anchors.drop(store, key, centre.audit_anchors, now)
    assert made is not None
    assert anchors.drop(store, key, centre.audit_anchors, now) is None
    with centre.audit_anchors.open("ab") as file:
        file.write(b'{"number": 1, "sha')
    assert anchors.read(centre.audit_anchors) == [made]
    assert f"Đã ký xác nhận đến mục số {made.number}" in administrator.get("/audit").text


@pytest.mark.parametrize("path", ["/people", "/people/invite", "/people/new"])
def test_who_may_not_is_told_before_a_form_is_filled_in(official: TestClient, path: str) -> None:
    assert official.get(path).status_code == 403


def test_a_stolen_cookie_does_on_no_page_what_gives_rights(
    administrator: TestClient, official: TestClient, typed_code: Code, places: Any, store: Store
) -> None:
    unset = administrator.get("/people/new").text
    assert 'href="/account#second"' in unset
    assert 'autocomplete="one-time-code"' not in unset
    typed_code("quan")
    path = re.search(r'href="(/people/\w{26})">Lan<', administrator.get("/people").text)[1]  # type: ignore[index]
    grant_id = re.search(r'roles/(\w{26})/until"', administrator.get(path).text)[1]  # type: ignore[index]
    role = {"role": "operator", "zone_id": places.leng}
    acts = {
        "/people/new": {"name": "Kẻ gian", "login": "gian", **role},
        "/people/invite": {"name": "Kẻ gian", **role},
        f"{path}/roles": role,
        f"{path}/roles/{grant_id}/until": {"until": "2027-12-31"},
        f"{path}/password": {},
    }
    for act, fields in acts.items():
        for code in ("", "987654"):
            refused = send(administrator, act, **fields, code=code)
            assert refused.status_code == 422, act
            name = re.search(r'<li><a href="#(code[\w-]*)">', refused.text)[1]  # type: ignore[index]
            assert re.search(rf'<input id="{name}" name="code"[^>]*{name}-error" aria-invalid="true"', refused.text), (
                act
            )
            assert "987654" not in refused.text
            assert all(f'value="{typed}"' in refused.text for typed in fields.values()), act
    assert official.get("/").url.path == "/"
    assert (
        "Hãy thử lại sau" in send(administrator, f"{path}/password", code=typed_code("quan")).text
    )  # guessed too often
    with store.reading() as db:
        assert {user.login for user in db.exec(select(User)).all()} == {"quan", "lan"}
        assert {grant.role for grant in db.exec(select(RoleGrant)).all()} == {"administrator", "editor"}


def test_an_invitation_gets_another_code_for_a_code_of_ones_own(
    administrator: TestClient, entries: None, typed_code: Code
) -> None:
    path = re.search(r'action="(/people/invite/\w+/code)"', administrator.get("/people").text)[1]  # type: ignore[index]
    refused = send(administrator, path)
    assert (refused.status_code, "Mã mời cho" in refused.text) == (422, False)
    assert 'id="more-' in refused.text
    assert "Mã mời cho" in send(administrator, path, code=typed_code("quan")).text


def test_a_new_password_is_offered_to_who_manages_the_account_alone(
    administrator: TestClient, browser: Browser, add_person: Callable[..., Any], places: Any
) -> None:
    add_person("xa", places.leng, Role.ADMINISTRATOR)
    duty = add_person("duty", places.leng, Role.OPERATOR, at=places.province)
    form = f'action="/people/{duty.user_id}/password"'
    assert form in administrator.get(f"/people/{duty.user_id}").text
    shown = browser("xa").get(f"/people/{duty.user_id}").text
    assert form not in shown
    assert "Hãy nhờ quản trị ở đó cấp mật khẩu mới" in shown


def test_who_has_nothing_to_hand_over_only_loses_the_access(
    administrator: TestClient, browser: Browser, add_person: Callable[..., Any], places: Any
) -> None:
    gone = add_person("nghi", places.leng)
    open_page, path = browser("nghi"), f"/people/{gone.user_id}/handover"
    page = administrator.get(path).text
    assert 'name="to"' not in page
    assert "Chấm dứt quyền truy cập" in page
    hidden = dict(re.findall(r'type="hidden" name="(end_access)" value="(\w)"', page))
    send(administrator, path, **hidden)
    assert open_page.get("/").url.path == "/sign-in"


def test_who_has_nothing_but_a_role_hands_that_over(
    administrator: TestClient, add_person: Callable[..., Any], typed_code: Code, places: Any
) -> None:
    gone, taker = add_person("nghi", places.leng, Role.APPROVER), add_person("thay", places.leng)
    code, path = typed_code("quan"), f"/people/{gone.user_id}/handover"
    page = administrator.get(path).text
    assert all(f'name="{field}"' in page for field in ("to", "give_roles", "code"))
    send(administrator, path, to=taker.user_id, give_roles="1", end_access="1", code=code)
    roles = [administrator.get(f"/api/v1/users/{one.user_id}").json()["grants"] for one in (gone, taker)]
    assert [len(held) for held in roles] == [0, 1]


def test_what_cannot_be_done_without_a_code_says_so_before_anything_is_typed(
    administrator: TestClient, add_person: Callable[..., Any], places: Any
) -> None:
    person = add_person("nguoi", places.leng, Role.EDITOR)
    needs = "Việc này cần mã xác thực hai lớp"
    for path, first in ((f"/people/{person.user_id}", 'name="until"'), ("/people/new", 'name="name"')):
        page = administrator.get(path).text
        assert 0 < page.index(needs) < page.index(first)
