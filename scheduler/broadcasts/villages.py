"""One village's row of the board: what was, is and will be aired there on a day, and what its receivers say (pure).

Rules
- Before its start an airing is `fetching` until every receiver of the village has the recording, then `ready`.
- While it should sound, those count that say they play it. Without a file of its sound it has `no_sound`.
- Afterwards it was `heard` if at least one receiver measured sound at its device and no microphone there says that
  nothing was to be heard, `not_heard` if none did; in between reports are waited for.
- A relay stands among the broadcasts, as `planned` until it comes; then receivers report it as the talk that it is.
- What nobody reported so long ago that a rule may have let go of it is `not_kept`, unless the book has it as missed.
- What the timeline leaves out in a village is `not_played`, with the reason; what was stopped stays on the board.
- Quiet hours, and the sessions that the quota counts, are those of the rules by which receivers play.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from broadcast.clock import from_us, to_us
from broadcast.wire.documents import SHORT_SHA_CHARS, Airing, BroadcastClass, Quota
from scheduler.broadcasts import airings, planning
from scheduler.broadcasts.airings import Window
from scheduler.broadcasts.planning import Place, reaching
from scheduler.broadcasts.schemas import (
    BoardAiring,
    BoardState,
    BoardVillage,
    BoardWaiting,
    Span,
)
from scheduler.policy import quiet_intervals
from scheduler.relays.drawing import Drawn
from scheduler.relays.timing import PREFIX
from scheduler.reports.begun import LIVE
from scheduler.retention.choosing import LEAST_DAYS, Subject
from scheduler.timeline import Reason, Resolution, Segment

REPORTS_WITHIN = timedelta(seconds=60)
"""How long after the end a report may take before an airing counts as not heard."""
MINUTE_US = 60_000_000


@dataclass(slots=True)
class Village:
    """What the receivers of one village say."""

    receivers: int = 0
    online: int = 0
    playing: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    having: Counter[str] = field(default_factory=Counter)  # by how a SHA-256 begins
    heard: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reported: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class Day:
    """What all villages of the board share."""

    now: datetime
    drawn: Drawn
    windows: dict[str, Window]
    waiting: Mapping[str, list[BoardWaiting]]
    holidays: Mapping[str, str]
    details: Collection[tuple[str, str]] | None
    resolved: dict[tuple[object, ...], Resolution] = field(default_factory=dict)


def row(place: Place, above: Place | None, said: Village, shared: Day) -> BoardVillage:
    resolution = _resolved(place, shared.drawn.plans.heard_in(place), shared)
    rules = place.effective.rules
    return BoardVillage(
        zone_id=place.zone.id,
        zone_name=place.zone.name,
        parent_name=above.zone.name if above else None,
        timezone=place.timezone,
        online=said.online,
        total=said.receivers,
        airings=sorted(
            _Airings(place, said, shared).all(resolution), key=lambda airing: (airing.start, airing.airing_id)
        ),
        waiting=shared.waiting.get(place.zone.id, []),
        quiet=_spans(quiet_intervals(rules, *shared.windows[place.timezone])),
        sessions=_spans(_sessions(resolution.segments, rules.quota)),
        sessions_per_day=rules.quota.sessions_per_day if rules.quota else None,
        session_minutes=rules.quota.session_us // MINUTE_US if rules.quota else None,
        holidays=list(dict.fromkeys(shared.holidays[known] for known in place.path_ids if known in shared.holidays)),
    )


def _spans(intervals: Iterable[Window]) -> list[Span]:
    return [Span(start=from_us(start_us), end=from_us(end_us)) for start_us, end_us in intervals]


def _sessions(segments: Iterable[Segment], quota: Quota | None) -> list[Window]:
    """The sessions of `segments` (sorted) as the timeline counts them; without a quota nothing is counted."""
    if quota is None:
        return []
    found: list[Window] = []
    for segment in segments:
        goes_on = bool(found) and segment.start_us - found[-1][1] < max(quota.gap_us, 1)
        if goes_on:
            found[-1] = found[-1][0], segment.end_us
        elif segment.cls is not BroadcastClass.EMERGENCY:
            found.append((segment.start_us, segment.end_us))
    return found


def _resolved(place: Place, planned: Sequence[Airing], shared: Day) -> Resolution:
    """Villages with the same airings and rules sound the same: most of a commune is worked out once."""
    key = frozenset(airing.id for airing in planned), place.effective.rules, place.effective.languages
    if key not in shared.resolved:
        shared.resolved[key] = planning.heard(place, planned, shared.windows[place.timezone])
    return shared.resolved[key]


@dataclass(frozen=True, slots=True)
class _Airings:
    """What the board has of a place on a day."""

    place: Place
    said: Village
    shared: Day

    def all(self, resolution: Resolution) -> list[BoardAiring]:
        return [*self._planned(resolution), *self._missed(), *self._stopped(), *self._soundless()]

    def _planned(self, resolution: Resolution) -> Iterable[BoardAiring]:
        plans, window = self.shared.drawn.plans, self.shared.windows[self.place.timezone]
        spans: dict[str, Window] = {}
        for segment in resolution.segments:
            start_us, end_us = spans.get(segment.airing_id, (segment.start_us, segment.end_us))
            spans[segment.airing_id] = min(start_us, segment.start_us), max(end_us, segment.end_us)
        reasons = {dropped.airing_id: dropped.reason for dropped in resolution.dropped}
        for airing in plans.heard_in(self.place):
            if airing.id in plans.stopped:
                continue
            if airing.id in spans or (airing.id in reasons and window[0] <= airing.start_us < window[1]):
                yield self._told(airing, spans.get(airing.id), reasons.get(airing.id))

    def _told(self, airing: Airing, sounding: Window | None, reason: Reason | None) -> BoardAiring:
        """What is known of one that is planned; `sounding` is when the timeline has it, None if it leaves it out."""
        said, shared = self.said, self.shared
        media, span = airing.media_for(self.place.effective.languages), sounding or self._whole(airing)
        heard_as, of_relay = shared.drawn.known_as.get(airing.id, airing.id), airing.broadcast_id.startswith(PREFIX)
        state, count = _state(heard_as, span, said, said.having[media.sha256[:SHORT_SHA_CHARS]], shared.now)
        if of_relay and state == "fetching":  # there is nothing to fetch
            state = "planned"
        if sounding is None and not said.heard[heard_as]:
            state, count = "not_played", 0
        elif state == "not_heard" and not self._is_known(heard_as):
            state = "not_kept"
        elif state in ("fetching", "on_air") and not airings.is_there(media):
            state = "no_sound"
        return self._shown(airing, span, state, count, reason)

    def _missed(self) -> Iterable[BoardAiring]:
        """Relays that did not come here."""
        missed = self.shared.drawn.missed.get(self.place.zone.id, ())
        return (self._shown(one, self._whole(one), "not_played") for one in missed)

    def _stopped(self) -> Iterable[BoardAiring]:
        """What was withdrawn on this day after it had begun here."""
        stopped, reported = self.shared.drawn.plans.stopped, self.said.reported
        for one in self._beginning(self.shared.drawn.plans.heard_in(self.place)):
            if one.id in stopped:
                yield self._shown(one, (one.start_us, to_us(stopped[one.id])), "stopped", reported[one.id])

    def _soundless(self) -> Iterable[BoardAiring]:
        """What begins on this day without sound, as that could not be produced in time."""
        for one in self._beginning(reaching(self.place, self.shared.drawn.plans.soundless)):
            is_over = self._whole(one)[1] <= to_us(self.shared.now)
            yield self._shown(one, self._whole(one), "not_heard" if is_over else "no_sound")

    def _beginning(self, found: Iterable[Airing]) -> Iterable[Airing]:
        """Those that begin on this day."""
        start_us, end_us = self.shared.windows[self.place.timezone]
        return (one for one in found if start_us <= one.start_us < end_us)

    def _whole(self, airing: Airing) -> Window:
        """When all of it is to sound."""
        return airing.start_us, airing.start_us + airing.media_for(self.place.effective.languages).duration_us

    def _is_known(self, airing_id: str) -> bool:
        """Whether what nobody reported as heard was missed, rather than that its reports were let go of."""
        if self.shared.details is None or self.said.reported[airing_id]:
            return True
        return (airing_id.removeprefix(LIVE), self.place.zone.id) in self.shared.details

    def _shown(
        self, airing: Airing, span: Window, state: BoardState, count: int = 0, reason: Reason | None = None
    ) -> BoardAiring:
        return BoardAiring(
            airing_id=airing.id,
            broadcast_id=airing.broadcast_id,
            title=self.shared.drawn.plans.title(airing),
            cls=airing.cls,
            start=from_us(span[0]),
            end=from_us(span[1]),
            local=airings.local_text(from_us(span[0]), self.place.timezone)[11:16],
            state=state,
            count=count,
            total=self.said.receivers,
            reason=reason,
        )


def _state(airing_id: str, span: Window, said: Village, having: int, now: datetime) -> tuple[BoardState, int]:
    """What is known of an airing, and of how many receivers."""
    now_us = to_us(now)
    if now_us < span[0]:
        return ("ready" if having >= said.receivers else "fetching"), having
    heard = said.heard[airing_id]
    if now_us < span[1]:
        return "on_air", max(said.playing[airing_id], heard)
    waiting = said.reported[airing_id] < said.receivers and now < from_us(span[1]) + REPORTS_WITHIN
    if waiting:
        return "waiting_report", heard
    return ("heard" if heard else "not_heard"), heard


def may_be_gone(day: date, now: datetime) -> bool:
    """Whether a rule of retention may have let go of what was reported on that day."""
    return day <= (now - timedelta(days=LEAST_DAYS[Subject.REPORTS])).date()
