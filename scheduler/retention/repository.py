"""All SQL on rules and runs, and how they lie over the zones."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from sqlmodel import Session, col, select

from scheduler.broadcasts import planning
from scheduler.people.models import User
from scheduler.retention.choosing import DEFAULT_DAYS, Rule
from scheduler.retention.models import RetentionRule, RetentionRun
from scheduler.zones.models import Zone, ZoneKind
from scheduler.zones.repository import below

SMALL = (ZoneKind.VILLAGE, ZoneKind.HAMLET)
Placed = tuple[RetentionRule, Zone, User]


def get(db: Session, rule_id: str, *, lock: bool = False) -> RetentionRule | None:
    return db.get(RetentionRule, rule_id, with_for_update=lock, populate_existing=lock)


def index(db: Session, paths: Iterable[str]) -> Sequence[Placed]:
    """The rules of the zones at or below `paths`."""
    query = select(RetentionRule, Zone, User).join(Zone, col(Zone.id) == RetentionRule.zone_id)
    query = query.join(User, col(User.id) == RetentionRule.set_by).where(below(paths))
    return db.exec(query.order_by(Zone.path, col(RetentionRule.subject), RetentionRule.id)).all()


def same(db: Session, row: RetentionRule) -> RetentionRule | None:
    """Another rule that says how long the same is kept in the same place."""
    query = select(RetentionRule).where(
        RetentionRule.zone_id == row.zone_id,
        RetentionRule.subject == row.subject,
        RetentionRule.category == row.category,
        RetentionRule.tag == row.tag,
        RetentionRule.id != row.id,
    )
    return db.exec(query).first()


def in_force(db: Session) -> list[Rule]:
    """Every rule that holds, and what holds without any."""
    query = select(RetentionRule, Zone).join(Zone, col(Zone.id) == RetentionRule.zone_id)
    rows = db.exec(query.where(col(RetentionRule.days).is_not(None))).all()
    held = planning.places(db, [zone for _row, zone in rows])
    rules = [rule_of(row, zone, held[zone.id].effective.rules.timezone, row.days or 0) for row, zone in rows]
    return [*defaults(), *rules]


def defaults() -> list[Rule]:
    """What holds where there is no rule."""
    return [Rule("", subject, "/", days, "Asia/Ho_Chi_Minh") for subject, days in DEFAULT_DAYS.items()]


def rule_of(row: RetentionRule, zone: Zone, timezone: str, days: int) -> Rule:
    category = row.category.value if row.category is not None else None
    return Rule(row.id, row.subject, zone.path, days, timezone, category, row.tag)


def zone_paths(db: Session, under: str = "/") -> dict[str, str]:
    """The zones at or below the path `under`, id to path."""
    rows = db.execute(select(col(Zone.id), col(Zone.path)).where(col(Zone.path).startswith(under)))
    return {row[0]: row[1] for row in rows}


def runs(db: Session, limit: int) -> Sequence[RetentionRun]:
    """The last ones first."""
    return db.exec(select(RetentionRun).order_by(col(RetentionRun.day).desc()).limit(limit)).all()


def run(db: Session, day: date, *, lock: bool = False) -> RetentionRun | None:
    return db.get(RetentionRun, day, with_for_update=lock, populate_existing=lock)


def person(db: Session, user_id: str) -> str:
    return db.get_one(User, user_id).name


def names(db: Session, zone_ids: Collection[str]) -> dict[str, str]:
    query = select(col(Zone.id), col(Zone.name)).where(col(Zone.id).in_(set(zone_ids)))
    return {row[0]: row[1] for row in db.execute(query)}
