"""Rows that grow with time, as they lie in tables: which of them a rule may let go (SQL).

Rules
- Reports go by the unit they are summed in: a day's sums are closed first, so that nothing sums them anew, then its
  lines go, then what receivers told of airings that have no line left. Of real emergencies all that was told stays.
- What still waits for somebody stays: a fault before it is reset, feedback before it is answered.
- A batch is one statement; done twice it takes nothing twice.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Delete, and_, delete, exists, func, literal, or_, select, tuple_, update
from sqlmodel import Session, SQLModel, col

from broadcast.clock import to_us
from broadcast.wire.now import Purpose
from scheduler.emergency.models import EmergencyOrder, OrderProgressRow
from scheduler.emergency.rehearsal.models import RehearsalRun
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.fleet.upkeep.models import FaultRecord, HeardConfirmation, ReceiverSample, VillageReport
from scheduler.notices.models import Notice, NoticeState
from scheduler.policy import local_day
from scheduler.reports.begun import LIVE
from scheduler.reports.models import ReportDay, ReportLine
from scheduler.residents.models import Feedback, FeedbackState
from scheduler.retention.choosing import Rule, Subject, day_start
from scheduler.zones.models import Zone

BATCH = 1000


class Share(Struct, frozen=True):
    """Zones in which `rule` lets go of what was before `before`."""

    rule: Rule
    zone_ids: tuple[str, ...]
    before: datetime


class Amount(Struct, frozen=True):
    """Rows, and about how large they are with their indexes."""

    count: int = 0
    size_bytes: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            self.count + other.count,
            self.size_bytes + other.size_bytes,
            min((at for at in (self.oldest, other.oldest) if at is not None), default=None),
            max((at for at in (self.newest, other.newest) if at is not None), default=None),
        )


class Pile(Struct, frozen=True):
    """`at` is what counts of a row; `old` says which are old enough, `free` which nothing else needs any more.

    `row_bytes` is about what a row takes in SQLite with its indexes.
    """

    table: type[SQLModel]
    at: Any
    old: Callable[[Share], ColumnElement[bool]]
    row_bytes: int
    free: ColumnElement[bool] | None = None


def _received(share: Share) -> "Any":
    return select(col(Receiver.id)).where(col(Receiver.zone_id).in_(share.zone_ids))


def _of_receivers(column: Any, at: Any) -> Callable[[Share], ColumnElement[bool]]:
    return lambda share: and_(column.in_(_received(share)), at < share.before)


def _of_zones(column: Any, at: Any) -> Callable[[Share], ColumnElement[bool]]:
    return lambda share: and_(column.in_(share.zone_ids), at < share.before)


def _lines(share: Share) -> ColumnElement[bool]:
    day = local_day(share.rule.timezone, to_us(share.before))
    return and_(col(ReportLine.unit_id).in_(share.zone_ids), col(ReportLine.day) < day)


def _notices(share: Share) -> ColumnElement[bool]:
    """It keeps the path that its zone had: the last id tells whose it is; what is of no one zone is the root's."""
    done = col(Notice.state).in_((NoticeState.SENT, NoticeState.GIVEN_UP))
    path, root = col(Notice.zone_path), exists().where(col(Zone.id).in_(share.zone_ids), col(Zone.parent_id).is_(None))
    mine = [path.endswith(f"/{zone_id}/", autoescape=True) for zone_id in share.zone_ids]
    return and_(done, col(Notice.created_at) < share.before, or_(*mine, and_(path == "", root)))


def _without_line(airing_id: Any) -> ColumnElement[bool]:
    line, of_talk = col(ReportLine.airing_id), func.substr(airing_id, len(LIVE) + 1)  # so that an index is of use
    return ~or_(exists().where(line == airing_id), exists().where(line == of_talk))


