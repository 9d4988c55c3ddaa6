"""What sounds when (pure): the centre previews with this and every node plays by it.

Rules
 1. One airing has the air at a time. Class goes first, then the smaller `order`, then who came first (then the planned
    start, then the id). Of emergencies the latest start goes first, whatever its order: a correction must be heard.
    What is told to have come at another time than it starts (`came_us`: the parts of one order) counts from then.
 2. A higher airing cuts a lower one at its own start. The lower one follows its `after_cut`: `timeline` goes on where
    it would be by now, `restart` plays from the beginning if that is no later than planned start + window, `drop` ends.
 3. An airing that cannot begin at its planned start follows its `late`: `join` enters where it would be by now, `whole`
    plays from the beginning if that is no later than planned start + window, `skip` ends.
 4. The beginning of a recording is anchored: position = now - anchor. Only `whole` and `restart` move the anchor.
 5. Quiet hours, quota and `max_airing_us` hold for all but emergencies, and what they take away does not come back:
    a. an airing planned inside quiet hours never sounds; at their beginning what sounds or waits ends;
    b. a session is sound with silences shorter than the quota's gap. It counts on the local day on which it begins;
       when the day's sessions or the session's length are used up, whoever then has the air ends. An emergency is no
       silence, opens no session and uses nothing up;
    c. an airing sounds no longer than `max_airing_us`, all its parts together.
 6. An airing whose recording is not usable takes no air. One whose recording becomes usable after the planned start
    (`ready_us`) is late from then on, and comes after equals that are on the air by then.
 7. A node's own past outweighs the plan's (`Lived`): what could not have the air is late, what had it and lost it
    follows its `after_cut`, what is over takes no air; and what sounded counts for lengths and quotas.
 8. An airing that reaches a node through two programmes counts once.
 9. Intervals are half-open. Everything is resolved before the window is cut out, so that any window shows the same.

An event sweep with a heap: 2,000 airings in a week take 20 to 35 ms on one core of a small machine (CPython 3.11).
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from enum import StrEnum
from heapq import heappop, heappush
from operator import attrgetter

import msgspec

from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, Rules
from scheduler.policy import QuietCalendar
from scheduler.quota import NO_LIMIT_US, Sessions

EVER = (0, 2**62)  # a window that cuts nothing off

Key = tuple[int, int, int, int, str]
Interval = tuple[int, int]


class Reason(StrEnum):
    """Why an airing, or what was left of it, does not sound."""

    MEDIA_MISSING = "media_missing"  # the recording is not usable, or has no length
    QUIET_HOURS = "quiet_hours"
    QUOTA = "quota"
    MAX_LENGTH = "max_length"
    LATE = "late"  # others had the air when it was due and until its `late` gave up
    CUT = "cut"  # a higher one took the air and its `after_cut` gave up
    COVERED = "covered"  # others had the air until the recording would have been over


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """`media` sounds in `[start_us, end_us)`, from `offset_us` within the recording on."""

    airing_id: str
    broadcast_id: str
    cls: BroadcastClass
    start_us: int
    end_us: int
    offset_us: int
    media: Media

    @property
    def anchor_us(self) -> int:
        """The instant at which the recording's first sample would have been heard."""
        return self.start_us - self.offset_us

    @property
    def sound_us(self) -> int:
        return self.end_us - self.start_us


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """From `at_us` on nothing (more) of an airing sounds, though its recording is not over; `other_id` had the air."""

    airing_id: str
    reason: Reason
    at_us: int
    other_id: str | None = None


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an airing at a node otherwise than planned: while it was off, or by a plan that has changed since.

    It cannot have the air before `late_us`, nor from `over_us` on. One with an `anchor_us` has begun before, as a
    recording anchored there: `parts` are the intervals in which it sounded. It lost the air, unless it `goes_on`: then
    it has the air at `late_us`, or loses it just then.
    """

    late_us: int = 0
    over_us: int | None = None
    anchor_us: int | None = None
    goes_on: bool = False
    parts: tuple[Interval, ...] = ()


AS_PLANNED = Lived()


class Resolution(msgspec.Struct, frozen=True):
    """`segments` do not overlap and are sorted by time; `dropped` is sorted by time and id."""

    segments: tuple[Segment, ...]
    dropped: tuple[Dropped, ...]

    def at(self, now_us: int) -> Segment | None:
        """What sounds at `now_us`."""
        index = bisect_right(self.segments, now_us, key=attrgetter("start_us"))
        found = self.segments[index - 1] if index else None
        return found if found is not None and now_us < found.end_us else None

    def within(self, from_us: int, to_us: int) -> "Resolution":
        """The part in `[from_us, to_us)`; a clipped segment's offset moves with its start."""
        return Resolution(
            tuple(_clip(s, from_us, to_us) for s in self.segments if max(s.start_us, from_us) < min(s.end_us, to_us)),
            tuple(d for d in self.dropped if from_us <= d.at_us < to_us),
        )


