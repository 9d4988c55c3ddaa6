"""The banner of a practice centre, on every page there is, and the button on it."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlmodel import select
from starlette.routing import BaseRoute

from broadcast.trustroot.folder import load_or_make
from scheduler.fleet.models import Receiver
from scheduler.notices.models import Channel, Kind, Notice, NoticeState, Webhook
from scheduler.people.models import RoleGrant
from scheduler.rights import Role
from web import practice
from web.auth import PRACTICE_COOKIE, SESSION_COOKIE
from web.centre import Centre
from web.demo.practice import PEOPLE
from web.pages.frame import TEMPLATES

OTHER = re.compile(r"[{]|^/api/|^/media|^/events$")  # which never end, or are no pages
PASSWORD = "một mật khẩu đủ dài"
BANNER = "LUYỆN TẬP – không phát ra loa"


@pytest.fixture
def everything(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, full_bank: None
) -> TestClient:
    """Somebody who may do everything, so that no page is refused them."""
    add_person("lan", places.province, *Role)
    return browser("lan")


def practise(centre: Centre, browser: TestClient) -> None:
    """Make it a practice centre, and `browser` one that signed in there."""
    centre.settings = centre.settings.model_copy(update={"practice": True})
    if cookie := browser.cookies.get(SESSION_COOKIE):
        browser.cookies.delete(SESSION_COOKIE)
        browser.cookies.set(PRACTICE_COOKIE, cookie)


def pages(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Every page whose address says all."""
    for route in iter_route_contexts(routes):
        if "GET" in (route.methods or ()) and route.path and not OTHER.search(route.path):
            yield route.path


def test_every_page_says_that_nothing_sounds(everything: TestClient, app: FastAPI, centre: Centre) -> None:
    shown = {path: everything.get(path) for path in pages(app.routes)}
    html = [path for path, answer in shown.items() if "<body" in answer.text]
    assert len(html) > 25
    assert [path for path in html if BANNER in shown[path].text] == []
    practise(centre, everything)
    centre.kept.clear()
    assert [path for path in html if BANNER not in everything.get(path).text] == []
    assert BANNER in everything.get("/nothing-like-this").text


def test_no_frame_of_a_page_is_without_it() -> None:
    frames = [path for path in TEMPLATES.rglob("*.html") if "<body" in path.read_text()]
    assert frames
    assert [path for path in frames if '{%- include "practice/banner.html" %}' not in path.read_text()] == []


def test_whoever_can_no_longer_sign_in_begins_anew_once_they_know_that_others_practise(
    client: TestClient, centre: Centre
) -> None:
    asked = centre.settings.data_dir / practice.AGAIN
    assert [client.get("/practice/again").status_code, client.post("/practice/again").status_code] == [404, 404]
    practise(centre, client)
    assert 'href="/practice/again"' in client.get("/sign-in").text
    sure = client.get("/practice/again").text
    assert "người khác đang luyện tập" in sure
    assert 'action="/practice/again"' in sure
    elsewhere = client.post("/practice/again", headers={"sec-fetch-site": "cross-site"})
    assert (elsewhere.status_code, asked.exists()) == (403, False)
    assert "Đang làm lại" in client.post("/practice/again").text
    assert asked.exists()


def test_the_banner_leads_to_beginning_anew(everything: TestClient, centre: Centre) -> None:
    assert "/practice/again" not in everything.get("/").text
    practise(centre, everything)
    assert 'href="/practice/again"' in everything.get("/").text


OWN = [
    ("post", "/account/password"),
    ("post", "/account/second-factor"),
    ("post", "/account/second-factor/confirm"),
    ("post", "/account/second-factor/off"),
    ("post", "/account/recovery-codes"),
    ("post", "/account/sessions/others/end"),
    ("post", "/account/sessions/X/end"),
    ("put", "/api/v1/me/password"),
    ("post", "/api/v1/me/totp"),
    ("put", "/api/v1/me/totp"),
    ("delete", "/api/v1/me/totp"),
    ("post", "/api/v1/me/recovery-codes"),
    ("delete", "/api/v1/session/others"),
    ("delete", "/api/v1/sessions/X"),
]
OF_ANOTHER = [
    ("post", "/people/USER"),
    ("post", "/people/USER/password"),
    ("post", "/people/USER/roles/GRANT/delete"),
    ("post", "/people/USER/roles/GRANT/until"),
    ("post", "/people/USER/sessions/end"),
    ("post", "/people/USER/sessions/X/end"),
    ("post", "/people/USER/handover"),
    ("patch", "/api/v1/users/USER"),
    ("post", "/api/v1/users/USER/one-time-password"),
    ("delete", "/api/v1/users/USER/sessions"),
    ("delete", "/api/v1/users/USER/sessions/X"),
    ("post", "/api/v1/users/USER/handover"),
    ("delete", "/api/v1/grants/GRANT"),
]


