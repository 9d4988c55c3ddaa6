"""What people do about how long things are kept. Each function is part of one transaction and checks the right first.

Rules
- A rule that was made or changed holds only once somebody who looked at its dry run puts it in force; until then what
  was in force goes on. The same goes for its end, for then another rule settles what it settled.
- Who looked is told by `seen`: with that of another version, or of another outcome, nothing is done.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session

from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.retention import night, repository, trying
from scheduler.retention.choosing import ALWAYS, LEAST_DAYS, Subject
from scheduler.retention.models import RetentionRule, RetentionRun
from scheduler.retention.schemas import (
    DryRun,
    Keep,
    KeepIn,
    RuleIn,
    RuleList,
    RuleOut,
    RunList,
    RunOut,
    RunResult,
)
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone
from scheduler.zones.service import zone_for

MAX_RULES = 200
_SAME = {"id", "zone_id", "subject", "category", "tag", "in_force_since", "set_at", "version"}
_NO_SUCH = "There is no such rule, or it is not in your area."


class Held(NamedTuple):
    row: RetentionRule
    zone: Zone


def index(db: Session, actor: Actor, now: datetime) -> RuleList:
    """The rules of the actor's places, by the tree."""
    rows = repository.index(db, zones.paths_of(db, actor.zones_for(Action.RETENTION_READ, now)))
    return RuleList(items=[_shown(actor, now, row, zone, user.name) for row, zone, user in rows])


def view(db: Session, actor: Actor, now: datetime, rule_id: str) -> RuleOut:
    return _out(db, actor, now, _readable(db, actor, now, rule_id))


def create(db: Session, actor: Actor, now: datetime, asked: RuleIn) -> RuleOut:
    """Ask for a rule; it holds once it is put in force."""
    zone = zone_for(db, actor, now, asked.zone_id, Action.RETENTION_READ)
    require(actor, Action.RETENTION_EDIT, zone.path, now)
    if asked.subject is Subject.REPORTS and zone.kind in repository.SMALL:
        raise Invalid("not_a_station", "Reports are summed by commune: choose a commune or above.", field="zone_id")
    alone(db, f"retention:{zone.id}")
    row = RetentionRule(
        id=new_id(now),
        zone_id=zone.id,
        subject=asked.subject,
        category=asked.category,
        tag=asked.tag,
        asked_days=_days(asked.subject, asked.days),
        set_by=actor.user_id,
        set_at=now,
    )
    same = repository.same(db, row)
    if same is not None:
        raise Conflict("rule_there", "There is a rule for that there already: change that one.", field="zone_id")
    if len(repository.index(db, [zone.path])) >= MAX_RULES:
        raise Conflict("too_many_rules", "A place has at most %(limit)s rules.", field="zone_id", limit=MAX_RULES)
    db.add(row)
    db.flush()
    held = Held(row, zone)
    _note(db, actor, now, "create", held)
    return _out(db, actor, now, held)


def change(db: Session, actor: Actor, now: datetime, rule_id: str, asked: KeepIn, *, version: int) -> RuleOut:
    """Ask for another time; what is in force goes on meanwhile."""
    held = _editable(db, actor, now, rule_id, version)
    held.row.asked_days = _days(held.row.subject, asked.days)
    _set(db, actor, now, held.row)
    _note(db, actor, now, "change", held)
    return _out(db, actor, now, held)


def dry_run(
    db: Session, actor: Actor, now: datetime, rule_id: str, shelves: night.Shelves, *, ends: bool = False
) -> DryRun:
    """What would go today if the rule held as it is asked for, or if it ended."""
    row, zone = _readable(db, actor, now, rule_id)
    if not ends and row.asked_days is None:
        raise Conflict("nothing_asked", "Nothing else is asked for: the rule is in force as it is.")
    found = trying.tried(db, row, zone, now, shelves, ends=ends)
    return found.model_copy(update={"seen": _seen(row, found)})


def put_in_force(db: Session, actor: Actor, now: datetime, found: DryRun, seen: str, *, version: int) -> RuleOut:
    """What is asked for holds from now on; `found` is a dry run of just now, `seen` that of the one looked at.

    It is tried before this transaction, which nobody is to wait for: `version` says that it was this rule.
    """
    held = _editable(db, actor, now, found.rule_id, version)
    _check(found, seen)
    row = held.row
    row.days, row.asked_days, row.in_force_since = row.asked_days, None, now
    _set(db, actor, now, row)
    _note(db, actor, now, "force", held, would_go=found.count, bytes=found.size_bytes)
    return _out(db, actor, now, held)


