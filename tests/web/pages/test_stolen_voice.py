"""Vietnam's airports, 2016: a hostile voice for four minutes. Here by a stolen cookie, on all that speaks or is spoken.

The thief has the cookie of somebody who has a second factor, and with it the page's own token; but not the telephone.
"""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from broadcast.media import MediaStore
from broadcast.produce.producer import Producer
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.bank.models import BankEntry
from scheduler.emergency.rehearsal.models import Rehearsal, RehearsalRun
from scheduler.fleet.models import Receiver
from scheduler.live.models import LiveTalk
from scheduler.notices.models import NoticeChoice, Webhook
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, RecoveryCode, User
from scheduler.rights import Role
from scheduler.zones.models import Group, GroupMember
from web.auth import PRACTICE_COOKIE, SESSION_COOKIE

API = "/api/v1"
PASSWORD = "một mật khẩu đủ dài"
WORD = "THỬ LOA"
STREAM = "https://vov.example/1.mp3"
Code = Callable[[str], str]
BRIDGE = {"title_vi": "Cấm cầu", "text_vi": "Cầu treo đang nguy hiểm."}


@pytest.fixture
def desk(alarm: Any, now: Any, tmp_path: Any) -> Any:
    """With a horn, a recording that may be played, and a station that may be relayed."""
    centre = alarm.app.state.centre
    centre.settings.live_relay_hosts = "vov.example"
    centre.producer = Producer(MediaStore(tmp_path / "media"), MediaStore(tmp_path / "originals"), ())
    with alarm.store.writing() as db:
        zone_id = alarm.places.leng
        db.add(Receiver(id="RFIRST", zone_id=alarm.places.leng_1, name="Nhà văn hóa", enrolled_at=now))
        db.add(Announcement(id="A1", zone_id=zone_id, title="Họp", author_id=alarm.operator.user_id, created_at=now))
        db.flush()
        made = Recording(id="R1", announcement_id="A1", language="vi", source=Source.MICROPHONE, created_at=now)
        made.state, made.sha256, made.size_bytes, made.duration_us = RecordingState.READY, "0" * 64, 9, 9_000_000
        db.add(made)
    return alarm


@pytest.fixture
def thief(desk: Any, typed_code: Code) -> TestClient:
    client: TestClient = desk.sign_in("operator")
    typed_code("operator")
    return client


def sounding(desk: Any) -> list[Any]:
    """All that sounds by one person, or that an order would have sound."""
    with desk.store.reading() as db:
        rows = [*db.exec(select(LiveTalk)), *db.exec(select(Rehearsal)), *db.exec(select(RehearsalRun))]
        return [row.model_dump() for row in (*rows, *db.exec(select(BankEntry)))]


def by_api(places: Any) -> dict[str, tuple[str, str, dict[str, Any]]]:
    talk = {"zone_id": places.leng, "zone_ids": [places.leng], "title": "Giả mạo"}
    weekly = {"weekday": 0, "at": "16:30", "silent": False, "word": WORD}
    said = {"titles": {"vi": "Cấm cầu"}, "texts": {"vi": "Không có gì."}}
    return {
        "speaks": ("POST", "/live", talk),
        "plays a recording": ("POST", "/live", talk | {"kind": "recorded", "recording_id": "R1"}),
        "relays a station": ("POST", "/live", talk | {"kind": "relay", "source_url": STREAM}),
        "sounds the test": ("POST", f"/zones/{places.leng}/rehearsal/runs", {"silent": False, "word": WORD}),
        "sounds it each week": ("PUT", f"/zones/{places.leng}/rehearsal", weekly),
        "adds a message": ("POST", "/bank", said | {"name": "bridge"}),
        "has a message say something else": ("POST", "/bank/flash-flood/revisions", said),
        "takes a message out": ("POST", "/bank/storm/retire", {}),
    }


