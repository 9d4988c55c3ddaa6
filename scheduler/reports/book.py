"""Keeps the book of what was planned and heard (does I/O): in rounds, so that pages read sums and never work them out.

Rules
- What begins is taken down with the receivers that are to play it; who moves or comes later changes no past.
- It goes no further than the plan is recorded: after the centre was away, that comes first.
- Figures are worked out anew when a report comes, and once more when the time for reports is over. A report that
  comes after weeks still counts.
- The database is locked for MOST_LINES lines at a time; what is read is not locked at all. One process keeps the book,
  the others wait until it has not for LEASE.
- A round done twice changes nothing, and one that was broken off is done again.
- What a rule of retention has let go of is not taken down again: its sums stand.
- It stands aside while something urgent goes out, between shares that are short; what it did not come to is done in a
  later round.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Table, and_, bindparam, delete, insert, select, update
from sqlmodel import Session, col

from broadcast.clock import Clock, to_us
from scheduler.aside import Aside
from scheduler.changes import Changes
from scheduler.policy import local_day
from scheduler.reports import repository, sources, summing
from scheduler.reports.begun import Begun
from scheduler.reports.boundaries import Atlas
from scheduler.reports.figures import NO_REPORT, Figures, figures
from scheduler.reports.models import ReportAiring, ReportBook, ReportLine
from scheduler.reports.sources import Standing
from scheduler.store.batches import batches
from scheduler.store.engine import Store
from scheduler.store.patience import outlast

log = logging.getLogger(__name__)
T = TypeVar("T")

ROUND_S = 10.0
BEHIND_S = 0.2
ASIDE_S = 1.0
"""How often it looks again whether it is still in the way."""
LEASE = timedelta(minutes=2)
LOOK_BACK = timedelta(minutes=2)
"""What was committed late is looked for so long: times are taken before a transaction ends."""
MOST_STARTS = 200
MOST_AIRINGS, MOST_RECEIVERS = 25, 2_500
"""So many are worked out together, and not more who were to play them: a twentieth of a second."""
MOST_LINES = 500
_LINES = cast("Table", ReportLine.__table__)  # type: ignore[attr-defined]
_FIGURES = ("receivers", "fetched", "started", "heard", "microphones", "missed", "reason", "missed_by", "error_us")
_VALUES = (*_FIGURES, "level_dbfs", "microphone_dbfs", "requested_us", "played_us", "settled", "receiver_ids")


class Round(msgspec.Struct, frozen=True):
    """What one round did; `behind` says that there is more to do at once, `aside` that it made way before its end."""

    airings: int = 0
    lines: int = 0
    behind: bool = False
    aside: bool = False


class Entry(msgspec.Struct):
    """An airing to be worked out: what is known of it, and its lines as they are in the book."""

    airing: ReportAiring
    receivers: dict[str, list[str]]
    lines: dict[str, dict[str, Any]]
    fresh: bool = False


class BookKeeper:
    """`run` for ever; `keep` is one round. `urgent` says whether others have it urgent just now, from any thread."""

    def __init__(self, store: Store, clock: Clock, changes: Changes, urgent: Callable[[], bool]) -> None:
        self._store = store
        self._clock = clock
        self._changes = changes
        self._is_aside = Aside(clock, urgent)
        self._failing = False

    async def run(self) -> None:
        while True:
            await self._clock.sleep(await self._round())

    async def _round(self) -> float:
        """One, unless it is in the way; seconds until the next."""
        if self._is_aside():
            return ASIDE_S
        try:
            now = self._clock.now()
            done = await outlast(self._clock, "book of reports", keep, self._store, now, self._is_aside)
        except Exception:
            log.log(logging.DEBUG if self._failing else logging.ERROR, "the book is not kept", exc_info=True)
            self._failing = True
            return ROUND_S
        self._failing = False
        if done.lines:
            self._changes.tell(["report:"])
        if done.aside:
            return ASIDE_S
        return BEHIND_S if done.behind else ROUND_S


def keep_all(store: Store, now: datetime) -> int:
    """Rounds until nothing is left to do; how many lines were written."""
    lines = 0
    while True:
        done = keep(store, now)
        lines += done.lines
        if not done.behind:
            return lines


def keep(store: Store, now: datetime, aside: Callable[[], bool] = lambda: False) -> Round:
    """One round: what began, what was reported, what is due. It ends early where it shall stand `aside`."""
    with store.writing() as db:
        book = _claimed(db, now)
        if book is None:
            return Round()
        since, reported_since = book.opened_until, book.reported_until
    with store.reading() as db:
        as_far_as = max(since, min(now, sources.planned_until(db) or now))
        until = min(as_far_as, sources.nth_start(db, since, MOST_STARTS) or now)
        atlas, standing = repository.atlas(db), sources.standing(db)
        begun = {one.id: one for one in sources.begun(db, since - LOOK_BACK, until)}
        known = repository.known(db, begun.keys())
        again = sources.reported(db, reported_since - LOOK_BACK, now) | repository.due(db, now)
        sizes = repository.sizes(db, again)
    new = [_fresh(one, standing, atlas) for key, one in begun.items() if key not in known]
    airings = lines = 0
    made_way = False
    for entries in _shares(store, new, sizes):
        made_way = aside()
        if made_way:
            break
        airings += len(entries)
        lines += _work_out(store, entries, standing, atlas, now)
    with store.writing() as db:
        book = db.get_one(ReportBook, 1)
        book.claimed_until = now
        if not made_way:
            book.opened_until, book.reported_until = until, now
        db.add(book)
    return Round(airings=airings, lines=lines, behind=made_way or until < as_far_as, aside=made_way)


def _shares(store: Store, new: Sequence[Entry], sizes: Mapping[str, int]) -> Iterator[list[Entry]]:
    """What is new and then what is in the book, as much at a time as is worked out together."""
    yield from _together(new, lambda entry: sum(map(len, entry.receivers.values())))
    for some_ids in _together(sorted(sizes), sizes.__getitem__):
        with store.reading() as db:
            yield _known(db, some_ids)


def _claimed(db: Session, now: datetime) -> ReportBook | None:
    """The book, for this process alone; None while another has it."""
    book = db.get(ReportBook, 1, with_for_update=True)
    if book is None:
        first = sources.first_moment(db)
        began = (first - timedelta(microseconds=1)) if first is not None and first < now else now
        book = ReportBook(id=1, opened_until=began, reported_until=now, claimed_until=datetime(1970, 1, 1, tzinfo=UTC))
    elif book.claimed_until > now:
        return None
    book.claimed_until = now + LEASE
    db.add(book)
    db.flush()
    return book


def _fresh(one: Begun, standing: Sequence[Standing], atlas: Atlas) -> Entry:
    here = set(one.zone_ids)
    receivers: dict[str, list[str]] = defaultdict(list)
    for receiver in standing:
        if receiver.plays(one.start_at) and not here.isdisjoint(receiver.path.split("/")):
            receivers[receiver.zone_id].append(receiver.id)
    timezone = atlas.timezone(one.zone_ids[0]) if one.zone_ids else ""
    day = local_day(timezone, to_us(one.start_at)) if timezone else one.start_at.date()
    airing = ReportAiring(**{name: value for name, value in asdict(one).items() if name != "cls"}, day=day)
    airing.cls = one.cls  # which cannot be given to a model's constructor
    return Entry(airing, receivers, {}, fresh=True)


def _known(db: Session, airing_ids: Sequence[str]) -> list[Entry]:
    """Those in the book, with what people did to their plan since."""
    now_planned = sources.stopped(db, airing_ids)
    lines: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in db.execute(select(_LINES).where(_LINES.c.airing_id.in_(airing_ids))).mappings():
        lines[row["airing_id"]][row["zone_id"]] = dict(row)
    entries = []
    for airing in db.scalars(select(ReportAiring).where(col(ReportAiring.id).in_(airing_ids))):
        db.expunge(airing)
        planned = now_planned.get(airing.id)
        if planned is not None and planned.due_at != airing.due_at:  # else only its broadcast plays by other rules now
            airing.duration_us, airing.stopped_at, airing.due_at = (
                planned.duration_us,
                planned.stopped_at,
                planned.due_at,
            )
        held = lines[airing.id]
        if airing.unit_ids and not held:
            continue  # its lines are gone, its sums are closed
        entries.append(Entry(airing, {key: list(row["receiver_ids"]) for key, row in held.items()}, held))
    return entries


def _work_out(store: Store, entries: Sequence[Entry], standing: Sequence[Standing], atlas: Atlas, now: datetime) -> int:
    """Write what these airings' figures are now; how many lines that changed."""
    with store.reading() as db:
        said = sources.said(db, {entry.airing.id: entry.airing.kind for entry in entries})
    homes = {receiver.id: receiver.zone_id for receiver in standing}
    units: dict[str, set[str]] = defaultdict(set)
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for entry in entries:
        airing, told = entry.airing, said.get(entry.airing.id, {})
        airing.settled = now >= airing.due_at
        _add_unexpected(entry, told, homes)
        for zone_id, receiver_ids in entry.receivers.items():
            why = airing.silent.get(zone_id) or airing.reason or NO_REPORT
            made = figures(receiver_ids, airing.duration_us, told, settled=airing.settled, unsaid=why)
            row = _row(airing, zone_id, receiver_ids, made, atlas)
            if zone_id in entry.lines:  # where it stood then
                row["unit_id"] = entry.lines[zone_id]["unit_id"]
            units[airing.id].add(row["unit_id"])
            before = entry.lines.get(zone_id)
            if before is None:
                new.append(row)
            elif any(before[name] != row[name] for name in _VALUES):
                changed.append(row)
    with store.writing() as db:
        for entry in entries:
            entry.airing.unit_ids = sorted(units[entry.airing.id] | set(entry.airing.unit_ids))
            db.merge(entry.airing)
    _write(store, new, changed)
    return len(new) + len(changed)


