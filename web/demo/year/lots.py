"""Rows by the thousand: gathered first, then written table by table (does I/O).

Rules
- A row has its model's defaults; what models work out before an insert is the caller's to give.
- The act that a row tells of goes into the audit record with it, in the order of their times and chained as any other.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel

from scheduler.people import audit
from scheduler.people.chain import Entry, plain, sha256_of, words_of
from scheduler.people.models import AuditEntry
from scheduler.store import schema

_AT_ONCE = 5_000

Told = Callable[[float], None]


class Lots:
    """Rows of many tables, in the order in which they were added."""

    def __init__(self) -> None:
        self._rows: dict[type[SQLModel], list[dict[str, Any]]] = defaultdict(list)
        self._acts: list[tuple[datetime, dict[str, Any]]] = []

    def add(self, model: type[SQLModel], **values: Any) -> None:
        self._rows[model].append({**_defaults(model), **values})

    def rows(self, model: type[SQLModel]) -> Sequence[dict[str, Any]]:
        return self._rows[model]

    def act(
        self, at: datetime, user_id: str | None, action: str, subject: str, path: str | None, **detail: Any
    ) -> None:
        """Note who did what."""
        said = {"user_id": user_id, "action": action, "subject": subject, "zone_path": path, "detail": plain(detail)}
        self._acts.append((at, said))

    def write(self, db: Session, told: Told) -> None:
        """Everything, tables that others refer to first, and the record of acts last."""
        audit.chain(db)
        self._chain(db)
        place = {table.name: number for number, table in enumerate(schema.metadata.sorted_tables)}
        total, done = max(1, sum(map(len, self._rows.values()))), 0
        for model in sorted(self._rows, key=lambda model: place[str(model.__tablename__)]):
            rows = self._rows[model]
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                db.execute(insert(model), some)
                done += len(some)
                told(done / total)
        self._rows.clear()

    def _chain(self, db: Session) -> None:
        number, before = audit.head(db)
        for at, said in sorted(self._acts, key=lambda act: act[0]):
            number += 1
            before = sha256_of(Entry(number=number, at=at, sha256="", **said), before)
            words = words_of(said["action"], said["subject"], said["detail"])
            self.add(AuditEntry, at=at, number=number, sha256=before, words=words, **said)
        self._acts.clear()


@cache
def _defaults(model: type[SQLModel]) -> Mapping[str, Any]:
    """What a row says where nothing else is said; a key that the database counts itself is left to it."""
    fields = {name: field for name, field in model.model_fields.items() if not field.is_required()}
    keys = {column.key for column in model.__table__.primary_key}  # type: ignore[attr-defined]
    return {name: field.get_default(call_default_factory=True) for name, field in fields.items() if name not in keys}
