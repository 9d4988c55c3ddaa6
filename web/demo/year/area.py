"""Where the year happens: the district as it is, and beside it as many communes as are asked for (does I/O).

A commune that is made up has ten villages with four loudspeakers each; twenty of them are a district.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct
from sqlmodel import Session, col, select

from scheduler.fleet.models import Receiver
from scheduler.people.signin import machine
from scheduler.store.types import new_id
from scheduler.zones import calendar
from scheduler.zones.district import seed_district
from scheduler.zones.models import Zone, ZoneKind
from web.demo.year import words
from web.demo.year.lots import Lots

VILLAGES, PER_VILLAGE, PER_DISTRICT = 10, 4, 20
PER_COMMUNE = VILLAGES * PER_VILLAGE
UNINSTALLED = "20935-10"
"""One of the forty waits to be installed."""


class Village(Struct, frozen=True):
    id: str
    path: str
    name: str
    receivers: tuple[str, ...]


class Commune(Struct, frozen=True):
    """One with receivers; `number` counts from 0."""

    number: int
    id: str
    path: str
    name: str
    district_path: str
    villages: tuple[Village, ...]

    @property
    def receivers(self) -> tuple[str, ...]:
        return tuple(receiver for village in self.villages for receiver in village.receivers)


class Area(Struct, frozen=True):
    province_id: str
    province_path: str
    district_id: str
    district_path: str
    communes: tuple[Commune, ...]

    @property
    def receivers(self) -> tuple[str, ...]:
        return tuple(receiver for commune in self.communes for receiver in commune.receivers)

    def of_district(self) -> tuple[Commune, ...]:
        """The communes of the real district."""
        return tuple(one for one in self.communes if one.district_path == self.district_path)


def build(db: Session, lots: Lots, dice: Random, receivers: int, began: datetime) -> Area:
    """The district with its forty receivers, and others until there are `receivers`."""
    seeded = seed_district(db, began)
    province, district = db.get_one(Zone, seeded.province_id), db.get_one(Zone, seeded.district_id)
    province.quiet_hours = district.quiet_hours
    for year in range(began.year, began.year + 3):
        calendar.fill_public_holidays(db, machine(db), began, province.id, year)
    homes: dict[str, list[str]] = defaultdict(list)
    for row in db.exec(select(Receiver).order_by(col(Receiver.code))):
        if row.code != UNINSTALLED:
            row.enrolled_at = began
            homes[row.zone_id].append(row.id)
    communes: list[Commune] = []
    for code in sorted(seeded.communes):
        zone = db.get_one(Zone, seeded.communes[code])
        below = [db.get_one(Zone, key) for (of, _name), key in sorted(seeded.villages.items()) if of == code]
        villages = tuple(Village(one.id, one.path, one.name, tuple(homes[one.id])) for one in below if homes[one.id])
        if villages:
            communes.append(Commune(len(communes), zone.id, zone.path, zone.name, district.path, villages))
    maker = _Maker(lots, dice, province, began)
    missing = receivers - sum(len(one.receivers) for one in communes) - 1
    for place in range(-(-missing // PER_COMMUNE)):
        communes.append(maker.commune(len(communes), min(PER_COMMUNE, missing - place * PER_COMMUNE)))
    return Area(province.id, province.path, district.id, district.path, tuple(communes))


class _Maker:
    """Makes districts and communes up."""

    def __init__(self, lots: Lots, dice: Random, province: Zone, began: datetime) -> None:
        self._lots, self._dice, self._province, self._began = lots, dice, province, began
        self._district_path = ""

    def commune(self, number: int, receivers: int) -> Commune:
        made = number - 4
        if made % PER_DISTRICT == 0:
            name = (
                f"{words.FIRST[made // PER_DISTRICT % len(words.FIRST)]} {words.SECOND[-1 - made // PER_DISTRICT % 9]}"
            )
            self._district_path = self._zone(
                self._province.path, ZoneKind.DISTRICT, f"{600 + made // PER_DISTRICT}", name
            )
        name = f"{words.FIRST[made % len(words.FIRST)]} {words.SECOND[made // len(words.FIRST) % len(words.SECOND)]}"
        path = self._zone(self._district_path, ZoneKind.COMMUNE, f"{21000 + 3 * made}", name)
        latitude, longitude = self._dice.uniform(14.9, 16.3), self._dice.uniform(107.2, 108.9)
        villages = []
        for place in range(VILLAGES):
            code = f"{21000 + 3 * made}-{place + 1:02d}"
            village = self._zone(path, ZoneKind.VILLAGE, code, f"Thôn {place + 1}")
            here = range(receivers // VILLAGES + (place < receivers % VILLAGES))
            near = latitude + self._dice.gauss(0, 0.02), longitude + self._dice.gauss(0, 0.02)
            ids = tuple(self._receiver(village, f"{code}-{one + 1}", place, near) for one in here)
            villages.append(Village(_last(village), village, f"Thôn {place + 1}", ids))
        return Commune(number, _last(path), path, name, self._district_path, tuple(villages))

    def _zone(self, above: str, kind: ZoneKind, code: str, name: str) -> str:
        zone_id = new_id(self._began)
        path = f"{above}{zone_id}/"
        self._lots.add(Zone, id=zone_id, parent_id=_last(above), path=path, kind=kind, code=code, name=name)
        return path

    def _receiver(self, village: str, code: str, place: int, near: tuple[float, float]) -> str:
        receiver_id = new_id(self._began)
        self._lots.add(
            Receiver,
            id=receiver_id,
            zone_id=_last(village),
            code=code,
            name=f"Cụm loa Thôn {place + 1} số {code[-1]}",
            horns=self._dice.choice((2, 2, 4)),
            watts=self._dice.choice((50, 100)),
            latitude=near[0] + self._dice.gauss(0, 0.004),
            longitude=near[1] + self._dice.gauss(0, 0.004),
            enrolled_at=self._began + timedelta(minutes=1),
        )
        return receiver_id


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]
