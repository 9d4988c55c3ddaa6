"""What the `now` documents make sound at this node (pure): orders and live sessions as airings of the timeline.

Rules
- Parts go one after another by their lengths in the node's language. Repetition n begins at start + n * every, at the
  first n at which the one before is over and SHORTEST_US have gone by; none after the first begins that could not end
  by `until_us`, when the centre takes the order away, and no part at or after it.
- A part has its number for the order's life: none is lost or sounds twice because one before it comes later.
- Who learns of an order after all of it was over plays it once, whole, if that can begin before `until_us`.
- A bank message that is not known is left out and the rest sounds; of a drill or test nothing does then: without the
  words that say what it is it would be taken for real. An order whose messages are for another purpose never sounds,
  nor does one whose id is the node's own.
- REAL is an emergency and counts as having come when the order began, so that a later order has the air over all its
  repetitions. DRILL and TEST are priority airings.
- Times in documents are the centre's. `shift_us` is the centre's clock less this node's, and everything here comes out
  in the node's time. What was over TOLERANCE_US before the newest document was issued is over, whatever a clock says.
- A zone's STOP ALL holds for the documents of that zone and of all below it: an order or session that began before it,
  or stands in a document that was issued before it, is over, whole. So the one document that says it silences all.
  A document that tells of the stop itself knew of it, whatever the clock it was issued by.
- Of a rhythm only the repetitions near now are told: `Read.until_us` says when to read again.
- A text made for an order may be heard whole after its place (`receivers.belated`), and so may the parts after it: as
  long as it is over by `until_us`, or before that if it is too long anyway; before a later emergency begins; and so
  that it ends before the next repetition, or that one is more than SOON_US away. Else that one is waited for.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate

from msgspec import Struct, field
from msgspec.structs import replace

from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, Programme, ReceiverSettings
from broadcast.wire.now import Bank, BankMessage, Feed, LiveSession, Made, Now, Order, Purpose
from receivers.clock_trust import TOLERANCE_US
from receivers.live.decide import Growing, of_made, of_session
from receivers.plan import RESERVED

LIVE = "live."
LATE = "late"
SHORTEST_US = 10_000_000  # no order begins again sooner
LOOK_BACK_US = 600_000_000  # repetitions that were missed longer ago are not told of
LOOK_AHEAD_US = 1_500_000_000
READ_AGAIN_US = 600_000_000
SOON_US = 30_000_000
PREPARE_US = 500_000  # for a late play: opening a recording takes less
RATE_HZ = 48_000
US_PER_S = 1_000_000


class Against(StrEnum):
    """Why an order does not sound here, or not all of it; counted by each."""

    WRONG_PURPOSE = "wrong_purpose"
    RESERVED_ID = "reserved_id"
    UNKNOWN_MESSAGE = "unknown_message"


class Documents(Struct, frozen=True, kw_only=True):
    """What is held and in force.

    `received_us` says when each order and session came to be known, by the centre's clock; `issued_us` is when the
    newest of all documents was issued.
    """

    nows: tuple[Now, ...] = ()
    banks: tuple[Bank, ...] = ()
    received_us: Mapping[str, int] = field(default_factory=dict)
    issued_us: int = 0


class Read(Struct, kw_only=True):
    """Airings by id, and of each: when it counts as having come, since when it is known, whether it was stopped.

    `order_of` names its order or session. `feeds` are by the recording they stand for, `stops_us` by zone, `ends_us`
    says of each order when the last of it is over, `against` why one does not sound, or not all of it. `latest_us` says
    of texts, and of parts after them, until when they may begin that could not in their place.
    """

    airings: dict[str, Airing] = field(default_factory=dict)
    begins_us: dict[str, int] = field(default_factory=dict)
    since_us: dict[str, int] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    stops_us: dict[str, int] = field(default_factory=dict)
    order_of: dict[str, str] = field(default_factory=dict)
    feeds: dict[str, Growing] = field(default_factory=dict)
    latest_us: dict[str, int] = field(default_factory=dict)
    ends_us: dict[str, int] = field(default_factory=dict)
    received_us: dict[str, int] = field(default_factory=dict)
    against: dict[str, Against] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    until_us: int | None = None
    shift_us: int = 0

    def planned_stop_us(self, zone_id: str) -> int:
        """Programmes tell no clock's time: what had begun by the centre's or by the node's is over."""
        stop_us = self.stops_us.get(zone_id, 0)
        return max(stop_us, stop_us + self.shift_us) if stop_us else 0


