"""All SQL about orders, where they sound, and what receivers said of them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Table, and_, func, or_
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from broadcast.wire.fault_codes import FaultCode
from broadcast.wire.now import Purpose
from broadcast.wire.topics import now as now_topic
from scheduler.announcements.models import Announcement, Recording, RecordingState
from scheduler.emergency.life import State
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow, OrderSound, OrderTarget, ZoneStop
from scheduler.fleet.models import DirtyTopic, IssuedDocument, Receiver
from scheduler.fleet.upkeep.models import FaultRecord
from scheduler.live.models import LiveState, LiveTalk
from scheduler.people.models import AuditEntry, RoleGrant, User
from scheduler.store.batches import batches
from scheduler.zones.models import SecondPerson, Zone
from scheduler.zones.repository import below, ids_of
from scheduler.zones.rules import there_now

if TYPE_CHECKING:
    from sqlmodel.sql.expression import Select, SelectOfScalar

Placed = tuple[OrderTarget, Zone]
_LIVING = (State.ASKED, State.ISSUED)
_PROGRESS = cast("Table", OrderProgressRow.__table__)  # type: ignore[attr-defined]


def get(db: Session, order_id: str, *, lock: bool = False) -> EmergencyOrder | None:
    """The order; with `lock`, nobody else changes the row until this transaction ends."""
    return db.get(EmergencyOrder, order_id, with_for_update=lock, populate_existing=lock)


def targets(db: Session, order_ids: Collection[str]) -> dict[str, list[Placed]]:
    """Where each order sounds, places already taken back too."""
    found: dict[str, list[Placed]] = {order_id: [] for order_id in order_ids}
    query = select(OrderTarget, Zone).join(Zone, col(Zone.id) == OrderTarget.zone_id)
    for target, zone in db.exec(query.where(col(OrderTarget.order_id).in_(order_ids)).order_by(Zone.path)):
        found[target.order_id].append((target, zone))
    return found


def sounds(db: Session, order_ids: Collection[str]) -> dict[str, dict[int, OrderSound]]:
    """The sounds made for each order, by the place of their part."""
    found: dict[str, dict[int, OrderSound]] = {order_id: {} for order_id in order_ids}
    for sound in db.exec(select(OrderSound).where(col(OrderSound.order_id).in_(order_ids))):
        found[sound.order_id][sound.place] = sound
    return found


def in_force(db: Session, zone_id: str, now: datetime) -> Sequence[EmergencyOrder]:
    """What sounds in exactly this zone by its own document: emergencies first, the latest first."""
    query = (
        select(EmergencyOrder)
        .join(OrderTarget, col(OrderTarget.order_id) == EmergencyOrder.id)
        .where(
            OrderTarget.zone_id == zone_id,
            col(OrderTarget.ended_at).is_(None),
            EmergencyOrder.state == State.ISSUED,
            col(EmergencyOrder.until_at) > now,
        )
    )
    real_first = (EmergencyOrder.purpose == Purpose.REAL).desc()  # type: ignore[attr-defined]  # a column's condition
    return db.exec(query.order_by(real_first, col(EmergencyOrder.start_us).desc(), EmergencyOrder.id)).all()


def is_superseded(db: Session, order_id: str, start_us: int, paths: Collection[str], now: datetime) -> bool:
    """Whether another emergency that began no earlier is in force in one of these zones, above or below one."""
    above = {zone_id for path in paths for zone_id in ids_of(path)}
    query = select(EmergencyOrder.id).join(OrderTarget, col(OrderTarget.order_id) == EmergencyOrder.id)
    query = query.join(Zone, col(Zone.id) == OrderTarget.zone_id).where(
        EmergencyOrder.id != order_id,
        EmergencyOrder.purpose == Purpose.REAL,
        EmergencyOrder.state == State.ISSUED,
        col(EmergencyOrder.until_at) > now,
        col(EmergencyOrder.start_us) >= start_us,
        col(OrderTarget.ended_at).is_(None),
        or_(below(paths), col(Zone.id).in_(above)),
    )
    return db.exec(query.limit(1)).first() is not None


def unfinished(db: Session, zone_ids: Collection[str]) -> list[tuple[EmergencyOrder, OrderTarget]]:
    """Orders asked for or issued that are aimed at one of these zones, each with that place."""
    found: list[tuple[EmergencyOrder, OrderTarget]] = []
    for some in batches(sorted(zone_ids)):
        query = select(EmergencyOrder, OrderTarget).join(OrderTarget, col(OrderTarget.order_id) == EmergencyOrder.id)
        living = col(EmergencyOrder.state).in_(_LIVING)
        found += db.exec(query.where(living, col(OrderTarget.zone_id).in_(some), col(OrderTarget.ended_at).is_(None)))
    return sorted(found, key=lambda pair: (pair[0].id, pair[1].zone_id))


def asked_since(db: Session, author_id: str, purpose: Purpose, since: datetime) -> Sequence[datetime]:
    """When this person asked for orders; what takes one back is none."""
    query = select(EmergencyOrder.asked_at).where(
        EmergencyOrder.author_id == author_id,
        EmergencyOrder.purpose == purpose,
        col(EmergencyOrder.corrects_id).is_(None),
    )
    return db.exec(query.where(col(EmergencyOrder.asked_at) > since).order_by(col(EmergencyOrder.asked_at))).all()


def acts_since(db: Session, user_id: str, action: str, since: datetime) -> Sequence[datetime]:
    """When this person last did something of this name, by the audit record."""
    query = select(AuditEntry.at).where(AuditEntry.user_id == user_id, AuditEntry.action == action)
    return db.exec(query.where(col(AuditEntry.at) > since).order_by(col(AuditEntry.at))).all()


def page(
    db: Session,
    paths: Collection[str],
    above: Collection[str],
    author_id: str,
    *,
    purpose: Purpose | None,
    states: Collection[State],
    before: str | None,
    limit: int,
) -> list[EmergencyOrder]:
    """Orders aimed at or below `paths` or at one of the zones `above` them, or one's own; the newest first."""
    aimed = select(OrderTarget.order_id).join(Zone, col(Zone.id) == OrderTarget.zone_id)
    aimed = aimed.where(or_(below(paths), col(Zone.id).in_(above)))
    query = select(EmergencyOrder).where(
        or_(col(EmergencyOrder.id).in_(aimed), EmergencyOrder.author_id == author_id)  # type: ignore[arg-type]
    )
    if purpose is not None:
        query = query.where(EmergencyOrder.purpose == purpose)
    if states:
        query = query.where(col(EmergencyOrder.state).in_(states))
    if before is not None:
        query = query.where(EmergencyOrder.id < before)
    return list(db.exec(query.order_by(col(EmergencyOrder.id).desc()).limit(limit)))


