"""The page of a place: what is wrong is said beside what it is about, and who may not change it is told so."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from scheduler.rights import Role

READ_ONLY = "Bạn chỉ xem được. Muốn đổi, hãy nhờ người quản trị."


@pytest.fixture
def admin(browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any) -> TestClient:
    add_person("quantri", places.province, Role.ADMINISTRATOR)
    return browser("quantri")


def test_an_empty_holiday_leaves_the_name_of_the_place_alone(admin: TestClient, places: Any) -> None:
    path, token = f"/zones/{places.leng}", {"csrf_token": admin.headers["x-csrf-token"]}
    answer = admin.post(f"{path}/holidays", data=token | {"day": "2027-03-08", "name": ""})
    assert answer.status_code == 422
    assert re.findall(r'class="wrong" id="([\w-]+)"', answer.text) == ["holiday_name-error"]
    assert 'id="holiday_day" name="day" value="2027-03-08"' in answer.text
    again = admin.post(f"{path}/holidays", data=token)
    assert set(re.findall(r'class="wrong" id="([\w-]+)"', again.text)) == {"holiday_day-error", "holiday_name-error"}


def test_who_may_not_change_a_place_is_told_so_and_cannot_type(
    admin: TestClient, browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any
) -> None:
    add_person("trucban", places.province, Role.OPERATOR)
    page, own = browser("trucban").get(f"/zones/{places.leng}").text, admin.get(f"/zones/{places.leng}").text
    assert READ_ONLY in page
    assert READ_ONLY not in own
    opened = re.compile(r'<fieldset class="stack"( disabled)?>(.*?)<p class="hint"', re.DOTALL)
    assert [found[0] for text in (page, own) for found in opened.findall(text)] == [" disabled", ""]


def test_what_needs_approval_is_said_in_the_words_of_the_choice(admin: TestClient, places: Any) -> None:
    page = admin.get(f"/zones/{places.leng}").text
    assert "Đang áp dụng: Mọi bản tin đều cần duyệt" in page
