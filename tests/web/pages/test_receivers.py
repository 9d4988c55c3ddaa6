"""A loudspeaker's page and its form, as a browser without script meets them."""

import re
import shlex
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from fastapi.testclient import TestClient
from httpx import Response

from broadcast.clock import to_us
from broadcast.trustroot.folder import load_or_make
from broadcast.wire import enrolment_code
from broadcast.wire.documents import ClockState, DataUse, Fault, Heard, Hearing, ReceiverState, SelfTestResult
from receivers.cli import app as command
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.rights import Role
from web.centre import Centre

Browser = Callable[[str], TestClient]
ID = "RFIRST"
PATH = f"/receivers/{ID}"
VOLUME = [40] * 5 + [80] * 19


@pytest.fixture
def receiver(centre: Centre, places: Any) -> None:
    with centre.store.writing() as db:
        db.add(Receiver(id=ID, zone_id=places.leng_1, name="Nhà văn hóa", note="Bên suối", volume_by_hour=VOLUME))


@pytest.fixture
def administrator(receiver: None, browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("quan", places.province, Role.ADMINISTRATOR)
    return browser("quan")


@pytest.fixture
def operator(receiver: None, browser: Browser, add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("truc", places.province, Role.OPERATOR)
    return browser("truc")


def row(centre: Centre) -> Receiver:
    with centre.store.reading() as db:
        return db.get_one(Receiver, ID)


def says(centre: Centre, state: ReceiverState, *, minutes_ago: float = 1) -> None:
    with centre.store.writing() as db:
        found = db.get_one(Receiver, ID)
        found.state, found.online = msgspec.to_builtins(state), True
        found.enrolled_at = found.seen_at = centre.clock.now() - timedelta(minutes=minutes_ago)


def save(client: TestClient, **changed: object) -> Response:
    """The form as it is opened, but for what is changed."""
    fields: dict[str, object] = {
        "name": "Nhà văn hóa",
        "note": "Bên suối",
        "volume_from": ["0", "5"],
        "volume_percent": ["40", "80"],
        "version": "1",
        "csrf_token": client.headers["x-csrf-token"],
    }
    answer: Response = client.post(f"{PATH}/edit", data=fields | changed)
    return answer


def test_an_administrator_sets_everything_in_one_form(
    administrator: TestClient, typed_code: Any, centre: Centre, places: Any
) -> None:
    opened = administrator.get(f"{PATH}/edit").text
    assert 'name="version" value="1"' in opened
    assert "Bên suối" in opened
    done = save(
        administrator,
        name="Nhà rông",
        zone_id=places.leng_2,
        volume_percent=["30", "90"],
        lead_s="0,3",
        tail_s="5",
        self_test_at="12:15",
        self_test_level_dbfs="-30",
        month_budget_mb="800",
        proof=typed_code("quan"),
    )
    assert (done.status_code, done.url.path) == (200, PATH)
    now = row(centre)
    assert (now.name, now.zone_id, now.note) == ("Nhà rông", places.leng_2, "Bên suối")
    assert now.volume_by_hour == [30] * 5 + [90] * 19
    assert (now.amplifier_lead_ms, now.amplifier_tail_ms, now.month_budget_mb) == (300, 5000, 800)
    assert (now.self_test_minute, now.self_test_level_dbfs) == (735, -30)
    assert "hằng ngày lúc 12:15" in done.text


def test_an_operator_sets_the_volume_and_nothing_else(operator: TestClient, centre: Centre) -> None:
    opened = operator.get(f"{PATH}/edit").text
    assert 'name="volume_percent"' in opened
    assert 'name="name"' not in opened
    assert save(operator, name="Của tôi", volume_percent=["10", "20"]).status_code == 200
    assert (row(centre).name, row(centre).volume_by_hour) == ("Nhà văn hóa", [10] * 5 + [20] * 19)


def test_who_may_only_look_gets_no_form(
    receiver: None, browser: Browser, add_person: Callable[..., Any], places: Any, centre: Centre
) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    official = browser("lan")
    page = official.get(PATH).text
    assert f"{PATH}/edit" not in page
    assert f"{PATH}/self-test" not in page
    assert official.get(f"{PATH}/edit").status_code == 403
    assert save(official, volume_percent=["1", "2"]).status_code == 403
    assert row(centre).version == 1


def test_an_old_form_overwrites_nothing_and_keeps_what_was_typed(
    administrator: TestClient, operator: TestClient, centre: Centre
) -> None:
    save(operator, volume_percent=["10", "20"])
    late = save(administrator, name="Tên mới")
    assert late.status_code == 422
    assert "Tên mới" in late.text
    assert (row(centre).name, row(centre).volume_by_hour) == ("Nhà văn hóa", [10] * 5 + [20] * 19)
    assert save(operator, volume_percent=["11", "21"]).status_code == 422


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"lead_s": "mười"}, "lead_s"),
        ({"volume_percent": ["40", "101"]}, "volume"),
        ({"volume_percent": ["40", ""]}, "volume"),
        ({"month_budget_mb": "0"}, "month_budget_mb"),
        ({"self_test_level_dbfs": "5"}, "self_test_level_dbfs"),
        ({"message_name": "fire", "message_recording": "nothing", "message_class": "priority"}, "messages"),
        ({"message_name": "Báo cháy", "message_recording": "x", "message_class": "priority"}, "messages"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_saved(
    administrator: TestClient, centre: Centre, changed: dict[str, object], field: str
) -> None:
    answer = save(administrator, **{"note": "Ghi chú mới"} | changed)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert f'id="{field}-error"' in answer.text
    assert "Ghi chú mới" in answer.text
    assert (row(centre).version, row(centre).note) == (1, "Bên suối")


def test_a_test_of_the_microphone_is_asked_for(operator: TestClient, centre: Centre) -> None:
    csrf = {"csrf_token": operator.headers["x-csrf-token"]}
    assert operator.post(f"{PATH}/self-test", data=csrf).status_code == 422
    says(centre, ReceiverState(online=True, at_us=1))
    asked = operator.post(f"{PATH}/self-test", data=csrf)
    assert "Đã gửi yêu cầu" in asked.text
    assert "chưa thực hiện" in asked.text
    done = SelfTestResult(at_us=to_us(centre.clock.now()) + 1, heard=Heard(verdict=Hearing.FAINT, correlation=0.4))
    says(centre, ReceiverState(online=True, at_us=1, self_test=done))
    page = operator.get(PATH).text
    assert "chưa thực hiện" not in page
    assert "micrô nghe nhỏ" in page


def test_what_was_not_measured_is_no_zero(operator: TestClient, centre: Centre) -> None:
    says(centre, ReceiverState(online=True, at_us=1, clock=ClockState(trusted=True)))
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd[^>]*>(?:<span class=\"lines\">)?([^<]+)", operator.get(PATH).text))
    absent = ("Nhiệt độ", "Nguồn điện", "Đường truyền", "Dữ liệu tháng này", "Âm lượng", "Sai số tối đa")
    assert {facts[name] for name in absent} == {"không đo được"}


