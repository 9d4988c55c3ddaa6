"""The timeline against an oracle that looks at every tick, and the errors of fielded systems by name."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from broadcast.clock import to_us
from broadcast.wire.documents import AfterCut, Airing, BroadcastClass, Late, Media, QuietHours, Quota, Rules
from scheduler.policy import quiet_intervals
from scheduler.timeline import Reason, Resolution, Segment, resolve

VI = ("vi",)
MINUTE = 60_000_000
TICK_MIN = 15
TICK = TICK_MIN * MINUTE
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
MONDAY = to_us(datetime(2025, 12, 1, tzinfo=HANOI))
TICKS = 36 * 60 // TICK_MIN  # in which airings begin …
ALL_TICKS = TICKS + 48  # … and end
EMERGENCY = BroadcastClass.EMERGENCY


def media(duration_us: int, language: str = "vi", digit: str = "0") -> Media:
    return Media(sha256=digit * 64, size_bytes=1, duration_us=duration_us, language=language)


def airing(  # noqa: PLR0917 -- as a table is read
    name: str,
    start_min: float,
    length_min: float,
    cls: BroadcastClass = BroadcastClass.NORMAL,
    late: Late = Late.JOIN,
    after_cut: AfterCut = AfterCut.TIMELINE,
    window_min: float = 0,
    order: int = 0,
) -> Airing:
    """Minutes after midnight of Monday 1 December 2025 in Hanoi."""
    return Airing(
        id=name,
        broadcast_id="b-" + name,
        cls=cls,
        start_us=MONDAY + round(start_min * MINUTE),
        media=(media(round(length_min * MINUTE)),),
        order=order,
        late=late,
        after_cut=after_cut,
        window_us=round(window_min * MINUTE),
    )


def told(resolution: Resolution) -> list[tuple[str, float, float, float]]:
    """(airing, start, end, offset) in minutes."""
    return [
        (s.airing_id, (s.start_us - MONDAY) / MINUTE, (s.end_us - MONDAY) / MINUTE, s.offset_us / MINUTE)
        for s in resolution.segments
    ]


def reasons(resolution: Resolution) -> dict[str, Reason]:
    return {drop.airing_id: drop.reason for drop in resolution.dropped}


# --- the oracle ------------------------------------------------------------------------------------------------------


class Oracle:
    """Looks at every tick for the highest that may sound; shares no code with the timeline."""

    def __init__(self, airings: list[Airing], rules: Rules, ready: dict[str, int]) -> None:
        self.rules = rules
        self.ready = ready
        self.airings = airings
        self.gone: set[str] = set()
        self.anchors: dict[str, int] = {}
        self.sounded: dict[str, int] = {}
        self.sessions: dict[int, int] = {}
        self.used = 0
        self.silent_since: int | None = None
        self.on_air: str | None = None

    def run(self) -> list[tuple[str, int] | None]:
        """For each tick who sounds and where in the recording."""
        return [self.tick(MONDAY + index * TICK) for index in range(ALL_TICKS)]

    def tick(self, now: int) -> tuple[str, int] | None:
        present = [a for a in self.airings if self.arrival(a) <= now]
        self.gone |= {a.id for a in present if a.id == self.on_air and self.over(a, now)}
        if self.quiet(now):
            self.gone |= {a.id for a in self.airings if a.start_us <= now and a.cls is not EMERGENCY}
        for one in sorted(present, key=self.precedence):
            if one.id in self.gone:
                continue
            anchor = self.anchor(one, now)
            if anchor is None or not self.permitted(one, now):
                self.gone.add(one.id)
                continue
            self.anchors[one.id] = anchor
            self.on_air = one.id
            self.account(one, now)
            return one.id, now - anchor
        self.on_air = None
        return None

    def arrival(self, one: Airing) -> int:
        return max(one.start_us, self.ready.get(one.id, 0))

    def precedence(self, one: Airing) -> tuple[int | str, ...]:
        if one.cls is EMERGENCY:
            return 0, -one.start_us, one.order, one.id
        classes = [EMERGENCY, BroadcastClass.PRIORITY, BroadcastClass.NORMAL, BroadcastClass.BACKGROUND]
        return classes.index(one.cls), one.order, self.arrival(one), one.start_us, one.id

    def anchor(self, one: Airing, now: int) -> int | None:
        anchor = self.anchors.get(one.id)
        in_window = now <= one.start_us + one.window_us
        if anchor is None:
            if one.late is Late.WHOLE:
                return now if in_window else None
            anchor = one.start_us
            if one.late is Late.SKIP and now > one.start_us:
                return None
        elif self.on_air != one.id:
            if one.after_cut is AfterCut.DROP:
                return None
            if one.after_cut is AfterCut.RESTART:
                return now if in_window else None
        return anchor if now < anchor + one.media[0].duration_us else None

    def over(self, one: Airing, now: int) -> bool:
        return now == self.anchors[one.id] + one.media[0].duration_us or not self.permitted(one, now)

    def permitted(self, one: Airing, now: int) -> bool:
        if one.cls is EMERGENCY:
            return True
        quota = self.rules.quota
        if self.sounded.get(one.id, 0) >= self.rules.max_airing_us:
            return False
        if quota is None:
            return True
        if self.session_goes_on(now):
            return self.used < quota.session_us
        return self.sessions.get(self.day(now), 0) < quota.sessions_per_day and quota.session_us > 0

    def account(self, one: Airing, now: int) -> None:
        self.sounded[one.id] = self.sounded.get(one.id, 0) + TICK
        goes_on = self.session_goes_on(now)
        if one.cls is not EMERGENCY and not goes_on:
            self.sessions[self.day(now)] = self.sessions.get(self.day(now), 0) + 1
            self.used = 0
        if one.cls is not EMERGENCY:
            self.used += TICK
        if one.cls is not EMERGENCY or goes_on:
            self.silent_since = now + TICK

    def session_goes_on(self, now: int) -> bool:
        if self.silent_since is None or self.rules.quota is None:
            return False
        return now == self.silent_since or now - self.silent_since < self.rules.quota.gap_us

    def day(self, now: int) -> int:
        return (now - MONDAY) // (24 * 60 * MINUTE)

    def quiet(self, now: int) -> bool:
        day, minute = divmod((now - MONDAY) // MINUTE, 24 * 60)
        for q in self.rules.quiet_hours:
            today, yesterday = day % 7 in q.weekdays, (day - 1) % 7 in q.weekdays
            over_midnight = q.end_minute <= q.start_minute
            if today and q.start_minute <= minute and (over_midnight or minute < q.end_minute):
                return True
            if yesterday and over_midnight and minute < q.end_minute:
                return True
        return False


# --- what is tried ---------------------------------------------------------------------------------------------------

ticks = st.integers(0, TICKS - 1).map(lambda n: n * TICK_MIN)
near_ticks = st.one_of(ticks, st.integers(20, 40).map(lambda n: n * TICK_MIN))


@st.composite
def some_airings(draw: st.DrawFn) -> list[Airing]:
    count = draw(st.integers(0, 12))
    return [
        airing(
            f"a{index}",
            draw(near_ticks),
            draw(st.integers(1, 12)) * TICK_MIN,
            draw(st.sampled_from(BroadcastClass)),
            draw(st.sampled_from(Late)),
            draw(st.sampled_from(AfterCut)),
            draw(st.integers(0, 10)) * TICK_MIN,
            draw(st.integers(-1, 1)),
        )
        for index in range(count)
    ]


quiet_hours = st.builds(
    QuietHours,
    start_minute=st.integers(0, 95).map(lambda n: n * 15),
    end_minute=st.integers(0, 96).map(lambda n: n * 15),
    weekdays=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)
quotas = st.builds(
    Quota,
    sessions_per_day=st.integers(0, 3),
    session_us=st.integers(0, 6).map(lambda n: n * TICK),
    gap_us=st.integers(0, 4).map(lambda n: n * TICK),
)
some_rules = st.builds(
    Rules,
    quiet_hours=st.lists(quiet_hours, max_size=2).map(tuple),
    quota=st.none() | quotas,
    max_airing_us=st.integers(0, 12).map(lambda n: n * TICK),
)
late_media = st.dictionaries(
    st.integers(0, 11).map("a{}".format), near_ticks.map(lambda minute: MONDAY + minute * MINUTE), max_size=3
)


@settings(max_examples=300)
@given(some_airings(), some_rules, late_media)
@example([airing("a0", 600, 60, late=Late.WHOLE), airing("a1", 615, 30)], Rules(), {"a0": MONDAY + 630 * MINUTE})
@example(
    [airing("a0", 600, 180), airing("a1", 660, 30, BroadcastClass.PRIORITY)],
    Rules(quota=Quota(sessions_per_day=1, session_us=12 * TICK, gap_us=TICK)),
    {},
)
def test_equals_the_highest_at_every_tick(airings: list[Airing], rules: Rules, ready: dict[str, int]) -> None:
    found = resolve(airings, rules, VI, ready_us=ready)
    assert [at_tick(found, index) for index in range(ALL_TICKS)] == Oracle(airings, rules, ready).run()
    assert all((s.start_us - MONDAY) % TICK == 0 == (s.end_us - MONDAY) % TICK for s in found.segments)


def at_tick(found: Resolution, index: int) -> tuple[str, int] | None:
    now = MONDAY + index * TICK
    segment = found.at(now)
    return (segment.airing_id, now - segment.anchor_us) if segment else None


@given(some_airings(), some_rules)
def test_nothing_overlaps_and_all_is_sorted(airings: list[Airing], rules: Rules) -> None:
    segments = resolve(airings, rules, VI).segments
    assert all(s.start_us < s.end_us and s.offset_us >= 0 for s in segments)
    assert all(a.end_us <= b.start_us for a, b in pairwise(segments))
    assert all(s.offset_us + s.sound_us <= s.media.duration_us for s in segments)
    assert not any(a.end_us == b.start_us and same(a, b) for a, b in pairwise(segments)), "one piece in two"


def same(first: Segment, second: Segment) -> bool:
    return (first.airing_id, first.anchor_us) == (second.airing_id, second.anchor_us)


@given(some_airings(), some_rules, near_ticks, st.integers(0, 30))
def test_any_window_shows_the_same(airings: list[Airing], rules: Rules, from_min: int, length: int) -> None:
    whole = resolve(airings, rules, VI)
    from_us = MONDAY + from_min * MINUTE
    to_us_ = from_us + length * TICK
    part = resolve(airings, rules, VI, (from_us, to_us_))
    for index in range(ALL_TICKS):
        inside = from_us <= MONDAY + index * TICK < to_us_
        assert at_tick(part, index) == (at_tick(whole, index) if inside else None)
    assert all(from_us <= s.start_us < s.end_us <= to_us_ for s in part.segments)
    assert set(part.dropped) == {drop for drop in whole.dropped if from_us <= drop.at_us < to_us_}


@given(some_airings(), some_rules, st.randoms(use_true_random=False), st.integers(0, 3))
def test_order_and_doubles_change_nothing(airings: list[Airing], rules: Rules, random: object, doubles: int) -> None:
    assert hasattr(random, "shuffle")
    shuffled = [*airings, *airings[:doubles]]
    random.shuffle(shuffled)
    assert resolve(shuffled, rules, VI) == resolve(airings, rules, VI)


@given(some_airings(), some_rules, st.booleans())
def test_two_versions_of_an_airing_count_once_whatever_their_order(
    airings: list[Airing], rules: Rules, later: bool
) -> None:
    others = [replace(a, start_us=a.start_us + (TICK if later else -TICK)) for a in airings]
    found = resolve([*airings, *others], rules, VI)
    assert found == resolve([*reversed(others), *airings], rules, VI)


@given(some_airings(), some_rules)
def test_an_airing_sounds_to_its_end_or_is_dropped_once(airings: list[Airing], rules: Rules) -> None:
    found = resolve(airings, rules, VI)
    ended = {s.airing_id for s in found.segments if s.offset_us + s.sound_us == s.media.duration_us}
    dropped = [drop.airing_id for drop in found.dropped]
    assert sorted([*ended, *dropped]) == sorted(a.id for a in airings)


@given(some_airings(), some_rules)
def test_an_emergency_is_on_the_air_as_long_as_one_is_due(airings: list[Airing], rules: Rules) -> None:
    changed = [replace(a, late=Late.JOIN, after_cut=AfterCut.TIMELINE) if a.cls is EMERGENCY else a for a in airings]
    found = resolve(changed, rules, VI)
    for index in range(ALL_TICKS):
        now = MONDAY + index * TICK
        due = [a for a in changed if a.cls is EMERGENCY and a.start_us <= now < a.start_us + a.media[0].duration_us]
        segment = found.at(now)
        if due:
            assert segment is not None
            assert segment.cls is EMERGENCY
            assert segment.start_us - segment.offset_us == max(a.start_us for a in due)


@given(some_airings(), some_rules)
def test_only_an_emergency_sounds_in_quiet_hours(airings: list[Airing], rules: Rules) -> None:
    for segment in resolve(airings, rules, VI).segments:
        if segment.cls is not EMERGENCY:
            assert not quiet_intervals(rules, segment.start_us, segment.end_us)


@given(some_airings(), some_rules)
def test_what_is_unavailable_takes_no_air(airings: list[Airing], rules: Rules) -> None:
    missing = frozenset(a.id for a in airings[::2])
    found = resolve(airings, rules, VI, unavailable=missing)
    assert found.segments == resolve(airings[1::2], rules, VI).segments
    assert {d.airing_id for d in found.dropped if d.reason is Reason.MEDIA_MISSING} == missing


# --- one by one ------------------------------------------------------------------------------------------------------


def test_a_priority_item_interrupts_and_the_bulletin_goes_on_where_it_would_be() -> None:
    found = resolve([airing("news", 300, 30), airing("fire", 310, 5, BroadcastClass.PRIORITY)], Rules(), VI)
    assert told(found) == [("news", 300, 310, 0), ("fire", 310, 315, 0), ("news", 315, 330, 15)]
    assert not found.dropped


def test_after_a_cut_it_restarts_within_its_window_and_not_after() -> None:
    fire = airing("fire", 310, 5, BroadcastClass.PRIORITY)
    within = airing("news", 300, 30, after_cut=AfterCut.RESTART, window_min=15)
    found = resolve([within, fire], Rules(), VI)
    assert told(found) == [("news", 300, 310, 0), ("fire", 310, 315, 0), ("news", 315, 345, 0)]
    found = resolve([replace(within, window_us=within.window_us - 1), fire], Rules(), VI)
    assert reasons(found) == {"news": Reason.CUT}
    assert found.dropped[0].other_id == "fire"


def test_play_now_does_not_cut_off_an_emergency() -> None:
    emergency = airing("flood", 300, 20, EMERGENCY, order=5)
    found = resolve([emergency, airing("now", 305, 5, BroadcastClass.PRIORITY, order=-99)], Rules(), VI)
    assert told(found) == [("flood", 300, 320, 0)]
    assert reasons(found) == {"now": Reason.COVERED}


def test_the_correction_is_heard_over_the_false_alarm_whatever_the_order() -> None:
    found = resolve(
        [airing("alarm", 300, 20, EMERGENCY, order=-5), airing("all-clear", 301, 2, EMERGENCY)], Rules(), VI
    )
    assert told(found) == [("alarm", 300, 301, 0), ("all-clear", 301, 303, 0), ("alarm", 303, 320, 3)]


def test_equals_wait_for_each_other_and_the_smaller_order_goes_first() -> None:
    first = airing("first", 300, 10)
    second = airing("second", 305, 10, late=Late.WHOLE, window_min=10)
    assert told(resolve([first, second], Rules(), VI)) == [("first", 300, 310, 0), ("second", 310, 320, 0)]
    ahead = replace(second, order=-1)
    assert told(resolve([first, ahead], Rules(), VI)) == [
        ("first", 300, 305, 0),
        ("second", 305, 315, 0),
    ]


def test_a_recording_that_comes_late_joins_but_does_not_push_an_equal_off_the_air() -> None:
    one, other = airing("one", 300, 30), airing("other", 305, 10)
    found = resolve([one, other], Rules(), VI, ready_us={"one": MONDAY + 310 * MINUTE})
    assert told(found) == [("other", 305, 315, 0), ("one", 315, 330, 15)]


def test_3_15_by_mistake_stays_silent_and_an_emergency_at_3_15_does_not() -> None:
    rules = Rules(quiet_hours=(QuietHours(start_minute=21 * 60, end_minute=5 * 60),))
    found = resolve([airing("relay", 195, 120), airing("flood", 195, 2, EMERGENCY)], rules, VI)
    assert told(found) == [("flood", 195, 197, 0)]
    assert reasons(found) == {"relay": Reason.QUIET_HOURS}


def test_what_plays_when_quiet_hours_begin_ends_there() -> None:
    rules = Rules(quiet_hours=(QuietHours(start_minute=21 * 60, end_minute=5 * 60),))
    found = resolve([airing("long", 20 * 60 + 50, 30)], rules, VI)
    assert told(found) == [("long", 20 * 60 + 50, 21 * 60, 0)]
    assert [(d.reason, d.at_us) for d in found.dropped] == [(Reason.QUIET_HOURS, MONDAY + 21 * 60 * MINUTE)]


def test_a_programme_that_crosses_midnight_is_not_cut_at_23_59_59() -> None:
    found = resolve([airing("eve", 23 * 60 + 30, 60)], Rules(), VI)
    assert told(found) == [("eve", 23 * 60 + 30, 24 * 60 + 30, 0)]


def test_a_session_over_midnight_counts_on_the_day_it_began() -> None:
    quota = Quota(sessions_per_day=1, session_us=60 * MINUTE)
    found = resolve(
        [airing("eve", 23 * 60 + 30, 60), airing("dawn", 29 * 60, 10), airing("noon", 36 * 60, 10)],
        Rules(quota=quota),
        VI,
    )
    assert [s.airing_id for s in found.segments] == ["eve", "dawn"]
    assert reasons(found) == {"noon": Reason.QUOTA}


def test_an_emergency_uses_no_quota_up() -> None:
    rules = Rules(quota=Quota(sessions_per_day=1, session_us=20 * MINUTE))
    bulletin = airing("news", 300, 40)
    flood = airing("flood", 310, 25, EMERGENCY)
    found = resolve([airing("drill", 200, 5, EMERGENCY), bulletin, flood], rules, VI)
    assert told(found)[1:] == [("news", 300, 310, 0), ("flood", 310, 335, 0), ("news", 335, 340, 35)]


def test_one_airing_sounds_no_longer_than_the_rules_allow_but_an_emergency_does() -> None:
    rules = Rules(max_airing_us=20 * MINUTE)
    found = resolve([airing("relay", 300, 40), airing("flood", 400, 40, EMERGENCY)], rules, VI)
    assert told(found) == [("relay", 300, 320, 0), ("flood", 400, 440, 0)]
    assert reasons(found) == {"relay": Reason.MAX_LENGTH}


def test_a_quota_day_follows_the_calendar_over_a_clock_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    quota = Quota(sessions_per_day=2, session_us=60 * MINUTE)
    rules = Rules(timezone="Europe/Paris", quota=quota)
    hours = [(26, 0, 30), (26, 12, 0), (26, 23, 30), (27, 0, 30)]  # the 26th has 25 hours
    airings = [
        replace(airing(f"d{day}h{hour}", 0, 10), start_us=to_us(datetime(2025, 10, day, hour, minute, tzinfo=paris)))
        for day, hour, minute in hours
    ]
    found = resolve(airings, rules, VI)
    assert [s.airing_id for s in found.segments] == ["d26h0", "d26h12", "d27h0"]
    assert reasons(found) == {"d26h23": Reason.QUOTA}


def test_the_recording_is_the_one_in_the_first_language_there_is() -> None:
    both = replace(airing("news", 300, 10), media=(media(10 * MINUTE), media(12 * MINUTE, "cdn", "1")))
    found = resolve([both], Rules(), ("cdn", "vi"))
    assert found.segments[0].sound_us == 12 * MINUTE
    gone = resolve([both], Rules(), ("cdn", "vi"), unavailable=frozenset({"1" * 64}))
    assert reasons(gone) == {"news": Reason.MEDIA_MISSING}


def test_a_recording_without_length_is_no_sound() -> None:
    assert reasons(resolve([airing("empty", 300, 0)], Rules(), VI)) == {"empty": Reason.MEDIA_MISSING}
