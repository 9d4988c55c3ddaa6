from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import column, create_engine, table, text

from scheduler.store.engine import Store
from scheduler.store.migrate import StoreTooNew, configuration, newest
from scheduler.store.schema import metadata


def test_migrations_make_exactly_the_tables_of_the_models(store: Store) -> None:
    engine = create_engine(store.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(store: Store) -> None:
    steps: list[str] = []
    store.migrate(steps.append)
    assert steps == []
    with store.reading() as db:
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == newest()


def test_a_first_start_tells_what_it_does(tmp_path: Path) -> None:
    steps: list[str] = []
    store = Store(f"sqlite:///{tmp_path / 'folder' / 'loa.sqlite3'}")
    store.migrate(steps.append)
    store.close()
    assert steps[0].startswith("The tables")


def test_a_database_of_a_newer_program_is_refused_and_left_alone(store: Store) -> None:
    with store.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(StoreTooNew, match="newer version"):
        store.migrate()
    with store.reading() as db:
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "from_the_future"


def test_foreign_keys_hold_after_migrating(store: Store) -> None:
    store.migrate()
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.writing() as db:
        db.execute(text("INSERT INTO zone_group_member (group_id, zone_id) VALUES ('none', 'none')"))


@pytest.mark.parametrize(("passed", "told"), [("", {"A", "B"}), ("B", {"A"})])
def test_faults_that_were_passed_before_count_as_told(tmp_path: Path, passed: str, told: set[str]) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps = configuration()
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0007")
        for fault_id in ("A", "B"):
            of = {"id": fault_id, "at": "2026-01-01 00:00:00.000000"}
            insert = "INSERT INTO fault_record (id, receiver_id, code, since, detail, times)"
            connection.execute(text(f"{insert} VALUES (:id, 'R', 'gpio', :at, '', 1)"), of)
        if passed:
            insert = "INSERT INTO notice_mark (name, seen_id) VALUES ('faults', :passed)"
            connection.execute(text(insert), {"passed": passed})
        command.upgrade(steps, "0008")
        rows = connection.execute(text("SELECT id, since, held_since, told_at FROM fault_record")).all()
    engine.dispose()
    assert {row.id for row in rows if row.told_at == row.since} == told
    assert {row.id for row in rows if row.told_at is None} == {"A", "B"} - told
    assert {row.held_since for row in rows} == {"2026-01-01 00:00:00.000000"}


def test_of_faults_that_were_told_before_those_that_hold_wait_to_be_over(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps, at = configuration(), "2026-01-01 00:00:00.000000"
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0013")
        insert = "INSERT INTO fault_record (id, receiver_id, code, since, detail, times, until, told_at)"
        for fault_id, until, told_at in (("holds", None, at), ("over", at, at), ("untold", None, None)):
            of = {"id": fault_id, "at": at, "until": until, "told_at": told_at}
            connection.execute(text(f"{insert} VALUES (:id, 'R', 'gpio', :at, '', 1, :until, :told_at)"), of)
        command.upgrade(steps, "0014")
        waiting = connection.execute(text("SELECT id FROM fault_record WHERE told_open")).scalars().all()
    engine.dispose()
    assert waiting == ["holds"]


def test_what_was_planned_before_says_what_its_broadcast_does(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps, at = configuration(), "2026-01-01 00:00:00.000000"
    broadcast: dict[str, object] = {
        "id": "B",
        "zone_id": "Z",
        "announcement_id": "A",
        "cls": "normal",
        "origin": "commune",
    }
    broadcast |= {"play_order": 0, "state": "done", "immediate": False, "timezone": "UTC", "exdates": "[]"}
    broadcast |= {"skip_holidays": False, "late": "join", "after_cut": "timeline", "window_s": 0, "author_id": "U"}
    broadcast |= {"editor_ids": "[]", "created_at": at, "version": 1}
    airing = {"id": "B.1", "broadcast_id": "B", "start_at": at, "end_at": at, "zone_ids": "[]"}
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0009")
        for name, row in (("broadcast", broadcast), ("plannedairing", airing)):
            connection.execute(table(name, *map(column, row)).insert(), row)
        for revision in ("0010", "0020"):
            command.upgrade(steps, revision)
            assert connection.execute(text("SELECT announcement_id FROM plannedairing")).scalar_one() == "A"
            connection.execute(text("UPDATE plannedairing SET announcement_id = NULL"))
    engine.dispose()


def test_talks_that_wait_play_the_sound_that_their_recording_had(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps, at = configuration(), "2026-01-01 00:00:00.000000"
    recording: dict[str, object] = {"id": "R", "announcement_id": "A", "language": "vi", "source": "text", "speed": 1}
    recording |= {"recipe": "{}", "state": "ready", "urgent": False, "progress": 1, "attempts": 1, "warnings": "[]"}
    recording |= {"sha256": "e" * 64, "created_at": at}
    talk: dict[str, object] = {"zone_id": "Z", "kind": "recorded", "cls": "normal", "title": "T", "speaker_id": "U"}
    talk |= {"recording_id": "R", "delay_ms": 2000, "bitrate_bps": 24_000, "limit_s": 60, "opening_ms": 0}
    talk |= {"asked_at": at, "starts_at": at, "withdrawn": False, "silent": False, "urls": "[]", "version": 1}
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0017")
        connection.execute(table("recording", *map(column, recording)).insert(), recording)
        for talk_id, state in (("waits", "waiting"), ("over", "ended")):
            row = talk | {"id": talk_id, "state": state}
            connection.execute(table("live_talk", *map(column, row)).insert(), row)
        command.upgrade(steps, "0018")
        found = connection.execute(text("SELECT id, sha256 FROM live_talk ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [("over", None), ("waits", "e" * 64)]


def test_what_was_changed_before_says_when_as_the_record_tells_it(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps = configuration()
    made: dict[str, object] = {"zone_id": "Z", "title": "T", "author_id": "U", "editor_ids": "[]", "version": 1}
    made |= {"created_at": "2026-01-01 00:00:00.000000"}
    acts = [
        ("A", "create", "01"),
        ("A", "rename", "02"),
        ("A", "edit", "03"),
        ("A", "label", "04"),
        ("B", "create", "01"),
    ]
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0018")
        for announcement_id in ("A", "B"):
            row = made | {"id": announcement_id}
            connection.execute(table("announcement", *map(column, row)).insert(), row)
        for of, act, day in acts:
            row = {"at": f"2026-01-{day} 00:00:00.000000", "action": f"announcement.{act}", "detail": "{}"}
            row |= {"subject": f"announcement:{of}"}
            connection.execute(table("auditentry", *map(column, row)).insert(), row)
        command.upgrade(steps, "0019")
        found = connection.execute(text("SELECT id, changed_at FROM announcement ORDER BY id")).all()
    engine.dispose()
    assert [tuple(row) for row in found] == [("A", "2026-01-03 00:00:00.000000"), ("B", None)]
