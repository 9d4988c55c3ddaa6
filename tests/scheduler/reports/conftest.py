"""A month of bulletins in Trà Leng and Trà Vân, and what receivers said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from broadcast.clock import from_us
from broadcast.wire.documents import Hearing, Outcome
from scheduler.broadcasts.models import Broadcast, PlannedAiring
from scheduler.fleet.models import Receiver, StoredReport
from scheduler.reports import book, service
from scheduler.reports.schemas import SummaryOut
from scheduler.reports.spans import Length, Span, span_of
from scheduler.workflow import State

MINUTE_US = 60_000_000


@dataclass
class Ledger:
    """`commune`'s bulletins as planned, reported and kept in the book."""

    commune: Any
    broadcast_id: str
    numbers: int = 0

    @property
    def receivers(self) -> dict[str, str]:
        """The receiver of each village."""
        return {zone_id: f"R{zone_id[1:]}" for zone_id in (self.commune.places.leng_1, self.commune.places.leng_2)}

    def plan(self, start: datetime, *zone_ids: str, withdrawn_at: datetime | None = None) -> str:
        """An airing of a minute; its id."""
        row = PlannedAiring(
            id=f"{self.broadcast_id}.{int(start.timestamp() * 1_000_000)}",
            broadcast_id=self.broadcast_id,
            announcement_id=self.commune.announcement_id,
            start_at=start,
            end_at=start + timedelta(minutes=1),
            zone_ids=list(zone_ids or (self.commune.places.leng,)),
            withdrawn_at=withdrawn_at,
        )
        with self.commune.store.writing() as db:
            db.add(row)
            return row.id

    def report(
        self,
        airing_id: str,
        receiver_id: str,
        outcome: Outcome = Outcome.HEARD,
        *,
        at: datetime,
        played_us: int = MINUTE_US,
        reason: str = "",
        microphone: Hearing | None = None,
    ) -> None:
        start = from_us(int(airing_id.rpartition(".")[2]))
        self.numbers += 1
        sounded = outcome in (Outcome.HEARD, Outcome.CUT)
        with self.commune.store.writing() as db:
            db.add(
                StoredReport(
                    receiver_id=receiver_id,
                    number=self.numbers,
                    airing_id=airing_id,
                    broadcast_id=self.broadcast_id,
                    outcome=outcome.value,
                    planned_start_at=start,
                    planned_duration_us=MINUTE_US,
                    start_at=start if sounded else None,
                    start_error_us=1500 if sounded else None,
                    played_us=played_us if sounded else 0,
                    gap_us=0,
                    underruns=0,
                    rms_dbfs=-21.0 if sounded else None,
                    microphone=microphone.value if microphone else None,
                    microphone_dbfs=-34.0 if microphone else None,
                    media_ready_at=start - timedelta(hours=1),
                    reason=reason,
                    received_at=at,
                )
            )

    def keep(self, now: datetime) -> int:
        return book.keep_all(self.commune.store, now)

    def summary(self, span: Span, zone_id: str | None = None, **other: Any) -> SummaryOut:
        with self.commune.store.reading() as db:
            return service.summary(db, self.commune.operator, self.commune.now, zone_id, span, **other)

    def month(self, day: Any, **other: Any) -> SummaryOut:
        return self.summary(span_of(Length.MONTH, day), **other)

    def enrol(self, receiver_ids: Sequence[str], since: datetime) -> None:
        with self.commune.store.writing() as db:
            for row in db.exec(select(Receiver).where(col(Receiver.id).in_(receiver_ids))):
                row.enrolled_at = since


@pytest.fixture
def ledger(commune: Any) -> Ledger:
    made = commune.saved()
    with commune.store.writing() as db:
        db.get_one(Broadcast, made.id).state = State.DONE
        for row in db.exec(select(Receiver)):
            row.enrolled_at = commune.now - timedelta(days=400)
    return Ledger(commune, made.id)
