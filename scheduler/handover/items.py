"""What somebody answers for, of every kind, with where and which rights it takes (reads the database)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from broadcast.wire.documents import BroadcastClass
from scheduler.announcements.models import Announcement
from scheduler.broadcasts import aiming
from scheduler.broadcasts.models import Broadcast
from scheduler.broadcasts.rights import WRITE, needed
from scheduler.bulletins import repository as bulletin_sql
from scheduler.bulletins.models import Bulletin
from scheduler.handover import repository
from scheduler.handover.schemas import ItemView, Kind
from scheduler.live import repository as live_sql
from scheduler.live.models import LiveTalk
from scheduler.people.actor import Actor
from scheduler.people.models import User
from scheduler.relays import places as relay_places
from scheduler.relays.models import Relay
from scheduler.reports.models import ReportSubscription
from scheduler.rights import Action
from scheduler.workflow import Event
from scheduler.zones.models import Zone

UNUSED, KEPT = "unused", "kept"

Row = Broadcast | Announcement | LiveTalk | Bulletin | Relay | ReportSubscription


@dataclass(frozen=True, slots=True)
class Item:
    """Something that somebody answers for: where the right to it is needed, and which rights those are."""

    view: ItemView
    row: Row
    home: str
    paths: tuple[str, ...]
    actions: tuple[Action, ...]

    def refusal(self, taker: Actor, now: datetime) -> str | None:
        """Why `taker` cannot have it, in a word; None if they can."""
        if not all(taker.may_everywhere(action, self.paths, now) for action in self.actions):
            return "no_right"
        if isinstance(self.row, Broadcast | Relay) and self.row.approver_id == taker.user_id:
            return "approved_it"
        return None


def items_of(db: Session, user: User, *, lock: bool = False) -> list[Item]:
    """Everything, in every zone."""
    broadcasts = repository.broadcasts_by(db, user.id, lock=lock)
    relays = repository.relays_by(db, user.id, lock=lock)
    bulletins, talks = repository.bulletins_by(db, user.id), repository.talks_by(db, user.id)
    unused, playlists = repository.unused_announcements_by(db, user.id), repository.playlists_by(db, user.id)
    reports = repository.reports_to(db, user.id)
    rows: list[Row] = [row for row, _title in broadcasts]
    rows += [*relays, *bulletins, *talks, *unused, *playlists, *reports]
    zones = repository.zones(db, {row.zone_id for row in rows})
    return [
        *_broadcasts(db, broadcasts, zones),
        *_relays(db, relays, zones),
        *_bulletins(db, bulletins, zones),
        *(_announcement(row, zones[row.zone_id], Kind.PLAYLIST, KEPT) for row in playlists),
        *(_announcement(row, zones[row.zone_id], Kind.ANNOUNCEMENT, UNUSED) for row in unused),
        *_talks(db, talks, zones),
        *(_report(row, zones[row.zone_id]) for row in reports),
    ]


def _view(kind: Kind, row_id: str, title: str, state: str, zone: Zone) -> ItemView:
    return ItemView(kind=kind, id=row_id, title=title, state=state, zone_id=zone.id, zone_name=zone.name)


def _broadcasts(db: Session, rows: Sequence[tuple[Broadcast, str]], zones: Mapping[str, Zone]) -> Iterable[Item]:
    targets = aiming.targets(db, [row.id for row, _title in rows])
    for row, title in rows:
        zone = zones[row.zone_id]
        shown = _view(Kind.BROADCAST, row.id, title, row.state, zone)
        shown.starts_local = row.starts_local
        paths = tuple(path for target in targets[row.id] for path in target.paths)
        yield Item(shown, row, zone.path, (zone.path, *paths), needed(Event.EDIT, row.cls))


def _relays(db: Session, rows: Sequence[Relay], zones: Mapping[str, Zone]) -> Iterable[Item]:
    targets = relay_places.targets_of(db, rows)
    for row in rows:
        zone = zones[row.zone_id]
        shown = _view(Kind.RELAY, row.id, row.title, row.state, zone)
        shown.starts_at = row.next_at
        yield Item(shown, row, zone.path, (zone.path, *relay_places.paths_of(targets[row.id])), WRITE)


def _bulletins(db: Session, rows: Sequence[Bulletin], zones: Mapping[str, Zone]) -> Iterable[Item]:
    ids = bulletin_sql.targets(db, [row.id for row in rows])
    everywhere = [{one for found in ids.values() for one in found[part]} for part in (0, 1)]
    targets = aiming.chosen(db, *everywhere)
    by_id = {target.group.id if target.group else target.zones[0].id: target for target in targets}
    for row in rows:
        zone = zones[row.zone_id]
        named = [by_id[one] for several in ids[row.id] for one in several if one in by_id]
        paths = (zone.path, *(path for target in named for path in target.paths))
        yield Item(_view(Kind.BULLETIN, row.id, row.name, KEPT, zone), row, zone.path, paths, WRITE)


def _announcement(row: Announcement, zone: Zone, kind: Kind, state: str) -> Item:
    shown = _view(kind, row.id, row.title, state, zone)
    return Item(shown, row, zone.path, (zone.path,), (Action.ANNOUNCEMENT_EDIT,))


def _talks(db: Session, rows: Sequence[LiveTalk], zones: Mapping[str, Zone]) -> Iterable[Item]:
    """A talk that a relay became speaks by that relay's approval: who has the relay has the talk."""
    heard = live_sql.zones_of(db, [row.id for row in rows])
    for row in rows:
        zone = zones[row.zone_id]
        shown = _view(Kind.LIVE, row.id, row.title, row.state.value, zone)
        shown.starts_at = row.starts_at
        urgent = (Action.EMERGENCY_ISSUE,) if row.cls is BroadcastClass.EMERGENCY else ()
        paths = (zone.path, *(place.path for place in heard.get(row.id, ())))
        actions = WRITE if row.relay_id is not None else (Action.LIVE_SPEAK, *urgent)
        yield Item(shown, row, zone.path, paths, actions)


def _report(row: ReportSubscription, zone: Zone) -> Item:
    shown = _view(Kind.REPORT, zone.id, zone.name, KEPT, zone)
    return Item(shown, row, zone.path, (zone.path,), (Action.REPORT_READ,))
