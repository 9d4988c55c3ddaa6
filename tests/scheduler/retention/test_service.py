"""Rules are looked at before they hold, by who may; what was in force goes on meanwhile."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import event

from scheduler.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from scheduler.people.actor import Actor
from scheduler.retention import service
from scheduler.retention.schemas import KeepIn, RuleIn
from tests.scheduler.retention.conftest import Attic


def test_a_rule_holds_once_its_dry_run_was_looked_at(attic: Attic) -> None:
    one = attic.old("Lịch tiêm")
    made = attic.rule("announcements", 365, force=False)
    assert (made.in_force, made.asked and made.asked.days) == (None, 365)
    attic.night()
    assert attic.states(one) == ["ready"]
    found = attic.tried(made.id)
    assert (found.count, found.needed, [example.title for example in found.examples]) == (1, 0, ["Lịch tiêm"])
    attic.old("Thêm một cái")
    again = attic.tried(made.id)
    with attic.store.writing() as db, pytest.raises(Stale, match="not what you looked at"):
        service.put_in_force(db, attic.administrator, attic.now, again, found.seen, version=1)
    with attic.store.writing() as db, pytest.raises(Stale, match="Someone else"):
        service.put_in_force(db, attic.administrator, attic.now, again, again.seen, version=2)
    held = attic.force(made)
    assert (held.in_force and held.in_force.days, held.asked, held.version) == (365, None, 2)
    with attic.store.reading() as db, pytest.raises(Conflict, match="in force as it is"):
        service.dry_run(db, attic.administrator, attic.now, made.id, attic.shelves)


def test_what_was_in_force_goes_on_until_the_change_was_looked_at(attic: Attic) -> None:
    attic.rule("announcements", 30, zone_id=attic.places.province)
    nearer = attic.rule("announcements", 3000)
    one = attic.old("Lịch tiêm")
    with attic.store.writing() as db:
        changed = service.change(db, attic.administrator, attic.now, nearer.id, KeepIn(days=40), version=2)
    attic.night()
    assert attic.states(one) == ["ready"]
    with attic.store.writing() as db, pytest.raises(Conflict, match="Look at what would go"):
        service.end(db, attic.administrator, attic.now, nearer.id, version=changed.version)
    found = attic.tried(nearer.id, ends=True)
    assert found.count == 1  # by the rule above
    with attic.store.writing() as db:
        version = changed.version
        service.end(db, attic.administrator, attic.now, nearer.id, version=version, found=found, seen=found.seen)
    attic.night(at=attic.now + timedelta(days=1))
    assert attic.states(one) == ["expired"]


def test_who_may(attic: Attic) -> None:
    made = attic.rule("live", 90)
    commune = attic.commune
    for actor, error in ((commune.leader, Forbidden), (commune.official, Forbidden), (commune.stranger, NotFound)):
        with attic.store.writing() as db, pytest.raises(error):
            service.change(db, actor, attic.now, made.id, KeepIn(days=40), version=2)
    asked = RuleIn.model_validate({"zone_id": attic.places.leng, "subject": "faults", "days": 90})
    with attic.store.writing() as db, pytest.raises(Forbidden):
        service.create(db, commune.leader, attic.now, asked)
    assert listed(attic, commune.leader) == [made.id]
    assert listed(attic, commune.stranger) == listed(attic, commune.official) == []


def listed(attic: Attic, actor: Actor) -> list[str]:
    with attic.store.reading() as db:
        return [rule.id for rule in service.index(db, actor, attic.now).items]


def test_what_makes_no_sense_is_refused(attic: Attic) -> None:
    attic.rule("feedback", 365, force=False)
    with pytest.raises(Conflict, match="there already"):
        attic.rule("feedback", 100, force=False)
    with pytest.raises(Invalid, match="at least 92"):
        attic.rule("reports", 91)
    with pytest.raises(Invalid, match="by commune"):
        attic.rule("reports", 100, zone_id=attic.places.leng_1)
    for wrong in ({"tag": "lúa"}, {"category": "news"}, {"days": 0}, {"subject": "audit"}):
        with pytest.raises(ValidationError):
            RuleIn.model_validate({"zone_id": "z", "subject": "faults", "days": 90} | wrong)


def test_the_list_asks_as_often_for_many_rules_as_for_few(attic: Attic) -> None:
    attic.rule("live", 90)
    few = queries(attic)
    for subject in ("faults", "feedback", "notices", "samples"):
        attic.rule(subject, 100)
    assert queries(attic) == few


def queries(attic: Attic) -> int:
    said: list[str] = []
    with attic.store.reading() as db:
        event.listen(db.connection(), "before_cursor_execute", lambda *args: said.append(args[2]))
        service.index(db, attic.administrator, attic.now)
        service.runs(db, attic.administrator, attic.now)
    return len(said)
