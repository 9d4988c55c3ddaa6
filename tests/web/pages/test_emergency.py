"""The emergency pages as a browser without script meets them."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pyotp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from httpx import Response
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Route, expect
from sqlmodel import col, select

from broadcast.clock import ManualClock
from broadcast.wire import topics
from broadcast.wire.documents import Fault, ReceiverState
from scheduler.bank import document as bank_document
from scheduler.emergency.models import EmergencyOrder
from scheduler.fleet import outbox
from scheduler.fleet.bank_said import in_short
from scheduler.fleet.documents import renewed
from scheduler.fleet.models import Receiver
from scheduler.people import recovery
from scheduler.people.models import User
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.zones.models import SecondPerson, Zone
from web.auth import SESSION_COOKIE

Browser = Callable[[str], TestClient]
PAGE_BYTES = 60_000
FLOOD = "siren-rise-fall.1 flash-flood.1"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

pytestmark = pytest.mark.usefixtures("full_bank")


@pytest.fixture
def operator(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("hanh", places.province, Role.OPERATOR)
    return browser("hanh")


@pytest.fixture
def leader(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("minh", places.leng, Role.APPROVER)
    return browser("minh")


@pytest.fixture
def helper(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("bo", places.leng_1, Role.VIEWER)
    return browser("bo")


@pytest.fixture(autouse=True)
def horn(store: Store, places: Any, now: datetime) -> None:
    with store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Nhà văn hóa", enrolled_at=now, online=True, seen_at=now))


def post(client: TestClient, path: str, **fields: object) -> Response:
    answer: Response = client.post(path, data={"csrf_token": client.headers["x-csrf-token"], **fields})
    return answer


def read_back(client: TestClient, desk: str, place: str, **changed: object) -> tuple[dict[str, object], Response]:
    """What the desk's second page would send, and that page."""
    fields: dict[str, object] = {"zone": [place], "message": FLOOD, "every_s": "120", "minutes": "30", **changed}
    page = post(client, desk, **fields, intent="read")
    found = re.search(r'name="read" value="(\w+)"', page.text)
    return fields | {"read": found[1] if found else ""}, page


def ask(client: TestClient, desk: str, place: str, **changed: object) -> Response:
    fields, _page = read_back(client, desk, place, **changed)
    return post(client, desk, **fields, intent="send")


def confirm(client: TestClient, path: str, word: str, **more: object) -> Response:
    version = re.search(r'name="version" value="(\d+)"', client.get(path).text)
    return post(client, f"{path}/confirm", word=word, version=version[1] if version else "1", **more)


def orders(store: Store) -> list[EmergencyOrder]:
    with store.reading() as db:
        return list(db.exec(select(EmergencyOrder)).all())


def test_two_people_let_an_emergency_sound_and_one_stops_it(
    operator: TestClient, leader: TestClient, helper: TestClient, places: Any, store: Store
) -> None:
    fields, page = read_back(operator, "/emergency", places.leng)
    assert page.status_code == 200
    assert "KHẨN CẤP: ngay khi được xác nhận" in page.text
    assert "1 cụm loa" in page.text
    assert "Cảnh báo lũ quét." in page.text
    assert orders(store) == []
    asked = post(operator, "/emergency", **fields, intent="send")
    path = asked.url.path
    assert re.fullmatch(r"/emergency/[0-9A-Z]{26}", path)
    assert "/confirm" not in asked.text  # not by whoever asked
    assert path not in helper.get("/").text
    assert "Xem và quyết định" in leader.get("/").text
    assert "Lũ quét" in leader.get(path).text
    confirmed = confirm(leader, path, "khan cap")
    assert confirmed.url.path == path
    assert "đang có hiệu lực" in confirmed.text
    for client in (operator, leader, helper):
        banner = client.get("/broadcasts").text
        assert "Đang phát KHẨN CẤP" in banner
        assert "Hanh, Minh" in banner
        assert "Trà Leng" in banner
    assert f'action="{path}/stop"' in operator.get("/account").text
    assert f'name="zone" value="{places.leng}"' in leader.get(path).text  # who may not issue may stop all there
    assert 'action="/emergency/stop"' not in helper.get(path).text
    assert "đã gửi, chưa trả lời" in operator.get(path).text
    assert "đã dừng" in post(operator, f"{path}/stop").text.lower()
    assert [order.state for order in orders(store)] == ["cancelled"]
    assert "Đang phát" not in helper.get("/emergency/banner").text


