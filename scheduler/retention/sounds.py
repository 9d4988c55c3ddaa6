"""The sound of announcements and live talks: what may go, and how (part of one transaction; files are others').

Rules
- A recording's sound goes and its row stays, EXPIRED: what it said, how long it was, where it was heard.
- Off-air recordings go by the rules for live; where none is in force, as long after as the setting said when they
  were kept.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import and_, exists, or_, select
from sqlmodel import Session, col

from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.live.models import LiveKind, LiveTalk
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.retention import needs
from scheduler.retention.choosing import Kept, Rule, Subject, governing, may_go
from scheduler.zones.models import Zone

BATCH = 200
_off_air = and_(col(LiveTalk.announcement_id) == col(Announcement.id), col(LiveTalk.kind) != LiveKind.RECORDED)


class Going(Struct, frozen=True):
    """An announcement whose sound may go by `rule`, or without one by the setting; the files of its recordings."""

    id: str
    title: str
    path: str
    at: datetime
    rule: Rule | None
    media: tuple[str, ...]
    originals: tuple[str, ...]


class Looked(Struct, frozen=True):
    """Some announcements that were looked at: what may go, how many are old enough and needed, and where to go on."""

    going: tuple[Going, ...]
    needed: int
    after: str | None


def look(
    db: Session,
    rules: Collection[Rule],
    subject: Subject,
    now: datetime,
    *,
    after: str = "",
    only: Rule | None = None,
    without: bool = False,
    lock: bool = False,
) -> Looked:
    """The next announcements; with `lock`, nobody else changes them in this transaction.

    With `only` those that this one of the rules settles; `without` it, as the others would settle those.
    """
    rows = _some(db, subject, after, only.path if only is not None else "/", lock=lock)
    found = {row.id: (row, path) for row, path in rows}
    kept = _kept(db, found, now)
    by_rule = {key: governing(rules, subject, one.path, one.category, one.tags) for key, one in kept.items()}
    if only is not None:
        kept = {key: one for key, one in kept.items() if by_rule[key] is only}
    if without:
        rules = [rule for rule in rules if rule is not only]
        by_rule = {key: governing(rules, subject, one.path, one.category, one.tags) for key, one in kept.items()}
    going, needed = _chosen(db, by_rule, subject, now, kept)
    return Looked(
        going=_with_files(db, found, kept, going), needed=needed, after=rows[-1][0].id if len(rows) == BATCH else None
    )


def _some(db: Session, subject: Subject, after: str, under: str, *, lock: bool) -> Sequence[tuple[Announcement, str]]:
    """The next announcements that have sound, each with the path of its zone."""
    off_air = exists().where(_off_air)
    has_sound = exists().where(
        col(Recording.announcement_id) == col(Announcement.id),
        or_(col(Recording.sha256).is_not(None), col(Recording.original_sha256).is_not(None)),
    )
    query = (
        select(Announcement, col(Zone.path))
        .join(Zone, col(Zone.id) == col(Announcement.zone_id))
        .where(col(Announcement.id) > after, col(Zone.path).startswith(under), has_sound)
        .where(off_air if subject is Subject.LIVE else ~off_air)
        .order_by(col(Announcement.id))
        .limit(BATCH)
    )
    rows = db.execute(query.with_for_update(of=Announcement) if lock else query)
    return [(row[0], row[1]) for row in rows]


def _kept(db: Session, found: Mapping[str, tuple[Announcement, str]], now: datetime) -> dict[str, Kept]:
    used, held = needs.last_used(db, found.keys(), now), needs.needed(db, found.keys(), now)
    return {
        key: Kept(
            id=key,
            path=path,
            at=max(row.created_at, used.get(key, row.created_at)),
            needed=key in held,
            category=row.category.value if row.category is not None else None,
            tags=tuple(tag.lower() for tag in row.tags),
        )
        for key, (row, path) in found.items()
    }


def _chosen(
    db: Session, by_rule: Mapping[str, Rule | None], subject: Subject, now: datetime, kept: Mapping[str, Kept]
) -> tuple[dict[str, Rule | None], int]:
    set_until = select(col(LiveTalk.announcement_id)).where(
        col(LiveTalk.announcement_id).in_([key for key in kept if by_rule[key] is None]),
        col(LiveTalk.keep_until) <= now,
    )
    by_setting = set(db.scalars(set_until)) if subject is Subject.LIVE else set[str | None]()
    old = {
        key: by_rule[key]
        for key, one in kept.items()
        if key in by_setting or may_go(by_rule[key], Kept(one.id, one.path, one.at, needed=False), now)
    }
    return {key: rule for key, rule in old.items() if not kept[key].needed}, sum(kept[key].needed for key in old)


def _with_files(
    db: Session,
    found: Mapping[str, tuple[Announcement, str]],
    kept: Mapping[str, Kept],
    going: Mapping[str, Rule | None],
) -> tuple[Going, ...]:
    media: dict[str, list[str]] = {key: [] for key in going}
    originals: dict[str, list[str]] = {key: [] for key in going}
    query = select(col(Recording.announcement_id), col(Recording.sha256), col(Recording.original_sha256))
    for key, sha256, original in db.execute(query.where(col(Recording.announcement_id).in_(going))):
        media[key] += [sha256] if sha256 else []
        originals[key] += [original] if original else []
    return tuple(
        Going(key, found[key][0].title, kept[key].path, kept[key].at, rule, tuple(media[key]), tuple(originals[key]))
        for key, rule in going.items()
    )


def expire(db: Session, now: datetime, going: Sequence[Going]) -> None:
    """Let go of the sound of these; the files go once nothing names them."""
    ids = [one.id for one in going]
    for recording in db.scalars(select(Recording).where(col(Recording.announcement_id).in_(ids))):
        recording.state, recording.error_code, recording.warnings = RecordingState.EXPIRED, None, []
        recording.sha256 = recording.original_sha256 = None
    for talk in db.scalars(select(LiveTalk).where(col(LiveTalk.announcement_id).in_(ids))):
        talk.keep_until = None
    machine = Actor(user_id="", login="", name="")
    for one in going:
        detail = {"title": one.title, "rule": one.rule.id if one.rule is not None else ""}
        audit.record(db, machine, now, "announcement.expire", f"announcement:{one.id}", zone_path=one.path, **detail)
    for row in db.scalars(select(Announcement).where(col(Announcement.id).in_(ids))):
        row.version += 1
