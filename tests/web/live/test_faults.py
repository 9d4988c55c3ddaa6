"""One talk's fault ends that talk, and neither another one nor the process."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import pytest

from broadcast.clock import ManualClock, SystemClock
from broadcast.live.desk import LiveDesk
from broadcast.live.relay import Relay
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.live.models import LiveEnd
from scheduler.store.types import new_id
from web.live.acts import Relaying
from web.live.lab import HandMicrophone
from web.live.placing import RATE_HZ

Make = Callable[..., HandMicrophone]


def recording_without_file(air: Any, author_id: str) -> str:
    now = air.centre.clock.now()
    with air.centre.store.writing() as db:
        announcement = Announcement(
            id=new_id(now), zone_id=air.places.van, title="Mất tệp", author_id=author_id, created_at=now
        )
        db.add(announcement)
        db.flush()
        made = Recording(
            id=new_id(now), announcement_id=announcement.id, language="vi", source=Source.MICROPHONE,
            sha256="ab" * 32, state=RecordingState.READY, size_bytes=1, duration_us=1_000_000, created_at=now,
        )  # fmt: skip
        db.add(made)
        return made.id


async def test_a_file_that_is_gone_ends_its_own_talk_and_the_next_begins(air: Any, microphone: Make) -> None:
    well = await air.ask(zone_ids=[air.places.leng])
    await microphone().connect(well["id"])
    await air.until(lambda: air.sent)
    recording_id = recording_without_file(air, well["speaker_id"])
    damaged = await air.ask(zone_ids=[air.places.van], kind="recorded", recording_id=recording_id)
    ended = await air.until_ended(damaged["id"])
    assert ended["end_reason"] == "failed"
    assert air.ends() == {damaged["id"]: "failed"}
    assert (await air.ask(zone_ids=[air.places.van]))["may_begin"]
    feed = air.studio.desk.get(well["id"])
    at = feed.frames
    await air.until(lambda: feed.frames > at + RATE_HZ)
    assert (await air.talk(well["id"]))["state"] == "on_air"


async def test_what_cannot_be_sent_at_once_is_left_to_the_publisher(
    air: Any, microphone: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[frozenset[str]] = []

    async def send(zone_ids: Collection[str]) -> None:
        tried.append(frozenset(zone_ids))
        raise RuntimeError("nobody there")

    monkeypatch.setattr(air.studio, "_send", send)
    asked = await air.ask()
    hand = microphone()
    await hand.connect(asked["id"])
    await air.until(lambda: tried)
    feed = air.studio.desk.get(asked["id"])
    await air.until(lambda: feed.frames > 4 * RATE_HZ)
    assert (await air.talk(asked["id"]))["state"] == "on_air"
    await air.operator.delete(hand.location)
    assert (await air.until_ended(asked["id"]))["end_reason"] == "speaker"
    assert len(tried) >= 2


class BrokenClock(ManualClock):
    """Time stands still for nobody: whoever waits gets an error."""

    async def sleep(self, seconds: float) -> None:
        raise RuntimeError(f"no {seconds} s here")


async def test_a_relay_that_fails_says_so_and_closes(now: datetime) -> None:
    feed = LiveDesk("http://centre").open("relay")
    relay = Relay("http://127.0.0.1:9/", feed, BrokenClock(now), hosts=frozenset())
    act = Relaying(relay, feed, SystemClock(), limit_s=60)

    async def warn(_silent: bool) -> None: ...

    assert await act.run(warn) is LiveEnd.FAILED
    assert await act.close() == 0
    assert feed.ended
