"""A centre's week for a district of forty villages: who plays what when, and every document it issues (pure).

The zones are a district, four communes, ten villages in each; a village has one receiver. A programme is made anew at
each local midnight, seven days ahead, and whenever something of it is cancelled, moved or added.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from broadcast.clock import US_PER_S, to_us
from broadcast.wire import topics
from broadcast.wire.documents import (
    AfterCut,
    Airing,
    BroadcastClass,
    Late,
    Media,
    Programme,
    QuietHours,
    Quota,
    ReceiverSettings,
    Rules,
)
from broadcast.wire.trust import seal
from scheduler.policy import zone

TIMEZONE = "Asia/Ho_Chi_Minh"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MINUTE_US = 60 * US_PER_S
DAY_US = 24 * 60 * MINUTE_US
DAYS = 7
BEGIN_US = to_us(datetime(2027, 1, 11, tzinfo=zone(TIMEZONE)))  # a Monday's first moment
END_US = BEGIN_US + DAYS * DAY_US
AHEAD_US = 7 * DAY_US
LIFE_US = 8 * DAY_US
EVERY_DAY = tuple(range(DAYS))
DISTRICT = "huyen"


@dataclass(frozen=True)
class Edition:
    """A document as it was published."""

    at_us: int
    topic: str
    raw: bytes
    document: Programme | ReceiverSettings


@dataclass(frozen=True)
class Slot:
    """What a zone plays at `minute` of each of `days`, `length_s` long."""

    name: str
    minute: float
    length_s: int
    cls: BroadcastClass = BroadcastClass.NORMAL
    late: Late = Late.JOIN
    after_cut: AfterCut = AfterCut.TIMELINE
    window_s: int = 0
    order: int = 0
    days: tuple[int, ...] = EVERY_DAY


@dataclass
class Office:
    """All documents of the week from one `seed`; with `alone` only those of its beginning."""

    seed: int
    communes: int = 4
    villages: int = 10
    alone: bool = False
    bodies: dict[str, bytes] = field(default_factory=dict)
    durations_us: dict[str, int] = field(default_factory=dict)
    editions: dict[str, list[Edition]] = field(default_factory=dict)
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._make_zone(DISTRICT, _of_district())
        for c in range(self.communes):
            commune = f"xa{c}"
            self._make_zone(commune, _of_commune(self._random(commune)))
            for v in range(self.villages):
                village = f"{commune}-thon{v}"
                self._make_zone(village, _of_village(self._random(village)))
                self.paths[f"loa-{village}"] = (DISTRICT, commune, village)
                self._make_settings(f"loa-{village}", c)

    def latest(self, topic: str, at_us: int) -> Edition | None:
        """What the broker holds of `topic` at an instant."""
        return next((edition for edition in reversed(self.editions[topic]) if edition.at_us <= at_us), None)

    def _random(self, name: str) -> Random:
        return Random(f"{self.seed} {name}")  # noqa: S311 - a simulation repeats itself

    def _make_settings(self, receiver_id: str, commune: int) -> None:
        random = self._random(receiver_id)
        volume = [random.choice((40, 70, 100)) for _ in range(24)]
        volume[random.randrange(24)] = 0
        settings = ReceiverSettings(
            target=receiver_id,
            number=1,
            issued_us=BEGIN_US,
            expires_us=BEGIN_US + LIFE_US,
            zone_path=self.paths[receiver_id],
            rules=RULES[commune % len(RULES)],
            volume_by_hour=tuple(volume),
        )
        self._issue(topics.settings(receiver_id), BEGIN_US, settings)

    def _make_zone(self, zone_id: str, slots: tuple[Slot, ...]) -> None:
        random = self._random(f"{zone_id} changes")
        planned = {airing.id: airing for airing in self._airings(zone_id, slots)}
        times = [BEGIN_US]
        if not self.alone:
            times += [BEGIN_US + day * DAY_US for day in range(1, DAYS)]
            times += [BEGIN_US + random.randrange(DAYS * DAY_US) for _ in range(6)]
        for number, at_us in enumerate(sorted(times), 1):
            if (at_us - BEGIN_US) % DAY_US:
                self._change(planned, at_us, zone_id, random)
            day_us = BEGIN_US + (at_us - BEGIN_US) // DAY_US * DAY_US
            told = (one for one in planned.values() if one.start_us < at_us + AHEAD_US and _reach_us(one) > day_us)
            programme = Programme(
                target=zone_id, number=number, issued_us=at_us, expires_us=day_us + LIFE_US, airings=tuple(told)
            )
            self._issue(topics.programme(zone_id), at_us, programme)

    def _issue(self, topic: str, at_us: int, document: Programme | ReceiverSettings) -> None:
        self.editions.setdefault(topic, []).append(Edition(at_us, topic, seal(document, KEY), document))

    def _airings(self, zone_id: str, slots: tuple[Slot, ...]) -> Iterator[Airing]:
        for slot in slots:
            for day in slot.days:
                start_us = BEGIN_US + day * DAY_US + round(slot.minute * MINUTE_US)
                yield self._airing(f"{zone_id}-{slot.name}", start_us, slot)

    def _airing(self, broadcast_id: str, start_us: int, slot: Slot) -> Airing:
        body = hashlib.sha256(f"{broadcast_id} {slot.length_s}".encode()).digest()
        sha256 = hashlib.sha256(body).hexdigest()
        self.bodies[sha256] = body
        self.durations_us[sha256] = slot.length_s * US_PER_S
        return Airing(
            id=f"{broadcast_id}.{start_us}",
            broadcast_id=broadcast_id,
            cls=slot.cls,
            start_us=start_us,
            media=(Media(sha256=sha256, size_bytes=len(body), duration_us=slot.length_s * US_PER_S),),
            order=slot.order,
            late=slot.late,
            after_cut=slot.after_cut,
            window_us=slot.window_s * US_PER_S,
        )

    def _change(self, planned: dict[str, Airing], at_us: int, zone_id: str, random: Random) -> None:
        """Cancel one that sounds or is near, move another, or add one that begins soon."""
        near = [one for one in planned.values() if at_us - 3600 * US_PER_S < one.start_us < at_us + DAY_US]
        kind = random.choice(("cancel", "move", "add"))
        if kind != "add" and near:
            sounding = [one for one in near if one.start_us <= at_us < _reach_us(one)]
            one = random.choice(sounding or near)
            del planned[one.id]
            if kind == "move":
                start_us = at_us + random.randrange(30, 7200) * US_PER_S
                moved = _moved(one, start_us)
                planned[moved.id] = moved
            return
        start_us = at_us + random.randrange(30, 7200) * US_PER_S
        slot = _any_slot(random, f"new{at_us}")
        planned.update({airing.id: airing for airing in (self._airing(f"{zone_id}-{slot.name}", start_us, slot),)})


def settings_of(office: Office, receiver_id: str) -> ReceiverSettings:
    document = office.editions[topics.settings(receiver_id)][0].document
    if not isinstance(document, ReceiverSettings):
        raise TypeError(receiver_id)
    return document


NIGHT = QuietHours(start_minute=21 * 60 + 30, end_minute=4 * 60 + 45)
RULES = (
    Rules(timezone=TIMEZONE, quiet_hours=(NIGHT,)),
    Rules(timezone=TIMEZONE, quiet_hours=(NIGHT,), max_airing_us=20 * MINUTE_US),
    Rules(timezone=TIMEZONE),
    Rules(
        timezone=TIMEZONE,
        quiet_hours=(NIGHT, QuietHours(start_minute=12 * 60, end_minute=13 * 60 + 30)),
        quota=Quota(sessions_per_day=6, session_us=60 * MINUTE_US),
    ),
)


def _of_district() -> tuple[Slot, ...]:
    emergency = BroadcastClass.EMERGENCY
    return (
        Slot("morning", 5 * 60, 900),
        Slot("evening", 17 * 60, 1800),
        Slot("drill", 9 * 60, 180, emergency, days=(2,)),
        Slot("flood", 17 * 60 + 10, 240, emergency, days=(3,)),
        Slot("correction", 17 * 60 + 11, 60, emergency, days=(3,)),
        Slot("night-flood", 2 * 60, 120, emergency, days=(4,)),
        Slot("sunday", 7 * 60, 600, days=(6,)),
    )


def _of_commune(random: Random) -> tuple[Slot, ...]:
    return (
        Slot("news", 5 * 60 + 10, 600, late=Late.WHOLE, after_cut=AfterCut.RESTART, window_s=1500),
        Slot("notice", 17 * 60 + random.randrange(25), 120, BroadcastClass.PRIORITY, Late.WHOLE, window_s=600),
        Slot("eve", 23 * 60 + 50, 1200, BroadcastClass.PRIORITY),
        Slot("last", 20 * 60 + 30, 300, days=(6,)),
        Slot("relay", 11 * 60 + 40, 3000, after_cut=AfterCut.DROP),
    )


def _of_village(random: Random) -> tuple[Slot, ...]:
    music = Slot("music", 16 * 60 + 40, 2700, BroadcastClass.BACKGROUND, Late.JOIN)
    return (music, *(_any_slot(random, f"own{number}") for number in range(5)))


def _any_slot(random: Random, name: str) -> Slot:
    classes = (BroadcastClass.PRIORITY, BroadcastClass.NORMAL, BroadcastClass.NORMAL, BroadcastClass.BACKGROUND)
    return Slot(
        name,
        random.choice((4 * 60 + 50, 17 * 60, random.randrange(24 * 60))) + random.randrange(30),
        random.choice((20, 60, 180, 600, 1500)),
        random.choice(classes),
        random.choice(tuple(Late)),
        random.choice(tuple(AfterCut)),
        random.choice((0, 60, 600)),
        random.choice((0, 0, 0, -1)),
        tuple(sorted(random.sample(EVERY_DAY, 5))),
    )


def _reach_us(airing: Airing) -> int:
    return airing.start_us + airing.media[0].duration_us + airing.window_us


def _moved(airing: Airing, start_us: int) -> Airing:
    return replace(airing, id=f"{airing.broadcast_id}.{start_us}", start_us=start_us)