def test_who_opens_a_page_as_it_is_asked_for_is_told_at_once(
    operator: TestClient, leader: TestClient, places: Any, address: str, chromium: Chromium
) -> None:
    context = chromium.new_context(base_url=address)
    context.add_cookies([{"name": SESSION_COOKIE, "value": leader.cookies[SESSION_COOKIE], "url": address}])
    page = context.new_page()

    def asked_meanwhile(route: Route) -> None:
        ask(operator, "/emergency", places.leng_1)
        route.continue_()

    page.route("**/events", asked_meanwhile, times=1)
    page.goto("/")
    expect(page.locator(".bar.asked")).to_contain_text("KHẨN CẤP")


def test_nobody_confirms_their_own(operator: TestClient, places: Any, store: Store) -> None:
    path = ask(operator, "/emergency", places.leng).url.path
    answer = confirm(operator, path, "KHẨN CẤP")
    assert answer.status_code == 403
    assert [order.state for order in orders(store)] == ["asked"]


def test_a_wrong_word_is_told_beside_the_field(
    operator: TestClient, leader: TestClient, places: Any, store: Store
) -> None:
    path = ask(operator, "/emergency", places.leng).url.path
    for word in ("", "có", "DIỄN TẬP"):
        answer = confirm(leader, path, word)
        assert answer.status_code == 422
        assert 'id="word-error"' in answer.text
    assert [order.state for order in orders(store)] == ["asked"]


def test_what_differs_from_what_was_read_back_is_not_sent(operator: TestClient, places: Any, store: Store) -> None:
    fields, _page = read_back(operator, "/emergency", places.leng_1)
    for changed in ({"zone": [places.province]}, {"message": "evacuation.1"}, {"minutes": "720"}, {"read": ""}):
        answer = post(operator, "/emergency", **fields | changed, intent="send")
        assert "KHẨN CẤP: ngay khi được xác nhận" in answer.text
    assert orders(store) == []


def test_each_message_says_how_many_loudspeakers_of_the_chosen_places_hold_it(
    operator: TestClient, leader: TestClient, places: Any, store: Store, now: datetime
) -> None:
    topic = topics.bank(places.province)
    with store.writing() as db:
        draft = bank_document.bank(db, places.province, now)
        assert draft is not None
        made = renewed(draft, None, Ed25519PrivateKey.generate(), now)
        assert made is not None
        outbox.issue(db, topic, made)
        lacks = Fault(code="bank_missing", detail="flash-flood.1")
        for receiver_id, faults in (("R1", ()), ("R2", (lacks,))):
            numbers = {f"zones/{places.province}/bank": made.number}
            said = in_short(ReceiverState(online=True, at_us=1, numbers=numbers, faults=faults))
            zone_id = places.leng_1 if receiver_id == "R1" else places.leng_2
            db.merge(Receiver(id=receiver_id, zone_id=zone_id, name="Loa", enrolled_at=now, bank_said=said))
    held = 'data-held="siren-rise-fall.1 flash-flood.1" class="{}">{}/{} cụm loa đã có sẵn<'
    assert held.format("state warn", 1, 2) in operator.get("/emergency").text
    fragment = operator.get(f"/emergency/held?zone={places.leng_1}").text
    assert 'data-held="*" class="muted">1/1 cụm loa đã có sẵn từng bản tin dưới đây<' in fragment
    assert re.findall(r">([^<]+)</small>", fragment) == ["1/1 cụm loa đã có sẵn từng bản tin dưới đây"]
    assert 'data-held="drill-' not in fragment
    assert held.format("state warn", 1, 2) in operator.get(f"/emergency/held?zone={places.leng}&zone=nowhere").text
    _fields, page = read_back(operator, "/emergency", places.leng)
    assert page.text.count("2/2 cụm loa đã có sẵn") == page.text.count("1/2 cụm loa đã có sẵn") == 1
    asked = ask(operator, "/emergency", places.leng).url.path
    assert "1/2 cụm loa đã có sẵn" in leader.get(asked).text
    assert leader.get("/emergency/held").status_code == 403


