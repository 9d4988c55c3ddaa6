"""Talks that no person begins: a recording that was listened to, and another station's stream."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcast.clock import SystemClock, to_us
from broadcast.live.desk import LiveDesk
from broadcast.live.recording import Recorder
from broadcast.media import MediaStore
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.live import repository
from scheduler.live.models import LiveTalk
from scheduler.store.types import new_id
from web.live.lab import alignment, decoded, voice
from web.live.placing import RATE_HZ

SECONDS = 3
moment = datetime.fromisoformat


@pytest.fixture
async def recording_id(air: Any, tmp_path: Path) -> str:
    """Of a produced recording of SECONDS."""
    feed = LiveDesk("http://centre").open("source", levelled=False)
    recorder = Recorder(feed, tmp_path / "source.ogg")
    feed.write(voice(SECONDS), 0)
    feed.end()
    await recorder.finish()
    media, now = MediaStore(tmp_path / "media"), air.centre.clock.now()
    sha256 = media.put(tmp_path / "source.ogg")
    with air.centre.store.writing() as db:
        author = (await air.operator.get("/api/v1/me")).json()["id"]
        announcement = Announcement(
            id=new_id(now), zone_id=air.places.leng, title="Lời của Chủ tịch", author_id=author, created_at=now
        )
        db.add(announcement)
        db.flush()
        made = Recording(
            id=new_id(now), announcement_id=announcement.id, language="vi", source=Source.MICROPHONE, sha256=sha256,
            state=RecordingState.READY, size_bytes=1, duration_us=SECONDS * 1_000_000, created_at=now,
        )  # fmt: skip
        db.add(made)
        return made.id


async def test_a_recording_that_was_listened_to_is_played_at_once_and_ends(air: Any, recording_id: str) -> None:
    asked = await air.ask(kind="recorded", recording_id=recording_id, delay_ms=600)
    await air.until(lambda: air.sent)
    feed = air.studio.desk.get(asked["id"])
    assert feed.frames == SECONDS * RATE_HZ
    with air.centre.store.reading() as db:
        (session,) = repository.in_force(db, air.places.leng, air.centre.clock.now())
    assert (session.frames, session.feed.key) == (feed.frames, feed.public_key)
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "finished"
    on_air = moment(ended["ended_at"]) - moment(ended["began_at"])
    assert on_air >= timedelta(seconds=SECONDS)


async def test_after_waiting_it_is_the_sound_of_the_asking_that_is_played(air: Any, recording_id: str) -> None:
    before = await air.ask()
    asked = await air.ask(kind="recorded", recording_id=recording_id)
    assert not asked["may_begin"]
    with air.centre.store.writing() as db:
        db.get_one(Recording, recording_id).sha256 = "f" * 64  # by whatever way
    answer = await air.operator.post(f"/api/v1/live/{before['id']}/end")
    assert answer.status_code == 200, answer.text
    await air.until(lambda: air.sent)
    assert air.studio.desk.get(asked["id"]).frames == SECONDS * RATE_HZ


async def test_a_recording_that_its_speaker_ends_is_served_and_announced_no_more(air: Any, recording_id: str) -> None:
    asked = await air.ask(kind="recorded", recording_id=recording_id, delay_ms=4000)
    await air.until(lambda: air.sent)
    answer = await air.operator.post(f"/api/v1/live/{asked['id']}/end")
    assert answer.status_code == 200, answer.text
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "speaker"
    await air.until(lambda: len(air.sent) == 2)  # receivers were told
    assert air.studio.desk.is_closed(asked["id"])
    with air.centre.store.reading() as db:
        assert repository.in_force(db, air.places.leng, air.centre.clock.now()) == ()


async def test_a_relay_begins_at_its_time_and_is_kept(air: Any, station: str) -> None:
    air.centre.settings = air.centre.settings.model_copy(update={"live_relay_hosts": "127.0.0.1"})
    starts_at = SystemClock().now() + timedelta(seconds=1)
    asked = await air.ask(kind="relay", source_url=station, starts_at=starts_at.isoformat(), limit_min=1)
    assert not asked["may_begin"]
    await air.until(lambda: air.sent)
    chunks = air.record(asked["id"])
    feed = air.studio.desk.get(asked["id"])
    await air.until(lambda: feed.frames > 5 * RATE_HZ)
    answer = await air.operator.post(f"/api/v1/live/{asked['id']}/end")
    assert answer.status_code == 200, answer.text
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "speaker"
    assert moment(ended["began_at"]) >= starts_at
    assert alignment(decoded(chunks)[3 * RATE_HZ : 5 * RATE_HZ], voice(20))[0] > 0.8
    await air.until_talk(asked["id"], lambda talk: talk["announcement_id"] is not None)


async def test_a_relay_that_began_late_is_out_of_the_horns_when_it_was_to_be_over(air: Any, station: str) -> None:
    air.centre.settings = air.centre.settings.model_copy(update={"live_relay_hosts": "127.0.0.1"})
    in_time = (SystemClock().now() + timedelta(hours=1)).isoformat()
    asked = await air.ask(kind="relay", source_url=station, starts_at=in_time, limit_min=1, delay_ms=1500)
    with air.centre.store.writing() as db:  # the centre was away for the first fifty seconds of it
        talk = db.get_one(LiveTalk, asked["id"])
        talk.asked_at, talk.starts_at = (air.centre.clock.now() - timedelta(seconds=gone) for gone in (51, 50))
        over_us = to_us(talk.starts_at) + 60_000_000
    ended = await air.until_ended(asked["id"])
    assert ended["end_reason"] == "finished"
    with air.centre.store.reading() as db:
        (session,) = repository.in_force(db, air.places.leng, air.centre.clock.now())
    assert session.frames == ended["limit_s"] * RATE_HZ
    heard_until_us = session.start_us + session.delay_us + ended["limit_s"] * 1_000_000
    assert over_us - 1_000_000 < heard_until_us <= over_us


async def test_a_relay_without_sound_is_told(air: Any, station: str) -> None:
    air.centre.settings = air.centre.settings.model_copy(update={"live_relay_hosts": "127.0.0.1"})
    asked = await air.ask(kind="relay", source_url=station.replace("voice", "nothing"), limit_min=1)
    await air.until_talk(asked["id"], lambda talk: talk["silent"])
    await air.operator.post(f"/api/v1/live/{asked['id']}/end")
    await air.until_ended(asked["id"])


async def test_a_host_that_is_not_allowed_is_refused(air: Any, station: str) -> None:
    body = {"zone_id": air.places.leng, "zone_ids": [air.places.leng], "title": "VOV", "kind": "relay"}
    coded = {"X-Second-Factor": air.code()}
    answer = await air.operator.post("/api/v1/live", json=body | {"source_url": station}, headers=coded)
    assert (answer.status_code, answer.json()["code"]) == (422, "host_not_allowed")
