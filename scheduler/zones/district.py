"""The district of Nam Trà My with its forty speaker clusters: what a first centre is filled with.

`data/nam_tra_my.json` says which of it is real. Filling again adds only what is missing, found by code.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct
from sqlmodel import Session

from broadcast.wire import topics
from scheduler.fleet.models import Receiver
from scheduler.fleet.outbox import mark_dirty
from scheduler.people import audit
from scheduler.people.signin import machine
from scheduler.store.alone import alone
from scheduler.store.types import new_id
from scheduler.zones import repository
from scheduler.zones.models import Group, Zone, ZoneKind
from scheduler.zones.schemas import QuietTimes, QuotaLimits

_DATA = Path(__file__).parent / "data" / "nam_tra_my.json"
_PROVINCE = ("48", "Đà Nẵng")
_QUIET = QuietTimes(start="21:30", end="04:45")
_QUOTA = QuotaLimits(sessions_per_day=3, session_minutes=60)  # three sessions of an hour, relays included
_MERGED_ON = date(2025, 7, 1)

RowT = TypeVar("RowT", Zone, Group, Receiver)


class District(Struct, frozen=True):
    """What there is now: ids by code, villages by (commune code, name), receivers by code."""

    province_id: str
    district_id: str
    communes: dict[str, str]
    villages: dict[tuple[str, str], str]
    groups: dict[str, str]
    receivers: dict[str, str]


def seed_district(db: Session, now: datetime) -> District:
    """Make whatever is not there yet of province, district, communes, villages, hamlets, groups and receivers."""
    alone(db, "district")
    data = json.loads(_DATA.read_text(encoding="utf-8"))
    seed = _Seed(db, now)
    province = seed.zone(None, ZoneKind.PROVINCE, *_PROVINCE, settings={"timezone": "Asia/Ho_Chi_Minh"})
    settings = {"quiet_hours": [_QUIET.stored], "quota": _QUOTA.stored, "languages": ["vi"]}
    district = seed.zone(province, ZoneKind.DISTRICT, data["district_code"], data["district"], settings=settings)
    communes: dict[str, Zone] = {}
    villages: dict[tuple[str, str], Zone] = {}
    for entry in data["communes"]:
        commune = seed.zone(district, ZoneKind.COMMUNE, entry["code"], entry["name"], settings=_point(entry))
        communes[entry["name"]] = commune
        for number, name in enumerate(entry["villages"], 1):
            village = seed.zone(commune, ZoneKind.VILLAGE, f"{entry['code']}-{number:02d}", name)
            villages[entry["code"], name] = village
        for number, hamlet in enumerate(entry["hamlets"], 1):
            above = villages.get((entry["code"], hamlet["village"]), commune)
            seed.zone(above, ZoneKind.HAMLET, f"{entry['code']}-n{number:02d}", hamlet["name"])
    groups = {
        entry["code"]: seed.group(district, entry, [communes[name].id for name in entry["merged_from"]])
        for entry in data["communes_from_2025_07_01"]
    }
    receivers = {
        point["id"]: seed.receiver(villages[communes[point["commune"]].code or "", point["village"]], point)
        for point in data["cluster_points"]
    }
    seed.finish(district)
    return District(
        province_id=province.id,
        district_id=district.id,
        communes={zone.code or "": zone.id for zone in communes.values()},
        villages={key: zone.id for key, zone in villages.items()},
        groups=groups,
        receivers=receivers,
    )


class _Seed:
    def __init__(self, db: Session, now: datetime) -> None:
        self._db = db
        self._now = now
        self._made = 0

    def zone(
        self, parent: Zone | None, kind: ZoneKind, code: str, name: str, *, settings: Mapping[str, Any] | None = None
    ) -> Zone:
        found = repository.zone_by_code(self._db, parent.id if parent else None, code)
        if found is not None:
            return found
        zone_id = new_id(self._now)
        path = f"{parent.path if parent else '/'}{zone_id}/"
        parent_id = parent.id if parent else None
        if parent is None:
            mark_dirty(self._db, [topics.bank(zone_id)], self._now)
        return self._add(
            Zone(id=zone_id, parent_id=parent_id, path=path, kind=kind, code=code, name=name, **(settings or {}))
        )

    def group(self, district: Zone, entry: Mapping[str, Any], member_ids: list[str]) -> str:
        found = repository.group_by_code(self._db, district.id, entry["code"])
        if found is not None:
            found.valid_from = found.valid_from or _MERGED_ON
            return found.id
        name = f"{entry['name']} (từ {_MERGED_ON:%d/%m/%Y})"
        group = self._add(
            Group(id=new_id(self._now), zone_id=district.id, code=entry["code"], name=name, valid_from=_MERGED_ON)
        )
        repository.set_members(self._db, group.id, member_ids)
        return group.id

    def receiver(self, village: Zone, point: Mapping[str, Any]) -> str:
        found = repository.receiver_by_code(self._db, point["id"])
        if found is not None:
            return found.id
        return self._add(
            Receiver(
                id=new_id(self._now),
                zone_id=village.id,
                code=point["id"],
                name=point["name"],
                horns=point["horns"],
                watts=point["watts"],
                latitude=point["lat"],
                longitude=point["lon"],
            )
        ).id

    def finish(self, district: Zone) -> None:
        self._db.flush()
        if self._made:
            actor = machine(self._db)
            subject = f"zone:{district.id}"
            audit.record(self._db, actor, self._now, "zone.seed", subject, zone_path=district.path, made=self._made)

    def _add(self, row: RowT) -> RowT:
        self._db.add(row)
        self._db.flush()
        self._made += 1
        return row


def _point(entry: Mapping[str, Any]) -> dict[str, float]:
    return {"latitude": entry["lat"], "longitude": entry["lon"]}
