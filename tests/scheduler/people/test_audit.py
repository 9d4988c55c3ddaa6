"""The audit record as a chain, on both databases."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import create_engine, text
from sqlmodel import Session, col, select

from scheduler.people import audit, chain, exporting, trail
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


def test_words_and_names_are_found_in_both_spellings(store: Store, now: datetime, places: Any, add_person: Any) -> None:
    people = [add_person(login, places.leng) for login in ("thúy", "thuý", "thuy")]
    with store.writing() as db:
        for number, name in enumerate(("Hòa Bình", "Hoà Bình", "Hoa Bình")):
            note(db, now, f"{number}:{name}")
        for actor in people:
            audit.record(db, actor, now, "zone.change", "by:them")
    for typed, found in (("hòa", ["0", "1"]), ("hoà", ["0", "1"]), ("thúy", ["by"] * 2), ("thuý", ["by"] * 2)):
        with store.reading() as db:
            entries = trail.page(db, LOA, now, trail.Asked(text=f"zone.change {typed}"))
        assert sorted(entry.subject.partition(":")[0] for entry in entries) == found, typed


def exported(store: Store, made_at: datetime, key: Ed25519PrivateKey | None, **asked: Any) -> list[bytes]:
    """The lines of a file, of the whole record where nothing is asked for."""
    with store.reading() as db:
        views = list(trail.export(db, LOA, made_at, trail.Asked(**asked)))
    return list(exporting.json_lines(views, whole=not asked, now=made_at, key=key))


def made_anew(lines: list[bytes], **said: Any) -> list[bytes]:
    """What somebody without any key can make of a file: its last entry is another, all hashes fit, nobody signed it."""
    last = json.loads(lines[-2]) | said
    told = (last["user_id"], last["action"], last["subject"], last["zone_path"], last["detail"])
    entry = chain.Entry(last["number"], datetime.fromisoformat(last["at"]), *told, "")
    changed = json.dumps(last | {"sha256": chain.sha256_of(entry, last["before"])}).encode() + b"\n"
    before = b"".join([*lines[:-2], changed])
    end = {"entries": len(lines) - 2, "sha256": hashlib.sha256(before).hexdigest()}
    return [*lines[:-2], changed, json.dumps({"end": end}).encode() + b"\n"]


def test_a_file_that_the_centre_did_not_sign_is_not_whole_for_who_has_its_key(store: Store, now: datetime) -> None:
    key = Ed25519PrivateKey.generate()
    with store.writing() as db:
        for number in range(3):
            note(db, now, f"zone:{number}")
    signed, public = exported(store, now, key), key.public_key()
    assert exporting.check(signed, public) == exporting.Read(3, True, None, True)
    changed = made_anew(signed, user_id="another")
    assert exporting.check(changed, None) == exporting.Read(3, True, None)  # nobody can know
    unsigned = exporting.Read(3, True, chain.Found(chain.Fault.UNSIGNED, 0), False)
    assert exporting.check(changed, public) == unsigned
    assert exporting.check(exported(store, now, None), public) == unsigned
    part = made_anew(exported(store, now, key, action="zone"), user_id="another")
    assert exporting.check(part, public).found == chain.Found(chain.Fault.UNSIGNED, 0)
    others: list[object] = ["rubbish", 5, None, [], json.loads(signed[-1])["end"]["signature"]]
    for signature in others:
        end = json.loads(changed[-1])["end"] | {"signature": signature}
        found = exporting.check([*changed[:-1], json.dumps({"end": end}).encode() + b"\n"], public).found
        fault = chain.Fault.FORGED if signature else chain.Fault.UNSIGNED
        assert found == chain.Found(fault, 0), signature


def test_a_whole_file_is_held_against_the_anchors_of_its_time(store: Store, now: datetime) -> None:
    key, later = Ed25519PrivateKey.generate(), now + timedelta(hours=1)
    public = key.public_key()
    with store.writing() as db:
        for number in range(3):
            note(db, now, f"zone:{number}")
    sha256 = rows_of(store)[2].sha256 or ""
    whole, part = exported(store, now, key), exported(store, now, key, action="zone")
    fits = chain.anchor(key, 3, sha256, now)
    younger = chain.anchor(key, 9, "f" * 64, later)  # the record had grown since
    assert exporting.check(whole, public, [fits, younger]) == exporting.Read(3, True, None, True, 1)
    faults = {
        chain.Fault.CUT_OFF: chain.anchor(key, 4, "f" * 64, now),
        chain.Fault.OTHER_HISTORY: chain.anchor(key, 2, "f" * 64, later),
        chain.Fault.FORGED: chain.anchor(Ed25519PrivateKey.generate(), 3, sha256, now),
    }
    for fault, anchor in faults.items():
        read = exporting.check(whole, public, [fits, anchor])
        assert read.found == chain.Found(fault, anchor.number)
        assert exporting.check(part, public, [fits, anchor]).found is None
