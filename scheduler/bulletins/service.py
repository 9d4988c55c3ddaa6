"""Daily bulletins: a template, and one edition for each day and time. Each function is part of one transaction.

Rules
- A template sounds nowhere. An edition is sent as one recording by one broadcast, which is approved as any other.
- A slot that nobody fills has its stand-in, or is skipped; an edition of nothing is not sent.
- One that leaves days off out is not heard where its day is one, also where that was declared after it was sent.
- What changes after an edition was sent is heard once it was sent, and approved, again; an edition on the air stays.
- Sent again it keeps what was decided on its broadcast: its time, its order, what is late or cut, whether it is public.
- Whoever may plan broadcasts in its zone and in all its places makes and fills it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from scheduler.announcements import naming, parts
from scheduler.announcements import service as announcements
from scheduler.announcements.schemas import NewPlaylist, Recipe
from scheduler.broadcasts import service as broadcasts
from scheduler.broadcasts.aiming import Target, chosen
from scheduler.broadcasts.rights import WRITE, require_step
from scheduler.broadcasts.schemas import At, BroadcastIn
from scheduler.bulletins import repository, views
from scheduler.bulletins.calendar import comes, start_of
from scheduler.bulletins.models import Bulletin, BulletinEdition
from scheduler.bulletins.schemas import BulletinIn, BulletinOut, BulletinPage, EditionOut, FillIn, Slot
from scheduler.errors import Conflict, Invalid, NotFound, Stale
from scheduler.people import audit
from scheduler.people.actor import Actor, require
from scheduler.rights import Action
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.workflow import Event, State
from scheduler.zones import repository as zones
from scheduler.zones.models import Zone

DAYS_SHOWN = 7
DAYS_AHEAD = 60
_KEPT = ("public", "order", "late", "after_cut", "window_s")
_NO_SUCH = "There is no such bulletin, or it is not in your area."
_STALE = "Someone else changed this since you opened it. Look at it again."


class Which(NamedTuple):
    """An edition; `at` is `17:00`."""

    bulletin_id: str
    day: date
    at: str


class Aimed(NamedTuple):
    """A template, its zone and its places."""

    bulletin: Bulletin
    zone: Zone
    targets: tuple[Target, ...]


class _Begun(NamedTuple):
    """An edition with a row of its own."""

    bulletin: Bulletin
    zone: Zone
    row: BulletinEdition


def index(db: Session, actor: Actor, now: datetime, *, after: str | None = None, limit: int = 50) -> BulletinPage:
    """The templates of the zones that the actor sees, each with its next edition; `after` is the last page's `next`."""
    paths = zones.paths_of(db, actor.zones_for(Action.BROADCAST_READ, now))
    found = repository.index(db, paths, after, limit + 1)
    rows = found[:limit]
    held = views.places(db, [zone for _bulletin, zone in rows], now, now + timedelta(days=DAYS_SHOWN + 1))
    targets = repository.targets(db, [bulletin.id for bulletin, _zone in rows])
    found_ahead = views.ahead(db, actor, now, rows, held, days=DAYS_SHOWN, at_most=2)  # one may have been moved ahead
    coming = {one.bulletin_id: one for one in reversed(found_ahead) if not one.day_off}
    items = []
    for row, zone in rows:
        may_edit = actor.may(Action.BROADCAST_EDIT, zone.path, now)
        items.append(_out(row, zone, targets[row.id], may_edit=may_edit))
        items[-1].next = coming.get(row.id)
    return BulletinPage(items=items, next=items[-1].id if len(found) > limit else None)


def view(db: Session, actor: Actor, now: datetime, bulletin_id: str) -> BulletinOut:
    bulletin, zone = _readable(db, actor, now, bulletin_id)
    may_edit = actor.may(Action.BROADCAST_EDIT, zone.path, now)
    return _out(bulletin, zone, repository.targets(db, [bulletin.id])[bulletin.id], may_edit=may_edit)


def editions(db: Session, actor: Actor, now: datetime, bulletin_id: str, days: int = DAYS_SHOWN) -> list[EditionOut]:
    """The coming editions, also those that nobody has begun, by time."""
    bulletin, zone = _readable(db, actor, now, bulletin_id)
    held = views.places(db, [zone], now, now + timedelta(days=days + 1))
    return views.ahead(db, actor, now, [(bulletin, zone)], held, days=days)


