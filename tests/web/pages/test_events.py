"""What changed is told at once and by name only, and to nobody whose session is over."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from broadcast.clock import ManualClock
from scheduler.changes import Changes
from scheduler.people import repository
from scheduler.people.actor import Actor
from scheduler.rights import Role
from web.centre import Centre
from web.pages import events
from web.pages.today import whole_state


def test_a_change_is_told_in_one_event_and_nothing_when_nothing_changed(centre: Centre) -> None:
    async def follow() -> list[str]:
        centre.changes = Changes()
        centre.changes.attach(asyncio.get_running_loop())
        told = events._told(centre, "")
        heard = [await anext(told)]
        follower = asyncio.ensure_future(anext(told))
        for _ in range(10):
            await asyncio.sleep(0)
        assert centre.changes._watchers
        centre.changes.tell([])
        await asyncio.sleep(0)
        centre.changes.tell(["broadcast:B", "airing:A"])
        heard.append(await follower)
        await told.aclose()
        assert not centre.changes._watchers
        return heard

    assert asyncio.run(follow()) == [": connected\n\n", "event: change\ndata: airing:A broadcast:B\n\n"]


def test_many_changes_at_once_are_told_by_kind() -> None:
    words = frozenset(f"receiver:{number}" for number in range(events.MAX_WORDS + 1))
    assert events._message(words) == "event: change\ndata: receiver:\n\n"


@pytest.fixture
def lan(add_person: Callable[..., Actor], places: Any) -> Actor:
    return add_person("lan", places.leng, Role.EDITOR)


def test_the_stream_ends_with_the_session(
    centre: Centre, browser: Callable[[str], TestClient], lan: Actor, clock: Any
) -> None:
    cookie = browser("lan").cookies["loa_session"]
    assert events._still_signed_in(centre, cookie, clock.now())
    assert not events._still_signed_in(centre, "another", clock.now())


@pytest.mark.parametrize(("ended_after_s", "told_s"), [(5, events.QUIET_S), (events.QUIET_S + 1, 2 * events.QUIET_S)])
def test_an_ended_session_is_told_nothing_more_however_much_happens(
    centre: Centre, browser: Callable[[str], TestClient], lan: Actor, ended_after_s: int, told_s: int
) -> None:
    cookie, clock = browser("lan").cookies["loa_session"], centre.clock
    assert isinstance(clock, ManualClock)

    async def follow() -> int:
        """After how many seconds, in each of which something changes, nothing more is told."""
        centre.changes = Changes()
        centre.changes.attach(asyncio.get_running_loop())
        told = events._told(centre, cookie)
        await anext(told)
        for elapsed_s in range(100):
            if elapsed_s == ended_after_s:
                with centre.store.writing() as db:
                    repository.end_sessions_of(db, lan.user_id)
            follower = asyncio.ensure_future(anext(told, None))
            await clock.advance(timedelta(0))
            centre.changes.tell(["receiver:R"])
            if await follower is None:
                return elapsed_s
            await clock.advance(timedelta(seconds=1))
        return 100

    assert asyncio.run(follow()) == told_s
    assert not centre.changes._watchers


def test_a_quiet_line_is_kept_while_the_session_lasts(
    centre: Centre, browser: Callable[[str], TestClient], lan: Actor
) -> None:
    cookie, clock = browser("lan").cookies["loa_session"], centre.clock
    assert isinstance(clock, ManualClock)

    async def follow() -> list[str | None]:
        centre.changes = Changes()
        centre.changes.attach(asyncio.get_running_loop())
        told, heard = events._told(centre, cookie), list[str | None]()
        await anext(told)
        for lasts in (True, True, False):
            if not lasts:
                with centre.store.writing() as db:
                    repository.end_sessions_of(db, lan.user_id)
            follower = asyncio.ensure_future(anext(told, None))
            await clock.advance(timedelta(seconds=events.QUIET_S))
            heard.append(await follower)
        return heard

    assert asyncio.run(follow()) == [": still here\n\n", ": still here\n\n", None]


def test_an_airing_counts_as_heard_only_where_it_was_heard_everywhere() -> None:
    assert whole_state(["heard", "heard"]) == "heard"
    assert whole_state(["heard", "not_heard"]) == "part"
    assert whole_state(["heard", "on_air"]) == "on_air"
    assert whole_state(["ready", "fetching"]) == "fetching"
    assert whole_state(["ready", "ready"]) == "ready"
    assert whole_state(["not_played"]) == "not_played"
    assert whole_state(["not_kept", "not_heard"]) == "not_kept"