_real = select(col(EmergencyOrder.id)).where(col(EmergencyOrder.purpose) == Purpose.REAL)
_told = col(OrderProgressRow.order_id)
PILES: Mapping[Subject, tuple[Pile, ...]] = MappingProxyType(
    {
        Subject.REPORTS: (
            Pile(ReportLine, col(ReportLine.day), _lines, 450),
            Pile(
                StoredReport,
                col(StoredReport.planned_start_at),
                _of_receivers(col(StoredReport.receiver_id), col(StoredReport.planned_start_at)),
                700,
                _without_line(col(StoredReport.airing_id)),
            ),
            Pile(
                OrderProgressRow,
                col(OrderProgressRow.told_at),
                _of_receivers(col(OrderProgressRow.receiver_id), col(OrderProgressRow.told_at)),
                250,
                and_(_without_line(_told), _told.not_in(_real)),
            ),
            Pile(
                RehearsalRun,
                col(RehearsalRun.closed_at),
                _of_zones(col(RehearsalRun.zone_id), col(RehearsalRun.closed_at)),
                5000,
            ),
            Pile(
                HeardConfirmation,
                col(HeardConfirmation.at),
                _of_zones(col(HeardConfirmation.zone_id), col(HeardConfirmation.at)),
                250,
            ),
        ),
        Subject.SAMPLES: (
            Pile(
                ReceiverSample,
                col(ReceiverSample.at),
                _of_receivers(col(ReceiverSample.receiver_id), col(ReceiverSample.at)),
                150,
            ),
        ),
        Subject.FAULTS: (
            Pile(
                FaultRecord,
                col(FaultRecord.reset_at),
                _of_receivers(col(FaultRecord.receiver_id), col(FaultRecord.reset_at)),
                400,
            ),
            Pile(
                VillageReport,
                col(VillageReport.closed_at),
                _of_zones(col(VillageReport.zone_id), col(VillageReport.closed_at)),
                500,
            ),
        ),
        Subject.NOTICES: (Pile(Notice, col(Notice.created_at), _notices, 900),),
        Subject.FEEDBACK: (
            Pile(
                Feedback,
                col(Feedback.answered_at),
                lambda share: and_(
                    col(Feedback.zone_id).in_(share.zone_ids),
                    col(Feedback.state) == FeedbackState.ANSWERED,
                    col(Feedback.answered_at) < share.before,
                ),
                900,
            ),
        ),
    }
)


def amount(db: Session, pile: Pile, share: Share) -> Amount:
    """How much of a pile is old enough."""
    query = select(func.count(), func.min(pile.at), func.max(pile.at)).where(pile.old(share))
    count, oldest, newest = db.execute(query.select_from(pile.table)).one()
    return Amount(count, count * pile.row_bytes, _moment(share, oldest), _moment(share, newest))


def is_any(db: Session, pile: Pile, share: Share) -> bool:
    """Whether anything of a pile may go, or will once what goes before it is gone."""
    return bool(db.scalar(select(select(literal(1)).select_from(pile.table).where(pile.old(share)).exists())))


def let_go(db: Session, pile: Pile, share: Share) -> int:
    """Delete a batch of a pile; how many rows, fewer than BATCH when it is done."""
    if pile.table is ReportLine:
        _close(db, share)
    return int(db.connection().execute(going(pile, share)).rowcount)


def going(pile: Pile, share: Share) -> Delete:
    """A batch of a pile."""
    key = [col(getattr(pile.table, column.name)) for column in pile.table.__table__.primary_key]  # type: ignore[attr-defined]
    old = pile.old(share) if pile.free is None else and_(pile.old(share), pile.free)
    return delete(pile.table).where(tuple_(*key).in_(select(*key).where(old).limit(BATCH)))


def _close(db: Session, share: Share) -> None:
    day = local_day(share.rule.timezone, to_us(share.before))
    mine = and_(col(ReportDay.unit_id).in_(share.zone_ids), col(ReportDay.day) < day, col(ReportDay.closed).is_(False))
    db.connection().execute(update(ReportDay).where(mine).values(closed=True))


def _moment(share: Share, at: Any) -> datetime | None:
    """Of a day its beginning."""
    return at if at is None or isinstance(at, datetime) else day_start(share.rule.timezone, at)


def split(rule: Rule, zone_ids: Collection[str], before: datetime, size: int = 100) -> Iterable[Share]:
    """Shares of some zones: a batch looks through what is young there too."""
    ids = sorted(zone_ids)
    return (Share(rule, tuple(ids[start : start + size]), before) for start in range(0, len(ids), size))
