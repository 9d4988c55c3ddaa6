from collections.abc import Callable
from datetime import datetime
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlmodel import Session, select

from scheduler.announcements.models import Announcement, Recording, Source
from scheduler.people.actor import Actor
from scheduler.rights import Role
from scheduler.store.engine import Store
from scheduler.store.migrations.versions import v0011_tone_marks


def test_words_that_were_kept_before_are_found_in_both_spellings_of_a_tone_mark(
    store: Store, now: datetime, places: Any, add_person: Callable[..., Actor]
) -> None:
    author_id = add_person("lan", places.leng, Role.EDITOR).user_id
    made = {"zone_id": places.leng, "author_id": author_id, "created_at": now}
    with store.writing() as db:
        for number, title in enumerate(("Hòa Bình", "Hoá Bình")):
            db.add(Announcement(id=str(number), title=title, tags=["Hòa giải"], **made))
        db.flush()
        db.add(Recording(id="0", announcement_id="0", language="vi", source=Source.TEXT, text="Khỏe.", created_at=now))
        db.flush()
        was = _words(db)
        db.execute(text("UPDATE announcement SET words = replace(words, 'oà', 'òa')"))
        db.execute(text("UPDATE recording SET words = replace(words, 'oẻ', 'ỏe')"))
        db.expire_all()
        assert _words(db) != was
        with Operations.context(MigrationContext.configure(db.connection())):
            v0011_tone_marks.upgrade()
        db.expire_all()
        assert _words(db) == was


def _words(db: Session) -> dict[str, str]:
    found = {one.id: one.words or "" for one in db.exec(select(Announcement)).all()}
    return found | {f"of {one.id}": one.words or "" for one in db.exec(select(Recording)).all()}