def test_own_words_begin_with_the_siren_for_danger_unless_another_is_chosen(operator: TestClient) -> None:
    page = operator.get("/emergency").text
    first = page.partition('<select id="siren"')[2].partition("<option")[2]
    assert first.startswith(' value="siren-rise-fall.1"')


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"zone": []}, "zones"), ({"message": ""}, "message"), ({"message": "text", "text": " "}, "text")],
)
def test_what_is_missing_is_said_beside_the_field(
    operator: TestClient, places: Any, changed: dict[str, object], field: str
) -> None:
    _fields, page = read_back(operator, "/emergency", places.leng, **changed)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text


def test_a_drill_is_never_real(operator: TestClient, leader: TestClient, places: Any, store: Store) -> None:
    desk = operator.get("/drills").text
    values = re.findall(r'name="message" id="message-\d+" value="([^"]+)"', desk)
    assert values
    assert all(value.startswith("drill-") for value in values)
    for message in (FLOOD, "flash-flood.1", "siren-rise-fall.1"):
        _fields, refused = read_back(operator, "/drills", places.leng, message=message, purpose="real")
        assert refused.status_code == 422
    path = ask(operator, "/drills", places.leng, message="drill-flash-flood.1").url.path
    order_id = path.removeprefix("/drills/")
    for act in ("", "/confirm", "/stop", "/withdraw"):
        way = f"/emergency/{order_id}{act}"
        answer = post(leader, way, word="KHẨN CẤP", version="1") if act else leader.get(way)
        assert answer.status_code == 404
    assert confirm(leader, path, "KHẨN CẤP").status_code == 422
    assert confirm(leader, path, "DIỄN TẬP").status_code == 200
    assert [(order.purpose.value, order.state) for order in orders(store)] == [("drill", "issued")]
    assert "Đang DIỄN TẬP" in leader.get("/").text


def test_a_drill_says_so_on_every_line(operator: TestClient, places: Any) -> None:
    _fields, check = read_back(operator, "/drills", places.leng, message="drill-flash-flood.1")
    for page in (operator.get("/drills").text, check.text):
        main = page[page.index("<main") : page.index("</main>")]
        lines = re.findall(
            r"<(h2|legend|label class=\"tick\"|button class)\b(.*?)</(?:h2|legend|label|button)>", main, re.DOTALL
        )
        assert len(lines) > 4
        assert [text for _tag, text in lines if "diễn tập" not in text.lower()] == []


