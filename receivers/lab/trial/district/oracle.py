"""What a village should have heard, worked out from what happened to it (pure); shares no code with node and timeline.

It walks forward from instant to instant and looks each time for the highest airing that may have the air now. It knows
nothing of a plan: what is past is past.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Programme, ReceiverSettings
from receivers.lab.trial.district.village import Fact, Sound

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
EMERGENCY = BroadcastClass.EMERGENCY
RANKS = [EMERGENCY, BroadcastClass.PRIORITY, BroadcastClass.NORMAL, BroadcastClass.BACKGROUND]
FOREVER_US = 2**60
SURE_US = 200_000_000  # a clock that goes on for two minutes is believed, and a lost end is waited for one
LOOKED_BACK_US = 24 * 3600 * 1_000_000


@dataclass
class Life:
    """An airing as the village lives it."""

    airing: Airing
    known: bool = True
    able_us: int | None = None
    anchor_us: int | None = None
    since_us: int | None = None
    cut: bool = False
    sounded_us: int = 0
    gone: bool = False
    first_us: int = 0
    held_us: int | None = None
    held: list[tuple[int, int]] = field(default_factory=list)

    @property
    def length_us(self) -> int:
        return self.airing.media[0].duration_us

    @property
    def order(self) -> tuple[int, int, int, int, str]:
        one = self.airing
        if one.cls is EMERGENCY:
            return 0, -one.start_us, one.order, 0, one.id
        return RANKS.index(one.cls), one.order, max(one.start_us, self.able_us or 0), one.start_us, one.id


@dataclass
class Sessions:
    """Sound that counts against the quota."""

    by_day: dict[int, int] = field(default_factory=dict)
    used_us: int = 0
    silent_us: int | None = None


class Oracle:
    """`run` once; then `sounds` is what should have been heard, `lives` what became of every airing."""

    def __init__(self, settings: ReceiverSettings, facts: list[Fact], end_us: int) -> None:
        self._rules = settings.rules
        self._zone = ZoneInfo(settings.rules.timezone)
        self._facts = facts
        self._end_us = end_us
        self._on = False
        self._lost: tuple[Life, int, int] | None = None
        self._media: set[str] = set()
        self._told: dict[str, Programme] = {}
        self._first_us: dict[str, int] = {}
        self._air: Life | None = None
        self._sessions = Sessions()
        self.lives: dict[str, Life] = {}
        self.sounds: list[Sound] = []

    def run(self) -> None:
        facts = list(self._facts)
        now_us = facts[0].at_us
        while now_us <= self._end_us:
            self._end_of_air(now_us)
            while facts and facts[0].at_us <= now_us:
                self._take(facts.pop(0), now_us)
                self._hold(now_us)
            self._choose(now_us)
            now_us = self._next(facts, now_us)
        self._leave_air(self._end_us)
        self._on = False
        self._hold(self._end_us)

    def must_be_reported(self) -> set[str]:
        """What sounded, and what the receiver held long enough after it was over to be sure of it."""
        return {airing_id for airing_id, life in self.lives.items() if life.anchor_us is not None or self._passed(life)}

    def _passed(self, life: Life) -> bool:
        end_us = life.airing.start_us + life.length_us
        over_us = end_us + life.airing.window_us
        if end_us <= life.first_us:
            return False
        spans = ((max(from_us, over_us), to_us) for from_us, to_us in life.held)
        return any(
            to_us - from_us > SURE_US and from_us + SURE_US < end_us + LOOKED_BACK_US for from_us, to_us in spans
        )

    def _hold(self, now_us: int) -> None:
        """Note which orders are held by a receiver that is on."""
        for life in self.lives.values():
            holds = self._on and life.known
            if holds and life.held_us is None:
                life.held_us = now_us
            elif not holds and life.held_us is not None:
                life.held.append((life.held_us, now_us))
                life.held_us = None

    def _next(self, facts: list[Fact], now_us: int) -> int:
        times = [facts[0].at_us] if facts else []
        times += [life.airing.start_us for life in self.lives.values() if life.airing.start_us > now_us]
        if self._air is not None:
            times.append(self._air_end(self._air))
        return min(times, default=FOREVER_US)

    def _take(self, fact: Fact, now_us: int) -> None:
        if fact.kind in {"off", "cut"}:
            self._on = False
            if fact.kind == "cut" and self._air is not None:
                self._lost = self._air, now_us, self._air_end(self._air)
            self._leave_air(now_us)
        elif fact.kind == "on":
            self._on = True
            self._count_lost(now_us)
            for life in self.lives.values():
                life.able_us = life.able_us if life.anchor_us is not None else None
        elif fact.kind == "media":
            self._media.add(fact.sha256)
        elif fact.programme is not None:
            first_us = self._first_us.setdefault(fact.programme.target, now_us)
            self._told[fact.programme.target] = fact.programme
            told = {one.id: one for programme in self._told.values() for one in programme.airings}
            for airing_id, one in told.items():
                self.lives.setdefault(airing_id, Life(one, first_us=first_us)).known = True
            for airing_id, life in self.lives.items():
                if airing_id not in told:
                    life.known, life.able_us = False, None
                    life.gone = life.gone or life.anchor_us is not None  # it is told as cut, and that is its end

    def _count_lost(self, now_us: int) -> None:
        """The node cannot know when the power went: what sounded counts up to its return, or to its end."""
        if self._lost is not None:
            life, cut_us, end_us = self._lost
            life.since_us, life.sounded_us = cut_us, life.sounded_us + min(now_us, end_us) - cut_us
            self._end_session(life, min(now_us, end_us))
            life.since_us = self._lost = None

    def _choose(self, now_us: int) -> None:
        if not self._on:
            return
        here = [life for life in self.lives.values() if life.known and life.airing.media[0].sha256 in self._media]
        for life in here:
            if life.able_us is None:
                life.able_us = now_us
        due = sorted((life for life in here if life.airing.start_us <= now_us and not life.gone), key=lambda x: x.order)
        if self._air is not None and self._air not in due:
            self._air.gone = True  # cancelled
            self._leave_air(now_us)
        for life in due:
            if life is self._air:
                return
            anchor_us = self._anchor(life, now_us)
            if anchor_us is None or not self._may_sound(life, now_us):
                life.gone = True
                continue
            self._leave_air(now_us)
            life.anchor_us, life.since_us = anchor_us, now_us
            self._air = life
            self._begin_session(life, now_us)
            return

    def _anchor(self, life: Life, now_us: int) -> int | None:
        one = life.airing
        in_window = now_us <= one.start_us + one.window_us
        if self._quiet_between(one, now_us):
            return None
        if life.anchor_us is None:
            if one.late is Late.WHOLE:
                return now_us if in_window else None
            if one.late is Late.SKIP and now_us > one.start_us:
                return None
            return one.start_us if now_us < one.start_us + life.length_us else None
        if one.after_cut is AfterCut.DROP:
            return None
        if one.after_cut is AfterCut.RESTART:
            return now_us if in_window else None
        return life.anchor_us if now_us < life.anchor_us + life.length_us else None

    def _may_sound(self, life: Life, now_us: int) -> bool:
        if life.airing.cls is EMERGENCY:
            return True
        return life.sounded_us < self._rules.max_airing_us and self._session_left(now_us) > 0

    def _air_end(self, life: Life) -> int:
        if life.since_us is None or life.anchor_us is None:
            raise AssertionError("nothing is on the air")
        ends = [life.anchor_us + life.length_us]
        if life.airing.cls is not EMERGENCY:
            ends.append(life.since_us + self._rules.max_airing_us - life.sounded_us)
            ends.append(self._next_quiet(life.airing.start_us))
            ends.append(life.since_us + self._session_left(life.since_us))
        return min(ends)

    def _end_of_air(self, now_us: int) -> None:
        if self._air is not None and self._air_end(self._air) <= now_us:
            self._air.gone = True
            self._leave_air(now_us)

    def _leave_air(self, now_us: int) -> None:
        life, self._air = self._air, None
        if life is None or life.since_us is None or life.anchor_us is None:
            return
        if now_us > life.since_us:
            self.sounds.append(Sound(life.airing.id, life.anchor_us, life.since_us, now_us))
            life.sounded_us += now_us - life.since_us
            self._end_session(life, now_us)
        life.since_us = None

    # Quiet hours

    def _wall(self, at_us: int) -> datetime:
        return (EPOCH + timedelta(microseconds=at_us)).astimezone(self._zone)

    def _next_quiet(self, at_us: int) -> int:
        """`at_us` inside quiet hours, else when the next begin."""
        wall = self._wall(at_us)
        midnight_us = at_us - round(
            (wall - wall.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(microseconds=1)
        )
        minute = (at_us - midnight_us) / 60_000_000
        begins = [FOREVER_US]
        for hours in self._rules.quiet_hours:
            over_midnight = hours.end_minute <= hours.start_minute
            inside = hours.start_minute <= minute < hours.end_minute
            if over_midnight:
                inside = minute >= hours.start_minute or minute < hours.end_minute
            if inside:
                return at_us
            begin_us = midnight_us + hours.start_minute * 60_000_000
            begins.append(begin_us if begin_us > at_us else begin_us + 86_400_000_000)
        return min(begins)

    def _quiet_between(self, one: Airing, now_us: int) -> bool:
        return one.cls is not EMERGENCY and self._next_quiet(one.start_us) <= now_us

    # Quota

    def _session_left(self, now_us: int) -> int:
        quota = self._rules.quota
        if quota is None:
            return FOREVER_US
        if self._air is not None and self._air.since_us is not None and self._goes_on(self._air.since_us):
            sounds_us = 0 if self._air.airing.cls is EMERGENCY else now_us - self._air.since_us
            return quota.session_us - self._sessions.used_us - sounds_us
        if self._goes_on(now_us):
            return quota.session_us - self._sessions.used_us
        begun = self._sessions.by_day.get(self._wall(now_us).toordinal(), 0)
        return quota.session_us if begun < quota.sessions_per_day else 0

    def _begin_session(self, life: Life, now_us: int) -> None:
        if self._rules.quota is not None and life.airing.cls is not EMERGENCY and not self._goes_on(now_us):
            day = self._wall(now_us).toordinal()
            self._sessions.by_day[day] = self._sessions.by_day.get(day, 0) + 1
            self._sessions.used_us, self._sessions.silent_us = 0, now_us

    def _end_session(self, life: Life, now_us: int) -> None:
        if self._rules.quota is None or life.since_us is None or not self._goes_on(life.since_us):
            return
        self._sessions.silent_us = now_us
        if life.airing.cls is not EMERGENCY:
            self._sessions.used_us += now_us - life.since_us

    def _goes_on(self, now_us: int) -> bool:
        silent_us, quota = self._sessions.silent_us, self._rules.quota
        return silent_us is not None and quota is not None and now_us - silent_us < max(quota.gap_us, 1)