def by_page(places: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    where = {"zone": places.leng}
    return {
        "speaks": ("/live", where | {"mode": "microphone"}),
        "plays a recording": ("/live", where | {"mode": "recorded", "recording": "R1", "announcement": "A1"}),
        "relays a station": ("/live", where | {"mode": "relay", "source_url": STREAM}),
        "sounds the test": (f"/rehearsals/{places.leng}/run", {"silent": "false", "word": WORD}),
        "sounds it each week": (f"/rehearsals/{places.leng}", {"weekday": "0", "at": "16:30", "word": WORD}),
        "adds a message": ("/emergency/bank/new", BRIDGE),
        "has a message say something else": ("/emergency/bank/flash-flood/edit", BRIDGE | {"revision": "1"}),
        "takes a message out": ("/emergency/bank/storm/retire", {"revision": "1", "sure": "true"}),
    }


def tried(client: TestClient, desk: Any, what: str, code: str = "") -> Any:
    method, path, body = by_api(desk.places)[what]
    headers = {"If-Match": '"0"' if "rehearsal" in path else '"1"', "X-Second-Factor": code}
    return client.request(method, API + path, json=body, headers=headers)


def test_a_stolen_cookie_sounds_nothing_by_the_api_and_puts_no_words_into_the_bank(
    desk: Any, thief: TestClient
) -> None:
    before = sounding(desk)
    for what in by_api(desk.places):
        for code, why in (("", "code_needed"), ("000000", "wrong_code"))[: 2 if what == "speaks" else 1]:
            answer = tried(thief, desk, what, code)
            assert (answer.status_code, answer.json()["code"]) == (401, why), what
    recording = {"file": ("a.wav", b"sound", "audio/wav")}
    sent = {"data": {"language": "sed"}, "files": recording, "headers": {"If-Match": '"1"'}}
    answer = thief.post(f"{API}/uploads/bank/flash-flood", **sent)
    assert answer.json()["code"] == "code_needed"
    assert sounding(desk) == before
    with desk.store.reading() as db:
        rows = db.exec(select(AuditEntry).where(AuditEntry.action == "proof.refused")).all()
    acts = {row.detail["act"] for row in rows}
    assert acts == {
        "live.ask", "rehearsal.run", "rehearsal.set", "bank.create", "bank.revise", "bank.retire", "bank.record"
    }  # fmt: skip


def test_a_stolen_cookie_sounds_nothing_by_a_page(desk: Any, thief: TestClient) -> None:
    thief.headers["accept"] = "text/html"
    before = sounding(desk)
    for what, (path, fields) in by_page(desk.places).items():
        answer = thief.post(path, data={"csrf_token": thief.headers["x-csrf-token"], **fields})
        assert (answer.status_code, "Hãy nhập sáu chữ số" in answer.text) == (422, True), what
        assert sounding(desk) == before, what


def test_a_cookie_of_somebody_without_a_second_factor_sounds_nothing_either(desk: Any) -> None:
    operator, before = desk.sign_in("second"), sounding(desk)
    for what in by_api(desk.places):
        answer = tried(operator, desk, what)
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed"), what
    assert sounding(desk) == before


def test_a_stolen_token_speaks_no_more_than_a_cookie(desk: Any, thief: TestClient, clock: Any) -> None:
    end = clock.now().replace(year=2027).isoformat()
    asked = {"name": "máy trộn", "scope": ["live.speak"], "expires_at": end, "password": PASSWORD}
    token = thief.post(f"{API}/tokens", json=asked).json()["token"]
    thief.cookies.clear()
    thief.headers["authorization"] = f"Bearer {token}"
    assert tried(thief, desk, "speaks").json()["code"] == "code_needed"


def test_the_owner_does_all_of_it_with_a_code_for_each(desk: Any, thief: TestClient, typed_code: Code) -> None:
    for what in by_api(desk.places):
        answer = tried(thief, desk, what, typed_code("operator"))
        assert answer.is_success, (what, answer.text)
    with desk.store.reading() as db:
        assert len(db.exec(select(LiveTalk)).all()) == 3


def test_what_nobody_hears_takes_no_code_nor_does_practising(desk: Any, thief: TestClient, typed_code: Code) -> None:
    path = f"{API}/zones/{desk.places.leng}/rehearsal"
    quiet = thief.put(path, json={"weekday": 0, "at": "16:30", "silent": True}, headers={"If-Match": '"0"'})
    assert (quiet.status_code, thief.post(f"{path}/runs", json={}).status_code) == (200, 201)
    desk.app.state.centre.settings.practice = True
    thief.cookies.set(PRACTICE_COOKIE, thief.cookies[SESSION_COOKIE])
    assert tried(desk.sign_in("second"), desk, "speaks").status_code == 201
    assert tried(thief, desk, "speaks").json()["code"] == "code_needed"  # of who has one, as it is for real


def test_an_emergency_in_one_s_own_voice_has_its_confirmation_behind_it(desk: Any, thief: TestClient) -> None:
    """The order is what takes the code; one that was invented, or is not in force, opens no way round."""
    asked = desk.asked(thief, parts=[{"kind": "live"}])
    talk = {"zone_id": desk.places.leng, "zone_ids": [desk.places.leng], "title": "Sơ tán", "order_id": asked["id"]}
    tries = (talk | {"cls": "emergency"}, talk, talk | {"cls": "emergency", "order_id": "01KB3CWZ5M4Q7R8S9TAVBXCYDZ"})
    assert [thief.post(f"{API}/live", json=one).status_code for one in tries] == [409, 422, 409]
    with desk.store.reading() as db:
        assert db.exec(select(LiveTalk)).all() == []
    assert desk.confirm(desk.sign_in("second"), asked).status_code == 200
    assert thief.post(f"{API}/live", json=tries[0]).status_code == 201


def test_which_acts_of_the_api_take_a_code_in_their_header(desk: Any) -> None:
    """Written out a second time; people's acts and orders have theirs in the body."""
    taking = {
        f"{method.upper()} {path.removeprefix(API)}"
        for path, operations in desk.app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "X-Second-Factor" in [one["name"] for one in operation.get("parameters", [])]
    }
    assert taking == {
        "POST /live", "PUT /zones/{zone_id}/rehearsal", "POST /zones/{zone_id}/rehearsal/runs",
        "POST /bank", "POST /bank/{name}/revisions", "POST /bank/{name}/retire", "POST /bank/{name}/restore",
        "POST /bank/voice",
        "POST /uploads/bank/{name}", "PATCH /groups/{group_id}",
        "PATCH /zones/{zone_id}", "PATCH /zones/{zone_id}/settings", "POST /zones/{zone_id}/move",
        "POST /zones/{zone_id}/end",
        "PUT /receivers/{receiver_id}/volume", "POST /receivers/{receiver_id}/move",
        "POST /receivers/{receiver_id}/enrolment-code", "POST /receivers/{receiver_id}/revoke",
        "PUT /me/notices", "POST /webhooks", "DELETE /webhooks/{hook_id}",
    }  # fmt: skip


@pytest.fixture
def keeper(desk: Any, add_person: Callable[..., Actor], typed_code: Code) -> TestClient:
    """An administrator's stolen cookie."""
    add_person("keeper", desk.places.province, Role.ADMINISTRATOR)
    client: TestClient = desk.sign_in("keeper")
    typed_code("keeper")
    return client


def test_a_stolen_cookie_sends_what_is_planned_for_a_group_nowhere_else(
    desk: Any, keeper: TestClient, typed_code: Code
) -> None:
    with desk.store.writing() as db:
        db.add(Group(id="G1", zone_id=desk.places.province, name="Lưu vực"))
        db.flush()
        db.add(GroupMember(group_id="G1", zone_id=desk.places.leng))
    form = {"csrf_token": keeper.headers["x-csrf-token"], "version": "1", "name": "X", "zone": [desk.places.van]}
    page = keeper.post("/groups/G1", data=form, headers={"accept": "text/html"})
    assert (page.status_code, "Hãy nhập sáu chữ số" in page.text) == (422, True)
    path, first, moved = f"{API}/groups/G1", {"If-Match": '"1"'}, {"member_ids": [desk.places.van]}
    assert keeper.patch(path, json=moved, headers=first).json()["code"] == "code_needed"
    with desk.store.reading() as db:
        assert db.exec(select(GroupMember.zone_id)).all() == [desk.places.leng]
    assert keeper.patch(path, json={"name": "Lưu vực sông"}, headers=first).status_code == 200
    coded = {"If-Match": '"2"', "X-Second-Factor": typed_code("keeper")}
    assert keeper.patch(path, json=moved, headers=coded).json()["member_ids"] == [desk.places.van]


def test_a_stolen_cookie_with_the_password_too_takes_no_second_factor_away(
    desk: Any, thief: TestClient, typed_code: Code
) -> None:
    thief.headers["accept"] = "text/html"
    typed = {"csrf_token": thief.headers["x-csrf-token"], "off_password": PASSWORD, "codes_password": PASSWORD}
    with desk.store.reading() as db:
        codes = db.exec(select(RecoveryCode)).all()
    for path in ("/account/second-factor/off", "/account/recovery-codes"):
        assert "Hãy nhập sáu chữ số" in thief.post(path, data=typed).text
    proof = {"password": PASSWORD, "code": "000000"}
    refused = [
        thief.request("DELETE", f"{API}/me/totp", json=proof),
        thief.post(f"{API}/me/recovery-codes", json=proof),
    ]
    assert [one.json()["code"] for one in refused] == ["wrong_code"] * 2
    with desk.store.reading() as db:
        assert db.exec(select(RecoveryCode)).all() == codes
        assert db.get_one(User, desk.operator.user_id).totp_confirmed
    done = thief.post(
        "/account/second-factor/off", data=typed | {"code": typed_code("operator")}
    )  # of a lost telephone
    assert done.url.path == "/account"
    with desk.store.reading() as db:
        assert not db.get_one(User, desk.operator.user_id).totp_confirmed


def test_a_stolen_cookie_neither_turns_warnings_aside_nor_lends_what_it_may(
    desk: Any, keeper: TestClient, *, typed_code: Code, add_person: Callable[..., Actor], clock: Any
) -> None:
    add_person("leader", desk.places.leng, Role.APPROVER)
    leader: TestClient = desk.sign_in("leader")
    until = clock.now().replace(month=12).isoformat()
    helper = add_person("helper", desk.places.leng, Role.VIEWER)
    lent = {"deputy_id": helper.user_id, "zone_id": desk.places.leng, "until": until}
    hook = {"zone_id": desk.places.leng, "name": "IOC", "url": "https://ioc.example/a", "kinds": ["emergency"]}
    mail = {"address": "a@b.example", "kinds": ["fault"]}
    assert keeper.put(f"{API}/me/notices", json=mail).json()["code"] == "code_needed"
    assert keeper.post(f"{API}/webhooks", json=hook).json()["code"] == "code_needed"
    typed_code("leader")
    assert leader.post(f"{API}/deputies", json=lent).json()["code"] == "code_needed"
    form = {"csrf_token": keeper.headers["x-csrf-token"], "address": "a@b.example", "kinds": ["fault"]}
    keeper.headers["accept"] = "text/html"
    assert 'id="code-mail-error"' in keeper.post("/notices", data=form).text
    with desk.store.reading() as db:
        assert [*db.exec(select(NoticeChoice)), *db.exec(select(Webhook))] == []
    code = {"X-Second-Factor": typed_code("keeper")}
    made = keeper.post(f"{API}/webhooks", json=hook, headers=code)
    assert made.status_code == 201, made.text
    assert keeper.delete(f"{API}/webhooks/{made.json()['id']}").json()["code"] == "code_needed"
    assert 'id="code-' + made.json()["id"] in keeper.get("/notices").text