def test_one_person_with_a_code_where_the_place_allows_it(
    operator: TestClient, clock: ManualClock, places: Any, store: Store
) -> None:
    with store.writing() as db:
        db.get_one(Zone, places.province).second_person = SecondPerson.SECOND_FACTOR
        user = db.exec(select(User).where(User.login == "hanh")).one()
        user.totp_secret, user.totp_confirmed = SECRET, True
    fields, page = read_back(operator, "/emergency", places.leng)
    assert 'name="code"' in page.text
    code = pyotp.TOTP(SECRET).at(clock.now())
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for typed in ({"word": "KHẨN CẤP", "code": ""}, {"word": "KHẨN CẤP", "code": wrong}, {"word": "", "code": code}):
        refused = post(operator, "/emergency", **fields, **typed, intent="send")
        assert "KHẨN CẤP: ngay khi được xác nhận" in refused.text
        assert ('value="KHẨN CẤP"' in refused.text) is bool(typed["word"])  # typed text is not lost
        assert orders(store) == []
    sent = post(operator, "/emergency", **fields, word="KHẨN CẤP", code=code, intent="send")
    assert "đang có hiệu lực" in sent.text
    with store.writing() as db:
        spare = recovery.make(db, user.id)[0]
    fields, page = read_back(operator, "/emergency", places.leng)
    letters = re.findall(r'<input id="code"[^>]* maxlength="(\d+)"', page.text)
    sent = post(operator, "/emergency", **fields, word="KHẨN CẤP", code=spare[: int(letters[0])], intent="send")
    assert "đang có hiệu lực" in sent.text


def test_a_wrong_word_at_a_desk_costs_no_code(
    operator: TestClient, leader: TestClient, clock: ManualClock, places: Any, store: Store
) -> None:
    with store.writing() as db:
        db.get_one(Zone, places.province).second_person = SecondPerson.SECOND_FACTOR
        for user in db.exec(select(User).where(col(User.login).in_(["hanh", "minh"]))):
            user.totp_secret, user.totp_confirmed = SECRET, True
    code = pyotp.TOTP(SECRET).at(clock.now())
    fields, _page = read_back(operator, "/emergency", places.leng)
    for _try in range(6):
        assert "word-error" in post(operator, "/emergency", **fields, word="có", code=code, intent="send").text
    for changed in ({"minutes": "720"}, {"read": ""}) * 3:  # read back anew, nothing was to sound
        answer = post(operator, "/emergency", **fields | changed, word="KHẨN CẤP", code=code, intent="send")
        assert "KHẨN CẤP: ngay khi được xác nhận" in answer.text
    assert "đang có hiệu lực" in post(operator, "/emergency", **fields, word="khan cap", code=code, intent="send").text
    path = post(operator, "/emergency", **fields, intent="ask").url.path
    for _try in range(6):
        assert "word-error" in confirm(leader, path, "có", code=code).text
    assert "đang có hiệu lực" in confirm(leader, path, "KHẨN CẤP", code=code).text


def test_a_correction_is_one_act(operator: TestClient, leader: TestClient, places: Any, store: Store) -> None:
    path = ask(operator, "/emergency", places.leng).url.path
    confirm(leader, path, "KHẨN CẤP")
    banner = operator.get("/").text
    assert 'name="message" value="false-alarm.1"' in banner
    correction = post(operator, f"{path}/correct", message="false-alarm.1")
    assert correction.url.path != path
    assert path in correction.text
    assert sorted(order.state for order in orders(store)) == ["cancelled", "issued"]


def test_where_a_stop_was_and_one_may_say_nothing_the_page_names_it(
    operator: TestClient, leader: TestClient, browser: Browser, add_person: Callable[..., Any], places: Any
) -> None:
    add_person("vana", places.van, Role.OPERATOR)
    path = ask(operator, "/emergency", places.leng, zone=[places.leng, places.van]).url.path
    add_person("both", places.province, Role.OPERATOR)
    confirm(browser("both"), path, "KHẨN CẤP")
    post(leader, "/emergency/stop", zone=[places.leng])
    said = post(browser("vana"), f"{path}/correct", message="false-alarm.1")
    assert "không phát tới: Trà Leng" in said.text
    assert "không phát tới" not in post(operator, f"{path}/correct", message="false-alarm.1").text