def corrections(db: Session, order_ids: Collection[str]) -> dict[str, list[str]]:
    """The orders that take each one back."""
    found: dict[str, list[str]] = {order_id: [] for order_id in order_ids}
    query = select(EmergencyOrder.corrects_id, EmergencyOrder.id).where(col(EmergencyOrder.corrects_id).in_(order_ids))
    for corrected, order_id in db.exec(query.order_by(EmergencyOrder.id)):
        found[corrected or ""].append(order_id)
    return found


def corrections_in_force(db: Session, order_id: str) -> Sequence[EmergencyOrder]:
    """What takes it back and is issued, kept from other transactions until this one ends."""
    query = select(EmergencyOrder).where(EmergencyOrder.corrects_id == order_id, EmergencyOrder.state == State.ISSUED)
    return db.exec(query.order_by(EmergencyOrder.id).with_for_update()).all()


def due(db: Session, now: datetime) -> Sequence[EmergencyOrder]:
    """Orders that time has ended, or let lapse, and that do not say so yet."""
    lapsed = and_(EmergencyOrder.state == State.ASKED, col(EmergencyOrder.lapses_at) <= now)  # type: ignore[arg-type]
    over = and_(EmergencyOrder.state == State.ISSUED, col(EmergencyOrder.until_at) <= now)  # type: ignore[arg-type]
    query = select(EmergencyOrder).where(or_(lapsed, over)).order_by(EmergencyOrder.id)
    return db.exec(query.with_for_update(skip_locked=True)).all()


