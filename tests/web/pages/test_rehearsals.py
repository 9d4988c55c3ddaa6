"""The page on which loudspeakers are tested, as a browser without script meets it: its word and its colour."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from scheduler.emergency.models import EmergencyOrder
from scheduler.fleet.models import Receiver
from scheduler.rights import Role
from scheduler.store.engine import Store

THEMED = ("alarm", "drill", "test")

pytestmark = pytest.mark.usefixtures("full_bank")


@pytest.fixture
def operator(
    browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, store: Store, now: datetime
) -> TestClient:
    with store.writing() as db:
        db.add(Receiver(id="R1", zone_id=places.leng_1, name="Nhà văn hóa", enrolled_at=now, online=True, seen_at=now))
    add_person("hanh", places.province, Role.OPERATOR)
    return browser("hanh")


def post(client: TestClient, path: str, **fields: object) -> Response:
    answer: Response = client.post(path, data={"csrf_token": client.headers["x-csrf-token"], **fields})
    return answer


def orders(store: Store) -> list[EmergencyOrder]:
    with store.reading() as db:
        return list(db.exec(select(EmergencyOrder)).all())


@pytest.mark.parametrize(("path", "field"), [("/run", "word"), ("", "word-weekly")])
@pytest.mark.parametrize("word", ["", "KHẨN CẤP", "DIỄN TẬP"])
def test_what_is_heard_as_a_test_takes_the_word_of_tests(
    operator: TestClient, store: Store, places: Any, *, path: str, field: str, word: str
) -> None:
    asked = {"silent": "false", "word": word, "weekday": "2", "at": "16:30", "version": "0"}
    answer = post(operator, f"/rehearsals/{places.leng}{path}", **asked)
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error">.*Hãy gõ THỬ LOA để cho phát', answer.text)
    assert (orders(store), "Thứ Tư 25/11" in operator.get("/rehearsals").text) == ([], False)


def test_the_page_of_a_test_has_a_colour_of_its_own(operator: TestClient, places: Any, client: TestClient) -> None:
    page = operator.get(f"/rehearsals/{places.leng}")
    assert re.search(r'<body class="[^"]*\btest-page"', page.text)
    assert "THỬ LOA: không có gì ở đây là thật" in page.text
    assert "test-page" not in operator.get("/drills").text
    sheet = client.get(str(re.search(r'href="(/static/[^"]*loa\.css)"', page.text)[1])).text  # type: ignore[index]
    themes = {name: re.search(rf"^\.{name}-page {{[^}}]*--theme: ([^;]+);", sheet, re.MULTILINE) for name in THEMED}
    assert len({found[1] for found in themes.values() if found is not None}) == len(THEMED)


def test_an_audible_test_sounds_by_its_word_typed_without_marks(
    operator: TestClient, store: Store, places: Any, typed_code: Callable[[str], str]
) -> None:
    run = post(operator, f"/rehearsals/{places.leng}/run", silent="false", word="thu loa", code=typed_code("hanh"))
    assert re.search(r'<body class="[^"]*\btest-page"', run.text)
    (order,) = orders(store)
    assert (order.purpose, order.state) == ("test", "issued")


def test_the_report_of_a_silent_test_has_no_colour(operator: TestClient, places: Any) -> None:
    run = post(operator, f"/rehearsals/{places.leng}/run", silent="true")
    assert "Nhà văn hóa" in run.text
    assert "<h1>Thử loa Trà Leng: " in run.text
    assert "test-page" not in run.text


def test_the_word_of_a_test_is_not_filled_in_by_the_page(operator: TestClient, places: Any) -> None:
    page = post(operator, f"/rehearsals/{places.leng}/run", silent="false", word="THỬ LOA")
    assert page.status_code == 422  # the code is missing
    assert not re.search(r'name="word"[^>]* value=', page.text)


def test_who_edits_the_test_announcement_is_asked_for_its_own_words_only(operator: TestClient) -> None:
    page = operator.get("/emergency/bank/test-announcement/edit")
    (words,) = re.findall(r'<textarea[^>]*name="text_vi"[^>]*>\s*([^<]*)<', page.text)
    assert words.startswith("Đây là buổi thử loa định kỳ.")
    assert "iễn tập" not in words
