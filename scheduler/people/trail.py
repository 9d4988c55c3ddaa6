"""Reading the audit record: search, export, and whether its chain is whole.

Whoever may read it sees the entries of their zones, and what silenced these from a zone above. An entry is of the zone
that it names, wherever that lies now, and of those above which that lay then: a zone takes its record along when it is
moved, and leaves a copy where it was. The rows that belong to no zone, and the record as a whole, are for who may read
it in every root zone.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from scheduler.people import audit, chain, proof, refused, repository
from scheduler.people.actor import Actor
from scheduler.people.models import AuditEntry, User
from scheduler.people.schemas import AuditView
from scheduler.rights import Action
from scheduler.tone_marks import settled, spellings
from scheduler.zones.models import Zone
from scheduler.zones.names import fold
from scheduler.zones.repository import below, ids_of

MAX_WORDS = 8
_ROWS = 500
REFUSALS = (proof.REFUSED, "urgent.refused", refused.ACTION)
STOP_ALL = "stop_all"
"""`scheduler.emergency.stopping` notes it at a zone; every one below falls silent too."""
MANY = 5
"""So many refused codes of one account in LATELY are somebody guessing, or somebody who needs help."""
LATELY = timedelta(days=1)
_GUESSED = frozenset({proof.WRONG, proof.TOO_MANY})
_LOOKED_AT = 2000
_ID_LETTERS = 26  # as `new_id` makes them


class Asked(Struct, frozen=True, kw_only=True):
    """What is looked for; what is None is not asked about. `since` and `until` are half-open.

    `action` is one (`zone.rename`) or a kind of them (`zone`). `text` is words that must all stand in an entry, or be
    part of the name of who did it; typed without diacritics they find any.
    """

    text: str = ""
    user_id: str | None = None
    zone_id: str | None = None
    action: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Verdict(Struct, frozen=True):
    """What verifying came to: `entries` were looked at, up to the first fault where there is one."""

    entries: int
    head: str
    found: chain.Found | None
    at: datetime | None = None
    anchors: int = 0


def page(
    db: Session, actor: Actor, now: datetime, asked: Asked, *, before: int | None = None, limit: int = 100
) -> list[AuditView]:
    """What was done in the zones where the actor may read that, latest first; `before` is a number."""
    query = _query(db, actor, now, asked).order_by(col(AuditEntry.number).desc()).limit(limit)
    if before is not None:
        query = query.where(col(AuditEntry.number) < before)
    return _views(db.execute(query).all())


def whole(db: Session, actor: Actor, now: datetime) -> bool:
    """Whether the actor may read the record as a whole."""
    roots = repository.zone_paths(db, repository.root_ids(db))
    return not actor.user_id or actor.may_everywhere(Action.AUDIT_READ, roots, now)


def export(db: Session, actor: Actor, now: datetime, asked: Asked) -> Iterator[AuditView]:
    """All that `page` would show, oldest first, read bit by bit while it is taken."""
    query, after = _query(db, actor, now, asked).order_by(col(AuditEntry.number)), 0
    while rows := db.execute(query.where(col(AuditEntry.number) > after).limit(_ROWS)).all():
        yield from _views(rows)
        after = rows[-1][0].number


def actions(db: Session, actor: Actor, now: datetime) -> list[str]:
    """The actions that there are entries of, where the actor may read."""
    mine = _seen(db, actor, now)
    return list(db.scalars(select(AuditEntry.action).where(mine).distinct().order_by(AuditEntry.action)))


def people(db: Session, actor: Actor, now: datetime) -> list[tuple[str, str]]:
    """Ids and names of those who did something where the actor may read, by name."""
    ids = select(AuditEntry.user_id).where(_seen(db, actor, now)).distinct()
    rows = db.exec(select(User.id, User.name).where(col(User.id).in_(ids)).order_by(User.name)).all()
    return [(user_id, name) for user_id, name in rows]


def guessed(db: Session, actor: Actor, now: datetime) -> list[tuple[str, str, int]]:
    """Ids and names of those as whom MANY wrong codes were typed lately, and how many, the most first."""
    query = select(AuditEntry.user_id, AuditEntry.detail).where(
        _seen(db, actor, now), col(AuditEntry.action).in_(REFUSALS), col(AuditEntry.at) > now - LATELY
    )
    rows = db.exec(query.order_by(col(AuditEntry.number).desc()).limit(_LOOKED_AT))
    counts = Counter[str]()
    for user_id, detail in rows:
        if user_id and detail.get("code") in _GUESSED:
            counts[user_id] += int(detail.get("tries", 1))
    many = [(user_id, count) for user_id, count in counts.most_common() if count >= MANY]
    names = repository.names_of(db, [user_id for user_id, _count in many]) if many else {}
    return [(user_id, names.get(user_id, user_id), count) for user_id, count in many]


def verify(db: Session, anchors: Sequence[chain.Anchor], key: Ed25519PublicKey | None) -> Verdict:
    """The first fault of the whole record and its anchors; reads every row."""
    hashes: dict[int, str] = {}
    found, entries, last = _first_fault(db, {one.number for one in anchors}, hashes)
    if found is None:
        loose = select(func.min(AuditEntry.id)).where(
            or_(col(AuditEntry.number).is_(None), col(AuditEntry.sha256).is_(None))
        )
        row = db.execute(loose).scalar_one_or_none()
        found = chain.Found(chain.Fault.UNCHAINED, row) if row is not None else None
    if found is None and key is not None:
        found = chain.check_anchors(anchors, key, hashes.get)
    at = None
    if found is not None and found.fault is not chain.Fault.UNCHAINED:
        at = db.exec(select(AuditEntry.at).where(AuditEntry.number == found.number)).first()
    return Verdict(entries, last, found, at, len(anchors))


def _first_fault(db: Session, anchored: set[int], hashes: dict[int, str]) -> tuple[chain.Found | None, int, str]:
    query = select(AuditEntry).where(col(AuditEntry.number).is_not(None)).order_by(col(AuditEntry.number))
    last, before = 0, chain.FIRST
    while rows := db.exec(query.where(col(AuditEntry.number) > last).limit(_ROWS)).all():
        for row in rows:
            entry = audit.entry_of(row)
            found = chain.next_fault(entry, last, before)
            if found is None and row.words != chain.words_of(row.action, row.subject, row.detail):
                found = chain.Found(chain.Fault.CHANGED, entry.number)
            if found is not None:
                return found, last, before
            last, before = entry.number, entry.sha256
            if last in anchored:
                hashes[last] = before
            db.expunge(row)
    return None, last, before


def _query(db: Session, actor: Actor, now: datetime, asked: Asked) -> Any:
    earlier = aliased(AuditEntry)
    return (
        select(AuditEntry, User.name, earlier.sha256)
        .outerjoin(User, col(User.id) == AuditEntry.user_id)
        .outerjoin(earlier, col(earlier.number) == col(AuditEntry.number) - 1)
        .where(_seen(db, actor, now), *_conditions(db, asked))
    )


def _conditions(db: Session, asked: Asked) -> Iterator[ColumnElement[bool]]:
    if asked.user_id is not None:
        yield col(AuditEntry.user_id) == asked.user_id if asked.user_id else col(AuditEntry.user_id).is_(None)
    if asked.zone_id:
        yield _concerns(db, [asked.zone_id])
    if asked.action:
        kind = col(AuditEntry.action).startswith(f"{asked.action}.", autoescape=True)
        yield or_(col(AuditEntry.action) == asked.action, kind)
    if asked.subject:
        yield col(AuditEntry.subject) == asked.subject
    if asked.since is not None:
        yield col(AuditEntry.at) >= asked.since
    if asked.until is not None:
        yield col(AuditEntry.at) < asked.until
    for word in chain.composed(asked.text).split()[:MAX_WORDS]:
        written = (col(AuditEntry.words).contains(one, autoescape=True) for one in spellings(word))
        yield or_(*written, _named(db, word))


def _named(db: Session, word: str) -> ColumnElement[bool]:
    """That the name or login of who did it has the word; names are folded here, since no database does that alike."""
    bare = fold(word) == word
    ids = [
        user_id
        for user_id, name, login in db.execute(select(User.id, User.name, User.login))
        if settled(word) in (fold(f"{name} {login}") if bare else settled(chain.composed(f"{name} {login}")))
    ]
    return col(AuditEntry.user_id).in_(ids) if ids else false()


def _seen(db: Session, actor: Actor, now: datetime) -> ColumnElement[bool]:
    if whole(db, actor, now):
        return col(AuditEntry.number).is_not(None)
    return and_(col(AuditEntry.number).is_not(None), _concerns(db, actor.zones_for(Action.AUDIT_READ, now)))


def _concerns(db: Session, zone_ids: Collection[str]) -> ColumnElement[bool]:
    """That it was done at or below one of these zones, as they lay then or lie now, or to all below a zone above one.

    An entry keeps the path of its time, which ends in the id of its zone; ids never change.
    """
    paths = repository.zone_paths(db, zone_ids)
    if not paths:
        return false()
    held = [ids_of(path) for path in paths]
    above = {f"/{'/'.join(ids[:depth])}/" for ids in held for depth in range(1, len(ids))}
    covering = and_(AuditEntry.action == STOP_ALL, col(AuditEntry.zone_path).in_(above))  # type: ignore[arg-type]
    then = (col(AuditEntry.zone_path).contains(f"/{ids[-1]}/") for ids in held)
    ends_in = func.substr(AuditEntry.zone_path, func.length(AuditEntry.zone_path) - _ID_LETTERS, _ID_LETTERS)
    return or_(covering if above else false(), *then, ends_in.in_(select(Zone.id).where(below(paths))))


def _views(rows: Sequence[Any]) -> list[AuditView]:
    return [
        AuditView(
            number=row.number or 0,
            at=row.at,
            user_id=row.user_id,
            user_name=name,
            action=row.action,
            subject=row.subject,
            zone_path=row.zone_path,
            detail=row.detail,
            before=before or chain.FIRST,
            sha256=row.sha256 or "",
        )
        for row, name, before in rows
    ]
