"""The right to speak, and the sign-in, are looked at while somebody speaks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlmodel import Session

from scheduler.people import repository as people
from scheduler.people import service as accounts
from scheduler.people import signin
from web.live.lab import HandMicrophone, decoded
from web.live.placing import RATE_HZ

Make = Callable[..., HandMicrophone]


def take_role(db: Session, user_id: str, air: Any) -> None:
    machine, now = signin.machine(db), air.centre.clock.now()
    (role,) = accounts.roles_of(db, machine, now, user_id)
    accounts.take_role(db, machine, now, role.id)


def end_sessions(db: Session, user_id: str, _air: Any) -> None:
    people.end_sessions_of(db, user_id)


@pytest.mark.parametrize(("deed", "reason"), [(take_role, "role_taken"), (end_sessions, "signed_out")])
async def test_who_may_not_speak_any_more_is_ended_with_the_closing_chime(
    air: Any, microphone: Make, deed: Callable[..., None], reason: str
) -> None:
    asked = await air.ask(delay_ms=600)
    await microphone().connect(asked["id"])
    await air.until(lambda: air.sent)
    chunks, feed = air.record(asked["id"]), air.studio.desk.get(asked["id"])
    await air.until(lambda: feed.frames > 4 * RATE_HZ)
    said = feed.frames
    with air.centre.store.writing() as db:
        deed(db, asked["speaker_id"], air)
    await air.until(lambda: air.ends().get(asked["id"]) == reason)
    assert feed.ended
    assert RATE_HZ < feed.frames - said < 8 * RATE_HZ  # a moment until it is noticed, and the chime
    assert np.abs(decoded(chunks)[-RATE_HZ : -RATE_HZ // 2]).max() > 0.01
    assert air.studio.stage(asked["id"]) is None
    await air.until(lambda: air.studio.lines == {})
