"""What has been done to alarms elsewhere, tried at this centre. None of it sounds; each is refused and on record."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlmodel import select
from starlette.requests import Request

from broadcast.wire.now import Purpose
from scheduler.emergency import service
from scheduler.emergency.document import now_document
from scheduler.emergency.models import EmergencyOrder
from scheduler.emergency.schemas import OrderIn
from scheduler.errors import Problem
from scheduler.people.models import User
from scheduler.zones.models import SecondPerson, Zone
from web.auth import SESSION_COOKIE
from web.urgent import Asker, Done, Lane

API = "/api/v1"


@pytest.fixture(autouse=True)
def silent(alarm: Any) -> Any:
    """After each attack nothing is in force anywhere, unless the test says what."""
    allowed: set[str] = set()
    yield allowed
    with alarm.store.reading() as db:
        now = alarm.app.state.centre.clock.now()
        for zone in db.exec(select(Zone)).all():
            draft = now_document(db, zone.id, now)
            assert draft is not None
            assert {order.id for order in getattr(draft.document, "orders", ())} <= allowed


def one_person_is_enough(alarm: Any) -> None:
    with alarm.store.writing() as db:
        db.get_one(Zone, alarm.places.province).second_person = SecondPerson.SECOND_FACTOR


def test_a_stolen_cookie_without_the_second_factor(alarm: Any, second_factor: Any) -> None:
    one_person_is_enough(alarm)
    second_factor(alarm.operator)
    thief = stolen(alarm)
    asked = alarm.asked(thief)
    for code, why in (("", "code_needed"), ("123456", "wrong_code")):
        answer = alarm.confirm(thief, asked, code=code)
        assert (answer.status_code, answer.json()["code"]) == (401, why)
    assert alarm.refused() == [(alarm.operator.user_id, "code_needed"), (alarm.operator.user_id, "wrong_code")]


def stolen(alarm: Any) -> Any:
    """The cookie of somebody who has a second factor, as whoever took it from their browser sends it."""
    has_one(alarm, confirmed=False)
    client = alarm.sign_in("operator")
    has_one(alarm, confirmed=True)
    return client


def has_one(alarm: Any, *, confirmed: bool) -> None:
    with alarm.store.writing() as db:
        db.get_one(User, alarm.operator.user_id).totp_confirmed = confirmed


def test_a_cookie_of_somebody_without_a_second_factor_is_not_enough_either(alarm: Any) -> None:
    one_person_is_enough(alarm)
    operator = alarm.sign_in("operator")
    answer = alarm.confirm(operator, alarm.asked(operator))
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
    assert alarm.refused() == [(alarm.operator.user_id, "second_factor_needed")]


def test_a_stolen_cookie_that_sets_up_a_second_factor_of_its_own(alarm: Any) -> None:
    one_person_is_enough(alarm)
    thief = alarm.sign_in("operator")
    begun = [thief.post(f"{API}/me/totp", **body) for body in ({}, {"json": {"password": "guessed"}})]
    assert [(answer.status_code, "secret" in answer.json()) for answer in begun] == [(422, False)] * 2
    assert thief.put(f"{API}/me/totp", json={"code": "123456"}).json()["code"] == "totp_not_begun"
    assert alarm.confirm(thief, alarm.asked(thief)).json()["code"] == "second_factor_needed"


def test_an_approver_approving_their_own(alarm: Any, second_factor: Any) -> None:
    code, operator = second_factor(alarm.operator), stolen(alarm)
    answer = alarm.confirm(operator, alarm.asked(operator), code=code())
    assert (answer.status_code, answer.json()["code"]) == (403, "own_order")
    assert alarm.refused() == [(alarm.operator.user_id, "own_order")]


def test_hawaii_2018_a_real_template_at_the_drill_desk(alarm: Any) -> None:
    operator = alarm.sign_in("operator")
    for path, body in (
        ("/drills", alarm.draft("flash-flood.1")),
        ("/drills", alarm.draft("drill-flash-flood.1", "siren-rise-fall.1")),
        ("/drills", alarm.draft("drill-flash-flood.1", purpose="real")),
        ("/emergencies", alarm.draft("drill-flash-flood.1")),
    ):
        answer = operator.post(API + path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "wrong_purpose"), body
    assert alarm.refused() == [(alarm.operator.user_id, "wrong_purpose")]


def test_hawaii_2018_a_drill_turned_into_an_emergency_by_its_confirmation(alarm: Any) -> None:
    operator, second = alarm.sign_in("operator"), alarm.sign_in("second")
    drill = alarm.asked(operator, "/drills")
    as_real = alarm.confirm(second, drill)
    assert (as_real.status_code, as_real.json()["code"]) == (404, "not_found")
    wrong_word = alarm.confirm(second, drill, path="/drills")
    assert (wrong_word.status_code, wrong_word.json()["code"]) == (422, "wrong_word")
    real = alarm.asked(operator)
    as_drill = alarm.confirm(second, real, word="DIỄN TẬP", path="/drills")
    assert (as_drill.status_code, as_drill.json()["code"]) == (404, "not_found")
    assert alarm.refused() == [(alarm.second.user_id, "not_found"), (alarm.second.user_id, "wrong_word")]


def test_fields_that_nobody_offered(alarm: Any) -> None:
    operator = alarm.sign_in("operator")
    for more in ({"state": "issued"}, {"confirmer_id": alarm.second.user_id}, {"start_us": 1}, {"id": "mine"}):
        assert operator.post(f"{API}/emergencies", json=alarm.draft() | more).status_code == 422


def test_a_confirmation_that_is_sent_again(alarm: Any, silent: set[str]) -> None:
    operator, second = alarm.sign_in("operator"), alarm.sign_in("second")
    asked = alarm.asked(operator)
    silent.add(asked["id"])
    first = alarm.confirm(second, asked)
    assert first.status_code == 200
    assert alarm.confirm(second, asked).status_code == 412
    assert alarm.confirm(second, first.json()).json()["code"] == "not_possible"
    operator.post(f"{API}/emergencies/{asked['id']}/cancel")
    silent.clear()
    for version in (1, 2, 3):
        assert alarm.confirm(second, asked | {"version": version}).status_code in (409, 412)


FLOOD = 10_000
OVER_HTTP = 200


async def test_a_flood_of_orders_lets_those_of_others_pass(alarm: Any, silent: set[str]) -> None:
    """Ten thousand of one sign-in: some over HTTP, which is slow to send, and the others where they are let in."""
    thief, operator, second = (alarm.sign_in(login) for login in ("operator", "second", "operator"))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=alarm.app), base_url="http://testserver", cookies=dict(thief.cookies)
    ) as flood:
        flood.headers["X-CSRF-Token"] = thief.headers["X-CSRF-Token"]

        async def ask() -> int:
            return (await flood.post(f"{API}/emergencies", json=alarm.draft())).status_code

        answers = [asyncio.create_task(ask()) for _one in range(OVER_HTTP)]
        answers += [asyncio.create_task(knock(alarm, thief)) for _one in range(FLOOD - OVER_HTTP)]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        asked = await asyncio.to_thread(alarm.asked, operator)
        done = await asyncio.to_thread(alarm.confirm, second, asked)
        assert done.status_code == 200
        silent.add(asked["id"])
        statuses = await asyncio.gather(*answers)
    assert len(statuses) == FLOOD
    assert set(statuses) <= {201, 429}
    assert 1 <= statuses.count(201) <= 10
    with alarm.store.reading() as db:
        assert len(db.exec(select(EmergencyOrder)).all()) == 1 + statuses.count(201)
    assert len(alarm.refused()) <= 2


async def knock(alarm: Any, browser: Any) -> int:
    """Ask for an order as the route does, without HTTP; the status of the answer."""
    scope = {"type": "http", "method": "POST", "path": f"{API}/emergencies", "headers": [], "state": {}}
    csrf, cookie = browser.headers["X-CSRF-Token"], browser.cookies[SESSION_COOKIE]
    asker = Asker(Request(scope), cookie=cookie, bearer="", csrf=csrf, idempotency=(None, ""))
    lane = Lane(alarm.app.state.centre, alarm.app.state.urgent_door, asker)
    draft = OrderIn.model_validate(alarm.draft())
    try:
        await lane.act(lambda db, actor, now: Done(service.ask(db, actor, now, Purpose.REAL, draft)))
    except Problem as refusal:
        return refusal.status
    return 201