def end(
    db: Session, actor: Actor, now: datetime, rule_id: str, *, version: int, found: DryRun | None = None, seen: str = ""
) -> None:
    """The rule is no more. One that is in force ends only by somebody who looked at what would go then."""
    held = _editable(db, actor, now, rule_id, version)
    if held.row.days is not None:
        if found is None:
            raise Conflict("in_force", "This rule is in force. Look at what would go without it first.")
        _check(found, seen)
    _note(db, actor, now, "end", held)
    db.delete(held.row)
    db.flush()


def runs(db: Session, actor: Actor, now: datetime, *, limit: int = 14) -> RunList:
    """The last nights, with what went in the actor's places."""
    paths = zones.paths_of(db, actor.zones_for(Action.RETENTION_READ, now))
    rows = repository.runs(db, limit)
    ids = {zones.ids_of(result.path)[-1] for run in rows for result in night.results_of(run)}
    names = repository.names(db, ids)
    return RunList(items=[_run(run, paths, names) for run in rows] if paths else [])


def _run(run: RetentionRun, paths: Sequence[str], names: dict[str, str]) -> RunOut:
    results = [
        RunResult(
            subject=result.subject,
            rule_id=result.rule_id or None,
            zone_name=names.get(zones.ids_of(result.path)[-1], ""),
            count=result.count,
            size_bytes=result.size_bytes,
        )
        for result in night.results_of(run)
        if any(result.path.startswith(path) for path in paths)
    ]
    return RunOut(**run.model_dump(exclude={"results", "claimed_until"}), results=results)


def _check(found: DryRun, seen: str) -> None:
    if seen != found.seen:
        raise Stale("not_looked_at", "What would go is not what you looked at. Look at it again, then decide.")


def _set(db: Session, actor: Actor, now: datetime, row: RetentionRule) -> None:
    row.set_by, row.set_at, row.version = actor.user_id, now, row.version + 1
    db.add(row)
    db.flush()


def _seen(row: RetentionRule, found: DryRun) -> str:
    said = (row.id, row.version, found.ends, found.count, found.size_bytes, found.oldest, found.newest)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _days(subject: Subject, days: int | None) -> int:
    if days is not None and days < LEAST_DAYS[subject]:
        message = "This is kept for at least %(days)s days."
        raise Invalid("too_short", message, field="days", days=LEAST_DAYS[subject])
    return ALWAYS if days is None else days


def _readable(db: Session, actor: Actor, now: datetime, rule_id: str, *, lock: bool = False) -> Held:
    row = repository.get(db, rule_id, lock=lock)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None:
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.RETENTION_READ, zone.path, now)
    return Held(row, zone)


def _editable(db: Session, actor: Actor, now: datetime, rule_id: str, version: int) -> Held:
    held = _readable(db, actor, now, rule_id, lock=True)
    require(actor, Action.RETENTION_EDIT, held.zone.path, now)
    if version != held.row.version:
        raise Stale("stale", "Someone else changed this since you opened it. Look at it again.")
    return held


def _note(db: Session, actor: Actor, now: datetime, what: str, held: Held, **more: int) -> None:
    row, zone = held
    detail = {
        "what": row.subject.value,
        "category": row.category.value if row.category is not None else None,
        "tag": row.tag,
        "in_force": row.days,
        "asked": row.asked_days,
    }
    said = {name: value for name, value in detail.items() if value is not None}
    audit.record(db, actor, now, f"retention.{what}", f"retention:{row.id}", zone_path=zone.path, **said, **more)


def _out(db: Session, actor: Actor, now: datetime, held: Held) -> RuleOut:
    return _shown(actor, now, held.row, held.zone, repository.person(db, held.row.set_by))


def _shown(actor: Actor, now: datetime, row: RetentionRule, zone: Zone, set_by_name: str) -> RuleOut:
    return RuleOut(
        **row.model_dump(
            include={"id", "zone_id", "subject", "category", "tag", "in_force_since", "set_at", "version"}
        ),
        zone_name=zone.name,
        in_force=_keep(row.days),
        asked=_keep(row.asked_days),
        set_by_name=set_by_name,
        may_edit=actor.may(Action.RETENTION_EDIT, zone.path, now),
    )


def _keep(days: int | None) -> Keep | None:
    return None if days is None else Keep(days=None if days >= ALWAYS else days)
