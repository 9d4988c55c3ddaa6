"""A commune whose things have grown old, and the nights that let go of them."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from broadcast.media import MediaStore
from scheduler.announcements.models import Announcement, Recording, RecordingState, Source
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry
from scheduler.retention import service
from scheduler.retention.keeper import claim
from scheduler.retention.night import Night, finish
from scheduler.retention.schemas import RuleIn, RuleOut
from scheduler.rights import Role
from scheduler.store.types import new_id


class Attic:
    """What people set, and what nights do."""

    def __init__(self, commune: Any, administrator: Actor, folder: Path) -> None:
        self.commune, self.administrator = commune, administrator
        self.store, self.now, self.places = commune.store, commune.now, commune.places
        self.media, self.originals = MediaStore(folder / "media"), MediaStore(folder / "originals")
        self.shelves = self.media, self.originals

    def ago(self, **delta: float) -> datetime:
        made: datetime = self.now - timedelta(**delta)
        return made

    def rule(self, subject: str, days: int | None, *, zone_id: str = "", force: bool = True, **other: Any) -> RuleOut:
        """Asked for, and put in force by somebody who looked."""
        asked = {"zone_id": zone_id or self.places.leng, "subject": subject, "days": days} | other
        with self.store.writing() as db:
            made = service.create(db, self.administrator, self.now, RuleIn.model_validate(asked))
        return self.force(made) if force else made

    def tried(self, rule_id: str, *, ends: bool = False) -> Any:
        with self.store.reading() as db:
            return service.dry_run(db, self.administrator, self.now, rule_id, self.shelves, ends=ends)

    def force(self, made: RuleOut) -> RuleOut:
        found = self.tried(made.id)
        with self.store.writing() as db:
            return service.put_in_force(db, self.administrator, self.now, found, found.seen, version=made.version)

    def old(self, title: str, *, days: int = 400, source: Source = Source.FILE, **other: Any) -> str:
        """An announcement of so many days ago whose sound and original lie in the stores; its id."""
        announcement_id, at = new_id(self.now), self.ago(days=days)
        with self.store.writing() as db:
            db.add(
                Announcement(
                    id=announcement_id, zone_id=self.places.leng, title=title, created_at=at,
                    author_id=self.commune.official.user_id, **other,
                )
            )  # fmt: skip
            db.flush()
            db.add(
                Recording(
                    id=new_id(self.now), announcement_id=announcement_id, language="vi", source=source, text=None,
                    state=RecordingState.READY, created_at=at, duration_us=60_000_000, size_bytes=7,
                    sha256=self.stored(self.media, f"{title} made"), original_sha256=self.stored(self.originals, title),
                )
            )  # fmt: skip
        return announcement_id

    def stored(self, shelf: MediaStore, text: str, *, young: bool = False) -> str:
        """The hash of a file of this text, put there long ago."""
        with shelf.staging() as staged:
            staged.write_text(text)
            sha256 = shelf.put_staged(staged)
        at = (self.now if young else self.ago(days=10)).timestamp()
        os.utime(shelf.path(sha256), (at, at))
        return sha256

    def recording(self, announcement_id: str) -> Recording:
        with self.store.reading() as db:
            found: Recording = db.exec(select(Recording).where(Recording.announcement_id == announcement_id)).one()
            return found

    def states(self, *announcement_ids: str) -> list[str]:
        return [self.recording(one).state.value for one in announcement_ids]

    def night(self, *, files: bool = True, at: datetime | None = None) -> None:
        now = at or self.now
        claim(self.store, now.date(), now)
        night = Night(self.store, self.shelves, now.date(), now)
        list(night.rows())
        if files:
            list(night.files(now - timedelta(days=1)))
        finish(self.store, now.date(), now)

    def audited(self, kind: str) -> list[str]:
        with self.store.reading() as db:
            rows = db.exec(select(AuditEntry).order_by(col(AuditEntry.id))).all()
            return [row.action for row in rows if row.action.startswith(kind)]


@pytest.fixture
def attic(commune: Any, add_person: Any, tmp_path: Path) -> Attic:
    return Attic(commune, add_person("administrator", commune.places.province, Role.ADMINISTRATOR), tmp_path)