def _add_unexpected(entry: Entry, told: Mapping[str, object], homes: Mapping[str, str]) -> None:
    """Who played it without having been expected to counts where it stands now."""
    expected = {key for ids in entry.receivers.values() for key in ids}
    for receiver_id in sorted(told.keys() - expected):
        if receiver_id in homes:
            entry.receivers.setdefault(homes[receiver_id], []).append(receiver_id)


def _row(airing: ReportAiring, zone_id: str, receiver_ids: list[str], made: Figures, atlas: Atlas) -> dict[str, Any]:
    day = local_day(atlas.timezone(zone_id), to_us(airing.start_at))
    return {
        "airing_id": airing.id,
        "zone_id": zone_id,
        "unit_id": atlas.commune(zone_id, day),
        "day": day,
        "kind": airing.kind,
        "receiver_ids": receiver_ids,
        **{name: getattr(made, name) for name in (*_FIGURES, "level_dbfs", "microphone_dbfs")},
        "requested_us": made.requested_us,
        "played_us": made.played_us,
        "settled": airing.settled,
    }


def _write(store: Store, new: Sequence[dict[str, Any]], changed: Sequence[dict[str, Any]]) -> None:
    here = and_(_LINES.c.zone_id == bindparam("at_zone"), _LINES.c.airing_id == bindparam("of_airing"))
    for some in batches(new, MOST_LINES):
        with store.writing() as db:
            gone = [{"at_zone": row["zone_id"], "of_airing": row["airing_id"]} for row in some]
            db.connection().execute(delete(_LINES).where(here), gone)
            db.connection().execute(insert(_LINES), list(some))
            summing.sum_anew(db, {(row["day"], row["unit_id"]) for row in some})
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _VALUES}
    for some in batches(changed, MOST_LINES):
        rows = [
            {"at_zone": row["zone_id"], "of_airing": row["airing_id"]} | {f"new_{name}": row[name] for name in _VALUES}
            for row in some
        ]
        with store.writing() as db:
            db.connection().execute(update(_LINES).where(here).values(values), rows)
            summing.sum_anew(db, {(row["day"], row["unit_id"]) for row in some})


def _together(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Up to MOST_AIRINGS of them, of MOST_RECEIVERS together where they are more than one."""
    some, receivers = list[T](), 0
    for item in items:
        if some and (len(some) == MOST_AIRINGS or receivers + size(item) > MOST_RECEIVERS):
            yield some
            some, receivers = [], 0
        some.append(item)
        receivers += size(item)
    if some:
        yield some