def test_the_months_data_stand_beside_their_budget(operator: TestClient, centre: Centre) -> None:
    says(centre, ReceiverState(online=True, at_us=1, data=DataUse(month_bytes=312_000_000)))
    with centre.store.writing() as db:
        db.get_one(Receiver, ID).month_budget_mb = 800
    page = operator.get(PATH).text
    assert "312 MB trong 800 MB" in page
    assert re.search(r'<progress max="100" value="39"', page)


def test_faults_are_told_in_words_and_one_without_by_its_code(operator: TestClient, centre: Centre) -> None:
    faults = (Fault(code="horn_not_heard", since_us=1), Fault(code="brand_new"))
    says(centre, ReceiverState(online=True, at_us=1, faults=faults, refused={"unsigned": 3}))
    for path in (PATH, "/receivers"):
        page = operator.get(path).text
        assert "Micrô không nghe thấy loa" in page
        assert "brand_new" in page
    assert "3 không có chữ ký của trung tâm" in operator.get(PATH).text


def test_who_is_silent_is_never_green(operator: TestClient, centre: Centre) -> None:
    says(centre, ReceiverState(online=True, at_us=1), minutes_ago=24)
    assert "state good" in operator.get(PATH).text
    says(centre, ReceiverState(online=True, at_us=1), minutes_ago=26)
    for path in (PATH, "/receivers"):
        page = operator.get(path).text
        assert "không có tín hiệu" in page
        assert "state good" not in page
    assert "Không có tin từ thiết bị" in operator.get(PATH).text