def largest_lead_ms(db: Session, paths: Collection[str]) -> int:
    """How long the slowest amplifier at or below `paths` takes to be on."""
    query = select(func.max(Receiver.amplifier_lead_ms)).join(Zone, col(Zone.id) == Receiver.zone_id)
    return db.exec(query.where(below(paths), col(Receiver.revoked_at).is_(None))).one() or 0


def recording(db: Session, recording_id: str) -> tuple[Recording, Announcement, str] | None:
    """The recording, its announcement, and the path of the zone that this belongs to."""
    return recordings(db, [recording_id]).get(recording_id)


def recordings(db: Session, recording_ids: Collection[str]) -> dict[str, tuple[Recording, Announcement, str]]:
    """As `recording`, of several by their ids."""
    query = select(Recording, Announcement, Zone.path).select_from(Recording)
    query = query.join(Announcement, col(Announcement.id) == Recording.announcement_id)
    query = query.join(Zone, col(Zone.id) == Announcement.zone_id)
    return {row[0].id: (row[0], row[1], row[2]) for row in db.exec(query.where(col(Recording.id).in_(recording_ids)))}


def stop_us(db: Session, zone_id: str) -> int:
    row = db.get(ZoneStop, zone_id)
    return row.stop_us if row is not None else 0


def last_stop_us(db: Session, zone_ids: Collection[str]) -> int:
    """The latest stop of these zones; 0 without any."""
    query = select(func.max(ZoneStop.stop_us)).where(col(ZoneStop.zone_id).in_(zone_ids))
    return db.exec(query).one() or 0


def set_stops(db: Session, zone_ids: Collection[str], us: int, user_id: str | None) -> None:
    """Have everything that these zones let begin before `us` over; an instant never goes back."""
    rows = [{"zone_id": zone_id, "stop_us": us, "stopped_by": user_id} for zone_id in sorted(zone_ids)]
    insert = _insert(db)(ZoneStop)
    values = {"stop_us": insert.excluded.stop_us, "stopped_by": insert.excluded.stopped_by}
    newer = insert.excluded.stop_us > ZoneStop.stop_us
    db.connection().execute(insert.on_conflict_do_update(index_elements=["zone_id"], set_=values, where=newer), rows)


def undelivered(db: Session, zone_ids: Collection[str]) -> set[str]:
    """The zones whose `now` document the broker does not have as it should be."""
    topics = {now_topic(zone_id): zone_id for zone_id in zone_ids}
    lacking = set(topics)
    for some in batches(sorted(topics)):
        rows = select(IssuedDocument.topic).where(
            col(IssuedDocument.topic).in_(some),
            IssuedDocument.published_number == IssuedDocument.number,
            col(IssuedDocument.left_out).is_(None),
        )
        lacking -= set(db.exec(rows).all())
        lacking |= set(db.exec(select(DirtyTopic.topic).where(col(DirtyTopic.topic).in_(some))).all())
    return {topics[topic] for topic in lacking}


def receivers(db: Session, paths: Collection[str]) -> Sequence[tuple[Receiver, Zone]]:
    """The receivers in use at or below `paths`: what no machine was installed as yet cannot be reached by anybody."""
    query = select(Receiver, Zone).join(Zone, col(Zone.id) == Receiver.zone_id)
    query = query.where(below(paths), col(Receiver.enrolled_at).is_not(None), col(Receiver.revoked_at).is_(None))
    return db.exec(query.order_by(Zone.path, Receiver.name, Receiver.id)).all()