def test_stop_all_is_for_the_places_one_may_silence(
    operator: TestClient, leader: TestClient, places: Any, store: Store
) -> None:
    path = ask(operator, "/emergency", places.leng_1).url.path
    confirm(leader, path, "KHẨN CẤP")
    assert post(leader, "/emergency/stop", zone=[places.van]).status_code in (403, 404)
    assert "DỪNG TẤT CẢ" in leader.get("/emergency").text
    stopped = post(leader, "/emergency/stop", zone=[places.leng])
    assert "máy chuyển tin chưa trả lời" in stopped.text  # there is no broker here
    assert "Đã dừng tất cả" not in stopped.text
    assert [order.state for order in orders(store)] == ["cancelled"]
    over = operator.get(path).text  # who heard it and then nothing is still to be told
    assert re.search(r'name="message" value="false-alarm.1">.* Phát “', over)
    assert "Dừng và phát" not in over
    post(operator, f"{path}/correct", message="false-alarm.1")
    assert sorted(order.state for order in orders(store)) == ["cancelled", "issued"]


def test_what_goes_on_from_above_is_named_with_whom_to_call(
    operator: TestClient,
    leader: TestClient,
    *,
    places: Any,
    store: Store,
    add_person: Callable[..., Any],
    browser: Browser,
) -> None:
    add_person("tam", places.province, Role.APPROVER)
    with store.writing() as db:
        db.exec(select(User).where(User.login == "hanh")).one().phone = "0905 123 456"
    path = ask(operator, "/emergency", places.province).url.path
    confirm(browser("tam"), path, "KHẨN CẤP")
    stopped = post(leader, "/emergency/stop", zone=[places.leng_1])
    for page in (stopped, leader.get("/emergency")):
        assert "Từ cấp trên vẫn tiếp tục" in page.text
        assert 'href="tel:0905123456"' in page.text
        assert page.text.count(f'href="{path}"') == 2  # in the banner too
    assert "Từ cấp trên" not in operator.get("/emergency").text
    assert "Từ cấp trên" not in leader.get(f"/emergency?stopped={places.van}").text  # not theirs to stop
    post(operator, f"{path}/stop")
    assert "Từ cấp trên" not in leader.get("/emergency").text


def test_a_return_leaves_it_unheard(operator: TestClient, leader: TestClient, places: Any, store: Store) -> None:
    path = ask(operator, "/emergency", places.leng).url.path
    assert "Trả lại" in leader.get(path).text
    assert "chưa phát gì" in post(leader, f"{path}/withdraw").text
    assert [order.state for order in orders(store)] == ["withdrawn"]


def test_who_may_only_look_finds_no_desk(helper: TestClient, places: Any) -> None:
    assert 'href="/emergency"' not in helper.get("/").text
    for path in ("/emergency", "/drills", "/tests"):
        assert helper.get(path).status_code == 403
    answer = post(helper, "/emergency", zone=[places.leng_1], message=FLOOD, intent="read")
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/emergency", "/drills", "/emergency/bank", "/emergency/history", "/rehearsals"])
def test_pages_open_are_light_and_carry_no_script_of_their_own(
    operator: TestClient, path: str, weight: Callable[[TestClient, str], int]
) -> None:
    page = operator.get(path)
    assert page.status_code == 200
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page.text)
    assert weight(operator, path) <= PAGE_BYTES


def test_a_weekly_test_is_set_and_taken_back(operator: TestClient, places: Any) -> None:
    path = f"/rehearsals/{places.leng}"
    saved = post(operator, path, weekday="2", at="16:30", silent="true", version="0")
    assert "Thứ Tư 25/11, 16:30" in saved.text
    assert "Thứ Tư 25/11, 16:30" in operator.get("/rehearsals").text
    version = re.search(r'name="version" value="(\d+)"', saved.text)
    assert version is not None
    gone = post(operator, path, weekday="", at="16:30", version=version[1])
    assert "Thứ Tư 25/11" not in gone.text
    run = post(operator, f"{path}/run", silent="true")
    assert re.fullmatch(r"/rehearsals/runs/[0-9A-Z]{26}", run.url.path)
    assert "Nhà văn hóa" in run.text
