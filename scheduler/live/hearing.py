"""What receivers reported of one talk, for the page of the talk (reads the database)."""

from collections.abc import Collection, Sequence

from msgspec import Struct
from sqlmodel import Session, col, select

from scheduler.fleet.models import Receiver, StoredReport
from scheduler.live.repository import AIRING_PREFIX
from scheduler.zones.models import Zone
from scheduler.zones.repository import below


class Ear(Struct, frozen=True, kw_only=True):
    """One receiver's report; `chunks` are those that were due while it listened."""

    receiver_id: str
    receiver_name: str
    zone_name: str
    reason: str
    played_us: int
    chunks: int
    late_chunks: int
    concealed_us: int

    @property
    def late_ratio(self) -> float | None:
        return self.late_chunks / self.chunks if self.chunks else None


def heard(db: Session, talk_id: str, paths: Collection[str]) -> list[Ear]:
    """What the receivers at or below `paths` told of it, by place; most late chunks first within one."""
    query = (
        select(StoredReport, Receiver.name, Zone.name)
        .join(Receiver, col(Receiver.id) == StoredReport.receiver_id)
        .join(Zone, col(Zone.id) == Receiver.zone_id)
        .where(StoredReport.airing_id == AIRING_PREFIX + talk_id, below(paths))
        .order_by(Zone.path, col(StoredReport.late_chunks).desc())
    )
    return [_ear(report, name, zone) for report, name, zone in db.exec(query).all()]


def late_ratio(ears: Sequence[Ear]) -> float | None:
    """Of all chunks that were due, the part that came late; None where nothing was reported."""
    chunks = sum(ear.chunks for ear in ears)
    return sum(ear.late_chunks for ear in ears) / chunks if chunks else None


def _ear(report: StoredReport, name: str, zone_name: str) -> Ear:
    return Ear(
        receiver_id=report.receiver_id,
        receiver_name=name,
        zone_name=zone_name,
        reason=report.reason,
        played_us=report.played_us,
        chunks=report.chunks or 0,
        late_chunks=report.late_chunks or 0,
        concealed_us=report.concealed_us or 0,
    )
