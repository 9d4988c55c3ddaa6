"""The audit record as a chain, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text
from sqlmodel import Session, col, select

from scheduler.people import audit, chain, trail
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.store.engine import Store
from scheduler.store.migrate import configuration

LOA = Actor(user_id="", login="loa", name="Loa")


def note(db: Session, now: datetime, subject: str = "zone:x", **detail: Any) -> None:
    audit.record(db, LOA, now, "zone.change", subject, zone_path="/x/", **detail)


def rows_of(store: Store) -> list[AuditEntry]:
    with store.reading() as db:
        return list(db.exec(select(AuditEntry).order_by(col(AuditEntry.number))).all())


def fault(store: Store) -> chain.Found | None:
    with store.reading() as db:
        return trail.verify(db, (), None).found


def test_entries_are_chained_in_the_order_of_their_transactions(store: Store, now: datetime) -> None:
    odd: dict[str, Any] = {
        "half": 0.5,
        "whole": 2.0,
        "large": 10**18,
        "name": "Trà Dơn \u2028",
        "list": ({"b": None, "a": True},),
    }
    with store.writing() as db:
        note(db, now + timedelta(microseconds=7), **odd)
        note(db, now)
    with store.writing() as db:
        note(db, now - timedelta(days=1))
    assert [row.number for row in rows_of(store)] == [1, 2, 3]
    assert fault(store) is None


def test_what_was_taken_back_is_in_no_chain(store: Store, now: datetime) -> None:
    def fails(db: Session) -> None:
        note(db, now, "zone:gone")
        raise LookupError

    with pytest.raises(LookupError), store.writing() as db:
        fails(db)
    with store.writing() as db:
        savepoint = db.begin_nested()
        note(db, now, "zone:gone")
        savepoint.rollback()
        with db.begin_nested():
            note(db, now, "zone:kept")
        note(db, now, "zone:after")
    assert [(row.number, row.subject) for row in rows_of(store)] == [(1, "zone:kept"), (2, "zone:after")]
    assert fault(store) is None


def test_many_at_once_make_one_chain(store: Store, now: datetime) -> None:
    def write(number: int) -> None:
        with store.writing() as db:
            note(db, now, f"zone:{number}")
            note(db, now, f"zone:{number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    rows = rows_of(store)
    assert [row.number for row in rows] == list(range(1, 81))
    assert fault(store) is None


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("UPDATE auditentry SET subject = 'zone:y' WHERE number = 2", chain.Found(chain.Fault.CHANGED, 2)),
        ("UPDATE auditentry SET user_id = 'x' WHERE number = 2", chain.Found(chain.Fault.CHANGED, 2)),
        ("DELETE FROM auditentry WHERE number = 2", chain.Found(chain.Fault.MISSING, 2)),
        ("DELETE FROM auditentry WHERE number = 1", chain.Found(chain.Fault.MISSING, 1)),
        ("UPDATE auditentry SET number = 9 WHERE number = 3", chain.Found(chain.Fault.MISSING, 3)),
    ],
)
def test_whatever_is_changed_afterwards_is_found(store: Store, now: datetime, harm: str, found: chain.Found) -> None:
    with store.writing() as db:
        for number in range(4):
            note(db, now, f"zone:{number}")
    with store.writing() as db:
        db.execute(text(harm))
    assert fault(store) == found


def test_words_are_found_with_and_without_diacritics(store: Store, now: datetime) -> None:
    with store.writing() as db:
        note(db, now, name="Trà Dơn")
    words = rows_of(store)[0].words or ""
    assert "trà dơn" in words
    assert "tra don" in words
    assert "trà don" not in words


def test_entries_from_before_the_chain_are_chained_by_the_migration(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    steps = configuration()
    with engine.begin() as connection:
        steps.attributes.update(connection=connection, progress=lambda _step: None)
        command.upgrade(steps, "0002")
        for number in range(1500):
            values = {"detail": f'{{"name": "Tr\\u00e0 {number}", "level": 1.0}}', "subject": f"zone:{number}"}
            insert = "INSERT INTO auditentry (at, action, subject, detail) VALUES ('2026-01-01 00:00:00.000000', 'a.b',"
            connection.execute(text(f"{insert} :subject, :detail)"), values)
        command.upgrade(steps, "head")
    engine.dispose()
    store = Store(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    rows = rows_of(store)
    assert [row.number for row in rows] == list(range(1, 1501))
    assert rows[7].words == "a.b zone:7 1.0 trà 7\na.b zone:7 1.0 tra 7"
    assert fault(store) is None
    store.close()


def test_a_chain_cut_off_at_its_end_is_noticed_by_its_anchor(store: Store, now: datetime, places: Any) -> None:
    order_key = Ed25519PrivateKey.generate()
    with store.reading() as db:
        number, sha256 = audit.head(db)
    anchor = chain.anchor(order_key, number, sha256, now)
    hashes = {row.number: row.sha256 for row in rows_of(store)}
    public = order_key.public_key()
    assert chain.check_anchors([anchor], public, hashes.get) is None
    hashes.pop(number)
    assert chain.check_anchors([anchor], public, hashes.get) == chain.Found(chain.Fault.CUT_OFF, number)
    hashes[number] = "f" * 64
    assert chain.check_anchors([anchor], public, hashes.get) == chain.Found(chain.Fault.OTHER_HISTORY, number)
    forged = chain.Anchor(number - 1, sha256, now, anchor.signature)
    assert chain.check_anchors([forged], public, hashes.get) == chain.Found(chain.Fault.FORGED, number - 1)