def two_people(db: Session, paths: Collection[str], now: datetime) -> list[str]:
    """The paths of zones at or below `paths`, but for ended ones, that say themselves that it takes two people."""
    query = select(Zone).where(below(paths), Zone.second_person == SecondPerson.TWO_PEOPLE)
    return [zone.path for zone in there_now(db, db.exec(query).all(), now, also_coming=True)]


def strayed(db: Session, order_id: str, paths: Collection[str]) -> list[Zone]:
    """The zones, at or below none of `paths`, in which receivers in use stand that said something of the order."""
    query = select(Receiver.zone_id).join(OrderProgressRow, col(OrderProgressRow.receiver_id) == Receiver.id)
    query = query.where(col(OrderProgressRow.order_id).in_([order_id, *talks(db, order_id)]))
    stood = query.where(col(Receiver.revoked_at).is_(None))
    return list(db.exec(select(Zone).where(col(Zone.id).in_(stood), ~below(paths)).order_by(Zone.path)))


def progress(db: Session, order_id: str) -> dict[str, OrderProgressRow]:
    """What each receiver last said of the order."""
    rows = db.exec(select(OrderProgressRow).where(OrderProgressRow.order_id == order_id))
    return {row.receiver_id: row for row in rows}


def stopped_by_hand(db: Session) -> set[str]:
    """The receivers at which somebody pressed STOP, as long as that holds."""
    held = (FaultRecord.code == FaultCode.STOPPED_LOCALLY, col(FaultRecord.until).is_(None))
    return set(db.exec(select(FaultRecord.receiver_id).where(*held, col(FaultRecord.reset_at).is_(None))))


def progress_of(
    db: Session, receiver_ids: Collection[str], order_ids: Collection[str]
) -> dict[tuple[str, str], dict[str, Any]]:
    """What each receiver last said of each order, by both: rows as they lie in the table."""
    found: list[dict[str, Any]] = []
    for some in batches(sorted(receiver_ids)):
        query = _PROGRESS.select().where(_PROGRESS.c.receiver_id.in_(some), _PROGRESS.c.order_id.in_(order_ids))
        found += (dict(row) for row in db.connection().execute(query).mappings())
    return {(row["order_id"], row["receiver_id"]): row for row in found}


