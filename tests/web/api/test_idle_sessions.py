"""Somebody who thought for a while before they sent something."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient

from broadcast.clock import ManualClock
from scheduler.rights import Role


def test_what_changes_something_may_come_first_after_a_pause(
    add_person: Callable[..., Any], places: Any, sign_in: Callable[[str], TestClient], clock: ManualClock
) -> None:
    """The session is noted as used by itself, and not from within the transaction that waits for it."""
    add_person("official", places.leng, Role.EDITOR)
    official = sign_in("official")
    clock.step_wall(timedelta(minutes=5))
    body = {"zone_id": places.leng, "title": "Họp dân", "recordings": [{"text": "Họp dân"}]}
    made = official.post("/api/v1/announcements", json=body)
    assert made.status_code == 201, made.text
