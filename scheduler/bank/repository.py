"""All SQL about the message bank."""

from collections.abc import Collection, Iterable, Sequence
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
    """An entry with its media, Vietnamese first. `needed` are the languages in which the one before it sounds."""

    entry: BankEntry
    media: tuple[BankMedia, ...]
    needed: frozenset[str] = frozenset()

    @property
    def settled(self) -> bool:
        """All of it was tried; what failed may be tried once more meanwhile."""
        return all(media.state not in _WAITING or media.error_code is not None for media in self.media)

    @property
    def ready(self) -> bool:
        """It can sound; what could not be produced is left out, unless the revision before it sounds in that language.

        Then it does not sound at all, and the one before it goes on: nobody hears a language that is not theirs.
        """
        sounding = {media.language for media in self.sounds}
        lost = any(media.language in self.needed - sounding for media in self.media)
        return self.settled and bool(sounding) and not lost

    @property
    def settled_at(self) -> datetime:
        """When the last sound of it was there; the entry's making where that is not known."""
        return max([self.entry.made_at, *(media.claimed_at for media in self.sounds if media.claimed_at is not None)])

    @property
    def retired(self) -> bool:
        """It says that the message is no longer in the bank."""
        return not self.media

    @property
    def sounds(self) -> tuple[BankMedia, ...]:
        return tuple(media for media in self.media if media.state is RecordingState.READY)


class Claimed(NamedTuple):
    """A sound to produce; `died` where the process that had claimed it before is gone."""

    entry: BankEntry
    media: BankMedia
    died: bool


def held(db: Session, names: Collection[str] | None = None) -> list[Held]:
    """What was not dropped, by name, the newest revision first; only of `names` if they are given."""
    query = select(BankEntry).where(col(BankEntry.dropped_at).is_(None))
    if names is not None:
        query = query.where(col(BankEntry.name).in_(names))
    return _with_media(db, db.exec(query.order_by(col(BankEntry.name), col(BankEntry.revision).desc())).all())


def entry(db: Session, bank_id: str) -> Held | None:
    """The entry, dropped or not."""
    found = db.get(BankEntry, bank_id)
    if found is None:
        return None
    return next(held for held in revisions(db, found.name) if held.entry.id == bank_id)


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
    return _with_media(db, db.exec(query).all())


def replaced(found: Iterable[Held]) -> list[tuple[Held, datetime]]:
    """Those of which a newer revision is ready, and since when that is; `found` has the newest first."""
    known: list[tuple[Held, datetime]] = []
    newer: dict[str, datetime] = {}
    for one in found:
        if one.entry.name in newer:
            known.append((one, newer[one.entry.name]))
        elif one.ready or one.retired:
            newer[one.entry.name] = one.settled_at
    return known


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


def claim(db: Session, now: datetime, quiet_since: datetime) -> Claimed | None:
    """The next one to produce, claimed: sirens and what is of the first revisions go first."""
    query = select(BankMedia).where(_claimable(quiet_since)).order_by(col(BankMedia.source).desc(), BankMedia.entry_id)
    media = db.exec(query.limit(1).with_for_update(skip_locked=True)).first()
    if media is None:
        return None
    died = media.state is RecordingState.PRODUCING
    media.state, media.claimed_at = RecordingState.PRODUCING, now
    media.attempts += 1
    return Claimed(db.get_one(BankEntry, media.entry_id), media, died=died)


def job(db: Session, entry_id: str, language: str, claimed_at: datetime) -> BankMedia | None:
    """The row, if it is still claimed by this job."""
    media = db.get(BankMedia, (entry_id, language), with_for_update=True, populate_existing=True)
    still = media is not None and media.state is RecordingState.PRODUCING and media.claimed_at == claimed_at
    return media if still else None


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


def _with_media(db: Session, entries: Sequence[BankEntry]) -> list[Held]:
    """With their media, and what each needs by the one before it; of a name the newest first, in both."""
    media = _media(db, [entry.id for entry in entries])
    found: list[Held] = []
    sounding: dict[str, frozenset[str]] = {}
    for entry in reversed(entries):
        one = Held(entry, tuple(media[entry.id]), sounding.get(entry.name, frozenset()))
        if entry.dropped_at is None and (one.ready or one.retired):
            sounding[entry.name] = frozenset(media.language for media in one.sounds)
        found.append(one)
    return found[::-1]


def _media(db: Session, entry_ids: Iterable[str]) -> dict[str, list[BankMedia]]:
    found: dict[str, list[BankMedia]] = {entry_id: [] for entry_id in entry_ids}
    for media in db.exec(select(BankMedia).where(col(BankMedia.entry_id).in_(found))):
        found[media.entry_id].append(media)
    for rows in found.values():
        rows.sort(key=lambda media: (media.language != DEFAULT_LANGUAGE, media.language))
    return found
