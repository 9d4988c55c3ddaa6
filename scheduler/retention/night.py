"""One night's work, a batch and a transaction at a time, and its record (does I/O).

Rules
- What was done already is not there any more: a night that was broken off is begun anew.
- Rows first, then files: only a file that no row names and nobody may hear goes. What a crash leaves goes later.
- Files are let alone where the database names none of them: then it is another's folder.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec
from sqlalchemy import delete
from sqlmodel import Session, SQLModel, col

from broadcast.media import MediaMissingError, MediaStore
from scheduler.fleet.models import EnrolmentSecret, RevokedCertificate
from scheduler.fleet.upkeep import daily
from scheduler.people import audit
from scheduler.people.actor import Actor
from scheduler.people.models import ApiToken, Invitation
from scheduler.retention import files, piles, repository, sounds
from scheduler.retention.choosing import Result, Rule, Subject, shares
from scheduler.retention.models import RetentionRun
from scheduler.retention.piles import Share
from scheduler.store.batches import batches
from scheduler.store.engine import Store
from scheduler.zones.repository import ids_of

log = logging.getLogger(__name__)

Shelves = tuple[MediaStore, MediaStore]
SOUNDS = (Subject.LIVE, Subject.ANNOUNCEMENTS)
FIXED: Sequence[tuple[type[SQLModel], str, int]] = (
    (ApiToken, "expires_at", 90),
    (EnrolmentSecret, "expires_at", 30),
    (RevokedCertificate, "expires_at", 1),
    (Invitation, "expires_at", 400),
    (RetentionRun, "began_at", 800),
)
"""What is worth nothing any more goes so many days later, without a rule."""


@dataclass(frozen=True, slots=True)
class Night:
    """The night of `day`, judged as it is `now`; `shelves` hold what was produced and what was sent."""

    store: Store
    shelves: Shelves
    day: date
    now: datetime

    def rows(self) -> Iterator[int]:
        """Everything but files; yields after each batch how many rows went or were written."""
        yield from daily.sum_up(self.store, self.now)
        with self.store.reading() as db:
            rules = repository.in_force(db)
            zones = repository.zone_paths(db)
        for subject in SOUNDS:
            yield from self._sounds(rules, subject)
        for subject in piles.PILES:
            for rule, zone_ids in shares(rules, subject, zones).values():
                before = rule.before(self.now)
                if before is not None:
                    for share in piles.split(rule, zone_ids, before):
                        yield from self._piles(subject, share)
        with self.store.writing() as db:
            for table, name, days in FIXED:
                old = col(getattr(table, name)) < self.now - timedelta(days=days)
                db.connection().execute(delete(table).where(old))
        yield 0

    def _sounds(self, rules: Collection[Rule], subject: Subject) -> Iterator[int]:
        after: str | None = ""
        while after is not None:
            with self.store.reading() as db:
                looked = sounds.look(db, rules, subject, self.now, after=after)
            if looked.going:
                with self.store.writing() as db:
                    looked = sounds.look(db, rules, subject, self.now, after=after, lock=True)
                    for one in looked.going:
                        _note(db, self.day, result_of(subject, one.rule, one.path, 1, size_of(self.shelves, [one])))
                    sounds.expire(db, self.now, looked.going)
            yield len(looked.going)
            after = looked.after

    def _piles(self, subject: Subject, share: Share) -> Iterator[int]:
        if subject is Subject.SAMPLES:
            with self.store.reading() as db:
                summed = daily.summed_before(db, share.rule.timezone)
            if summed is None:
                return
            share = msgspec.structs.replace(share, before=min(share.before, summed))
        for pile in piles.PILES[subject]:
            with self.store.reading() as db:
                left = piles.is_any(db, pile, share)
            while left:
                with self.store.writing() as db:
                    count = piles.let_go(db, pile, share)
                    if share.rule.id:
                        size_bytes = count * pile.row_bytes
                        _note(db, self.day, result_of(subject, share.rule, share.rule.path, count, size_bytes))
                left = count == piles.BATCH
                yield count

    def files(self, before: datetime) -> Iterator[int]:
        """Remove the files that nothing names, of those from before this moment; yields how many."""
        if not self._is_ours():
            log.error("none of the sounds in the media folder is named by this database: nothing is removed from it")
            return
        with self.store.reading() as db:
            audible = files.published(db, self.now)
        for shelf in self.shelves:
            for some in batches(list(shelf)):
                with self.store.reading() as db:
                    unnamed = set(some) - audible - files.named(db, some)
                freed = [size for size in (shelf.drop(one, before.timestamp()) for one in unnamed) if size]
                if freed:
                    note_files(self.store, self.day, len(freed), sum(freed))
                yield len(freed)

    def _is_ours(self) -> bool:
        """Whether the database names any of the sounds, if there are some."""
        found = False
        for some in batches(list(self.shelves[0])):
            found = True
            with self.store.reading() as db:
                if files.named(db, some):
                    return True
        return not found


def size_of(shelves: Shelves, going: Collection[sounds.Going], but: Collection[str] = ()) -> int:
    """The bytes of the files of these, each file once, without those of the hashes `but`."""
    media = {(0, sha256) for one in going for sha256 in one.media}
    originals = {(1, sha256) for one in going for sha256 in one.originals}
    return sum(_size(shelves[shelf], sha256) for shelf, sha256 in media | originals if sha256 not in but)


def _size(shelf: MediaStore, sha256: str) -> int:
    try:
        return shelf.size_bytes(sha256)
    except MediaMissingError:
        return 0


def note_files(store: Store, day: date, count: int, size_bytes: int) -> None:
    """Count files that were removed."""
    with store.writing() as db:
        run = repository.run(db, day, lock=True)
        if run is not None:
            run.files, run.freed_bytes = run.files + count, run.freed_bytes + size_bytes


def finish(store: Store, day: date, now: datetime) -> None:
    """The night is done; what went is in the audit record."""
    machine = Actor(user_id="", login="", name="")
    with store.writing() as db:
        run = repository.run(db, day, lock=True)
        if run is None or run.ended_at is not None:
            return
        run.ended_at = now
        for row in results_of(run):
            of = f"retention:{row.rule_id or row.subject.value}"
            detail = {"what": row.subject.value, "count": row.count, "bytes": row.size_bytes}
            audit.record(db, machine, now, "retention.run", of, zone_path=row.path, **detail)


def results_of(run: RetentionRun) -> list[Result]:
    return msgspec.convert(run.results, list[Result])


def result_of(subject: Subject, rule: Rule | None, path: str, count: int, size_bytes: int) -> Result:
    """What went by a rule; without one, as of the root of where it was."""
    at = rule.path if rule is not None else f"/{ids_of(path)[0]}/"
    return Result(subject, rule.id if rule is not None else "", at, count, size_bytes)


def _note(db: Session, day: date, made: Result) -> None:
    """Add to what a rule let go of this night, in the transaction in which it went."""
    run = repository.run(db, day, lock=True)
    if run is None or not made.count:
        return
    found = results_of(run)
    key = (made.subject, made.rule_id, made.path)
    mine = next((row for row in found if (row.subject, row.rule_id, row.path) == key), None)
    if mine is None:
        found.append(made)
    else:
        mine.count, mine.size_bytes = mine.count + made.count, mine.size_bytes + made.size_bytes
    run.results = [msgspec.to_builtins(row) for row in found]
    db.add(run)
    db.flush()
