"""The live pages as a browser without script meets them."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from broadcast.clock import ManualClock
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.live import service
from scheduler.live.models import LiveEnd
from scheduler.live.repository import AIRING_PREFIX
from scheduler.rights import Role
from scheduler.store.engine import Store
from web.centre import Centre

Browser = Callable[[str], TestClient]
Coded = Callable[[TestClient, str], TestClient]
PAGE_BYTES = 60_000
STREAM = "https://vov.example/vov1.mp3"


@pytest.fixture
def operator(browser: Browser, add_person: Callable[..., Any], with_codes: Coded, places: Any) -> TestClient:
    add_person("hoa", places.province, Role.OPERATOR)
    return with_codes(browser("hoa"), "hoa")


@pytest.fixture
def other(browser: Browser, add_person: Callable[..., Any], with_codes: Coded, places: Any) -> TestClient:
    add_person("nam", places.province, Role.OPERATOR)
    return with_codes(browser("nam"), "nam")


@pytest.fixture
def helper(browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("bo", places.leng_1, Role.VIEWER)
    return browser("bo")


def ask(client: TestClient, place: str, **fields: object) -> Response:
    return post(client, "/live", **{"zone": [place], "mode": "microphone", **fields})


def asked_for(answer: Response) -> str:
    """The id of the talk whose page this is."""
    found = re.search(r"/live/([0-9A-Z]{26})$", str(answer.url))
    assert found, answer.text
    return found[1]


def test_the_desk_is_one_small_page_and_binds_no_script_to_itself(operator: TestClient) -> None:
    answer = operator.get("/live")
    assert answer.status_code == 200
    assert len(answer.content) < PAGE_BYTES
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", answer.text)
    assert "Gợi ý: 2 giây." in answer.text
    assert "Tiếp sóng" not in answer.text  # no host is allowed, so there is no form that could never be sent


def test_the_sound_quality_is_chosen_or_left_to_the_links(operator: TestClient, centre: Any, places: Any) -> None:
    page = operator.get("/live").text
    assert '<option value="">theo đường truyền ở đó</option>' in page
    assert "Chất lượng âm thanh hợp với đường truyền: 24 kbit/s: như thường." in page
    for typed, kept in (("", 24_000), ("48000", 48_000), ("12000", 12_000)):
        talk_id = asked_for(ask(operator, places.leng, bitrate=typed))
        assert operator.get(f"/api/v1/live/{talk_id}").json()["bitrate_bps"] == kept
        post(operator, f"/live/{talk_id}/end")
    for wrong in ("11999", "48001", "nhanh", "9" * 30):
        refused = ask(operator, places.leng, bitrate=wrong, title="Họp thôn")
        assert (refused.status_code, "Hãy chọn chất lượng âm thanh" in refused.text) == (422, True)
        assert 'value="Họp thôn"' in refused.text
    operator.patch("/api/v1/me", json={"language": "en"})
    assert "as the links there need" in operator.get("/live").text


def test_who_may_not_speak_sees_who_does_and_no_form(operator: TestClient, helper: TestClient, places: Any) -> None:
    assert "Hiện không ai phát trực tiếp" in helper.get("/live").text
    ask(operator, places.leng, title="Họp thôn")
    page = helper.get("/live").text
    assert "Họp thôn" in page
    assert 'id="speak"' not in page
    assert "/end" not in page
    assert ask(helper, places.leng_1).status_code == 403


def test_nothing_chosen_is_said_beside_the_field_and_nothing_is_lost(operator: TestClient, places: Any) -> None:
    answer = ask(operator, places.leng, zone=[], title="Lũ về", minutes="30", cls="priority", delay="3000")
    assert answer.status_code == 422
    assert 'href="#zones"' in answer.text
    assert 'value="Lũ về"' in answer.text
    for chosen in ('value="30" selected', 'value="priority" selected', 'value="3000" selected'):
        assert chosen in answer.text


def test_what_was_asked_for_has_its_booth_and_those_after_it_wait_with_their_number(
    operator: TestClient, other: TestClient, places: Any, clock: ManualClock
) -> None:
    first = ask(operator, places.leng, title="Họp thôn")
    assert 'data-state="turn"' in first.text
    assert 'id="booth"' in first.text
    clock.step_wall(timedelta(seconds=1))
    ask(other, places.leng_1, title="Mất điện")
    clock.step_wall(timedelta(seconds=1))
    third = ask(other, places.leng_1, title="Có điện")
    assert 'data-state="waiting"' in third.text
    assert "Thứ 3 trong hàng đợi" in third.text
    assert "Họp thôn" in third.text
    assert 'id="booth"' not in operator.get(f"/live/{asked_for(third)}").text  # somebody else's


def test_what_another_commune_hears_is_a_place_in_the_queue_without_a_name(
    operator: TestClient, other: TestClient, helper: TestClient, *, places: Any, clock: ManualClock
) -> None:
    ask(operator, places.van, title="Họp kín Trà Vân")
    clock.step_wall(timedelta(seconds=1))
    talk_id = asked_for(ask(other, places.leng, zone=[places.leng, places.van], title="Mất điện"))
    assert "“Họp kín Trà Vân”" in other.get(f"/live/{talk_id}").text
    page = helper.get(f"/live/{talk_id}").text
    assert "Thứ 2 trong hàng đợi. Trước bạn: 1 nơi khác." in page
    assert "Họp kín" not in page


def test_one_s_own_is_withdrawn_and_another_s_stopped_on_the_page(
    operator: TestClient, other: TestClient, helper: TestClient, places: Any
) -> None:
    talk_id = asked_for(ask(operator, places.leng))
    assert "Rút lại" in operator.get("/live").text
    page = other.get("/live").text
    assert "DỪNG" in page
    assert f'action="/live/{talk_id}/end"' in page
    assert f'action="/live/{talk_id}/end"' not in helper.get("/live").text


def test_a_turn_that_was_missed_is_asked_for_again_with_the_same_places(
    operator: TestClient, places: Any, centre: Centre, store: Store
) -> None:
    talk_id = asked_for(ask(operator, places.leng_2, minutes="30"))
    with store.writing() as db:
        service.end(db, centre.clock.now(), talk_id, LiveEnd.TURN_MISSED)
    again = re.search(r'href="(/live\?zone=[^"]*)"', operator.get(f"/live/{talk_id}").text)
    assert again
    page = operator.get(again[1].replace("&amp;", "&")).text
    assert f'value="{places.leng_2}" checked' in page
    assert 'value="30" selected' in page


def test_afterwards_the_page_tells_what_receivers_heard_and_what_delay_suits(
    operator: TestClient, places: Any, store: Store, now: datetime
) -> None:
    talk_id = asked_for(ask(operator, places.leng))
    with store.writing() as db:
        service.begin(db, now, talk_id, service.Air(1, "k", ("http://centre/live/x",)))
        service.end(db, now, talk_id, LiveEnd.SPEAKER, frames=48_000)
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Nhà văn hóa", enrolled_at=now, online=True, seen_at=now))
        db.add(_report(talk_id, now))
    page = operator.get(f"/live/{talk_id}").text
    assert "Nhà văn hóa" in page
    assert "10,0% âm thanh đến muộn" in page
    assert "Gợi ý cho lần sau ở đó: 3 giây" in page
    assert "Gợi ý: 3 giây." in operator.get(f"/live/advice?zone={places.leng_1}").text
    assert "Gợi ý: 2 giây." in operator.get(f"/live/advice?zone={places.van}").text


def test_what_is_reported_while_it_goes_on_is_shown_without_a_reload(
    operator: TestClient, places: Any, store: Store, now: datetime
) -> None:
    talk_id = asked_for(ask(operator, places.leng))
    with store.writing() as db:
        service.begin(db, now, talk_id, service.Air(1, "k", ("http://centre/live/x",)))
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Nhà văn hóa", enrolled_at=now, online=True, seen_at=now))
    page = operator.get(f"/live/{talk_id}").text
    assert 'id="h-heard"' not in page
    (words,) = re.findall(r'id="facts"[^>]*data-live="([^"]*)"', page)
    report = _report(talk_id, now)
    assert f"airing:{report.airing_id}" in words.split()  # what is told of a report when it comes
    with store.writing() as db:
        db.add(report)
    page = operator.get(f"/live/{talk_id}").text
    assert "10,0% âm thanh đến muộn" in page
    assert "Gợi ý cho lần sau ở đó: 3 giây" in page


def test_a_relay_names_the_hosts_and_says_which_address_is_none_of_them(
    operator: TestClient, places: Any, centre: Centre
) -> None:
    centre.settings.live_relay_hosts = "vov.example"
    assert "Được phép: vov.example." in operator.get("/live").text
    refused = ask(operator, places.leng, mode="relay", source_url="https://elsewhere.example/x")
    assert refused.status_code == 422
    assert "elsewhere.example" in refused.text
    assert 'href="#source_url"' in refused.text
    later = centre.clock.now() + timedelta(days=1)
    taken = ask(
        operator, places.leng, mode="relay", source_url=STREAM, when="at", date=f"{later:%Y-%m-%d}", time="17:00"
    )
    assert 'data-state="planned"' in taken.text
    assert "17:00" in taken.text
    assert "Tiếp sóng vov.example" in taken.text


def test_a_recording_is_listened_to_before_it_can_be_played(operator: TestClient, places: Any) -> None:
    csrf = operator.headers["x-csrf-token"]
    fields = {"csrf_token": csrf, "zone": places.leng, "minutes": "15", "title": "Nhắc họp"}
    nothing = operator.post("/live/recordings", data=fields)
    assert nothing.status_code == 422
    assert 'href="#recording"' in nothing.text
    page = operator.post("/live/recordings", data=fields, files={"file": ("a.webm", b"sound", "audio/webm")})
    assert "/live/play/" in str(page.url)
    assert "Nhắc họp" in page.text
    hidden = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text.split('id="recording_id"')[1]))
    early = operator.post("/live", data=hidden)
    assert early.status_code == 422
    assert "Nhắc họp" in early.text


def test_an_emergency_needs_its_order(operator: TestClient, places: Any) -> None:
    assert operator.get("/live?order=01KB3CWZ5M4Q7R8S9TAVBXCYDZ").status_code == 409
    talk = ask(operator, places.leng, cls="emergency")
    assert "tag emergency" not in talk.text


@pytest.mark.usefixtures("full_bank")
def test_an_emergency_in_one_s_own_voice_leads_from_its_order_to_the_microphone(
    operator: TestClient, browser: Browser, add_person: Callable[..., Any], places: Any, centre: Centre
) -> None:
    centre.settings.live_relay_hosts = "vov.example"
    add_person("minh", places.leng, Role.APPROVER)
    leader = browser("minh")
    fields: dict[str, object] = {"zone": [places.leng], "message": "live", "every_s": "0", "minutes": "30"}
    read = re.search(r'name="read" value="(\w+)"', post(operator, "/emergency", **fields, intent="read").text)
    assert read
    order = str(post(operator, "/emergency", **fields, read=read[1], intent="send").url.path)
    post(leader, f"{order}/confirm", word="khẩn cấp", version="1")
    speak = re.search(r'href="(/live\?order=\w+)"', operator.get(order).text)
    assert speak
    assert speak[1] in operator.get("/live").text
    assert speak[1] not in leader.get(order).text
    desk = operator.get(speak[1]).text
    assert f'value="{places.leng}" checked' in desk
    assert 'id="cls"' not in desk
    assert 'value="microphone"' in desk
    assert 'value="recorded"' not in desk  # one's own voice, now
    assert 'value="relay"' not in desk
    pretended = ask(operator, places.leng, order=order.rsplit("/", 1)[-1], mode="relay", source_url=STREAM)
    assert 'id="booth"' in pretended.text  # whatever is sent, it is the microphone
    talk = ask(operator, places.leng, order=order.rsplit("/", 1)[-1])
    assert "tag emergency" in talk.text
    assert 'id="booth"' in talk.text


def post(client: TestClient, path: str, **fields: object) -> Response:
    answer: Response = client.post(path, data={"csrf_token": client.headers["x-csrf-token"], **fields})
    return answer


def _report(talk_id: str, now: datetime) -> StoredReport:
    return StoredReport(
        receiver_id="R1", number=1, airing_id=AIRING_PREFIX + talk_id, broadcast_id=talk_id, outcome="heard",
        planned_start_at=now, planned_duration_us=60_000_000, played_us=60_000_000, gap_us=0, underruns=0,
        chunks=250, late_chunks=25, concealed_us=1_500_000, received_at=now,
    )  # fmt: skip