def test_the_page_believes_the_microphone_rather_than_the_device(operator: TestClient, centre: Centre) -> None:
    now = centre.clock.now()
    said: dict[str, Any] = {
        "receiver_id": ID, "broadcast_id": "local", "outcome": "heard", "planned_start_at": now, "received_at": now,
        "planned_duration_us": 1, "played_us": 1, "gap_us": 0, "underruns": 0, "rms_dbfs": -19.0,
    }  # fmt: skip
    with centre.store.writing() as db:
        db.add(StoredReport(**said, number=1, airing_id="local-fire-1", microphone="not_heard"))
    page = operator.get(PATH).text
    assert "đã phát, micrô không nghe thấy" in page
    assert "đã nghe" not in page
    assert "Bật tại cụm loa: fire" in page
    assert "/broadcasts/local" not in page


def typed_there(page: str) -> list[list[str]]:
    """The words of each line that the page has one type on the loudspeaker's computer."""
    (shown,) = re.findall(r'id="code">([^<]*)<', page)
    return [shlex.split(line) for line in unescape(shown).splitlines()]


@pytest.mark.parametrize("installed", [False, True])
def test_what_is_typed_at_the_loudspeaker_is_a_whole_command(
    administrator: TestClient, typed_code: Any, centre: Centre, tmp_path: Path, installed: bool
) -> None:
    centre.trust = load_or_make(tmp_path / "keys", centre.clock.now())
    if installed:
        says(centre, ReceiverState(online=True, at_us=1))
    sent = {"csrf_token": administrator.headers["x-csrf-token"], "code": typed_code("quan")}
    lines = typed_there(administrator.post(f"{PATH}/code", data=sent).text)
    (enrol,) = (line for line in lines if line[0].endswith("loa"))
    assert enrol[:3] == ["/opt/loa/bin/loa", "receiver", "enrol"]
    parser = typer.main.get_command(command)
    given = parser.commands["enrol"].make_context("enrol", enrol[3:]).params  # type: ignore[attr-defined]
    assert (given["centre_url"], given["state"], given["device"], given["again"]) == (
        centre.settings.base_url,
        Path("/var/lib/loa-receiver"),
        "horn",
        installed,
    )
    assert enrolment_code.parse(given["code"]).pins(centre.order_key)
    around = [["systemctl", word, "loa-receiver"] for word in ("stop", "start")] if installed else []
    assert [line for line in lines if line is not enrol] == around


def test_a_loudspeaker_entered_by_mistake_is_deleted_on_its_page(
    administrator: TestClient, operator: TestClient, centre: Centre
) -> None:
    form = f'action="{PATH}/delete"'
    assert form not in operator.get(PATH).text
    assert form in administrator.get(PATH).text
    sent = {"csrf_token": administrator.headers["x-csrf-token"], "version": "1"}
    done = administrator.post(f"{PATH}/delete", data=sent)
    assert (done.status_code, done.url.path) == (200, "/receivers")
    with centre.store.reading() as db:
        assert db.get(Receiver, ID) is None


def test_the_page_of_an_installed_loudspeaker_offers_no_deleting(administrator: TestClient, centre: Centre) -> None:
    says(centre, ReceiverState(online=True, at_us=1))
    assert f'action="{PATH}/delete"' not in administrator.get(PATH).text
    sent = {"csrf_token": administrator.headers["x-csrf-token"], "version": "1"}
    assert administrator.post(f"{PATH}/delete", data=sent).status_code == 422
    assert row(centre).id == ID


def test_the_audit_page_says_how_loud_it_was_and_is(administrator: TestClient) -> None:
    assert save(administrator, volume_percent=["30", "90"]).status_code == 200
    shown = administrator.get("/audit", params={"action": "receiver.volume"}).text
    before, after = (", ".join(map(str, [low] * 5 + [high] * 19)) for low, high in ((40, 80), (30, 90)))
    assert f"<dd>volume_by_hour: {before}</dd>" in shown
    assert f"<dd>volume_by_hour: {after}</dd>" in shown
    assert "“Nhà văn hóa”" in shown
