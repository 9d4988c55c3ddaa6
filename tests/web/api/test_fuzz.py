"""A little of `make fuzz` each time, the same each time: every operation by some, and texts that nobody types."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect
from sqlmodel import text

from bench.fuzz.communes import Town, furnish
from bench.fuzz.driving import Driver
from scheduler.rights import Role

EXAMPLES = 2
PEOPLE: tuple[str | None, ...] = (None, Role.EDITOR, Role.VIEWER, Role.APPROVER, Role.OPERATOR, Role.ADMINISTRATOR)
STRANGE = (
    "\ud800", "a\udfffb", "\x00", "\x01\x02\x1b[31m", "\u202e\u2066đọc ngược", "\u200b\u200d\ufeff", "   \n\t ",
    "\u2028",
    unicodedata.normalize("NFD", "Trà Dơn đổi lịch"), "<speak><break time='9999s'/>x</speak>", "{{7*7}}%s%(x)s",
    "'; DROP TABLE zone; --", "a" * 70_000, "🔊" * 200, "\U0010ffff", "ﷺ", "",
)  # fmt: skip


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return furnish(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="session")
def driver(town: Town) -> Driver:
    return Driver(town)


def test_every_operation_answers_as_described_and_tells_nothing_of_another_commune(driver: Driver) -> None:
    tried = (
        driver.drive(operation, PEOPLE[number % len(PEOPLE)], EXAMPLES)
        for number, operation in enumerate(driver.operations())
    )
    assert [found for found in tried if found is not None] == []


def leaves(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each text in `body` that a person typed."""
    if isinstance(body, str):
        yield path
    for key, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from leaves(value, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: str) -> Any:
    if not path:
        return value
    key, *rest = path
    if isinstance(body, dict):
        return body | {key: replaced(body[key], tuple(rest), value)}
    return [replaced(one, tuple(rest), value) if place == key else one for place, one in enumerate(body)]


def rows(town: Town) -> dict[str, int]:
    with town.centre.store.reading() as db:
        tables = set(inspect(db.connection()).get_table_names()) - {"auditentry", "signinattempt"}  # refusals are noted
        return {name: db.connection().scalar(text(f'SELECT count(*) FROM "{name}"')) or 0 for name in tables}  # noqa: S608


@settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_strange_texts_are_taken_whole_or_refused_in_words(town: Town, data: st.DataObject) -> None:
    """Wherever a text is sent: no trace, nothing half written, and what is taken is read again."""
    sent = data.draw(st.sampled_from([one for one in town.sent if one.who in set(Role) and any(leaves(one.body))]))
    where = data.draw(st.sampled_from(list(leaves(sent.body))))
    body = replaced(sent.body, where, data.draw(st.sampled_from(STRANGE)))
    headers = town.headers(sent.who) | {"content-type": "application/json", "if-match": '"1"'}
    with town.example(), TestClient(town.app, raise_server_exceptions=False) as client:
        before = rows(town)
        answer = client.request(sent.method, sent.path, content=json.dumps(body), headers=headers)
        told = answer.json()
        assert answer.status_code < 500, (sent, body, told)
        if answer.is_success:
            answer.content.decode()
        else:
            assert told["detail"]
            assert rows(town) == before
