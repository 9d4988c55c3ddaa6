"""What changed is told at once and by name only, and to nobody whose session is over."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient

from scheduler.changes import Changes
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


def test_the_stream_ends_with_the_session(
    centre: Centre, browser: Callable[[str], TestClient], add_person: Callable[..., Any], places: Any, clock: Any
) -> None:
    add_person("lan", places.leng, Role.EDITOR)
    cookie = browser("lan").cookies["loa_session"]
    assert events._still_signed_in(centre, cookie, clock.now())
    assert not events._still_signed_in(centre, "another", clock.now())


def test_an_airing_counts_as_heard_only_where_it_was_heard_everywhere() -> None:
    assert whole_state(["heard", "heard"]) == "heard"
    assert whole_state(["heard", "not_heard"]) == "part"
    assert whole_state(["heard", "on_air"]) == "on_air"
    assert whole_state(["ready", "fetching"]) == "fetching"
    assert whole_state(["ready", "ready"]) == "ready"
    assert whole_state(["not_played"]) == "not_played"
    assert whole_state(["not_kept", "not_heard"]) == "not_kept"
