from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlmodel import Session, select

from scheduler.errors import Conflict, Invalid
from scheduler.fleet.models import DirtyTopic
from scheduler.people import idempotency
from scheduler.store.engine import Store


def create(store: Store, now: datetime, key: str, request: str = "a") -> tuple[str, object]:
    with store.writing() as db:
        kept = idempotency.claim(db, now, "u", key, request)
        if kept is not None:
            return "repeated", kept.body
        number = len(db.exec(select(DirtyTopic)).all())
        db.add(DirtyTopic(topic=f"t{number}", since=now))
        idempotency.keep(db, "u", key, 201, {"number": number})
        return "created", {"number": number}


def test_a_repeated_key_creates_once_and_answers_the_same(store: Store, now: datetime) -> None:
    assert create(store, now, "k") == ("created", {"number": 0})
    assert create(store, now, "k") == ("repeated", {"number": 0})
    assert create(store, now, "other") == ("created", {"number": 1})


def test_a_key_for_another_request_is_refused(store: Store, now: datetime) -> None:
    create(store, now, "k")
    with pytest.raises(Invalid):
        create(store, now, "k", "b")


@pytest.mark.parametrize("key", ["", "k" * 121])
def test_a_key_has_a_sensible_length(sqlite_store: Store, now: datetime, key: str) -> None:
    with pytest.raises(Invalid):
        create(sqlite_store, now, key)


def test_a_key_is_forgotten_after_two_days(store: Store, now: datetime) -> None:
    create(store, now, "k")
    assert create(store, now + timedelta(days=2), "k")[0] == "created"


def claim_and_fail(db: Session, now: datetime) -> None:
    idempotency.claim(db, now, "u", "k", "a")
    idempotency.keep(db, "u", "never claimed", 201, {})


def test_a_creation_that_failed_leaves_its_key_free(store: Store, now: datetime) -> None:
    with pytest.raises(LookupError), store.writing() as db:
        claim_and_fail(db, now)
    assert create(store, now, "k")[0] == "created"


def test_the_same_key_from_many_at_once_creates_once(store: Store, now: datetime) -> None:
    def attempt(_number: int) -> str:
        try:
            return create(store, now, "k")[0]
        except Conflict:
            return "told to ask again"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count("created") == 1
    with store.reading() as db:
        assert len(db.exec(select(DirtyTopic)).all()) == 1
