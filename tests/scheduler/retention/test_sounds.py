"""The sound of announcements and talks: what goes, what stays, and files after rows."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

import scheduler
from broadcast.wire.documents import BroadcastClass
from broadcast.wire.now import Purpose
from scheduler.announcements import parts, service
from scheduler.announcements.models import Recording, RecordingState, Source
from scheduler.announcements.schemas import CopyOf, NewPlaylist
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.bulletins.models import Bulletin, BulletinEdition
from scheduler.emergency.models import EmergencyOrder
from scheduler.errors import Conflict
from scheduler.fleet.models import PreparedMessage
from scheduler.live.models import LiveKind, LiveState, LiveTalk
from scheduler.relays.models import Relay
from scheduler.residents.models import Publication
from scheduler.retention import files
from scheduler.retention.models import RetentionRun
from scheduler.store.schema import metadata
from scheduler.store.types import new_id
from scheduler.workflow import State
from scheduler.zones.models import Zone
from tests.scheduler.retention.conftest import Attic

NOT_FILES = {
    "auditentry.sha256", "apitoken.token_sha256", "enrolmentsecret.secret_sha256", "idempotencykey.request_sha256",
    "issueddocument.content_sha256", "play_report.media_sha256", "recovery_code.sha256", "websession.token_sha256",
}  # fmt: skip


def test_every_column_that_names_a_file_is_asked() -> None:
    held = {f"{t.name}.{c.name}" for t in metadata.sorted_tables for c in t.columns if "sha256" in c.name}
    naming: Any = files.NAMING
    assert held - NOT_FILES == {f"{column.class_.__tablename__}.{column.key}" for column in naming}


def test_it_is_written_what_bounds_every_table() -> None:
    chapter = (Path(scheduler.__file__).parents[1] / "docs" / "retention.md").read_text()
    assert {table.name for table in metadata.sorted_tables} - set(re.findall(r"`(\w+)`", chapter)) == set()


def test_sound_goes_and_what_it_said_stays(attic: Attic) -> None:
    old, young = attic.old("Lịch tiêm"), attic.old("Họp dân", days=20)
    sha256 = attic.recording(old).sha256 or ""
    attic.rule("announcements", 365)
    attic.night()
    assert attic.states(old, young) == ["expired", "ready"]
    gone = attic.recording(old)
    assert (gone.sha256, gone.original_sha256, gone.duration_us) == (None, None, 60_000_000)
    assert sha256 not in attic.media
    assert (len(list(attic.media)), len(list(attic.originals))) == (1, 1)
    assert "announcement.expire" in attic.audited("announcement")
    with attic.store.reading() as db:
        run = db.exec(select(RetentionRun)).one()
        assert (run.files, run.freed_bytes > 0, run.ended_at) == (2, True, attic.now)
        assert [row["count"] for row in run.results] == [1]
    with attic.store.writing() as db, pytest.raises(Conflict, match="made again"):
        service.produce_again(db, attic.commune.official, attic.now, gone.id)
    attic.night(at=attic.now + timedelta(days=1))
    assert attic.audited("announcement.expire") == ["announcement.expire"]


def test_a_text_is_read_again_and_a_copy_of_lost_sound_is_not_queued(attic: Attic) -> None:
    text, file = attic.old("Văn bản", source=Source.TEXT), attic.old("Tệp gửi lên")
    attic.rule("announcements", 30)
    attic.night()
    official = attic.commune.official
    with attic.store.writing() as db:
        again = service.produce_again(db, official, attic.now, attic.recording(text).id)
        copied = service.copy(db, official, attic.now, file, CopyOf())
    assert [again.recordings[0].state, copied.recordings[0].state] == [RecordingState.QUEUED, RecordingState.EXPIRED]
    with pytest.raises(Conflict, match="kept no more"):
        attic.commune.submitted(attic.commune.draft(file))


def test_what_is_needed_stays(attic: Attic) -> None:
    ids = {name: attic.old(name) for name in _NEEDS}
    free = attic.old("không ai cần")
    for name, need in _NEEDS.items():
        need(attic, ids[name])
    attic.rule("announcements", 30)
    found = attic.tried(attic.rule("announcements", 30, zone_id=attic.places.province, force=False).id)
    assert (found.count, found.needed) == (0, 0)  # the nearer rule settles all of it
    attic.night()
    kept = {name: attic.states(one) == ["ready"] for name, one in ids.items()}
    assert kept == dict.fromkeys(_NEEDS, True)
    assert attic.states(free) == ["expired"]


def _draft(attic: Attic, one: str) -> None:
    attic.commune.saved(attic.commune.draft(one))


def _coming(attic: Attic, one: str) -> None:
    made = attic.commune.saved(attic.commune.draft(one))
    with attic.store.writing() as db:
        db.get_one(Broadcast, made.id).state = State.DONE
        at = attic.now + timedelta(hours=1)
        db.add(PlannedAiring(id=f"P{made.id}", broadcast_id=made.id, start_at=at, end_at=at, zone_ids=[]))


def _bulletin(attic: Attic, one: str, *, filled: bool) -> None:
    with attic.store.writing() as db:
        bulletin = Bulletin(
            id=new_id(attic.now), zone_id=attic.places.leng, name="Bản tin", times=["17:00"], weekdays=[0],
            slots=[{"key": "s1", "name": "Thời sự", "stand_in_id": None if filled else one}],
            author_id=attic.commune.official.user_id, created_at=attic.now,
        )  # fmt: skip
        db.add(bulletin)
        db.flush()
        if filled:
            day = (attic.now + timedelta(days=2)).date()
            db.add(
                BulletinEdition(id=new_id(attic.now), bulletin_id=bulletin.id, day=day, at="17:00", filled={"s1": one})
            )


def _relay(attic: Attic, one: str) -> None:
    with attic.store.writing() as db:
        db.add(
            Relay(
                id=new_id(attic.now), zone_id=attic.places.leng, title="VOV", source_url="https://s.example/",
                fallback_id=one,
                limit_s=60, state=State.APPROVED, starts_local="2026-11-24T05:00:00", rrule="FREQ=DAILY",
                timezone="Asia/Ho_Chi_Minh", until_local="2027-01-01T00:00:00", created_at=attic.now,
                author_id=attic.commune.official.user_id,
            )
        )  # fmt: skip


def _fallback(attic: Attic, one: str) -> None:
    with attic.store.writing() as db:
        db.get_one(Zone, attic.places.leng_1).fallback_recording_id = attic.recording(one).id


def _prepared(attic: Attic, one: str) -> None:
    with attic.store.writing() as db:
        row = PreparedMessage.model_validate(
            {
                "receiver_id": f"R{attic.places.leng_1[1:]}",
                "name": "họp",
                "recording_id": attic.recording(one).id,
                "broadcast_class": BroadcastClass.NORMAL,
            }
        )
        db.add(row)


def _part(attic: Attic, one: str) -> None:
    """A part of something that is put together still, and that of something in a draft."""
    with attic.store.writing() as db:
        new = NewPlaylist(zone_id=attic.places.leng, title="Ghép", announcement_ids=[one])
        parts.create(db, attic.commune.official, attic.now, new)


def _order(attic: Attic, one: str) -> None:
    with attic.store.writing() as db:
        db.add(
            EmergencyOrder(
                id=new_id(attic.now), purpose=Purpose.REAL, state="issued", reason="Lũ", asked_at=attic.now,
                lapses_at=attic.now, parts=[{"kind": "recording", "id": attic.recording(one).id}],
            )
        )  # fmt: skip


def _talk(attic: Attic, one: str) -> None:
    with attic.store.writing() as db:
        db.add(
            LiveTalk(
                id=new_id(attic.now), zone_id=attic.places.leng, kind=LiveKind.RECORDED, title="Phát", delay_ms=2000,
                state=LiveState.WAITING, speaker_id=attic.commune.official.user_id, bitrate_bps=24_000, limit_s=60,
                asked_at=attic.now, starts_at=attic.now, recording_id=attic.recording(one).id, announcement_id=one,
            )
        )  # fmt: skip


_NEEDS = {
    "bản nháp": _draft,
    "sắp phát": _coming,
    "mục của bản tin": lambda attic, one: _bulletin(attic, one, filled=True),
    "mục thay thế": lambda attic, one: _bulletin(attic, one, filled=False),
    "thay cho nguồn": _relay,
    "dự phòng của thôn": _fallback,
    "soạn sẵn ở loa": _prepared,
    "đang ghép": _part,
    "trong lệnh": _order,
    "chờ phát": _talk,
}


def test_last_use_counts_not_the_making_also_in_others(attic: Attic) -> None:
    used, part = attic.old("Đã phát"), attic.old("Một phần")
    with attic.store.writing() as db:
        new = NewPlaylist(zone_id=attic.places.leng, title="Cả bản tin", announcement_ids=[part])
        whole = parts.create(db, attic.commune.official, attic.now - timedelta(days=300), new).id
    with attic.store.writing() as db:
        row = db.get_one(Recording, attic.recording(whole).id)
        row.state, row.sha256 = RecordingState.READY, attic.stored(attic.media, "cả bản tin")
    for days, one in ((50, used), (60, whole)):
        made, at = attic.commune.saved(attic.commune.draft(one)), attic.ago(days=days)
        with attic.store.writing() as db:
            db.get_one(Broadcast, made.id).state = State.DONE
            said: dict[str, Any] = {"broadcast_id": made.id, "announcement_id": one, "zone_ids": []}
            db.add(PlannedAiring(id=f"P{made.id}", start_at=at, end_at=at, **said))
    attic.rule("announcements", 90)
    attic.night()
    assert attic.states(used, part, whole) == ["ready", "ready", "ready"]
    attic.night(at=attic.now + timedelta(days=35))
    assert attic.states(used, part, whole) == ["ready", "expired", "expired"]


def test_labels_and_nearer_places_settle_it(attic: Attic) -> None:
    health = attic.old("Tiêm", category="health")
    tagged = attic.old("Lúa", category="farming", tags=["Vụ xuân"])
    other = attic.old("Khác")
    attic.rule("announcements", 30, zone_id=attic.places.province)
    attic.rule("announcements", None, category="health")
    attic.rule("announcements", 3000, tag="Vụ xuân")
    attic.night()
    assert attic.states(health, tagged, other) == ["ready", "ready", "expired"]


def test_off_air_recordings_go_by_the_setting_unless_a_rule_settles_them(attic: Attic) -> None:
    by_setting, kept = attic.old("Nói chuyện", days=40), attic.old("Nói chuyện khác", days=40)
    for one, until in ((by_setting, -1), (kept, 1)):
        _talk(attic, one)
        with attic.store.writing() as db:
            talk = db.exec(select(LiveTalk).where(LiveTalk.announcement_id == one)).one()
            talk.kind, talk.recording_id, talk.state = LiveKind.MICROPHONE, None, LiveState.ENDED
            talk.asked_at = talk.ended_at = attic.ago(days=40)
            talk.keep_until = attic.now + timedelta(days=until)
    attic.rule("announcements", 30)  # speaks of others
    attic.night()
    assert attic.states(by_setting, kept) == ["expired", "ready"]
    attic.rule("live", 39)
    attic.night(at=attic.now + timedelta(days=1))
    assert attic.states(kept) == ["expired"]


def test_a_file_stays_while_anything_names_it(attic: Attic) -> None:
    one, copy = attic.old("Một"), attic.old("Bản sao", days=10)
    sha256 = attic.recording(one).sha256 or ""
    heard, over = attic.stored(attic.media, "dân nghe lại"), attic.stored(attic.media, "đã lâu")
    orphan, young = attic.stored(attic.media, "mồ côi"), attic.stored(attic.originals, "vừa gửi", young=True)
    made = attic.commune.saved(attic.commune.draft())
    to_play, was_played = attic.stored(attic.media, "sắp phát"), attic.stored(attic.media, "đã phát")
    _talk(attic, attic.commune.announcement_id)
    _talk(attic, attic.commune.announcement_id)
    with attic.store.writing() as db:
        waiting, ended = db.exec(select(LiveTalk)).all()
        waiting.sha256, ended.sha256, ended.state = to_play, was_played, LiveState.ENDED
        db.get_one(Recording, attic.recording(copy).id).sha256 = sha256
        for name, of, days in (("a", heard, 10), ("b", over, 40)):
            db.add(Publication(id=name, title=name, recordings=[{"sha256": of}], created_at=attic.now))
            at = attic.ago(days=days)
            db.add(
                PlannedAiring(id=name, broadcast_id=made.id, start_at=at, end_at=at, zone_ids=[], publication_id=name)
            )
    rule = attic.rule("announcements", 30, force=False)
    found = attic.tried(rule.id)
    assert (found.count, found.size_bytes) == (1, len("Một".encode()))  # only its original would go
    attic.force(rule)
    attic.night()
    assert attic.states(one, copy) == ["expired", "ready"]
    assert (sha256 in attic.media, heard in attic.media, young in attic.originals) == (True, True, True)
    assert (over in attic.media, orphan in attic.media) == (False, False)
    assert (to_play in attic.media, was_played in attic.media) == (True, False)


def test_what_a_crash_left_goes_the_next_night_and_rows_before_files(attic: Attic) -> None:
    one = attic.old("Một")
    sha256 = attic.recording(one).sha256 or ""
    attic.old("Hai", days=5)
    attic.rule("announcements", 30)
    attic.night(files=False)
    assert (attic.states(one), sha256 in attic.media) == (["expired"], True)
    attic.night(at=attic.now + timedelta(days=1))
    assert sha256 not in attic.media


def test_a_folder_of_another_database_is_let_alone(attic: Attic, caplog: pytest.LogCaptureFixture) -> None:
    stranger = attic.stored(attic.media, "của nơi khác")
    attic.rule("announcements", 30)
    attic.night()
    assert stranger in attic.media
    assert "nothing is removed" in caplog.text