def resolve(
    airings: Iterable[Airing],
    rules: Rules,
    languages: tuple[str, ...],
    window: tuple[int, int] = EVER,
    unavailable: frozenset[str] = frozenset(),
    *,
    ready_us: Mapping[str, int] | None = None,
    lived: Mapping[str, Lived] | None = None,
    came_us: Mapping[str, int] | None = None,
) -> Resolution:
    """What sounds in `window` where `rules` and `languages` hold, whatever the order of `airings`.

    `unavailable` holds SHA-256 or airing ids that cannot be played; `ready_us` says of others since when they can;
    `lived` is a node's past by airing id, `came_us` says of airings that did not come with their start when they did.
    Raises policy.BadRules for a time zone that is not known here.
    """
    dropped: list[Dropped] = []
    entries: list[_Entry] = []
    quiet = QuietCalendar(rules)
    for airing in _each_once(airings):
        media = airing.media_for(languages)
        since_us, past = _ready(airing, media, ready_us or {}), (lived or {}).get(airing.id, AS_PLANNED)
        entry = _Entry(airing, media, rules, ready_us=since_us, quiet=quiet, lived=past)
        if came_us is not None and airing.id in came_us:
            entry.key = _key(airing, max(came_us[airing.id], since_us), came_us[airing.id])
        entries += (_Entry.of_the_past(entry, number, part) for number, part in enumerate(past.parts))
        if not media.duration_us or airing.id in unavailable or media.sha256 in unavailable:
            dropped.append(Dropped(airing_id=airing.id, reason=Reason.MEDIA_MISSING, at_us=airing.start_us))
        else:
            entries.append(entry)
    sweep = _Sweep(rules)
    sweep.run(sorted(entries, key=lambda entry: (entry.enters_us, entry.key)))
    dropped = sorted(dropped + sweep.dropped, key=attrgetter("at_us", "airing_id"))
    return Resolution(tuple(sweep.segments), tuple(dropped)).within(*window)


def _ready(airing: Airing, media: Media, ready_us: Mapping[str, int]) -> int:
    return max(ready_us.get(airing.id, 0), ready_us.get(media.sha256, 0))


def _each_once(airings: Iterable[Airing]) -> Iterable[Airing]:
    """One airing per id. Should two programmes disagree on it, which one counts does not hang on their order."""
    found: dict[str, Airing] = {}
    for airing in airings:
        known = found.setdefault(airing.id, airing)
        if known is not airing and known != airing:
            found[airing.id] = min(known, airing, key=msgspec.json.encode)
    return found.values()


def _clip(segment: Segment, from_us: int, to_us: int) -> Segment:
    start_us, end_us = max(segment.start_us, from_us), min(segment.end_us, to_us)
    if (start_us, end_us) == (segment.start_us, segment.end_us):
        return segment
    offset_us = segment.offset_us + start_us - segment.start_us
    return msgspec.structs.replace(segment, start_us=start_us, end_us=end_us, offset_us=offset_us)


