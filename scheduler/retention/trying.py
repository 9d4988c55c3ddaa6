"""What a rule would let go of today, without letting go of anything (reads the database and file sizes).

Rules
- It is of what the rule settles: where a nearer one is in force, that one goes on settling.
- A rule that ends leaves what it settled to the next one.
- Files that something else names would not go, so they are not measured.
"""

from datetime import datetime

from sqlmodel import Session

from scheduler.broadcasts import planning
from scheduler.retention import files, night, piles, repository, sounds
from scheduler.retention.choosing import Rule, shares
from scheduler.retention.models import RetentionRule
from scheduler.retention.piles import Amount
from scheduler.retention.schemas import DryRun, Example
from scheduler.zones.models import Zone

MOST_EXAMPLES = 10


def tried(db: Session, row: RetentionRule, zone: Zone, now: datetime, shelves: night.Shelves, *, ends: bool) -> DryRun:
    """The outcome, its `seen` left empty."""
    others = [rule for rule in repository.in_force(db) if rule.id != row.id]
    timezone = planning.places(db, [zone])[zone.id].effective.rules.timezone
    rule = repository.rule_of(row, zone, timezone, (row.days if ends else row.asked_days) or 0)
    if row.subject in night.SOUNDS:
        return _sounds(db, rule, others, now, shelves, ends=ends)
    return _rows(db, rule, others, now, ends=ends)


def _rows(db: Session, rule: Rule, others: list[Rule], now: datetime, *, ends: bool) -> DryRun:
    mine = shares([*others, rule], rule.subject, repository.zone_paths(db, rule.path)).get(rule.id, (rule, []))[1]
    settled = {rule.id: (rule, mine)}
    if ends:
        paths = repository.zone_paths(db, rule.path)
        settled = shares(others, rule.subject, {zone_id: paths[zone_id] for zone_id in mine})
    found = Amount()
    for by, zone_ids in settled.values():
        before = by.before(now)
        if before is not None:
            for share in piles.split(by, zone_ids, before):
                for pile in piles.PILES[rule.subject]:
                    found += piles.amount(db, pile, share)
    return _outcome(rule, found, ends=ends)


def _sounds(
    db: Session, rule: Rule, others: list[Rule], now: datetime, shelves: night.Shelves, *, ends: bool
) -> DryRun:
    after: str | None = ""
    going: list[sounds.Going] = []
    needed = 0
    while after is not None:
        looked = sounds.look(db, [*others, rule], rule.subject, now, after=after, only=rule, without=ends)
        going += looked.going
        needed += looked.needed
        after = looked.after
    going.sort(key=lambda one: (one.at, one.id))
    at = [one.at for one in going]
    made = Amount(len(going), _freed(db, going, now, shelves), min(at, default=None), max(at, default=None))
    examples = [Example(id=one.id, title=one.title, at=one.at) for one in going[:MOST_EXAMPLES]]
    return _outcome(rule, made, ends=ends, needed=needed, examples=examples)


def _freed(db: Session, going: list[sounds.Going], now: datetime, shelves: night.Shelves) -> int:
    gone = {one.id for one in going}
    hashes = {sha256 for one in going for sha256 in (*one.media, *one.originals)}
    stays = files.named(db, hashes, without=gone) | files.published(db, now)
    return night.size_of(shelves, going, but=stays)


def _outcome(rule: Rule, made: Amount, *, ends: bool, needed: int = 0, examples: list[Example] | None = None) -> DryRun:
    return DryRun(
        rule_id=rule.id,
        ends=ends,
        count=made.count,
        size_bytes=made.size_bytes,
        oldest=made.oldest,
        newest=made.newest,
        needed=needed,
        examples=examples or [],
        seen="",
    )
