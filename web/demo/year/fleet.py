"""How the loudspeakers are now, their faults, what they measured, and what the villages say (rows only)."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, update
from sqlmodel import Session

from broadcast.clock import to_us
from broadcast.wire.documents import (
    ClockState,
    DataUse,
    Fault,
    Heard,
    Hearing,
    PowerState,
    ReceiverState,
    SelfTestResult,
    SignalState,
)
from scheduler.fleet.bank_said import in_short
from scheduler.fleet.models import Receiver
from scheduler.fleet.upkeep.models import (
    FaultRecord,
    HeardConfirmation,
    ReceiverSample,
    ReceiverSampleDay,
    VillageReport,
)
from scheduler.fleet.upkeep.records import SAMPLE_US, UNREACHABLE, sampled_at
from scheduler.store.types import new_id
from web.demo.year import words
from web.demo.year.heard import Nature
from web.demo.year.programme import ZONE, Aired, Year

_SAMPLED_DAYS, _MOST_SAMPLES, _MOST_DAYS = 8, 400_000, 15_000
_TEST_MINUTE = 11 * 60 + 30
_FAULTS_A_YEAR = 7
_FAULTY = 0.09
_RECEIVER: Any = Receiver.__table__  # type: ignore[attr-defined]


def look(year: Year, natures: Mapping[str, Nature]) -> dict[str, ReceiverState]:
    """What each says of itself, or said last; its faults go with it."""
    found = {}
    for place, (receiver_id, nature) in enumerate(natures.items()):
        dice, cut_off_at = year.dice, nature.cut_off_at
        faults = [dice.choice(words.FAULTS)] if place % 11 == 3 or dice.random() < _FAULTY / 4 else []
        began = [(cut_off_at or year.now) - timedelta(minutes=dice.randrange(30, 5000)) for _ in faults]
        for (code, detail), since in zip(faults, began, strict=True):
            _fault(year, receiver_id, code, detail, since, None)
        if cut_off_at is not None:
            _fault(year, receiver_id, UNREACHABLE, "", cut_off_at, None)
        for _ in range(dice.randrange(2 * _FAULTS_A_YEAR) if place < len(natures) * 40 / max(40, len(natures)) else 1):
            since = year.now - timedelta(minutes=dice.randrange(9000, 500_000))
            code, detail = dice.choice((*words.FAULTS, (UNREACHABLE, ""), (UNREACHABLE, "")))
            _fault(year, receiver_id, code, detail, since, since + timedelta(minutes=dice.randrange(5, 3000)))
        told = tuple(
            Fault(code=code, detail=detail, since_us=to_us(since))
            for (code, detail), since in zip(faults, began, strict=True)
        )
        found[receiver_id] = _state(year, nature, told, cut_off_at or year.now)
    return found


def write(
    db: Session, year: Year, natures: Mapping[str, Nature], said: Mapping[str, ReceiverState], last: datetime
) -> None:
    """Into the rows that are there; `last` is when the last airing was."""
    rows = [
        {
            "which": receiver_id,
            "new_online": nature.cut_off_at is None,
            "new_seen": nature.cut_off_at or year.now,
            "new_state": msgspec.to_builtins(said[receiver_id]),
            "new_faulty": bool(said[receiver_id].faults),
            "new_said": in_short(said[receiver_id]),
            "new_ack": nature.number,
            "new_heard": min(last, nature.cut_off_at or last),
            "new_dbfs": round(nature.level_dbfs, 1),
            "expires": year.now + timedelta(days=year.dice.randrange(20, 360)),
        }
        for receiver_id, nature in natures.items()
    ]
    columns: dict[str, Any] = {
        "online": bindparam("new_online"), "seen_at": bindparam("new_seen"), "state": bindparam("new_state"),
        "faulty": bindparam("new_faulty"), "ack_number": bindparam("new_ack"), "heard_at": bindparam("new_heard"),
        "heard_dbfs": bindparam("new_dbfs"), "certificate_expires_at": bindparam("expires"),
        "bank_said": bindparam("new_said"),
    }  # fmt: skip
    change = update(_RECEIVER).where(_RECEIVER.c.id == bindparam("which"))
    db.connection().execute(change.values(self_test_minute=_TEST_MINUTE, **columns), rows)


def sample(year: Year, natures: Mapping[str, Nature], days: int) -> None:
    """A sample each quarter of an hour of the last days, of as many receivers as that is kept quick for."""
    quarters = min(days, _SAMPLED_DAYS) * 96
    newest, step = sampled_at(year.now), timedelta(microseconds=SAMPLE_US)
    for receiver_id, nature in list(natures.items())[: _MOST_SAMPLES // quarters]:
        dice = year.dice
        signal, warmth = dice.uniform(35, 95), dice.uniform(27, 38)
        for quarter in range(quarters):
            if newest - step * quarter > (nature.cut_off_at or year.now):
                continue
            hour = (quarters - quarter) / 4
            day_part = 1 - abs((hour % 24) - 12) / 12
            year.lots.add(
                ReceiverSample,
                receiver_id=receiver_id,
                at=newest - step * quarter,
                signal_percent=round(max(5, min(100, signal + dice.gauss(0, 4)))),
                signal_dbm=round(-110 + signal / 2),
                on_mains=dice.random() > 0.004,
                battery_percent=round(92 + 6 * day_part),
                battery_v=round(12.4 + 0.8 * day_part, 2),
                temperature_c=round(warmth + 7 * day_part + dice.gauss(0, 0.4), 1),
                level_dbfs=round(nature.level_dbfs + dice.gauss(0, 0.7), 1),
                month_bytes=round(40e6 + (quarters - quarter) * 45e3),
            )


def sum_days(year: Year, natures: Mapping[str, Nature], days: int) -> None:
    """What a year's samples came to, of the first receivers: warm in summer, little sun for the battery in winter."""
    today, dice = year.now.astimezone(ZONE).date(), year.dice
    for receiver_id, nature in list(natures.items())[: max(1, _MOST_DAYS // days)]:
        signal = dice.uniform(35, 90)
        for day in (today - timedelta(days=number) for number in range(1, days + 1)):
            summer = math.sin((day.timetuple().tm_yday - 100) / 58)
            warmth, volts, level = 30 + 6 * summer + dice.gauss(0, 1), 12.7 + 0.2 * summer, nature.level_dbfs
            year.lots.add(
                ReceiverSampleDay, receiver_id=receiver_id, day=day, samples=96,
                signal_percent_min=round(signal - dice.uniform(8, 20)), signal_percent_mean=round(signal),
                signal_percent_max=round(signal + dice.uniform(3, 10)),
                battery_percent_min=round(84 + 4 * summer), battery_percent_mean=round(92 + 3 * summer),
                battery_percent_max=99, battery_v_min=round(volts - 0.5, 2), battery_v_mean=round(volts, 2),
                battery_v_max=round(volts + 0.6, 2), temperature_c_min=round(warmth - 6, 1),
                temperature_c_mean=round(warmth, 1), temperature_c_max=round(warmth + dice.uniform(7, 11), 1),
                level_dbfs_min=round(level - dice.uniform(1, 4), 1), level_dbfs_mean=round(level, 1),
                level_dbfs_max=round(level + dice.uniform(1, 3), 1),
                month_bytes=round(day.day * 4.2e6 + dice.uniform(0, 9e5)),
            )  # fmt: skip


def say(year: Year, recent: list[Aired]) -> None:
    """What helpers confirm and report; `recent` is what aired lately in the communes with helpers."""
    dice = year.dice
    homes = {key: village for one in year.area.of_district() for village in one.villages for key in village.receivers}
    helpers = {
        village.id: user_id
        for commune in year.area.of_district()
        for village, user_id in zip(commune.villages, year.crew.staff[commune.number].helpers, strict=True)
    }
    for airing in recent:
        for village_id in sorted({homes[key].id for key in airing.receivers if key in homes}):
            if dice.random() < 0.6:
                heard, at = dice.random() < 0.95, airing.start_at + timedelta(minutes=dice.randrange(3, 90))
                year.lots.add(
                    HeardConfirmation, airing_id=airing.id, zone_id=village_id, user_id=helpers[village_id],
                    heard=heard, at=min(at, year.now),
                )  # fmt: skip
    for number in range(26):
        at = year.now - timedelta(hours=5 + 300 * number)
        receiver_id = dice.choice(sorted(homes))
        closed = number > 3
        year.lots.add(
            VillageReport, id=new_id(at), zone_id=homes[receiver_id].id, receiver_id=receiver_id,
            text=dice.choice(words.TROUBLE), reported_by=helpers[homes[receiver_id].id], reported_at=at,
            closed_by=year.crew.keeper_id if closed else None,
            closed_at=at + timedelta(days=2) if closed else None,
            answer="Đã sửa xong, bà con nghe thử giúp." if closed else "",
        )  # fmt: skip


def _fault(year: Year, receiver_id: str, code: str, detail: str, since: datetime, until: datetime | None) -> None:
    seen = year.dice.random() < 0.7 or until is not None
    keeper = year.crew.keeper_id if seen else None
    year.lots.add(
        FaultRecord, id=new_id(since), receiver_id=receiver_id, code=code, detail=detail, since=since, until=until,
        times=1 + (year.dice.random() < 0.2), acknowledged_by=keeper,
        acknowledged_at=since + timedelta(minutes=20) if seen else None,
        reset_by=keeper if until else None, reset_at=until + timedelta(hours=3) if until else None,
    )  # fmt: skip


def _state(year: Year, nature: Nature, faults: tuple[Fault, ...], at: datetime) -> ReceiverState:
    dice, at_us = year.dice, to_us(at)
    heard = (
        Heard(verdict=Hearing.HEARD, correlation=0.88, delay_us=2_300, level_dbfs=-33.0) if nature.microphone else None
    )
    coming = [sound.sha256[:12] for sound in list(year.sounds.values())[:14]]
    return ReceiverState(
        online=True,
        at_us=at_us,
        ready=tuple(coming),
        faults=faults,
        cache_bytes=dice.randrange(20_000_000, 90_000_000),
        free_bytes=3_000_000 if any(one.code == "disk_full" for one in faults) else dice.randrange(2**31, 2**34),
        clock=ClockState(trusted=True, error_us=dice.randrange(300, 4000), offset_us=dice.randrange(-900, 900)),
        volume_percent=dice.choice((70, 80, 85, 100)),
        power=PowerState(on_mains=True, battery_percent=float(dice.randrange(80, 100)), battery_v=13.1),
        signal=SignalState(kind="lte", percent=float(dice.randrange(30, 98)), dbm=-81.0, operator="Viettel"),
        temperature_c=round(dice.uniform(26, 44), 1),
        data=DataUse(
            day_up_bytes=310_000, day_down_bytes=2_100_000, month_bytes=dice.randrange(30_000_000, 120_000_000)
        ),
        self_test=SelfTestResult(at_us=at_us - 3_600_000_000, heard=heard),
        started_us=at_us - dice.randrange(10**11, 10**12),
        version="1.0",
    )
