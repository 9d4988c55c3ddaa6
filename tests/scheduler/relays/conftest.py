"""Relays of the commune, planned and approved."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.live.asking import Terms
from scheduler.people.actor import Actor
from scheduler.relays import service
from scheduler.relays.schemas import RelayDetail, RelayIn

Asked = Callable[..., RelayIn]
Planned = Callable[..., RelayDetail]


@pytest.fixture
def terms() -> Terms:
    return Terms(frozenset({"stream.example"}))


@pytest.fixture
def asked(commune: Any) -> Asked:
    """Fifteen minutes in the whole commune, today and tomorrow at 17:00."""

    def draft(clock: str = "17:00", **other: Any) -> RelayIn:
        when = {"starts_local": f"2026-11-23T{clock}", "rrule": "FREQ=DAILY", "until": "2026-11-24"}
        values = {
            "zone_id": commune.places.leng, "title": "Thời sự VOV1", "source_url": "https://stream.example/vov1.mp3",
            "limit_min": 15, "when": when, "zone_ids": [commune.places.leng],
        }  # fmt: skip
        return RelayIn.model_validate(values | other)

    return draft


@pytest.fixture
def submitted(commune: Any, asked: Asked, terms: Terms) -> Planned:
    def sent(draft: RelayIn | None = None) -> RelayDetail:
        with commune.store.writing() as db:
            made = service.create(db, commune.official, commune.now, draft or asked(), terms)
            return service.submit(db, commune.official, commune.now, made.id, terms=terms, version=made.version)

    return sent


@pytest.fixture
def planned(commune: Any, submitted: Planned, terms: Terms) -> Planned:
    """Approved by the leader, or `by` another."""

    def approved(draft: RelayIn | None = None, *, by: Actor | None = None) -> RelayDetail:
        made = submitted(draft)
        with commune.store.writing() as db:
            who = by or commune.leader
            return service.approve(db, who, commune.now, made.id, terms=terms, version=made.version)

    return approved
