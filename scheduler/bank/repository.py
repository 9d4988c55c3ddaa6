"""All SQL about the message bank."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, select

from scheduler.announcements.models import RecordingState
from scheduler.bank.models import BankEntry, BankMedia
from scheduler.bank.shipped import DEFAULT_LANGUAGE
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder
from scheduler.zones.models import Zone

_WAITING = (RecordingState.QUEUED, RecordingState.PRODUCING)
_NAMING = (State.ASKED, State.ISSUED)


class Held(NamedTuple):
    """An entry with its media, Vietnamese first."""

    entry: BankEntry
    media: tuple[BankMedia, ...]

    @property
    def settled(self) -> bool:
        """Nothing of it is still being produced."""
        return all(media.state not in _WAITING for media in self.media)

    @property
    def ready(self) -> bool:
        """It can sound, and stays as it is: what could not be produced is left out."""
        return self.settled and any(media.state is RecordingState.READY for media in self.media)

    @property
    def retired(self) -> bool:
        """It says that the message is no longer in the bank."""
        return not self.media

    @property
    def sounds(self) -> tuple[BankMedia, ...]:
        return tuple(media for media in self.media if media.state is RecordingState.READY)


def held(db: Session, names: Collection[str] | None = None) -> list[Held]:
    """What was not dropped, by name, the newest revision first; only of `names` if they are given."""
    query = select(BankEntry).where(col(BankEntry.dropped_at).is_(None))
    if names is not None:
        query = query.where(col(BankEntry.name).in_(names))
    entries = db.exec(query.order_by(col(BankEntry.name), col(BankEntry.revision).desc())).all()
    media = _media(db, [entry.id for entry in entries])
    return [Held(entry, tuple(media[entry.id])) for entry in entries]


def entry(db: Session, bank_id: str) -> Held | None:
    """The entry, dropped or not."""
    found = db.get(BankEntry, bank_id)
    return Held(found, tuple(_media(db, [bank_id])[bank_id])) if found is not None else None


def entries(db: Session, bank_ids: Collection[str]) -> dict[str, Held]:
    """Those entries by id, dropped or not."""
    found = db.exec(select(BankEntry).where(col(BankEntry.id).in_(bank_ids))).all()
    media = _media(db, [row.id for row in found])
    return {row.id: Held(row, tuple(media[row.id])) for row in found}


def newest(db: Session, name: str) -> Held | None:
    """The last revision of a name, produced or not."""
    query = select(BankEntry).where(BankEntry.name == name).order_by(col(BankEntry.revision).desc()).limit(1)
    found = db.exec(query).first()
    return Held(found, tuple(_media(db, [found.id])[found.id])) if found is not None else None


def revisions(db: Session, name: str) -> list[Held]:
    """All that the bank ever said under a name, the newest first, dropped or not."""
    query = select(BankEntry).where(BankEntry.name == name).order_by(col(BankEntry.revision).desc())
    entries = db.exec(query).all()
    media = _media(db, [entry.id for entry in entries])
    return [Held(entry, tuple(media[entry.id])) for entry in entries]


def names(db: Session) -> frozenset[str]:
    """Every name that was ever given."""
    return frozenset(db.exec(select(BankEntry.name)).all())


def named_by_orders(db: Session) -> frozenset[str]:
    """The entries that orders in force name, or orders that somebody is asked to confirm."""
    orders = db.exec(select(EmergencyOrder.parts).where(col(EmergencyOrder.state).in_(_NAMING)))
    return frozenset(str(part["id"]) for parts in orders for part in parts if part.get("kind") == "bank")


def waits(db: Session, quiet_since: datetime) -> bool:
    """Whether there may be something to claim."""
    return bool(db.scalar(select(exists().where(_claimable(quiet_since)))))


def claim(db: Session, now: datetime, quiet_since: datetime) -> tuple[BankEntry, BankMedia] | None:
    """The next one to produce, claimed: sirens and what is of the first revisions go first."""
    query = select(BankMedia).where(_claimable(quiet_since)).order_by(col(BankMedia.source).desc(), BankMedia.entry_id)
    media = db.exec(query.limit(1).with_for_update(skip_locked=True)).first()
    if media is None:
        return None
    media.state, media.claimed_at = RecordingState.PRODUCING, now
    media.attempts += 1
    return db.get_one(BankEntry, media.entry_id), media


def job(db: Session, entry_id: str, language: str, claimed_at: datetime) -> BankMedia | None:
    """The row, if it is still claimed by this job."""
    media = db.get(BankMedia, (entry_id, language), with_for_update=True, populate_existing=True)
    return media if media is not None and media.claimed_at == claimed_at else None


def unsettled(db: Session) -> bool:
    """Whether anything is still to be produced."""
    return bool(db.scalar(select(exists().where(col(BankMedia.state).in_(_WAITING)))))


def is_sound(db: Session, sha256: str) -> bool:
    """Whether this is a file of the bank."""
    return bool(db.scalar(select(exists().where(col(BankMedia.sha256) == sha256))))


def root_ids(db: Session) -> list[str]:
    return list(db.exec(select(Zone.id).where(col(Zone.parent_id).is_(None)).order_by(Zone.id)).all())


def root_paths(db: Session) -> list[str]:
    return list(db.exec(select(Zone.path).where(col(Zone.parent_id).is_(None))).all())


def _claimable(quiet_since: datetime) -> ColumnElement[bool]:
    silent = and_(col(BankMedia.state) == RecordingState.PRODUCING, col(BankMedia.claimed_at) < quiet_since)
    return or_(col(BankMedia.state) == RecordingState.QUEUED, silent)


def _media(db: Session, entry_ids: Iterable[str]) -> dict[str, list[BankMedia]]:
    found: dict[str, list[BankMedia]] = {entry_id: [] for entry_id in entry_ids}
    for media in db.exec(select(BankMedia).where(col(BankMedia.entry_id).in_(found))):
        found[media.entry_id].append(media)
    for rows in found.values():
        rows.sort(key=lambda media: (media.language != DEFAULT_LANGUAGE, media.language))
    return found