class _Owner(Struct, frozen=True):
    """The order or session of an airing, when it came, and the zone whose document it is."""

    id: str
    came_us: int
    zone_id: str


class _Part(Struct, frozen=True):
    number: int
    made: Made | None
    media: tuple[Media, ...]
    duration_us: int


def read(documents: Documents, settings: ReceiverSettings, now_us: int, shift_us: int = 0) -> Read:
    """What the documents make sound around `now_us`, by the node's clock."""
    reader = _Reader(documents, settings, now_us + shift_us, shift_us)
    # The newest document says it last, should two zones' documents differ on one order.
    for now in sorted(documents.nows, key=lambda now: now.issued_us):
        for order in now.orders:
            reader.forget(order.id)
            reader.take_order(order, now)
        for session in now.sessions:
            reader.forget(session.feed.id)
            reader.take_session(session, now)
    reader.supersede()
    return reader.found


def stopped(found: Read, programmes: Iterable[Programme], own: Iterable[Airing]) -> frozenset[str]:
    """All airings that a STOP ALL of the centre ends: of orders, of programmes and of the node's own."""
    if not found.stops_us:
        return frozenset()
    told = ((one, found.planned_stop_us(programme.target)) for programme in programmes for one in programme.airings)
    here = ((one, max(found.stops_us.values())) for one in own)
    over = {one.id for one, stop_us in (*told, *here) if one.start_us < stop_us}
    return frozenset(found.stopped | (over - found.airings.keys()))


def media_for(media: Sequence[Media], languages: tuple[str, ...]) -> Media:
    """The recording in the first of `languages` there is, else the first one, as `Airing.media_for`."""
    found = (one for language in languages for one in media if one.language == language)
    return next(found, media[0])


def standing_in(feed: Feed) -> str:
    """The SHA-256 under which a live session stands in the timeline; no recording has it."""
    return hashlib.sha256(f"loa feed {feed.id}".encode()).hexdigest()