def edition(db: Session, actor: Actor, now: datetime, which: Which) -> EditionOut:
    bulletin, zone = _readable(db, actor, now, which.bulletin_id)
    day, at = which.day, which.at
    start = start_of(day, at, "UTC")
    held = views.places(db, [zone], min(now, start), max(now, start) + timedelta(days=2))
    begun = repository.edition(db, bulletin.id, day, at)
    if begun is None and not comes(bulletin, day, at, held[zone.id].holidays):
        raise NotFound("no_edition", "This bulletin does not come at that time.")
    return views.shown(db, actor, now, [(bulletin, zone, day, at)], held)[0]


def create(db: Session, actor: Actor, now: datetime, new: BulletinIn) -> BulletinOut:
    """A template."""
    _checked(db, actor, now, new)
    row = _blank(actor, now, new, new_id(now))
    _write(db, row, new)
    return _kept(db, actor, now, row, "create")


def unsaved(db: Session, actor: Actor, now: datetime, asked: BulletinIn, *, bulletin_id: str | None = None) -> Aimed:
    """A template as it would be saved (as a new one, or in place of `bulletin_id`), if the actor may."""
    if bulletin_id is not None:
        _readable(db, actor, now, bulletin_id)
    zone = _checked(db, actor, now, asked)
    row = _blank(actor, now, asked, bulletin_id or new_id(now))
    _fill(row, asked)
    return Aimed(row, zone, chosen(db, set(asked.zone_ids), set(asked.group_ids)))


def saved(db: Session, actor: Actor, now: datetime, bulletin_id: str) -> Aimed:
    """A template as it is saved, with its places."""
    row, zone = _readable(db, actor, now, bulletin_id)
    zone_ids, group_ids = repository.targets(db, [row.id])[row.id]
    return Aimed(row, zone, chosen(db, set(zone_ids), set(group_ids)))


def edit(db: Session, actor: Actor, now: datetime, bulletin_id: str, asked: BulletinIn, *, version: int) -> BulletinOut:
    """Other slots, times or places; what was sent already stays as it is."""
    row, _zone = _editable(db, actor, now, bulletin_id, version)
    _checked(db, actor, now, asked)
    _write(db, row, asked)
    return _kept(db, actor, now, row, "edit")


def end(db: Session, actor: Actor, now: datetime, bulletin_id: str, *, version: int) -> None:
    """No more editions; what was sent already still comes."""
    row, zone = _editable(db, actor, now, bulletin_id, version)
    row.ended_at = now
    audit.record(db, actor, now, "bulletin.end", f"bulletin:{row.id}", zone_path=zone.path)


def fill(db: Session, actor: Actor, now: datetime, which: Which, asked: FillIn, *, version: int) -> EditionOut:
    """Say what is heard in an edition; nothing is sent yet."""
    begun = _begun(db, actor, now, which, version)
    bulletin, row = begun.bulletin, begun.row
    keys = {slot["key"] for slot in bulletin.slots}
    if not asked.filled.keys() <= keys:
        raise Invalid("unknown_slot", "This bulletin has no such slot.", field="filled")
    for announcement_id in set(asked.filled.values()):
        announcements.readable(db, actor, now, announcement_id)
    row.filled = dict(asked.filled)
    return _done(db, actor, now, begun, "fill")


def send(db: Session, actor: Actor, now: datetime, which: Which, *, version: int) -> EditionOut:
    """Have an edition put together as it is filled now, and approved."""
    begun = _begun(db, actor, now, which, version)
    bulletin, row = begun.bulletin, begun.row
    named = {slot["stand_in_id"] for slot in bulletin.slots if slot.get("stand_in_id")} | set(row.filled.values())
    heard = views.heard(bulletin, row, repository.announcements(db, named))
    if not heard:
        raise Conflict("edition_empty", "Nothing is filled in. Fill in one slot at least.")
    before = row.announcement_id
    recipe = Recipe(
        opening=bulletin.opening, closing=bulletin.closing, between=bulletin.between, pause_ms=bulletin.pause_ms
    )
    title = f"{bulletin.name[:170]}, {row.day:%d/%m/%Y} {row.at}"
    new = NewPlaylist(zone_id=bulletin.zone_id, title=title, announcement_ids=list(heard.values()), recipe=recipe)
    made = parts.create(db, actor, now, new)
    row.broadcast_id = _broadcast(db, actor, now, begun, made.id)
    row.announcement_id, row.sent = made.id, heard
    _let_go(db, actor, now, before)
    return _done(db, actor, now, begun, "send")