class _Entry:
    """One airing on its way through the sweep: waiting, on the air, or waiting again after a cut."""

    def __init__(
        self, airing: Airing, media: Media, rules: Rules, *, ready_us: int, quiet: QuietCalendar, lived: Lived
    ) -> None:
        self.airing = airing
        self.media = media
        self.emergency = airing.cls is BroadcastClass.EMERGENCY
        arrival_us = max(airing.start_us, ready_us)
        self.enters_us = max(arrival_us, lived.late_us)
        self.key = _key(airing, arrival_us, airing.start_us)
        self.anchor_us = lived.anchor_us
        self.is_past = False
        sounded_us = sum(end_us - start_us for start_us, end_us in lived.parts)
        self.left_us = NO_LIMIT_US if self.emergency else max(rules.max_airing_us - sounded_us, 0)
        next_quiet_us = None if self.emergency else quiet.next_start(airing.start_us)
        quiet_us = NO_LIMIT_US if next_quiet_us is None else next_quiet_us
        over_us = NO_LIMIT_US if lived.over_us is None else lived.over_us
        self.stop = min((quiet_us, Reason.QUIET_HOURS), (over_us, Reason.CUT))
        self.goes_on_us = self.enters_us if lived.goes_on else None
        until_us, gave_up_us, reason = self._hope(self.enters_us)
        self.hope = max(until_us, self.enters_us + 1) if lived.goes_on else until_us, gave_up_us, reason
        self.other_id: str | None = None

    @property
    def unbounded(self) -> bool:
        """Whether rules take nothing from it: an emergency, or what has sounded already."""
        return self.emergency or self.is_past

    @classmethod
    def of_the_past(cls, entry: "_Entry", number: int, part: Interval) -> "_Entry":
        """What sounded of `entry`: it takes the air as it did, and is told no more."""
        past = copy(entry)
        past.is_past, past.goes_on_us, past.left_us, past.stop = True, None, NO_LIMIT_US, (part[1], Reason.CUT)
        past.enters_us = past.anchor_us = part[0]
        past.key = *entry.key[:-1], f"{entry.airing.id} {number}"
        past.hope = past.stop[0], *past.stop
        return past

    def wait(self, since_us: int, other_id: str) -> None:
        """Off the air from `since_us` on, because of `other_id`."""
        self.hope = self._hope(since_us)
        self.other_id = other_id

    def place(self, at_us: int) -> int:
        """The anchor with which it would sound from `at_us` on, if it still has hope."""
        whole = self.airing.late is Late.WHOLE if self.anchor_us is None else self.airing.after_cut is AfterCut.RESTART
        whole = (whole or self.is_past) and at_us != self.goes_on_us
        return at_us if whole else self.airing.start_us if self.anchor_us is None else self.anchor_us

    def _hope(self, since_us: int) -> tuple[int, int, Reason]:
        """Until when (exclusive) a waiting one may take the air; then when it gives up, and why."""
        airing, duration_us = self.airing, self.media.duration_us
        latest_us = airing.start_us + airing.window_us
        if self.anchor_us is None:
            match airing.late:
                case Late.JOIN:
                    hope = airing.start_us + duration_us, airing.start_us + duration_us, Reason.COVERED
                case Late.WHOLE:
                    hope = latest_us + 1, latest_us, Reason.LATE
                case Late.SKIP:
                    hope = airing.start_us + 1, airing.start_us, Reason.LATE
        else:
            match airing.after_cut:
                case AfterCut.TIMELINE:
                    hope = self.anchor_us + duration_us, self.anchor_us + duration_us, Reason.COVERED
                case AfterCut.RESTART:
                    hope = latest_us + 1, max(latest_us, since_us), Reason.CUT
                case AfterCut.DROP:
                    hope = since_us, since_us, Reason.CUT
        return min(hope, (self.stop[0], *self.stop))


def _key(airing: Airing, arrival_us: int, came_us: int) -> Key:
    """Smaller goes first."""
    if airing.cls is BroadcastClass.EMERGENCY:
        return -airing.cls.rank, -came_us, airing.order, 0, airing.id
    return -airing.cls.rank, airing.order, arrival_us, airing.start_us, airing.id