def test_nobody_takes_an_account_that_all_have_from_the_others(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, centre: Centre
) -> None:
    ids = {}
    for login, role in (("quantri", Role.ADMINISTRATOR), ("bientap", Role.EDITOR), ("own", Role.EDITOR)):
        user_id = add_person(login, places.province, role).user_id
        with centre.store.reading() as db:
            ids[login] = user_id, db.exec(select(RoleGrant.id).where(RoleGrant.user_id == user_id)).one()
    quantri, own = browser("quantri"), browser("own")
    for me in (quantri, own):
        me.headers["accept"] = "application/json"

    def is_refused(me: TestClient, method: str, path: str, whose: str) -> bool:
        user_id, grant_id = ids[whose]
        told = me.request(method, path.replace("USER", user_id).replace("GRANT", grant_id), follow_redirects=False)
        return '"shared_account"' in told.text

    def refused(me: TestClient, acts: Sequence[tuple[str, str]], whose: str) -> list[tuple[str, str]]:
        return [act for act in acts if is_refused(me, *act, whose)]

    practise(centre, quantri)
    practise(centre, own)
    assert refused(quantri, OWN, "quantri") == OWN
    assert refused(quantri, OF_ANOTHER, "bientap") == OF_ANOTHER
    assert refused(quantri, OF_ANOTHER, "own") == refused(own, OWN, "own") == []
    page = quantri.post("/account/password", headers={"accept": "text/html"})
    assert "dùng chung cho mọi người luyện tập" in page.text


def test_at_a_real_centre_accounts_of_these_names_are_like_any(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> None:
    add_person("quantri", places.province, Role.ADMINISTRATOR)
    me = browser("quantri")
    assert me.put("/api/v1/me/password", json={}, headers={"accept": "application/json"}).json()["code"] == "invalid"
    assert len(PEOPLE) == len(practice.LOGINS)


def test_who_one_may_be_is_said_where_one_signs_in(client: TestClient, centre: Centre) -> None:
    assert practice.PASSWORD not in client.get("/sign-in").text
    practise(centre, client)
    page = client.get("/sign-in").text
    assert all(word in page for word in ("bientap", "lanhdao", "trucban", "quantri", practice.PASSWORD))


def test_the_real_centre_shows_the_way_there(everything: TestClient, centre: Centre) -> None:
    assert "https://practice.example" not in everything.get("/").text
    centre.settings = centre.settings.model_copy(update={"practice_url": "https://practice.example"})
    assert 'href="https://practice.example"' in everything.get("/").text


def test_what_a_program_would_have_been_told_is_said_not_to_have_been_sent(
    everything: TestClient, centre: Centre, now: datetime, places: Any
) -> None:
    with centre.store.writing() as db:
        path = f"/{places.province}/"
        hook = Webhook(
            id="H", zone_id=places.province, name="IOC", url="https://ioc.example", secret="s", kinds=["emergency"],
            created_at=now, created_by="x",
        )  # fmt: skip
        row = Notice(id="N", key="k", channel=Channel.HOOK, hook_id="H", kind=Kind.EMERGENCY, subject="order:1",
                     zone_path=path, at=now, data={}, created_at=now, next_at=now, state=NoticeState.SENT, sent_at=now,
                     tries=1)  # fmt: skip
        db.add(hook)
        db.flush()
        db.add(row)
    assert "lẽ ra đã gửi" not in everything.get("/notices/log").text
    practise(centre, everything)
    assert "lẽ ra đã gửi" in everything.get("/notices/log").text


def test_the_code_that_is_shown_to_install_a_loudspeaker_is_an_invented_one(
    everything: TestClient, centre: Centre, now: datetime, places: Any, tmp_path: Path
) -> None:
    practise(centre, everything)
    centre.trust = load_or_make(tmp_path / "keys", now)
    with centre.store.writing() as db:
        db.add(Receiver(id="R", zone_id=places.leng_1, name="Loa 1"))
    form = {"csrf_token": everything.headers["x-csrf-token"]}
    page = everything.post("/receivers/R/code", data=form).text
    assert f"receiver enrol {centre.settings.base_url} {practice.CODE} " in page
    assert "Mã này là mã giả" in page


def test_who_practises_stays_signed_in_at_the_real_centre(everything: TestClient, centre: Centre) -> None:
    """A browser does not tell one port of a machine from another: both centres get all cookies."""
    real = everything.cookies[SESSION_COOKIE]
    centre.settings = centre.settings.model_copy(update={"practice": True})
    assert everything.get("/", follow_redirects=False).status_code == 303
    answer = everything.post("/sign-in", data={"login": "lan", "password": PASSWORD}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    assert everything.cookies[SESSION_COOKIE] == real
    token = re.search(r'name="csrf_token" value="([^"]+)"', everything.get("/").text)
    assert token is not None
    assert everything.post("/sign-out", headers={"x-csrf-token": token[1]}).url.path == "/sign-in"
    assert PRACTICE_COOKIE not in everything.cookies
    centre.settings = centre.settings.model_copy(update={"practice": False})
    assert everything.get("/", follow_redirects=False).status_code == 200