def keep_progress(db: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Put these rows in the place of those that there are."""
    if rows:
        insert = _insert(db)(_PROGRESS)
        keys = [column.name for column in _PROGRESS.primary_key]
        values = {column.name: column for column in insert.excluded if column.name not in keys}
        db.connection().execute(insert.on_conflict_do_update(index_elements=keys, set_=values), rows)


def contacts(db: Session, zone_ids: Collection[str], now: datetime) -> dict[str, list[User]]:
    """Who holds a role in exactly these zones: the people of the place."""
    found: dict[str, dict[str, User]] = defaultdict(dict)
    for some in batches(sorted(zone_ids)):
        query = select(RoleGrant.zone_id, User).join(User, col(User.id) == RoleGrant.user_id)
        held = or_(col(RoleGrant.until).is_(None), col(RoleGrant.until) > now)
        query = query.where(col(RoleGrant.zone_id).in_(some), held, col(User.disabled).is_(False))
        for zone_id, user in db.exec(query.order_by(User.name, User.id)):
            found[zone_id][user.id] = user
    return {zone_id: list(people.values()) for zone_id, people in found.items()}


def sound(db: Session, order_id: str, place: int) -> OrderSound | None:
    """The row, kept from other transactions until this one ends."""
    return db.get(OrderSound, (order_id, place), with_for_update=True, populate_existing=True)


def speech_waits(db: Session, silent_since: datetime, *, issued_only: bool) -> bool:
    """Whether there may be a text to speak, whose speaker may have ended."""
    if db.exec(_speech(issued_only=issued_only)).first() is not None:
        return True
    return db.exec(_silent(silent_since).limit(1)).first() is not None


def claim_speech(
    db: Session, job_id: str, now: datetime, *, issued_only: bool
) -> tuple[OrderSound, EmergencyOrder] | None:
    """The next text to speak, of what is issued first, now job `job_id`'s."""
    found = db.exec(_speech(issued_only=issued_only).with_for_update(skip_locked=True)).first()
    if found is not None:
        found[0].state, found[0].job_id, found[0].alive_at = RecordingState.PRODUCING, job_id, now
        found[0].attempts += 1
        db.flush()
    return found


def silent_speech(db: Session, silent_since: datetime) -> Sequence[OrderSound]:
    """What is being spoken by somebody who has shown no sign of life since then."""
    return db.exec(_silent(silent_since).with_for_update(skip_locked=True)).all()


def speech_of(db: Session, order_id: str, place: int, job_id: str) -> OrderSound | None:
    """The row if it is still this job's, kept from other transactions until this one ends."""
    row = sound(db, order_id, place)
    return row if row is not None and row.job_id == job_id and row.state is RecordingState.PRODUCING else None


def with_feeds(db: Session) -> Sequence[OrderSound]:
    return db.exec(select(OrderSound).where(col(OrderSound.feed).is_not(None))).all()


def living(db: Session, order_ids: Collection[str]) -> set[str]:
    """Those that are asked for or in force."""
    query = select(EmergencyOrder.id).where(col(EmergencyOrder.id).in_(order_ids))
    return set(db.exec(query.where(col(EmergencyOrder.state).in_(_LIVING))).all())


def known_ids(db: Session, ids: Collection[str]) -> dict[str, str]:
    """Those of `ids` that are an order's or a live talk's, each with the order that it is of: itself where none is."""
    found: dict[str, str] = {}
    for some in batches(sorted(ids)):
        found |= {key: key for key in db.exec(select(EmergencyOrder.id).where(col(EmergencyOrder.id).in_(some)))}
        talks = select(LiveTalk.id, LiveTalk.order_id).where(col(LiveTalk.id).in_(some))
        found |= {key: order_id or key for key, order_id in db.exec(talks)}
    return found


def talks(db: Session, order_id: str) -> Sequence[str]:
    """The live talks of the order that began, the first first."""
    query = select(LiveTalk.id).where(LiveTalk.order_id == order_id, col(LiveTalk.start_us).is_not(None))
    return db.exec(query.order_by(col(LiveTalk.start_us), LiveTalk.id)).all()


def spoken_now(db: Session, order_ids: Collection[str]) -> set[str]:
    """Those of the orders that somebody speaks for at this moment."""
    query = select(LiveTalk.order_id).where(col(LiveTalk.order_id).in_(order_ids), LiveTalk.state == LiveState.ON_AIR)
    return {order_id for order_id in db.exec(query) if order_id is not None}


def _silent(silent_since: datetime) -> "SelectOfScalar[OrderSound]":
    query = select(OrderSound).where(OrderSound.state == RecordingState.PRODUCING)
    return query.where(or_(col(OrderSound.alive_at).is_(None), col(OrderSound.alive_at) <= silent_since))


def _speech(*, issued_only: bool) -> "Select[OrderSound, EmergencyOrder]":
    query = select(OrderSound, EmergencyOrder).join(EmergencyOrder, col(EmergencyOrder.id) == OrderSound.order_id)
    states = (State.ISSUED,) if issued_only else _LIVING
    query = query.where(OrderSound.state == RecordingState.QUEUED, col(EmergencyOrder.state).in_(states))
    issued_first = (EmergencyOrder.state == State.ISSUED).desc()  # type: ignore[attr-defined]  # a column's condition
    return query.order_by(issued_first, EmergencyOrder.id, col(OrderSound.place)).limit(1)


def _insert(db: Session) -> Any:
    """The dialect's INSERT, which knows ON CONFLICT."""
    return postgresql_insert if db.get_bind().dialect.name == "postgresql" else sqlite_insert