class _Sweep:
    """Walks the instants at which an airing arrives or the one on the air ends."""

    def __init__(self, rules: Rules) -> None:
        self.segments: list[Segment] = []
        self.dropped: list[Dropped] = []
        self._sessions = Sessions(rules.quota, rules.timezone)
        self._waiting: list[tuple[Key, _Entry]] = []
        self._on_air: _Entry | None = None
        self._since_us = 0
        self._ends: tuple[int, Reason | None] = 0, None

    def run(self, entries: Sequence[_Entry]) -> None:
        """`entries` sorted by arrival."""
        index = 0
        while index < len(entries) or self._on_air is not None:
            if self._on_air is not None and (index == len(entries) or self._ends[0] <= entries[index].enters_us):
                now_us = self._finish()
            else:
                now_us = entries[index].enters_us
            first = index
            while index < len(entries) and entries[index].enters_us == now_us:
                heappush(self._waiting, (entries[index].key, entries[index]))
                index += 1
            self._choose(now_us)
            for entry in entries[first:index]:
                if self._on_air is not None and entry is not self._on_air:
                    entry.other_id = self._on_air.airing.id

    def _choose(self, now_us: int) -> None:
        """Give the air to the first that may have it; those that may never again are dropped."""
        while self._waiting and (self._on_air is None or self._waiting[0][0] < self._on_air.key):
            entry = heappop(self._waiting)[1]
            until_us, gave_up_us, reason = entry.hope
            if now_us >= until_us:
                self._drop(entry, reason, gave_up_us)
            elif not entry.left_us:
                self._drop(entry, Reason.MAX_LENGTH, now_us)
            elif self._on_air is None and not entry.unbounded and self._sessions.left_us(now_us) <= 0:
                self._drop(entry, Reason.QUOTA, now_us)
            else:
                self._begin(entry, now_us)

    def _begin(self, entry: _Entry, now_us: int) -> None:
        cut = self._on_air
        if cut is not None:
            self._close(cut, now_us)
            cut.wait(now_us, entry.airing.id)
            heappush(self._waiting, (cut.key, cut))
        self._on_air, self._since_us = entry, now_us
        entry.anchor_us = entry.place(now_us)
        whole: tuple[int, Reason | None] = entry.anchor_us + entry.media.duration_us, None
        ends = [entry.stop] if entry.is_past else [whole, entry.stop]
        if not entry.emergency:
            self._sessions.begin(now_us)
        if not entry.unbounded:
            ends.append((now_us + entry.left_us, Reason.MAX_LENGTH))
            ends.append((now_us + self._sessions.left_us(now_us), Reason.QUOTA))
        ends_us, reason = min(ends, key=lambda end: end[0])
        self._ends = max(ends_us, now_us), reason  # what goes on may be over by a plan that has changed

    def _finish(self) -> int:
        """The one on the air ends of itself or by a rule; when."""
        ended = self._on_air
        end_us, reason = self._ends
        self._on_air = None
        if ended is not None:
            self._close(ended, end_us)
            if reason is not None:
                ended.other_id = None
                self._drop(ended, reason, end_us)
        return end_us

    def _close(self, entry: _Entry, end_us: int) -> None:
        start_us, anchor_us = self._since_us, entry.anchor_us
        entry.left_us -= end_us - start_us
        self._sessions.end(start_us, end_us, emergency=entry.emergency)
        if entry.is_past or start_us == end_us:
            return
        self.segments.append(
            Segment(
                airing_id=entry.airing.id,
                broadcast_id=entry.airing.broadcast_id,
                cls=entry.airing.cls,
                start_us=start_us,
                end_us=end_us,
                offset_us=start_us - (start_us if anchor_us is None else anchor_us),
                media=entry.media,
            )
        )

    def _drop(self, entry: _Entry, reason: Reason, at_us: int) -> None:
        if entry.is_past:
            return
        other_id = entry.other_id
        self.dropped.append(Dropped(airing_id=entry.airing.id, reason=reason, at_us=at_us, other_id=other_id))