def _broadcast(db: Session, actor: Actor, now: datetime, begun: "_Begun", announcement_id: str) -> str:
    """The broadcast of this edition, saying this, sent for approval."""
    bulletin, row = begun.bulletin, begun.row
    zone_ids, group_ids = repository.targets(db, [bulletin.id])[bulletin.id]
    held = repository.broadcasts(db, [row.broadcast_id or ""]).get(row.broadcast_id or "")
    held = None if held is None or held.state == State.CANCELLED else held
    decided = {name: getattr(held, name) for name in _KEPT} if held is not None else {"public": bulletin.public}
    starts = (held and held.starts_local) or f"{row.day.isoformat()}T{row.at}"
    draft = BroadcastIn(
        zone_id=bulletin.zone_id,
        announcement_id=announcement_id,
        cls=bulletin.cls,
        zone_ids=zone_ids,
        group_ids=group_ids,
        when=At(starts_local=starts, skip_holidays=bulletin.skip_holidays),
        **decided,
    )
    if held is None:
        saved = broadcasts.create(db, actor, now, draft)
    else:
        saved = broadcasts.edit(db, actor, now, held.id, draft, version=held.version)
    if saved.state in (State.DRAFT, State.RETURNED):
        saved = broadcasts.submit(db, actor, now, saved.id, version=saved.version)
    return saved.id


def _let_go(db: Session, actor: Actor, now: datetime, announcement_id: str | None) -> None:
    """What was put together for an edition before, once nothing holds it any more."""
    before = repository.announcements(db, [announcement_id or ""]).get(announcement_id or "")
    if before is not None:
        with suppress(Conflict):
            announcements.delete(db, actor, now, before.id, version=before.version)


def _begun(db: Session, actor: Actor, now: datetime, which: Which, version: int) -> "_Begun":
    """The edition, with a row of its own, if the actor may fill it and saw its last version."""
    bulletin, zone = _readable(db, actor, now, which.bulletin_id)
    day, at = which.day, which.at
    require(actor, Action.BROADCAST_EDIT, zone.path, now)
    alone(db, f"edition:{bulletin.id}:{day}:{at}")
    row = repository.edition(db, bulletin.id, day, at, lock=True)
    if version != (row.version if row is not None else 0):
        raise Stale("stale", _STALE)
    held = views.places(db, [zone], now, now + timedelta(days=DAYS_AHEAD + 1))[zone.id]
    sent_id = (row and row.broadcast_id) or ""
    starts = views.starts_at(day, at, held.timezone, repository.broadcasts(db, [sent_id]).get(sent_id))
    if starts <= now:
        raise Conflict("edition_over", "The time of this edition has passed.")
    if row is None:
        if starts > now + timedelta(days=DAYS_AHEAD) or not comes(bulletin, day, at, held.holidays):
            raise NotFound("no_edition", "This bulletin does not come at that time.")
        row = BulletinEdition(id=new_id(now), bulletin_id=bulletin.id, day=day, at=at, version=0)
        db.add(row)
    return _Begun(bulletin, zone, row)


def _done(db: Session, actor: Actor, now: datetime, begun: "_Begun", what: str) -> EditionOut:
    bulletin, zone, row = begun
    row.version += 1
    db.add(row)
    db.flush()
    audit.record(
        db, actor, now, f"bulletin.{what}", f"bulletin:{bulletin.id}", zone_path=zone.path, day=str(row.day), at=row.at,
        filled=row.filled, broadcast=row.broadcast_id,
    )  # fmt: skip
    return edition(db, actor, now, Which(bulletin.id, row.day, row.at))