class _Reader:
    """Times are the centre's until `_add`."""

    def __init__(self, documents: Documents, settings: ReceiverSettings, now_us: int, shift_us: int) -> None:
        self.found = Read(shift_us=shift_us)
        self._documents = documents
        self._settings = settings
        self._now_us = now_us
        self._shift_us = shift_us
        self._over_us = documents.issued_us - TOLERANCE_US
        own = {now.target: now.stop_us for now in documents.nows}
        latest = accumulate((own.get(zone_id, 0) for zone_id in settings.zone_path), max)
        self._stops_us = dict(zip(settings.zone_path, latest, strict=True))
        self.found.stops_us = {key: us - shift_us for key, us in self._stops_us.items() if us}
        self._messages: dict[str, list[BankMessage]] = {}
        for bank in documents.banks:
            for message in bank.messages:
                self._messages.setdefault(message.id, []).append(message)

    def forget(self, order_id: str) -> None:
        """What an older document says of it."""
        found = self.found
        for airing_id in [key for key, owner in found.order_of.items() if owner == order_id]:
            self._drop(airing_id)
        found.feeds = {key: growing for key, growing in found.feeds.items() if growing.feed.id != order_id}
        found.against.pop(order_id, None)
        found.refused -= {order_id}

    def _drop(self, airing_id: str) -> None:
        found = self.found
        for table in (found.airings, found.begins_us, found.since_us, found.order_of, found.latest_us):
            table.pop(airing_id, None)
        found.stopped.discard(airing_id)

    def take_order(self, order: Order, now: Now) -> None:
        self._receive(order.id, order.start_us, order.until_us)
        against = self._against(order)
        if against is not None:
            self.found.against[order.id] = against
        if against is not None and (against is not Against.UNKNOWN_MESSAGE or order.purpose is not Purpose.REAL):
            self.found.refused |= {order.id}
            return
        parts, owner = tuple(self._parts(order)), self._owner(order.id, order.start_us, now)
        length_us = sum(part.duration_us for part in parts)
        if not parts:
            return
        rhythm_us = _rhythm_us(order, length_us)
        times = _times(order, rhythm_us, length_us)
        end_us = _end_us(order, parts, times, rhythm_us)
        received_us = self._received_us(order.id)
        if received_us >= end_us:
            end_us = self._take_late(order, owner, parts, received_us)
        else:
            for index, start_us in self._repetitions(order, times, rhythm_us, length_us):
                next_us = start_us + rhythm_us if index + 1 < times else None
                number = index * rhythm_us // (order.every_us or 1)
                self._take_parts(order, owner, parts, f"{number}", start_us, next_us=next_us)
        self.found.ends_us[order.id] = end_us - self._shift_us

    def take_session(self, session: LiveSession, now: Now) -> None:
        feed = session.feed
        start_us, end_us = session.start_us + session.delay_us, session.until_us
        if session.frames is not None:
            end_us = min(end_us, start_us + session.frames * US_PER_S // RATE_HZ)
        self._receive(feed.id, start_us, end_us)
        if start_us >= end_us:
            return
        recording = Media(sha256=standing_in(feed), size_bytes=0, duration_us=end_us - start_us)
        airing = Airing(
            id=LIVE + feed.id,
            broadcast_id=feed.id,
            cls=session.cls,
            start_us=start_us,
            media=(recording,),
            late=Late.JOIN,
            after_cut=AfterCut.TIMELINE,
        )
        self._add(airing, self._owner(feed.id, session.start_us, now), session.start_us, end_us)
        moved = replace(session, start_us=session.start_us - self._shift_us, until_us=session.until_us - self._shift_us)
        self.found.feeds[recording.sha256] = of_session(moved)

    def _owner(self, order_id: str, start_us: int, now: Now) -> _Owner:
        knew = now.stop_us >= self._stops_us.get(now.target, 0)
        return _Owner(order_id, start_us if knew else min(start_us, now.issued_us), now.target)

    def _receive(self, order_id: str, start_us: int, end_us: int) -> None:
        self.found.received_us[order_id] = self._received_us(order_id)
        self.found.ends_us[order_id] = max(start_us, end_us) - self._shift_us

    def _received_us(self, order_id: str) -> int:
        return self._documents.received_us.get(order_id, self._now_us)

    def _against(self, order: Order) -> Against | None:
        if f"{order.id}.".startswith(RESERVED):
            return Against.RESERVED_ID
        named = [part for part in order.parts if isinstance(part, str)]
        known = [message for part in named for message in self._messages.get(part, ())]
        if any(message.purpose is not order.purpose for message in known):
            return Against.WRONG_PURPOSE
        return Against.UNKNOWN_MESSAGE if any(part not in self._messages for part in named) else None

    def _parts(self, order: Order) -> Iterator[_Part]:
        for number, part in order.numbered():
            made = part if isinstance(part, Made) else None
            media = part.media if isinstance(part, Made) else self._media_of(part)
            if media:
                yield _Part(number, made, media, media_for(media, self._settings.languages).duration_us)

    def _media_of(self, message_id: str) -> tuple[Media, ...]:
        known = self._messages.get(message_id)
        return known[-1].media if known else ()  # of the nearest zone

    def _repetitions(self, order: Order, times: int, rhythm_us: int, length_us: int) -> Iterator[tuple[int, int]]:
        """(n, start) of the repetitions near now, of so many `times`."""
        first = max(0, (self._now_us - LOOK_BACK_US - length_us - order.start_us) // rhythm_us) if rhythm_us else 0
        for index in range(first, times):
            start_us = order.start_us + index * rhythm_us
            if start_us > self._now_us + LOOK_AHEAD_US:
                self._read_again(self._now_us + READ_AGAIN_US - self._shift_us)
                return
            yield index, start_us

    def supersede(self) -> None:
        """Nothing begins late once a later emergency has begun."""
        found = self.found
        begun = {
            (found.begins_us[key], found.order_of[key])
            for key, airing in found.airings.items()
            if airing.cls is BroadcastClass.EMERGENCY and key not in found.stopped
        }
        for key, airing in list(found.airings.items()):
            mine_us, mine = found.begins_us[key], found.order_of[key]
            later_us = min((us for us, order_id in begun if us > mine_us and order_id != mine), default=None)
            if later_us is None:
                continue
            if airing.cls is BroadcastClass.EMERGENCY and airing.late is Late.WHOLE and airing.start_us >= later_us:
                self._drop(key)
            elif key in found.latest_us:
                found.latest_us[key] = min(found.latest_us[key], later_us - 1)

    def _take_parts(
        self,
        order: Order,
        owner: _Owner,
        parts: Sequence[_Part],
        name: str,
        start_us: int,
        *,
        next_us: int | None = None,
    ) -> None:
        real = order.purpose is Purpose.REAL
        begins_us = order.start_us if real else start_us
        left, after_text = list(parts), False
        for part in parts:
            end_us = start_us + part.duration_us
            if start_us >= order.until_us:
                return
            late = name == LATE
            airing = Airing(
                id=f"{order.id}.{name}.{part.number}",
                broadcast_id=order.id,
                cls=BroadcastClass.EMERGENCY if real else BroadcastClass.PRIORITY,
                start_us=start_us,
                media=part.media,
                late=Late.WHOLE if late else Late.JOIN,
                after_cut=AfterCut.TIMELINE,
                window_us=order.until_us - 1 - start_us if late else 0,
            )
            self._add(airing, owner, begins_us, end_us)
            after_text = after_text or part.made is not None
            if after_text and airing.id in self.found.airings:
                self.found.latest_us[airing.id] = _latest_us(order, left, start_us, next_us) - self._shift_us
            left.pop(0)
            if part.made is not None and part.made.feed is not None:
                self._follow(
                    of_made(part.made.feed, part.media[0], start_us - self._shift_us, end_us - self._shift_us), part
                )
            start_us = end_us

    def _take_late(self, order: Order, owner: _Owner, parts: Sequence[_Part], received_us: int) -> int:
        """Play it once; when that is over."""
        start_us = received_us + PREPARE_US + self._settings.amplifier.lead_us
        self._take_parts(order, owner, parts, LATE, start_us)
        return min(start_us + sum(part.duration_us for part in parts), order.until_us)

    def _follow(self, growing: Growing, part: _Part) -> None:
        """The first that is not over says when a feed is heard. It is one in the first language."""
        known = self.found.feeds.get(part.media[0].sha256)
        if known is None or known.until_us + self._shift_us <= self._now_us:
            self.found.feeds[part.media[0].sha256] = growing
            if growing.until_us + self._shift_us > self._now_us:
                self._read_again(growing.until_us)

    def _read_again(self, at_us: int) -> None:
        self.found.until_us = at_us if self.found.until_us is None else min(at_us, self.found.until_us)

    def _add(self, airing: Airing, owner: _Owner, begins_us: int, end_us: int) -> None:
        start_us, stop_us = airing.start_us - self._shift_us, self._stops_us.get(owner.zone_id, 0)
        if end_us <= self._over_us or start_us < 0 or owner.came_us < stop_us <= airing.start_us:
            return
        found = self.found
        found.airings[airing.id] = airing if not self._shift_us else replace(airing, start_us=start_us)
        found.begins_us[airing.id] = begins_us - self._shift_us
        found.since_us[airing.id] = self._received_us(owner.id) - self._shift_us
        found.order_of[airing.id] = owner.id
        if owner.came_us < stop_us:
            found.stopped.add(airing.id)


def _rhythm_us(order: Order, length_us: int) -> int:
    """From one beginning to the next; 0 for an order that does not begin again."""
    if not order.every_us:
        return 0
    times = max(1, -(-max(length_us, SHORTEST_US) // order.every_us))
    return times * order.every_us


def _times(order: Order, rhythm_us: int, length_us: int) -> int:
    """How often it begins: what begins again must be able to end before the order does, so that no sentence breaks."""
    if order.start_us >= order.until_us:
        return 0
    room_us = order.until_us - order.start_us - length_us
    return 1 + max(0, room_us) // rhythm_us if rhythm_us else 1


def _latest_us(order: Order, left: Sequence[_Part], start_us: int, next_us: int | None) -> int:
    """Until when the first of the parts that are `left` may begin, the place of which is `start_us`."""
    latest_us = order.until_us - left[0].duration_us
    if latest_us <= start_us:
        latest_us = order.until_us - 1
    if next_us is not None:
        latest_us = min(latest_us, next_us - max(SOON_US, sum(part.duration_us for part in left)))
    return max(start_us, latest_us)


def _end_us(order: Order, parts: Sequence[_Part], times: int, rhythm_us: int) -> int:
    """When the last part that may begin is over."""
    if not times:
        return order.until_us
    last_us = order.start_us + (times - 1) * rhythm_us
    for part in parts:
        if last_us >= order.until_us:
            break
        last_us += part.duration_us
    return last_us
