"""Any sequence of saves, refusals and readings does to the store what it does to a dict."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete
from sqlmodel import select

from scheduler.people.models import AuditEntry
from scheduler.store.engine import Store
from scheduler.zones.models import Zone, ZoneKind

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
keys = st.sampled_from([f"Z{number}" for number in range(6)])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
values = st.tuples(
    texts,
    st.sampled_from(list(ZoneKind)),
    st.one_of(st.none(), st.lists(st.dictionaries(texts, st.integers(-(2**53), 2**53), max_size=3), max_size=3)),
    st.one_of(st.none(), st.dates()),
)
Row = tuple[str, ZoneKind, list[dict[str, Any]] | None, Any]


class Undone(Exception):
    pass


@contextmanager
def perhaps_undone(undone: bool) -> Iterator[None]:
    try:
        yield
    except Undone:
        assert undone


class StoreIsADict(RuleBasedStateMachine):
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Row] = {}
        self.entries = 0
        with self.store.writing() as db:
            db.execute(delete(Zone))
            db.execute(delete(AuditEntry))

    @rule(changes=st.lists(st.tuples(keys, st.one_of(st.none(), values)), max_size=4), undone=st.booleans())
    def save(self, changes: list[tuple[str, Row | None]], undone: bool) -> None:
        """One transaction of puts and deletes, with as many audit entries; kept whole or undone whole."""
        after = dict(self.rows)
        with perhaps_undone(undone), self.store.writing() as db:
            for key, row in changes:
                zone = db.get(Zone, key)
                if row is None:
                    after.pop(key, None)
                    if zone is not None:
                        db.delete(zone)
                else:
                    after[key] = row
                    zone = zone or Zone(id=key, path=f"/{key}/", kind=row[1], name="")
                    zone.name, zone.kind, zone.quiet_hours, zone.valid_until = row
                    db.add(zone)
                db.flush()
                db.add(AuditEntry(at=NOW, action="put", subject=key))
            if undone:
                raise Undone
        if not undone:
            self.rows, self.entries = after, self.entries + len(changes)

    @rule(prefix=st.sampled_from(["/Z0/", "/Z1/", "/"]))
    def read_subtree(self, prefix: str) -> None:
        with self.store.reading() as db:
            found = {zone.id for zone in db.exec(select(Zone)).all() if zone.path.startswith(prefix)}
        assert found == {key for key in self.rows if f"/{key}/".startswith(prefix)}

    @invariant()
    def same_as_the_dict(self) -> None:
        with self.store.reading() as db:
            found = {z.id: (z.name, z.kind, z.quiet_hours, z.valid_until) for z in db.exec(select(Zone)).all()}
            entries = len(db.exec(select(AuditEntry)).all())
        assert found == self.rows
        assert entries == self.entries


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_the_store_is_a_dict(store: Store) -> None:
    machine = type("Machine", (StoreIsADict,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