def _checked(db: Session, actor: Actor, now: datetime, asked: BulletinIn) -> Zone:
    """The zone in whose name it is sent, if the actor may there and in all its places; else a Problem."""
    zone = zones.zone(db, asked.zone_id)
    if zone is None:
        raise Invalid("unknown_zone", "There is no such zone.", field="zone_id")
    for action in WRITE:
        require(actor, action, zone.path, now)
    targets = chosen(db, set(asked.zone_ids), set(asked.group_ids))
    if _ids(targets) != {*asked.zone_ids, *asked.group_ids}:
        raise Invalid("unknown_zone", "One of the places is not there, or is named twice.", field="zone_ids")
    if not any(target.live(now) for target in targets):
        raise Invalid("no_targets", "Choose at least one place that there still is.", field="zone_ids")
    require_step(actor, Event.EDIT, asked.cls, [path for target in targets for path in target.paths], now)
    for slot in asked.slots:
        if slot.stand_in_id is not None:
            announcements.readable(db, actor, now, slot.stand_in_id)
    return zone


def _ids(targets: Sequence[Target]) -> set[str]:
    return {target.group.id if target.group else target.zones[0].id for target in targets}


def _blank(actor: Actor, now: datetime, asked: BulletinIn, bulletin_id: str) -> Bulletin:
    return Bulletin(
        id=bulletin_id, zone_id=asked.zone_id, name="", slots=[], times=[], weekdays=[], author_id=actor.user_id,
        created_at=now, version=0,
    )  # fmt: skip


def _write(db: Session, row: Bulletin, asked: BulletinIn) -> None:
    """Have it say and keep what is asked for."""
    _fill(row, asked)
    row.version += 1
    db.add(row)
    db.flush()
    repository.set_targets(db, row.id, asked.zone_ids, asked.group_ids)


def _fill(row: Bulletin, asked: BulletinIn) -> None:
    """Have it say what is asked for."""
    slots = [_slot(slot, place) for place, slot in enumerate(asked.slots, 1)]
    if len({slot["key"] for slot in slots}) != len(slots):
        raise Invalid("slot_twice", "Two slots have the same key.", field="slots")
    row.zone_id, row.name, row.slots = asked.zone_id, naming.title(asked.name), slots
    row.times, row.weekdays = sorted(set(asked.times)), sorted(set(asked.weekdays))
    row.skip_holidays, row.cls, row.pause_ms = asked.skip_holidays, asked.cls, asked.pause_ms
    row.public = asked.public
    row.opening, row.between, row.closing = asked.opening, asked.between, asked.closing


def _kept(db: Session, actor: Actor, now: datetime, row: Bulletin, what: str) -> BulletinOut:
    path = db.get_one(Zone, row.zone_id).path
    audit.record(db, actor, now, f"bulletin.{what}", f"bulletin:{row.id}", zone_path=path, name=row.name)
    return view(db, actor, now, row.id)


def _slot(slot: Slot, place: int) -> dict[str, Any]:
    return {"key": slot.key or f"s{place}", "name": naming.title(slot.name), "stand_in_id": slot.stand_in_id}


def _readable(db: Session, actor: Actor, now: datetime, bulletin_id: str) -> tuple[Bulletin, Zone]:
    row = repository.get(db, bulletin_id)
    zone = zones.zone(db, row.zone_id) if row is not None else None
    if row is None or zone is None:
        raise NotFound("not_found", _NO_SUCH)
    require(actor, Action.BROADCAST_READ, zone.path, now)
    return row, zone


def _editable(db: Session, actor: Actor, now: datetime, bulletin_id: str, version: int) -> tuple[Bulletin, Zone]:
    repository.get(db, bulletin_id, lock=True)
    row, zone = _readable(db, actor, now, bulletin_id)
    require(actor, Action.BROADCAST_EDIT, zone.path, now)
    if version != row.version:
        raise Stale("stale", _STALE)
    return row, zone


def _out(row: Bulletin, zone: Zone, targets: tuple[list[str], list[str]], *, may_edit: bool) -> BulletinOut:
    return BulletinOut(
        **row.model_dump(exclude={"slots"}),
        slots=[Slot(**slot) for slot in row.slots],
        zone_name=zone.name,
        zone_ids=targets[0],
        group_ids=targets[1],
        may_edit=may_edit,
    )
